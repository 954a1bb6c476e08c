"""One thing has one count: on the page, in the list of cards, the terminal, Markdown and MLflow."""

from __future__ import annotations

import re
from datetime import date
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cityai.card.counts import tally_groups, tally_statuses
from cityai.card.draft.design import tell_limits
from cityai.card.draft.sentences import describe_fairness
from cityai.card.draft.verdict import draft_verdict
from cityai.card.portfolio import build_entry, build_portfolio
from cityai.card.record import CardRecord, seal_record
from cityai.card.render.head import arrange_failed
from cityai.card.render.markdown import render_markdown
from cityai.card.render.page import render_html
from cityai.card.render.portfolio import render_portfolio
from cityai.card.words import find_side
from cityai.config.policy import VerdictRules
from cityai.findings import SEVERITY, Finding, Status
from cityai.track.measures import measure_card

STATUSES = [status.value for status in SEVERITY]
TODAY = date(2026, 11, 28)


def strip(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page.partition("</style>")[2]).split())


def give_statuses(record: CardRecord, start: int) -> CardRecord:
    """Deal all statuses out over the checks and the groups' figures."""
    facts = record.model_dump(mode="json")
    for at, finding in enumerate(facts["findings"]):
        finding["status"] = STATUSES[(at * 5 + start) % len(STATUSES)]
    results = facts["fairness"]["results"]
    for at, result in enumerate(results):
        result["status"] = STATUSES[(at * 7 + start) % len(STATUSES)]
    found = CardRecord.model_validate(facts)
    words = describe_fairness(found.fairness.results)
    fairness = found.fairness.model_copy(update={"in_words": words})
    return seal_record(found.model_copy(update={"fairness": fairness}))


@pytest.mark.parametrize("start", range(3))
def test_every_place_tells_the_same_counts(city, start: int) -> None:
    record = give_statuses(city.record, start)
    checks = tally_statuses(f.status for f in record.findings)
    groups = tally_groups(record.fairness.results)
    pairs = tally_groups(record.fairness.results, paired=True)
    assert min(checks.failed, checks.unknown, checks.hidden, groups.failed, groups.hidden) > 0
    assert checks.total == len(record.findings)

    page = strip(render_html(record))
    assert f"What failed a check ({checks.failed})" in page
    assert f"What the data cannot tell yet ({checks.unknown})" in page
    assert f"{groups.failed or groups.passed} of {groups.total}" in page
    told = f"{groups.unknown} cannot be told, {groups.hidden} not shown"
    assert f"checks: {groups.passed} passed, {groups.failed} failed, {told}" in page
    sentence = f"{groups.passed} within the limit, {groups.failed} beyond it, {told}."
    assert sentence in page
    assert f"{pairs.passed} within the limit, {pairs.failed} beyond it" in page

    entry = build_entry("waste", record, TODAY)
    assert entry.verdicts == groups.by_status
    assert (entry.failed, entry.unknown) == (checks.failed, checks.unknown)
    index = strip(render_portfolio(build_portfolio([entry], TODAY)))
    assert f"Fields missing {len(record.gaps)}" in index

    assert record.fairness.in_words[0].endswith(sentence)

    verdict = draft_verdict(record, VerdictRules())
    markdown = render_markdown(record.model_copy(update={"verdict": verdict}))
    if groups.unknown:
        assert f"{groups.unknown} of {groups.total} check" in verdict.unknown
        assert f"{groups.unknown} of {groups.total} check" in markdown

    logged = measure_card(record).values
    assert logged["checks/failed"] == checks.failed
    assert logged["checks/undecided"] == checks.unknown
    assert logged["groups/failed"] == groups.failed
    assert logged["groups/undecided"] == groups.unknown


@given(st.lists(st.sampled_from(STATUSES)))
def test_counts_add_up(statuses: list[str]) -> None:
    found = tally_statuses(statuses)
    assert found.total == len(statuses)
    assert sum(found.by_status.values()) == found.total


@given(st.lists(st.tuples(st.sampled_from(STATUSES), st.booleans(), st.booleans())))
def test_a_figure_is_counted_once_where_a_limit_applies(drawn: list) -> None:
    results = [
        SimpleNamespace(status=s, limit=0.1 if limit else None, dimension="a * b" if pair else "a")
        for s, limit, pair in drawn
    ]
    alone, paired = tally_groups(results), tally_groups(results, paired=True)
    judged = [s for s, limit, _ in drawn if limit and s != "not applicable"]
    assert alone.total + paired.total == len(judged)
    assert alone.informed == paired.informed == 0


def test_the_side_is_said_of_what_lies_beyond() -> None:
    assert find_side("under_forecast_share", 0.1) == "worse"
    assert find_side("under_forecast_share", -0.1) == "better"
    assert find_side("coverage", -0.1) == "worse"
    assert find_side("selection_for_need", 2.0) == "above"
    assert find_side("bias", -0.1) == "below"
    assert find_side("bias", None) == ""


def test_those_worse_served_come_first(city) -> None:
    facts = [r for r in city.record.fairness.results if r.metric == "under_forecast_share"][:2]
    beyond = [
        r.model_copy(update={"status": "fail", "gap": gap, "limit": 0.05, "group": name})
        for r, gap, name in zip(facts, (-0.2, 0.2), ("rich", "poor"), strict=True)
    ]
    assert describe_fairness(beyond)[-2:] == (
        "Beyond the limit, worse served: poor (more than forecast).",
        "Beyond the limit, better served: rich (more than forecast).",
    )


def test_a_notice_says_who_is_worse_served_and_says_it_first(city) -> None:
    pattern = next(f for f in city.record.findings if f.code.startswith("audit."))
    beyond = [
        pattern.model_copy(
            update={
                "status": "fail", "code": "audit.under_forecast_share", "title": "Not foreseen",
                "reason": f"{name}.", "observed": gap, "subject": f"income={name}",
            }
        )
        for name, gap in (("rich", -0.2), ("poor", 0.2))
    ]  # fmt: skip
    (notice,) = arrange_failed(city.record.model_copy(update={"findings": tuple(beyond)}))
    assert notice.first == (
        "poor. This group is worse served.", "rich. This group is better served.",
    )  # fmt: skip


def test_a_failed_check_of_the_data_is_no_quality_without_fault() -> None:
    failed = Finding("quality.unknown_area", Status.FAIL, "Areas of the data", "Some.")
    passed = Finding("quality.accuracy", Status.PASS, "Accuracy of the data", "Fine.")

    def say_last(*findings: Finding) -> str:
        return tell_limits(SimpleNamespace(quality=SimpleNamespace(findings=findings)), ())[-1]

    assert say_last(passed) == "No limit on the quality was missed."
    assert say_last(failed, passed) == "Checks of the data that failed: Areas of the data."
