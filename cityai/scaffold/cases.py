"""Layout of a table of cases: binary outcome, entity, and moment of each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from cityai.config.city import CitySpec
from cityai.data.conversion import FALSE, TRUE
from cityai.data.periods import DAY, SHORTEST_DAYS, WEEK
from cityai.data.yes_no import write_answer
from cityai.errors import DataError
from cityai.scaffold.columns import Column, TableProfile
from cityai.scaffold.keys import check_key
from cityai.scaffold.moments import check_time
from cityai.scaffold.names import (
    is_group,
    is_id,
    is_later,
    is_of_people,
    is_outcome,
    is_score,
    is_who,
)  # fmt: skip
from cityai.scaffold.series import Choices, Overrides, ProposalParts

_LIMIT: Final = re.compile(r"(.+?)\s*(>=|<=|=)\s*(.+)")
_FEW: Final = 12
_LEAST_A_PERIOD: Final = 20
"""Cases in a period, on average, from which a capacity of it leaves a choice."""


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
    why : str
        What speaks for it.
    """

    column: str
    spec: dict[str, Any]
    type: str
    why: str


@dataclass(frozen=True, slots=True)
class CaseLayout:
    """Layout of a table of cases; `key` names a case, whose rows are `several` or one."""

    answer: OutcomeRule
    time: str
    booked: str
    who: str
    key: tuple[str, ...]
    several: bool
    score: str


def list_answers(profile: TableProfile) -> list[str]:
    """Return the columns that hold yes and no, those named like an outcome first."""
    found = []
    for column in profile.columns.values():
        if column.distinct == 2:
            values = write_answer(profile.frame[column.name]).dropna().astype(str).str.lower()
            if values.isin((*TRUE, *FALSE)).all() and values.isin(TRUE).any():
                found.append(column.name)
    return sorted(found, key=lambda name: not is_outcome(name))


def propose_cases(
    profile: TableProfile, overrides: Overrides, city: CitySpec | None
) -> ProposalParts:
    """Propose how a table of cases is read.

    Raises
    ------
    DataError
        When what is asked of a case, when, or what names it cannot be told.
    """
    case = read_case_layout(profile, overrides)
    return (
        list_case_choices(profile, case),
        list_case_gaps(profile, case),
        write_case_spec(profile, case),
    )


def read_case_layout(profile: TableProfile, overrides: Overrides) -> CaseLayout:
    """Infer the layout of a table of cases."""
    answer = _choose_answer(profile, overrides.outcome)
    time, booked = _choose_moments(profile, overrides.time)
    ids, several = _choose_key(profile, time, overrides.key)
    who = overrides.place or _choose_who(profile, {answer.column, time, booked, *ids})
    scores = [
        c.name
        for c in profile.columns.values()
        if c.written is not None and c.distinct > 2 and is_score(c.name)
        and c.name not in (answer.column, who, *ids)
    ]  # fmt: skip
    return CaseLayout(answer, time, booked, who, ids, several, scores[0] if scores else "")


def _choose_answer(profile: TableProfile, wished: str) -> OutcomeRule:
    if wished:
        return _read_wish(profile, wished)
    found = list_answers(profile)
    named = [name for name in found if is_outcome(name)]
    if len(named or found) != 1:
        numbers = [
            c.name for c in profile.columns.values() if is_score(c.name) or is_outcome(c.name)
        ]
        shown = ", ".join((named or found)[:6])
        raise DataError(
            f"several columns hold yes and no: {shown}" if found else "no column holds yes and no",
            where=str(profile.path),
            expected="the column with what turned out",
            next_step="say which with --outcome COLUMN, --outcome 'COLUMN>=28' for a number, or "
            "--outcome 'COLUMN=text,text' for texts that mean yes"
            + (f"; perhaps {', '.join(numbers[:3])}" if numbers and not found else ""),
        )
    return _read_answer(profile, (named or found)[0])


def _read_answer(profile: TableProfile, name: str) -> OutcomeRule:
    text = write_answer(profile.frame[name]).dropna().astype(str)
    yes = sorted(set(text[text.str.lower().isin(TRUE)]))
    no = sorted(set(text[text.str.lower().isin(FALSE)]))
    share = text.isin(yes).mean()
    others = [c for c in list_answers(profile) if c != name]
    offer = f"; or --outcome {', '.join(others[:4])}" if others else ""
    why = f"{', '.join(yes)} in {share:.1%} of the rows{offer}"
    return OutcomeRule(name, {"column": name, "yes": yes, "no": no}, "text", why)


def _read_wish(profile: TableProfile, wished: str) -> OutcomeRule:
    found = None if wished in profile.columns else _LIMIT.fullmatch(wished)
    name = found[1] if found else wished
    profile.split(name, "--outcome: ")
    if found is None:
        if name not in list_answers(profile):
            raise DataError(
                f"'{name}' does not hold yes and no alone: {profile.columns[name].tell()}",
                where=str(profile.path),
                next_step=f"say what means yes: --outcome '{name}>=28' or '{name}=text,text'",
            )
        return _read_answer(profile, name)
    if found[2] == "=":
        yes = [value.strip() for value in found[3].split(",")]
        share = profile.frame[name].astype("str").isin(yes).mean()
        no = sorted(set(profile.frame[name].dropna().astype("str")) - set(yes))
        spec = {"column": name, "yes": yes, "no": no}
        if not share or len(no) > _FEW or not no:
            raise DataError(
                f"no row of '{name}' holds {', '.join(yes)}" if not share
                else f"'{name}' holds {len(no)} other texts",
                where=str(profile.path),
                expected=f"values that mean yes among a few: {', '.join(no[:6])}",
            )  # fmt: skip
        return OutcomeRule(name, spec, "text", f"as you said; {share:.1%} of the rows")
    number = profile.read_numbers(name)
    try:
        limit = float(found[3])
    except ValueError:
        raise DataError(f"{found[3][:40]!a} is no number", where="--outcome") from None
    meant = (number >= limit if found[2] == ">=" else number <= limit)[number.notna()]
    if meant.nunique() < 2:
        raise DataError(
            f"{wished[:60]!a} is {'true' if meant.any() else 'false'} of every row",
            where=str(profile.path),
            expected=f"a limit between the values of '{name}': {profile.columns[name].tell()}",
        )
    spec = {"column": name, "at_least" if found[2] == ">=" else "at_most": limit}
    return OutcomeRule(name, spec, "number", f"as you said; {meant.mean():.1%} of the rows")


def _choose_moments(profile: TableProfile, wished: str) -> tuple[str, str]:
    """Return when a case takes place, and when it was booked, where a column says so."""
    dated = [
        c.name
        for c in profile.columns.values()
        if c.is_moment and c.missing <= 0.02 and not is_of_people(c.name) and not is_later(c.name)
    ]
    if wished:
        check_time(profile, wished)
    elif not dated:
        raise DataError(
            "no column holds the day of each case",
            where=str(profile.path),
            expected="a column of dates without gaps, such as 2025-03-31",
            next_step="name it with --time, and say how it is read with --format",
        )
    time = wished or max(dated, key=lambda name: (profile.frame[name].median(), name))
    day = profile.frame[time].dt.normalize()
    for name in dated:
        wait = day - profile.frame[name].dt.normalize()
        if name != time and (wait >= pd.Timedelta(0)).mean() > 0.995 and wait.max() > wait.min():
            return time, name
    return time, ""


def _choose_key(profile: TableProfile, time: str, wished: str) -> tuple[tuple[str, ...], bool]:
    """Return what names a case, and whether several rows are one."""
    if wished:
        names, _, again = check_key(profile, wished)
        return names, again > 0
    whole = [c for c in profile.columns.values() if not c.missing and c.type in ("text", "integer")]
    unique = [c.name for c in whole if c.distinct == len(profile.frame)]
    named = [name for name in unique if is_id(name)] or unique
    if named:
        return (named[0],), False
    for column in whole:
        # Rows of one number on one day are one case: the violations of an inspection.
        is_number = is_id(column.name) and column.distinct > len(profile.frame) // 20
        if is_number and (profile.frame.groupby(column.name)[time].nunique() == 1).all():
            return (column.name,), True
    raise DataError(
        "no column names a case",
        where=str(profile.path),
        expected="a column that differs in every row",
        next_step="say what names a case with --key COLUMN, or --key COLUMN,COLUMN; rows that "
        "share it are joined to one case",
    )


def _choose_who(profile: TableProfile, taken: set[str]) -> str:
    """Return the column with whom cases are about: one that comes again; empty without one."""
    found = [
        c
        for c in profile.columns.values()
        if c.name not in taken and c.type in ("text", "integer") and c.missing < 0.02
        and 50 <= c.distinct <= 0.95 * len(profile.frame)
    ]  # fmt: skip
    named = [c for c in found if is_who(c.name)]
    return max(named, key=lambda c: c.distinct).name if named else ""


def list_case_choices(profile: TableProfile, case: CaseLayout) -> Choices:
    """Return what was asked, what was chosen, and what speaks for it."""
    rows = "rows that share it are one case" if case.several else "no two rows share it"
    who = profile.columns[case.who].tell() if case.who else "no column names whom several are about"
    told = [
        ("outcome", case.answer.column, case.answer.why),
        ("case", ", ".join(case.key), rows),
        ("about", case.who or case.key[0], who + ("" if case.who else "; or --place")),
        ("time", case.time, profile.columns[case.time].tell()),
        ("known", "1 day later", "assumed, no column says when an outcome was recorded"),
        ("asked", "that day", "at midnight when it begins"),
    ]
    if case.booked:
        days = [profile.frame[name].dt.normalize() for name in (case.booked, case.time)]
        late = f"{(days[0] >= days[1]).mean():.1%} of the cases, booked on the day itself"
        told.append(("booked", case.booked, f"{late}, are out of scope: not known when it began"))
    if case.score:
        told.append(("score", case.score, "compared with, never learnt from"))
    return tuple(told)


def list_case_gaps(profile: TableProfile, case: CaseLayout) -> tuple[str, ...]:
    """Return what the table cannot tell."""
    used = {case.answer.column, case.time, case.booked, case.who, case.score, *case.key}
    free = [c.name for c in profile.columns.values() if c.name not in used and not c.is_moment]
    groups = [name for name in free if is_group(name)]
    per, capacity = _choose_capacity(profile, case)
    return (
        "the words for readers (`title`, `question.unit`, `question.outcome.label`, "
        "`question.entity.label`)",
        f"how many can be acted on (`question.decision.capacity`; written: {capacity} a {per})",
        "what is known of a case when it is asked about (`question.entity.attributes`, with its "
        f"column under `data.columns`): among {', '.join(free[:8]) or 'no other columns'}; what "
        "was written down afterwards gives the answer away",
        "when an outcome is in the system (`data.known`)",
        "for which groups it must hold (`audit.dimensions`)"
        + (f": perhaps {', '.join(groups[:5])}" if groups else ""),
        *(
            (f"whether {case.score} was there before the case, as `models.city_score` says",)
            if case.score
            else ()
        ),
        *(
            ("how the rows of a case are joined: yes where any of them says yes",)
            if case.several
            else ()
        ),
    )


def _choose_capacity(profile: TableProfile, case: CaseLayout) -> tuple[str, int]:
    days = profile.frame[case.time].dropna().dt.normalize()
    cases = len(profile.frame.drop_duplicates(list(case.key))) * profile.rows / len(profile.frame)
    daily = cases / max((days.max() - days.min()).days + 1, 1)
    per = DAY if daily >= _LEAST_A_PERIOD else WEEK
    return per, max(round(0.1 * daily * SHORTEST_DAYS[per]), 1)


def write_case_spec(profile: TableProfile, case: CaseLayout) -> dict[str, Any]:
    """Return the sections of `project.yaml`."""
    who = case.who or case.key[0]
    per, capacity = _choose_capacity(profile, case)
    days = profile.frame[case.time].dropna()
    span = int((days.max() - days.min()).days) + 1
    columns: dict[str, Column] = {}
    for name in dict.fromkeys((*case.key, who, case.time, case.booked, case.score)):
        if name:
            columns[name] = profile.columns[name]
    contract = {name: c.write_contract(name in case.key) for name, c in columns.items()}
    contract[case.answer.column] = {"type": case.answer.type}
    asked = {"days_before": 0, **({"registered": case.booked} if case.booked else {})}
    return {
        "title": f"Which cases first, by {case.answer.column.lower().replace('_', ' ')}",
        "kind": "risk",
        "city": "city",
        "question": {
            "unit": "cases",
            "case": case.key[0] if len(case.key) == 1 else list(case.key),
            **({"rows": "several"} if case.several else {}),
            "outcome": {**case.answer.spec, "label": "the outcome is yes"},
            "asked": asked,
            "entity": write_entity((who,)),
            "decision": {"rule": "top", "capacity": capacity, "per": per},
        },
        "data": {
            "source": profile.source.model_dump(exclude_defaults=True),
            "time": case.time,
            "known": {"lag_days": 1},
            "columns": contract,
        },
        "backtest": {
            "folds": 4 if span >= 84 else 3,
            "stride_days": max(span // 12, 1),
            "min_train": min(max(profile.rows // 10, 50), 500),
        },
        "models": {"seed": 20260101, **({"city_score": case.score} if case.score else {})},
        "audit": {"infers": "others like these", "dimensions": {}},
    }


def write_entity(columns: Sequence[str]) -> dict[str, Any]:
    """Return `question.entity`: its columns and the words for readers."""
    label = " and ".join(columns).lower().replace("_", " ").strip() or "whole city"
    plural = label if label.endswith("s") else f"{label}s"
    return {"columns": list(columns), "label": label, "label_plural": plural}
