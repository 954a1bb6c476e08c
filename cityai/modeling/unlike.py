"""Whether rows that are asked about are like those that the model learnt from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from cityai.modeling.final import FinalModel

if TYPE_CHECKING:
    from cityai.data.rows import Rows

_MORE_GAPS: Final = 0.3
"""Share of rows by which gaps are more than before, from which it is told."""


def tell_unlike(
    final: FinalModel, rows: Rows, asked: pd.DataFrame, earlier: pd.DataFrame
) -> Iterator[str]:
    """Tell which texts the model never saw, and what is not known of far more rows than before."""
    known = final.categories
    for name, texts in known.items():
        cells = asked[name].dropna().astype(str)
        if len(strange := cells[~cells.isin(texts)]):
            yield (
                f"The model never saw '{strange.iloc[0]}' as {rows.labels.get(name, name)}, nor "
                f"what stands there in {len(strange):,} of {len(asked):,} rows: it predicts them "
                "as if nobody knew. If a code was renamed, write it as before, or run again when "
                "there is enough of it."
            )
    numbers = [name for name in rows.features if name not in known]
    if earlier.empty or not numbers:
        return
    gaps, usual = asked[numbers].isna().mean(), earlier[numbers].isna().mean()
    spread = np.sqrt(usual.clip(0.01, 0.99) * (1 - usual.clip(0.01, 0.99)) / len(asked))
    more = (gaps - usual)[(gaps - usual > _MORE_GAPS) & (gaps - usual > 4 * spread)]
    if len(more):
        first = str(more.idxmax())
        yield (
            f"Of {gaps[first]:.0%} of the {len(asked):,} rows it is not known: "
            f"{rows.labels.get(first, first)}. It was of {usual[first]:.0%} of the rows before; so "
            f"with {len(more):,} inputs in all. If ids are written otherwise than before, their "
            "past is not found."
        )
