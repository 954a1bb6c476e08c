"""What tells a run from the run before it: in its name, in a few words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

SHOWN: Final = 2
"""Differences that a name has room for."""
LONGEST: Final = 80
FIRST: Final = "first run"
SAME: Final = "as before"

LISTS: Final = {
    "models.own": ("with model", "without model"),
    "models.candidates": ("with candidate", "without candidate"),
    "models.only": ("only", "not only"),
    "features.own": ("with", "without"),
    "features.exclude": ("without", "with"),
    "features.lags": ("lags", "without lags"),
    "features.windows": ("windows", "without windows"),
    "features.levels": ("with level", "without level"),
}
"""Parameters that hold several names: what is said of those that came, and that went."""
LEFT_OUT: Final = ("data.first", "models.threads")

COLOURS: Final = (
    "#077a9d", "#c2571a", "#6a51a3", "#1d7a3e", "#b0307a", "#8a6d00", "#3a62c4", "#9c2f2f",
)  # fmt: skip
"""Run after run, one after the other: neighbours can be told apart, on paper and in the dark."""


def name_run(
    params: Mapping[str, str], before: Mapping[str, str] | None, made: datetime, *, same_data: bool
) -> str:
    """Return what is otherwise than in the run before, and when: ``without x · 28 Nov 08:00``.

    Parameters
    ----------
    params, before : mapping of str to str
        The parameters of the run, and of the finished run before it; None for the first.
    made : datetime
        When it was made, in the city's time.
    same_data : bool
        Whether both read the same data.
    """
    told = FIRST if before is None else _join(list(tell_differences(params, before, same_data)))
    room = LONGEST - len(when := f" · {made.day} {made:%b %H:%M}")
    return (told if len(told) <= room else f"{told[: room - 1]}…") + when


def tell_differences(
    params: Mapping[str, str], before: Mapping[str, str], same_data: bool = True
) -> Iterator[str]:
    """Tell each parameter that differs, the choices of models and features first."""
    keys = [k for k in (*LISTS, *sorted({*params, *before})) if k not in LEFT_OUT]
    changed = [k for k in dict.fromkeys(keys) if params.get(k, "") != before.get(k, "")]
    for key in changed:
        old, new = before.get(key, ""), params.get(key, "")
        if key in LISTS:
            yield from _tell_list(key, old, new)
        elif key == "data.last":
            yield f"data to {new}" if new else "data without days"
        elif key.startswith("code."):
            name = key.removeprefix("code.").replace("_py", ".py")
            yield f"{name} changed" if old and new else f"{'with' if new else 'without'} {name}"
        else:
            yield f"{key.rpartition('.')[2]} {old or 'unset'} → {new or 'unset'}"
    if not same_data and "data.last" not in changed:
        yield "other data"


def choose_colour(before: str) -> str:
    """Return the colour after the one of the run before."""
    return COLOURS[(COLOURS.index(before) + 1) % len(COLOURS)] if before in COLOURS else COLOURS[0]


def _tell_list(key: str, old: str, new: str) -> Iterator[str]:
    came, went = LISTS[key]
    had, has = ([x for x in text.split(", ") if x] for text in (old, new))
    for word, names in ((came, _less(has, had)), (went, _less(had, has))):
        if names:
            more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
            yield f"{word} {', '.join(names[:SHOWN])}{more}"
    if not (_less(has, had) or _less(had, has)):
        yield f"{key.rpartition('.')[2]} in another order"


def _less(names: list[str], others: list[str]) -> list[str]:
    return [name for name in names if name not in others]


def _join(told: list[str]) -> str:
    more = [f"{len(told) - SHOWN} more"] if len(told) > SHOWN else []
    return ", ".join((*told[:SHOWN], *more)) or SAME
