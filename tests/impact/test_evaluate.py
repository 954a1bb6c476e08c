"""An evaluation by its commands: sealed, assigned, acted on, analysed, decided; and bad input."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from cityai.card.draft.impact import draft_impact
from cityai.card.record.impact import ImpactPart
from cityai.card.verify.impact import list_impact_claims
from cityai.config.load import load_project
from cityai.impact.lots import SERVED
from cityai.pipeline.impact.gathered import ASSIGNED, write_gathered
from cityai.pipeline.impact.kept import KEPT
from cityai.pipeline.impact.plan import open_plan
from cityai.pipeline.impact.weeks import count_weeks
from cityai.pipeline.verify import verify_published
from cityai.store.records import save_record
from tests.impact.conftest import (
    OWN,
    PLAN,
    START,
    Say,
    find_only,
    read_lots,
    set_clock,
    write_actions,
)


def test_designs_are_told_from_the_city_s_past(city: Path, say: Say) -> None:
    code, told = say("evaluate", "design", city)
    assert code == 0
    assert re.search(r"lottery +\d+% +[\d.]+ points", told), told
    assert "before after no" in told
    assert "cannot tell" in told


def test_it_is_carried_through_to_the_card(city: Path, say: Say) -> None:
    code, told = say("evaluate", "actions", city, write_actions(city))
    assert (code, "followed: " in told) == (0, True), told
    code, told = say("evaluate", "analyse", city)
    assert code == 0, told
    assert told.partition("Planned: sealed on 2023-11-20, before the first outcome.")[1]
    assert "also where nobody would have looked" in told
    code, told = say("evaluate", "analyse", city, "--outcome", "other")
    assert code == 0
    assert "AFTER SEEING THE DATA" in told
    code, told = say("evaluate", "analyse", city, "--until", "2023-12-11")
    assert (code, "AFTER SEEING THE DATA" in told) == (0, True)
    assert say("evaluate", "decide", city, "scale", "--by", "Somebody", "--reason", "So.")[0] == 2
    assert say("evaluate", "decide", city, "scale", "--by", "Head", "--reason", " ")[0] == 2
    assert say("evaluate", "decide", city, "scale", "--by", "Head", "--reason", "So.")[0] == 0
    impact = find_only(city)
    assert impact.analysis is not None
    assert (impact.others, impact.decision.decision) == (2, "scale")  # type: ignore[union-attr]
    effect = impact.analysis.effect
    assert effect.low < -0.3 < effect.high  # type: ignore[operator]
    probe = impact.analysis.probe.set_index(["group", "metric"])
    # Those visited speak for all who were listed and whose finding is known by now.
    speaks, looks = (probe.loc[("overall", "base_rate"), name] for name in ("speaks_for", "looks"))
    assert speaks == pytest.approx(read_lots(city)["unit"].nunique(), rel=0.2)
    assert looks < 0.7 * speaks
    assert probe.loc[("overall", "true_positive_rate"), "reason"]  # nothing was found by anybody
    assert say("run", city)[0] == 0
    card = city.parents[1] / "model_cards" / "requests"
    part = json.loads((card / "card.json").read_text())["impacts"][0]
    assert part["found"]["effect"]["value"] == round(effect.estimate, 2)  # type: ignore[arg-type]
    assert part["others"] == 2
    page = (card / "card.html").read_text()
    assert all(words in page for words in ("What it changed", "It is scaled up"))
    assert "## What it changed" in (card / "card.md").read_text()
    listed = json.loads((card.parent / "index.json").read_text())["systems"][0]["tested"][0]
    assert (listed["word"], listed["decision"]) == (part["found"]["word"], "scale")
    assert "to be scaled up" in (card.parent / "index.html").read_text()
    assert {f.status.value for f in verify_published(city)} <= {"pass", "not applicable"}
    honest = ImpactPart.model_validate(part)
    assert honest.found is not None
    assert all(claim.holds for claim in list_impact_claims(honest, impact))
    for name in ("effect", "treated"):
        own = getattr(honest.found, name)
        better = own.model_copy(update={"value": own.value - 0.02})
        found = honest.found.model_copy(update={name: better})
        forged = honest.model_copy(update={"found": found})
        assert not all(claim.holds for claim in list_impact_claims(forged, impact))


def test_the_same_list_has_the_same_arms_and_a_unit_one_arm(city: Path, say: Say) -> None:
    before = read_lots(city)
    assert say("predict", city, "--assign", "--as-of", "2023-12-18")[0] == 0
    pd.testing.assert_frame_equal(read_lots(city), before)
    drawn = before[before["part"].isin(["edge", "probe"])]
    assert drawn["unit"].is_unique
    assert set(before.loc[before["part"] == "probe", "probability"].round(3)) <= {0.2, 0.8}
    edge = drawn[drawn["part"] == "edge"]
    share = edge.groupby("block")["arm"].transform(lambda arm: (arm == SERVED).mean())
    assert np.allclose(np.where(edge["arm"] == SERVED, share, 1 - share), edge["probability"])
    shown = pd.read_parquet(
        city.parents[1] / ".cityai" / "predictions" / "requests" / "2023-12-18/predictions.parquet"
    )
    assert (shown["decision"] == (shown["arm"] == SERVED)).all()
    private = open_plan(load_project(city)).folder
    assert {p.stat().st_mode & 0o777 for p in private.iterdir() if p.is_file()} == {0o600}


def test_a_byte_of_the_plan_or_of_the_evaluation_is_refused(city: Path, say: Say) -> None:
    plan, own = city / PLAN, city / OWN
    for path in (plan, own):
        content = path.read_text()
        path.write_text(content.replace("2023-11-2", "2023-11-1", 1) + " " * (path == own))
        for words in (
            ("evaluate", "analyse", city),
            ("predict", city, "--assign", "--as-of", START.date()),
        ):
            code, told = say(*words)
            assert (code, "to the last byte" in told) == (1, True), told
        path.write_text(content)
    assert say("evaluate", "analyse", city)[0] == 0


def test_a_plan_is_sealed_once_and_before(
    city: Path, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "sealed already" in say("evaluate", "plan", city)[1]
    (city / PLAN).unlink()
    assert "not sealed" in say("evaluate", "analyse", city)[1]
    code, told = say("evaluate", "plan", city)
    assert (code, "the period began on 2023-11-27" in told) == (2, True)
    set_clock(monkeypatch, "2023-11-20")
    code, told = say("evaluate", "plan", city)
    assert (code, "outcomes from 2023-11-27 on can be read already" in told) == (2, True)
    assert not (city / PLAN).exists()


def test_who_looks_early_waits(city: Path, say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    set_clock(monkeypatch, "2024-01-20")
    code, told = say("evaluate", "analyse", city)
    assert (code, "not all known before 2024-01-23" in told) == (2, True)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"case_id": "I99999"}, "row 1 is about a case that was on no list"),
        ({"done": "yes", "done_on": "2023-01-01"}, "lies before the case was assigned"),
        ({"done": "yes", "done_on": ""}, "says that it was done, and not when"),
        ({"done": "no", "why_not": ""}, "was not done, and nobody says why"),
        ({"done": "perhaps"}, "a yes or no cannot be told from"),
        ({"done_on": "31.12.2023"}, "rows are not understood"),
        ({"done": "yes", "done_on": "2031-01-01", "why_not": ""}, "was done in the future"),
        ({"done": "no", "done_on": "2023-12-01"}, "was not done, and has a day"),
    ],
)
def test_actions_that_do_not_fit_are_refused_and_nothing_is_lost(
    city: Path, say: Say, changed: dict[str, object], told: str
) -> None:
    assert say("evaluate", "actions", city, write_actions(city))[0] == 0
    kept = (open_plan(load_project(city)).folder / "actions.parquet").read_bytes()
    code, said = say("evaluate", "actions", city, write_actions(city, **changed))
    assert (code, told in said) == (2, True), said
    assert (open_plan(load_project(city)).folder / "actions.parquet").read_bytes() == kept


def test_actions_with_semicolons_are_read_and_what_is_typed_is_told_short(
    city: Path, say: Say
) -> None:
    path = write_actions(city, done="no", done_on="", why_not="x" * 1_000_000)
    code, said = say("evaluate", "actions", city, path)
    assert (code, len(said) < 2_000) == (0, True)
    path.write_text("\ufeff" + path.read_text().replace(",", ";"), "utf-8")
    again = say("evaluate", "actions", city, path)
    assert (again[0], again[1].partition("Hold")[0]) == (0, said.partition("Hold")[0])


@pytest.mark.parametrize(
    ("column", "cell", "told"),
    [
        ("seen", "2024-13-45", "rows are not understood, the first: row"),
        ("seen", "", "outcomes have no day in `seen`"),
        ("id", "", "rows are not understood, the first: row"),
    ],
)
def test_outcomes_that_are_not_understood_are_refused_and_not_left_out(
    city: Path, say: Say, column: str, cell: str, told: str
) -> None:
    later = pd.read_csv(city / "later.csv", dtype=str)
    later.loc[later.index[-3:], column] = cell
    later.to_csv(city / "later.csv", index=False)
    code, said = say("evaluate", "analyse", city)
    assert (code, told in said) == (2, True), said


def test_a_row_that_waits_for_its_outcome_is_none(city: Path, say: Say) -> None:
    later = pd.read_csv(city / "later.csv", dtype=str)
    later.loc[later.index[-3:], ["seen", "bad"]] = ""
    later.to_csv(city / "later.csv", index=False)
    code, said = say("evaluate", "analyse", city)
    assert (code, "without an outcome: " in said) == (0, True), said


def draft_part(folder: Path) -> ImpactPart:
    return draft_impact(find_only(folder))


def test_a_card_tells_that_one_arm_lost_more_outcomes(city: Path, say: Say) -> None:
    later = pd.read_csv(city / "later.csv", dtype=str)
    assert say("evaluate", "analyse", city)[0] == 0
    whole = draft_part(city)
    assert whole.found is not None
    assert (whole.found.known, whole.found.uneven) == (1, False)
    lots = read_lots(city)
    served = later["id"].isin(lots.loc[lots["arm"] == SERVED, "case_id"])
    later.loc[served & (later["bad"] == "1"), "bad"] = ""
    later.to_csv(city / "later.csv", index=False)
    code, said = say("evaluate", "analyse", city)
    assert (code, "the arms differ in this" in said) == (0, True)
    part = draft_part(city)
    assert part.found is not None
    assert part.found.uneven
    assert any("missing more often on one side" in words for words in part.in_words)
    claims = {c.path: c for c in list_impact_claims(part, find_only(city))}
    assert claims["impact.found.known"].holds


def test_a_list_that_is_left_out_at_the_end_is_told(city: Path, say: Say) -> None:
    lots = read_lots(city)
    kept = lots[lots["block"] != lots["block"].max()]
    write_gathered(kept, open_plan(load_project(city)).folder, ASSIGNED)
    code, said = say("evaluate", "analyse", city)
    assert (code, "4 weeks were announced" in said) == (0, True), said
    assert "Lists were drawn in 3 of 4 announced weeks." in draft_part(city).in_words


def test_a_decision_on_another_result_is_told_as_such(city: Path, say: Say) -> None:
    assert say("evaluate", "analyse", city)[0] == 0
    assert say("evaluate", "decide", city, "stop", "--by", "Head", "--reason", "So.")[0] == 0
    assert "on another result" not in say("evaluate", "analyse", city)[1]
    project = load_project(city)
    impact = find_only(city)
    assert impact.decision is not None
    other = replace(impact, decision=replace(impact.decision, found="worth it"))
    save_record(other, open_plan(project).folder / KEPT)
    assert "(worth it): decide again" in say("evaluate", "analyse", city)[1]
    part = draft_part(city)
    assert part.decision is not None
    assert part.decision.outdated
    assert "on another result" in part.in_words[-1]


@pytest.mark.parametrize(("of", "reason"), [("all", "the same for"), ("none", "on no list")])
def test_why_nothing_can_be_told_is_told(city: Path, say: Say, of: str, reason: str) -> None:
    later = pd.read_csv(city / "later.csv", dtype=str)
    later["bad"] = "1"
    listed = later["id"].isin(read_lots(city)["case_id"])
    later[(of == "all") | ~listed].to_csv(city / "later.csv", index=False)
    code, said = say("evaluate", "analyse", city)
    assert (code, "more weeks" in said) == (0, False), said
    part = draft_part(city)
    assert reason in part.in_words[0]
    assert part.found is not None
    assert not re.search(r"\d", part.found.effect.reason + part.found.treated.reason)


@pytest.mark.parametrize(
    ("days", "per", "weeks"),
    [
        (pd.date_range("2026-01-05", periods=26, freq="7D"), "week", 26),
        (pd.date_range("2026-01-05", periods=13, freq="14D"), "week", 13),
        (pd.bdate_range("2026-01-05", periods=130), "day", 26),
        (pd.date_range("2026-01-01", periods=6, freq="MS"), "month", 26),
        (pd.date_range("2026-01-01", periods=1, freq="MS"), "month", 4.3),
        (pd.date_range("2026-01-05", periods=4, freq="60D"), "fold", 16),
    ],
)
def test_lists_stand_for_the_weeks_of_their_period(
    days: pd.DatetimeIndex, per: str, weeks: float
) -> None:
    spec = SimpleNamespace(
        question=SimpleNamespace(decision=SimpleNamespace(per=per)),
        backtest=SimpleNamespace(stride_days=28),
    )
    block = pd.Series(days.strftime("%Y-%m-%d").repeat(3))
    assert count_weeks(block, spec) == pytest.approx(weeks, abs=0.1)  # type: ignore[arg-type]


def other_arm(lots: pd.DataFrame) -> pd.DataFrame:
    first = lots.index[lots["part"] == "edge"][0]
    return lots.assign(arm=lots["arm"].where(lots.index != first, "served"[::-1]))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (other_arm, "do not follow from the plan"),
        (lambda lots: lots.assign(arm="served"), "do not follow from the plan"),
        (lambda lots: lots.assign(arm="not served"), "do not follow from the plan"),
        (lambda lots: pd.concat([lots, lots.tail(1)]), "do not follow from the plan"),
        (lambda lots: lots.iloc[1:], "do not follow from the plan"),
        (lambda lots: lots.iloc[:0], "nobody was assigned by this plan"),
    ],
    ids=["another arm", "everybody", "nobody", "twice", "one left out", "none"],
)
def test_assignments_that_are_not_the_plans_are_refused(
    city: Path, say: Say, change: Callable[[pd.DataFrame], pd.DataFrame], told: str
) -> None:
    private = open_plan(load_project(city)).folder
    write_gathered(change(read_lots(city)), private, ASSIGNED)
    code, said = say("evaluate", "analyse", city)
    assert (code, told in said) == (2, True), said


def test_outcomes_before_the_assignment_are_refused(city: Path, say: Say) -> None:
    later = pd.read_csv(city / "later.csv", dtype=str)
    later["seen"] = "2023-11-01"
    later.to_csv(city / "later.csv", index=False)
    code, said = say("evaluate", "analyse", city)
    assert (code, "lie before their assignment" in said) == (2, True), said


def test_another_list_of_a_day_is_refused(city: Path, say: Say) -> None:
    before = read_lots(city)
    table = pd.read_csv(city / "data.csv", dtype=str, keep_default_na=False)
    table[table["day"] != "2023-12-20"].to_csv(city / "data.csv", index=False)
    code, said = say("predict", city, "--assign", "--as-of", "2023-12-18")
    assert (code, "lots were drawn for another list" in said) == (2, True), said
    code, said = say("predict", city, "--assign", "--as-of", "2023-12-25")
    assert (code, "the plan lets nobody be drawn" in said) == (2, True), said
    pd.testing.assert_frame_equal(read_lots(city), before)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("edge: {above: 10, below: 14}\n", "needs `edge`"),
        ("edge: {above: 10", "within a capacity of 15"),
        ("groups: [kind]", "the audit has no dimension"),
        ("who_decides: Head", "'who_decides' is missing"),
        ("key: id", "needs `key`"),
    ],
)
def test_a_mistake_in_the_file_is_named_with_its_line(
    city: Path, say: Say, line: str, told: str
) -> None:
    put = {"edge: {above: 10": "edge: {above: 16", "groups: [kind]": "groups: [colour]"}
    path = city / OWN
    path.write_text(path.read_text().replace(line, put.get(line, "")))
    (city / PLAN).unlink()
    code, said = say("evaluate", "plan", city)
    assert (code, told in said, "visits.yaml" in said) == (2, True, True), said
