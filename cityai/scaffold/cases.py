"""Questions of which first: a table of cases, each with a yes or no, to be ranked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from cityai.config.risk import RiskSpec
from cityai.data.periods import DAY, SHORTEST_DAYS, WEEK
from cityai.data.reading.listed import LIST_OF_CASES
from cityai.scaffold.columns import TableProfile
from cityai.scaffold.ends import FAR_OFF, choose_ends
from cityai.scaffold.keys import choose_case
from cityai.scaffold.moments import choose_answered, choose_day
from cityai.scaffold.names import is_group, is_score, is_who
from cityai.scaffold.outcome import (
    OutcomeRule,
    ask_turned,
    choose_outcome,
    find_known,
    list_doubtful,
    list_telling,
    tell_chosen,
    tell_joined,
)
from cityai.scaffold.proposal import Proposal, drop_empty, name_entity, offer
from cityai.scaffold.recount import recount

_GAPS: Final = 0.02
_LEAST_A_PERIOD: Final = 20
"""Cases in a period, on average, from which a capacity of it leaves a choice."""


def propose_cases(look: Proposal) -> None:
    """Propose how a table of cases is read.

    Raises
    ------
    DataError
        When what is asked of a case, when, or what names it cannot be told.
    """
    profile = look.profile
    outcome = choose_outcome(look)
    time, booked = choose_day(look)
    key, is_several = choose_case(look, time)
    joined = "rows that share it are one case" if is_several else "no two rows share it"
    look.choose("case", ", ".join(key), joined)
    again, gaps = _list_who(profile, key, {outcome.column, time, booked, *key})
    named = [name for name in again if is_who(name)]
    who = profile.split(look.said.place) or tuple(named[:1])
    whom = "; ".join(profile.columns[name].tell() for name in who)
    others = [name for name in (*again, *gaps) if name not in who and (is_who(name) or not who)]
    if not who:
        who, whom = key[:1], "no column names whom several are about, by its name"
    look.choose("about", ", ".join(who), whom + offer("--place", others))
    look.choose("time", time, profile.columns[time].tell())
    ends = choose_ends(look, time, is_panel=True)
    known, delay = choose_answered(look, time, find_known(profile, outcome))
    look.choose("asked", "that day", "at midnight when it begins")
    if booked:
        begins = profile.frame[time].dt.normalize()
        share = (profile.frame[booked].dt.normalize() >= begins).mean()
        late = f"{share:.1%} of the cases, booked on the day itself"
        look.choose("booked", booked, f"{late}, are out of scope: not known when it began")
    score = _find_score(profile, {outcome.column, *who, *key})
    if score:
        look.choose("score", score, "compared with, never learnt from")
    span = (ends.last - ends.first).days + 1
    per, capacity = _choose_capacity(profile, key, span)
    required = (*key, *who, time, booked, score)
    own = {outcome.column: {"type": outcome.type}}
    numbers = (score, outcome.column) if outcome.type == "number" else (score,)
    look.spec = {
        "title": f"Which cases first, by {outcome.column.lower().replace('_', ' ')}",
        "kind": "risk",
        "city": "city",
        "question": drop_empty(
            unit="cases",
            case=key[0] if len(key) == 1 else list(key),
            rows="several" if is_several else None,
            outcome={**outcome.spec, "label": "the outcome is yes"},
            asked=drop_empty(days_before=0, registered=booked or None),
            entity=name_entity(who),
            decision={"rule": "top", "capacity": capacity, "per": per},
        ),
        "data": drop_empty(
            source=_write_source(profile, numbers, outcome),
            time=time,
            known={"column": known} if known else {"lag_days": 1},
            reporting_delay_days=delay or None,
            **ends.limit(DAY),
            columns=look.choose_contract((*required, known, outcome.column), key, own),
        ),
        "backtest": {
            # A fold of whole weeks cuts none: each part would have the capacity of a week.
            "stride_days": max(span // 12 // SHORTEST_DAYS[per], 1) * SHORTEST_DAYS[per],
            "min_train": min(max(profile.rows // 10, 50), 500),
        },
        "models": drop_empty(seed=20260101, city_score=score or None),
        "audit": {"infers": "others like these", "dimensions": {}},
    }
    left = "booked on the day itself" if booked else "outside `since` and `until`"
    recount(look, RiskSpec, LIST_OF_CASES, {FAR_OFF: ends.far}, left)
    used = {*required, outcome.column}
    free = [c.name for c in profile.columns.values() if c.name not in used and not c.is_moment]
    groups = [name for name in free if is_group(name)]
    look.leave_open(
        "the words for readers (`title`, `question.unit`, `question.outcome.label`, "
        "`question.entity.label`)",
        list_doubtful(outcome),
        ask_turned(profile, outcome),
        tell_chosen(profile, outcome, {*key, *who}),
        f"how many can be acted on (`question.decision.capacity`; written: {capacity} a {per})",
        "what is known of a case when it is asked about (`question.entity.attributes`, with its "
        f"column under `data.columns`): among {', '.join(free[:8]) or 'no other columns'}; what "
        "was written down afterwards gives the answer away",
        list_telling(profile, outcome, free),
        "" if known else "when an outcome is in the system (`data.known`)",
        "for which groups it must hold (`audit.dimensions`)"
        + (f": perhaps {', '.join(groups[:5])}" if groups else ""),
        f"whether {score} was there before the case, as `models.city_score` says" if score else "",
        tell_joined(profile, key, outcome) if is_several else "",
    )


def _write_source(
    profile: TableProfile, numbers: Sequence[str], outcome: OutcomeRule
) -> dict[str, Any]:
    """Return `data.source`, where texts that say that nobody knows the outcome are missing."""
    source = profile.write_source(numbers)
    if outcome.unknown:
        missing = dict.fromkeys([*source.get("missing", [""]), *outcome.unknown])
        source = {**source, "missing": [*missing]}
    return source


def _list_who(
    profile: TableProfile, key: Sequence[str], taken: set[str]
) -> tuple[list[str], list[str]]:
    """List columns that may name whom cases are about, of most different cells first.

    Such a column comes again, and is one in all rows of a case. Those with gaps are listed apart.
    """
    cases = profile.frame.groupby(list(key)) if key else None
    many = [
        c
        for c in profile.columns.values()
        if c.name not in taken
        and c.type in ("text", "integer")
        and 50 <= c.distinct <= 0.95 * len(profile.frame)
        and (cases is None or (cases[c.name].nunique() <= 1).all())
    ]
    many.sort(key=lambda c: -c.distinct)
    whole = [c.name for c in many if c.missing < _GAPS]
    return whole, [c.name for c in many if c.missing >= _GAPS and is_who(c.name)]


def _find_score(profile: TableProfile, taken: set[str]) -> str:
    """Return the column with today's score of a case; empty without one."""
    found = [
        c.name
        for c in profile.columns.values()
        if c.written is not None and c.distinct > 2 and is_score(c.name) and c.name not in taken
    ]
    return (found or [""])[0]


def _choose_capacity(profile: TableProfile, key: Sequence[str], span: int) -> tuple[str, int]:
    cases = len(profile.frame.drop_duplicates(list(key))) * profile.rows / len(profile.frame)
    per = DAY if cases / span >= _LEAST_A_PERIOD else WEEK
    return per, max(round(0.1 * cases / span * SHORTEST_DAYS[per]), 1)
