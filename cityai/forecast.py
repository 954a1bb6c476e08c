"""The middle of a run: what would have been forecast, for which groups, as it is then judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cityai.spec.load import Project
from cityai.stages import GROUPED, Stages, write_part

if TYPE_CHECKING:
    from cityai.assessment.mitigation import Mitigation
    from cityai.data.groups import Membership
    from cityai.data.rows import Rows
    from cityai.modeling.backtest import Backtest
    from cityai.result import Known

TRIED = ("mitigation", "audit", "policy", "question", "city")
"""Parts of a specification that mitigation depends on, beside the backtest."""


@dataclass(frozen=True)
class Forecasted:
    """What was forecast, and what it takes to judge it.

    Attributes
    ----------
    known : Known
        What the city knew.
    rows_for : callable
        From origins to their rows.
    backtest : Backtest
        With the mitigation that was chosen, if one was.
    digest : str
        Of the backtest as it was before any mitigation.
    memberships : tuple of Membership
        Groups of the audit.
    mitigation : Mitigation or None
        What was tried to close a gap; None where the project names no gap.
    """

    known: Known
    rows_for: Callable[[Sequence[int]], Rows]
    backtest: Backtest
    digest: str
    memberships: tuple[Membership, ...]
    mitigation: Mitigation | None


def forecast_city(project: Project, stages: Stages) -> Forecasted:
    """Read what was known, replay the past, and apply the mitigation that was chosen."""
    from cityai.assessment.mitigation import Mitigation, evaluate_mitigation
    from cityai.check import cache_rows, know_city
    from cityai.data.groups import build_memberships
    from cityai.kinds import KINDS
    from cityai.modeling.backtest import Backtest, run_backtest
    from cityai.result import Groups

    spec = project.spec
    kind = KINDS[spec.kind]
    known = know_city(project, stages)
    rows_for = cache_rows(project, known.panel, known.snapshot)
    backtest, digest = stages.keep(
        "backtest",
        Backtest,
        lambda: run_backtest(
            known.panel,
            rows_for,
            known.folds,
            spec,
            baselines=kind.baselines(spec.question.period),
            candidates=kind.candidates,
            city_rule=known.snapshot.city_rule,
            progress=stages.progress.say,
        ),
        known.snapshot_digest,
        write_part(spec, "kind", "question", "features", "backtest", "models", "city"),
        project.read_own_features(),
    )
    groups, _ = stages.keep(
        "memberships",
        Groups,
        lambda: Groups(build_memberships(known.snapshot, spec)),
        digest,
        write_part(spec, *GROUPED),
    )
    if spec.mitigation is None:
        return Forecasted(known, rows_for, backtest, digest, groups.memberships, None)
    mitigation, _ = stages.keep(
        "mitigation",
        Mitigation,
        lambda: evaluate_mitigation(backtest, known.panel, groups.memberships, spec),
        digest,
        write_part(spec, *TRIED),
    )
    mitigated = apply_mitigation(backtest, mitigation, spec.mitigation.choice)
    return Forecasted(known, rows_for, mitigated, digest, groups.memberships, mitigation)


def apply_mitigation(backtest: Backtest, mitigation: Mitigation, choice: str) -> Backtest:
    """Return the backtest with the chosen correction in its forecasts and its final model."""
    own = mitigation.corrections
    ahead = own[(own["option"] == choice) & (own["fold"] == 0) & (own["boost"] == 0)]
    factors = dict(zip(ahead["entity_id"], ahead["factor"].astype(float), strict=True))
    final = replace(backtest.final, corrections=factors if choice != "reallocate" else {})
    return replace(backtest, predictions=mitigation.predictions, final=final)
