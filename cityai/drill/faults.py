"""Ten planted faults, each made in data, specification, policy or acts, and seen on the card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cityai.card.record import CardRecord
from cityai.card.record.measured import PlaceResult
from cityai.columns import BASELINE, FORECAST
from cityai.review.standing import Standing

FAR: Final = 0.10
"""A place of which so much of the demand was not foreseen is served badly."""
INCOME: Final = "income"


@dataclass
class Setting:
    """What a drill is made of, before its run."""

    project: dict[str, Any]
    policy: dict[str, Any]
    """Contents of ``project.yaml`` and ``policy.yaml``."""
    gap: bool = False
    """Whether the city serves its poorest neighbourhoods worse."""
    spoil: Callable[[Path], None] | None = None
    """Changes the city's files in a folder."""
    tighten: bool = False
    """Whether the council tightens its policy after somebody has approved."""


@dataclass(frozen=True)
class Fault:
    """One planted fault."""

    name: str
    """In one word, as a reviewer names it."""
    what: str
    """What was done."""
    sign: str
    """What gives it away on the card."""
    plant: Callable[[Setting], None]
    """Changes the setting."""
    shows: Callable[[CardRecord, Standing], bool] = field(repr=False)
    """Whether a card, with its review, shows the sign."""


def _split(made: Setting) -> None:
    made.gap = True
    del made.project["audit"]["dimensions"][INCOME]


def _find_far(record: CardRecord) -> list[PlaceResult]:
    """List places of which much of the demand was not foreseen."""
    return [
        place
        for place in record.eval.places
        for number in place.figures
        if number.metric == "under_forecast_share" and (number.value or 0) > FAR
    ]


def _shows_split(record: CardRecord, standing: Standing) -> bool:
    audited = {d.name for d in record.fairness.dimensions}
    return len(_find_far(record)) >= 6 and INCOME not in audited


def _leak(made: Setting) -> None:
    made.policy["near_perfect"] = 1.0
    made.project["covariates"]["handled"] = {
        "source": {"path": "${CITYAI_SAMPLE}/truth/handled_in_week.csv"},
        "time": "week_start",
        "by": "area",
        "key": "neighbourhood",
        "known": "ahead",
        "combine": "sum",
        "columns": {"handled_in_week": {"type": "number", "label": "requests handled in the week"}},
    }


def _measure(record: CardRecord, model: str) -> float:
    found = [
        n.value
        for n in record.eval.metrics
        if n.metric == "wape" and n.slice == {"model": model} and n.value is not None
    ]
    return found[0] if found else float("nan")


def _shows_leak(record: CardRecord, standing: Standing) -> bool:
    named = any("handled in the week" in i.label for i in record.model.inputs)
    return named and _measure(record, FORECAST) < 0.05


def _stale(made: Setting) -> None:
    made.tighten = True


def _shows_stale(record: CardRecord, standing: Standing) -> bool:
    return bool(standing.stale) and not standing.approvals


def _flatter(made: Setting) -> None:
    def spoil(city: Path) -> None:
        import pandas as pd

        table = pd.read_parquet(city / "requests.parquet")
        planned = pd.to_numeric(table["planned_requests"], errors="coerce") * 1.5
        table["planned_requests"] = planned.round().map("{:.0f}".format).where(planned.notna())
        table.to_parquet(city / "requests.parquet", index=False)

    made.spoil = spoil


def _shows_flattery(record: CardRecord, standing: Standing) -> bool:
    rule, last_year = (_measure(record, BASELINE + b) for b in ("city_rule", "seasonal_naive"))
    return rule > 1.5 * last_year


def _lose(made: Setting) -> None:
    made.gap = True
    made.project["data"]["columns"]["neighbourhood"]["pattern"] = "[NEW][3-6]|S[1-6]"


def _shows_loss(record: CardRecord, standing: Standing) -> bool:
    rejected = sum(part.rows_rejected or 0 for part in record.data)
    read = sum(part.rows_read or 0 for part in record.data)
    return rejected > 0.1 * read


def _lower(made: Setting) -> None:
    made.gap = True
    limits = {"under_forecast_share": 0.5, "bias": 0.5, "coverage": 0.5}
    made.project["audit"]["limits"] = limits


def _shows_limits(record: CardRecord, standing: Standing) -> bool:
    wide = any(limit is not None and limit > 0.2 for limit in record.fairness.limits.values())
    return wide and any(
        r.status == "pass" and r.gap is not None and abs(r.gap) > FAR
        for r in record.fairness.results
        if r.metric == "under_forecast_share"
    )


def _silence(made: Setting) -> None:
    del made.project["data"]["outages"]


def _shows_silence(record: CardRecord, standing: Standing) -> bool:
    codes = {"quality.empty_period", "quality.silent_area"}
    return any(f.code in codes and f.status == "fail" for f in record.findings)


def _hide(made: Setting) -> None:
    made.gap = True
    made.policy["small_cell"] = 500_000


def _shows_hidden(record: CardRecord, standing: Standing) -> bool:
    judged = [r for r in record.fairness.results if r.limit is not None]
    hidden = [r for r in judged if r.status == "suppressed"]
    return record.fairness.min_group_size > 1_000 and len(hidden) > len(judged) / 2


def _shorten(made: Setting) -> None:
    made.gap = True
    made.project["backtest"]["folds"] = 3


def _count_folds(record: CardRecord) -> int:
    return len({n.slice["fold"] for n in record.eval.metrics if "fold" in n.slice})


def _shows_short(record: CardRecord, standing: Standing) -> bool:
    return _count_folds(record) < 6 and (record.eval.more_folds or 0) > 6


def _guess(made: Setting) -> None:
    made.policy["confidence"] = 0.55


def _shows_guess(record: CardRecord, standing: Standing) -> bool:
    return record.fairness.confidence < 0.8


FAULTS: Final[tuple[Fault, ...]] = (
    Fault(
        "split",
        "The poorest neighbourhoods are served worse, and the groups that are looked at split them "
        "evenly: income is not among them.",
        "The table and the map of places: six and more neighbourhoods miss over a tenth of their "
        "demand, two in each district; no group explains them.",
        _split,
        _shows_split,
    ),
    Fault(
        "leak",
        "The model is given what was handled in the week that it forecasts, declared as known "
        "before.",
        "Among the inputs stands “requests handled in the week”; the error is a few in a hundred, "
        "where every simple rule is off by fifteen and more.",
        _leak,
        _shows_leak,
    ),
    Fault(
        "stale",
        "The approval was given under an earlier policy, which the council has tightened since.",
        "What people decided, at the top: not approved, though an approval is among the acts; "
        "none counts today (`verify.html`).",
        _stale,
        _shows_stale,
    ),
    Fault(
        "baseline",
        "The city's present rule was made half as large again, so that the forecast looks good "
        "beside it.",
        "Beside simpler ways: the present rule, last year's week and two percent, is far worse "
        "than last year's week alone.",
        _flatter,
        _shows_flattery,
    ),
    Fault(
        "rejected",
        "Rows of most of the poorest neighbourhoods are rejected, because their names do not fit "
        "the declared pattern.",
        "Rows read, accepted and rejected: more than one in ten is rejected; six of the 24 "
        "neighbourhoods are missing.",
        _lose,
        _shows_loss,
    ),
    Fault(
        "limits",
        "The project has limits of its own, ten times those of the city.",
        "The limits beside each gap: 50 points; groups with gaps far beyond the city's 5 are told "
        "as within.",
        _lower,
        _shows_limits,
    ),
    Fault(
        "silence",
        "Six weeks in which the request system was down are taken for weeks without requests.",
        "The quality of the data: empty weeks, and a district that falls silent.",
        _silence,
        _shows_silence,
    ),
    Fault(
        "hidden",
        "The smallest group that may be shown is so large that hardly any is shown.",
        "Most figures of groups are not shown, “fewer than 500,000 people”, in a city of "
        "neighbourhoods of thousands.",
        _hide,
        _shows_hidden,
    ),
    Fault(
        "short",
        "The test covers three rosters, though the data hold many more.",
        "How it was tested: 3 test periods; more replays that were not used; nothing is decided "
        "of the groups.",
        _shorten,
        _shows_short,
    ),
    Fault(
        "confidence",
        "Ranges and verdicts are at a confidence of 55 in 100.",
        "The confidence beside the figures: 55 %, where the city asks for 95 %.",
        _guess,
        _shows_guess,
    ),
)


def find_fault(name: str) -> Fault:
    """Return a fault by its name."""
    return next(fault for fault in FAULTS if fault.name == name)
