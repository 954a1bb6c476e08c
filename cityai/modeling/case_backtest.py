"""The backtest of a yes/no question: what would have been predicted, and the model for tomorrow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from cityai.columns import (
    AREA,
    AS_OF,
    BASELINE,
    CASE,
    DECISION,
    ENTITY,
    FOLD,
    OCCURRED_AT,
    SLOT,
    SLOT_START,
    Y_PRED,
    Y_TRUE,
)
from cityai.config.risk import RiskSpec
from cityai.findings import Finding, Status
from cityai.i18n.messages import say
from cityai.modeling.backtest import BLEND
from cityai.modeling.capacity import judge_capacity, refuse_everyone, select_cases
from cityai.modeling.case_baselines import (
    ACTUAL_ORDER,
    CITY_SCORE,
    LOGISTIC,
    PAST_RATE,
    RANDOM_ORDER,
    RiskBaseline,
    draw_order,
    rank_by_time,
    rate_past,
)
from cityai.modeling.case_model import CaseModel
from cityai.modeling.case_replay import CaseReplay
from cityai.modeling.case_split import CaseFolds
from cityai.modeling.forecasters import Learner, choose_candidates
from cityai.modeling.predictions import Predictions, build_case_predictions

if TYPE_CHECKING:
    from cityai.data.cases import Cases
    from cityai.data.rows import Rows

MOST_TOLD: Final = 4
"""Folds whose calibration is told one by one."""


@dataclass(frozen=True, slots=True, eq=False)
class CaseBacktest:
    """The past replayed, case by case.

    Attributes
    ----------
    predictions : Predictions
        Cases of the test folds whose outcome is known; ``kind`` is ``yes/no``.
    folds : CaseFolds
        All folds.
    weights : pandas.DataFrame
        ``fold``, ``candidate``, ``weight``: the blend of each test fold.
    replayed : pandas.DataFrame
        Every fold's out-of-sample predictions, the calibration folds' too: ``fold``, ``case_id``,
        ``candidate.<name>`` and ``y_pred`` (NaN where nothing earlier could calibrate).
    models : tuple of CaseModel
        As they stood at each test fold's cutoff, in the order of `folds.test`.
    final : CaseModel
        Fitted on everything that is known.
    findings : tuple of Finding
        Codes ``backtest.calibration``, ``backtest.rows``, ``backtest.capacity``,
        ``backtest.ties``.
    """

    predictions: Predictions
    folds: CaseFolds
    weights: pd.DataFrame
    replayed: pd.DataFrame
    models: tuple[CaseModel, ...]
    final: CaseModel
    findings: tuple[Finding, ...]


def run_case_backtest(
    cases: Cases,
    rows: Rows,
    folds: CaseFolds,
    spec: RiskSpec,
    *,
    baselines: Sequence[RiskBaseline],
    candidates: Sequence[Learner],
    progress: Callable[[str], None] | None = None,
) -> CaseBacktest:
    """Replay the past fold by fold; each sees only what was known before its cutoff.

    Parameters
    ----------
    cases : Cases
        All cases.
    rows : Rows
        Their features, in the same order.
    folds : CaseFolds
        From `plan_case_folds`.
    spec : RiskSpec
        ``question.decision``, ``models`` and ``backtest`` are read.
    baselines, candidates : sequence
        Of the kind.
    progress : callable, optional
        Told what is being done.

    Raises
    ------
    DataError
        When the capacity selects every case, so there is nothing to rank.
    """
    chosen = choose_candidates(candidates, spec.models.candidates)
    replay = CaseReplay(cases, rows, spec, chosen, progress or (lambda _: None))
    folds_table = [replay.step(fold.number, fold.train_until, fold) for fold in folds.folds]
    models = [m for m, f in zip(folds_table, folds.folds, strict=True) if f.role == "test"]
    final = replay.step(folds.folds[-1].number + 1, cases.until, None)
    tests = [f.number for f in folds.test]
    replayed = pd.concat(replay.predicted, ignore_index=True)
    asked = replayed[replayed[FOLD].isin(tests)].reset_index(drop=True)
    table = _join_cases(cases, asked)
    table = _add_baselines(table, cases, models, tests, spec, baselines)
    scored = table[table[Y_TRUE].notna()].reset_index(drop=True)
    selection = select_cases(scored, scored[Y_PRED].to_numpy(np.float64), spec.question.decision)
    refuse_everyone(selection, spec.question.decision)
    return CaseBacktest(
        predictions=build_case_predictions(
            scored.assign(**{DECISION: selection.decision}), unit=spec.unit, chosen=BLEND
        ),
        folds=folds,
        weights=pd.DataFrame(
            [
                {"fold": fold, "candidate": name, "weight": weight}
                for fold, model in zip(tests, models, strict=True)
                for name, weight in model.blend.items()
            ]
        ),
        replayed=replayed.drop(columns=LOGISTIC.name),
        models=tuple(models),
        final=final,
        findings=(
            _judge_calibration(models),
            _judge_rows(table, scored),
            *judge_capacity(selection, spec.question.decision),
        ),
    )


def _join_cases(cases: Cases, asked: pd.DataFrame) -> pd.DataFrame:
    columns = [CASE, ENTITY, AREA, AS_OF, OCCURRED_AT, SLOT, SLOT_START, Y_TRUE]
    columns.append(BASELINE + CITY_SCORE.name)
    kept = cases.table[[c for c in columns if c in cases.table]]
    return asked.merge(kept, on=CASE, how="left", validate="one_to_one")


def _add_baselines(
    table: pd.DataFrame,
    cases: Cases,
    models: Sequence[CaseModel],
    tests: Sequence[int],
    spec: RiskSpec,
    baselines: Sequence[RiskBaseline],
) -> pd.DataFrame:
    """Put the baselines' scores beside the forecast, fold by fold."""
    wanted = {b.name for b in baselines}
    fold = table[FOLD].to_numpy()
    place = pd.Index(cases.table[CASE]).get_indexer(table[CASE])
    found = {b.name: np.full(len(table), np.nan) for b in baselines}
    for number, model in zip(tests, models, strict=True):
        here = fold == number
        made = {
            RANDOM_ORDER.name: draw_order(int(here.sum()), spec.models.seed + number),
            ACTUAL_ORDER.name: rank_by_time(table.loc[here, OCCURRED_AT]),
            PAST_RATE.name: rate_past(cases, model.base_rate)[place[here]],
            LOGISTIC.name: table.loc[here, LOGISTIC.name].to_numpy(np.float64),
        }
        for name in wanted & set(made):
            found[name][here] = made[name]
    if not spec.question.actual_order:
        found.pop(ACTUAL_ORDER.name, None)
    given = BASELINE + CITY_SCORE.name
    found.pop(CITY_SCORE.name, None)
    if given in table and CITY_SCORE.name in wanted:
        found[CITY_SCORE.name] = table[given].to_numpy(np.float64)
    left = table.drop(columns=[LOGISTIC.name, given], errors="ignore")
    return left.assign(**{BASELINE + name: values for name, values in found.items()})


def _judge_calibration(models: Sequence[CaseModel]) -> Finding:
    first = models[0].calibration
    told = " ".join(say(f"fold {n}: {m.calibration.reason}") for n, m in enumerate(models, start=1))
    return Finding(
        code="backtest.calibration",
        status=Status.NOT_ENOUGH if first.method == "identity" and not first.rows else Status.PASS,
        title=say("Outcomes that weights and probabilities are learnt from"),
        reason=told if len(models) <= MOST_TOLD else models[-1].calibration.reason,
        observed=float(first.rows),
        unit="outcomes",
    )


def _judge_rows(table: pd.DataFrame, scored: pd.DataFrame) -> Finding:
    unknown = len(table) - len(scored)
    yes = int(scored[Y_TRUE].sum())
    return Finding(
        code="backtest.rows",
        status=Status.PASS,
        title=say("Cases asked about and cases scored"),
        reason=say(
            f"{len(table):,} cases of {table[ENTITY].nunique():,} entities were asked about in "
            f"the test folds; {len(scored):,} were scored, {yes:,} of them yes, and the outcome of "
            f"{unknown:,} is not known."
        ),
        observed=float(unknown),
        unit="rows",
    )
