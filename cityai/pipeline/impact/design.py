"""The design: what each way to find out could tell on this city's own past, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast, get_args

import numpy as np
import pandas as pd

from cityai.columns import AREA, CASE, ENTITY, OCCURRED_AT, SLOT_START, VALUE, Y_PRED, Y_TRUE
from cityai.config.evaluation import EvaluationSpec, ListDesign, load_evaluation
from cityai.config.load import Project
from cityai.config.project import BaseProjectSpec
from cityai.config.risk import RiskSpec
from cityai.errors import DataError
from cityai.impact.records import PERIOD, UNIT
from cityai.modeling.capacity import find_lists, rank_cases
from cityai.pipeline.impact.begun import find_first
from cityai.pipeline.impact.faults import refuse_past
from cityai.pipeline.impact.outcomes import CASES, name_table, read_outcomes
from cityai.pipeline.impact.places import find_now, lay_axis, read_places
from cityai.pipeline.impact.units import choose_places
from cityai.pipeline.impact.weeks import count_weeks
from cityai.pipeline.known import read_known, snapshot
from cityai.progress import SILENT, Progress, heard_by

if TYPE_CHECKING:
    from cityai.impact.options import Option


@dataclass(frozen=True, slots=True)
class Designed:
    """What each design could tell."""

    spec: EvaluationSpec
    """What shall be found out."""
    options: tuple[Option, ...]
    """A design each."""
    lists: int
    cases: int
    """Past lists and cases with an outcome that it was tried on; or periods, and places."""
    own: bool
    """Whether the outcome is the evaluation's; else that of the project's question stands for it.
    """
    share: bool
    """Whether the outcome is yes or no."""


def design_evaluation(
    project: Project[BaseProjectSpec], name: str = "", progress: Progress = SILENT
) -> Designed:
    """Try every design on the replays of a project; they are run first where they are not kept.

    Raises
    ------
    UserError
        When the evaluation, or the project, is not understood.
    """
    from cityai.impact.designs import compare_designs
    from cityai.impact.past_lists import Past
    from cityai.pipeline.run import final_backtest, read_and_check
    from cityai.pipeline.stage import hold_run

    spec, ranked = load_evaluation(project, name), cast(RiskSpec, project.spec)
    if spec.of_places:
        return _design_places(project, spec, progress)
    with hold_run(project, progress) as run:
        read_and_check(run)
        table = final_backtest(run).predictions.table.reset_index(drop=True)
        measured = read_outcomes(project, spec, snapshot(run)).set_index(CASE)[VALUE]
    score = table[Y_PRED].to_numpy(np.float64)
    value = table[CASE].map(measured).to_numpy(np.float64)
    own = bool(np.isfinite(value).any())
    if not own and spec.outcome.source is not None and not spec.outcome.yes:
        raise DataError(
            "nothing was measured yet of any case of the replays",
            where=str(spec.outcome.source.name),
            expected="some past outcomes, to say what a design could tell",
            next_step="measure for some weeks before you plan",
        )
    value = value if own else table[Y_TRUE].to_numpy(np.float64)
    capacity, known = ranked.question.decision.capacity or 0, np.isfinite(value)
    lists = find_lists(table)
    weeks = count_weeks(_date_lists(table, lists), ranked) / len(np.unique(lists))
    kept = table[known].reset_index(drop=True)
    past = Past(
        outcome=value[known],
        rank=rank_cases(table, score)[known],
        score=score[known],
        period=find_lists(kept),
        area=pd.factorize(kept[AREA], sort=True)[0].astype(np.int64) if AREA in kept else None,
        capacity=capacity,
        weeks=weeks,
        unit=pd.factorize(kept[ENTITY])[0].astype(np.int64) if spec.unit == "entity" else None,
    )
    edge = (spec.edge.above, spec.edge.below) if spec.edge else (max(capacity // 2, 1), capacity)
    with progress.stage("Try the designs on the past"), heard_by(progress):
        options = compare_designs(
            past,
            spec.smallest,
            spec.weeks,
            edge=edge,
            probe=spec.probe or 0.03,
            confidence=spec.confidence,
        )
    share = bool(spec.outcome.yes) or not own or spec.outcome.source is None
    return Designed(spec, options, past.periods, len(kept), own, share)


def _date_lists(table: pd.DataFrame, lists: np.ndarray) -> pd.Series:
    """Give each case the first day of its list."""
    day = table[SLOT_START] if table[SLOT_START].nunique() > 1 else table[OCCURRED_AT]
    return day.groupby(lists).transform("min").dt.normalize()


def _design_places(
    project: Project[BaseProjectSpec], spec: EvaluationSpec, progress: Progress
) -> Designed:
    """Try the designs of places on what was measured of them; nothing is fitted for it."""
    from cityai.impact.options import Rules, refuse_design
    from cityai.impact.past_lists import PastPlaces
    from cityai.impact.place_designs import compare_places
    from cityai.impact.replays import REPLAYS

    axis = lay_axis(project.spec, spec)
    measured = read_places(project, spec, read_known(project))
    measured = measured[measured[PERIOD] < min(find_now(axis), 0)]
    if measured.empty:
        raise DataError(
            f"nothing was measured of any place before {spec.starts}",
            where="outcome",
            expected="some past outcomes, to say what a design could tell",
            next_step="measure for some weeks before you plan",
        )
    if spec.treated is None:
        refuse_past(measured, set(measured[UNIT]), spec, axis, name_table(project, spec))
    value, cases = (
        measured.pivot(index=UNIT, columns=PERIOD, values=name)
        .reindex(columns=range(int(measured[PERIOD].min()), int(measured[PERIOD].max()) + 1))
        .sort_index()
        for name in (VALUE, CASES)
    )
    names = value.index
    chosen = {
        which: None if named is None else names.get_indexer(pd.Index(named))
        for which, named in (("treated", spec.treated), ("others", spec.donors))
    }
    for found in chosen.values():
        if found is not None and (found < 0).any():
            choose_places(spec, list(names))
    past = PastPlaces(
        value.to_numpy(np.float64),
        cases.fillna(0.0).to_numpy(np.float64),
        spec.weeks / axis.count,
        before=-find_first(spec, axis) if spec.design == "synthetic" else None,
        steps=spec.steps,
        **chosen,
    )
    share = spec.measures_share(project.spec)
    rules = Rules(spec.smallest, spec.weeks, spec.confidence, REPLAYS, "", share)
    with progress.stage("Try the designs on the past"), heard_by(progress):
        options = compare_places(past, rules)
    lists = [
        refuse_design(design, "this evaluation is of places, and nobody is drawn from a list")
        for design in get_args(ListDesign)
    ]
    return Designed(
        spec,
        (*lists, *options),
        past.periods,
        len(names),
        own=True,
        share=share,
    )
