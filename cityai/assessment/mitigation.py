"""The ways to close a gap, on the same folds: what each closes, for whom, and what it costs."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from cityai.assessment.decision import NEED, find_decision, require_plan, tell_option
from cityai.assessment.group_tables import gather_audit_data, tabulate_dimension
from cityai.assessment.metrics import find_metrics
from cityai.assessment.scored import score_predictions
from cityai.columns import ENTITY, EVERYWHERE, FOLD, Y_HIGH, Y_PRED
from cityai.errors import SpecError
from cityai.findings import Finding, Status
from cityai.i18n.frames import make_frame
from cityai.i18n.messages import say
from cityai.inference.equivalence import decide_margins
from cityai.inference.paired_difference import Change, measure_change
from cityai.modeling.corrections import Option, apply_correction, claim_capacity, learn_corrections
from cityai.modeling.options import NONE, OPTIONS
from cityai.modeling.parallel import run_tasks
from cityai.progress import counting
from cityai.records.audit_data import AuditData, Cells, GroupTable
from cityai.records.metric import Metric
from cityai.records.predictions import Predictions

if TYPE_CHECKING:
    from cityai.config.dimension import MitigationSpec
    from cityai.config.project import BaseProjectSpec
    from cityai.data.panel import Panel
    from cityai.modeling.backtest import Backtest
    from cityai.records.groups import Groups

ERROR: Final = "wape"
SHARED: Final = ("allocated", "unmet", "idle")
"""Sums that sharing the capacity otherwise changes."""
SOFT: Final = say(
    "It cannot be tried here: it takes one group for each place, and residents are mixed."
)
DO_NOTHING: Final = Option(
    NONE,
    say("Leave it as it is"),
    say("changes nothing"),
    False,
    lambda past, weights, reference: None,
)
OUTCOMES: Final = ("as it is", "closed", "narrowed", "not shown", "widened", "no interval")
"""What may become of a gap. Closed: it moved, and the interval of what remains holds 0."""


@dataclass(frozen=True, slots=True)
class Mitigation:
    """What was tried to close a gap, what it did, and what was chosen."""

    dimension: str
    label: str
    metric: str
    reference: str
    """The gap: of which groups, in which metric, to whom."""
    options: pd.DataFrame
    """One row an option and metric (the declared one, and `unmet_need`): `option`, `label`, `told`,
    `chosen`, `uses_groups`, `metric`, `cost_metric`, `group` (the one farthest behind before),
    `amount` (its outcomes), `before`, `after` (its gap), `closed` (how far it moved towards 0),
    `lost` (rise of the cost metric for the whole city), each with ``_low`` and ``_high``, `blocks`,
    `status` (of what remains, against the limit), `outcome` (of `OUTCOMES`), `reason` (a sentence).
    """
    groups: pd.DataFrame
    """One row an option, metric and group: `value_before`, `value_after`, and `before`, `after`,
    `closed` with their simultaneous intervals; NaN where suppressed (`status`)."""
    corrections: pd.DataFrame
    """`option`, `fold` (0 is the next, not yet asked), `entity_id`, `factor`, `boost`. Not for
    publication."""
    predictions: Predictions
    """The forecast with what was chosen."""
    findings: tuple[Finding, ...]
    """`mitigation.choice` and `mitigation.protected_attribute`."""


def apply_choice(backtest: Backtest, mitigation: Mitigation) -> Backtest:
    """Return the backtest with the chosen correction in its forecasts and its final model."""
    choice = mitigation.options.loc[mitigation.options["chosen"], "option"].iloc[0]
    own, factors = mitigation.corrections, {}
    if choice != "reallocate":
        ahead = own[(own["option"] == choice) & (own["fold"] == 0) & (own["boost"] == 0)]
        factors = dict(zip(ahead[ENTITY], ahead["factor"].astype(float), strict=True))
    final = replace(backtest.fitted, corrections=factors)
    return replace(backtest, predictions=mitigation.predictions, final=final)


def evaluate_mitigation(
    backtest: Backtest, panel: Panel, groups: Groups, spec: BaseProjectSpec
) -> Mitigation:
    """Try every option on the backtest's own folds, and apply the one that was chosen.

    At each fold an option is learnt from earlier origins' out-of-sample forecasts beside the
    totals that were mature then. Before and after are judged on the same periods, so the intervals
    of what is closed and what is lost pair them.

    Raises
    ------
    SpecError
        When the dimension is not declared, or the choice is not possible with its groups.
    """
    plan = require_plan(spec)
    membership = next(m for m in groups.memberships if m.dimension == plan.dimension)
    predictions = backtest.predictions
    metrics = {m.name: m for m in find_metrics("amount", baselines=predictions.baselines)}
    tests = backtest.folds.test
    at = panel.periods.index(pd.DatetimeIndex([fold.as_of for fold in tests])).tolist()
    origins = {fold.number: origin for fold, origin in zip(tests, at, strict=True)}
    origins[0] = panel.periods.count
    corrections = learn_corrections(
        backtest.out_of_sample, panel, membership, origins, OPTIONS, spec.models.threads
    )
    possible = set(corrections["option"])
    if plan.choice != NONE and plan.choice not in possible:
        raise SpecError(
            f"'{plan.choice}' cannot be used with the groups of '{plan.dimension}'",
            where="mitigation.choice",
            expected=f"one of {', '.join(['none', *sorted(possible)])}",
        )
    facts = gather_audit_data(score_predictions(predictions, spec), spec)
    trial = _Trial(
        facts,
        tabulate_dimension(membership, facts),
        [metrics[name] for name in dict.fromkeys((plan.metric, NEED))],
        metrics[ERROR],
        plan,
        spec.limits,
    )
    options, of_groups = [], []
    tried = (DO_NOTHING, *OPTIONS)
    tasks = (
        (option, trial, corrections[corrections["option"] == option.name], predictions, spec)
        for option in tried
    )
    judged = run_tasks(_judge_option, tasks, threads=spec.models.threads)
    for _, rows in zip(counting(tried), judged, strict=True):
        for row, by_group in rows:
            options.append(row)
            of_groups += by_group
    chosen = predictions
    if plan.choice in possible and plan.choice != "reallocate":
        chosen = apply_correction(predictions, corrections, plan.choice)
    table = make_frame(options)
    return Mitigation(
        plan.dimension,
        membership.label,
        plan.metric,
        membership.reference,
        table,
        make_frame(of_groups),
        corrections,
        chosen,
        find_decision(table, spec, plan),
    )


def _judge_option(
    option: Option,
    trial: _Trial,
    own: pd.DataFrame,
    predictions: Predictions,
    spec: BaseProjectSpec,
) -> list[tuple[dict[str, object], list[dict[str, object]]]]:
    """Try an option, whose own corrections are given, and judge it."""
    cells = _try_option(option.name, predictions, own, trial.facts, spec) if len(own) else None
    able = option.name == NONE or cells is not None
    return trial.judge(option, trial.facts.cells if cells is None else cells, able)


def _try_option(
    name: str,
    predictions: Predictions,
    own: pd.DataFrame,
    facts: AuditData,
    spec: BaseProjectSpec,
) -> Cells:
    """Sum the rows as they would be with an option."""
    if not (own["boost"] != 0).any():
        changed = apply_correction(predictions, own, name)
        return gather_audit_data(score_predictions(changed, spec), spec).cells
    table = predictions.table
    keys = pd.MultiIndex.from_frame(table[[FOLD, ENTITY]])
    boost = own.set_index(["fold", ENTITY])["boost"].reindex(keys).fillna(0.0)
    forecast, high = (table[c].to_numpy(np.float64) for c in (Y_PRED, Y_HIGH))
    claim = claim_capacity(forecast, high, boost.to_numpy(np.float64))
    claimed = replace(predictions, table=table.assign(**{Y_PRED: claim}))
    shared = gather_audit_data(score_predictions(claimed, spec), spec).cells
    values = facts.cells.values.copy()
    for part in SHARED:
        at = facts.cells.names.index(part)
        values[..., at] = shared.values[..., at]
    return Cells(values, facts.cells.names)


@dataclass(frozen=True, slots=True)
class _Trial:
    """Everything that the options are judged by."""

    facts: AuditData
    view: GroupTable
    metrics: list[Metric]
    error: Metric
    plan: MitigationSpec
    limits: dict[str, float]

    def judge(
        self, option: Option, cells: Cells, able: bool
    ) -> list[tuple[dict[str, object], list[dict[str, object]]]]:
        """Judge an option by each metric: one row for it, and one for each group."""
        judged = []
        for metric in self.metrics:
            cost = metric if metric.name == NEED else self.error
            change, whole = self._measure(cells, metric), self._measure(cells, cost)
            worst = self._find_worst(change, metric)
            row = self._describe(option, metric, cost, change, whole, worst, able)
            judged.append((row, self._list_groups(option, metric, change) if able else []))
        return judged

    def _measure(self, cells: Cells, metric: Metric) -> Change:
        view, shown = self.view, ~self.view.hidden & (self.view.n > 0)
        return measure_change(
            self.facts.cells, cells, view.weights, metric, self.facts.design, view.reference, shown
        )

    def _find_worst(self, change: Change, metric: Metric) -> int:
        behind = {"low": change.before, "high": -change.before, "zero": np.abs(change.before)}
        usable = ~self.view.hidden & (self.view.n > 0) & np.isfinite(change.before)
        return int(np.argmax(np.where(usable, behind[metric.better], -np.inf)))

    def _describe(
        self,
        option: Option,
        metric: Metric,
        cost: Metric,
        change: Change,
        whole: Change,
        worst: int,
        able: bool,
    ) -> dict[str, object]:
        limit = self.limits.get(metric.name, math.nan)
        row: dict[str, object] = {
            "option": option.name,
            "label": option.label,
            "told": option.told,
            "chosen": option.name == self.plan.choice,
            "uses_groups": option.uses_groups,
            "metric": metric.name,
            "cost_metric": cost.name,
            "group": self.view.groups[worst],
            "amount": float(self.view.amount[worst]),
            "blocks": float(change.blocks[worst]),
        }
        figures = {
            **_bound("before", change.before[worst], change.before_margin[worst]),
            **_bound("after", change.after[worst], change.after_margin[worst]),
            **_bound("closed", change.closed[worst], change.closed_margin[worst]),
            **_bound("lost", whole.whole, whole.whole_margin),
        }
        verdict = decide_margins(
            float(change.after[worst]),
            float(change.after_alone[worst]),
            float(change.after_margin[worst]),
            limit,
        )
        status = verdict.status
        if status is Status.PASS:
            figures |= {"after_low": verdict.low, "after_high": verdict.high}
        if not able:
            blank = dict.fromkeys(figures, math.nan)
            for name in ("before", "before_low", "before_high"):
                blank[name] = figures[name]
            return (
                row
                | blank
                | {"status": Status.NOT_APPLICABLE.value, "outcome": "no interval", "reason": SOFT}
            )
        if not math.isfinite(limit):
            status = Status.NOT_APPLICABLE
        unchanged = not figures["closed"] and not figures["lost"]
        outcome = "as it is" if unchanged else _name_outcome(figures)
        reason = tell_option(figures, metric, cost, self.view.groups[worst], self.facts.unit)
        return row | figures | {"status": status.value, "outcome": outcome, "reason": reason}

    def _list_groups(
        self, option: Option, metric: Metric, change: Change
    ) -> list[dict[str, object]]:
        rows = []
        for g, group in enumerate(self.view.groups):
            at = int(change.reference[g])
            row: dict[str, object] = {
                "option": option.name,
                "metric": metric.name,
                "group": group,
                "reference": EVERYWHERE if at == len(self.view.groups) else self.view.groups[at],
                "value_before": float(change.value_before[g]),
                "value_after": float(change.value_after[g]),
                **_bound("before", change.before[g], change.before_margin[g]),
                **_bound("after", change.after[g], change.after_margin[g]),
                **_bound("closed", change.closed[g], change.closed_margin[g]),
                "amount": float(self.view.amount[g]),
                "status": "",
            }
            if self.view.hidden[g]:
                row |= {k: math.nan for k, v in row.items() if isinstance(v, float)}
                row["status"] = Status.SUPPRESSED.value
            rows.append(row)
        return rows


def _bound(name: str, value: float, margin: float) -> dict[str, float]:
    value, margin = float(value), float(margin)
    return {name: value, f"{name}_low": value - margin, f"{name}_high": value + margin}


def _name_outcome(figures: dict[str, float]) -> str:
    if not math.isfinite(figures["closed_low"]):
        return "no interval"
    if figures["closed_high"] < 0:
        return "widened"
    if figures["closed_low"] <= 0:
        return "not shown"
    return "closed" if figures["after_low"] <= 0 <= figures["after_high"] else "narrowed"
