"""Calibration curve: probabilities beside outcomes, by band of probability."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import pandas as pd
from scipy.stats import norm

from cityai.assessment.metrics.calibration import cut_bands
from cityai.disclosure.apply_rounding import COARSE
from cityai.disclosure.primary_suppression import hide_cells, is_few
from cityai.i18n.frames import choose_texts, make_frame
from cityai.i18n.messages import say
from cityai.records.metric import Floats

SMALL_BAND: Final = say(
    "Not shown: fewer than {least} people or events, or a band that would reveal one."
)

CURVE_COLUMNS: Final = [
    "band",
    "score_low",
    "score_high",
    "n",
    "yes",
    "mean_score",
    "outcome_share",
    "low",
    "high",
    "chance",
    "reason",
]
"""Columns of a calibration curve."""
COUNTED: Final = ["n", "yes", "outcome_share", "low", "high"]
"""Those of a band that may be hidden."""


def draw_curve(
    truth: Floats, chance: Floats, least: int, confidence: float, weight: Floats | None = None
) -> pd.DataFrame:
    """Compare probabilities with outcomes by band of probability, each with as many cases.

    Parameters
    ----------
    truth, chance, weight
        As for `fit_outcomes`.
    least : int
        Bands with fewer yes or no, but some, are not shown.
    confidence : float
        Of the interval of each band's share (Wilson 1927).

    Returns
    -------
    pandas.DataFrame
        `CURVE_COLUMNS`; `chance` is how far the two shares of a band lie apart on average when
        every probability holds exactly. Empty when there are too few cases for two bands.
    """
    part = np.ones(len(truth)) if weight is None else weight
    band, count = cut_bands(truth, chance, part)
    if count < 2:
        return pd.DataFrame(columns=CURVE_COLUMNS)

    def add(values: Floats) -> Floats:
        return np.bincount(band, weights=part * values, minlength=count).astype(np.float64)

    n, yes = add(np.ones(len(truth))), add(truth)
    mean, share = add(chance) / n, yes / n
    noise = np.sqrt(np.bincount(band, weights=part**2 * chance * (1 - chance), minlength=count))
    low, high = bound_share(share, n, confidence)
    edges = pd.Series(chance).groupby(band)
    small = is_few(yes, least) | is_few(n - yes, least)
    hidden = hide_cells(yes, small, least)
    table = make_frame(
        {
            "band": np.arange(1, count + 1),
            "score_low": edges.min().to_numpy(),
            "score_high": edges.max().to_numpy(),
            "n": n,
            "yes": yes,
            "mean_score": mean,
            "outcome_share": share,
            "low": low,
            "high": high,
            "chance": noise / n * math.sqrt(2 / math.pi),
            "reason": choose_texts(hidden, SMALL_BAND.format(least=least), ""),
        }
    )
    table.loc[hidden, COUNTED] = np.nan
    return table


def hide_bands(curve: pd.DataFrame) -> pd.DataFrame:
    """Hide every band of a curve, with the reason."""
    return curve.assign(**dict.fromkeys(COUNTED, np.nan), reason=COARSE)


def bound_share(share: Floats, count: Floats, confidence: float) -> tuple[Floats, Floats]:
    """Bound shares by Wilson's interval (1927, doi:10.1080/01621459.1927.10502953)."""
    z = float(norm.ppf((1 + confidence) / 2))
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2)) / (1 + z**2 / count)
    return middle - half, middle + half
