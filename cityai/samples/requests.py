"""The request system's export: one row a request, as text, with everything that real exports do.

From `SHIFT_WEEK` on, more and more requests of the lowest third of income come on paper forms,
which are typed in days or weeks later. So the latest weeks, as they are known when the question is
asked, are less complete there than elsewhere: the other half of the planted gap.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from cityai.samples.need import DAYS, EXPORTED_AT, FIRST_DAY, SHIFT_WEEK, WEEKS, Need
from cityai.samples.places import PLACES, THIRD, Places

PAPER_SHARE: Final = 0.06
"""Share of requests on paper forms, everywhere, before the shift."""
PAPER_SHARE_LATE: Final = 0.30
"""The same in the lowest third of income, `PAPER_RAMP` weeks after the shift."""
PAPER_RAMP: Final = 20
PAPER_DAYS: Final = 12.0
"""Mean days until a paper form is typed in (gamma, shape 2)."""
OUT_OF_SCOPE_SHARE: Final = 0.07
"""General questions per request: not the depots' work, left out by the project."""
EARLY_ROWS: Final = 300
"""Rows of the week before the first: out of scope by `since`."""
CITY_RULE_FACTOR: Final = 1.02
"""The city plans with last year's same week and two percent."""

IN_SCOPE: Final = ("missed collection", "street repair", "street light", "illegal dumping", "noise")
OUT_OF_SCOPE: Final = "general question"
_TYPE_SHARES = (0.34, 0.22, 0.14, 0.18, 0.12)
_FAST_CHANNELS = ("phone", "web", "app", "service desk")
_CHANNEL_SHARES = (0.42, 0.28, 0.20, 0.10)
PAPER: Final = "paper form"
_NOTE_EVERY = 200
_NOTES = (
    "call back Ada Quill, 555-0142",
    "Señora Iñárritu, porta azul, +1 555 0177",
    '=HYPERLINK("http://example.invalid","open")',
    "<script>alert('note')</script>",
    "\u202egate code 4471\u202c",
    "zero\u200bwidth, e\u0301 and é, 🚲",
)
CANARY: Final = "canary-"
"""Begins a mark in each note; the notes are never read, so no card may hold one."""

COLUMNS: Final = (
    *("request_id", "opened_at", "recorded_at", "neighbourhood", "district", "request_type"),
    *("channel", "crew_hours", "planned_requests", "note"),
)


@dataclass(frozen=True, slots=True)
class Requests:
    """Clean requests in the order in which they were recorded."""

    table: pd.DataFrame
    """Columns `COLUMNS`, all text, missing cells missing."""
    week: np.ndarray
    """Week of each row, int64; -1 for the rows of the week before the first."""
    place: np.ndarray
    """Neighbourhood of each row, int64."""
    in_scope: np.ndarray
    """Whether the project counts the row, bool."""
    not_yet_recorded: np.ndarray
    """Reported requests in scope that were not recorded at the export, shape (208, 24), int64."""


def draw_requests(
    places: Places, need: Need, rng: np.random.Generator, planted_gap: bool
) -> Requests:
    """Turn reports into rows.

    Parameters
    ----------
    places, need : Places, Need
        The neighbourhoods, and what was reported in them.
    rng : numpy.random.Generator
        Source of all that is random.
    planted_gap : bool
        Whether paper forms spread in the lowest third of income.
    """
    other = rng.poisson(OUT_OF_SCOPE_SHARE * need.reported)
    cells = np.arange(DAYS * PLACES)
    cell = np.concatenate(
        [
            np.repeat(cells, need.reported.ravel()),
            np.repeat(cells, other.ravel()),
            rng.integers(0, 7 * PLACES, EARLY_ROWS),
        ]
    )
    kind = np.repeat([0, 1, 2], [need.reported.sum(), other.sum(), EARLY_ROWS])
    day, place = cell // PLACES - 7 * (kind == 2), cell % PLACES
    paper = rng.random(len(cell)) < _share_on_paper(day // 7, place, planted_gap)
    opened = _draw_moments(day, rng)
    recorded = opened + _draw_delays(paper, rng)
    known = recorded < EXPORTED_AT.astype("datetime64[s]")
    waiting = np.zeros((WEEKS, PLACES), dtype=np.int64)
    late = ~known & (kind == 0)
    np.add.at(waiting, (day[late] // 7, place[late]), 1)

    kept = np.flatnonzero(known)
    kept = kept[np.lexsort((cell[kept], opened[kept], recorded[kept]))]
    day, place, kind, paper = day[kept], place[kept], kind[kept], paper[kept]
    table = pd.DataFrame(
        {
            "request_id": _name_rows(len(kept)),
            "opened_at": _write_moments(opened[kept]),
            "recorded_at": _write_moments(recorded[kept]),
            "neighbourhood": _pick(places.codes, place),
            "district": _pick(tuple(places.areas["district"]), place),
            "request_type": _draw_types(kind, rng),
            "channel": _draw_channels(paper, rng),
            "crew_hours": _draw_hours(len(kept), rng),
            "planned_requests": _write_plans(need, day // 7, place),
            "note": _draw_notes(len(kept), rng),
        }
    )
    return Requests(table, day // 7, place, kind == 0, waiting)


def _share_on_paper(week: np.ndarray, place: np.ndarray, planted_gap: bool) -> np.ndarray:
    ramp = np.clip((week - SHIFT_WEEK) / PAPER_RAMP, 0, 1) * (THIRD[place] == 0) * planted_gap
    return PAPER_SHARE + ramp * (PAPER_SHARE_LATE - PAPER_SHARE)


def _draw_moments(day: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    second = np.clip(rng.normal(13.5, 3.8, len(day)) * 3600, 0, 86_399).astype(np.int64)
    return (FIRST_DAY + day).astype("datetime64[s]") + second


def _draw_delays(paper: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Seconds from opening to recording: hours for most, a gamma of days for paper forms."""
    quick = rng.exponential(0.35, len(paper))
    slow = rng.gamma(2.0, PAPER_DAYS / 2, len(paper))
    return np.rint(np.where(paper, slow, quick) * 86_400).astype(np.int64)


def _name_rows(count: int) -> pd.Series:
    numbers = pd.Series(np.arange(1, count + 1)).astype("str").str.zfill(7)
    return "PE-" + numbers


def _write_moments(moments: np.ndarray) -> pd.Series:
    return pd.Series(np.datetime_as_string(moments, unit="s"), dtype="str")


def _pick(words: tuple[str, ...], codes: np.ndarray) -> pd.Series:
    return pd.Series(np.array(words, dtype=object)[codes], dtype="str")


def _draw_types(kind: np.ndarray, rng: np.random.Generator) -> pd.Series:
    drawn = rng.choice(len(IN_SCOPE), len(kind), p=_TYPE_SHARES)
    return _pick((*IN_SCOPE, OUT_OF_SCOPE), np.where(kind == 1, len(IN_SCOPE), drawn))


def _draw_channels(paper: np.ndarray, rng: np.random.Generator) -> pd.Series:
    fast = rng.choice(len(_FAST_CHANNELS), len(paper), p=_CHANNEL_SHARES)
    return _pick((*_FAST_CHANNELS, PAPER), np.where(paper, len(_FAST_CHANNELS), fast))


def _draw_hours(count: int, rng: np.random.Generator) -> pd.Series:
    """Quarter hours of crew time; 3 % are not filled in yet, which the contract allows."""
    quarters = np.minimum(1 + rng.gamma(1.5, 3.0, count).astype(np.int64), 80)
    hours = _pick(tuple(f"{q / 4:.2f}" for q in range(81)), quarters)
    return hours.mask(pd.Series(rng.random(count) < 0.03))


def _write_plans(need: Need, week: np.ndarray, place: np.ndarray) -> pd.Series:
    """The city's own forecast of the row's week, made a year ahead; none in the first year."""
    weekly = need.reported.reshape(WEEKS, 7, PLACES).sum(axis=1)
    plan = np.full((WEEKS + 1, PLACES), -1, dtype=np.int64)  # the last row serves week -1
    plan[52:WEEKS] = np.rint(CITY_RULE_FACTOR * weekly[: WEEKS - 52])
    cells = plan[week, place]
    return pd.Series(cells).astype("str").mask(pd.Series(cells < 0))


def _draw_notes(count: int, rng: np.random.Generator) -> pd.Series:
    rows = np.flatnonzero(rng.random(count) < 1 / _NOTE_EVERY)
    notes = np.full(count, "", dtype=object)
    for number, row in enumerate(rows):
        notes[row] = f"{CANARY}{number:05d} {_NOTES[number % len(_NOTES)]}"
    return pd.Series(notes, dtype="str")
