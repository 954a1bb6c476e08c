from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cityai.assessment.reasons import (
    NO_REASONS,
    NOT_A_CAUSE,
    TOP,
    tell_amount,
    tell_chance,
    tell_reasons,
    write_value,
)
from cityai.modeling.drivers import Drivers

ROWS = 200
LABELS = {"visits": "earlier visits", "seats": "seats", "kind": "kind of kitchen"}


def make_drivers(**parts: list[float]) -> Drivers:
    """Two predictions; `visits` and `calls` rise together in the background, `seats` does not."""
    rng = np.random.default_rng(3)
    visits = rng.normal(size=ROWS)
    background = pd.DataFrame(
        {"visits": visits, "calls": visits * 2 + 1, "seats": rng.normal(size=ROWS)}
    )
    data = pd.DataFrame({"visits": [3.0, np.nan], "calls": [7.0, 1.0], "seats": [0.25, 1234.0]})
    names = list(parts)
    return Drivers(pd.DataFrame(parts), data[names], background[names], LABELS, 1.0)


def test_features_that_move_together_are_one_reason_and_parts_add_up() -> None:
    drivers = make_drivers(visits=[0.5, -0.2], calls=[0.3, -0.1], seats=[-0.4, 0.9])
    told = tell_reasons(drivers, tell_chance)
    assert told.caveat == NOT_A_CAUSE
    assert told.note == ""
    effects = told.table.groupby("row")["effect"].sum().to_numpy()
    assert effects == pytest.approx(drivers.parts.sum(axis=1).to_numpy())
    assert told.list_sentences(0) == (
        "earlier visits: 3 (with 1 more that move with it); raises the chance",
        "seats: 0.25; lowers the chance",
    )
    assert told.list_sentences(1) == (
        "seats: 1,234; raises the chance",
        "earlier visits: not known (with 1 more that move with it); lowers the chance",
    )


def test_a_reason_that_stands_close_to_a_group_says_why_it_is_used() -> None:
    drivers = make_drivers(visits=[0.5, 0.5], calls=[0.3, 0.3], seats=[0.1, 0.1])
    told = tell_reasons(drivers, tell_chance, sensitive={"calls": "follows the district"})
    first = told.table[told.table["place"] == 1]
    assert set(first["feature"]) == {"visits"}
    assert first["sentence"].str.endswith("Close to a protected group: follows the district").all()
    assert (told.table.loc[told.table["feature"] == "seats", "sensitive"] == "").all()


def test_what_moves_next_to_nothing_is_not_told() -> None:
    told = tell_reasons(make_drivers(visits=[1.0, 0.0], seats=[0.01, 0.0]), tell_chance)
    assert told.list_sentences(0) == ("earlier visits: 3; raises the chance",)
    assert told.list_sentences(1) == ()


def test_at_most_the_weightiest_are_told_in_order() -> None:
    names = [f"f{i}" for i in range(TOP + 3)]
    rng = np.random.default_rng(1)
    parts = pd.DataFrame([rng.permutation(np.linspace(0.5, 1.0, len(names)))], columns=names)
    background = pd.DataFrame(rng.normal(size=(ROWS, len(names))), columns=names)
    told = tell_reasons(Drivers(parts, background.head(1), background, {}, 1.0), tell_chance)
    assert told.table["place"].tolist() == list(range(1, TOP + 1))
    assert told.table["effect"].tolist() == sorted(parts.iloc[0], reverse=True)[:TOP]


def test_amounts_are_told_in_their_unit_and_only_for_the_part_of_the_trees() -> None:
    drivers = make_drivers(seats=[12.34, -0.5])
    drivers = Drivers(drivers.parts, drivers.data, drivers.background, LABELS, 0.6)
    told = tell_reasons(drivers, tell_amount("tons"))
    assert told.list_sentences(0) == ("seats: 0.25; raises the forecast by 12.3 tons",)
    assert told.list_sentences(1) == ("seats: 1,234; lowers the forecast by 0.50 tons",)
    assert "60%" in told.note


def test_a_model_without_parts_gives_no_reasons_and_says_so() -> None:
    nothing = pd.DataFrame(index=range(2))
    told = tell_reasons(Drivers(nothing, nothing, nothing, {}, 0.0), tell_chance)
    assert told.table.empty
    assert told.note == NO_REASONS


@pytest.mark.parametrize(
    ("value", "words"),
    [(3.0, "3"), (np.float32(0.25), "0.25"), (12345.6, "12,346"), (np.nan, "not known"),
     (None, "not known"), (np.inf, "not known"), (True, "1"), ("bar", "bar")],
)  # fmt: skip
def test_values_as_a_reader_takes_them(value: object, words: str) -> None:
    assert write_value(value) == words
