"""Tables of the replays: their design, and figures of single ones."""

from __future__ import annotations

from collections.abc import Iterable

from cityai.card.numbers import MISSING, write_count, write_number
from cityai.card.record import CardRecord
from cityai.card.record.fairness import DimensionPart
from cityai.card.record.part import Number
from cityai.card.render.tables import Grid, is_of_replay, make_grid, name_model, tabulate
from cityai.card.words import Own, describe_metric
from cityai.i18n.messages import join, say, write_day, write_span


def arrange_folds(record: CardRecord) -> Grid:
    """Arrange the design of the test."""
    tested, rest = say("tested"), say("weighing and ranges")
    return tabulate(
        say("Replays of the past"),
        record.eval.folds,
        (
            (say("Replay"), lambda f: write_count(f.number)),
            (say("Used for"), lambda f: tested if f.role == "test" else rest),
            (say("Asked on"), lambda f: write_day(f.as_of)),
            (
                say("Learnt from periods"),
                lambda f: say("before {train_before}", train_before=write_day(f.train_before)),
            ),
            (say("Forecast"), lambda f: write_span(f.test_first, f.test_last)),
        ),
    )


def arrange_replays(record: CardRecord) -> Grid:
    """Arrange figures of single replays that have no interval, a replay a column."""
    own = [n for n in record.eval.metrics if is_of_replay(n)]
    folds, series = _lay_out(own, "model")
    rows, counted = [], set()
    for (model, metric), cells in series.items():
        counts = (model, *(n.n if n else None for n in cells))
        if counts not in counted:
            counted.add(counts)
            many = (write_count(n.n) if n else MISSING for n in cells)
            rows.append((name_model(record, model), say("Predictions"), *many, ""))
        notes = dict.fromkeys(n.reason for n in cells if n and n.reason)
        label = describe_metric(metric).label
        rows.append((name_model(record, model), label, *_write(cells), join(" ", notes)))
    replays = (say("Replay {f}", f=f) for f in folds)
    columns = (say("Model"), say("Figure"), *replays, say("Note"))
    numbers = range(2, len(columns) - 1)
    return make_grid(say("Figures of single replays"), columns, rows, numbers)


def arrange_group_folds(record: CardRecord, dimension: DimensionPart) -> Grid:
    """Arrange a dimension's figures by replay."""
    own = [n for n in record.fairness.by_fold if dimension.name in n.slice]
    folds, series = _lay_out(own, dimension.name)
    rows = (
        []
        if len(folds) < 2
        else [  # the figures of one replay are those of all
            [Own(group), describe_metric(metric).label, *_write(cells)]
            for (group, metric), cells in series.items()
        ]
    )
    columns = (say("Group"), say("Figure"), *(say("Replay {f}", f=f) for f in folds))
    return make_grid(
        say("{label}: by replay", label=dimension.label), columns, rows, range(2, len(columns))
    )


Row = list[Number | None]


def _lay_out(own: Iterable[Number], by: str) -> tuple[list[str], dict[tuple[str, str], Row]]:
    """Lay figures of single replays out: a row for each slice and metric, a replay a column."""
    found: dict[tuple[str, str], dict[str, Number]] = {}
    for n in own:
        found.setdefault((n.slice[by], n.metric), {})[n.slice["fold"]] = n
    folds = sorted({fold for row in found.values() for fold in row}, key=int)
    return folds, {key: [row.get(f) for f in folds] for key, row in found.items()}


def _write(cells: Row) -> list[str]:
    return [MISSING if n is None else write_number(n.value, n.unit) for n in cells]
