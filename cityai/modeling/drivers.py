"""Feature attributions: what moved single predictions, feature by feature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cityai.columns import AS_OF, CASE, ENTITY, FOLD, STEP
from cityai.modeling.backtest import Backtest
from cityai.modeling.final import FinalModel
from cityai.modeling.forecasters.formats import load_learner
from cityai.modeling.forecasters.protocol import Contributions, SavedModel, list_features

if TYPE_CHECKING:
    from cityai.data.rows import Rows

BACKGROUND: Final = 4000
"""Latest earlier rows that tell what is usual, and which features move together."""


@dataclass(frozen=True, slots=True, eq=False)
class Drivers:
    """What moved each prediction."""

    parts: pd.DataFrame
    """Shape (n, F): each feature's part of the prediction's distance from its starting point; empty
    when no part of the model can be taken apart."""
    data: pd.DataFrame
    """Shape (n, F): the features' values."""
    background: pd.DataFrame
    """Values of the same features in other rows, to see which move together."""
    labels: dict[str, str]
    """Words for readers, by feature."""
    weight: float
    """Share of the prediction that is explained this way."""


def explain_blend(
    models: Sequence[SavedModel],
    weights: Mapping[str, float],
    table: pd.DataFrame,
    background: pd.DataFrame,
) -> tuple[Contributions | None, float]:
    """Explain the learners of a blend together, weighed among each other as the blend weighs them.

    Parameters
    ----------
    models : sequence of SavedModel
        The learners.
    weights : mapping of str to float
        Weight of each candidate in the blend.
    table, background : pandas.DataFrame
        Rows to explain, and rows that tell what is usual; all that the learners predict from.

    Returns
    -------
    Contributions or None
        None when no learner can be explained.
    float
        Weight in the blend of what is explained.

    Notes
    -----
    Shapley values of a weighted sum are the weighted sums of those of its parts. Learners whose raw
    scores are of different scales are added in the target's unit.
    """
    used = [m for m in models if weights.get(m.candidate, 0.0) > 0] or list(models)
    tried = [(m, load_learner(m).explain(table, background)) for m in used]
    found = [(m, part) for m, part in tried if part is not None]
    total = float(sum(weights.get(m.candidate, 0.0) for m, _ in found))
    if len(found) < 2:
        return (found[0][1] if found else None), total
    alike = len({part.link for _, part in found}) == 1 and found[0][1].link != "log"
    parts = [part if alike else part.in_unit() for _, part in found]
    equal = 1.0 / len(found)
    shares = [weights[m.candidate] / total if total else equal for m, _ in found]
    names = list(list_features([m for m, _ in found]))
    pairs = list(zip(parts, shares, strict=True))
    tables = [part.values.reindex(columns=names, fill_value=0.0) * s for part, s in pairs]
    return (
        Contributions(
            values=pd.DataFrame(sum(tables[1:], start=tables[0])),
            base=np.sum([part.base * s for part, s in pairs], axis=0),
            raw=np.sum([part.raw * s for part, s in pairs], axis=0),
            link=parts[0].link,
            level=parts[0].level,
        ),
        total,
    )


def find_drivers(
    model: FinalModel, frame: pd.DataFrame, background: pd.DataFrame, labels: Mapping[str, str]
) -> Drivers:
    """Return what moved each prediction of a model; rows in the order of `frame`."""
    names = list(model.feature_names)
    found, weight = explain_blend(model.models, model.blend, frame, background)
    if found is None:
        return _explain_nothing(len(frame))
    factor: float | np.ndarray = weight
    if model.corrections:
        own = frame[ENTITY].astype("str").map(model.corrections).fillna(1.0)
        factor = weight * own.to_numpy(np.float64)
    return Drivers(
        found.to_unit().mul(factor, axis=0).reset_index(drop=True),
        frame[names].reset_index(drop=True),
        background[names].reset_index(drop=True),
        dict(labels),
        weight,
    )


def explain_past(table: pd.DataFrame, backtest: Backtest, rows: Rows) -> Drivers:
    """Return what moved past predictions, each by the model of its own test fold.

    Parameters
    ----------
    table : pandas.DataFrame
        Rows of the test folds: ``fold``, and ``case_id`` or ``as_of``, ``entity_id`` and ``step``.
    backtest : Backtest
        Its `models`.
    rows : Rows
        The same rows and others, with their features.
    """
    frame = find_rows(table, rows)
    names = list(list_features([saved for model in backtest.models for saved in model.models]))
    parts, weights = [], []
    for fold, model in zip(backtest.folds.test, backtest.models, strict=True):
        here = np.flatnonzero(table[FOLD].to_numpy() == fold.number)
        if not len(here):
            continue
        own = frame.iloc[here]
        earlier = rows.table[rows.table[AS_OF] < own[AS_OF].min()].tail(BACKGROUND)
        usual = rows.table.tail(BACKGROUND) if earlier.empty else earlier
        found = find_drivers(model, own, usual, rows.labels)
        parts.append(found.parts.set_axis(here))
        weights.append(found.weight)
    if not parts or not any(weights):
        return _explain_nothing(len(table))
    return Drivers(
        pd.concat(parts).reindex(index=range(len(table)), columns=names).fillna(0.0),
        frame[names],
        rows.table[names].tail(BACKGROUND).reset_index(drop=True),
        dict(rows.labels),
        float(np.mean(weights)),
    )


def _explain_nothing(rows: int) -> Drivers:
    none = pd.DataFrame(index=range(rows))
    return Drivers(none, none, none, {}, 0.0)


def find_rows(table: pd.DataFrame, rows: Rows) -> pd.DataFrame:
    """Return the rows that a table of predictions names, in its order; errors as `place_rows`."""
    return rows.table.iloc[place_rows(table, rows)].reset_index(drop=True)


def place_rows(table: pd.DataFrame, rows: Rows) -> npt.NDArray[np.intp]:
    """Return the places of the rows that a table of predictions names, in its order.

    Raises
    ------
    KeyError
        When one of them is not there.
    """
    keys = [CASE] if CASE in rows.table else [AS_OF, ENTITY, STEP]
    texts = dict.fromkeys((name for name in keys if name in (CASE, ENTITY)), "str")
    wanted, known = (
        pd.MultiIndex.from_frame(frame[keys].astype(texts)) for frame in (table, rows.table)
    )
    place: npt.NDArray[np.intp] = known.get_indexer(wanted)
    if (place < 0).any():
        raise KeyError(f"{(place < 0).sum():,} predictions have no row of features")
    return place
