"""What tells a run from those before it: in its name, in a few words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

SHOWN: Final = 2
"""Differences that a name has room for."""
LONGEST: Final = 80
FIRST: Final = "first run"
SAME: Final = "as before"
UNSET: Final = "unset"
"""What a parameter says that the city leaves as it is: MLflow compares only what both runs have."""

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


@dataclass(frozen=True, slots=True)
class Earlier:
    """A finished run that was there before."""

    params: Mapping[str, str]
    """Its parameters."""
    made: datetime
    """When it was made, in the city's time."""
    same_data: bool = True
    """Whether it read the same data."""


def name_run(params: Mapping[str, str], earlier: Sequence[Earlier], made: datetime) -> str:
    """Return what is otherwise than in the earlier run most like it, and when it was made.

    ``without x · 28 Nov 08:00``; where that is not the run before, its time is said:
    ``with model m, else as 07:40 · 28 Nov 08:00``.
    """
    told, when = FIRST, f" · {_write(made)}"
    if earlier:
        differ = [list(tell_differences(params, e.params, e.same_data)) for e in earlier]
        like = min(range(len(earlier)), key=lambda i: len(differ[i]))
        told = _join(differ[like])
        if like:
            then = earlier[like].made
            at = f"{then:%H:%M}" if then.date() == made.date() else _write(then)
            told, when = (told, f", else as {at}{when}") if differ[like] else (f"as {at}", when)
    room = LONGEST - len(when)
    return (told if len(told) <= room else f"{told[: room - 1]}…") + when


def tell_differences(
    params: Mapping[str, str], before: Mapping[str, str], same_data: bool = True
) -> Iterator[str]:
    """Tell each parameter that differs, the choices of models and features first."""
    old_and_new = {
        key: (_get(before, key), _get(params, key))
        for key in (*LISTS, *sorted({*params, *before}))
        if key not in LEFT_OUT
    }
    changed = {key: (old, new) for key, (old, new) in old_and_new.items() if old != new}
    for key, (old, new) in changed.items():
        if key in LISTS:
            yield from _tell_list(key, old, new)
        elif key == "data.last":
            yield f"data to {new}" if new else "data without days"
        elif key.startswith("code."):
            if not (old and new) and key[len("code.") :].replace("_py", ".own") in changed:
                continue  # the file came, or went, with what is in it
            name = key.removeprefix("code.").replace("_py", ".py")
            yield f"{name} changed" if old and new else f"{'with' if new else 'without'} {name}"
        else:
            yield f"{key.rpartition('.')[2]} {old or UNSET} → {new or UNSET}"
    if not same_data and "data.last" not in changed:
        yield "other data"


def choose_colour(before: str) -> str:
    """Return the colour after the one of the run before."""
    return COLOURS[(COLOURS.index(before) + 1) % len(COLOURS)] if before in COLOURS else COLOURS[0]


def _get(params: Mapping[str, str], key: str) -> str:
    return "" if params.get(key) == UNSET else params.get(key, "")


def _write(moment: datetime) -> str:
    return f"{moment.day} {moment:%b %H:%M}"


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
