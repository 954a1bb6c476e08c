"""Figures that stand together are written alike, and nothing beside them says otherwise."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cityai.card import render
from cityai.card.draft.verdict_words import _choose_base
from cityai.card.figures import draw_figures
from cityai.card.numbers import (
    write_alike,
    write_brief,
    write_even,
    write_hundredths,
    write_interval,
    write_sure,
    write_to,
)
from cityai.card.record.measured import QualityMeasure
from cityai.card.render.data_tables import list_dimensions
from cityai.card.render.matrix import arrange_matrix
from cityai.data.phrases import write_share

STYLE = Path(render.__file__).parents[1] / "templates" / "style.css"


@pytest.mark.parametrize(
    ("low", "high", "unit", "gap", "told"),
    [
        (-0.076, -0.01, "share", True, "−7.6 to −1.0 points"),
        (0.69, 0.712, "share", False, "69.0 to 71.2%"),
        (0.6, 0.7, "share", False, "60 to 70%"),
        (0.94, 1.0, "ratio", False, "0.94 to 1.00"),
        (0.0, 12345.0, "tons", False, "0 to 12,345 tons"),
        (9.5, 12345.0, "tons", False, "9.5 to 12,345 tons"),
    ],
)
def test_both_ends_of_an_interval_are_as_fine(low, high, unit, gap, told):
    """ "−7.6 to −1 points" once stood in a table; no end is finer than it was rounded."""
    assert write_interval(low, high, unit, gap=gap) == told


@pytest.mark.parametrize(
    ("value", "low", "high", "unit", "told"),
    [
        (0.194, 0.071, 0.312, "share", "+19 points (+7 to +31 points)"),
        (0.078, 0.044, 0.112, "share", "+7.8 points (+4.4 to +11.2 points)"),
        (0.12, 0.035, 0.2, "ratio", "+0.12 (+0.04 to +0.20)"),
        (0.12, 0.004, 0.24, "share", "+12.0 points (+0.4 to +24.0 points)"),
        (0.12, None, 0.24, "share", "+12 points"),
    ],
)
def test_a_figure_and_its_interval_are_as_fine(value, low, high, unit, told):
    """And an end that is not 0 is never written as 0: a verdict follows from its side."""
    assert write_sure(value, low, high, unit, gap=True) == told


def test_figures_beside_each_other_are_as_fine():
    assert write_alike([0.018, 0.010, 0.007], "share") == ["1.8%", "1.0%", "0.7%"]
    assert write_alike([0.098, 0.112], "share") == ["9.8%", "11.2%"]
    assert write_alike([0.427, 0.4], "share") == ["43%", "40%"]
    assert write_brief(1.0, "ratio") == "1.00"
    assert write_brief(0.9, "ratio") == "0.90"
    assert write_to(0.9999, "share", 0) == "99.99%"  # some is never all


def test_a_column_of_the_matrix_is_as_fine_and_a_small_group_no_finer_than_it_is(city):
    results, small = [], None
    for result in city.record.fairness.results:
        if result.metric == "bias" and result.limit is not None and result.value is not None:
            if small is None:
                small = result.group
                change = {"value": -0.14, "low": None, "high": None}
                change |= {"gap": -0.1, "gap_low": None, "gap_high": None}
            else:
                change = {"value": -0.142, "low": -0.2, "high": -0.053}
            result = result.model_copy(update={**change, "reference_value": -0.044})
        results.append(result)
    fairness = city.record.fairness.model_copy(update={"results": tuple(results)})
    record = city.record.model_copy(update={"fairness": fairness})
    matrix = arrange_matrix(record)
    column = matrix.columns.index("Too high or too low")
    rows = [row for body in matrix.bodies for row in body.rows if len(row) > column]
    told = {row[0].text: re.search(r"−[\d.]+%", row[column].text) for row in rows}
    shown = {name: found[0] for name, found in told.items() if found}
    assert shown.pop(small) == "−14%"
    assert shown.pop("Everyone", "−4.4%") == "−4.4%"
    assert set(shown.values()) == {"−14.2%"}


def measure(status, measure="rows", dimension="completeness", limit=0.9):
    return QualityMeasure(
        dimension=dimension, measure=measure, slice="overall", value=0.5, unit="share", n=40,
        limit=limit, status=status, source="quality.measures", name=None,
    )  # fmt: skip


def test_what_failed_a_check_of_the_data_is_seen_first(city):
    """ "84 of 85 checks passed" once had a green tick, whatever the 85th was."""

    def list_told(*measures):
        data = (city.record.data[0].model_copy(update={"quality": measures}),)
        (found,) = list_dimensions(city.record.model_copy(update={"data": data}))
        return found

    failed = list_told(measure("pass"), measure("fail", "cells filled"), measure("suppressed"))
    assert (failed.status, failed.held) == ("fail", "1 of 3 checks failed")
    assert failed.failed == "cells filled"
    assert failed.others == ("1 passed", "1 not shown")
    informed = list_told(measure("pass"), measure("not applicable"))
    assert (informed.status, informed.held, informed.others) == (
        "pass", "1 of 1 checks passed", (),
    )  # fmt: skip
    unsure = list_told(measure("pass"), measure("not enough evidence"))
    assert (unsure.status, unsure.held) == (
        "not enough evidence",
        "1 of 2 checks cannot be told",
    )


def test_a_share_in_words_is_rounded_as_the_table_beside_it():
    """70.7 % in the table once was 70.6 % in the finding."""
    assert [write_share(x) for x in (0.70697, 0.99996, 1.0)] == ["70.7%", "99.9%", "100.0%"]


def test_wins_are_those_that_the_first_screen_tells(city):
    """Rounded errors of replays tie where the forecast was better: 47 of 52 beside 52 of 52."""
    practice = city.record.eval.practice
    compared = tuple(
        c.model_copy(update={"folds_won": 5, "folds": 6}) if c.baseline == practice else c
        for c in city.record.eval.comparisons
    )
    part = city.record.eval.model_copy(update={"comparisons": compared})
    record = city.record.model_copy(update={"eval": part})
    drawn = next(f for f in draw_figures(record) if f.name == "folds")
    assert f"less than that of {part.practice_label} in 5 of 6." in drawn.alternative


def test_verdicts_have_an_edge_where_the_reader_chose_the_colours():
    """In high contrast a browser takes away every background."""
    forced = STYLE.read_text(encoding="utf-8").partition("@media (forced-colors:active)")[2]
    rules = forced.partition("\n@media")[0]
    assert "--ink:CanvasText" in rules
    assert re.search(r"\[class\^=s-\][^{}]*\{border:1px solid\}", rules)


@pytest.mark.parametrize(
    ("exact", "told"),
    [(0.2054, "20.5%"), (0.2046, "20.5%"), (0.8846, "88.5%"), (0.2039, "20%"), (0.0345, "3.5%")],
)
def test_no_figure_is_rounded_twice(exact, told):
    """20.54 % became 20.5 % in the record and 20 % on the first screen; it is 21 %."""
    assert write_brief(round(exact, 3), "share") == told
    figure = told.rstrip("%")
    step = 10.0 ** -len(figure.partition(".")[2])
    assert abs(float(figure) - 100 * exact) <= step / 2 + 1e-9


def test_shares_out_of_a_hundred_are_rounded_once_and_told_apart():
    assert write_hundredths(0.427, 0.394) == ["43", "39"]
    assert write_hundredths(0.205, 0.307) == ["20.5", "30.7"]
    assert write_hundredths(0.041, 0.043) == ["4.1", "4.3"]
    assert write_hundredths(0.004) == ["0.4"]
    assert _choose_base(0.205, 0.307) == 1000
    assert _choose_base(0.204, 0.307) == 100


def test_a_column_leaves_no_final_zero_out(city):
    assert write_even([0.019, 0.02, None, 0.1], "share") == ["1.9%", "2.0%", "–", "10.0%"]
    table = next(f for f in draw_figures(city.record) if f.name == "folds").table
    for column in zip(*table.rows, strict=True):
        shares = [cell for cell in column if cell.endswith("%")]
        assert len({cell.partition(".")[2] and 1 for cell in shares}) <= 1
