"""Formats without pickle for estimators of scikit-learn's protocol: skops, LightGBM's, CatBoost's.

Used inside closed processes alone: nothing here is loaded beside the data of a city.
"""

from __future__ import annotations

import base64
import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from cityai.errors import DataError, SpecError

SKOPS: Final = "skops"
LIGHTGBM: Final = "lightgbm estimator"
CATBOOST: Final = "catboost"
FORMATS: Final = (SKOPS, LIGHTGBM, CATBOOST)

_TRUSTED: Final = frozenset(
    (
        *("collections.OrderedDict", "collections.defaultdict", "functools.partial"),
        *("numpy.dtype", "scipy.interpolate._bsplines.BSpline"),
        *("sklearn.calibration._CalibratedClassifier", "sklearn.calibration._SigmoidCalibration"),
        *("sklearn.calibration._TemperatureScaling", "sklearn.utils._bunch.Bunch"),
        "sklearn.compose._column_transformer.make_column_selector",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        *("sklearn.metrics._scorer._PassthroughScorer", "sklearn.metrics._scorer._Scorer"),
        *(f"sklearn.model_selection._split.{n}" for n in ("KFold", "StratifiedKFold")),
        "sklearn.model_selection._split.TimeSeriesSplit",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
        *("sklearn.tree._tree.Tree", "sklearn.utils.validation.check_array"),
        *(f"lightgbm.{n}" for n in ("basic.Booster", "sklearn.LGBMClassifier")),
        *("lightgbm.sklearn.LGBMRegressor", "catboost.core.CatBoostClassifier"),
        "catboost.core.CatBoostRegressor",
    )
)
"""Types that may be loaded beside those that skops itself trusts: scikit-learn's public estimators,
and numpy's and scipy's functions."""
_KEEP_ROWS: Final = re.compile(
    r"sklearn\.(neighbors|gaussian_process|kernel_ridge|semi_supervised)\."
    r"|sklearn\.svm\._classes\.(Nu)?SV[CR]$"
)
"""Estimators whose state is the training rows themselves, which may not leave the city."""
_ROWS: Final = frozenset(
    (
        *("_sample_weight", "outliers_", "inlier_mask_", "oob_prediction_"),
        *("oob_decision_function_", "_x_scores", "_y_scores", "x_scores_", "y_scores_"),
    )
)
"""Attributes with a figure for each training row, which no prediction needs."""
_NEXT: Final = (
    "build it of estimators of scikit-learn, LightGBM's or CatBoost's wrappers; a step of your own "
    "becomes a feature in features.py"
)


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model that was read back."""

    kind: str
    """A name of `FORMATS`."""
    estimator: Any
    """The estimator; LightGBM's booster where `kind` is its text."""

    def predict(self, table: pd.DataFrame, probability: bool) -> np.ndarray:
        """Return amounts, or the chance of a yes; the shape is the estimator's."""
        if self.kind == LIGHTGBM:
            return np.asarray(self.estimator.predict(table, num_threads=1))
        return predict_estimator(self.estimator, table, probability)


def predict_estimator(estimator: Any, table: pd.DataFrame, probability: bool) -> np.ndarray:
    """Ask an estimator: ``predict``, or the chance of a yes by ``predict_proba``."""
    if not probability:
        return np.asarray(estimator.predict(table))
    chances = np.asarray(estimator.predict_proba(table))
    return chances[:, int(np.argmax(np.asarray(estimator.classes_) == 1))]


def dump_estimator(estimator: Any, where: str) -> tuple[str, str]:
    """Write a fitted estimator; return its format and its text.

    Raises
    ------
    SpecError
        When a type in it may not be kept: it is named.
    """
    kind = type(estimator)
    if kind.__module__.startswith("lightgbm."):
        _refuse_lightgbm(estimator, where)
        return LIGHTGBM, str(estimator.booster_.model_to_string())
    if kind.__module__.startswith("catboost."):
        return CATBOOST, base64.b64encode(estimator._serialize_model()).decode()
    import skops.io

    try:
        content = _settle_archive(skops.io.dumps(_forget_rows(estimator)))
    except Exception as error:
        raise SpecError(
            f"the {kind.__name__} cannot be saved without pickle: {error}",
            where=where,
            expected="types that skops writes",
            next_step=_NEXT,
        ) from error
    _refuse_types(content, where)
    return SKOPS, base64.b64encode(content).decode()


def _forget_rows(estimator: Any) -> Any:
    """Take out of an estimator and all its parts what it keeps of training rows, and never uses."""
    left, seen = [estimator], set()
    while left:
        part = left.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, list | tuple):
            left += part
        elif isinstance(part, dict):
            left += part.values()
        elif hasattr(part, "__dict__") and not isinstance(part, type):
            for name in _ROWS & vars(part).keys():
                delattr(part, name)
            left += vars(part).values()
    return estimator


def load_estimator(kind: str, content: str, where: str) -> LoadedModel:
    """Read a model back; nothing outside the trust list is made.

    Raises
    ------
    SpecError
        When it holds another type.
    DataError
        When it is damaged.
    """
    try:
        if kind == LIGHTGBM:
            from lightgbm import Booster

            return LoadedModel(kind, Booster(model_str=content))
        raw = base64.b64decode(content, validate=True)
        if kind == CATBOOST:
            return LoadedModel(kind, _load_catboost(raw))
        import skops.io

        _refuse_types(raw, where)
        return LoadedModel(kind, skops.io.loads(raw, trusted=sorted(_TRUSTED)))
    except SpecError:
        raise
    except Exception as error:
        raise DataError(
            f"the saved model is damaged: {type(error).__name__}",
            where=where,
            expected=f"a model as {kind} writes it",
            next_step="run the project again",
        ) from error


def list_libraries(kind: str, settings: Mapping[str, str]) -> set[str]:
    """Return the libraries that a model of a format and of some parameters is read by."""
    inside = kind == CATBOOST or any(value.startswith("CatBoost") for value in settings.values())
    return {name for name, needed in {"skops": kind == SKOPS, "catboost": inside}.items() if needed}


def find_types(content: bytes) -> tuple[str, ...]:
    """Return the names of all types in a file of skops, sorted."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return tuple(sorted(set(_walk_types(json.loads(archive.read("schema.json"))))))


def _refuse_types(content: bytes, where: str) -> None:
    import skops.io

    unknown = set(skops.io.get_untrusted_types(data=content)) - _TRUSTED
    rows = {name for name in find_types(content) if _KEEP_ROWS.match(name)}
    if not unknown and not rows:
        return
    named = ", ".join(sorted(rows or unknown))
    raise SpecError(
        f"the model cannot be saved: it holds {named}"
        + (", which keeps the training rows themselves" if rows else ""),
        where=where,
        expected="types on the list that cityai loads again (scikit-learn, LightGBM, CatBoost)",
        next_step=_NEXT,
    )


def _refuse_lightgbm(estimator: Any, where: str) -> None:
    if callable(estimator.get_params().get("objective")):
        raise SpecError(
            f"the {type(estimator).__name__} cannot be saved: its objective is a function",
            where=where,
            expected="an objective that LightGBM names, such as 'poisson'",
            next_step="name one of LightGBM's own objectives",
        )


def _load_catboost(content: bytes) -> Any:
    from catboost import CatBoostClassifier, CatBoostRegressor

    model = CatBoostRegressor()
    model.load_model(blob=content)
    if model._object._get_loss_function_name() in ("Logloss", "CrossEntropy"):
        model = CatBoostClassifier()
        model.load_model(blob=content)
    return model


def _walk_types(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if "__class__" in node and "__module__" in node:
            yield f"{node['__module__']}.{node['__class__']}"
        for part in node.values():
            yield from _walk_types(part)
    elif isinstance(node, list):
        for part in node:
            yield from _walk_types(part)


def _settle_archive(content: bytes) -> bytes:
    """Write an archive of skops anew, without the clock and the addresses of memory in it."""
    names: dict[str, str] = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    schema = re.sub(
        r'("__id__": |"file": ")([\w-]+)',
        lambda found: found[1] + names.setdefault(found[2], str(len(names) + 1)),
        files.pop("schema.json").decode(),
    )
    parts = {f"{names[n[:-4]]}{n[-4:]}": data for n, data in files.items()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted({**parts, "schema.json": schema.encode()}.items()):
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
