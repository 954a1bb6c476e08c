"""Tables of a page, arranged from the record. Nothing is computed: figures are looked up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from cityai.card.record import CardRecord
from cityai.card.record.measured import DimensionPart, GroupResult
from cityai.card.words import (
    COMPARED,
    FOUND,
    MISSING,
    QUALITY_DIMENSIONS,
    STATUS_WORDS,
    VERDICTS,
    describe_metric,
    name_baseline,
    name_candidate,
    order_metrics,
    write_count,
    write_day,
    write_gap,
    write_interval,
    write_number,
)
from cityai.columns import BASELINE, CANDIDATE


@dataclass(frozen=True, slots=True)
class Cell:
    """A text, marked with a status where it is a verdict."""

    text: str
    status: str = ""


@dataclass(frozen=True, slots=True)
class Grid:
    """A table for a page: the first cell of each row names it."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numeric: frozenset[int] = field(default_factory=frozenset)


def make_grid(
    caption: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str | Cell]],
    numeric: Iterable[int] = (),
) -> Grid:
    """Make a grid from texts and cells."""
    cells = tuple(tuple(c if isinstance(c, Cell) else Cell(c) for c in row) for row in rows)
    return Grid(caption, tuple(columns), cells, frozenset(numeric))


def name_model(record: CardRecord, model: str) -> str:
    """Return what a model is called on the page."""
    name = "the forecast"
    if model == "forecast" and record.eval.ranked is not None:
        name = "this list"
    if model.startswith(BASELINE):
        name = name_baseline(model.removeprefix(BASELINE), record.model.period)
    elif model.startswith(CANDIDATE):
        name = name_candidate(model.removeprefix(CANDIDATE))
    return f"{name[:1].upper()}{name[1:]}"


LIST_HEADLINE = ("precision", "recall", "days_sooner")
"""The figures of a ranked list that a reader meets first; the second decides who is better."""


def choose_headline(record: CardRecord) -> tuple[str, ...]:
    """Return the figures that a reader meets first: those of amounts, or of yes and no."""
    known = {n.metric for n in record.eval.metrics}
    if record.eval.ranked is not None:
        told = {n.metric for n in record.eval.metrics if n.value is not None}
        return tuple(m for m in LIST_HEADLINE if m in told)
    if "selection_rate" in known:
        return ("selection_rate", "false_negative_rate", "false_positive_rate")
    return ("wape", "under_forecast_share", "bias")


def arrange_practice(record: CardRecord) -> Grid:
    """Arrange the forecast beside the baselines: the first table that a reader meets."""
    metrics = choose_headline(record)
    overall = {(n.slice["model"], n.metric): n for n in record.eval.metrics if len(n.slice) == 1}
    ranked = record.eval.ranked is not None
    decides, words = ("recall", FOUND) if ranked else ("wape", COMPARED)
    judged = {f"{BASELINE}{c.baseline}": c for c in record.eval.comparisons if c.metric == decides}
    rows: list[list[str | Cell]] = []
    for model in ("forecast", *(f"{BASELINE}{b.name}" for b in record.model.baselines)):
        found = [overall.get((model, m)) for m in metrics]
        written = [MISSING if n is None else write_number(n.value, n.unit) for n in found]
        verdict = Cell(words[judged[model].status], judged[model].status) if model in judged else ""
        rows.append([name_model(record, model), *written, verdict])
    better = "Which finds more" if ranked else "Which errs less"
    columns = ("Taken from", *(describe_metric(m).label for m in metrics), better)
    beside = record.model.baselines or record.eval.folds
    ours = "This list" if ranked else "The forecast"
    caption = f"{ours} beside simpler ways" if beside else "All rows together"
    return make_grid(caption, columns, rows, range(1, len(metrics) + 1))


def arrange_comparisons(record: CardRecord) -> Grid:
    """Arrange the differences to the baselines."""
    rows = [
        (
            c.label,
            describe_metric(c.metric).label,
            write_gap(c.difference, c.unit),
            write_interval(c.low, c.high, c.unit, gap=True),
            write_count(c.blocks),
            Cell(STATUS_WORDS[c.status], c.status),
            c.sentence,
        )
        for c in record.eval.comparisons
    ]
    columns = ("Against", "Figure", "Difference", "Interval", "Blocks", "Outcome", "In words")
    return make_grid("The forecast against each baseline", columns, rows, (2, 3, 4))


def arrange_groups(record: CardRecord, dimension: DimensionPart) -> Grid:
    """Arrange one row a group: who, what was not foreseen, and the verdicts."""
    own = [r for r in record.fairness.results if r.dimension == dimension.name]
    results = {(r.group, r.metric): r for r in own}
    metrics = [m for m in order_metrics(record.fairness.limits) if any(r.metric == m for r in own)]
    people = any(g.residents_share is not None for g in dimension.groups)
    rows: list[list[str | Cell]] = [
        [
            group.name,
            *(_judge(results.get((group.name, m))) for m in metrics),
            *([write_number(group.residents_share, "share")] if people else []),
            write_number(group.data_share, "share"),
        ]
        for group in dimension.groups
    ]
    tail = ("Residents", "In the data") if people else ("In the data",)
    columns = ("Group", *(describe_metric(m).label for m in metrics), *tail)
    numeric = range(len(metrics) + 1, len(columns))
    return make_grid(f"{dimension.label}: verdict by group", columns, rows, numeric)


def _judge(result: GroupResult | None) -> Cell:
    if result is None:
        return Cell(MISSING)
    if result.group == result.reference and result.value is not None:
        return Cell(f"{write_number(result.value, result.unit)}, the reference")
    if result.value is None:
        return Cell(VERDICTS[result.status], result.status)
    return Cell(
        f"{write_number(result.value, result.unit)} · {VERDICTS[result.status]}", result.status
    )


def arrange_audit(record: CardRecord, dimension: DimensionPart) -> Grid:
    """Arrange every audited figure of a dimension."""
    rows = [
        (
            r.group,
            describe_metric(r.metric).label,
            write_number(r.value, r.unit),
            write_interval(r.low, r.high, r.unit),
            f"{write_number(r.reference_value, r.unit)} ({r.reference})",
            write_gap(r.gap, r.unit),
            write_interval(r.gap_low, r.gap_high, r.unit, gap=True),
            write_gap(r.limit, r.unit).lstrip("+"),
            write_count(r.n),
            write_count(r.blocks),
            Cell(VERDICTS[r.status], r.status),
            write_count(r.more_blocks),
        )
        for r in record.fairness.results
        if r.dimension == dimension.name
    ]
    columns = (
        "Group", "Figure", "Value", "Interval", "Reference", "Gap", "Interval of the gap",
        "Limit", "Predictions", "Blocks", "Verdict", "Blocks more to decide",
    )  # fmt: skip
    return make_grid(f"{dimension.label}: all figures", columns, rows, range(2, 10))


def arrange_group_folds(record: CardRecord, dimension: DimensionPart) -> Grid:
    """Arrange a dimension's figures by replay."""
    own = [n for n in record.fairness.by_fold if dimension.name in n.slice]
    folds = sorted({n.slice["fold"] for n in own}, key=int)
    found = {(n.slice[dimension.name], n.metric, n.slice["fold"]): n for n in own}
    keys = dict.fromkeys((n.slice[dimension.name], n.metric) for n in own)
    rows = [
        [
            group,
            describe_metric(metric).label,
            *(
                write_number(n.value, n.unit) if (n := found.get((group, metric, f))) else MISSING
                for f in folds
            ),
        ]
        for group, metric in keys
    ]
    columns = ("Group", "Figure", *(f"Replay {f}" for f in folds))
    return make_grid(f"{dimension.label}: by replay", columns, rows, range(2, len(columns)))


def arrange_group_drivers(record: CardRecord, dimension: DimensionPart) -> Grid:
    """Arrange what moves a dimension's forecasts, group by group."""
    explanation = record.model.explanation
    labels = {d.feature: d.label for d in explanation.drivers} if explanation else {}
    labels |= {i.name: i.label for i in record.model.inputs if i.name not in labels}
    rows = [
        (
            d.group,
            labels.get(d.feature, d.feature),
            write_gap(d.mean_effect, explanation.unit),
            write_number(d.importance, explanation.unit),
        )
        for d in (explanation.by_group if explanation else ())
        if explanation and d.dimension == dimension.name
    ]
    columns = ("Group", "What", "Mean push", "Mean size of the push")
    return make_grid(f"{dimension.label}: what moves the forecasts", columns, rows, (2, 3))


def arrange_quality(record: CardRecord) -> Grid:
    """Arrange the measures of the data as a whole, by the four dimensions."""
    measures = [m for d in record.data for m in d.quality if m.slice == "overall"]
    rows = [
        (
            m.measure,
            QUALITY_DIMENSIONS.get(m.dimension, m.dimension),
            write_number(m.value, m.unit),
            write_number(m.limit, m.unit),
            write_count(m.n),
            Cell(STATUS_WORDS[m.status], m.status),
        )
        for m in measures
    ]
    columns = ("Measure", "Question", "Value", "At least", "Of", "Outcome")
    return make_grid("Quality of the data", columns, rows, (2, 3, 4))


def arrange_quality_by_place(record: CardRecord) -> Grid:
    """Arrange the measures by area."""
    names = {p.id: p.name for p in record.eval.places}
    rows = [
        (
            names.get(m.slice, m.slice),
            m.dimension,
            m.measure,
            write_number(m.value, m.unit),
            write_number(m.limit, m.unit),
            write_count(m.n),
            Cell(STATUS_WORDS[m.status], m.status),
        )
        for d in record.data
        for m in d.quality
        if m.slice != "overall"
    ]
    columns = ("Place", "Dimension", "Measure", "Value", "At least", "Of", "Outcome")
    return make_grid("The least figure of each place and dimension", columns, rows, (3, 4, 5))


def arrange_folds(record: CardRecord) -> Grid:
    """Arrange the design of the test."""
    rows = [
        (
            str(f.number),
            "tested" if f.role == "test" else "weighing and ranges",
            write_day(f.as_of),
            f"before {write_day(f.train_before)}",
            f"{write_day(f.test_first)} to {write_day(f.test_last)}",
        )
        for f in record.eval.folds
    ]
    columns = ("Replay", "Used for", "Asked on", "Learnt from periods", "Forecast")
    return make_grid("Replays of the past", columns, rows)


def arrange_metrics(record: CardRecord) -> Grid:
    """Arrange every figure of the evaluation."""
    rows = [
        (
            name_model(record, n.slice["model"]),
            ", ".join(f"{k} {v}" for k, v in n.slice.items() if k != "model") or "overall",
            describe_metric(n.metric).label,
            write_number(n.value, n.unit),
            write_interval(n.low, n.high, n.unit),
            write_count(n.n),
            n.reason,
        )
        for n in record.eval.metrics
    ]
    columns = ("Model", "Slice", "Figure", "Value", "Interval", "Predictions", "Note")
    return make_grid("All figures of the tests", columns, rows, (3, 4, 5))


def arrange_findings(record: CardRecord) -> Grid:
    """Arrange every finding of the run."""
    rows = [
        (
            f.title,
            Cell(STATUS_WORDS[f.status], f.status),
            f.reason,
            _held(f.observed, f.unit),
            _held(f.limit, f.unit),
            f.subject,
            f.code,
        )
        for f in record.findings
    ]
    columns = ("Check", "Outcome", "In words", "Observed", "Limit", "About", "Code")
    return make_grid("All checks", columns, rows, (3, 4))


def _held(value: float | None, unit: str) -> str:
    return write_number(value, unit)


def arrange_risks(record: CardRecord) -> Grid:
    """Arrange the risks that people named."""
    risks = record.risks if isinstance(record.risks, tuple) else ()
    rows = [(r.name, r.likelihood, r.severity, r.mitigation, r.residual, r.owner) for r in risks]
    columns = (
        "What may go wrong",
        "Likelihood",
        "Severity",
        "What is done about it",
        "What remains",
        "Who",
    )
    return make_grid("Risks", columns, rows)


def arrange_rejects(record: CardRecord) -> Grid:
    """Arrange why rows were refused."""
    rows = [(r.column, r.reason, write_count(r.rows)) for d in record.data for r in d.rejected]
    return make_grid("Rows refused", ("Column", "Reason", "Rows"), rows, (2,))


def arrange_pairs(
    caption: str, columns: tuple[str, str], pairs: Iterable[tuple[str, object]]
) -> Grid:
    """Arrange names and values."""
    written = [
        (name, write_number(value, "") if isinstance(value, float) else str(value))
        for name, value in pairs
    ]
    return make_grid(caption, columns, written)
