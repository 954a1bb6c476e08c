"""A discontinuity carried through: nothing is left to chance, from the plan to the card."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from cityai.card.draft.impact import draft_impact
from cityai.card.record.impact import ImpactPart
from cityai.card.verify.impact import _list_impact_claims
from cityai.cli.main import run_command
from cityai.config.load import load_project
from cityai.impact.lots import SERVED
from cityai.pipeline.impact.outcomes import ASSIGNED, write_gathered
from cityai.pipeline.impact.plan import open_plan
from cityai.pipeline.verify import verify_published
from tests.impact.conftest import (
    EVALUATION,
    OWN,
    PLAN,
    START,
    WEEKS,
    Say,
    draw_later,
    find_only,
    read_lots,
    set_clock,
    write_actions,
)

CUT = EVALUATION.replace(
    "edge: {above: 10, below: 14}\nprobe: 0.2\n", "design: discontinuity\nunit: case\n"
)


@pytest.fixture(scope="module")
def cut(
    carried: tuple[Path, pd.DataFrame], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, pd.DataFrame]:
    """The small city again, with a discontinuity announced in place of its lottery."""
    place = tmp_path_factory.mktemp("cut") / "city"
    shutil.copytree(carried[0], place)
    folder = place / "projects" / "requests"
    (folder / PLAN).unlink()
    (folder / OWN).write_text(CUT)
    with pytest.MonkeyPatch.context() as patch:
        set_clock(patch, "2023-11-20")
        assert run_command(["evaluate", "plan", str(folder)]) == 0
        for week in range(WEEKS):
            day = START + pd.Timedelta(weeks=week)
            asked = ["predict", str(folder), "--assign", "--as-of", f"{day:%Y-%m-%d}"]
            assert run_command(asked) == 0
    return place, carried[1]


@pytest.fixture
def city(cut: tuple[Path, pd.DataFrame], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, on the day on which all can be known."""
    place = tmp_path / "city"
    shutil.copytree(cut[0], place)
    folder = place / "projects" / "requests"
    draw_later(cut[1], folder)
    set_clock(monkeypatch, "2024-01-25")
    return folder


def test_it_is_carried_through_to_the_card(city: Path, say: Say, no_pictures: None) -> None:
    lots = read_lots(city)
    assert ((lots["rank"] <= 15) == (lots["arm"] == SERVED)).all()
    assert set(lots["looked"]) == {0.0, 1.0}
    code, told = say("evaluate", "actions", city, write_actions(city))
    assert (code, "all, served followed: " in told) == (0, True), told
    code, told = say("evaluate", "analyse", city)
    assert code == 0, told
    for words in (
        "Planned: sealed on 2023-11-20, before the first outcome.",
        "chosen, at the cut-off",
        "served, of those who follow",
        "kind bar",
        "robust bias-corrected (within 0.",
        "of those far above or below it, it says nothing",
    ):
        assert words in told, (words, told)
    code, told = say("evaluate", "analyse", city, "--until", "2023-12-18")
    assert (code, "AFTER SEEING THE DATA" in told) == (0, True), told
    impact = find_only(city)
    assert impact.analysis is not None
    effect = impact.analysis.effect
    assert effect.low < -0.3 < effect.high  # type: ignore[operator]
    assert say("run", city)[0] == 0
    card = city.parents[1] / "model_cards" / "requests"
    part = json.loads((card / "card.json").read_text())["impacts"][0]
    assert part["design"] == "discontinuity"
    assert part["found"]["within"] == pytest.approx(effect.widths[0], rel=0.05)
    page = (card / "card.html").read_text()
    assert all(
        words in page
        for words in ("This holds for those at the cut-off", "Nothing was left to chance", "Above")
    )
    assert "chance decided who was served" not in page
    assert {f.status.value for f in verify_published(city)} <= {"pass", "not applicable"}
    honest = ImpactPart.model_validate(part)
    assert honest.found is not None
    assert all(claim.holds for claim in _list_impact_claims(honest, impact))
    own = honest.found.effect
    assert own.value is not None
    better = own.model_copy(update={"value": own.value - 0.02})
    for found in ({"effect": better}, {"within": 0.001}, {"treated": better}):
        forged = honest.model_copy(update={"found": honest.found.model_copy(update=found)})
        assert not all(claim.holds for claim in _list_impact_claims(forged, impact)), found
    other = honest.model_copy(update={"design": "lottery"})
    assert not all(claim.holds for claim in _list_impact_claims(other, impact))
    moved = replace(impact.analysis, effect=replace(effect, widths=()))
    assert not all(c.holds for c in _list_impact_claims(honest, replace(impact, analysis=moved)))


def everybody(city: Path) -> None:
    project = city / "project.yaml"
    project.write_text(project.read_text().replace("capacity: 15", "capacity: 60"))
    told = {"arm": SERVED, "part": "above", "looked": 1.0}
    write_gathered(read_lots(city).assign(**told), open_plan(load_project(city)).folder, ASSIGNED)


def unmeasured(city: Path) -> None:
    lots, later = read_lots(city), pd.read_csv(city / "later.csv", dtype=str)
    waiting = lots.loc[lots["arm"] != SERVED, "case_id"]
    later[~later["id"].isin(waiting)].to_csv(city / "later.csv", index=False)


def moved(city: Path) -> None:
    lots = read_lots(city)
    lots.loc[lots["rank"] == 30, "y_pred"] = 0.999
    write_gathered(lots, open_plan(load_project(city)).folder, ASSIGNED)


def other_arm(city: Path) -> None:
    lots = read_lots(city)
    lots.loc[lots["rank"] == 15, "arm"] = "not served"
    write_gathered(lots, open_plan(load_project(city)).folder, ASSIGNED)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (everybody, "no case lies below the cut-off: of 135 who were listed, 135 are served"),
        (unmeasured, "nothing was measured of any of the 75 cases below the cut-off"),
        (moved, "on the other side of the cut-off than their score"),
        (other_arm, "do not follow from the plan"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    city: Path, say: Say, change: Callable[[Path], None], told: str
) -> None:
    change(city)
    code, said = say("evaluate", "analyse", city)
    assert (code, told in said) == (2, True), said
    impact = find_only(city)
    assert impact.analysis is None


def test_a_side_of_few_outcomes_cannot_tell_and_says_so(city: Path, say: Say) -> None:
    lots, later = read_lots(city), pd.read_csv(city / "later.csv", dtype=str)
    waiting = lots.loc[lots["arm"] != SERVED, "case_id"].iloc[5:]
    later[~later["id"].isin(waiting)].to_csv(city / "later.csv", index=False)
    code, said = say("evaluate", "analyse", city)
    assert (code, "CANNOT TELL: " in said, "the sides differ in this" in said) == (0, True, True)
    part = draft_impact(find_only(city))
    assert "too few are known on a side of the cut-off" in part.in_words[0]
    assert any("on one side of the cut-off than" in words for words in part.in_words)
    assert part.found is not None
    assert part.found.within is None
    assert part.found.treated.value is None
    assert not re.search(r"\d", part.found.treated.reason)


def test_a_changed_plan_a_missing_one_and_a_day_too_early_are_refused(
    city: Path, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, content = city / OWN, (city / OWN).read_text()
    own.write_text(content + " ")
    code, told = say("evaluate", "analyse", city)
    assert (code, "to the last byte" in told) == (1, True), told
    own.write_text(content)
    set_clock(monkeypatch, "2024-01-20")
    code, told = say("evaluate", "analyse", city)
    assert (code, "not all known before 2024-01-23" in told) == (2, True), told
    (city / PLAN).unlink()
    assert "not sealed" in say("evaluate", "analyse", city)[1]


@pytest.mark.parametrize("line", ["edge: {above: 10, below: 14}", "probe: 0.1"])
def test_keys_of_lots_are_refused(city: Path, say: Say, line: str) -> None:
    (city / OWN).write_text(CUT + line + "\n")
    (city / PLAN).unlink()
    code, said = say("evaluate", "plan", city)
    key = line.partition(":")[0]
    assert (code, f"`design: discontinuity` has no `{key}`" in said) == (2, True), said
