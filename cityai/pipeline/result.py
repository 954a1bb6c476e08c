"""What a run leaves, as frozen records."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pandas as pd

from cityai.columns import BASELINE, CANDIDATE, EVERYWHERE, FORECAST
from cityai.config.load import Project
from cityai.errors import TimeError
from cityai.findings import Finding, Status, count_statuses
from cityai.notebook import write_page

if TYPE_CHECKING:
    from cityai.assessment.audit import Audit
    from cityai.assessment.evaluate import Evaluation
    from cityai.assessment.explain import Explanation
    from cityai.assessment.foresight import Foresight
    from cityai.assessment.metric_frame import MetricFrame
    from cityai.assessment.mitigation import Mitigation
    from cityai.assessment.proxies import Proxies
    from cityai.card.record import CardRecord
    from cityai.config.project import AuditableSpec, BaseProjectSpec
    from cityai.data.quality import QualityReport
    from cityai.modeling.backtest import Backtest
    from cityai.modeling.folds import Folds
    from cityai.pipeline.pictures import Shown
    from cityai.records.groups import Groups
    from cityai.records.predictions import Predictions


FIGURES: Final = {
    "source": "`evaluation` (how good) or `audit` (for whom)",
    "model": "`forecast`, `baseline.<name>` or `candidate.<name>`; the audit's are the forecast's",
    "metric": "name of the metric",
    "unit": "`share`, `ratio`, `days`, or the unit of what is predicted",
    "dimension": "what cuts the rows: `overall`, `fold`, `step`, `area` and `entity` (of the "
    "forecast alone), or a dimension of the audit (pairs are `a * b`)",
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


@dataclass(frozen=True)
class TimeChecks:
    """What the features' own checks found."""

    findings: tuple[Finding, ...]


def refuse_future(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Raise where a check of time failed: nothing is fitted on what was not known yet."""
    for finding in findings:
        if finding.status is Status.FAIL and finding.code in ("time.truncation", "time.folds"):
            raise TimeError(
                finding.reason,
                where=finding.code,
                expected="only what was known before the question was asked",
                next_step="leave the feature out (`features.exclude`), or correct `features.py`",
            )
    return findings


@dataclass(frozen=True, repr=False)
class Result:
    """What a run leaves. Every record is frozen; its class documents its tables.

    Attributes
    ----------
    project : Project
        What was asked.
    quality, backtest, groups, evaluation, audit, explanation, card
        The stages' records; no explanation where nothing was fitted.
    findings : tuple of Finding
        All findings, the gravest first.
    seconds : dict of str to float
        Wall-clock seconds of the stages that were made, and of "the rest" (waiting, reading what
        was saved): together the whole run.
    card_path : Path
        The published page.
    mlflow_run_id : str
        The run in MLflow.
    mitigation : Mitigation or None
        What was tried to close a gap, where the project names one.
    proxies : Proxies or None
        How well the inputs recover the groups.
    """

    project: Project[AuditableSpec]
    quality: QualityReport
    backtest: Backtest
    groups: Groups
    evaluation: Evaluation
    audit: Audit
    explanation: Explanation | None
    card: CardRecord
    findings: tuple[Finding, ...]
    seconds: dict[str, float]
    card_path: Path
    mlflow_run_id: str
    mitigation: Mitigation | None = None
    proxies: Proxies | None = None

    def __repr__(self) -> str:
        """Return one line; the tables inside are attributes."""
        return f"Result({self.project.spec.name}: {self._count_findings()}; {self.card_path})"

    @property
    def figures(self) -> pd.DataFrame:
        """Every figure, tidy: one row a model, metric and group.

        Returns
        -------
        pandas.DataFrame
            The columns of `FIGURES`: ``source``, ``model``, ``metric``,
            ``unit``, ``dimension``, ``group``, ``value``, ``low``, ``high``, ``n``,
            ``reference``, ``gap``, ``gap_low``, ``gap_high``, ``limit``, ``status``, ``grade``,
            ``served``, ``reason``. What the audit withholds is NaN. Not for publication.
        """
        return _tabulate_figures(self.evaluation, self.audit, self.project.spec)

    @property
    def predictions(self) -> pd.DataFrame:
        """Every prediction of the test folds beside what came to pass, tidy: one row each.

        Returns
        -------
        pandas.DataFrame
            Those of the columns of `PREDICTIONS` that the kind of question
            has: ``fold``, ``entity_id``, ``as_of``, ``y_true``, ``y_pred``, every
            ``baseline.<name>`` and ``candidate.<name>``, and others. Not for publication.
        """
        return _list_predictions(self.backtest.predictions)

    def metric_frame(
        self, by: str, metrics: Mapping[str, Callable[..., float]] | None = None
    ) -> MetricFrame:
        """Return fairlearn's MetricFrame of one dimension (see `build_metric_frame`)."""
        from cityai.assessment.metric_frame import build_metric_frame

        return build_metric_frame(self.backtest.predictions, self.groups, by, metrics)

    @property
    def verdict(self) -> Shown:
        """The verdict in its box, as the card says it first."""
        from cityai.pipeline.pictures import box_verdict

        return box_verdict(self.card)

    @property
    def worst(self) -> str:
        """The sentence on the group that is served worst; empty where no gap is shown."""
        from cityai.pipeline.pictures import tell_worst

        return tell_worst(self.card)

    def show(self, *names: str) -> Shown:
        """Show the first of some of the card's pictures that there is (see `draw_figures`)."""
        from cityai.pipeline.cards import open_outlines
        from cityai.pipeline.pictures import show_pictures

        return show_pictures(self.card, open_outlines(self.project), *names)

    def _count_findings(self) -> str:
        counts = count_statuses(f.status for f in self.findings)
        return ", ".join(f"{n} {name}" for name, n in counts.items() if n)

    def _repr_html_(self) -> str:
        """Return what a notebook shows: what the card says first, and where it is."""
        failed = [f for f in self.findings if f.status in (Status.FAIL, Status.ERROR)]
        return write_page(
            self.card.record.title,
            {
                "How good": self.card.eval.in_words,
                "For whom": self.card.fairness.in_words,
                "Failed": [f"{f.title}: {f.reason}" for f in failed],
                "Findings": [self._count_findings()],
                "Card": [self.card_path.as_uri()],
                "MLflow": [f"run {self.mlflow_run_id}"],
            },
        )


@dataclass(frozen=True)
class Planned:
    """The windows of a backtest, and what they can decide."""

    folds: Folds
    foresight: Foresight


@dataclass(frozen=True)
class Checked:
    """What can be said of a project before anything is fitted."""

    project: Project[BaseProjectSpec]
    quality: QualityReport
    folds: Folds
    foresight: Foresight
    findings: tuple[Finding, ...]


def _tabulate_figures(evaluation: Evaluation, audit: Audit, spec: AuditableSpec) -> pd.DataFrame:
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


def _list_predictions(predictions: Predictions) -> pd.DataFrame:
    """Return every prediction of the test folds, one row each, with columns of `PREDICTIONS`."""
    table = predictions.table
    models = [c for c in table if str(c).startswith((BASELINE, CANDIDATE))]
    return table[[*(c for c in PREDICTIONS if c in table), *models]].copy()
