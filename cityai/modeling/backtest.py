"""Rolling-origin backtest: what would have been predicted, fold by fold, and the final model.

Each learner is fitted once at each fold; a fold's weights and calibration come from the
out-of-sample predictions of earlier folds, so nothing is refitted or tuned inside a fold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from cityai.columns import (
    AS_OF,
    BASELINE,
    CANDIDATE,
    CASE,
    ENTITY,
    FOLD,
    ORIGIN,
    PERIOD,
    STEP,
    Y_HIGH,
    Y_LOW,
    Y_PRED,
)
from cityai.config.project import BaseModelsSpec
from cityai.data.rows import take_rows
from cityai.errors import DataError, name_step
from cityai.findings import Finding
from cityai.modeling.final import FinalModel
from cityai.modeling.folds import Fold, Folds, name_fold
from cityai.modeling.forecasters.protocol import (
    Candidate,
    FloatArray,
    Learner,
    SavedModel,
    list_learners,
    list_series,
)
from cityai.modeling.layouts.source import IntArray, RowSource
from cityai.modeling.own.checks import judge_negative
from cityai.modeling.parallel import run_tasks
from cityai.modeling.targets import Evidence, Target
from cityai.progress import counting, tell
from cityai.records.predictions import Predictions

KEYS: Final = (CASE, ENTITY, AS_OF, STEP, ORIGIN, PERIOD)
"""Columns of the rows that `Backtest.out_of_sample` has, where the rows have them."""


@dataclass(frozen=True, slots=True, eq=False)
class Backtest:
    """What would have been predicted in the past."""

    predictions: Predictions
    """Of the test folds: the rows whose outcome is known."""
    folds: Folds
    """All folds."""
    weights: pd.DataFrame
    """``fold``, ``candidate``, ``weight``: the blend of each test fold."""
    out_of_sample: pd.DataFrame
    """What every fold predicted, the calibration folds too: ``fold``, the rows' keys, every
    ``candidate.<name>``, ``y_pred``, ``y_low``, ``y_high`` (NaN where there is none), in the order
    of the rows. No outcome is in it: what was known when is the source's to say."""
    models: tuple[FinalModel, ...]
    """As they stood at each test fold, in the order of ``folds.test``."""
    final: FinalModel | None
    """Fitted on everything that is known; None where predictions came in a file."""
    findings: tuple[Finding, ...]
    """Codes ``backtest.calibration`` and ``backtest.rows``; where cases are selected,
    ``backtest.capacity`` and ``backtest.ties``."""

    @property
    def fitted(self) -> FinalModel:
        """The final model, of a backtest that fitted one."""
        assert self.final is not None  # noqa: S101 - nobody asks where nothing was fitted
        return self.final


Fits = dict[tuple[str, int], SavedModel]


def run_backtest(
    source: RowSource,
    folds: Folds,
    target: Target,
    candidates: Sequence[Candidate],
    rules: BaseModelsSpec,
) -> Backtest:
    """Fit at every fold, blend and calibrate by earlier folds, and make the final model.

    Parameters
    ----------
    source : RowSource
        Rows, and their labels as they were known at any moment.
    folds : Folds
        The windows.
    target : Target
        How candidates are combined and predictions calibrated.
    candidates : sequence of Candidate
        What takes part.
    rules : BaseModelsSpec
        ``seed`` and ``threads`` are read.

    Raises
    ------
    TimeError
        When nothing can be scored in the test folds.
    DataError
        When the rows of a fold teach nothing.
    """
    moments = (*folds.folds, source.close(folds.folds))
    rows = {fold.number: source.find_tested(fold) for fold in folds.folds}
    asked = np.sort(np.concatenate([*rows.values()]))
    tested = {number: np.searchsorted(asked, here) for number, here in rows.items()}
    said, fits = _ask_candidates(source, tested, moments, candidates, rules)
    if not fits and not list_series(candidates):
        raise _refuse_few(candidates)
    names = [c.name for c in candidates]
    learners = {learner.name for learner in list_learners(candidates)}
    negative = _lift_negative(said, source, folds, tested, rules.own)
    table = source.rows.table
    parts = np.asfortranarray(np.column_stack([said[name] for name in names]))
    fold_of = np.empty(len(asked), np.int64)
    for number, here in tested.items():
        fold_of[here] = number
    made = {name: np.full(len(asked), np.nan) for name in (Y_PRED, Y_LOW, Y_HIGH)}
    models: dict[int, FinalModel] = {}
    for fold in moments:
        labels = source.read_labels(fold)[asked]
        seen = (fold_of < fold.number) & ~np.isnan(labels)
        past = Evidence(asked, parts, labels, fold_of, seen, made, source.is_nonnegative(fold))
        weights, calibration = target.learn(past)
        there = [n not in learners or (n, fold.number) in fits for n in names]
        models[fold.number] = model = FinalModel(
            as_of=source.date_training(fold),
            models=tuple(fits[name, fold.number] for name in names if (name, fold.number) in fits),
            blend=_share_weights(names, weights, there),
            calibration=calibration,
            seed=rules.seed,
            series={c.name: dict(c.settings) for c in list_series(candidates)},
        )
        if fold.number in tested:
            here = tested[fold.number]
            keys = take_rows(table, rows[fold.number])
            found = model.combine(keys, {name: said[name][here] for name in names})
            for name in made.keys() & set(found.columns):
                made[name][here] = found[name].to_numpy(np.float64)
    every = {CANDIDATE + name: said[name] for name in names} | made
    test = np.concatenate([tested[fold.number] for fold in folds.test])
    told = source.tabulate(asked[test], folds.folds).assign(
        **{FOLD: fold_of[test]},
        **_score_baselines(source, folds, said, tested),
        **{name: values[test] for name, values in every.items()},
    )
    tests = tuple(models[fold.number] for fold in folds.test)
    predictions, findings = target.publish(told, folds, tests)
    return Backtest(
        predictions=predictions,
        folds=folds,
        weights=_list_weights(folds, tests),
        out_of_sample=_list_out_of_sample(source, asked, fold_of, every),
        models=tests,
        final=models[moments[-1].number],
        findings=(*findings, *judge_negative(negative, rules.own)),
    )


def _ask_candidates(
    source: RowSource,
    tested: Mapping[int, IntArray],
    moments: tuple[Fold, ...],
    candidates: Sequence[Candidate],
    rules: BaseModelsSpec,
) -> tuple[dict[str, FloatArray], Fits]:
    """Return what each candidate says of every row that a fold predicts, and what was fitted.

    Each candidate at each fold is a task: they have nothing to do with each other. Those of a fold
    follow each other, since they learn from the same rows. A city's own models stay in this
    process, which holds the closed ones that run them, and are asked in the order of time: for an
    earlier moment a fresh process must begin.
    """
    said: dict[str, FloatArray] = {}
    fits: Fits = {}
    count, folds = sum(map(len, tested.values())), moments[:-1]
    learners: list[tuple[Candidate, Fold]] = [
        (learner, fold) for fold in moments for learner in list_learners(candidates)
    ]
    taken = {learner.name for learner, _ in learners}
    learners += [
        (r, fold)
        for r in source.rivals
        if r.name not in taken
        for fold in folds
        if fold.role == "test"
    ]
    series = [(model, fold) for model in list_series(candidates) for fold in folds]
    for own in (False, True):
        asked = [pair for pair in (*learners, *series) if (pair[0].name in rules.own) == own]
        tasks = _list_tasks(asked, source, rules.seed)
        answers = run_tasks(_answer, tasks, threads=1 if own else rules.threads, here=own)
        for (candidate, fold), (saved, found) in zip(_telling(asked), answers, strict=True):
            values = said.setdefault(candidate.name, np.full(count, np.nan))
            if saved is not None:
                fits[candidate.name, fold.number] = saved
            if found is not None:
                values[tested[fold.number]] = _place(candidate, source, fold, found, own)
    return said, fits


def _telling(asked: Sequence[tuple[Candidate, Fold]]) -> Iterator[tuple[Candidate, Fold]]:
    """Yield who is asked at which fold, and tell whoever listens."""
    for n, (candidate, fold) in enumerate(counting(asked)):
        if n == 0 or asked[n - 1][0] is not candidate:
            tell(candidate.label)
        yield candidate, fold


def _list_tasks(
    asked: Sequence[tuple[Candidate, Fold]], source: RowSource, seed: int
) -> Iterator[tuple[Any, ...]]:
    """Yield the arguments of `_answer`: all that a candidate needs at a fold, and no more.

    Rows that teach are laid out once for learners that follow each other.
    """
    key, given = None, ()
    for candidate, fold in asked:
        name = name_fold(fold)
        if not isinstance(candidate, Learner):
            with name_step(name):
                yield name, candidate, source.read_history(candidate, fold)
            continue
        if key != (key := (fold.number, candidate.most_rows)):
            given = _lay_out(source, fold, candidate.most_rows, seed)
        yield name, candidate, *given


def _lay_out(source: RowSource, fold: Fold, most: int | None, seed: int) -> tuple[Any, ...]:
    """Return a fold's rows that teach, their labels, how to learn, and the rows it predicts."""
    labels = source.read_labels(fold)
    chosen = np.flatnonzero(source.teaches & ~np.isnan(labels))
    if most is not None and len(chosen) > most:
        drawn = np.random.default_rng(seed).choice(len(chosen), most, replace=False)
        chosen = chosen[np.sort(drawn)]
    table = source.rows.table
    teaching = {
        "features": source.rows.features,
        "categories": source.list_categories(chosen),
        "seed": seed,
        "threads": 1,
    }
    here = source.find_tested(fold) if fold.role != "final" else chosen[:0]
    return table.iloc[chosen], labels[chosen], teaching, take_rows(table, here)


def _answer(
    name: str, candidate: Candidate, *given: Any
) -> tuple[SavedModel | None, FloatArray | None]:
    """Fit where there is something to fit, and predict: what was fitted, and what it says.

    A learner takes no part where too few rows teach it.
    """
    with name_step(name):
        if not isinstance(candidate, Learner):
            return None, candidate.forecast(*given)
        table, labels, teaching, asked = given
        if len(labels) < candidate.least_rows:
            return None, None
        fitted = candidate.fit(table, labels, **teaching)
        return fitted.saved, fitted.predict(asked) if len(asked) else None


def _place(
    candidate: Candidate, source: RowSource, fold: Fold, found: FloatArray, own: bool
) -> FloatArray:
    """Return what a candidate says of the rows that a fold predicts, in their order.

    Our learners' predictions are cut at 0 where nothing was below it.
    """
    if not isinstance(candidate, Learner):
        return source.pick_rows(found, fold)
    return np.maximum(found, 0.0) if not own and source.is_nonnegative(fold) else found


def _lift_negative(
    said: dict[str, FloatArray],
    source: RowSource,
    folds: Folds,
    tested: Mapping[int, IntArray],
    own: Sequence[str],
) -> dict[tuple[str, str], int]:
    """Take what the city's own models say below 0 as 0 where nothing was below it; count it."""
    counted = {}
    for name in own:
        for fold in folds.folds:
            here = tested[fold.number]
            below = int((said[name][here] < 0).sum()) if name in said else 0
            if below and source.is_nonnegative(fold):
                said[name][here] = np.maximum(said[name][here], 0.0)
                counted[name, f"{fold.as_of:%Y-%m-%d}"] = below
    return counted


def _score_baselines(
    source: RowSource, folds: Folds, said: dict[str, FloatArray], tested: Mapping[int, IntArray]
) -> dict[str, FloatArray]:
    """Return the baselines' columns over the test folds' rows."""
    scores = [
        source.score_baselines(
            fold, {name: values[tested[fold.number]] for name, values in said.items()}
        )
        for fold in folds.test
    ]
    return {BASELINE + name: np.concatenate([s[name] for s in scores]) for name in scores[0]}


def _refuse_few(candidates: Sequence[Candidate]) -> DataError:
    least = min(learner.least_rows for learner in list_learners(candidates))
    return DataError(
        "too few rows with an outcome teach the models: none takes part at any moment",
        where="models.candidates",
        expected=f"at least {least:,} rows whose outcome is known before a test",
        next_step="give more history, more places, or a candidate that learns from single series "
        "(theta, smoothing)",
    )


def _share_weights(
    names: Sequence[str], weights: FloatArray, there: Sequence[bool]
) -> dict[str, float]:
    """Return the weights of who takes part; a learner that too few rows teach leaves its own."""
    if not all(there) and any(there):
        weights = np.where(there, weights, 0.0)
        weights = np.where(there, weights if weights.sum() > 0 else 1.0, 0.0)
        weights = weights / weights.sum()
    return {
        name: weight
        for name, weight, takes in zip(names, weights.tolist(), there, strict=True)
        if takes or not any(there)
    }


def _list_weights(folds: Folds, models: Sequence[FinalModel]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"fold": fold.number, "candidate": name, "weight": weight}
            for fold, model in zip(folds.test, models, strict=True)
            for name, weight in model.blend.items()
        ]
    )


def _list_out_of_sample(
    source: RowSource, asked: IntArray, fold_of: IntArray, every: dict[str, FloatArray]
) -> pd.DataFrame:
    """Return what was predicted, of the rows for which anything was."""
    table = source.rows.table
    keys = [name for name in KEYS if name in table]
    found = table[keys].iloc[asked].assign(**{FOLD: fold_of}, **every)
    found[ENTITY] = found[ENTITY].astype("str")
    return pd.DataFrame(found[np.isfinite(found[Y_PRED])].reset_index(drop=True))
