"""How MLflow's pages show an experiment: its words, its saved comparison, and their address."""

from __future__ import annotations

import json
import zlib
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from cityai.card.record import CardRecord
from cityai.track.measures import WORST, Measures, list_headlines, name_headline
from cityai.track.names import (
    BESIDE,
    CHECKS,
    CITY,
    FOLDS,
    GROUPS,
    KIND,
    NOTE,
    PHASE,
    PROJECT,
    VERDICT,
    WHOLE,
    WORST_SERVED,
)

if TYPE_CHECKING:
    from PIL.Image import Image

    from cityai.card.pages import Pages
    from cityai.records.metric import Metric
    from cityai.track.runs import TrackedRun

PICTURES: Final = "pictures"
NAMES: Final = {
    "worst": "worst gap",
    "series": "forecast and outcome",
    "capacity": "what is found",
    "map": "map",
    "drivers": "what moves it",
}
"""What each picture of a card is called in MLflow, by its name on the card, in the order shown."""
VIEW: Final = "compare"
"""Key of the saved view."""
SAVED: Final = f"mlflow.sharedViewState.{VIEW}"
PACKED: Final = "deflate;"
TRAINING: Final = {"workflowType": "machine_learning"}
"""MLflow's pages for models; without it they open on those for chatbots."""
WHOM: Final = "for whom"
WHY: Final = "what differs"
ORDER: Final = (WHY, WHOLE, WHOM, PICTURES, BESIDE, FOLDS, GROUPS, CHECKS)
"""Sections of the saved view: what was changed, whether it is better, for whom, then the rest."""
WIDE: Final = {WHY: (1, 420), PICTURES: (1, 900)}
"""Columns and height of a section that is not of bars."""
MOST_COLUMNS: Final = 4
SHOWN_RUNS: Final = 10


def write_address(server: str, experiment_id: str = "", *, saved: bool = False) -> str:
    """Return the address of MLflow's page for models, of the list or of one experiment.

    Parameters
    ----------
    server : str
        The server's own address.
    experiment_id : str
        MLflow's name of an experiment; all of them when empty.
    saved : bool
        Whether the experiment has the saved view.
    """
    asked = dict(TRAINING)
    if experiment_id and saved:
        asked |= {"compareRunsMode": "CHART", "viewStateShareKey": VIEW}
    page = f"experiments/{experiment_id}/runs" if experiment_id else "experiments"
    return f"{server.rstrip('/')}/#/{page}?{urlencode(asked)}"


def describe_experiment(
    run: TrackedRun, card: CardRecord, measures: Measures, pictures: tuple[str, ...]
) -> None:
    """Write what the experiment is about, and its saved view, where they are not there yet.

    Call it inside `cityai.track.door.call_mlflow`.
    """
    client = run.tracking.client
    there = client.get_experiment(run.experiment_id).tags
    for name, text in build_experiment_tags(card, measures, pictures).items():
        if there.get(name) != text:
            client.set_experiment_tag(run.experiment_id, name, text)


def build_experiment_tags(
    card: CardRecord, measures: Measures, pictures: tuple[str, ...]
) -> dict[str, str]:
    """Return the tags of an experiment: its words for people, and for MLflow's pages."""
    headline = name_headline(card)
    lower = _is_lower(find_deciding(card))
    phase = card.system.phase
    return {
        PROJECT: card.record.id,
        CITY: card.system.city,
        KIND: str(card.system.kind),
        **({PHASE: phase} if isinstance(phase, str) else {}),
        NOTE: f"**{card.record.title}**, {card.system.city}. {card.system.kind}.\n\n"
        "Runs are compared in the view that is saved here: "
        f"`?viewStateShareKey={VIEW}` (`cityai ui` opens it).",
        "mlflow.experimentKind": "custom_model_development",
        "mlflow.experiment.primaryMetric.name": headline,
        "mlflow.experiment.primaryMetric.greaterIsBetter": str(not lower).lower(),
        SAVED: _pack_view(_build_view(measures, headline, pictures)),
    }


def find_deciding(card: CardRecord) -> Metric | None:
    """Return the metric that decides between two runs."""
    from cityai.assessment.metrics import find_metric

    return next((find_metric(name) for name in list_headlines(card)), None)


def _build_view(
    measures: Measures, headline: str, pictures: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Return the state of MLflow's page that compares runs."""
    names = list(dict.fromkeys((*(m.name for m in measures.logged), *measures.undefined)))
    charts: list[dict[str, Any]] = [
        {"type": "DIFFERENCE", "section": WHY, "name": "runs, side by side"}
    ]
    charts += [_arrange_chart(name) for name in names]
    if pictures:  # one grid: a line for each picture, a column for each run
        drawn = {"section": PICTURES, "name": PICTURES, "imageKeys": list(pictures)}
        charts.append({"type": "IMAGE", **drawn})
    gaps = [name for name in names if name.endswith(f"/{WORST}")]
    figures = [n for n in (headline, *gaps[:MOST_COLUMNS], f"{GROUPS}/failed") if n in names]
    columns = [
        *(f"tags.`{name}`" for name in (VERDICT, WORST_SERVED)),
        *(f"metrics.`{name}`" for name in figures),
    ]
    return {
        "searchFilter": "",
        "orderByKey": "attributes.start_time",
        "orderByAsc": False,
        "selectedColumns": columns,
        "columnOrder": columns,
        "runsHiddenMode": "FIRST_10_RUNS",
        "compareRunCharts": list(_write_charts(charts)),
        "compareRunSections": [_write_section(name) for name in ORDER],
        "isAccordionReordered": True,
        "hideEmptyCharts": True,
    }


def _pack_view(state: Mapping[str, Any]) -> str:
    """Return a saved view as MLflow's page packs one.

    Plain, it is longer than some servers let a tag be (5,000 characters).
    """
    return PACKED + b64encode(zlib.compress(json.dumps(state).encode(), 9)).decode()


def _is_lower(metric: Metric | None) -> bool:
    return metric is None or metric.better == "low"


def _arrange_chart(name: str) -> dict[str, Any]:
    section, _, last = name.rpartition("/")
    kind = "LINE" if section == FOLDS else "BAR"
    whom = last == WORST
    shown = f"{section}: worst gap, in limits" if whom else last
    return {"type": kind, "section": WHOM if whom else section, "name": shown, "metricKey": name}


def _write_section(name: str) -> dict[str, Any]:
    columns, height = WIDE.get(name, (3, 300))
    return {
        "columns": columns,
        "cardHeight": height,
        "uuid": name,
        "name": name,
        "display": True,
        "isReordered": True,
        "deleted": False,
        "isGenerated": True,
    }


def _write_charts(charts: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for i, chart in enumerate(charts):
        own = {k: v for k, v in chart.items() if k not in ("section", "name")}
        yield {
            "uuid": f"cityai-{i}",
            "runsCountToCompare": SHOWN_RUNS,
            "metricSectionId": chart["section"],
            "displayName": chart["name"],
            "deleted": False,
            "isGenerated": True,
            **own,
            **MORE[chart["type"]],
        }


MORE: Final[dict[str, dict[str, Any]]] = {
    "BAR": {},
    "IMAGE": {"step": 0, "showRunParams": False},
    "LINE": {
        "lineSmoothness": 0,
        "xAxisKey": "step",
        "yAxisKey": "metric",
        "xAxisScaleType": "linear",
        "scaleType": "linear",
        "range": {},
        "yAxisExpressions": [],
        "useGlobalXaxisKey": True,
        "useGlobalLineSmoothing": True,
    },
    "DIFFERENCE": {
        "compareGroups": ["Parameters", "Model metrics"],
        "chartName": "runs, side by side",
        "showChangeFromBaseline": True,
        "showDifferencesOnly": True,
        "baselineColumnUuid": "",
    },
}
"""What else a chart of each kind needs."""


def draw_pictures(pages: Pages) -> dict[str, Image]:
    """Return the pictures that two runs are compared by, by name."""
    from cityai.card.figures.bitmap import draw_bitmap

    drawn = {figure.name: figure.narrow for figure in pages.figures}
    kept = [name for name in NAMES if name in drawn]
    return {f"{PICTURES}/{NAMES[name]}": draw_bitmap(drawn[name]) for name in kept}
