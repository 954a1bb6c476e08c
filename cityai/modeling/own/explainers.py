"""Shapley values of any estimator: of trees, of a line, else by permutation within a budget.

Used inside closed processes alone. Whatever an explainer says is held against the prediction: one
whose parts do not add up to it is passed over, and the next one is tried.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cityai.modeling.calibration import to_log_odds
from cityai.modeling.own.formats import CATBOOST, LIGHTGBM, LoadedModel

Floats = npt.NDArray[np.float64]

BUDGET: Final = 2_000_000
"""Rows that the permutation explainer may ask the model about, in one explanation."""
MOST_BACKGROUND: Final = 20
"""Rows that stand for what is usual, in the permutation explainer."""
CHUNK: Final = 100_000
"""Rows that it asks about at once."""
CLOSE: Final = 1e-5
"""Largest difference between a score and the sum of its parts, relative to scores above 1."""


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Shapley values of some rows."""

    way: str
    """Which explainer: ``trees``, ``linear`` or ``permutation``."""
    values: Floats
    """Shape (n, F), in the scale of the raw score."""
    base: Floats
    raw: Floats
    """Shape (n,)."""
    link: str
    """``identity``, ``log`` or ``logit``."""


def explain_rows(
    model: LoadedModel,
    table: pd.DataFrame,
    background: pd.DataFrame,
    *,
    probability: bool,
    seed: int,
) -> Parts | None:
    """Explain predictions by the explainer that fits the model; None where none does.

    Trees: Lundberg et al. 2020, doi:10.1038/s42256-019-0138-9. A line, and permutation: Lundberg &
    Lee 2017.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for way, explainer in _WAYS.items():
            try:
                found = explainer(model, table, background)
            except Exception:  # noqa: S112 - shap has no error of its own for "not this model"
                continue
            parts = _hold(way, *found, model.predict(table, probability), probability)
            if parts is not None:
                return parts
        return _permute(model, table, background, probability, seed)


def _hold(
    way: str, values: Floats, base: Floats, predicted: Floats, probability: bool
) -> Parts | None:
    """Return the parts in the scale in which they add up to the prediction; None in no scale."""
    total = base + values.sum(axis=1)
    links: Mapping[str, Callable[[], Floats]] = (
        {"logit": lambda: to_log_odds(predicted)}
        if probability
        else {
            "identity": lambda: predicted,
            "log": lambda: np.log(np.where(predicted > 0, predicted, np.nan)),
        }
    )
    for link, score in links.items():
        raw = score()
        if (np.abs(total - raw) <= CLOSE * np.maximum(np.abs(raw), 1.0)).all():
            return Parts(way, values, base, total, link)
    return None


def _explain_trees(
    model: LoadedModel, table: pd.DataFrame, background: pd.DataFrame
) -> tuple[Floats, Floats]:
    import shap

    if model.kind in (LIGHTGBM, CATBOOST):
        explainer = shap.TreeExplainer(model.estimator)
        return _read_shap(explainer.shap_values(table), explainer.expected_value)
    steps, last = _part(model.estimator)
    columns, _ = _transform(steps, table, background)
    explainer = shap.TreeExplainer(last)
    values, base = _read_shap(explainer.shap_values(columns), explainer.expected_value)
    return _gather(values, _find_owners(steps, table, background)), base


def _explain_line(
    model: LoadedModel, table: pd.DataFrame, background: pd.DataFrame
) -> tuple[Floats, Floats]:
    import shap

    steps, last = _part(model.estimator)
    columns, usual = _transform(steps, table, background)
    explainer = shap.LinearExplainer(last, shap.maskers.Independent(usual, max_samples=len(usual)))
    values, base = _read_shap(explainer.shap_values(columns), explainer.expected_value)
    return _gather(values, _find_owners(steps, table, background)), base


_WAYS: Final = {"trees": _explain_trees, "linear": _explain_line}


def _permute(
    model: LoadedModel, table: pd.DataFrame, background: pd.DataFrame, probability: bool, seed: int
) -> Parts | None:
    """Explain by antithetic permutation, as shap's does row by row, for many rows at once.

    Each row's features are set to their own values one after the other, in an order that is drawn,
    and then in the reverse order; what is not set yet is as in the background, on average.
    """
    rows, count = table.shape
    asked = 2 * max(count, 1) * max(rows, 1)
    if not count or asked > BUDGET or background.empty:
        return None
    size = min(MOST_BACKGROUND, BUDGET // asked, len(background))
    usual = _encode(background.iloc[np.linspace(0, len(background) - 1, size).astype(np.int64)])
    codes, draw = _encode(table), np.random.default_rng(seed)
    values, base, raw = np.empty((rows, count)), np.empty(rows), np.empty(rows)
    step = max(CHUNK // (2 * count * size), 1)
    for begin in range(0, rows, step):
        here = codes[begin : begin + step]
        rank = draw.permuted(np.tile(np.arange(count), (len(here), 1)), axis=1)
        scores = []
        for place in (rank, count - 1 - rank):
            known = place[:, None, :] < np.arange(count + 1)[None, :, None]
            mixed = np.where(known[:, :, None, :], here[:, None, None, :], usual)
            frame = _decode(mixed.reshape(-1, count), table)
            predicted = np.asarray(model.predict(frame, probability), dtype=np.float64)
            score = to_log_odds(predicted) if probability else predicted
            means = score.reshape(len(here), count + 1, size).mean(axis=2)
            gained = np.diff(means, axis=1)
            scores.append(np.take_along_axis(gained, place, axis=1))
        at = slice(begin, begin + len(here))
        values[at] = np.mean(scores, axis=0)
        base[at], raw[at] = means[:, 0], means[:, -1]
    return Parts("permutation", values, base, raw, "logit" if probability else "identity")


def _part(estimator: Any) -> tuple[Any, Any]:
    """Part a pipeline into what prepares the features and what predicts."""
    if hasattr(estimator, "steps"):
        return (estimator[:-1] if len(estimator.steps) > 1 else None), estimator.steps[-1][1]
    return None, estimator


def _transform(steps: Any, table: pd.DataFrame, background: pd.DataFrame) -> tuple[Floats, Floats]:
    if steps is None:
        return _encode(table), _encode(background)
    made = steps.transform(pd.concat([table, background], ignore_index=True))
    dense = np.asarray(made.toarray() if hasattr(made, "toarray") else made, dtype=np.float64)
    return dense[: len(table)], dense[len(table) :]


def _find_owners(steps: Any, table: pd.DataFrame, background: pd.DataFrame) -> Floats:
    """Return which feature each prepared column comes from, shape (columns, F), 1 or 0.

    A feature's values are dealt out anew: the columns that change are its own.

    Raises
    ------
    ValueError
        When a column comes from several features, so that its part is nobody's.
    """
    whole = pd.concat([table, background], ignore_index=True)
    if steps is None:
        return np.eye(whole.shape[1])
    before, _ = _transform(steps, whole, whole.iloc[:0])
    owners = np.zeros((before.shape[1], whole.shape[1]))
    turned = np.random.default_rng(0).permutation(len(whole))
    for place, name in enumerate(whole.columns):
        moved = whole.assign(**{name: whole[name].iloc[turned].reset_index(drop=True)})
        after, _ = _transform(steps, moved, moved.iloc[:0])
        owners[:, place] = ((before != after) & ~(np.isnan(before) & np.isnan(after))).any(axis=0)
    if (owners.sum(axis=1) > 1).any():
        raise ValueError("a column is made of several features")
    return owners


def _gather(values: Floats, owners: Floats) -> Floats:
    """Add the parts of prepared columns up by feature; columns of nobody must have none."""
    if np.abs(values[:, owners.sum(axis=1) == 0]).max(initial=0.0) > CLOSE:
        raise ValueError("a column of no feature has a part")
    return np.asarray(values @ owners)


def _read_shap(values: Any, base: Any) -> tuple[Floats, Floats]:
    """Return values of shape (n, F) and the base, of the yes where there are two classes."""
    found, start = np.asarray(values, dtype=np.float64), np.ravel(np.asarray(base, np.float64))
    if found.ndim == 3:
        found = found[:, :, -1]
    return found, np.full(len(found), start[-1])


def _encode(table: pd.DataFrame) -> Floats:
    """Return a table as numbers: categories as their codes."""
    columns = [
        c.cat.codes.to_numpy(np.float64)
        if isinstance(c.dtype, pd.CategoricalDtype)
        else c.to_numpy(np.float64)
        for _, c in table.items()
    ]
    return np.column_stack(columns) if columns else np.empty((len(table), 0))


def _decode(codes: Floats, like: pd.DataFrame) -> pd.DataFrame:
    """Return the table that `_encode` made numbers of."""
    made: dict[str, object] = {}
    for place, (name, column) in enumerate(like.items()):
        values = codes[:, place]
        made[str(name)] = (
            pd.Categorical.from_codes(values.astype(np.int64), dtype=column.dtype)
            if isinstance(column.dtype, pd.CategoricalDtype)
            else values
        )
    return pd.DataFrame(made)
