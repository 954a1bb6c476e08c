"""The middle of a run: what would have been predicted, for which groups, as it is then judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cityai.config.load import Project
from cityai.pipeline.stages import GROUPED, REPLAYED, TRIED, Stages, write_part

if TYPE_CHECKING:
    from cityai.pipeline.result import Known


@dataclass(frozen=True)
class Forecasted:
    """What was predicted, and what it takes to judge it.

    Attributes
    ----------
    known : Known
        What the city knew.
    backtest : Any
        The kind's record, with the mitigation that was chosen, if one was.
    digest : str
        Of the backtest as it was before any mitigation.
    groups : Any
        Groups of the audit, in the kind's record.
    mitigation : Any
        What was tried to close a gap; None where the project names no gap.
    """

    known: Known
    backtest: Any
    digest: str
    groups: Any
    mitigation: Any


def run_backtest_stages(project: Project, stages: Stages) -> Forecasted:
    """Read what was known, replay the past, and apply the mitigation that was chosen."""
    from cityai.kinds import KINDS
    from cityai.pipeline.check import read_and_check

    spec = project.spec
    kind = KINDS[spec.kind]
    known = read_and_check(project, stages)
    backtest, digest = stages.keep(
        "backtest",
        kind.backtest_type,
        lambda: kind.replay(project, known.snapshot, known.asked, stages.progress.say),
        known.snapshot_digest,
        write_part(spec, "kind", *REPLAYED, "models"),
        project.read_own_features(),
    )
    groups, _ = stages.keep(
        "memberships",
        kind.groups_type,
        lambda: kind.divide(known.snapshot, spec),
        digest,
        write_part(spec, *GROUPED),
    )
    if kind.mitigate is None or kind.apply is None or getattr(spec, "mitigation", None) is None:
        return Forecasted(known, backtest, digest, groups, None)
    mitigate = kind.mitigate
    mitigation, _ = stages.keep(
        "mitigation",
        kind.mitigation_type or object,
        lambda: mitigate(backtest, known.asked, groups, spec),
        digest,
        write_part(spec, *TRIED),
    )
    return Forecasted(known, kind.apply(backtest, mitigation, spec), digest, groups, mitigation)
