"""How well a score ranks those with the outcome above those without (AUC): a figure, no verdict.

It is no ratio of sums, so it has an interval of its own for each group and no gap.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from cityai.assessment import sentences as say
from cityai.assessment.scored import Scored
from cityai.assessment.views import View
from cityai.columns import EVERYWHERE
from cityai.findings import Status

NAME = "auc"
LEAST = 10
"""Fewer with the outcome, or fewer without it, give no interval."""


def rank_groups(
    scored: Scored, views: Sequence[View], confidence: float, least: float
) -> pd.DataFrame:
    """Compute the area under the ROC curve by group.

    Parameters
    ----------
    scored : Scored
        Rows of a yes or no; amounts give an empty frame.
    views : sequence of View
        What is looked at. Groups of residents hold no single rows, so they have no figure.
    confidence : float
        Of each interval.
    least : float
        The policy's threshold.

    Returns
    -------
    pandas.DataFrame
        Rows as in `Audit.table`, without gap, limit or verdict.
    """
    names = scored.sums.names
    if "with_score" not in names:
        return pd.DataFrame()
    score, usable, yes = (
        scored.sums.values[:, names.index(n)] for n in ("any_score", "with_score", "outcomes")
    )
    known = (usable > 0) & (scored.sums.values[:, names.index("known")] > 0)
    unit = pd.factorize(scored.unit, sort=True)[0][known]
    repeated = scored.entity is not None and len(np.unique(scored.entity[known])) < len(unit)
    rows = [
        row
        for view in views
        for row in _rank_view(
            view, unit, score[known], yes[known] > 0, confidence, least, repeated=repeated
        )
    ]
    return pd.DataFrame(rows)


def compute_auc(score: np.ndarray, yes: np.ndarray) -> tuple[float, float]:
    """Compute the area under the ROC curve and its standard error.

    Parameters
    ----------
    score : numpy.ndarray
        (rows,) float64, higher is likelier; equal scores count half.
    yes : numpy.ndarray
        (rows,) bool.

    Returns
    -------
    tuple of float
        NaN, NaN without both kinds; a NaN error with fewer than two of a kind.

    Notes
    -----
    The error is that of DeLong, DeLong and Clarke-Pearson (1988, Biometrics 44(3)), by midranks
    (Sun and Xu 2014, IEEE Signal Processing Letters 21(11)). Rows are taken as independent.
    """
    above, below = score[yes], score[~yes]
    if not len(above) or not len(below):
        return math.nan, math.nan
    rank = stats.rankdata(score)
    over_below = (rank[yes] - stats.rankdata(above)) / len(below)
    under_above = 1 - (rank[~yes] - stats.rankdata(below)) / len(above)
    area = float(over_below.mean())
    if min(len(above), len(below)) < 2:
        return area, math.nan
    variance = over_below.var(ddof=1) / len(above) + under_above.var(ddof=1) / len(below)
    return area, math.sqrt(variance)


def _rank_view(
    view: View,
    unit: np.ndarray,
    score: np.ndarray,
    yes: np.ndarray,
    confidence: float,
    least: float,
    *,
    repeated: bool,
) -> list[dict[str, object]]:
    whole = bool(np.isin(view.weights, (0.0, 1.0)).all())
    group = view.weights.argmax(axis=1)[unit] if whole else np.full(len(unit), -1)
    order = np.argsort(group, kind="stable")
    ends = np.searchsorted(group[order], np.arange(len(view.groups) + 1))
    rows = []
    for g, name in enumerate(view.groups):
        held = order[ends[g] : ends[g + 1]]
        row: dict[str, object] = {
            "dimension": view.dimension,
            "group": name,
            "metric": NAME,
            **dict.fromkeys(("value", "low", "high"), math.nan),
            "reference": EVERYWHERE,
            **dict.fromkeys(("reference_value", "gap", "gap_low", "gap_high"), math.nan),
            "limit": math.nan,
            **dict.fromkeys(("n", "amount", "size", "blocks"), math.nan),
            "status": Status.NOT_APPLICABLE.value,
            "reason": say.EMPTY,
            "more_blocks": math.nan,
        }
        if view.hidden[g]:
            hidden = say.SUPPRESSED.format(least=least)
            rows.append(row | {"status": Status.SUPPRESSED.value, "reason": hidden})
            continue
        row |= {"n": float(view.n[g]), "amount": float(view.amount[g]), "size": float(len(held))}
        if not whole:
            row["reason"] = say.NO_RANKING_OF_SHARES
        elif view.n[g] > 0:
            place = name if view.dimension == EVERYWHERE else f"{view.label}, {name}"
            row |= _rank_group(place, score[held], yes[held], confidence, repeated=repeated)
        rows.append(row)
    return rows


def _rank_group(
    place: str, score: np.ndarray, yes: np.ndarray, confidence: float, *, repeated: bool
) -> dict[str, object]:
    if not len(score):
        return {"reason": say.NO_RANKING.format(reason="no score with a known outcome is here")}
    if yes.all() or not yes.any():
        nobody = "nobody here is without the outcome" if yes.all() else "nobody here had it"
        return {"reason": say.NO_RANKING.format(reason=nobody)}
    area, error = compute_auc(score, yes)
    few = min(int(yes.sum()), int((~yes).sum())) < LEAST
    reach = 0.0 if few or repeated else float(stats.norm.ppf((1 + confidence) / 2)) * error
    margin = reach if reach > 0 else math.nan
    return {
        "value": area,
        "low": max(area - margin, 0.0) if margin > 0 else math.nan,
        "high": min(area + margin, 1.0) if margin > 0 else math.nan,
        "blocks": float(len(score)),
        "reason": say.RANKED.format(
            place=place,
            value=f"{area:.1%}" if len(score) >= say.FEW_FOR_DECIMALS else f"{area:.0%}",
        ),
    }
