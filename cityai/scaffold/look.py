"""A first look at a city's own table: what its columns seem to be, and the specification from it.

Nothing is guessed silently: every choice is told with what speaks for it, what has two readings is
asked, and what a table cannot tell is told too. The total is that of a run: it is counted by the
very reading that a run uses.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cityai.config.city import CitySpec
from cityai.config.project import SourceSpec
from cityai.data.source import find_format
from cityai.errors import DataError, TimeError, suggest_name
from cityai.scaffold.columns import Hints, Seen, describe_columns
from cityai.scaffold.formats import find_encoding, find_layout
from cityai.scaffold.grain import Grain, find_grain
from cityai.scaffold.keys import check_key, choose_key, choose_width
from cityai.scaffold.look_cases import ask_cases, tell_cases, understand_cases, write_cases
from cityai.scaffold.moments import choose_known, choose_period, choose_time, find_ends
from cityai.scaffold.propose import list_choices, list_unsettled, write_spec
from cityai.scaffold.recount import recount
from cityai.scaffold.understood import NOTHING_SAID, Understood, Wishes


@dataclass(frozen=True, slots=True)
class Proposal:
    """What was understood of a table, in words and as a specification.

    Attributes
    ----------
    path : Path
        The table.
    rows : int
        Rows of the table.
    choices : tuple of (str, str, str)
        What was asked, what was chosen, what speaks for it.
    unsettled : tuple of str
        What the table cannot tell.
    spec : dict
        The sections of `project.yaml`.
    """

    path: Path
    rows: int
    choices: tuple[tuple[str, str, str], ...]
    unsettled: tuple[str, ...]
    spec: dict[str, Any]

    def tell(self) -> str:
        """Return what was understood, in lines for a terminal."""
        wide = max(len(asked) for asked, _, _ in self.choices)
        lines = [f"{self.path.name}: {self.rows:,} rows", ""]
        lines += [f"{asked:<{wide}}  {chosen}: {why}" for asked, chosen, why in self.choices]
        lines += ["", "The table cannot tell; see to it in project.yaml:"]
        return "\n".join([*lines, *(f"  - {sentence}" for sentence in self.unsettled)])


def look_at_table(
    path: Path, wishes: Wishes = NOTHING_SAID, city: CitySpec | None = None
) -> Proposal:
    """Look at a table of events or amounts and propose how to read it.

    Parameters
    ----------
    path : Path
        CSV or Parquet file.
    wishes : Wishes
        What a person says of it.
    city : CitySpec, optional
        Whose clock tells which day a moment lies in; UTC without one.

    Raises
    ------
    DataError
        When it cannot be read, has no column with dates, can be read in two ways, or cannot serve
        a wish.
    """
    source = _find_source(path, wishes)
    zone = "UTC" if city is None else city.time_zone
    hints = Hints(zone, wishes.decimal, wishes.thousands, wishes.time, wishes.format)
    seen = describe_columns(path, source, hints)
    found = understand_table(seen, _name_time(seen, wishes), zone)
    try:
        spec = write_spec(seen, found)
        counted = recount(seen, found, spec, city)
    except TimeError:
        if not seen.is_cut or found.far:
            raise
        # Rows far off may be so few that none was among those looked at.
        found = replace(found, far=1)
        spec = write_spec(seen, found)
        counted = recount(seen, found, spec, city)
    return Proposal(
        path,
        seen.rows,
        (*list_choices(seen, found), *counted),
        list_unsettled(seen, found),
        spec,
    )


def look_at_cases(
    path: Path, wishes: Wishes = NOTHING_SAID, city: CitySpec | None = None
) -> Proposal:
    """Look at a table of cases, each with a yes or no, and propose how to read it.

    Parameters and errors are those of `look_at_table`.
    """
    zone = "UTC" if city is None else city.time_zone
    hints = Hints(zone, wishes.decimal, wishes.thousands, wishes.time, wishes.format)
    seen = describe_columns(path, _find_source(path, wishes), hints)
    _name_time(seen, wishes)
    case = understand_cases(seen, wishes.outcome, wishes.time, wishes.place, wishes.key)
    spec = write_cases(seen, case)
    return Proposal(path, seen.rows, tell_cases(seen, case), ask_cases(seen, case), spec)


def _find_source(path: Path, wishes: Wishes) -> SourceSpec:
    written: dict[str, Any] = {"path": str(path.resolve())}
    if not path.exists() or find_format(path) == "csv":
        encoding = wishes.encoding or find_encoding(path)
        delimiter, skip = find_layout(path, encoding)
        written |= {"encoding": encoding, "delimiter": delimiter, "skip": skip}
    return SourceSpec.model_validate(written)


def _name_time(seen: Seen, wishes: Wishes) -> Wishes:
    for name in (wishes.time, *_split(seen, wishes.place), wishes.amount):
        if name and name not in seen.columns:
            raise DataError(
                f"there is no column {name[:60]!a}",
                where=str(seen.path),
                expected=suggest_name(name, seen.columns),
            )
    return wishes


def _split(seen: Seen, written: str) -> tuple[str, ...]:
    """Return the columns that a person names, between commas unless one is called so."""
    if written in seen.columns:
        return (written,)
    return tuple(name.strip() for name in written.split(",") if name.strip())


def understand_table(seen: Seen, wishes: Wishes, zone: str) -> Understood:
    """Choose how a table is read."""
    time, times = choose_time(seen, wishes.time)
    places = _split(seen, wishes.place)
    _refuse_useless(seen, time, places, wishes)
    grain = find_grain(seen, time, places, wishes.amount, wishes.counts, zone)
    _ask_marks(seen, grain)
    known, moved, delay = choose_known(seen, time)
    first, last, far, since = find_ends(seen.frame[time].dropna(), grain.is_panel)
    days = (last - (since or first)).days + 1
    period, why = choose_period(seen, time, grain, days, wishes.period)
    if wishes.key and wishes.key != "none":
        key, why_key = check_key(seen, _split(seen, wishes.key))
    else:
        key, why_key = choose_key(seen, time, grain, is_none=wishes.key == "none")
    return Understood(
        time, times, first, last, far, since, known, moved, delay, key, why_key, grain, period,
        why, choose_width(seen, grain, wishes.width),
    )  # fmt: skip


def _refuse_useless(seen: Seen, time: str, places: tuple[str, ...], wishes: Wishes) -> None:
    """Refuse a wish that cannot serve."""
    amount = seen.columns.get(wishes.amount)
    wrong: list[tuple[str, str, str]] = []
    if amount is not None and wishes.counts:
        wrong.append(("--count", "rows are counted, or an amount is added up", "one of the two"))
    if amount is not None and amount.written is None:
        numbers = [c.name for c in seen.columns.values() if c.is_amount]
        wrong.append((
            "--amount",
            f"'{amount.name}' holds {amount.tell()}, no numbers",
            suggest_name(amount.name, numbers) if numbers else "a column of numbers",
        ))  # fmt: skip
    elif amount is not None and amount.written is not None and amount.written.is_percent:
        wrong.append(("--amount", f"'{amount.name}' holds percentages, which do not add up",
                      "a column of amounts"))  # fmt: skip
    for name in places:
        column = seen.columns[name]
        if name in (time, wishes.amount):
            wrong.append(("--place", f"'{name}' is the time or the amount", "a column of places"))
        elif column.distinct >= max(0.9 * len(seen.frame), 2) or not column.distinct:
            wrong.append((
                "--place",
                f"'{name}' has {column.distinct:,} values in {len(seen.frame):,} rows",
                "a column whose values come again, so that each has a history",
            ))  # fmt: skip
    for option, what, expected in wrong:
        raise DataError(f"{option}: {what}", where=str(seen.path), expected=expected)


def _ask_marks(seen: Seen, grain: Grain) -> None:
    column = seen.columns.get(grain.amount)
    if column is None or column.written is None or len(column.written.readings) == 1:
        return
    cell = next(c for c in seen.frame[grain.amount].dropna() if "," in c or "." in c)
    options = [
        f"--decimal '{decimal}'" + (f" --thousands '{thousands}'" if thousands else "")
        for decimal, thousands in column.written.readings
    ]
    raise DataError(
        f"the numbers of '{grain.amount}', such as {cell[:40]!a}, can be read in two ways",
        where=str(seen.path),
        expected="which mark stands before decimals, and which between thousands",
        next_step=f"one of: {'; '.join(options)}",
    )


__all__ = ["Proposal", "Understood", "Wishes", "look_at_table", "understand_table"]
