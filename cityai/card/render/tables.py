"""Tables of a page, arranged from the record. Nothing is computed: figures are looked up."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from cityai.assessment.baseline_words import name_baseline
from cityai.card.numbers import (
    MISSING,
    write_count,
    write_even,
    write_figure,
    write_gap,
    write_interval,
    write_number,
)
from cityai.card.record import CardRecord
from cityai.card.record.fairness import DimensionPart, GroupResult
from cityai.card.record.part import Number, index_whole
from cityai.card.render.head import choose_headline, find_headline
from cityai.card.words import (
    BEYOND,
    STATUS_WORDS,
    VERDICTS,
    Code,
    Own,
    describe_metric,
    find_side,
    name_candidate,
    order_metrics,
)
from cityai.columns import BASELINE, CANDIDATE, DECIDING, FORECAST
from cityai.i18n.messages import capitalize, count_periods, join, say

T = TypeVar("T")


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
    numeric: Collection[int] = (),
) -> Grid:
    """Make a grid from texts and cells; a column that says nothing in any row is left out."""
    cells = [[c if isinstance(c, Cell) else Cell(c) for c in row] for row in rows]
    told = [{row[i].text for row in cells} for i in range(len(columns))]
    # Where no figure at all is shown, the empty columns say so.
    empty = {"", MISSING} if any(told[i] - {"", MISSING} for i in numeric) else {""}
    kept = [i for i in range(len(columns)) if i == 0 or told[i] - empty]
    aligned = frozenset(kept.index(i) for i in set(numeric) & set(kept))
    shown = tuple(tuple(row[i] for i in kept) for row in cells)
    return Grid(caption, tuple(columns[i] for i in kept), shown, aligned)


def tabulate(
    caption: str,
    things: Iterable[T],
    columns: Sequence[tuple[str, Callable[[T], str | Cell]]],
    numeric: Collection[int] = (),
) -> Grid:
    """Make a grid, a row a thing: each column is its heading, and what writes a cell of it."""
    titles = [title for title, _ in columns]
    rows = ([write(thing) for _, write in columns] for thing in things)
    return make_grid(caption, titles, rows, numeric)


def name_model(record: CardRecord, model: str) -> str:
    """Return what a model is called on the page."""
    name = find_headline(record).model
    if model.startswith(BASELINE):
        bare = model.removeprefix(BASELINE)
        called = record.model.baseline_labels
        name = called.get(bare) or name_baseline(bare, record.model.period)
    elif model.startswith(CANDIDATE):
        bare = model.removeprefix(CANDIDATE)
        labels = {method.name: method.label for method in record.model.candidates}
        name = labels.get(bare, name_candidate(bare))
    return capitalize(name)


def arrange_practice(record: CardRecord) -> Grid:
    """Arrange the forecast beside the baselines: the first table that a reader meets."""
    headline, metrics = find_headline(record), choose_headline(record)
    overall = index_whole(record.eval.metrics)
    decides, words = headline.decides, headline.verdicts
    judged = {f"{BASELINE}{c.baseline}": c for c in record.eval.comparisons if c.metric == decides}
    rows: list[list[str | Cell]] = []
    models = (FORECAST, *(f"{BASELINE}{b.name}" for b in record.model.baselines))
    columns_of = [_write_column([overall.get((model, m)) for model in models]) for m in metrics]
    for i, model in enumerate(models):
        written = [column[i] for column in columns_of]
        verdict = Cell(words[judged[model].status], judged[model].status) if model in judged else ""
        rows.append([name_model(record, model), *written, verdict])
    labels = (describe_metric(m).label for m in metrics)
    columns = (say("Taken from"), *labels, headline.better)
    beside = record.model.baselines or record.eval.folds
    caption = headline.beside if beside else say("All rows together")
    return make_grid(caption, columns, rows, range(1, len(metrics) + 1))


def _write_column(numbers: Sequence[Number | None]) -> list[str]:
    """Write one figure of each model, all as finely; of some the range that it lies in."""
    unit = next((n.unit for n in numbers if n is not None), "")
    even = write_even([None if n is None else n.value for n in numbers], unit)
    return [
        text if n is None or not n.between else write_figure(n.value, n.between, n.unit)
        for n, text in zip(numbers, even, strict=True)
    ]


def arrange_comparisons(record: CardRecord) -> Grid:
    """Arrange the differences to the baselines."""
    rest = say("Does not decide")
    return tabulate(
        say("The forecast against each baseline"),
        record.eval.comparisons,
        (
            (say("Against"), lambda c: c.label),
            (say("Figure"), lambda c: describe_metric(c.metric).label),
            (say("Difference"), lambda c: write_gap(c.difference, c.unit)),
            (say("Interval"), lambda c: write_interval(c.low, c.high, c.unit, gap=True)),
            (say("Blocks"), lambda c: write_count(c.blocks)),
            (say("Outcome"), lambda c: mark_status(c.status) if c.metric in DECIDING else rest),
            (say("In words"), lambda c: c.sentence),
        ),
        (2, 3, 4),
    )


def mark_status(status: str) -> Cell:
    """Write how a check came out."""
    return Cell(STATUS_WORDS[status], status)


def arrange_groups(record: CardRecord, dimension: DimensionPart) -> Grid:
    """Arrange one row a group: who, what was not foreseen, and the verdicts."""
    own = [r for r in record.fairness.results if r.dimension == dimension.name]
    results = {(r.group, r.metric): r for r in own}
    metrics = [m for m in order_metrics(record.fairness.limits) if any(r.metric == m for r in own)]
    people = any(g.residents_share is not None for g in dimension.groups)
    rows: list[list[str | Cell]] = [
        [
            Own(group.name),
            *(_judge(results.get((group.name, m))) for m in metrics),
            *([write_number(group.residents_share, "share")] if people else []),
            write_number(group.data_share, "share"),
        ]
        for group in dimension.groups
    ]
    part = say("Of what was tested") if record.eval.folds else say("In the data")
    tail = (say("Residents"), part) if people else (part,)
    columns = (say("Group"), *(describe_metric(m).label for m in metrics), *tail)
    numeric = range(len(metrics) + 1, len(columns))
    return make_grid(
        say("{label}: verdict by group", label=dimension.label), columns, rows, numeric
    )


def _judge(result: GroupResult | None) -> Cell:
    if result is None:
        return Cell(MISSING)
    if result.value is None and result.between is None:
        return Cell(VERDICTS[result.status], result.status)
    value = write_figure(result.value, result.between, result.unit)
    if result.group == result.reference:
        return Cell(say("{value}, the reference", value=value))
    verdict = VERDICTS[result.status]
    if result.status == "fail":
        verdict = BEYOND[find_side(result.metric, result.middle_gap)]
    return Cell((value + " · " + verdict), result.status)


def arrange_audit(record: CardRecord, dimension: DimensionPart) -> Grid:
    """Arrange every audited figure of a dimension."""
    return tabulate(
        say("{label}: all figures", label=dimension.label),
        [r for r in record.fairness.results if r.dimension == dimension.name],
        (
            (say("Group"), lambda r: Own(r.group)),
            (say("Figure"), lambda r: describe_metric(r.metric).label),
            (say("Value"), lambda r: write_figure(r.value, r.between, r.unit)),
            (say("Interval"), lambda r: write_interval(r.low, r.high, r.unit)),
            (say("Reference"), _write_reference),
            (say("Gap"), lambda r: write_figure(r.gap, r.gap_between, r.unit, gap=True)),
            (
                say("Interval of the gap"),
                lambda r: write_interval(r.gap_low, r.gap_high, r.unit, gap=True),
            ),
            (say("Limit"), lambda r: write_gap(r.limit, r.unit, signed=False)),
            (say("Predictions"), lambda r: write_count(r.n)),
            (say("Blocks"), lambda r: write_count(r.blocks)),
            (say("Verdict"), lambda r: Cell(VERDICTS[r.status], r.status)),
            (say("Blocks more to decide"), lambda r: write_count(r.more_blocks)),
        ),
        range(2, 10),
    )


def _write_reference(result: GroupResult) -> str:
    value = write_figure(result.reference_value, result.reference_between, result.unit)
    reference = result.reference
    return say("{value} ({reference})", value=value, reference=reference)


def arrange_group_drivers(record: CardRecord, dimension: DimensionPart) -> Grid:
    """Arrange what moves a dimension's forecasts, group by group."""
    explanation = record.model.explanation
    unit = explanation.unit if explanation else ""
    labels = {d.feature: d.label for d in explanation.drivers} if explanation else {}
    labels |= {i.name: i.label for i in record.model.inputs if i.name not in labels}
    drivers = explanation.by_group if explanation else ()
    return tabulate(
        say("{label}: what moves the forecasts", label=dimension.label),
        [d for d in drivers if d.dimension == dimension.name],
        (
            (say("Group"), lambda d: Own(d.group)),
            (say("What"), lambda d: labels.get(d.feature, d.feature)),
            (say("Mean push"), lambda d: write_gap(d.mean_effect, unit)),
            (say("Mean size of the push"), lambda d: write_number(d.importance, unit)),
        ),
        (2, 3),
    )


def arrange_metrics(record: CardRecord) -> Grid:
    """Arrange every figure of the evaluation but those of single replays."""
    return tabulate(
        say("All figures of the tests"),
        [n for n in record.eval.metrics if not is_of_replay(n)],
        (
            (say("Model"), lambda n: name_model(record, n.slice["model"])),
            (say("Slice"), lambda n: _name_slice(record, n.slice)),
            (say("Figure"), lambda n: describe_metric(n.metric).label),
            (say("Value"), lambda n: write_figure(n.value, n.between, n.unit)),
            (say("Interval"), lambda n: write_interval(n.low, n.high, n.unit)),
            (say("Predictions"), lambda n: write_count(n.n)),
            (say("Note"), lambda n: n.reason),
        ),
        (3, 4, 5),
    )


def is_of_replay(figure: Number) -> bool:
    """Tell whether a figure is of one replay, and has no interval."""
    known = figure.value is not None and figure.low is None and figure.high is None
    return known and figure.slice.keys() == {"model", "fold"}


def _name_slice(record: CardRecord, slices: Mapping[str, str]) -> str:
    """Say of what a figure is: ``replay 3``, ``4 weeks ahead``, or a place by its name."""
    named = []
    for kind, value in slices.items():
        if kind == "fold":
            named.append(say("replay {value}", value=value))
        elif kind == "step":
            named.append(say("{value} ahead", value=count_periods(int(value), record.model.period)))
        elif kind != "model":
            named.append(value)
    return join(", ", named) or say("overall")


def arrange_findings(record: CardRecord) -> Grid:
    """Arrange every finding of the run."""
    return tabulate(
        say("All checks"),
        record.findings,
        (
            (say("Check"), lambda f: f.title),
            (say("Outcome"), lambda f: mark_status(f.status)),
            (say("In words"), lambda f: f.reason),
            (say("Observed"), lambda f: write_number(f.observed, f.unit)),
            (say("Limit"), lambda f: write_number(f.limit, f.unit)),
            (say("About"), lambda f: Own(f.subject)),
            (say("Code"), lambda f: Code(f.code)),
        ),
        (3, 4),
    )


def arrange_risks(record: CardRecord) -> Grid:
    """Arrange the risks that people named."""
    return tabulate(
        say("Risks"),
        record.risks if isinstance(record.risks, tuple) else (),
        (
            (say("What may go wrong"), lambda r: Own(r.name)),
            (say("Likelihood"), lambda r: Own(r.likelihood)),
            (say("Severity"), lambda r: Own(r.severity)),
            (say("What is done about it"), lambda r: Own(r.mitigation)),
            (say("What remains"), lambda r: Own(r.residual)),
            (say("Who"), lambda r: Own(r.owner)),
        ),
    )


def arrange_pairs(
    caption: str, columns: tuple[str, str], pairs: Iterable[tuple[str, str | float]]
) -> Grid:
    """Arrange names and values."""
    written = [
        (name, write_number(value, "") if isinstance(value, float) else value)
        for name, value in pairs
    ]
    return make_grid(caption, columns, written)
