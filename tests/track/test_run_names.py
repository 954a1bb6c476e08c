from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cityai.track.run_names import COLOURS, LONGEST, UNSET, Earlier, choose_colour, name_run

MADE = datetime(2026, 11, 8, 8, 0, tzinfo=UTC)
BEFORE = {"features.own": "a, b", "backtest.folds": "13", "data.last": "2025-12-29"}


def name(*, same_data: bool = True, **changes: str | None) -> str:
    after = {**BEFORE, **{k.replace("__", "."): v for k, v in changes.items()}}
    kept = {k: v for k, v in after.items() if v is not None}
    earlier = [Earlier(BEFORE, MADE, same_data)]
    return name_run(kept, earlier, MADE).removesuffix(" · 8 Nov 08:00")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "as before"),
        ({"features__own": "a"}, "without b"),
        ({"features__own": None}, "without a, b"),
        ({"features__own": "a, b, c, d, e"}, "with c, d and 1 more"),
        ({"features__own": "a, b, c"}, "with c"),
        ({"features__own": "b, a"}, "own in another order"),
        ({"features__exclude": "rain"}, "without rain"),
        ({"models__own": "ridge", "code__models_py": "1f"}, "with model ridge"),
        ({"code__models_py": "1f"}, "with models.py"),
        ({"models__own": UNSET, "code__models_py": UNSET, "backtest__stride": UNSET}, "as before"),
        ({"backtest__folds": "26"}, "folds 13 → 26"),
        ({"data__last": "2026-01-26"}, "data to 2026-01-26"),
        (
            {"models__seed": "2", "backtest__folds": "26", "features__own": "a"},
            "without b, folds 13 → 26, 1 more",
        ),
    ],
)
def test_a_run_is_called_by_what_differs(changes: dict[str, str | None], said: str) -> None:
    assert name(**changes) == said


def test_the_first_run_and_other_data_are_said() -> None:
    assert name_run(BEFORE, [], MADE) == "first run · 8 Nov 08:00"
    assert name(same_data=False) == "other data"


def test_a_name_is_short_whatever_differs() -> None:
    far = MADE - timedelta(days=3)
    for earlier in ([Earlier(BEFORE, MADE)], [Earlier({"a": "1", "b": "2", "c": "3"}, MADE)]):
        earlier.append(Earlier({"features.own": "y"}, far))
        assert len(name_run({"features.own": "x" * 500}, earlier, MADE)) == LONGEST


def test_a_run_is_named_beside_the_one_most_like_it() -> None:
    """A third experiment that starts from the first is not told as what undid the second."""
    first = Earlier(BEFORE, MADE - timedelta(hours=1))
    second = Earlier({**BEFORE, "features.levels": "entity"}, MADE - timedelta(minutes=5))
    params = {**BEFORE, "models.own": "mine"}
    assert name_run(params, [second, first], MADE) == (
        "with model mine, else as 07:00 · 8 Nov 08:00"
    )
    assert name_run(BEFORE, [second, first], MADE) == "as 07:00 · 8 Nov 08:00"
    old = Earlier(BEFORE, MADE - timedelta(days=2))
    assert name_run(BEFORE, [second, old], MADE) == "as 6 Nov 08:00 · 8 Nov 08:00"
    assert name_run(params, [first, second], MADE) == "with model mine · 8 Nov 08:00"


def test_neighbours_have_other_colours() -> None:
    colour, seen = "", []
    for _ in range(2 * len(COLOURS)):
        colour = choose_colour(colour)
        assert seen[-1:] != [colour]
        seen.append(colour)
    assert set(seen) == set(COLOURS)
    assert choose_colour("red") == COLOURS[0]
