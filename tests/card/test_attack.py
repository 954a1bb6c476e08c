"""An outsider with a card and a solver: nothing that was hidden may be worked out again.

Everything that a published record prints is written down as constraints on the counts behind it,
and each suppressed count is then made as small and as large as they allow. The number of random
cities is greater under `make promises`.
"""

# ruff: noqa: E501

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog
from scipy.sparse import csr_array

from cityai.assessment.audit import audit_predictions
from cityai.assessment.evaluate import evaluate_predictions
from cityai.card.record import write_canonical
from cityai.config.project import ProjectSpec
from cityai.modeling.ahead import Outlook
from cityai.records.events import list_left, list_versions
from cityai.records.groups import Groups, Membership
from cityai.records.predictions import build_predictions
from tests.promises import trials
from tests.speech import read_plain

from .conftest import draft_forecast, make_backtest, make_facts, make_spec

K = 11
FOUND = (15, 25, 43, 49, 58)
"""Cities in which a count was once found out."""
ATTACKS = trials(100, 15)
PARTS = {"wape": (1, 1), "under_forecast_share": (1, 0), "over_forecast_share": (0, 1), "bias": (-1, 1)}  # fmt: skip


def make_city(seed: int) -> SimpleNamespace:
    """A small city of rare events, its audit and its card."""
    rng = np.random.default_rng(seed)
    n, folds, horizon = int(rng.integers(4, 9)), int(rng.integers(2, 5)), int(rng.integers(1, 3))
    ids = [f"{i}" for i in range(n)]  # names that could be taken for folds
    level = rng.choice([0.3, 1.0, 4.0, 15.0], n)
    rows = [
        {
            "entity_id": e, "area_id": e, "as_of": pd.Timestamp("2024-01-01") + pd.DateOffset(months=horizon * f),
            "step": s + 1, "fold": f + 1, "period": f * horizon + s,
            "period_start": pd.Timestamp("2024-01-01") + pd.DateOffset(months=horizon * f + s),
            "y_true": float(rng.poisson(level[i])), "y_pred": max(level[i] * rng.normal(1, 0.2), 0.1),
            "y_low": 0.0, "y_high": level[i] * 3, "scale": 1.0, "baseline.recent_mean": level[i],
            "baseline.seasonal_naive": float(rng.poisson(level[i])), "candidate.lightgbm": level[i], "candidate.theta": level[i],
        }
        for f in range(folds) for i, e in enumerate(ids) for s in range(horizon)
    ]  # fmt: skip
    return publish_city(pd.DataFrame(rows), draw_memberships(rng, ids))


def publish_city(rows: pd.DataFrame, memberships: tuple[Membership, ...]) -> SimpleNamespace:
    """Publish the card of a table of predictions."""
    predictions = build_predictions(rows, coverage=0.9, unit="requests", chosen="blend")
    spec, ids = count_spec(), sorted(predictions.table["entity_id"].unique())
    audit = audit_predictions(predictions, Groups(tuple(memberships), pd.DataFrame()), spec)
    quality = count_rows(predictions.table)
    # The worst case: a model that repeats the last period, which its readers know.
    last = predictions.table[
        predictions.table["period_start"] == predictions.table["period_start"].max()
    ]
    ahead = last.assign(
        y_pred=last["y_true"], y_low=last["y_true"] / 2, y_high=2 * last["y_true"], step=1
    )
    card = draft_forecast(
        make_facts(ids), spec, predictions, evaluate_predictions(predictions, spec), audit,
        quality=quality, outlook=Outlook(ahead), groups=Groups(memberships, pd.DataFrame()),
        backtest=make_backtest(predictions), mitigation=try_nothing(predictions.table, memberships[0]),
    )  # fmt: skip
    return SimpleNamespace(
        card=read_plain(write_canonical(card)), table=predictions.table, memberships=memberships
    )


def count_spec() -> ProjectSpec:
    facts = make_spec().model_dump(mode="json", exclude_none=True)
    facts["question"] |= {"measure": "count", "unit": "requests", "missing_periods": "zero"}
    facts["question"].pop("value", None)
    facts["data"] |= {"layout": "events", "known": {"lag_days": 10}}
    facts["policy"] = facts.get("policy", {}) | {"small_cell": K}
    facts["mitigation"] = {"dimension": "kind", "choice": "none"}
    facts["audit"]["intersections"] = True
    facts["audit"]["dimensions"] = {
        "kind": {"label": "Kind", "attribute": "kind"},
        "side": {"label": "Side", "attribute": "side"},
        "origin": {"label": "Origin", "shares": {"here": ["h"], "abroad": ["a"]}},
    }
    return ProjectSpec.model_validate(facts)


def draw_memberships(rng: np.random.Generator, ids: list[str]) -> tuple[Membership, ...]:
    found = []
    for name, groups in (("kind", ["a", "b", "c"]), ("side", ["left", "right"])):
        weights = np.eye(len(groups))[rng.integers(0, len(groups), len(ids))]
        frame = pd.DataFrame(weights, index=pd.Index(ids, name="entity_id"), columns=groups)
        found.append(Membership(name, name, "hard", tuple(groups), frame, {}, "overall", (), ""))
    share = rng.choice([0.0, 0.05, 0.5, 1.0], len(ids))
    frame = pd.DataFrame({"here": share, "abroad": 1 - share}, index=found[0].weights.index)
    soft = Membership(
        "origin", "Origin", "soft", ("here", "abroad"), frame, {}, "overall", (), "Mixed."
    )
    return (*found, soft)


def count_rows(table: pd.DataFrame) -> SimpleNamespace:
    """The quality report of exactly these events, after three busy months."""
    totals = table.groupby("period_start")["y_true"].sum()
    before = pd.Series([400.0, 380.0, 420.0], pd.date_range("2023-10-01", periods=3, freq="MS"))
    periods = pd.concat([before, totals])
    by_period = pd.DataFrame(
        {"period_start": periods.index, "rows": periods.to_numpy().astype(int), "entities_reporting": 4, "median_delay_days": 1.0}
    )  # fmt: skip
    places = table.groupby("entity_id")["y_true"].sum()
    measures = pd.DataFrame(
        [["accuracy", "rows kept", p, 1.0, int(v), 0.9, "pass"] for p, v in places.items()],
        columns=["dimension", "measure", "slice", "value", "n", "limit", "status"],
    )
    total = int(periods.sum())
    return SimpleNamespace(
        measures=measures, by_period=by_period, findings=(), rejects=pd.DataFrame(),
        left=list_left(), versions=list_versions(),
        counts=SimpleNamespace(read=total, out_of_scope=0, rejected=0, accepted=total),
    )  # fmt: skip


def try_nothing(table: pd.DataFrame, membership: Membership) -> SimpleNamespace:
    """The options' tables, with every group's figure before: what a card must leave out itself."""
    figures = ("before", "after", "closed", "lost")
    ends = [f"{name}{end}" for name in figures for end in ("", "_low", "_high")]
    rows = []
    for group in membership.groups:
        part = table[table["entity_id"].map(membership.weights[group]).to_numpy() == 1]
        missed = np.maximum(part["y_true"] - part["y_pred"], 0).sum()
        value = missed / part["y_true"].sum() if part["y_true"].sum() else math.nan
        rows.append(
            {"option": "none", "metric": "under_forecast_share", "group": group, "reference": "overall", "status": "",
             "amount": part["y_true"].sum(), "value_before": value, "value_after": value, **dict.fromkeys(ends, value)}
        )  # fmt: skip
    words = {"label": "Leave it", "told": "changes nothing", "chosen": True, "uses_groups": False, "cost_metric": "wape", "outcome": "as it is", "reason": "As it is."}  # fmt: skip
    options = pd.DataFrame([rows[0] | words | {"status": "not applicable"}])
    return SimpleNamespace(
        dimension="kind", label="Kind", metric="under_forecast_share", reference="overall",
        options=options, groups=pd.DataFrame(rows), findings=(),
    )  # fmt: skip


@dataclass
class Outsider:
    """What a reader knows: bounds on sums of three unknowns a place and period (y, under, over)."""

    table: pd.DataFrame
    memberships: tuple[Membership, ...]
    rows: list[np.ndarray] = field(default_factory=list)
    tops: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        # Under never exceeds what happened: a forecast is not negative.
        for i in range(len(self.table)):
            unit = np.zeros(len(self.table))
            unit[i] = 1.0
            self.add(unit, (-1, 1, 0), -math.inf, 0.0)

    def add(self, line: np.ndarray, parts: tuple[float, ...], low: float, high: float) -> None:
        row = np.concatenate([part * line for part in parts])
        for sign, end in ((1, high), (-1, low)):
            if math.isfinite(end):
                self.rows.append(sign * row)
                self.tops.append(sign * end + 1e-7 * max(1.0, abs(end)))

    def add_rate(self, line: np.ndarray, metric: str, value: float | None, half: float) -> None:
        if value is None or metric not in PARTS:
            return
        under, over = PARTS[metric]
        self.add(line, (-(value + half), under, over), -math.inf, 0.0)
        self.add(line, (-(value - half), under, over), 0.0, math.inf)

    def weigh(self, dimension: str, group: str) -> np.ndarray:
        known = {m.dimension: m for m in self.memberships}
        if " * " in dimension:
            pairs = zip(dimension.split(" * "), group.split(" and "), strict=True)
            first, second = (self.weigh(d, g) for d, g in pairs)
            return first * second
        return self.table["entity_id"].map(known[dimension].weights[group]).to_numpy(float)

    def pick(self, kind: str, value: str) -> np.ndarray:
        if kind in {m.dimension for m in self.memberships} or " * " in kind:
            return self.weigh(kind, value)
        column = {"fold": "fold", "step": "step", "area": "entity_id", "entity": "entity_id"}[kind]
        return (self.table[column].astype(str) == value).to_numpy(float)

    def find_ranges(self, lines: list[np.ndarray]) -> list[tuple[float, float]]:
        """Solve for all lines together, then for each that this leaves less open than it must be.

        Whatever agrees with the card for one line does so for all, so that two solutions far enough
        apart show that the line is open.
        """
        rows, n, points = csr_array(np.array(self.rows)), len(self.table), []

        def solve(line: np.ndarray, sign: int) -> float:
            aim = sign * np.concatenate([line, 0 * line, 0 * line])
            solved = linprog(aim, A_ub=rows, b_ub=self.tops, method="highs")
            assert solved.status in (0, 3), solved.message
            if solved.status == 3:
                return math.inf
            points.append(solved.x[:n])
            return float(sign * solved.fun)

        for sign in (1, -1):
            solve(np.sum(lines, axis=0), sign)
        found = []
        for line in lines:
            held = [float(line @ point) for point in points]
            known = (min(held, default=0.0), max(held, default=0.0))
            found.append(known if known[1] - known[0] >= K else (solve(line, 1), solve(line, -1)))
        return found


def half_of(value: float, text: str = "") -> float:
    """Half of the last printed digit; what is printed with fewer digits may have had three."""
    return 0.0005 if round(value, 2) != value else 0.005


def significant(value: float, digits: int = 3) -> float:
    return 0.5 * 10 ** (math.floor(math.log10(abs(value))) - digits + 1) if value else 0.5


def read_card(city: SimpleNamespace) -> Outsider:
    """Write down all that a card prints."""
    card, table = city.card, city.table
    outsider = Outsider(table, city.memberships)
    whole = np.ones(len(table))
    step = card["eval"]["series_step"]
    for point in card["eval"]["series"]:
        line = (table["period_start"] == pd.Timestamp(point["period_start"])).to_numpy(float)
        if point["actual"] is not None:
            half = step / 2 if step else 0.0
            outsider.add(line, (1, 0, 0), point["actual"] - half, point["actual"] + half)
    read_quality(card, table, outsider, step)
    read_numbers(card["eval"]["metrics"], outsider)
    for place in card["eval"]["places"]:
        read_numbers(place["figures"], outsider)
        read_forecast(place, card, outsider)
    read_numbers(card["fairness"]["by_fold"], outsider)
    for result in card["fairness"]["results"]:
        line = outsider.weigh(result["dimension"], result["group"])
        value = result["value"]
        if value is None:
            read_hidden(outsider, line, result)
            continue
        outsider.add_rate(line, result["metric"], value, half_of(value))
        if None not in (result["gap"], result["reference_value"]) and result["gap"]:
            around = result["gap"] + result["reference_value"]
            half = half_of(result["gap"]) + half_of(result["reference_value"])
            outsider.add_rate(line, result["metric"], around, half)
        if None not in (result["low"], result["high"]) and result["low"] > 0:
            middle = (result["low"] + result["high"]) / 2
            outsider.add_rate(line, result["metric"], middle, half_of(value))
        if result["metric"] == "mae":
            read_mean(outsider, line, value, result["n"])
    for dimension in card["fairness"]["dimensions"]:
        for group in dimension["groups"]:
            if group["data_share"] is not None:
                line = outsider.weigh(dimension["name"], group["name"])
                for sign in (1, -1):
                    bound = line - (group["data_share"] + sign * 0.0005) * whole
                    ends = (-math.inf, 0.0) if sign > 0 else (0.0, math.inf)
                    outsider.add(bound, (1, 0, 0), *ends)
    for group in card["fairness"]["options"]["groups"]:
        line = outsider.weigh("kind", group["group"])
        for name in ("value_before", "value_after"):
            if group[name] is not None:
                outsider.add_rate(line, group["metric"], group[name], half_of(group[name]))
    return outsider


def read_hidden(outsider: Outsider, line: np.ndarray, result: dict) -> None:
    """Of what is not shown it is said whether it is small, or hidden for another's sake."""
    if "or a cell that would reveal one" in result["sentence"]:
        return
    if result["sentence"].startswith("Not shown: fewer"):
        outsider.add(line, (1, 0, 0), -math.inf, K * line.max())
    elif "for the sake of" in result["sentence"] and set(line.tolist()) <= {0.0, 1.0}:
        outsider.add(line, (1, 0, 0), K, math.inf)


def read_quality(card: dict, table: pd.DataFrame, outsider: Outsider, step: int) -> None:
    data, whole = card["data"][0], np.ones(len(table))
    half, before, known = step / 2 if step else 0.0, 0.0, True
    for point in data["by_period"]:
        line = (table["period_start"] == pd.Timestamp(point["period_start"])).to_numpy(float)
        if line.any() and point["rows"] is not None:
            outsider.add(line, (1, 0, 0), point["rows"] - half, point["rows"] + half)
        elif not line.any():
            known &= point["rows"] is not None
            before += point["rows"] or 0
    assert known
    rest, slack = data["rows_accepted"] - before, 3 * half + 10.0
    outsider.add(whole, (1, 0, 0), rest - slack, rest + slack)
    for measure in data["quality"]:
        if measure["n"] is not None and measure["slice"] != "overall":
            line = outsider.pick("area", measure["slice"])
            outsider.add(line, (1, 0, 0), measure["n"] - 10.0, measure["n"] + 10.0)


def read_numbers(numbers: list[dict], outsider: Outsider) -> None:
    for number in numbers:
        if number.get("value") is None:
            continue
        line = np.ones(len(outsider.table))
        for kind, value in number["slice"].items():
            if kind != "model":
                line = line * outsider.pick(kind, value)
        if number["slice"].get("model", "forecast") == "forecast":
            outsider.add_rate(line, number["metric"], number["value"], half_of(number["value"]))
            if number["metric"] == "mae":
                read_mean(outsider, line, number["value"], number["n"])
    errors = {(n["slice"].get("model"), n["metric"]): n for n in numbers if len(n["slice"]) == 1}
    for (model, metric), mean in errors.items():
        share = errors.get((model, "wape"))
        if metric == "mae" and share and mean["value"] and share["value"]:
            # Mean error times predictions over the share of the amount is the amount.
            n, half = mean["n"], half_of(share["value"])
            low, high = (mean["value"] + s * significant(mean["value"]) for s in (-1, 1))
            ends = (n * low / (share["value"] + half), n * high / max(share["value"] - half, 1e-9))
            outsider.add(np.ones(len(outsider.table)), (1, 0, 0), *ends)


def read_forecast(place: dict, card: dict, outsider: Outsider) -> None:
    """Take the forecast for the count of the last period, as whoever made the model may."""
    told = place.get("forecast") or {}
    if told.get("value") is None:
        return
    line, step = pick_last(place, outsider), max(card["eval"]["next_step"], 1)
    half = max(step, 10 ** (math.floor(math.log10(max(told["value"], 1))) - 1)) / 2
    outsider.add(line, (1, 0, 0), told["value"] - half, told["value"] + half)
    # The ends of its range are half and twice of it, outwards.
    outsider.add(line, (1, 0, 0), 2 * told["low"], told["high"] / 2)


def pick_last(place: dict, outsider: Outsider) -> np.ndarray:
    start = outsider.table["period_start"]
    return outsider.pick("area", place["id"]) * (start == start.max()).to_numpy(float)


def read_mean(outsider: Outsider, line: np.ndarray, value: float, n: int | None) -> None:
    if n:
        # How many predictions a line holds is public: places and periods.
        n, half = line.sum(), significant(value)
        outsider.add(line, (0, 1, 1), n * (value - half), n * (value + half))


def list_secrets(city: SimpleNamespace) -> list[tuple[str, np.ndarray]]:
    """List what the card leaves out although something, and too little, is behind it."""
    card, table, found = city.card, city.table, []
    outsider = Outsider(table, city.memberships)
    for result in card["fairness"]["results"]:
        if result["status"] == "suppressed" and result["metric"] == "wape":
            line = outsider.weigh(result["dimension"], result["group"])
            found.append((f"{result['dimension']}={result['group']}", line))
    for place in card["eval"]["places"]:
        if all(f.get("value") is None for f in place["figures"]):
            found.append((f"place {place['id']}", outsider.pick("area", place["id"])))
        if (place.get("forecast") or {"value": 0})["value"] is None:
            found.append((f"the last period of place {place['id']}", pick_last(place, outsider)))
    for number in card["fairness"]["by_fold"]:
        (kind, group), fold = next(i for i in number["slice"].items() if i[0] != "fold"), number["slice"]["fold"]  # fmt: skip
        if number.get("value") is None and number["metric"] == "under_forecast_share":
            line = outsider.weigh(kind, group) * outsider.pick("fold", fold)
            found.append((f"{kind}={group}, fold {fold}", line))
    for point in card["eval"]["series"]:
        if point["actual"] is None:
            line = (table["period_start"] == pd.Timestamp(point["period_start"])).to_numpy(float)
            found.append((f"period {point['period_start']}", line))
    y = table["y_true"].to_numpy()
    return [
        (name, line)
        for name, line in found
        if 0 < (line @ y) ** 2 / max((line**2) @ y, 1e-9) < K and line @ y > 0
    ]


def attack(city: SimpleNamespace) -> tuple[int, list[str]]:
    """Return how many secrets were attacked, and which were found out."""
    outsider, y = read_card(city), city.table["y_true"].to_numpy()
    truth = np.concatenate([y, *(np.maximum(s * (y - city.table["y_pred"]), 0) for s in (1, -1))])
    # The truth must agree with what is read, or the attack is not the one it claims to be.
    worst = np.array(outsider.rows) @ truth - np.array(outsider.tops)
    assert worst.max() < 1e-6, worst.max()
    secrets, opened = list_secrets(city), []
    ranges = outsider.find_ranges([line for _, line in secrets]) if secrets else []
    for (name, line), (low, high) in zip(secrets, ranges, strict=True):
        # Of a group by share, this many people of whom it is the largest part.
        if (high - low) / line.max() < K - 1e-3:
            opened.append(f"{name}: {line @ y:g} in {low:.2f}..{high:.2f}")
    return len(secrets), opened


@pytest.mark.promise(4)
@pytest.mark.parametrize(
    "seeds",
    [
        pytest.param((*range(8), *FOUND), marks=pytest.mark.slow),
        pytest.param(range(8, max(ATTACKS, 9)), marks=pytest.mark.long),
    ],
)
def test_no_suppressed_count_of_a_card_can_be_worked_out(
    observe: Callable[[str], None], seeds: Sequence[int]
) -> None:
    attacked, opened, shown = 0, [], 0
    for seed in seeds:
        city = make_city(seed)
        n, found = attack(city)
        attacked += n
        opened += [f"city {seed}: {line}" for line in found]
        shown += sum(r.get("value") is not None for r in city.card["fairness"]["results"])
    observe(f"{len(opened)} of {attacked} hidden counts in {len(seeds)} cities")
    assert attacked > 2 * len(seeds)
    assert shown > 20 * len(seeds)
    assert not opened, f"{len(opened)} of {attacked}: {opened[:10]}"


def test_the_attack_finds_what_is_not_protected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "cityai.disclosure.protect.protect_release",
        lambda lines, a, hidden, secret, k: (hidden, np.full(len(hidden), -1), True),
    )
    assert any(attack(make_city(seed))[1] for seed in range(8))
