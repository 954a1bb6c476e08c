"""What a card says of one figure in two places agrees, and rounding is said."""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cityai.assessment.metrics import find_metrics
from cityai.assessment.more_words import tell_more
from cityai.assessment.sentences import say_ends, say_share, say_value
from cityai.card.draft.data import _list_measures
from cityai.card.draft.evaluation import _draft_series
from cityai.card.draft.rounding import round_figure
from cityai.card.draft.sentences import describe_series
from cityai.card.draft.withheld import Withheld
from cityai.card.draft.worth import _explain
from cityai.card.figures.canvas import drawing
from cityai.card.figures.evidence import draw_quality
from cityai.card.numbers import MISSING, write_number
from cityai.card.record.measured import SeriesPoint
from cityai.card.record.ranked import CapacityPoint, RankedPart, WorthWay
from cityai.card.render.data_tables import arrange_quality_by_place
from cityai.card.render.ranked import tell_rival
from cityai.card.render.tables import arrange_groups, make_grid
from cityai.card.words import say_share as say_on_card
from cityai.columns import AREA
from cityai.i18n.translator import Translator
from cityai.records.metric import Metric

WAPE = next(m for m in find_metrics("amount") if m.name == "wape")
UNITS = ("share", "ratio")
DAYS = Metric("days_sooner", "days sooner", "a", "b", "target", "high")


def test_a_share_is_rounded_once() -> None:
    assert say_share(0.01509) == "about 1 in 67 (1.5%)"
    assert say_share(0.006193) == "about 1 in 170 (0.6%)"  # 0.55 to 0.65 %: 1 in 154 to 182
    assert say_on_card(0.015, "ton") == "about 1 ton in 67"
    assert say_share(0.4275) == "about 2 in 5 (42.7%)"
    assert say_share(0.783) == "about 4 in 5 (78.3%)"  # 3 in 4 is farther off
    assert write_number(round_figure(0.4275, "share", 1000), "share") == "42.7%"


@given(st.floats(0, 1))
def test_a_share_is_said_by_the_nearest_simple_part(share: float) -> None:
    said = re.match(r"about (\d+) in (\d+) \(", say_share(share))
    if said and share > 0.29:
        top, bottom = int(said[1]), int(said[2])
        off = abs(top / bottom - share)
        assert off <= 0.036
        if bottom < 10:
            parts = ((round(share * b), b) for b in (2, 3, 4, 5))
            others = [abs(t / b - share) for t, b in parts if 0 < t < b]
            assert off <= min(others) + 0.001


@given(st.floats(0, 1))
def test_some_is_never_none_and_not_all_is_never_all(share: float) -> None:
    for digits in (0, 1):
        said = say_share(share, digits)
        assert ("none" in said) is (share == 0)
        assert said.startswith("all") is (share == 1)
        percent = re.search(r"\(([\d.]+)%\)", said)
        if percent and 0 < share < 1:
            assert abs(float(percent[1]) / 100 - share) <= 0.5 * 10.0 ** -(digits + 2) + 1e-12
            assert percent[1] not in {"0", "0.0", "100", "100.0"}


@pytest.mark.parametrize("value", [6.0449, 7.563, -0.0991, 11.2, 45.3, 0.0])
def test_days_are_said_alike_everywhere(value: float) -> None:
    rounded = round_figure(value, "days", 1e6)
    assert rounded is not None
    said = float(say_value(DAYS, value, "days").split()[0].replace("−", "-"))
    assert said == pytest.approx(rounded)
    assert len(str(rounded).rstrip("0").strip("-0.").replace(".", "")) <= 2


def test_a_ratio_is_said_alike_everywhere() -> None:
    mase = next(m for m in find_metrics("amount") if m.name == "mase")
    for value in (0.248, 0.952, 1.384):
        assert float(say_value(mase, value, "")) == round_figure(value, "ratio", 1e6)


def test_shares_of_groups_say_what_they_are_shares_of(city) -> None:
    dimension = city.record.fairness.dimensions[0]
    assert arrange_groups(city.record, dimension).columns[-1] == "Of what was tested"
    evaluation = city.record.eval.model_copy(update={"folds": ()})
    given_away = city.record.model_copy(update={"eval": evaluation})
    assert arrange_groups(given_away, dimension).columns[-1] == "In the data"


def test_totals_of_which_most_are_small_are_not_shown() -> None:
    days = pd.date_range("2024-01-01", periods=50)
    truth = np.where(np.arange(50) % 12 == 5, 13.0, 3.0)

    def draft(small_cell: int) -> tuple[SeriesPoint, ...]:
        table = pd.DataFrame(
            {"entity_id": "city", "period_start": days, "step": 1, "fold": 1, "y_true": truth,
             "y_pred": 3.6, "y_low": 0.4, "y_high": 8.1}
        )  # fmt: skip
        facts = SimpleNamespace(
            predictions=SimpleNamespace(table=table),
            spec=SimpleNamespace(policy=SimpleNamespace(small_cell=small_cell)),
            subject=SimpleNamespace(counts=True),
        )
        return _draft_series(facts, Withheld(coarse=small_cell > 0), "")[0]

    # Of days with 13 alone, one would read "0 of 4 inside, and 0 forecast": nine of ten were.
    assert draft(11) == ()
    assert [point.actual for point in draft(0)] == truth.tolist()


def test_rounding_of_periods_is_said(city) -> None:
    series = city.record.eval.series
    subject = SimpleNamespace(entities="districts", period="week")
    assert "multiples of 20" in describe_series(series, 0, 20, 6, subject)
    assert "multiples" not in describe_series(series, 0, 0, 6, subject)
    assert "range for the total" in describe_series(series, 0, 0, 6, subject)
    assert "range for the total" not in describe_series(series, 0, 0, 1, subject)
    bare = [point.model_copy(update={"low": None, "high": None}) for point in series]
    assert describe_series(bare, 0, 0, 6, subject).startswith("There is no band")
    hidden = [point.model_copy(update={"actual": None}) for point in bare]
    assert "no band" not in describe_series(hidden, 0, 0, 6, subject)
    lacking = describe_series(bare, 7, 0, 6, subject)
    assert lacking.startswith(f"In 7 of {len(series)} weeks the outcome of some districts")
    everywhere = describe_series(bare, len(bare), 0, 6, subject)
    assert everywhere.endswith("and there is no band.")
    assert describe_series(bare, len(bare), 20, 6, subject).endswith("too small to show.")
    # A rounded total may lie on the other side of a rounded end.
    for many in (1, 6):
        assert "cannot be read off them" in describe_series(series, 0, 20, many, subject)
        for step in (0, 20):
            said = describe_series(series, 0, step, many, subject)
            assert ("lay inside it in" in said or "band in" in said) == (step == 0)
    evaluation = city.record.eval.model_copy(update={"series_step": 20})
    for record, said in (
        (city.record, False),
        (city.record.model_copy(update={"eval": evaluation}), True),
    ):
        with drawing():
            figure = draw_quality(record)
        assert figure is not None
        assert ("Rows are rounded to multiples of 20" in figure.caption) is said


def draw_point(model: str, capacity: int, precision: float | None) -> CapacityPoint:
    bounds = {
        f"{n}_{end}": None for n in ("precision", "recall", "lift") for end in ("low", "high")
    }
    low = None if precision is None else precision - 0.05
    return CapacityPoint(
        model=model, capacity=capacity, declared=False, share=0.1, selected=100, reason="",
        precision=precision, recall=0.5, lift=1.2, **{**bounds, "precision_low": low},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("few", "many", "days", "members", "told"),
    [
        (5.6, 5.9, np.nan, 1.0, "About 6 more places like these would decide it."),
        (0.9, 1.0, np.nan, 6.0, "About 6 more places like these would decide it; 1 of them"),
        (0.9, 1.0, np.nan, 9.0, "About 9 more places like these would decide it; 1 of them"),
        (3.0, 3.9, 7.0, 1.0, "About 3 to 4 more places like these, over 1 month, would"),
        (0.4, 1.0, np.nan, 1.0, "About 1 more like these would decide it."),
        (0.4, np.inf, np.nan, 1.0, "At least 1 more like these would be needed to decide it."),
        (0.2, 1.9, np.nan, 1.0, "About 1 to 2 more places like these would decide it."),
        (60, 104.0, 7.0, 1.0, "over 14 to 24 months"),
        (120, 150.0, 7.0, 1.0, "over 3 years"),
    ],
)
def test_a_range_of_one_number_is_that_number(few, many, days, members, told) -> None:
    assert told in tell_more(few, many, 400, "places", days, members)


def test_points_are_named_once_in_an_interval() -> None:
    share, ratio = (next(m for m in find_metrics("amount") if m.unit == u) for u in UNITS)
    assert [*map(str, say_ends(share, -0.182, 0.007, "tons"))] == ["−18.2", "+0.7 points"]
    assert [*map(str, say_ends(ratio, -0.182, 0.007, "tons"))] == ["−0.18", "+0.01"]


def test_an_area_without_figures_of_its_own_has_its_name_in_the_quality_of_the_data(city) -> None:
    """A place that was silent in the tests has no figure there, and rows all the same."""
    entities = pd.DataFrame({AREA: ["A1", None], "area_name": ["Old Harbour", None]})
    facts = SimpleNamespace(
        run=SimpleNamespace(entities=entities),
        spec=SimpleNamespace(policy=SimpleNamespace(small_cell=11)),
        subject=SimpleNamespace(events=True),
    )
    rows = [("accuracy", "rows", place, 1.0, 40, 0.9, "pass") for place in ("overall", "A1", "A2")]
    columns = ["dimension", "measure", "slice", "value", "n", "limit", "status"]
    told = _list_measures(facts, pd.DataFrame(rows, columns=columns), Withheld())
    assert [(m.slice, m.name) for m in told] == [("overall", None), ("A1", "Old Harbour"),
                                                 ("A2", None)]  # fmt: skip
    data = (city.record.data[0].model_copy(update={"quality": told}),)
    grid = arrange_quality_by_place(city.record.model_copy(update={"data": data}))
    assert [row[0].text for row in grid.rows] == ["Old Harbour", "A2"]


def test_a_simple_rule_that_is_as_good_is_named() -> None:
    points = [
        draw_point(model, capacity, precision)
        for model, figures in (
            ("forecast", (0.487, 0.482, 0.427, None)),
            ("baseline.past_rate", (0.588, 0.47, 0.3, 0.4)),
            ("baseline.random_order", (0.9, 0.9, 0.9, 0.9)),
        )
        for capacity, precision in zip((20, 50, 200, 400), figures, strict=True)
    ]
    part = RankedPart.model_construct(
        practice="past_rate", practice_label="each one's own past rate", capacity=tuple(points)
    )
    (said,) = tell_rival(part)
    assert said.endswith("20 (58.8%, 48.7%); 50 (47.0%, 48.2%).")
    assert Translator("pt").translate(said).endswith("20 (58,8%, 48,7%); 50 (47,0%, 48,2%).")
    assert tell_rival(part.model_copy(update={"capacity": tuple(points[2:4] + points[6:8])})) == ()


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (0.938, "No single rule gains anything over chance; the forecast does."),
        (0.945, "No single rule gains anything over chance; the forecast does."),
        (0.947, "the best, the yearly average, gives 20% of it."),
        (0.951, "the yearly average alone gives 60% of it."),
    ],
)
def test_a_rule_gives_no_part_below_none_of_a_gain(rule: float, said: str) -> None:
    ways = [
        WorthWay.model_construct(way=way, label=label, role=role, reached=reached)
        for way, label, role, reached in (
            ("forecast", "the forecast", "forecast", 0.955),
            ("baseline.year_average", "the yearly average", "rule", rule),
            ("chance", "the same amount every month", "chance", 0.945),
        )
    ]
    assert _explain(*ways, "").endswith(said)


def test_a_table_leaves_out_what_says_nothing_but_says_that_no_figure_is_shown() -> None:
    columns = ("Group", "Error", "Interval", "Note")
    some = make_grid("", columns, [("a", MISSING, "2%", ""), ("b", MISSING, MISSING, "")], (1, 2))
    assert some.columns == ("Group", "Interval")
    assert some.numeric == {1}
    none = make_grid("", columns, [("a", MISSING, MISSING, "")], (1, 2))
    assert none.columns == ("Group", "Error", "Interval")
