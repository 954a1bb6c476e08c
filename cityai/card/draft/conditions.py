"""What a yes would need: conditions, each of which can be looked up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from cityai.card.draft.grounds import Grounds
from cityai.card.draft.sentences import name_result
from cityai.card.draft.values import TOO_FEW
from cityai.card.record.described import Condition, FindingPart
from cityai.card.record.fairness import GroupResult
from cityai.card.words import name_some
from cityai.i18n.messages import say, say_n, write_day

MONTH: Final = 30.44
LONGEST: Final = 3652
"""Days of a month; days after which nobody waits."""

TODAY: Final = say("what is done today")


def ask_blockers(grounds: Grounds) -> Iterator[Condition]:
    """Ask for what no figure can be trusted without."""
    for code, title in _list_titles(grounds, grounds.blockers):
        yield Condition(text=say("Put this right first: {title}.", title=title), check=code)


def ask_gaps(grounds: Grounds) -> Iterator[Condition]:
    """Ask to close each gap, or to accept it in writing."""
    for results in _by_dimension(grounds.refused):
        names = dict.fromkeys(name_result(r) for r in results)
        yield Condition(
            text=say_n(
                "Close the gap for {names}, or accept it in writing.",
                "Close the gaps for {names}, or accept them in writing.",
                len(names),
                names=name_some([*names]),
            ),
            check=_list_codes(results),
        )
    for code, title in _list_titles(grounds, grounds.unlisted):
        yield Condition(text=say("Put this right first: {title}.", title=title), check=code)


def ask_better_than_today(grounds: Grounds) -> Iterator[Condition]:
    """Ask for more than what is done today gives."""
    label = grounds.record.eval.practice_label or TODAY
    yield Condition(
        text=say("Do not use it before it is better than {label}.", label=label),
        check=grounds.practice_code,
    )


def ask_longer_test(grounds: Grounds) -> Iterator[Condition]:
    """Ask for a longer test."""
    label = grounds.record.eval.practice_label or TODAY
    yield Condition(
        text=say("Test it longer, until it is clear that it is better than {label}.", label=label),
        check=grounds.practice_code,
    )


def ask_comparison(grounds: Grounds) -> Iterator[Condition]:
    """Ask for a comparison."""
    yield Condition(text=say("Compare it with what is done today."), check="eval.comparisons")


def ask_outcomes(grounds: Grounds) -> Iterator[Condition]:
    """Ask for outcomes."""
    text = say("Judge it again when it is known what happened.")
    if any(number.reason == TOO_FEW for number in grounds.record.eval.metrics):
        text = say("Judge it again with more cases, so that its figures can be shown.")
    yield Condition(text=text, check="eval.metrics")


def ask_groups(grounds: Grounds) -> Iterator[Condition]:
    """Ask for groups that can be judged."""
    if not grounds.alone.total:
        text = say("Say which groups to check, and within which limits.")
        if grounds.is_one_series:
            text = say("Add places or groups to the table: one total has no groups to check.")
        yield Condition(text=text, check="fairness.limits")
    if grounds.alone.hidden:
        text = say("Form larger groups, so that their figures can be shown.")
        yield Condition(text=text, check="fairness.min_group_size")
    yield from ask_data(grounds)


def ask_data(grounds: Grounds) -> Iterator[Condition]:
    """Ask for more data where they are what is missing."""
    n = len(grounds.waiting) + len(grounds.open_checks)
    if not n:
        return
    due = grounds.record.record.review_due
    codes = {**dict.fromkeys(f"audit.{r.metric}" for r in grounds.waiting)}
    codes |= dict.fromkeys(f.code for f in grounds.open_checks)
    asked = say_n(
        "Look again when more data are in: {n:,} check waits for them.",
        "Look again when more data are in: {n:,} checks wait for them.",
        n,
    )
    soon = _tell_soonest(grounds)
    day = " " + say("Do so by {day}.", day=write_day(due)) if due else ""
    yield Condition(text=asked + day + soon, check=", ".join(codes))


def _tell_soonest(grounds: Grounds) -> str:
    """Say after how much more time the first of the open checks may be decided."""
    infers = {d.name: d.infers for d in grounds.record.fairness.dimensions}
    more = [
        r.more_blocks
        for r in grounds.waiting
        if r.more_blocks and infers.get(r.dimension) == "this city"
    ]
    tests = [f for f in grounds.record.eval.folds if f.role == "test"]
    if not more or not tests:
        return ""
    days = min(more) * ((tests[0].test_last - tests[0].test_first).days + 1)
    if days > LONGEST:
        return ""
    n = max(1, round(days / MONTH))
    said = say_n(
        "After {n:,} more month of data the first may have an answer.",
        "After {n:,} more months of data the first may have an answer.",
        n,
    )
    return " " + said


def ask_accepted(grounds: Grounds) -> Iterator[Condition]:
    """Ask to stand by what was accepted."""
    names = name_some([name_result(r) for r in grounds.accepted])
    yield Condition(
        text=say("Stand by what was accepted in writing: {names}.", names=names),
        check="mitigation.choice",
    )


def ask_repairs(grounds: Grounds) -> Iterator[Condition]:
    """Ask to mend what failed, or to explain it."""
    for code, title in _list_titles(grounds, grounds.others):
        label = grounds.name_baseline(code)
        yield Condition(
            text=say("Use {label} instead, or say in writing why not.", label=label)
            if label
            else say("Mend this, or say in writing why it may stay: {title}.", title=title),
            check=code,
        )


def ask_answers(grounds: Grounds) -> Iterator[Condition]:
    """Ask for the answers that are missing."""
    n = sum(gap.required for gap in grounds.record.gaps)
    yield Condition(
        text=say_n(
            "Answer {n:,} missing question of this card.",
            "Answer {n:,} missing questions of this card.",
            n,
        ),
        check="gaps",
    )


def ask_reason(grounds: Grounds) -> Iterator[Condition]:
    """Ask why some are better served."""
    names = name_some([name_result(r) for r in grounds.better])
    yield Condition(
        text=say("Say in writing why these may be better served: {names}.", names=names),
        check=_list_codes(grounds.better),
    )


def ask_commit(grounds: Grounds) -> Iterator[Condition]:
    """Ask for the code."""
    text = say("Commit the code, so that anyone can look up what was run.")
    yield Condition(text=text, check="provenance.git_dirty")


def _list_titles(grounds: Grounds, findings: Iterable[FindingPart]) -> list[tuple[str, str]]:
    """List each check once: its code and what it is called."""
    named: dict[str, str] = {}
    for finding in findings:
        named.setdefault(grounds.name_check(finding), finding.code)
    return [(code, title) for title, code in named.items()]


def _by_dimension(results: Sequence[GroupResult]) -> list[list[GroupResult]]:
    found: dict[str, list[GroupResult]] = {}
    for result in results:
        found.setdefault(result.dimension, []).append(result)
    return [*found.values()]


def _list_codes(results: Iterable[GroupResult]) -> str:
    return ", ".join(dict.fromkeys(f"audit.{r.metric}" for r in results))
