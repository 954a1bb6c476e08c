"""Tidy frames of a result: one row a figure, one row a prediction, every column documented."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import pandas as pd

from cityai.columns import BASELINE, CANDIDATE, EVERYWHERE, FORECAST

if TYPE_CHECKING:
    from cityai.assessment.audit import Audit
    from cityai.assessment.evaluate import Evaluation
    from cityai.config.project import AuditableSpec
    from cityai.records.predictions import Predictions

FIGURES: Final = {
    "source": "`evaluation` (how good) or `audit` (for whom)",
    "model": "`forecast`, `baseline.<name>` or `candidate.<name>`; the audit's are the forecast's",
    "metric": "name of the metric",
    "unit": "`share`, `ratio`, `days`, or the unit of what is predicted",
    "dimension": "what cuts the rows: `overall`, `fold`, `step`, `area`, `entity`, or a dimension "
    "of the audit (pairs are `a * b`)",
    "group": "the slice of it, or the group",
    "value": "the figure; NaN where it is hidden or undefined, and `reason` says which",
    "low": "lower end of its own interval",
    "high": "upper end",
    "n": "rows behind it",
    "reference": "what its gap is to: everyone, or a group",
    "gap": "value less the reference's",
    "gap_low": "lower end of the interval that decided",
    "gap_high": "upper end",
    "limit": "largest gap that is allowed",
    "status": "`pass`, `fail`, `not enough evidence`, `suppressed`, `not applicable`",
    "grade": "how sure: within, beyond, leans beyond, a gap of open size, no gap seen",
    "served": "whether the group is served worse or better, where the metric says it",
    "reason": "why there is no value or no verdict, in a sentence",
}
"""Columns of `Result.figures`."""
PREDICTIONS: Final = {
    "fold": "test fold, from 1 (the oldest)",
    "entity_id": "what the prediction is about",
    "area_id": "the area that it lies in",
    "case_id": "the case, of a list",
    "as_of": "moment at which it was asked",
    "step": "periods ahead, from 1",
    "period": "index of the period that is predicted",
    "period_start": "its first day",
    "occurred_at": "when the case takes place",
    "slot": "index of the stretch that a capacity holds for",
    "slot_start": "its first moment",
    "asked": "day from which a given outcome is counted",
    "y_true": "what came to pass: an amount, or 1 and 0",
    "y_pred": "the forecast, or the probability (given: the score)",
    "y_low": "lower end of the forecast's range",
    "y_high": "upper end",
    "scale": "denominator of MASE",
    "decision": "1 where the case is selected, else 0",
    "baseline.<name>": "what a baseline says: an amount, or a score to rank by",
    "candidate.<name>": "what one candidate says",
}
"""Columns of `Result.predictions`; each kind of question has some of them."""
HIDDEN: Final = "Not shown on the card."


def tabulate_figures(evaluation: Evaluation, audit: Audit, spec: AuditableSpec) -> pd.DataFrame:
    """Return every figure of a result, one row each, with the columns `FIGURES`.

    What the audit keeps out of the evaluation's figures is NaN here too.
    """
    from cityai.card.draft.values import unit_of

    good = evaluation.metrics.rename(columns={"slice_kind": "dimension", "slice": "group"})
    good = good.assign(source="evaluation", group=good["group"].astype(str))
    keys = zip(audit.withheld["kind"], audit.withheld["slice"].astype(str), strict=True)
    withheld = set(keys)
    whole = (EVERYWHERE, EVERYWHERE) in withheld
    pairs = zip(good["dimension"], good["group"], strict=True)
    hidden = [whole or pair in withheld for pair in pairs]
    good.loc[hidden, ["value", "low", "high"]] = math.nan
    good.loc[hidden, "reason"] = HIDDEN
    known = set(good.loc[good["dimension"] == EVERYWHERE, "metric"])
    table = audit.table
    again = (table["dimension"] == EVERYWHERE) & table["metric"].isin(known)
    served = table[~again].assign(source="audit", model=FORECAST)
    found = pd.concat([good, served], ignore_index=True)
    units = {str(name): unit_of(str(name), spec) for name in found["metric"].unique()}
    found = found.assign(unit=found["metric"].map(units)).reindex(columns=list(FIGURES))
    texts = ["reference", "status", "grade", "served", "reason"]
    return found.fillna(dict.fromkeys(texts, ""))


def list_predictions(predictions: Predictions) -> pd.DataFrame:
    """Return every prediction of the test folds, one row each, with columns of `PREDICTIONS`."""
    table = predictions.table
    models = [c for c in table if str(c).startswith((BASELINE, CANDIDATE))]
    return table[[*(c for c in PREDICTIONS if c in table), *models]].copy()
