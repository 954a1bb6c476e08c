"""What a design can decide is said before the run, and holds afterwards."""

from __future__ import annotations

import math
import re

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cityai.assessment.foresight import Foresight, foresee_audit, judge_design
from cityai.assessment.metrics import find_metric
from cityai.config.load import load_project
from cityai.findings import Status
from cityai.inference.equivalence import decide_equivalence, detect_gap, foresee_blocks
from cityai.inference.group_gaps import Measures, choose_design, measure_groups
from cityai.pipeline.check import check_project, plan_project
from cityai.records.audit_data import Cells
from tests.assessment.conftest import audit_predictions, group
from tests.conftest import draw_requests, write_workspace

TOLD = {
    "bias": "Too high or too low, Districts by income: with 7 test periods, 2 of 2 groups "
    "with exact figures cannot "
    "pass the limit of 3 points, not even with a gap of 0; “lower”, told least well, could pass "
    "9.1 points or more. A gap of 27 points or more would be found, nine times in ten.",
    "under_forecast_share": "More than forecast, Districts by income: with 7 test periods a gap "
    "of 0 can pass the limit of 50 points. A gap of 66 points or more would be found, nine times "
    "in ten.",
}
LIMIT = 0.5
GROUPS = 4


def draw_errors(rng: np.random.Generator, folds: int) -> np.ndarray:
    """Draw errors of four groups whose gaps vary by 1 from fold to fold; shocks are shared."""
    own = rng.standard_normal((folds, GROUPS)) * np.sqrt(GROUPS / (GROUPS - 1))
    return own + 2 * rng.standard_normal((folds, 1))


def measure_errors(error: np.ndarray, gap: float = 0.0) -> Measures:
    """Measure their gaps to all; the first group's is the one given."""
    metric, folds = find_metric("bias"), len(error)
    assert metric is not None
    error = error + np.eye(GROUPS)[0] * gap * GROUPS / (GROUPS - 1)
    cells = Cells(
        np.stack([error, np.ones_like(error)], -1), (metric.numerator, metric.denominator)
    )
    design = choose_design("this city", folds, 0.95, 6)
    shown = np.ones(GROUPS, dtype=bool)
    return measure_groups(cells, np.eye(GROUPS), metric, design, "overall", shown)


def find_halves(measured: Measures) -> tuple[np.ndarray, np.ndarray]:
    return (
        (measured.alone_high - measured.alone_low) / 2,
        (measured.gap_high - measured.gap_low) / 2,
    )


def judge_first(measured: Measures) -> Status:
    ends = [getattr(measured, n)[0] for n in ("alone_low", "alone_high", "gap_low", "gap_high")]
    return decide_equivalence(measured.gap[0], tuple(ends[:2]), tuple(ends[2:]), LIMIT).status


@pytest.mark.parametrize("folds", [8, 13, 26])
def test_a_gap_that_is_foreseen_to_be_told_is_told(folds: int) -> None:
    """Another draw of the same panel is judged: nine in ten such gaps are found."""
    rng, found, smaller = np.random.default_rng(folds), [], []
    for _ in range(400):
        alone, together = find_halves(measure_errors(draw_errors(rng, folds)))
        at = int(alone.argmax())
        least = detect_gap(alone[at], together[at], LIMIT)
        other = draw_errors(rng, folds)
        found.append(judge_first(measure_errors(other, least)) is Status.FAIL)
        smaller.append(judge_first(measure_errors(other, LIMIT)) is Status.FAIL)
    assert np.mean(found) >= 0.9
    assert np.mean(smaller) <= 0.1


def test_the_least_gap_and_limit_fall_with_more_folds() -> None:
    rng, sizes = np.random.default_rng(1), (6, 8, 10, 13, 20, 26, 39, 40, 52, 104)
    panels = [draw_errors(rng, max(sizes)) for _ in range(30)]
    least = []
    for folds in sizes:
        halves = np.array([find_halves(measure_errors(panel[:folds])) for panel in panels])
        alone, together = np.median(halves.max(axis=2), axis=0)
        least.append((alone, detect_gap(alone, together, LIMIT)))
    assert np.all(np.diff(least, axis=0) < 0)


def test_what_is_said_to_decide_a_gap_decides_it() -> None:
    """Of unrelated periods, nine in ten gaps are decided by the most that is said to be needed."""
    rng, folds, decided = np.random.default_rng(2), 10, []
    while len(decided) < 40:
        panel = draw_errors(rng, 410)
        measured = measure_errors(panel[:folds])
        if judge_first(measured) is not Status.NOT_ENOUGH or abs(measured.gap[0]) > LIMIT:
            continue
        ends = float(measured.alone_low[0]), float(measured.alone_high[0])
        _, most = foresee_blocks(float(measured.gap[0]), *ends, LIMIT, folds, periods=True)
        after = measure_errors(panel[: folds + int(min(most, 400))])
        decided.append(judge_first(after) is not Status.NOT_ENOUGH)
    assert np.mean(decided) >= 0.85


@pytest.mark.parametrize("people", [26, 200])
def test_what_is_said_to_decide_a_gap_of_others_like_these_decides_it(people: int) -> None:
    """Of gaps that are as found: 63 of 100 were, where people were counted on like periods."""
    decided = []
    for seed in range(500):
        rng = np.random.default_rng(seed)
        spread = 0.5 * math.sqrt(people)
        seen = rng.choice([0.0, 0.3, 0.5, 1.8]) + spread * rng.normal(size=people)
        gap, half = find_half(seen)
        if abs(abs(gap) - 1) > half:
            continue
        _, most = foresee_blocks(gap, gap - half, gap + half, 1.0, people, periods=False)
        if math.isfinite(most):
            more = gap + spread * rng.normal(size=int(most))
            gap, half = find_half(np.append(seen, more))
            decided.append(abs(abs(gap) - 1) > half)
    assert len(decided) > 150
    assert np.mean(decided) >= 0.8


def find_half(seen: np.ndarray) -> tuple[float, float]:
    error = seen.std(ddof=1) / math.sqrt(len(seen))
    return float(seen.mean()), float(stats.t.ppf(0.95, len(seen) - 1) * error)


def test_an_audit_and_its_rehearsal_are_one(make_predictions, make_membership, make_spec) -> None:
    """By the same predictions a rehearsal foresees what the audit says of itself afterwards."""
    predictions = make_predictions(folds=10, entities=24)
    zone = make_membership({f"a{e:02}": f"z{e % 3}" for e in range(24)})
    side = make_membership({f"a{e:02}": f"s{e % 2}" for e in range(24)}, dimension="side")
    spec = make_spec(limits={"bias": 0.02, "coverage": 0.2})
    audit = audit_predictions(predictions, [zone, side], spec)
    foresight = foresee_audit(predictions, group([zone, side]), spec)
    pd.testing.assert_frame_equal(foresight.decidable, audit.decidable)
    assert set(audit.decidable["dimension"]) == {"zone", "side"}
    for row in audit.decidable.to_dict("records"):
        own = audit.table[audit.table["dimension"] == row["dimension"]]
        own = own[(own["metric"] == row["metric"]) & (own["group"] == row["group"])]
        assert row["least_gap"] > row["least_limit"] > 0
        if row["least_limit"] > row["limit"]:
            assert (own["status"] != "pass").all()
            mute, groups = map(
                int,
                re.findall(r"(\d+) of (\d+) groups? with exact figures cannot", row["sentence"])[0],
            )
            passed = audit.table[
                (audit.table["dimension"] == row["dimension"])
                & (audit.table["metric"] == row["metric"])
                & (audit.table["status"] == "pass")
            ]
            assert 1 <= mute <= groups - len(passed)


def test_no_number_is_said_of_what_would_take_more_than_ten_years(
    make_predictions, make_membership, make_spec
) -> None:
    """Folds are 28 days apart: 131 of them are more than ten years."""
    predictions = make_predictions(folds=10, entities=24)
    zone = make_membership({f"a{e:02}": f"z{e % 3}" for e in range(24)})
    table = audit_predictions(predictions, [zone], make_spec(limits={"bias": 0.002})).table
    table = table[(table["status"] == "not enough evidence") & (table["dimension"] == "zone")]
    assert len(table)
    more = table["more_blocks"]
    assert np.isinf(more).any()
    assert (more[np.isfinite(more)] <= 130).all()
    assert not table.loc[np.isinf(more), "reason"].str.contains("About").any()


def test_few_periods_decide_nothing_and_say_so(
    make_predictions, make_membership, make_spec
) -> None:
    predictions = make_predictions(folds=3)
    zone = make_membership({f"a{e:02}": f"z{e % 2}" for e in range(20)})
    foresight = foresee_audit(predictions, group([zone]), make_spec(limits={"bias": 0.05}))
    (row,) = foresight.decidable.to_dict("records")
    assert np.isnan(row["least_limit"])
    assert "can be neither passed nor failed: no gap has an interval" in row["sentence"]
    (finding,) = judge_design(foresight, 3, 0)
    assert (finding.code, finding.status) == ("design.undecidable", Status.NOT_ENOUGH)
    assert finding.observed is None


def make_foresight(least: float, more: float, block: str = "periods") -> Foresight:
    row = {
        "dimension": "zone", "metric": "coverage", "group": "north", "limit": 0.05,
        "least_limit": least, "least_gap": 0.2, "block": block, "blocks": 8.0,
        "more_blocks": more, "sentence": "No gap passes.",
    }  # fmt: skip
    return Foresight(pd.DataFrame([row, row | {"dimension": "side", "least_limit": 0.03}]))


@pytest.mark.parametrize(
    ("more", "held", "block", "told"),
    [
        (5.0, 16, "periods", "Set `backtest.folds: 13`: your data hold as many."),
        (5.0, 2, "periods", "About 5 more test folds would do, and your data hold 2 more."),
        (5.0, 0, "periods", "About 5 more test folds would do, and your data hold no more."),
        (np.inf, 16, "periods", "What helps: a wider limit, or fewer and larger groups"),
        (5.0, 16, "entities", "What helps: a wider limit, or fewer and larger groups"),
    ],
)
def test_it_is_said_what_to_do(more: float, held: int, block: str, told: str) -> None:
    (finding,) = judge_design(make_foresight(0.12, more, block), 8, held)
    assert told in finding.reason
    assert "It is so in 1 of 2 dimensions." in finding.reason
    assert (finding.observed, finding.limit) == (0.12, 0.05)
    assert not judge_design(make_foresight(0.04, 0.0), 8, held)


def test_a_project_s_folds_say_what_they_can_decide(tmp_path, own_store) -> None:
    folder = write_workspace(tmp_path, draw_requests())
    areas = pd.read_csv(tmp_path / "areas.csv")
    abroad = areas["born_abroad"] + [0, 50, -50, 100, -100, 0]  # places differ by these groups
    areas.assign(born_abroad=abroad).to_csv(tmp_path / "areas.csv", index=False)
    (tmp_path / "configs" / "policy.yaml").write_text(
        "small_cell: 11\nlimits: {bias: 0.03, under_forecast_share: 0.5}\n"
    )
    project = load_project(folder)
    table = plan_project(project).foresight.decidable
    told = table[table["dimension"] == "income"]
    assert dict(zip(told["metric"], told["sentence"], strict=True)) == TOLD
    found = check_project(project).findings
    mute = {f.subject: f.reason for f in found if f.code == "design.undecidable"}
    assert set(mute) == {"bias"}
    assert "It is so in 1 of 2 dimensions" in mute["bias"]
