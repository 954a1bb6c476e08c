"""Outcome of a case: the column with what turned out, and what of it means yes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from cityai.data.conversion import FALSE, TRUE
from cityai.data.yes_no import write_answer
from cityai.errors import DataError
from cityai.scaffold.columns import TableProfile
from cityai.scaffold.names import is_outcome, is_score
from cityai.scaffold.proposal import Proposal, offer

_LIMIT: Final = re.compile(r"(.+?)\s*(>=|<=|=)\s*(.+)")
_FEW: Final = 12


@dataclass(frozen=True, slots=True)
class OutcomeRule:
    """Rule of the binary outcome of a case.

    Attributes
    ----------
    column : str
        Column with the outcome.
    spec : dict
        `question.outcome`.
    type : str
        Type of the column in the contract.
    """

    column: str
    spec: dict[str, Any]
    type: str = "text"


def list_answers(profile: TableProfile) -> list[str]:
    """Return the columns that hold yes and no, those named like an outcome first."""
    found = []
    for column in profile.columns.values():
        if column.distinct == 2:
            values = write_answer(profile.frame[column.name]).dropna().astype(str).str.lower()
            if values.isin((*TRUE, *FALSE)).all() and values.isin(TRUE).any():
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
        why = f"as you said; {share:.1%} of the rows"
    look.choose("outcome", rule.column, why)
    return rule


def _find_answer(profile: TableProfile) -> str:
    found = list_answers(profile)
    named = [name for name in found if is_outcome(name)] or found
    if len(named) == 1:
        return named[0]
    numbers = [c for c in profile.columns if is_score(c) or is_outcome(c)]
    raise profile.refuse(
        f"several columns hold yes and no: {', '.join(named[:6])}"
        if found
        else "no column holds yes and no",
        "the column with what turned out",
        "say which with --outcome COLUMN, --outcome 'COLUMN>=28' for a number, or "
        "--outcome 'COLUMN=text,text' for texts that mean yes"
        + (f"; perhaps {', '.join(numbers[:3])}" if numbers and not found else ""),
    )


def _read_column(profile: TableProfile, name: str) -> tuple[OutcomeRule, str]:
    profile.split(name, "--outcome: ")
    if name not in list_answers(profile):
        raise profile.refuse(
            f"'{name}' does not hold yes and no alone: {profile.columns[name].tell()}",
            next_step=f"say what means yes: --outcome '{name}>=28' or '{name}=text,text'",
        )
    return _read_answer(profile, name)


def _read_answer(profile: TableProfile, name: str) -> tuple[OutcomeRule, str]:
    text = write_answer(profile.frame[name]).dropna().astype(str)
    yes = sorted(set(text[text.str.lower().isin(TRUE)]))
    no = sorted(set(text[text.str.lower().isin(FALSE)]))
    others = [c for c in list_answers(profile) if c != name]
    why = f"{', '.join(yes)} in {text.isin(yes).mean():.1%} of the rows{offer('--outcome', others)}"
    return OutcomeRule(name, {"column": name, "yes": yes, "no": no}), why


def _read_texts(profile: TableProfile, said: re.Match[str]) -> tuple[OutcomeRule, float]:
    """Return the rule that some texts mean yes, and the share of rows that hold them."""
    name, yes = said[1], [value.strip() for value in said[3].split(",")]
    text = profile.frame[name].astype("str")
    share = float(text.isin(yes).mean())
    no = sorted({*text[profile.frame[name].notna()]} - {*yes})
    if not share or len(no) > _FEW or not no:
        raise profile.refuse(
            f"'{name}' holds {len(no)} other texts"
            if share
            else f"no row of '{name}' holds {', '.join(yes)}",
            f"values that mean yes among a few: {', '.join(no[:6])}",
        )
    return OutcomeRule(name, {"column": name, "yes": yes, "no": no}), share


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
