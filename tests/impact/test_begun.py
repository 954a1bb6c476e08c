"""Designs of places carried through: sealed, begun, analysed, counted again; and bad input."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cityai.card.draft.impact import draft_impact
from cityai.card.record.impact import ImpactPart
from cityai.card.verify.impact import COUNTS, list_impacts_claims
from cityai.cli.main import run_command
from cityai.config.evaluation import load_evaluation
from cityai.config.load import load_project
from cityai.errors import SpecError
from cityai.impact.analysis import Impact
from cityai.impact.assignment import read_law
from cityai.impact.fixed_effects import two_way_fixed_effects
from cityai.impact.lots import ARMS, draw_starts, plan_starts
from cityai.impact.records import Law
from cityai.kinds import open_kind
from cityai.pipeline.impact.analyse import find_impacts
from cityai.pipeline.impact.measure import STEPS
from cityai.pipeline.impact.outcomes import ACTED
from cityai.pipeline.impact.places import read_places
from cityai.pipeline.impact.plan import Plan, open_plan
from cityai.pipeline.verify import verify_published
from tests.conftest import write_workspace
from tests.delivery.conftest import RISK, draw_inspections
from tests.impact.begun import DESIGNS, TRUTH, write_begun, write_city
from tests.impact.conftest import Say, set_clock

PLAN = "evaluations/crews.plan.json"
OWN = "evaluations/crews.yaml"
pytestmark = pytest.mark.slow


def begin(place: Path, design: str, patch: pytest.MonkeyPatch) -> Path:
    """Seal a design, and let the city do as it says until all is known."""
    folder = write_city(place, design)
    set_clock(patch, "2023-02-26")
    assert run_command(["evaluate", "plan", str(folder)]) == 0
    write_begun(folder)
    set_clock(patch, "2023-04-12")
    return folder


def tell(folder: Path) -> tuple[Impact, ImpactPart]:
    (impact,) = find_impacts(load_project(folder))
    return impact, draft_impact(impact)


@pytest.mark.long
def test_a_stepped_wedge_is_carried_through_to_the_card(
    tmp_path: Path, say: Say, monkeypatch: pytest.MonkeyPatch, no_pictures: None
) -> None:
    city = begin(tmp_path, "stepped wedge", monkeypatch)
    code, told = say("evaluate", "actions", city, city / "actions.csv")
    assert (code, "16 places told of, 16 done" in told) == (0, True), told
    code, told = say("evaluate", "analyse", city)
    assert (code, "places whose turn had come" in told) == (0, True), told
    assert "from 16 places in 6 weeks" in told
    assert "7 places are fewer than 8" in told  # the south of the river
    code, told = say("evaluate", "analyse", city, "--until", "2023-04-03")
    assert (code, "AFTER SEEING THE DATA" in told) == (0, True), told
    impact, part = tell(city)
    assert impact.analysis is not None
    effect, treated = impact.analysis.effect, impact.analysis.treated
    assert treated.low < TRUTH < treated.high  # type: ignore[operator]
    assert abs(effect.estimate) < abs(treated.estimate)  # type: ignore[arg-type]
    assert "randomisation inference" in effect.method
    assert say("run", city)[0] == 0
    card = city.parents[1] / "model_cards" / "requests"
    part = ImpactPart.model_validate(json.loads((card / "card.json").read_text())["impacts"][0])
    assert part.found is not None
    assert part.found.places == 16
    page = (card / "card.html").read_text()
    assert "<tr><th>south<td>Not known<td>–<td>–" in page  # not "0": it was not counted
    assert all(w in page for w in ("in an order that chance decided", "Where it was due to have"))
    assert {f.status.value for f in verify_published(city)} <= {"pass", "not applicable"}
    assert all(c.holds for c in list_impacts_claims((part,), (impact,)))
    other = part.model_copy(update={"lots_from": "0" * 64})
    assert not all(c.holds for c in list_impacts_claims((other,), (impact,)))
    for name in ("effect", "treated"):
        own = getattr(part.found, name)
        better = part.found.model_copy(update={name: own.model_copy(update={"value": -9.5})})
        forged = part.model_copy(update={"found": better})
        assert not all(c.holds for c in list_impacts_claims((forged,), (impact,))), name


@pytest.mark.parametrize(
    ("design", "told", "word"),
    [
        ("synthetic", "mixture of other places", "worth it"),
        ("interrupted", "is the level before", "cannot tell"),
        ("before after", "may be a trend, a season, or chance", "cannot tell"),
    ],
)
def test_without_a_draw_the_city_s_own_past_says_how_far_it_strays(
    tmp_path: Path, say: Say, monkeypatch: pytest.MonkeyPatch, design: str, told: str, word: str
) -> None:
    city = begin(tmp_path, design, monkeypatch)
    assert say("evaluate", "actions", city, city / "actions.csv")[0] == 0
    code, said = say("evaluate", "analyse", city)
    assert (code, word.upper() in said) == (0, True), said
    impact, part = tell(city)
    assert any(told in words for words in part.in_words), part.in_words
    assert part.found is not None
    assert part.found.word == word
    assert part.found.treated.value is None
    assert impact.analysis is not None
    if design != "before after":
        effect = impact.analysis.effect
        assert effect.low < TRUTH + 1.5  # type: ignore[operator]
        assert effect.high > TRUTH - 1.5  # type: ignore[operator]
    assert all(c.holds for c in list_impacts_claims((part,), (impact,)))
    own = part.found.effect
    assert own.value is not None
    for change in ({"value": own.value - 1.0}, {"low": -90.0, "high": 90.0}):
        if design == "before after" and "low" in change:
            continue
        wrong = part.found.model_copy(update={"effect": own.model_copy(update=change)})
        forged = part.model_copy(update={"found": wrong})
        assert not all(c.holds for c in list_impacts_claims((forged,), (impact,))), change


def test_what_each_design_could_tell_is_told_without_a_list(
    tmp_path: Path, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_city(tmp_path, "synthetic")
    set_clock(monkeypatch, "2023-02-26")
    code, told = say("evaluate", "design", folder)
    assert (code, "Tried on 16 places in 59 past periods" in told) == (0, True), told
    assert "nobody is drawn from a list" in told
    assert "with 2 areas served" in told


def unknown(told: pd.DataFrame) -> pd.DataFrame:
    return told.assign(unit=told["unit"].replace("P03", "P99"))


def twice(told: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([told, told.head(1)])


def early(told: pd.DataFrame) -> pd.DataFrame:
    return told.assign(done_on="2023-01-01")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (unknown, "is about a place that takes no part (place P99)"),
        (twice, "tells of a place again"),
        (early, "lies before the place was assigned"),
    ],
)
def test_actions_that_do_not_fit_are_refused_and_nothing_is_lost(
    wedge: Path, say: Say, change: Callable[[pd.DataFrame], pd.DataFrame], told: str
) -> None:
    path = wedge / "actions.csv"
    assert say("evaluate", "actions", wedge, path)[0] == 0
    kept = (open_plan(load_project(wedge)).folder / ACTED).read_bytes()
    change(pd.read_csv(path, dtype=str, keep_default_na=False)).to_csv(path, index=False)
    code, said = say("evaluate", "actions", wedge, path)
    assert (code, told in said) == (2, True), said
    assert (open_plan(load_project(wedge)).folder / ACTED).read_bytes() == kept


@pytest.fixture
def wedge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return begin(tmp_path, "stepped wedge", monkeypatch)


def test_starts_that_are_not_the_plan_s_are_refused(
    wedge: Path, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = wedge / PLAN
    content = json.loads(path.read_text())
    places = content["places"]
    first, other = min(places, key=places.get), max(places, key=places.get)
    places[first], places[other] = places[other], places[first]
    path.write_text(json.dumps(content, indent=2) + "\n")
    code, said = say("evaluate", "analyse", wedge)
    assert (code, "the sealed plan was changed" in said) == (1, True), said
    sealed = Plan(**{**content, "seal": ""})
    sealed = replace(sealed, seal=sealed.count_seal())
    path.write_text(json.dumps(asdict(sealed), indent=2) + "\n")
    code, said = say("evaluate", "analyse", wedge)
    assert (code, "2 of 16 places begin on another day than the plan gives" in said) == (2, True)
    code, said = say("predict", wedge, "--assign", "--as-of", "2023-03-06")
    assert (code, "draws nobody from a list" in said) == (2, True), said
    set_clock(monkeypatch, "2023-04-01")
    code, said = say("evaluate", "analyse", wedge)
    assert (code, "not all known before" in said) == (2, True), said


@pytest.mark.parametrize(
    ("design", "line", "put", "told"),
    [
        ("synthetic", "treated: [P03, P09]", "treated: [P03, P99]", "of a place 'P99'"),
        ("synthetic", "treated: [P03, P09]", "treated: [P00, P01, P02]", "13 places are left"),
        ("synthetic", "before: 40", "donors: [P03, P04]", "in one arm: P03"),
        ("synthetic", "treated: [P03, P09]", "treated: []", "an arm without a place"),
        ("stepped wedge", "starts: 2023-02-27", "starts: 2023-03-01", "no week begins on"),
        ("stepped wedge", "starts: 2023-02-27", "starts: 2023-02-13", "can be read already"),
        ("stepped wedge", "steps: 4", "treated: [P03]", "has no `treated`"),
        ("stepped wedge", "steps: 4", "unit: case", "has no `unit: case`"),
        ("stepped wedge", "steps: 4", "unit: area", "lie in no areas"),
    ],
)
def test_a_plan_that_could_tell_nothing_is_refused(
    tmp_path: Path,
    say: Say,
    monkeypatch: pytest.MonkeyPatch,
    design: str,
    line: str,
    put: str,
    told: str,
) -> None:
    folder = write_city(tmp_path, design)
    path = folder / OWN
    path.write_text(path.read_text().replace(line, put))
    set_clock(monkeypatch, "2023-02-10" if "02-13" in put else "2023-02-26")
    code, said = say("evaluate", "plan", folder)
    assert (code, told in said) == (2, True), said
    assert not (folder / PLAN).exists()


def test_outcomes_of_cases_are_averaged_by_place_and_week(tmp_path: Path) -> None:
    """Of a project of risk, places are the entities of its cases, or their areas."""
    table = draw_inspections(days=120)
    folder = write_workspace(tmp_path, table, RISK)
    own = folder / OWN
    own.parent.mkdir()
    text = (
        "question: Q?\noutcome: {better: lower, label: x}\ndesign: stepped wedge\nunit: area\n"
        "starts: 2023-05-01\nweeks: 8\nsmallest_effect: 0.1\nwho_decides: H\nstop_rule: N\n"
    )
    own.write_text(text)
    project = load_project(folder)
    events = open_kind(project).read()
    found = read_places(project, load_evaluation(project), events)
    assert found["lost"].sum() == (table["found"] == "").sum()
    found = found[found["cases"] > 0]
    known = table[table["found"] != ""]
    week = (pd.to_datetime(known["day"]) - pd.Timestamp("2023-05-01")).dt.days // 7
    means = known["found"].astype(float).groupby([known["district"], week]).agg(["mean", "size"])
    assert found["value"].to_numpy() == pytest.approx(means["mean"].to_numpy())
    assert found["cases"].sum() == len(known)
    own.write_text(text.replace("unit: area", "unit: entity"))
    kitchens = set(read_places(project, load_evaluation(project), events)["unit"])
    assert kitchens == set(table["kitchen"])
    words = folder / "card.yaml"
    said = words.read_text() if words.exists() else ""
    words.write_text(said + "\ndata:\n  personal_data: pseudonymous\n")
    with pytest.raises(SpecError, match="would stand by name in the published plan"):
        load_evaluation(load_project(folder))


def draw_rows(seed: int, design: str) -> pd.DataFrame:
    """Twenty places, twelve periods and thirty of before, as they are laid out for an analysis."""
    rng = np.random.default_rng(seed)
    names = [f"P{i:02d}" for i in range(20)]
    starts = dict.fromkeys(names, 0 if design == "interrupted" else 99)
    if design == "stepped wedge":
        starts = draw_starts(names, plan_starts(20, 12), str(seed))
    if design == "synthetic":
        starts |= {"P03": 0, "P11": 0}
    unit, period = (x.ravel() for x in np.indices((20, 60 if design == "interrupted" else 42)))
    period = period - period.max() + (11 if design != "interrupted" else 5)
    begun = period >= np.array([starts[names[u]] for u in unit])
    shared = rng.normal(0, 1, 80)[period + 60] + rng.normal(0, 2, 20)[unit]
    rows = pd.DataFrame({"unit": np.array(names)[unit], "block": "all", "period": period})
    rows["arm"] = np.where(begun & (period >= 0), "served", "not served")
    rows["cases"], rows["lost"] = rng.integers(3, 40, len(rows)).astype(float), 0.0
    rows["done"] = np.where(period >= 0, begun * (rng.random(len(rows)) < 0.8), np.nan)
    rows["value"] = shared - 1.0 * rows["done"].fillna(0) + rng.normal(0, 1, len(rows))
    rows["side"] = np.where(unit < 10, "north", "south")
    return rows[rows["period"] >= 0].reset_index(drop=True) if design == "stepped wedge" else rows


class Asked:
    confidence, smallest, groups = 0.95, -0.3, ("side",)


@pytest.mark.parametrize("design", ["stepped wedge", "synthetic", "interrupted"])
def test_the_recount_shares_nothing_and_finds_the_same(design: str) -> None:
    rows = draw_rows(3, design)
    found = STEPS[design].measure(rows, Asked(), 11)  # type: ignore[index, arg-type]
    count, treat = COUNTS[design]
    effect, counted = found["effect"], count(rows, ())
    assert effect.known
    assert counted.effect == pytest.approx(effect.estimate, abs=1e-4)
    half = (effect.high - effect.low) / 2  # type: ignore[operator]
    assert counted.quantile * counted.error == pytest.approx(half, rel=0.3)
    if design == "stepped wedge":
        assert treat(rows, ()) == pytest.approx(found["treated"].estimate, abs=1e-9)
        for one in found["groups"]:
            own = rows[rows["side"] == one.group]
            assert count(own, ()).effect == pytest.approx(one.effect.estimate, abs=1e-9)


def test_starts_are_spread_and_follow_from_the_seed() -> None:
    assert plan_starts(8, 5).tolist() == [1, 1, 2, 2, 3, 3, 4, 4]
    assert plan_starts(6, 13, 2).tolist() == [1, 1, 1, 7, 7, 7]
    names = [f"P{i}" for i in range(12)]
    drawn = draw_starts(names, plan_starts(12, 13), "a")
    assert drawn == draw_starts(names[::-1], plan_starts(12, 13), "a")
    assert drawn != draw_starts(names, plan_starts(12, 13), "b")
    first = [draw_starts(names, plan_starts(12, 13), str(i))["P0"] for i in range(600)]
    assert np.bincount(first)[1:].min() > 25


def test_every_design_is_in_every_table() -> None:
    assert set(STEPS) == set(COUNTS) >= set(DESIGNS)


def draw_uneven(seed: int) -> tuple[Law, np.ndarray, np.ndarray, np.ndarray]:
    """Eight places, one of four times as many cases as all others; some begin two weeks late."""
    rng = np.random.default_rng(seed)
    starts = rng.permutation(plan_starts(8, 12, 4))
    unit, period = (x.ravel() for x in np.indices((8, 12)))
    arm = (period >= starts[unit]).astype(np.int64)
    rows = pd.DataFrame({"unit": unit.astype(str), "period": period, "arm": np.array(ARMS)[arm]})
    late = 2 * (rng.random(8) < 0.3)
    done = (period >= (starts + late)[unit]).astype(float)
    cases = np.where(unit == 0, 400.0, 15.0)
    lasting = np.cumsum(rng.normal(0, 1, (8, 12)), axis=1).ravel()
    value = rng.normal(0, 3, 8)[unit] + lasting + TRUTH * done + rng.normal(0, 1, 96)
    return read_law(rows, "stepped wedge", ARMS), value, done, cases


def test_of_those_who_follow_the_interval_holds_the_truth_where_one_place_is_huge() -> None:
    """By t, of clusters so unequal, it held it in four of five."""
    held, by_t = [], []
    for seed in range(60):
        law, value, done, cases = draw_uneven(seed)
        asked = (value, law.arm.astype(float), law.unit, law.period)
        found = two_way_fixed_effects(
            *asked, arms=ARMS, weights=cases, received=done, law=law, draws=400
        )
        plain = two_way_fixed_effects(*asked, arms=ARMS, weights=cases, received=done)
        if found.known:
            held.append(found.low <= TRUTH <= found.high)
            by_t.append(plain.low <= TRUTH <= plain.high)
            assert found.estimate == plain.estimate
    assert len(held) > 40
    assert np.mean(held) >= 0.9
    assert np.mean(by_t) < np.mean(held) - 0.05


def test_where_all_follow_both_effects_have_one_interval() -> None:
    law, value, _, cases = draw_uneven(1)
    arm = law.arm.astype(float)
    told = [
        two_way_fixed_effects(
            *(value, arm, law.unit, law.period),
            arms=ARMS,
            weights=cases,
            received=received,
            law=law,
            draws=400,
        )
        for received in (None, arm)
    ]
    whole, followed = ((one.estimate, one.low, one.high, one.p_value) for one in told)
    assert followed == pytest.approx(whole)
