"""Tables as offices hand them in: read however they were saved, or refused with what is wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cityai.cli.main import run_command
from cityai.config.load import load_project
from cityai.impact.records import Effect
from cityai.pipeline.impact.analyse import find_impacts
from tests.books import write_book
from tests.conftest import write_workspace
from tests.impact.begun import PAST, PLACES, PROJECT, START, draw_amounts
from tests.impact.conftest import Say, set_clock

pytestmark = pytest.mark.slow
TRUTH, WEEKS = -4.0, 6
OWN = """\
question: Does a second counter shorten the wait?
outcome:
  source: {path: wait.csv}
  key: office
  time: week
  value: wait
  better: lower
  label: minutes of waiting
design: stepped wedge
steps: 4
starts: 2023-02-27
weeks: 6
smallest_effect: 1
who_decides: Head
stop_rule: Never early.
"""


def draw_waits(begins: dict[str, str], weeks: int, each: int = 1) -> pd.DataFrame:
    """Draw minutes by office and week: levels, a common season, and less where it has begun."""
    rng = np.random.default_rng(5)
    days = pd.date_range(START - pd.Timedelta(weeks=PAST), periods=PAST + WEEKS, freq="7D")
    shared, level = rng.normal(0, 1, len(days)), rng.uniform(18, 30, len(PLACES))
    table = pd.DataFrame(
        [(i, t, k) for i in range(len(PLACES)) for t in range(len(days)) for k in range(each)],
        columns=["i", "t", "k"],
    )
    i, t = table["i"].to_numpy(), table["t"].to_numpy()
    begun = days[t] >= pd.to_datetime([begins.get(name, "2099-01-01") for name in PLACES])[i]
    wait = level[i] + shared[t] + begun * TRUTH + rng.normal(0, 1.5, len(table))
    day = days[t] + pd.to_timedelta(table["k"] % 5, unit="D")
    told = pd.DataFrame({"office": np.array(PLACES)[i], "week": day, "wait": wait.round(2)})
    return told[t < PAST + weeks].reset_index(drop=True)


def write_waits(table: pd.DataFrame, folder: Path) -> None:
    table.to_csv(folder / "wait.csv", index=False, date_format="%Y-%m-%d")


def list_starts(folder: Path) -> dict[str, str]:
    told = json.loads((folder / "evaluations" / "wait.plan.json").read_text())
    places: dict[str, str] = told["places"]
    return places


def find_effect(folder: Path) -> Effect:
    (impact,) = find_impacts(load_project(folder))
    assert impact.analysis is not None
    return impact.analysis.effect


def write_offices(place: Path, own: str = OWN, each: int = 1) -> Path:
    """A workspace on the day before the plan is sealed."""
    folder = write_workspace(place, draw_amounts(PAST, {}), PROJECT)
    (folder / "evaluations").mkdir()
    (folder / "evaluations" / "wait.yaml").write_text(own)
    write_waits(draw_waits({}, 0, each), folder)
    return folder


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_offices(tmp_path_factory.mktemp("offices"))
    with pytest.MonkeyPatch.context() as patch:
        set_clock(patch, "2023-02-26")
        assert run_command(["evaluate", "plan", str(folder)]) == 0
    return folder


@pytest.fixture
def offices(sealed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of a sealed evaluation of a table of its own, when all can be known."""
    shutil.copytree(sealed.parents[1], tmp_path / "city")
    set_clock(monkeypatch, "2023-04-20")
    return tmp_path / "city" / "projects" / "requests"


def list_done(folder: Path) -> pd.DataFrame:
    """What was done, as the plan says."""
    starts = list_starts(folder)
    table = pd.DataFrame({"unit": list(starts), "done_on": list(starts.values())})
    return table.assign(done="yes", role="Équipe", why_not="")


SAVED: dict[str, Callable[[pd.DataFrame, Path], object]] = {
    "utf-16 as Excel saves Unicode text": lambda t, path: path.write_bytes(
        t.to_csv(index=False, sep="\t").encode("utf-16")
    ),
    "cp1252 and semicolons": lambda t, path: t.to_csv(
        path, index=False, sep=";", encoding="cp1252"
    ),
    "a title above": lambda t, path: path.write_text("Office list\n" + t.to_csv(index=False)),
}


@pytest.mark.parametrize("saved", SAVED)
def test_tables_are_read_however_they_were_saved(offices: Path, say: Say, saved: str) -> None:
    """The sealed plan says nothing of how a later export is written."""
    acted = offices / "done.csv"
    SAVED[saved](list_done(offices), acted)
    code, told = say("evaluate", "actions", offices, acted)
    assert (code, "16 places told of, 16 done" in told) == (0, True), told
    waits = draw_waits(list_starts(offices), WEEKS)
    waits["week"] = waits["week"].dt.strftime("%Y-%m-%d")
    SAVED[saved](waits, offices / "wait.csv")
    code, told = say("evaluate", "analyse", offices)
    assert code == 0, told
    effect = find_effect(offices)
    assert effect.low < TRUTH < effect.high  # type: ignore[operator]


def test_actions_of_a_workbook_are_read_and_those_not_told_of_are_counted(
    offices: Path, say: Say
) -> None:
    told = list_done(offices)
    rows = [list(told), *told.head(5).to_numpy().tolist()]
    code, said = say(
        "evaluate", "actions", offices, write_book(offices / "done.xlsx", {"Done": rows})
    )
    assert (code, "5 places told of, 5 done" in said) == (0, True), said
    assert "11 more were assigned: not told of, counted as not done" in said


def name_otherwise(t: pd.DataFrame) -> pd.DataFrame:
    return t.rename(columns={"unit": "Place"})


def write_other_days(t: pd.DataFrame) -> pd.DataFrame:
    return t.assign(done_on=pd.to_datetime(t["done_on"]).dt.strftime("%d/%m/%Y"))


def add_sum(t: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([t, pd.DataFrame({"unit": ["Total"], "done": ["16"]})])


def add_empty(t: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([t, pd.DataFrame({"role": ["crew"]})])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (name_otherwise, "next: name the columns unit, done, done_on, role, why_not in the table"),
        (write_other_days, "expected: in done_on: days as 2026-01-31 next: correct the rows"),
        (add_sum, "next: write yes or no in `done`"),
        (add_empty, "column 'actions.unit' is missing expected: in unit, done: text; a value of"),
    ],
)
def test_what_to_do_about_actions_stands_in_the_message(
    offices: Path, say: Say, change: Callable[[pd.DataFrame], pd.DataFrame], told: str
) -> None:
    change(list_done(offices)).to_csv(offices / "done.csv", index=False)
    code, said = say("evaluate", "actions", offices, offices / "done.csv")
    assert (code, told in said) == (2, True), said
    assert "what was recorded is untouched" in said


@pytest.mark.parametrize(
    ("column", "write", "told"),
    [
        ("week", lambda day: f"{day:%d.%m.%Y}", "expected: in week: days as 2026-01-31"),
        ("wait", lambda wait: f"{wait:.1f}".replace(".", ","), "in wait: numbers as 12.5"),
        ("wait", lambda wait: "long" if wait > 22 else "short", "words under `yes`, `no`"),
    ],
)
def test_what_to_do_about_outcomes_stands_in_the_message(
    offices: Path, say: Say, column: str, write: Callable[[object], str], told: str
) -> None:
    waits = draw_waits(list_starts(offices), WEEKS)
    waits[column] = waits[column].map(write)
    waits.to_csv(offices / "wait.csv", index=False, sep=";", date_format="%Y-%m-%d")
    code, said = say("evaluate", "analyse", offices)
    assert (code, told in said) == (2, True), said
    assert "afterwards correct the table alone" in said
