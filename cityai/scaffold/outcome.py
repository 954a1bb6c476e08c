"""Outcome of a case: the column with what turned out, and what of it means yes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from cityai.data.conversion import FALSE, TRUE
from cityai.data.yes_no import write_answer
from cityai.errors import DataError
from cityai.scaffold.columns import TableProfile
from cityai.scaffold.names import NO_VALUE, is_area, is_group, is_outcome, is_score
from cityai.scaffold.proposal import Proposal, offer

_LIMIT: Final = re.compile(r"(.+?)\s*(>=|<=|=)\s*(.+)")
_FEW: Final = 12
_LETTERS: Final = frozenset(("s", "o"))
_SOME: Final = 0.02
"""Share of outcomes that are not known, from which it is asked why."""
_TELLING: Final = 0.97
"""Share of pairs of a yes and a no that a column puts in order, from which it is asked about."""
_CHOSEN: Final = 0.98
"""Share of rows of which another column tells whether the outcome is known."""


@dataclass(frozen=True, slots=True)
class OutcomeRule:
    """Rule of the binary outcome of a case."""

    column: str
    """Column with the outcome."""
    spec: dict[str, Any]
    """`question.outcome`."""
    type: str = "text"
    """Type of the column in the contract."""
    unknown: tuple[str, ...] = ()
    """Texts of the column that say that nobody knows, read as missing."""


def list_answers(profile: TableProfile, said: str = "") -> list[str]:
    """Return the columns that hold yes and no, those named like an outcome first.

    A letter that is no yes alone (S and N are also south and north) is one in a column that is
    named so, or was said to be the outcome.
    """
    found = []
    for column in profile.columns.values():
        if 2 <= column.distinct <= _FEW:
            answers = write_answer(profile.frame[column.name]).dropna().astype(str)
            meant = {text.lower() for text in answers.unique()} - NO_VALUE
            if meant & _LETTERS and not is_outcome(column.name) and column.name != said:
                continue
            if meant & {*TRUE} and meant & {*FALSE} and meant <= {*TRUE, *FALSE}:
                found.append(column.name)
    return sorted(found, key=lambda name: not is_outcome(name))


def choose_outcome(look: Proposal) -> OutcomeRule:
    """Return what turned out of a case.

    Raises
    ------
    DataError
        When it cannot be told, or what a person says of it holds of every row or of none.
    """
    profile, wished = look.profile, look.said.outcome
    found = None if wished in profile.columns else _LIMIT.fullmatch(wished)
    if not wished:
        rule, why = _read_answer(profile, _find_answer(profile))
    elif found is None:
        rule, why = _read_column(profile, wished)
    else:
        profile.split(found[1], "--outcome: ")
        read = _read_texts if found[2] == "=" else _read_limit
        rule, share = read(profile, found)
        why = f"as you said; {share:.1%} of the rows with an answer{_tell_no(rule)}"
    look.choose("outcome", rule.column, why)
    return rule


def _find_answer(profile: TableProfile) -> str:
    found = list_answers(profile)
    named = [name for name in found if is_outcome(name)] or found
    if len(named) == 1:
        return named[0]
    few = [
        c.name
        for c in profile.columns.values()
        if 1 <= c.distinct <= _FEW
        and c.type == "text"
        and not (is_group(c.name) or is_area(c.name))
    ]
    likely = [c for c in profile.columns if is_score(c) or is_outcome(c)] or few
    perhaps = [_show(profile, c) for c in likely]
    raise profile.refuse(
        f"several columns hold yes and no: {', '.join(named[:6])}"
        if found
        else "no column holds yes and no",
        "the column with what turned out",
        "say which with --outcome COLUMN, --outcome 'COLUMN>=28' for a number, or "
        "--outcome 'COLUMN=text,text' for texts that mean yes"
        + (f"; perhaps {', '.join(perhaps[:3])}" if perhaps and not found else ""),
    )


def _read_column(profile: TableProfile, name: str) -> tuple[OutcomeRule, str]:
    profile.split(name, "--outcome: ")
    if name not in list_answers(profile, name):
        raise profile.refuse(
            f"'{name}' does not hold yes and no alone: {profile.columns[name].tell()}",
            next_step=f"say what means yes: {_suggest(profile, name)}",
        )
    return _read_answer(profile, name)


def _suggest(profile: TableProfile, name: str) -> str:
    """Suggest options by the column's own values."""
    values = _list_values(profile, name)
    if 2 <= len(values) <= _FEW:
        return " or ".join(f"--outcome '{name}={value[:40]}'" for value in values[:4])
    low = profile.columns[name].written is not None
    return f"--outcome '{name}>=28'" if low else f"--outcome '{name}=text,text'"


def _list_values(profile: TableProfile, name: str) -> list[str]:
    return sorted(str(v) for v in profile.frame[name].dropna().unique() if v not in NO_VALUE)


def _show(profile: TableProfile, name: str) -> str:
    """Name a column, with its values where they are few."""
    values = _list_values(profile, name)
    return f"{name} ({', '.join(v[:40] for v in values[:6])})" if len(values) <= _FEW else name


def _read_answer(profile: TableProfile, name: str) -> tuple[OutcomeRule, str]:
    text = write_answer(profile.frame[name]).dropna().astype(str)
    yes = sorted(set(text[text.str.lower().isin(TRUE)]))
    no = sorted(set(text[text.str.lower().isin(FALSE)]))
    unknown = tuple(sorted({*text} - {*yes, *no}))
    others = [c for c in list_answers(profile) if c != name]
    rule = OutcomeRule(name, {"column": name, "yes": yes, "no": no}, "text", unknown)
    share = text[~text.isin(unknown)].isin(yes).mean()
    rows = "rows with an answer" if unknown or profile.columns[name].missing else "rows"
    told = f"; not known: {', '.join(unknown)}" if unknown else ""
    why = f"{', '.join(yes)} in {share:.1%} of the {rows}{told}{offer('--outcome', others)}"
    return rule, why


def _read_texts(profile: TableProfile, said: re.Match[str]) -> tuple[OutcomeRule, float]:
    """Return the rule that some texts mean yes, and the share of rows that hold them."""
    name, yes = said[1], [value.strip() for value in said[3].split(",")]
    text = profile.frame[name].dropna().astype("str")
    unknown = sorted({t for t in text.unique() if t.lower() in NO_VALUE} - {*yes})
    text = text[~text.isin(unknown)]
    share = float(text.isin(yes).mean())
    no = sorted({*text} - {*yes})
    if share and not no:
        raise profile.refuse(
            f"'{name}' holds {', '.join(yes)} or nothing: no text means no",
            "a text that means no",
            "where an empty cell means no, write no into it before the table is read; where "
            "nobody looked, leave it empty",
        )
    if not share or len(no) > _FEW:
        raise profile.refuse(
            f"'{name}' holds {len(no)} other texts"
            if share
            else f"no row of '{name}' holds {', '.join(yes)}",
            f"values that mean yes among a few: {', '.join(no[:6])}",
        )
    return OutcomeRule(name, {"column": name, "yes": yes, "no": no}, "text", tuple(unknown)), share


def _tell_no(rule: OutcomeRule) -> str:
    """Say what means no, and what is read as not known."""
    no = f"; no is {', '.join(rule.spec['no'])}" if "no" in rule.spec else ""
    return no + (f"; not known: {', '.join(rule.unknown)}" if rule.unknown else "")


def list_doubtful(rule: OutcomeRule) -> str:
    """Ask about several texts that are read as no: some may say that nobody looked."""
    no = rule.spec.get("no") or ()
    if len(no) < 2:
        return ""
    return (
        f"whether {', '.join(no)} all mean no: where one says that nobody could look, "
        f"`data.without: {{{rule.column}: [...]}}` leaves its cases out"
    )


def ask_turned(profile: TableProfile, rule: OutcomeRule) -> str:
    """Ask whether the yes of most rows is what is looked for, as one who came or passed is not."""
    no, share = rule.spec.get("no"), _find_yes(profile, rule).mean()
    if not no or share <= 1 / 2:
        return ""
    return (
        f"whether {', '.join(rule.spec['yes'])} of {rule.column} is what the list is to find: it "
        f"is so of {share:.1%}; --outcome '{rule.column}={','.join(no)}' looks for the others"
    )


def find_known(profile: TableProfile, rule: OutcomeRule) -> pd.Series:
    """Tell of which rows the outcome is known."""
    cells = profile.frame[rule.column]
    if rule.type == "number":
        cells = profile.read_numbers(rule.column)
    return pd.Series(cells.notna() & ~cells.isin(rule.unknown))


def _find_yes(profile: TableProfile, rule: OutcomeRule) -> pd.Series:
    """Tell which of the rows whose outcome is known have a yes."""
    known = find_known(profile, rule)
    if rule.type == "text":
        return write_answer(profile.frame.loc[known, rule.column]).isin(rule.spec["yes"])
    numbers = profile.read_numbers(rule.column)[known]
    most = rule.spec.get("at_most")
    return numbers <= most if most is not None else numbers >= rule.spec["at_least"]


def list_telling(profile: TableProfile, rule: OutcomeRule, names: Sequence[str]) -> str:
    """Name columns that tell the outcome almost by themselves, as what was written afterwards."""
    known = find_known(profile, rule)
    is_yes = _find_yes(profile, rule)
    found = []
    for name in names:
        column = profile.columns[name]
        cells = profile.frame.loc[known, name]
        if column.written is not None and column.distinct > _FEW:
            score = profile.read_numbers(name)[known].fillna(-np.inf)
        elif column.distinct <= _FEW:
            cells = cells.fillna("").astype("str")
            score = is_yes.groupby(cells).mean()[cells].set_axis(cells.index)
        else:
            continue
        yes, no = int(is_yes.sum()), int((~is_yes).sum())
        ranks = score.rank()[is_yes].sum() - yes * (yes + 1) / 2
        if yes and no and max(ranks / yes / no, 1 - ranks / yes / no) >= _TELLING:
            found.append(name)
    return (
        f"whether {', '.join(found[:5])} was there when a case is asked about: it tells the "
        "outcome almost by itself, as what was written afterwards does"
        if found
        else ""
    )


def tell_joined(profile: TableProfile, key: Sequence[str], rule: OutcomeRule) -> str:
    """Say how the rows of a case are joined, and where rows are one row that was written again."""
    joined = "how the rows of a case are joined: yes where any of them says yes"
    known = find_known(profile, rule)
    said = _find_yes(profile, rule).reindex(known.index).astype("float64")
    others = [name for name in profile.frame if name != rule.column]
    alike = profile.frame.assign(said=said.fillna(-1)).groupby(others, dropna=False)["said"]
    several = alike.nunique() > 1
    if not several.any():
        return joined
    return (
        f"{joined}. But {int(several.sum()):,} times rows differ in {rule.column} alone, as where "
        "a row was written again when its outcome changed: where the last one counts, keep one "
        "row of each before the table is read"
    )


def tell_chosen(profile: TableProfile, rule: OutcomeRule, taken: set[str]) -> str:
    """Ask why outcomes are not known; name a column that tells of whom, as who was looked at."""
    known = find_known(profile, rule)
    if known.mean() > 1 - _SOME:
        return ""
    told = f"why {int((~known).sum()):,} of {len(known):,} outcomes are not known"
    for column in profile.columns.values():
        if column.name in {rule.column, *taken} or not 2 <= column.distinct <= _FEW:
            continue
        values = profile.frame[column.name].fillna("(empty)").astype("str")
        share = known.groupby(values).mean()
        agrees = np.maximum(share, 1 - share)[values].mean()
        if agrees > _CHOSEN and share.min() < 1 / 2 < share.max():
            of = ", ".join(str(value) for value in share.index[share < 1 / 2])
            told += f", nearly all of them where {column.name} is {of[:60]}"
            break
    return (
        f"{told}: the list learns from the others alone, and what it says of these nobody has "
        "tested"
    )


def _read_limit(profile: TableProfile, said: re.Match[str]) -> tuple[OutcomeRule, float]:
    """Return the rule that numbers up to, or from, a limit mean yes, and the share of them."""
    name, sign, meant = said.groups()
    number = profile.read_numbers(name).dropna()
    try:
        limit = float(meant)
    except ValueError:
        raise DataError(f"{meant[:40]!r} is no number", where="--outcome") from None
    is_yes = number >= limit if sign == ">=" else number <= limit
    if is_yes.nunique() < 2:
        raise profile.refuse(
            f"{said[0][:60]!r} is {'true' if is_yes.any() else 'false'} of every row",
            f"a limit between the values of '{name}': {profile.columns[name].tell()}",
        )
    rule = {"column": name, "at_least" if sign == ">=" else "at_most": limit}
    return OutcomeRule(name, rule, "number"), float(is_yes.mean())
