"""An outsider with a solver against cards that count people: given predictions, and ranked lists.

Everything that the card prints of groups is written down as constraints on the people of each kind
(with the outcome or not, selected or not), in each combination of groups. The outsider is also taken
to know every group's size, and how far each interval reaches, so that a verdict says where the
figure lies. Then each small count is made as small and as large as all that allows.
"""

# ruff: noqa: E501

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog

from cityai.assessment.audit import audit_predictions
from cityai.assessment.evaluate import evaluate_predictions
from cityai.card.draft import CardFacts, Fitted, draft_card
from cityai.card.draft.subject import describe_list
from cityai.card.record.part import Number
from cityai.card.record.ranked import GroupReach
from cityai.config.load_audit import load_audit
from cityai.modeling.calibration import to_probability
from cityai.modeling.capacity import select_cases
from cityai.records.predictions import build_predictions
from tests.kinds import Judged, judge_given, open_spec
from tests.modeling.made_cases import build_risk_spec, make_cases
from tests.promises import trials

from .conftest import make_facts

K = 11
ATTACKS = trials(100, 6)
KINDS = ("tp", "fp", "fn", "tn")
OVERALL = "overall"
SAME = {"recall": "true_positive_rate"}
PARTS = {
    "selection_rate": ("tp fp", "tp fp fn tn"),
    "false_positive_rate": ("fp", "fp tn"),
    "false_negative_rate": ("fn", "fn tp"),
    "true_positive_rate": ("tp", "fn tp"),
    "precision": ("tp", "tp fp"),
    "false_discovery_rate": ("fp", "tp fp"),
    "false_omission_rate": ("fn", "fn tn"),
    "accuracy": ("tp tn", "tp fp fn tn"),
    "base_rate": ("tp fn", "tp fp fn tn"),
    "selection_for_need": ("tp fp", "tp fn"),
}
AUDIT = """\
name: people
title: Who is selected
predictions:
  kind: yes/no
  unit: people
  label: person
  label_plural: people
  made_by: somebody
  columns: {outcome: y, decision: d}
audit:
  dimensions:
    kind: {label: Kind, attribute: kind}
    side: {label: Side, attribute: side, reference: left}
  limits: {false_positive_rate: 0.05, false_negative_rate: 0.05, selection_rate: 0.05}
"""


def mark(words: str) -> np.ndarray:
    return np.array([float(kind in words.split()) for kind in KINDS])


def pool_groups(rows: pd.DataFrame, fairness) -> pd.DataFrame:
    """Name each row's groups as they are counted: the smallest with another."""
    for part in fairness.dimensions:
        with_other = {g.name: g.counted_with for g in part.groups if g.counted_with}
        if with_other:
            rows = rows.assign(**{part.name: rows[part.name].replace(with_other)})
    return rows


class Outsider:
    """Bounds on people of four kinds in each combination of groups."""

    def __init__(self, rows: pd.DataFrame) -> None:
        self.cells = list(product(*(sorted(rows[d].unique()) for d in ("kind", "side"))))
        counted = rows.groupby(["kind", "side", "cell"]).size()
        self.truth = np.array([counted.get((*c, k), 0) for c in self.cells for k in KINDS], float)
        self.rows: list[np.ndarray] = []
        self.tops: list[float] = []

    def line(self, dimension: str, group: str, words: np.ndarray) -> np.ndarray:
        named = dict(zip(dimension.split(" * "), group.split(" and "), strict=True))
        held = [
            dimension == "overall"
            or all(dict(zip(("kind", "side"), c, strict=True))[d] == g for d, g in named.items())
            for c in self.cells
        ]
        return np.outer(held, words).ravel()

    def add(self, row: np.ndarray, top: float) -> None:
        self.rows.append(row)
        self.tops.append(top + 1e-7)

    def add_share(self, at: tuple[str, str], metric: str, low: float, high: float) -> None:
        above, below = (mark(words) for words in PARTS[metric])
        if metric == "selection_for_need":
            above = above * (self.truth @ self.line("overall", "overall", below))
            above /= self.truth @ self.line("overall", "overall", mark("tp fp"))
        if math.isfinite(high):
            self.add(self.line(*at, above - high * below), 0.0)
        if math.isfinite(low):
            self.add(self.line(*at, low * below - above), 0.0)

    def find_share(self, metric: str) -> float:
        above, below = (self.line(OVERALL, OVERALL, mark(words)) for words in PARTS[metric])
        return float(self.truth @ above / (self.truth @ below))

    def find_width(self, aim: np.ndarray) -> float:
        ends = []
        for sign in (1, -1):
            solved = linprog(sign * aim, np.array(self.rows), self.tops, method="highs")
            if solved.status == 3:
                return math.inf
            assert solved.status == 0, solved.message
            ends.append(sign * solved.fun)
        return ends[1] - ends[0]


def half_of(value: float) -> float:
    return 0.0005 if round(value, 2) != value else 0.005


def read_whole(outsider: Outsider, metrics: Sequence[Number]) -> None:
    """What is said of everyone is exact, or a range; how many had the outcome is known anyway."""
    everyone = outsider.line(OVERALL, OVERALL, mark("tp fp fn tn"))
    for words in ("tp fn", "tp fp"):
        margin = outsider.line(OVERALL, OVERALL, mark(words))
        few = float(outsider.truth @ margin)
        if K <= few <= outsider.truth @ everyone - K:
            for sign in (1, -1):
                outsider.add(sign * margin, sign * few)
    for number in metrics:
        name = SAME.get(number.metric, number.metric)
        if number.slice != {"model": "forecast"} or name not in PARTS:
            continue
        if number.between is not None:
            outsider.add_share((OVERALL, OVERALL), name, *number.between)
        elif number.value is not None:
            exact = outsider.find_share(name)
            assert abs(exact - number.value) < 0.01
            outsider.add_share((OVERALL, OVERALL), name, exact, exact)


def read_results(
    outsider: Outsider, results: list[dict], table: pd.DataFrame, metrics: Sequence[Number]
) -> None:
    margins = table.set_index(["dimension", "group", "metric"])
    everyone = mark("tp fp fn tn")
    read_whole(outsider, metrics)
    for r in results:
        at = (r["dimension"], r["group"])
        if r["status"] == "suppressed" and r["n"] is None:
            continue
        size = outsider.line(*at, everyone)
        for sign in (1, -1):
            outsider.add(sign * size, sign * float(outsider.truth @ size))
        if r["metric"] not in PARTS:
            continue
        if r.get("value") is not None:
            half = half_of(r["value"])
            outsider.add_share(at, r["metric"], r["value"] - half, r["value"] + half)
        if r.get("between") is not None:
            outsider.add_share(at, r["metric"], *r["between"])
        if r["gap"] and r["reference_value"] is not None:
            around, half = r["gap"] + r["reference_value"], half_of(r["gap"]) + half_of(r["reference_value"])  # fmt: skip
            outsider.add_share(at, r["metric"], around - half, around + half)
        if r["status"] in ("pass", "fail") and math.isfinite(margins.loc[(*at, r["metric"])]["gap_low"]):  # fmt: skip
            read_verdict(outsider, r, margins.loc[(*at, r["metric"])])


def read_verdict(outsider: Outsider, r: dict, exact: pd.Series) -> None:
    gap, beside, limit = exact["gap"], exact["reference_value"], r["limit"]
    down, up = gap - exact["gap_low"], exact["gap_high"] - gap
    low, high = beside - limit + down, beside + limit - up
    if r["status"] == "fail":
        low, high = (beside + limit + down, math.inf) if gap > 0 else (-math.inf, beside - limit - up)  # fmt: skip
    outsider.add_share((r["dimension"], r["group"]), r["metric"], low, high)


def read_curve(outsider: Outsider, curve: list, rows: pd.DataFrame) -> None:
    """Bands hold a group in equal parts, so their shares add up to the number with the outcome."""
    for (dimension, group), points in pd.DataFrame(curve).groupby(["dimension", "group"]):
        if points["outcome_share"].notna().all():
            size = (rows[dimension] == group).sum() if dimension != "overall" else len(rows)
            need = float(points["outcome_share"].mean())
            half = half_of(max(points["outcome_share"])) + len(points) / size
            outsider.add_share((dimension, group), "base_rate", need - half, need + half)


def attack(outsider: Outsider, groups: list[tuple[str, str]]) -> tuple[int, list[str]]:
    worst = np.array(outsider.rows) @ outsider.truth - np.array(outsider.tops)
    assert worst.max() < 1e-6, worst.max()
    attacked, opened = 0, []
    for at, words in product([(OVERALL, OVERALL), *groups], (*KINDS, "tp fp", "fn tn")):
        aim = outsider.line(*at, mark(words))
        if 0 < outsider.truth @ aim < K:
            attacked += 1
            width = outsider.find_width(aim)
            if width < K - 0.01:
                opened.append(f"{at}, {words}: {outsider.truth @ aim:g} within {width:.2f}")
    return attacked, opened


def name_cells(truth: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    return np.where(chosen == 1, np.where(truth == 1, "tp", "fp"), np.where(truth == 1, "fn", "tn"))


def list_groups(table: pd.DataFrame) -> list[tuple[str, str]]:
    kept = table[table["dimension"] != "overall"]
    return list(dict.fromkeys(zip(kept["dimension"], kept["group"], strict=True)))


def draw_given(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(300, 3000))
    kind = rng.choice(list("abc"), n, p=rng.dirichlet([4, 2, 0.6]))
    y = (rng.random(n) < pd.Series(kind).map(dict(zip("abc", rng.beta(2, 5, 3), strict=True)))) * 1
    d = (rng.random(n) < np.where(y == 1, rng.uniform(0.3, 0.9), rng.uniform(0.01, 0.3))) * 1
    return pd.DataFrame({"y": y, "d": d, "kind": kind, "side": rng.choice(["left", "right"], n)})


def judge_rows(rows: pd.DataFrame, tmp_path) -> Judged:
    (tmp_path / "configs").mkdir(exist_ok=True)
    (tmp_path / "configs" / "city.yaml").write_text(
        "name: Testville\ncountry: US\ntime_zone: UTC\nsynthetic: true\n"
        "contact: {unit: Data office, email: data@testville.example}\n"
    )
    (tmp_path / "configs" / "policy.yaml").write_text(f"small_cell: {K}\n")
    (tmp_path / "audit.yaml").write_text(AUDIT)
    rows.to_csv(tmp_path / "rows.csv", index=False)
    return judge_given(load_audit(tmp_path / "audit.yaml"), tmp_path / "rows.csv")


def attack_given(seed: int, tmp_path) -> tuple[int, list[str], int]:
    rows = draw_given(seed)
    judged = judge_rows(rows, tmp_path)
    card = draft_card(judged.facts)
    fairness = card.fairness
    outsider = Outsider(
        pool_groups(
            rows.assign(cell=name_cells(rows["y"].to_numpy(), rows["d"].to_numpy())), fairness
        )
    )
    results = json.loads(fairness.model_dump_json())["results"]
    read_results(outsider, results, judged.audit.table, card.eval.metrics)
    told = sum(r.get("value") is not None or r.get("between") is not None for r in results)
    return *attack(outsider, list_groups(judged.audit.table)), told


def make_ranked(
    seed: int, change: Callable[[pd.DataFrame], pd.DataFrame] | None = None
) -> SimpleNamespace:
    """A ranked list with a rare group, its audit and its card; `change` what is predicted of it."""
    rng = np.random.default_rng(seed)
    cases = make_cases(days=60, a_day=int(rng.integers(8, 16)), places=200, seed=seed)
    few = rng.choice(200, int(rng.integers(12, 26)), replace=False)
    place = cases.table["entity_id"].str[1:].astype(int)
    table = cases.table.assign(
        kind=np.where(place.isin(few), "kiosk", cases.table["kind"]),
        side=np.where(place % 2 == 0, "left", "right"),
    )
    cases = replace(cases, table=table)
    audit = {
        "dimensions": {"kind": {"label": "Kind", "attribute": "kind"}, "side": {"label": "Side", "attribute": "side"}},
        "limits": {"selection_for_need": 0.5, "true_positive_rate": 0.1},
    }  # fmt: skip
    entity = {"columns": ["place"], "attributes": ["kind", "side"], "label": "place", "label_plural": "places"}  # fmt: skip
    spec = build_risk_spec(audit=audit, question={"entity": entity})
    score = to_probability(-1.5 + table["trait"].to_numpy())
    frame = table.assign(y_pred=score, fold=1 + (table["slot"] >= 30).astype(int))
    chosen = select_cases(frame, score, spec.question.decision).decision
    frame = frame.assign(
        decision=chosen,
        **{
            "baseline.random_order": score,
            "candidate.one": score,
            "baseline.past_rate": rng.random(len(frame)),
        },
    )
    frame = change(frame) if change else frame
    predictions = build_predictions(frame, unit="inspections", chosen="blend", kind="yes/no")
    groups = open_spec(spec).assign_groups(cases)
    found = audit_predictions(predictions, groups, spec)
    judged = evaluate_predictions(predictions, spec)
    card = draft_card(
        CardFacts(
            run=make_facts([]),
            spec=spec,
            subject=describe_list(spec, predictions),
            predictions=predictions,
            evaluation=judged,
            audit=found,
            findings=(),
            fitted=Fitted(pd.DataFrame({"role": []}), {}, ()),
        )
    )
    return SimpleNamespace(
        card=card,
        frame=frame,
        predictions=predictions,
        groups=groups,
        audit=found,
        spec=spec,
        evaluation=judged,
    )


def attack_ranked(
    seed: int, change: Callable[[pd.DataFrame], pd.DataFrame] | None = None
) -> tuple[int, list[str], int]:
    city = make_ranked(seed, change)
    card, frame, found = city.card, city.frame, city.audit
    fairness = card.fairness
    kept = city.predictions.table
    rows = frame.set_index("case_id").loc[kept["case_id"]].reset_index()
    rows["cell"] = name_cells(rows["y_true"].to_numpy(), rows["decision"].to_numpy())
    rows = pool_groups(rows, fairness)
    outsider = Outsider(rows)
    results = json.loads(fairness.model_dump_json())["results"]
    read_results(outsider, results, found.table, card.eval.metrics)
    assert card.eval.ranked is not None
    read_curve(outsider, [point.model_dump() for point in card.eval.ranked.curve], rows)
    read_reach(outsider, card.eval.ranked.groups)
    told = sum(r.get("value") is not None or r.get("between") is not None for r in results)
    return *attack(outsider, list_groups(found.table)), told


def read_reach(outsider: Outsider, points: Sequence[GroupReach]) -> None:
    """At the city's own capacity, what is found of groups is one more rate of the same counts."""
    for point in points:
        at = (point.dimension, point.group)
        shares = {"true_positive_rate": point.recall, "selection_rate": point.selected}
        for name, share in shares.items() if point.own else ():
            if share is not None:
                outsider.add_share(at, name, share - half_of(share), share + half_of(share))


@pytest.mark.promise(4)
@pytest.mark.parametrize("kind", ["given", "ranked"])
def test_no_small_count_of_people_follows_from_a_card(observe, kind: str, tmp_path) -> None:
    attacked, opened, shown = 0, [], 0
    for seed in range(ATTACKS):
        n, found, told = attack_given(seed, tmp_path) if kind == "given" else attack_ranked(seed)
        attacked, shown = attacked + n, shown + told
        opened += [f"card {seed}: {line}" for line in found]
    observe(f"{len(opened)} of {attacked} hidden counts in {ATTACKS} cards of people ({kind})")
    assert attacked >= ATTACKS / 2  # tiny groups are counted with another, so few are left
    assert shown > 15 * ATTACKS
    assert not opened, f"{len(opened)} of {attacked}: {opened[:10]}"


@pytest.mark.parametrize("kind", ["given", "ranked"])
def test_the_attack_finds_what_is_said_exactly(kind, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("cityai.disclosure.apply_rounding.choose_steps", lambda *_: {})
    seeds = range(4)
    found = [attack_given(s, tmp_path) if kind == "given" else attack_ranked(s) for s in seeds]
    assert any(opened for _, opened, _ in found)
