"""Two cards of one project, a week apart: what came between them must not follow from both."""

# ruff: noqa: E501

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from functools import cache
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from cityai.card.diff import add_changes
from cityai.card.draft import CardFacts, Fitted
from cityai.card.draft.data import draft_data
from cityai.card.draft.subject import describe_forecast, describe_list
from cityai.card.draft.withheld import find_withheld
from cityai.card.record import CardRecord, write_lines
from cityai.records.events import list_left, list_versions
from tests.modeling.made_cases import build_risk_spec

from .conftest import make_city, make_facts
from .test_attack import K, count_spec

FIRST = date(2024, 1, 1)
WEEK = timedelta(days=7)


def make_quality(rows: np.ndarray) -> SimpleNamespace:
    """The quality report of rows by week and area (W, A)."""
    weeks = [FIRST + i * WEEK for i in range(len(rows))]
    by_period = pd.DataFrame(
        {"period_start": weeks, "rows": rows.sum(axis=1), "entities_reporting": 3, "median_delay_days": 1.0}
    )  # fmt: skip
    measures = pd.DataFrame(
        [["accuracy", "rows kept", f"a{i}", 1.0, int(n), 0.9, "pass"] for i, n in enumerate(rows.sum(axis=0))],
        columns=["dimension", "measure", "slice", "value", "n", "limit", "status"],
    )  # fmt: skip
    total = int(rows.sum())
    return SimpleNamespace(
        measures=measures, by_period=by_period, findings=(), rejects=pd.DataFrame(),
        left=list_left(), versions=list_versions(),
        counts=SimpleNamespace(read=total, out_of_scope=0, rejected=0, accepted=total),
    )  # fmt: skip


@pytest.fixture(scope="module")
def record() -> CardRecord:
    """A card without figures of groups, places and checks, long to read and not of the rows."""
    made = make_city().record
    rest = {
        "eval": made.eval.model_copy(update={"metrics": (), "places": ()}),
        "fairness": made.fairness.model_copy(update={"results": (), "by_fold": ()}),
    }
    return made.model_copy(update={"findings": (), **rest})


def draft_rows(spec, rows: np.ndarray):
    """The part on the data, as any card of a run has it."""
    made = build_made_facts()
    described = describe_forecast if spec.kind == "demand" else describe_list
    facts = CardFacts(
        run=make_facts(["a0"]),
        spec=spec,
        subject=described(spec, made.predictions),
        predictions=made.predictions,
        evaluation=made.evaluation,
        audit=made.audit,
        findings=(),
        quality=make_quality(rows),
        fitted=Fitted(),
    )
    return draft_data(facts, find_withheld(facts))


@cache
def build_made_facts() -> SimpleNamespace:
    return make_city()


def publish(record: CardRecord, rows: np.ndarray, spec, earlier: str = "") -> CardRecord:
    data = draft_rows(spec, rows)
    fairness = record.fairness.model_copy(update={"min_group_size": K})
    record = record.model_copy(update={"data": data, "fairness": fairness})
    return add_changes(record, earlier)


def bound(value: float | None, half: float) -> tuple[float, float]:
    return (0.0, np.inf) if value is None else (value - half, value + half)


def find_differences(before: CardRecord, after: CardRecord) -> dict[str, tuple[float, float]]:
    """What both cards together say of what came between them: the least and the most."""

    def read(card: CardRecord) -> dict[str, tuple[float, float]]:
        [part] = card.data
        hidden = any(p.rows is None for p in part.by_period)
        half = 10.0 if hidden and all((p.rows or 0) % 20 == 0 for p in part.by_period) else 0.0
        found = {f"week {p.period_start}": bound(p.rows, half) for p in part.by_period}
        for m in part.quality:
            if m.slice != "overall":
                found[m.slice] = bound(m.n, 10.0 if (m.n or 0) % 20 == 0 else 0.0)
        whole = part.rows_accepted
        weeks = [found[f"week {p.period_start}"] for p in part.by_period]
        found["whole"] = bound(whole, 10.0 if whole % 20 == 0 else 0.0)
        low, high = found["whole"]
        sums = [sum(w[i] for w in weeks) for i in (0, 1)]
        found["whole"] = (max(low, sums[0]), min(high, sums[1]))
        for p, own in zip(part.by_period, weeks, strict=True):
            rest = [sum(w[i] for w in weeks) - own[i] if np.isfinite(own[i]) else sum(w[i] for w in weeks if w is not own) for i in (0, 1)]  # fmt: skip
            tight = (max(own[0], found["whole"][0] - rest[1]), min(own[1], found["whole"][1] - rest[0]))  # fmt: skip
            found[f"week {p.period_start}"] = tight
        return found

    old, new = read(before), read(after)
    return {
        name: (new[name][0] - old.get(name, (0.0, 0.0))[1], new[name][1] - old.get(name, (0.0, 0.0))[0])
        for name in new
    }  # fmt: skip


@pytest.mark.promise(30)
@pytest.mark.slow
def test_no_small_count_follows_from_two_cards(
    observe: Callable[[str], None], record: CardRecord
) -> None:
    rng = np.random.default_rng(7)
    asked, opened = 0, []
    for pair in range(100):
        weeks, areas = int(rng.integers(3, 9)), int(rng.integers(2, 5))
        level = rng.choice([2.0, 8.0, 30.0], areas)
        rows = rng.poisson(level, (weeks + 1, areas))
        late = np.zeros_like(rows)
        late[-3:-1] = rng.poisson(0.4, (2, areas))
        late = np.minimum(late, rows)
        spec = count_spec()
        before = publish(record, (rows - late)[:-1], spec)
        after = publish(record, rows, spec, write_lines(before))
        last = str(FIRST + weeks * WEEK)
        truth = {f"week {FIRST + i * WEEK}": late[i].sum() for i in range(weeks)}
        truth[f"week {FIRST + weeks * WEEK}"] = rows[-1].sum()
        truth |= {f"a{i}": late[:, i].sum() + rows[-1, i] for i in range(areas)}
        truth["whole"] = late.sum() + rows[-1].sum()
        for name, (low, high) in find_differences(before, after).items():
            assert low - 1e-9 <= truth[name] <= high + 1e-9, (pair, name, low, high, truth[name])
            if 0 < truth[name] < K:
                asked += 1
                # Rows of an old week may have been taken back, too; of new ones there are none less.
                revised = name.startswith("week") and not name.endswith(last)
                if high - (low if revised else max(low, 0.0)) < K - 1:
                    opened.append(f"pair {pair}, {name}: {truth[name]} in {low:g}..{high:g}")
    observe(f"{len(opened)} of {asked} small counts in 100 pairs")
    assert asked > 100
    assert not opened, f"{len(opened)} of {asked}: {opened[:8]}"


@pytest.mark.parametrize("spec", [count_spec(), build_risk_spec(policy={"small_cell": K})], ids=["demand", "ranked"])  # fmt: skip
def test_a_hidden_month_is_not_the_rest(spec) -> None:
    """50, hidden and 60 of 115: whatever kind of card draws it, the hidden one is not 5."""
    rows = np.array([[50], [5], [60]])
    [part] = draft_rows(spec, rows)
    shown = [p.rows for p in part.by_period]
    assert shown[1] is None
    left = part.rows_accepted - sum(n for n in shown if n is not None)
    # Two months and the whole are each known to within ten.
    assert left - 30 <= 0
    assert left + 30 >= K
    assert part.rows_read == part.rows_accepted
    assert shown == [40, None, 60]
