"""The analysis: what acting on the predictions changed, by the sealed plan or marked as not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Final, cast

import numpy as np
import pandas as pd

from cityai.columns import AS_OF, VALUE
from cityai.config.evaluations import list_sealed, name_choice
from cityai.config.load import Project
from cityai.config.project import AuditableSpec, BaseProjectSpec
from cityai.errors import DataError, StoreError, TimeError
from cityai.impact.analysis import Analysis, Decision, Impact, Sealed
from cityai.impact.records import ARM, BLOCK, PERIOD, PROBABILITY, UNIT
from cityai.pipeline.impact.actions import measure_following
from cityai.pipeline.impact.chance import find_drawn
from cityai.pipeline.impact.kept import KEPT
from cityai.pipeline.impact.measure import STEPS
from cityai.pipeline.impact.measured import APART
from cityai.pipeline.impact.outcomes import ACTED, CASES, DONE, LOST, read_gathered
from cityai.pipeline.impact.plan import Announced, digest_code, open_plan
from cityai.pipeline.impact.ways import find_way
from cityai.pipeline.known import read_known
from cityai.pipeline.provenance import read_clock
from cityai.store.records import has_record, load_record, save_record
from cityai.store.stages import open_store

if TYPE_CHECKING:
    from cityai.records.events import Events


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked otherwise than the plan says; nothing for the planned analysis."""

    outcome: str = ""
    """Another column of the outcome's table."""
    since: date | None = None
    until: date | None = None
    """Lists from one day on, and before another."""

    @property
    def planned(self) -> bool:
        """Whether nothing is asked otherwise."""
        return self == Asked()


def analyse_evaluation(
    project: Project[BaseProjectSpec], asked: Asked | None = None, name: str = ""
) -> Impact:
    """Analyse a sealed evaluation, the only or the named one; the planned analysis is kept.

    Raises
    ------
    TimeError
        When the outcomes cannot all be known yet.
    DataError
        When an assignment, an action or an outcome does not fit the plan.
    StoreError
        When the plan was changed since it was sealed.
    """
    asked = asked or Asked()
    announced = open_plan(project, name)
    _wait(announced)
    events = read_known(project)
    with open_store(project.state).lock_project(project.spec.name):
        before = replace(_find(announced, unsigned=True), decision=None)
        made = _analyse(announced, events, asked)
        if asked.planned:
            kept = replace(before, analysis=made)
            save_record(kept, announced.folder / KEPT)
            return kept
        save_record(replace(before, others=before.others + 1), announced.folder / KEPT)
        label = asked.outcome or before.sealed.label
        return Impact(replace(before.sealed, label=label), made, before.others + 1)


def find_impacts(project: Project[AuditableSpec]) -> tuple[Impact, ...]:
    """Return a project's evaluations as they stand, the newest first; those that were announced.

    Raises
    ------
    StoreError
        When a plan was changed since it was sealed, or what was kept is damaged.
    """
    own = cast("Project[BaseProjectSpec]", project)
    announced = [open_plan(own, name) for name in list_sealed(project)]
    announced.sort(key=lambda one: (one.spec.starts, one.plan.sealed_at, one.name), reverse=True)
    return tuple(map(_find, announced))


def _find(announced: Announced, *, unsigned: bool = False) -> Impact:
    """Find an evaluation as it stands; refuse a decision that nobody signed, unless `unsigned`."""
    folder, spec, plan = announced.folder / KEPT, announced.spec, announced.plan
    sealed = Sealed(
        name=announced.name,
        question=spec.question,
        label=spec.outcome.label,
        better=spec.outcome.better,
        design=spec.design,
        who_decides=spec.who_decides,
        smallest=spec.smallest,
        is_share=spec.measures_share(announced.project.spec),
        sealed_on=plan.sealed_at[:10],
        starts=str(spec.starts),
        ends=str(spec.ends),
        mature=str(spec.mature),
        seal=plan.seal,
        source=spec.draw.source if spec.draw else "",
        drawn=find_drawn(announced),
        lots_from=plan.seed,
    )
    if not has_record(folder):
        return Impact(sealed)
    kept = replace(load_record(Impact, folder), sealed=sealed)
    if kept.decision is not None and not unsigned:
        raise _ask_to_sign(announced, kept.decision)
    return kept


def _ask_to_sign(announced: Announced, taken: Decision) -> StoreError:
    asked, path = name_choice(announced.project, announced.name), announced.project.folder.name
    return StoreError(
        f"'{taken.decision}' was recorded by {taken.role} on {taken.day}, and nobody signed it: "
        "decisions are signed now",
        where=str(announced.folder / KEPT),
        expected=f"an act of {announced.spec.who_decides} in the chain of the card",
        next_step=f"cityai evaluate analyse {asked} (it takes the line away), cityai run {path}, "
        f"then cityai evaluate decide {asked} {taken.decision} --key FILE --reason "
        f"'{taken.reason}'",
    )


def _wait(announced: Announced) -> None:
    today, spec = read_clock().date(), announced.spec
    if today < spec.mature:
        raise TimeError(
            f"outcomes are not all known before {spec.mature}: it lasts until {spec.ends}, and "
            f"{spec.outcome.label} is known {spec.outcome.delay_days} days later",
            where="cityai evaluate analyse",
            expected=f"a day from {spec.mature} on; today is {today}",
            next_step="wait: who looks early and stops when it looks good finds effects by chance",
        )


def _analyse(announced: Announced, events: Events, asked: Asked) -> Analysis:
    from cityai.impact.verdict import judge_effect

    project, spec = announced.project, announced.spec
    way, steps = find_way(announced), STEPS[spec.design]
    assigned = way.hold(announced)
    kept = assigned[_within(assigned, asked)].reset_index(drop=True)
    if kept.empty:
        raise DataError(
            "nobody was assigned in the window",
            where="--since, --until",
            expected=f"days from {spec.starts} to {spec.ends}",
        )
    told = read_gathered(announced.folder, ACTED)
    laid = way.lay(announced, events, kept, told)
    rows = way.measure(announced, events, laid, asked.outcome)
    compared, weeks = steps.compare(rows), way.weeks(announced, rows)
    least = project.spec.policy.small_cell
    measured = steps.measure(compared, spec, least)
    columns = [UNIT, BLOCK, ARM, PROBABILITY, VALUE, DONE, *spec.groups]
    return Analysis(
        analysed_on=f"{read_clock():%Y-%m-%d}",
        planned=asked.planned,
        same_code=announced.plan.code == digest_code(project),
        weeks=weeks,
        rows=compared[columns + [name for name in MORE if name in compared]],
        **measured,
        verdict=judge_effect(measured["effect"], spec.smallest, float(weeks)),
        followed=measure_following(compared, spec.groups, least),
        probe=way.audit(announced, events, rows),
    )


MORE: Final = (APART, PERIOD, CASES, LOST)
"""Columns of rows that some designs have."""


def _within(assigned: pd.DataFrame, asked: Asked) -> np.ndarray:
    day = assigned[AS_OF].to_numpy("datetime64[D]")
    after = day >= np.datetime64(asked.since or date.min, "D")
    return after & (day < np.datetime64(asked.until or date.max, "D"))
