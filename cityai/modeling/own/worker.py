"""The inside of the closed processes that fit a city's own models, and that ask saved ones.

A process that has run the city's file fits; one that has not is asked for predictions, from what
was saved alone.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Mapping
from functools import lru_cache
from types import ModuleType
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from cityai.confine.child import answer_messages
from cityai.confine.guard import Watch
from cityai.confine.own_code import OwnFunction, call_watched, find_function, read_frame, run_file
from cityai.errors import DataError, SpecError
from cityai.modeling.own.explainers import explain_rows
from cityai.modeling.own.formats import (
    LoadedModel,
    dump_estimator,
    load_estimator,
    predict_estimator,
)

FILE: Final = "models.py"
RULE: Final = "a model may only use the rows that it is given"
TRIED: Final = 500
"""Training rows that a model is asked about at once after its fit."""
_SEEDS: Final = ("random_state", "random_seed")
_SCALARS: Final = (bool, int, float, str, type(None))
Told = Mapping[str, Any]


def serve(shut: bool) -> None:
    """Answer one message after the other: what to do, with its arguments, and tables."""
    # Before a library begins threads: every fit takes one, and nobody looks for the machine's.
    os.environ["OMP_NUM_THREADS"] = "1"
    answer_messages(_Desk(shut).work)


class _Desk:
    """The functions of the city's file, once it has run."""

    def __init__(self, shut: bool) -> None:
        self._shut = shut
        self._watch: Watch | None = None
        self._module: ModuleType | None = None
        self._path = ""

    def work(self, parts: list[bytes]) -> list[bytes]:
        told: Told = json.loads(parts[0])
        works = {
            "load": self._load,
            "fit": self._fit,
            "forecast": self._forecast,
            "predict": _predict,
            "explain": _explain,
            "try": _try,
        }
        return works[told["work"]](told, parts[1:])

    def _load(self, told: Told, parts: list[bytes]) -> list[bytes]:
        """Run the file; tell what each function returns."""
        self._watch = Watch(FILE, RULE)
        self._path = told["path"]
        self._module = run_file(self._path, parts[0], self._watch)
        known = []
        for name in told["names"]:
            function = self._find(name)
            given = self._call(function, 0)
            kind = _judge_kind(given, function, told["probability"])
            known.append(((name, function.label, function.where), kind, _list_settings(given)))
        return [json.dumps({"shut": self._shut, "functions": known}).encode()]

    def _find(self, name: str) -> OwnFunction:
        assert self._module is not None  # noqa: S101 - the parent loads first
        return find_function(self._module, self._path, name, "models.own")

    def _call(self, function: OwnFunction, seed: int) -> Any:
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002 - what scikit-learn draws from without a seed
        return self._watched(function, function.call, "the function failed")

    def _watched(self, function: OwnFunction, work: Any, failed: str) -> Any:
        assert self._watch is not None  # noqa: S101 - the parent loads first
        return call_watched(
            function,
            self._watch,
            work,
            failed=failed,
            expected="a model that works on any past, a short one too",
            next_step=f"correct it in {FILE}, or take its name out of `models.own`",
        )

    def _fit(self, told: Told, parts: list[bytes]) -> list[bytes]:
        """Fit, try and save; answer with the format, the settings and the text."""
        function, seed, probability = self._find(told["name"]), told["seed"], told["probability"]
        estimator = self._call(function, seed)
        _settle(estimator, seed)
        table = read_frame(parts[0])
        y, weight = (np.frombuffer(part, dtype=np.float64).copy() for part in parts[1:3])
        kind = type(estimator).__name__
        _name_categories(estimator, table)
        given = _weigh(estimator, weight) if len(weight) else {}
        target = y.astype(np.int64) if probability else y
        self._watched(function, lambda: estimator.fit(table, target, **given), f"{kind}.fit failed")
        tried = table.iloc[:TRIED]
        found = self._watched(
            function,
            lambda: predict_estimator(estimator, tried, probability),
            f"{kind} cannot predict the rows that it was fitted on",
        )
        _check_predictions(found, len(tried), function.where, kind, probability=probability)
        form, content = self._watched(
            function, lambda: dump_estimator(estimator, function.where), f"{kind} cannot be saved"
        )
        settings = _list_settings(estimator)
        return [json.dumps({"format": form, "settings": settings}).encode(), content.encode()]

    def _forecast(self, told: Told, parts: list[bytes]) -> list[bytes]:
        """Ask a forecaster of series."""
        from cityai.modeling.forecasters.series import SeriesHistory

        function = self._find(told["name"])
        history = np.frombuffer(parts[0], dtype=np.float64).copy().reshape(told["shape"])
        asked = SeriesHistory(history, *told["asked"])
        forecaster = self._call(function, told["seed"])
        kind = type(forecaster).__name__
        found = self._watched(
            function, lambda: forecaster.forecast(asked), f"{kind}.forecast failed"
        )
        values = _read_numbers(found, function.where, kind)
        wanted = (asked.steps, history.shape[1])
        if values.shape != wanted:
            raise DataError(
                f"{kind}.forecast gave the shape {values.shape}",
                where=function.where,
                expected=f"{wanted}: a row for each period ahead, a column for each entity",
            )
        known = ~np.isnan(history).all(axis=0) if len(history) else np.zeros(wanted[1], dtype=bool)
        _refuse_gaps(values[:, known], function.where, f"{kind}.forecast")
        return [np.ascontiguousarray(values).tobytes()]


def _check_predictions(
    found: object, rows: int, where: str, kind: str, *, probability: bool
) -> np.ndarray:
    """Return predictions as numbers, or refuse them by what is wrong."""
    values = _read_numbers(found, where, kind)
    if values.shape != (rows,):
        raise DataError(
            f"{kind} predicts the shape {values.shape} for {rows} rows",
            where=where,
            expected=f"({rows},): one number for each row",
        )
    _refuse_gaps(values, where, kind)
    if probability and len(values) and (values.min() < 0 or values.max() > 1):
        raise DataError(
            f"{kind} predicts chances from {values.min():g} to {values.max():g}",
            where=where,
            expected="chances from 0 to 1",
            next_step="return a classifier whose predict_proba gives probabilities",
        )
    return values


def _try(told: Told, parts: list[bytes]) -> list[bytes]:
    _load_saved(told["format"], parts[0].decode(), told["where"])
    return []


def _predict(told: Told, parts: list[bytes]) -> list[bytes]:
    model = _load_saved(told["format"], parts[0].decode(), told["where"])
    table, probability = read_frame(parts[1]), told["probability"]
    kind = type(model.estimator).__name__
    try:
        found = model.predict(table, probability)
    except Exception as error:
        raise DataError(
            f"{kind} cannot predict: {type(error).__name__}: {error}",
            where=told["where"],
            expected="a model that predicts rows that it has not seen, new categories too",
            next_step="OneHotEncoder(handle_unknown='ignore') and its like take what is new",
        ) from error
    values = _check_predictions(found, len(table), told["where"], kind, probability=probability)
    return [values.tobytes()]


def _explain(told: Told, parts: list[bytes]) -> list[bytes]:
    model = _load_saved(told["format"], parts[0].decode(), told["where"])
    table, background = read_frame(parts[1]), read_frame(parts[2])
    found = explain_rows(
        model, table, background, probability=told["probability"], seed=told["seed"]
    )
    if found is None:
        return [b"null"]
    head = json.dumps({"way": found.way, "link": found.link}).encode()
    arrays = (found.values, found.base, found.raw)
    return [head, *(np.ascontiguousarray(a, dtype=np.float64).tobytes() for a in arrays)]


@lru_cache(maxsize=8)
def _load_saved(form: str, content: str, where: str) -> LoadedModel:
    return load_estimator(form, content, where)


def _judge_kind(
    given: Any, function: OwnFunction, probability: bool
) -> Literal["learner", "series"]:
    """Tell what a function returned; refuse what cannot answer the question, by name."""
    name = given.__name__ if isinstance(given, type) else type(given).__name__
    wanted = "a classifier with predict_proba" if probability else "a regressor"
    next_step = f"return {wanted} of scikit-learn's protocol"
    if isinstance(given, type):
        said, next_step = f"returned the class {name}", f"return {name}(), not {name}"
    elif not probability and callable(getattr(given, "forecast", None)):
        return "series"
    elif not callable(getattr(given, "fit", None)):
        said = f"returned no estimator, but {name}"
    elif probability and not callable(getattr(given, "predict_proba", None)):
        said = f"returned {name}, which gives no probabilities, for a ranked list"
    elif not probability and _is_classifier(given):
        said = f"returned {name}, a classifier, for a forecast of amounts"
    elif not callable(getattr(given, "predict", None)):
        said = f"returned {name}, which cannot predict"
    else:
        return "learner"
    raise SpecError(
        f"the function {function.name} {said}",
        where=function.where,
        expected=f"an estimator with fit: {wanted}"
        + ("" if probability else ", or a forecaster of series with forecast"),
        next_step=next_step,
    )


def _is_classifier(estimator: Any) -> bool:
    from sklearn.base import is_classifier

    try:
        return bool(is_classifier(estimator))
    except Exception:
        return hasattr(estimator, "predict_proba")


def _settle(estimator: Any, seed: int) -> None:
    """Give every part that has none the seed, and one thread: nothing is left to chance."""
    if not callable(getattr(estimator, "get_params", None)):
        return
    known = dict(estimator.get_params())
    wanted: dict[str, object] = {}
    for name, value in {"": estimator, **known}.items():
        if type(value).__module__.startswith("catboost."):
            own = value.get_params()
            seeded = {} if set(_SEEDS) & set(own) else {"random_seed": seed}
            value.set_params(**{"thread_count": 1, "allow_writing_files": False, **seeded, **own})
        last = name.rsplit("__", 1)[-1]
        if last in _SEEDS and value is None:
            wanted[name] = seed
        elif last == "n_jobs":
            wanted[name] = 1
    if wanted:
        estimator.set_params(**wanted)


def _name_categories(estimator: Any, table: pd.DataFrame) -> None:
    """Tell CatBoost which columns are categories, as the others read from the table."""
    if type(estimator).__module__.startswith("catboost."):
        names = [c for c in table if isinstance(table[c].dtype, pd.CategoricalDtype)]
        if names and "cat_features" not in estimator.get_params():
            estimator.set_params(cat_features=names)


def _weigh(estimator: Any, weight: np.ndarray) -> dict[str, np.ndarray]:
    """Return the argument of `fit` that weighs rows, where the estimator takes one."""
    from sklearn.utils.validation import has_fit_parameter

    steps = getattr(estimator, "steps", None)
    last, prefix = (steps[-1][1], f"{steps[-1][0]}__") if steps else (estimator, "")
    return {f"{prefix}sample_weight": weight} if has_fit_parameter(last, "sample_weight") else {}


def _list_settings(estimator: Any) -> dict[str, str]:
    """Return an estimator's parameters as short texts: plain values, and the names of others."""
    listed = {"estimator": type(estimator).__name__}
    if callable(getattr(estimator, "get_params", None)):
        for name, value in sorted(estimator.get_params().items()):
            called = str(getattr(value, "__name__", type(value).__name__))  # of a class, a function
            listed[name] = str(value) if isinstance(value, _SCALARS) else called
    return listed


def _read_numbers(found: object, where: str, kind: str) -> np.ndarray:
    try:
        return np.asarray(found, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(
            f"{kind} predicts something other than numbers", where=where, expected="numbers"
        ) from None


def _refuse_gaps(values: np.ndarray, where: str, kind: str) -> None:
    wrong = int((~np.isfinite(values)).sum())
    if wrong:
        raise DataError(
            f"{kind} predicts no finite number for {wrong} of {values.size} rows",
            where=where,
            expected="a finite number for every row",
            next_step="fill gaps in a step of the pipeline, such as SimpleImputer",
        )
