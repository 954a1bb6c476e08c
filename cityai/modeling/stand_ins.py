"""Where a baseline has nothing to repeat, and another stands in for it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from cityai.columns import AS_OF, ENTITY, STEP
from cityai.modeling.folds import Fold
from cityai.modeling.forecasters.baselines import find_lagged
from cityai.modeling.forecasters.series import SeriesModel
from cityai.modeling.layouts.dense import DenseRows

KEYS = [ENTITY, AS_OF, STEP]


def count_stand_ins(
    source: DenseRows, folds: Iterable[Fold], scored: pd.DataFrame
) -> dict[str, int]:
    """Count the forecasts for which the history holds nothing that a baseline could repeat.

    Returns
    -------
    dict of str to int
        By the baseline's name; of those that repeat a value.
    """
    models = [m for m in source.baselines if isinstance(m, SeriesModel) and m.lag]
    lacking: dict[str, list[pd.DataFrame]] = {model.name: [] for model in models}
    rows = source.rows.table[KEYS]
    for fold in folds:
        here = source.find_tested(fold)
        for model in models:
            found = find_lagged(source.read_history(model, fold), model.lag)
            lacking[model.name].append(rows.iloc[here[np.isnan(source.pick_rows(found, fold))]])
    return {name: len(_keep(pd.concat(rows), scored)) for name, rows in lacking.items()}


def _keep(rows: pd.DataFrame, scored: pd.DataFrame) -> pd.DataFrame:
    return rows.astype({ENTITY: "str"}).merge(scored[KEYS], on=KEYS)
