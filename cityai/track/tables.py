"""The figures of a card as tables that MLflow's evaluation view compares run by run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cityai.card.counts import list_judged
from cityai.card.record import CardRecord
from cityai.card.record.part import Number, index_whole
from cityai.columns import BASELINE, CANDIDATE, FORECAST
from cityai.track.measures import list_headlines, list_models
from cityai.track.names import LOGGED, name_metric

if TYPE_CHECKING:
    import pandas as pd

FIGURES: Final = "tables/figures.json"
"""Every figure of the card: more than MLflow's charts can hold."""
GROUPS: Final = "tables/groups.json"
"""The figures of groups that a limit applies to."""
MODELS: Final = "tables/models.json"
"""The forecast beside its candidates and baselines."""

SLICES: Final = ("model", "dimension", "group", "fold", "step", "place")
ENDS: Final = ("metric", "value", "low", "high", "n", "unit", "reason")


def make_tables(card: CardRecord) -> dict[str, pd.DataFrame]:
    """Return the tables of a card by the name of their artifact, what is compared first at first.

    They hold what the card shows and nothing else: the card is the one door of disclosure.
    """
    import pandas as pd

    rows = {GROUPS: _list_groups(card), MODELS: _list_models(card), FIGURES: _list_figures(card)}
    columns = {FIGURES: (*SLICES, *ENDS)}
    tables = {name: pd.DataFrame(list(rows[name]), columns=columns.get(name)) for name in rows}
    return {name: table for name, table in tables.items() if len(table)}


def save_tables(tables: Mapping[str, pd.DataFrame], folder: Path) -> dict[str, str]:
    """Write tables as MLflow's `log_table` does, for one upload; return the tag that lists them.

    It would ask the store four times for each, and walk through every cell in Python to leave the
    index out.
    """
    for name, table in tables.items():
        (folder / name).parent.mkdir(exist_ok=True)
        columns = table.columns.to_series().to_json(orient="records")
        cells = table.to_json(orient="values", date_format="iso")
        (folder / name).write_text(f'{{"columns":{columns},"data":{cells}}}', "utf-8")
    return {LOGGED: json.dumps([{"path": name, "type": "table"} for name in tables])}


def _list_figures(card: CardRecord) -> Iterator[dict[str, Any]]:
    numbers = (*card.eval.metrics, *card.fairness.by_fold)
    yield from (_write(n.slice, n) for n in numbers)
    for place in card.eval.places:
        yield from (_write({"model": FORECAST, "place": place.name}, n) for n in place.figures)
    for result in card.fairness.results:
        where = {"model": FORECAST, "dimension": result.dimension, "group": str(result.group)}
        ends = {name: getattr(result, name) for name in ("metric", "value", "low", "high", "n")}
        yield {**where, **ends, "unit": result.unit, "reason": str(result.sentence)}


def _write(where: dict[str, str], number: Number) -> dict[str, Any]:
    own = {name: getattr(number, name) for name in ENDS if name != "reason"}
    return {**{k: v for k, v in where.items() if k in SLICES}, **own, "reason": str(number.reason)}


def _list_groups(card: CardRecord) -> Iterator[dict[str, Any]]:
    for r in list_judged(card.fairness.results):
        yield {
            "figure": f"{r.dimension} · {r.group} · {r.metric}",
            "value": r.value,
            "gap": r.gap,
            "gap_low": r.gap_low,
            "gap_high": r.gap_high,
            "limit": r.limit,
            "verdict": r.status,
            "grade": r.grade,
            "served": r.served,
            "reference": str(r.reference),
            "why": str(r.sentence),
        }


def _list_models(card: CardRecord) -> Iterator[dict[str, Any]]:
    metrics, whole = list_headlines(card), index_whole(card.eval.metrics)
    labels = {f"{BASELINE}{m.name}": str(m.label) for m in card.model.baselines}
    labels |= {f"{CANDIDATE}{m.name}": str(m.label) for m in card.model.candidates}
    for model in (FORECAST, *list_models(card)):
        found = {m: whole.get((model, m)) for m in metrics}
        figures = {
            name_metric(m, card.eval.nominal_coverage): None if n is None else n.value
            for m, n in found.items()
        }
        yield {"model": model, "label": labels.get(model, str(card.model.type)), **figures}
