"""An evaluation by its commands: sealed, assigned, acted on, analysed, decided; and bad input."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from cityai.card.draft.impact import draft_impact
from cityai.card.record.impact import ImpactPart
from cityai.card.verify.impact import _list_impact_claims, list_impacts_claims
from cityai.config.evaluation import load_evaluation
from cityai.config.load import load_project
from cityai.errors import DataError
from cityai.impact.analysis import Decision
from cityai.impact.lots import SERVED
from cityai.pipeline.impact.analyse import find_impacts
from cityai.pipeline.impact.chance import find_seed
from cityai.pipeline.impact.kept import KEPT
from cityai.pipeline.impact.outcomes import ASSIGNED, read_outcomes, write_gathered
from cityai.pipeline.impact.plan import open_plan
from cityai.pipeline.impact.weeks import count_weeks
from cityai.pipeline.verify import verify_published
from cityai.store.digests import digest_text
from cityai.store.records import save_record
from tests.impact.conftest import (
    EVALUATION,
    OWN,
    PLAN,
    START,
    Say,
    find_only,
    key_of,
    read_lots,
    set_clock,
    write_actions,
)

SECOND = "evaluations/second.yaml"
DRAW = "draw: {source: The six numbers of the state lottery, on: 2023-11-24, by: Clerk}\n"
NUMBERS = "4 8 15 16 23 42"


def decide(say: Say, city: Path, taken: str, name: str, *more: str) -> tuple[int, str]:
    given = ("--key", key_of(city, name), "--reason", "So.", *more)
    return say("evaluate", "decide", city, taken, *given)


def test_designs_are_told_from_the_city_s_past(city: Path, say: Say) -> None:
    code, told = say("evaluate", "design", city)
    assert code == 0
    assert re.search(r"lottery +\d+% +[\d.]+ points", told), told
    assert "before after no" in told
    assert "cannot tell" in told


def test_it_is_carried_through_to_the_card(city: Path, say: Say, no_pictures: None) -> None:
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
    code, told = decide(say, city, "scale", "ana")
    assert (code, "tells of no evaluations" in told) == (2, True), told
    impact = find_only(city)
    assert impact.analysis is not None
    assert impact.others == 2
    effect = impact.analysis.effect
    assert effect.low < -0.3 < effect.high  # type: ignore[operator]
    probe = impact.analysis.probe.set_index(["group", "metric"])
    # Those visited speak for all who were listed and whose finding is known by now.
    speaks, looks = (probe.loc[("overall", "base_rate"), name] for name in ("speaks_for", "looks"))
    assert speaks == pytest.approx(read_lots(city)["unit"].nunique(), rel=0.2)
    assert looks < 0.7 * speaks
    assert probe.loc[("overall", "true_positive_rate"), "reason"]  # nothing was found by anybody
    declare_second(city)
    assert say("evaluate", "plan", city, "--evaluation", "second")[0] == 0
    assert say("run", city)[0] == 0
    card = city.parents[1] / "model_cards" / "requests"
    assert "card tells of 2 evaluations" in decide(say, city, "scale", "ana")[1]
    assert decide(say, city, "scale", "ben", "--evaluation", "visits")[0] == 2
    code, told = decide(say, city, "scale", "ana", "--evaluation", "visits")
    assert (code, "It was found" in told) == (0, True), told
    newest, part = json.loads((card / "card.json").read_text())["impacts"]
    assert (newest["name"], part["name"], "found" in newest) == ("second", "visits", False)
    assert part["found"]["effect"]["value"] == round(effect.estimate, 2)  # type: ignore[arg-type]
    assert part["others"] == 2
    page = (card / "card.html").read_text()
    assert all(words in page for words in ("What it changed", "It is scaled up"))
    assert page.index("was announced on") < page.index("An earlier test, announced on")
    assert "## What it changed" in (card / "card.md").read_text()
    listed = json.loads((card.parent / "index.json").read_text())["systems"][0]["tested"]
    told = [(one["name"], one["word"], one["decision"]) for one in listed]
    assert told == [("second", "", ""), ("visits", part["found"]["word"], "scale")]
    assert "to be scaled up" in (card.parent / "index.html").read_text()
    assert {f.status.value for f in verify_published(city)} <= {"pass", "not applicable"}
    honest = ImpactPart.model_validate(part)
    assert honest.found is not None
    assert all(claim.holds for claim in _list_impact_claims(honest, impact))
    for name in ("effect", "treated"):
        own = getattr(honest.found, name)
        better = own.model_copy(update={"value": own.value - 0.02})
        found = honest.found.model_copy(update={name: better})
        forged = honest.model_copy(update={"found": found})
        assert not all(claim.holds for claim in _list_impact_claims(forged, impact))


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


def test_a_table_that_was_read_is_read_again_where_it_changed(
    city: Path, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tell_reading(*_: object) -> None:
        raise DataError("it is read")

    monkeypatch.setattr("cityai.kinds.risk.read_events", tell_reading)
    assert say("evaluate", "analyse", city)[0] == 0
    table = pd.read_csv(city / "data.csv", dtype=str, keep_default_na=False)
    table.iloc[1:].to_csv(city / "data.csv", index=False)
    code, told = say("evaluate", "analyse", city)
    assert (code, "it is read" in told) == (2, True), told


def test_who_looks_early_waits(city: Path, say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    set_clock(monkeypatch, "2024-01-20")
    code, told = say("evaluate", "analyse", city)
    assert (code, "not all known before 2024-01-23" in told) == (2, True)


MISFITS: tuple[tuple[dict[str, object], str], ...] = (
    ({"case_id": "I99999"}, "row 1 is about a case that was on no list"),
    ({"done": "yes", "done_on": "2023-01-01"}, "lies before the case was assigned"),
    ({"done": "yes", "done_on": ""}, "says that it was done, and not when"),
    ({"done": "no", "why_not": ""}, "was not done, and nobody says why"),
    ({"done": "perhaps"}, "a yes or no cannot be told from"),
    ({"done_on": "31.12.2023"}, "rows are not understood"),
    ({"done": "yes", "done_on": "2031-01-01", "why_not": ""}, "was done in the future"),
    ({"done": "no", "done_on": "2023-12-01"}, "was not done, and has a day"),
)


def test_actions_that_do_not_fit_are_refused_and_nothing_is_lost(city: Path, say: Say) -> None:
    assert say("evaluate", "actions", city, write_actions(city))[0] == 0
    private = open_plan(load_project(city)).folder / "actions.parquet"
    kept = private.read_bytes()
    for changed, told in MISFITS:
        code, said = say("evaluate", "actions", city, write_actions(city, **changed))
        assert (code, told in said) == (2, True), (changed, said)
        assert private.read_bytes() == kept


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


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda ids: "K-" + ids, "cases of the plan is among the"),
        (lambda ids: ids.str.lower() + " ", "are written otherwise than in the plan: 'i"),
    ],
)
def test_outcomes_under_other_ids_are_no_blocks_without_outcomes(
    city: Path, say: Say, change: Callable[[pd.Series], pd.Series], told: str
) -> None:
    later = pd.read_csv(city / "later.csv", dtype=str)
    later["id"] = change(later["id"])
    later.to_csv(city / "later.csv", index=False)
    code, said = say("evaluate", "analyse", city)
    assert (code, told in said) == (2, True), said
    assert "next: write them as the plan does" in said


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
    claims = {c.path: c for c in _list_impact_claims(part, find_only(city))}
    assert claims["impact.found.known"].holds


def test_a_list_that_is_left_out_at_the_end_is_told(city: Path, say: Say) -> None:
    lots = read_lots(city)
    kept = lots[lots["block"] != lots["block"].max()]
    write_gathered(kept, open_plan(load_project(city)).folder, ASSIGNED)
    code, said = say("evaluate", "analyse", city)
    assert (code, "4 weeks were announced" in said) == (0, True), said
    assert "Lists were drawn in 3 of 4 announced weeks." in draft_part(city).in_words


def test_a_line_of_before_is_to_be_signed_and_the_way_there_works(city: Path, say: Say) -> None:
    assert say("evaluate", "analyse", city)[0] == 0
    kept = open_plan(load_project(city)).folder / KEPT
    line = Decision("stop", "Head", "2024-01-25", "So.")
    save_record(replace(find_only(city), decision=line), kept)
    code, told = say("run", city)
    assert (code, "'stop' was recorded by Head on 2024-01-25, and nobody signed it" in told) == (
        1,
        True,
    ), told
    assert "cityai evaluate decide requests stop --key FILE --reason 'So.'" in told
    assert say("evaluate", "analyse", city)[0] == 0
    assert find_only(city).decision is None


def test_a_result_has_one_digest_until_it_is_another(city: Path, say: Say) -> None:
    digests = []
    for outcome in ("1", "1", "0"):
        later = pd.read_csv(city / "later.csv", dtype=str)
        listed = later.index[later["id"].isin(read_lots(city).query("part == 'edge'")["case_id"])]
        later.loc[listed[0], "bad"] = outcome
        later.to_csv(city / "later.csv", index=False)
        assert say("evaluate", "analyse", city)[0] == 0
        part = draft_part(city)
        assert part.found is not None
        digests.append(part.found.digest)
    assert digests[0] == digests[1] != digests[2]


def test_words_that_are_neither_yes_nor_no_are_asked_about(
    city: Path, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = pd.read_csv(city / "later.csv", dtype=str)
    later.loc[later.index[-5:], "bad"] = ["perhaps", "Perhaps ", "n/a", " ", ""]
    later.to_csv(city / "later.csv", index=False)
    code, told = say("evaluate", "analyse", city)
    assert (code, "3 of" in told, "'perhaps' (2), 'n/a' (1)" in told) == (2, True, True), told
    own = (city / OWN).read_text()
    (city / OWN).write_text(own.replace('  no: ["0"]', '  no: ["0", perhaps]\n  missing: [N/A]'))
    (city / PLAN).unlink()
    spec = load_evaluation(load_project(city))
    read = read_outcomes(load_project(city), spec, None)  # type: ignore[arg-type]
    told = read.set_index("case_id")["value"].reindex(later["id"].tail(5)).tolist()
    assert told[:2] == [0, 0]
    assert np.isnan(told[2:]).all()
    (city / OWN).write_text(own.replace('  no: ["0"]\n', ""))
    set_clock(monkeypatch, "2023-11-20")
    code, told = say("evaluate", "plan", city)
    assert (code, "those that mean no are not" in told) == (2, True), told
    (city / OWN).write_text(own.replace('no: ["0"]', 'no: ["0", "1"]'))
    code, told = say("evaluate", "plan", city)
    assert (code, "an answer stands twice" in told) == (2, True), told


@pytest.mark.parametrize(("of", "reason"), [("all", "the same for"), ("served", "on no list")])
def test_why_nothing_can_be_told_is_told(city: Path, say: Say, of: str, reason: str) -> None:
    later = pd.read_csv(city / "later.csv", dtype=str)
    later["bad"] = "1"
    lots = read_lots(city)
    others = lots.loc[lots["arm"] != SERVED, "case_id"]
    later[(of == "all") | ~later["id"].isin(others)].to_csv(city / "later.csv", index=False)
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


def declare_second(city: Path, starts: str = "2024-02-05") -> None:
    (city / SECOND).write_text(EVALUATION.replace("2023-11-27", starts))


def test_a_second_year_keeps_the_first(city: Path, say: Say) -> None:
    assert say("evaluate", "analyse", city)[0] == 0
    declare_second(city)
    for words in (["analyse"], ["plan"], ["design"], ["actions", city / "later.csv"]):
        code, told = say("evaluate", words[0], city, *words[1:])
        assert (code, "has 2 evaluations: second, visits" in told) == (2, True), told
    code, told = say("evaluate", "plan", city, "--evaluation", "visit")
    assert (code, "Did you mean 'visits'?" in told) == (2, True), told
    code, told = say("evaluate", "plan", city, "--evaluation", "second")
    assert (code, "--evaluation second" in told) == (0, True), told
    newest, first = find_impacts(load_project(city))
    assert (newest.sealed.name, first.sealed.name) == ("second", "visits")
    assert newest.analysis is None
    assert first.analysis is not None
    for day in ("2024-01-29", "2023-01-02"):
        code, told = say("predict", city, "--assign", "--as-of", day)
        assert (code, "none of the evaluations runs on" in told) == (2, True), told
    code, told = say("predict", city, "--assign", "--as-of", "2023-12-18")
    assert code == 0, told
    parts = (draft_impact(newest), draft_impact(first))
    assert all(c.holds for c in list_impacts_claims(parts, (newest, first)))
    for forged in (parts[:1], parts[::-1], ()):
        assert not all(c.holds for c in list_impacts_claims(forged, (newest, first)))


def test_a_card_forgets_no_evaluation_that_has_begun(city: Path, say: Say) -> None:
    card = city.parents[1] / "model_cards" / "requests" / "card.json"
    facts = json.loads(card.read_text())
    told = {"name": "visits", "starts": "2023-11-27", "seal": find_only(city).sealed.seal}
    card.write_text(json.dumps({**facts, "impacts": [told]}))
    for name in (OWN, PLAN):
        (city / name).unlink()
    code, said = say("run", city)
    assert (code, "the last card tells of the evaluation 'visits'" in said) == (1, True), said


def test_two_that_would_run_at_once_are_refused(
    city: Path, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_clock(monkeypatch, "2023-11-20")
    declare_second(city, "2024-01-22")
    code, told = say("evaluate", "plan", city, "--evaluation", "second")
    assert (code, "would run beside 'visits'" in told, "2024-01-23" in told) == (2, True, True)
    assert not (city / SECOND).with_suffix(".plan.json").exists()


def test_a_file_of_before_is_moved_as_told_and_its_seal_holds(city: Path, say: Say) -> None:
    plan = json.loads((city / PLAN).read_text())
    assert plan["name"] == "visits"
    shutil.move(city / OWN, city / "evaluation.yaml")
    for words in (("evaluate", "analyse"), ("run",)):
        code, told = say(*words, city)
        assert (code, "git mv evaluation.yaml evaluations/requests.yaml" in told) == (2, True)
    shutil.move(city / "evaluation.yaml", city / "evaluations/requests.yaml")
    shutil.move(city / PLAN, city / "evaluations/requests.plan.json")
    code, told = say("evaluate", "analyse", city)
    assert (code, "was sealed as 'visits.plan.json'" in told) == (1, True), told


def test_a_plan_without_its_file_and_odd_names_are_told(city: Path, say: Say) -> None:
    shutil.copy(city / OWN, city / "evaluations/My Test.yaml")
    code, told = say("evaluate", "analyse", city)
    assert (code, "cannot be called 'My Test.yaml'" in told) == (2, True), told
    (city / "evaluations/My Test.yaml").unlink()
    (city / "evaluations/README.md").write_text("What we test.\n")
    assert find_only(city).sealed.name == "visits"
    (city / OWN).unlink()
    for words in (("evaluate", "analyse"), ("run",)):
        code, told = say(*words, city)
        assert (code, "is not there" in told) == (1, True), told


def test_lots_follow_from_chance_that_came_after_the_plan(
    city: Path, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    def draw(name: str, chance: str = NUMBERS) -> tuple[int, str]:
        given = ("--chance", chance, "--key", key_of(city, name), "--reason", "In the gazette.")
        return say("evaluate", "draw", city, *given)

    later = (city / "later.csv").read_text()
    (city / "later.csv").write_text("id,seen,bad,other\nI1,2023-01-01,1,1\n")
    (city / PLAN).unlink()
    (city / OWN).write_text(EVALUATION + DRAW)
    seal = ("evaluate", "plan", city)
    set_clock(monkeypatch, "2023-11-24")
    code, told = say(*seal, "--key", key_of(city, "cai"))
    assert (code, "a plan made now could know it" in told) == (2, True), told
    set_clock(monkeypatch, "2023-11-20")
    code, told = say(*seal)
    assert (code, "nobody signs that the plan came before it" in told) == (2, True), told
    stranger = city / "stranger.pem"
    assert say("review", "key", stranger, "--name", "x", "--role", "x")[0] == 0
    code, told = say(*seal, "--key", stranger)
    assert (code, "nobody listed the key" in told, (city / PLAN).exists()) == (2, True, False)
    assert say(*seal, "--key", key_of(city, "cai"))[0] == 0
    ask = ("predict", city, "--assign", "--as-of", "2023-11-27")
    code, told = say(*ask)
    assert (code, "nobody signed yet what the source of chance gave" in told) == (2, True), told
    for day, name, chance, refused in (
        ("2023-11-23", "ben", NUMBERS, "the source speaks on 2023-11-24"),
        ("2023-11-24", "ben", " 4 8 ", "is too short"),
        ("2023-11-24", "ana", NUMBERS, "ana (Head) does not draw for this evaluation"),
        ("2023-11-24", "cai", NUMBERS, "cai sealed the plan"),
    ):
        set_clock(monkeypatch, day)
        code, told = draw(name, chance)
        assert (code, refused in told) == (2, True), told
    assert draw("ben")[0] == 0
    code, told = draw("ben", "1 2 3 4 5 6")
    assert (code, f"it was signed already by ben: {NUMBERS}" in told) == (2, True), told
    announced = open_plan(load_project(city))
    assert find_seed(announced) == digest_text(f"{announced.plan.seed} {NUMBERS}")
    code, told = say(*ask)
    assert code == 0, told
    (city / "later.csv").write_text(later)
    set_clock(monkeypatch, "2024-01-25")
    assert say("evaluate", "analyse", city)[0] == 0
    impact = find_only(city)
    part = draft_impact(impact)
    assert any(NUMBERS in words for words in part.in_words), part.in_words
    assert all(c.holds for c in list_impacts_claims((part,), (impact,)))
    other = replace(impact, sealed=replace(impact.sealed, drawn="1 2 3 4 5 6"))
    forged = part.model_copy(update={"drawn": "1 2 3 4 5 6"})
    for claimed, saved in ((forged, impact), (forged, other)):
        assert not all(c.holds for c in list_impacts_claims((claimed,), (saved,)))
    chain = city.parents[1] / "model_cards" / "requests" / "reviews"
    (chain / "0002.json").unlink()
    code, told = say("evaluate", "analyse", city)
    assert (code, "nobody signed yet" in told) == (2, True), told


def test_who_could_have_chosen_among_draws_is_told(city: Path, say: Say) -> None:
    words = draft_impact(find_only(city)).in_words
    assert any("whoever sealed it could have chosen among draws" in told for told in words)
    code, told = say("evaluate", "draw", city, "--chance", NUMBERS, "--key", key_of(city, "ben"),
                     "--reason", "So.")  # fmt: skip
    assert (code, "follow from its sealed plan alone" in told) == (2, True), told
