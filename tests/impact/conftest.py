"""A small city whose evaluation is sealed and assigned, run once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cityai.cli.main import run_command
from cityai.config.load import load_project
from cityai.impact.analysis import Impact
from cityai.impact.lots import SERVED
from cityai.pipeline.impact.analyse import find_impacts
from cityai.pipeline.impact.outcomes import ASSIGNED, read_gathered
from cityai.pipeline.impact.plan import open_plan
from cityai.pipeline.known import read_known
from cityai.review.keys import make_key
from tests.conftest import leave_out_pictures, write_workspace
from tests.delivery.conftest import RISK, draw_inspections

START, WEEKS = pd.Timestamp("2023-11-27"), 4
EVALUATION = """\
question: Do kitchens that are inspected in their week have fewer violations later?
outcome:
  source: {path: later.csv}
  key: id
  time: seen
  value: bad
  yes: ["1"]
  no: ["0"]
  delay_days: 28
  better: lower
  label: a violation later
edge: {above: 10, below: 14}
probe: 0.2
starts: 2023-11-27
weeks: 4
smallest_effect: 0.05
groups: [kind]
who_decides: Head
stop_rule: Never early.
"""

OWN, PLAN = "evaluations/visits.yaml", "evaluations/visits.plan.json"

PEOPLE = {"ana": "Head", "ben": "clerk", "cai": "data office"}
"""Who signs, and for which role."""
Say = Callable[..., tuple[int, str]]


@pytest.fixture
def say(capfd: pytest.CaptureFixture[str]) -> Say:
    def call(*words: object) -> tuple[int, str]:
        capfd.readouterr()
        code = run_command([str(word) for word in words])
        told = capfd.readouterr()
        return code, " ".join((told.out + told.err).split())

    return call


def set_clock(patch: pytest.MonkeyPatch, day: str) -> None:
    moment = datetime.fromisoformat(day).replace(tzinfo=UTC)
    patch.setenv("SOURCE_DATE_EPOCH", str(int(moment.timestamp())))


def draw_later(table: pd.DataFrame, folder: Path, *, rise: float = 0.0) -> None:
    """Write later outcomes of old cases, and of those that were assigned: a visit takes 0.3."""
    rng = np.random.default_rng(8)
    day = pd.to_datetime(table["day"])
    plan = folder / PLAN
    chance = pd.Series(0.5, index=table.index)
    seen = day < START - pd.Timedelta(days=28)
    if plan.exists():
        assigned = read_gathered(open_plan(load_project(folder)).folder, ASSIGNED)
        served = assigned.loc[assigned["arm"] == SERVED, "case_id"]
        chance -= np.where(table["id"].isin(served), 0.3 + rise, 0.0)
        seen |= table["id"].isin(assigned["case_id"])
    bad = (rng.random(len(table)) < chance).astype(int)
    when = (day + pd.Timedelta(days=28)).dt.strftime("%Y-%m-%d")
    later = pd.DataFrame({"id": table["id"], "seen": when, "bad": bad, "other": bad})
    later[seen].to_csv(folder / "later.csv", index=False)


@pytest.fixture(scope="session")
def carried(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    """A workspace whose evaluation is sealed and assigned; nothing is measured yet."""
    table = draw_inspections(days=328 + 7 * WEEKS)
    table.loc[pd.to_datetime(table["day"]) >= START, "found"] = ""
    place = tmp_path_factory.mktemp("evaluated")
    folder = write_workspace(place, table, RISK)
    (folder / OWN).parent.mkdir()
    (folder / OWN).write_text(EVALUATION)
    keys = []
    for name, role in PEOPLE.items():
        public = make_key(place / f"{name}.pem")
        keys.append(f'  - {{name: {name}, role: {role}, public: "{public}", since: 2020-01-01}}')
    (place / "configs" / "keys.yaml").write_text("\n".join(["keys:", *keys, ""]))
    draw_later(table, folder)
    with pytest.MonkeyPatch.context() as patch:
        leave_out_pictures(patch)
        set_clock(patch, "2023-11-20")
        assert run_command(["run", str(folder)]) == 0
        assert run_command(["evaluate", "plan", str(folder)]) == 0
        for week in range(WEEKS):
            day = START + pd.Timedelta(weeks=week)
            given = table.assign(found=table["found"].where(table["found"] != "", "0"))
            past = pd.to_datetime(table["day"]) < day
            table = table.assign(found=np.where(past, given["found"], ""))
            table.to_csv(folder / "data.csv", index=False)
            asked = ["predict", str(folder), "--assign", "--as-of", f"{day:%Y-%m-%d}"]
            assert run_command(asked) == 0
    read_known(load_project(folder))  # each command on a copy then reads what was saved
    return place, table


@pytest.fixture
def city(
    carried: tuple[Path, pd.DataFrame], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A copy of it, on the day on which all can be known."""
    place = tmp_path / "city"
    shutil.copytree(carried[0], place)
    folder = place / "projects" / "requests"
    draw_later(carried[1], folder)
    set_clock(monkeypatch, "2024-01-25")
    return folder


def key_of(folder: Path, name: str) -> Path:
    return folder.parents[1] / f"{name}.pem"


def find_only(folder: Path) -> Impact:
    (impact,) = find_impacts(load_project(folder))
    return impact


def read_lots(folder: Path) -> pd.DataFrame:
    found = read_gathered(open_plan(load_project(folder)).folder, ASSIGNED)
    assert found is not None
    return found


def write_actions(folder: Path, **changed: object) -> Path:
    """Write what was done: all that chance said but every sixth visit."""
    lots = read_lots(folder)
    done = (lots["arm"] == SERVED) & (np.arange(len(lots)) % 6 > 0)
    table = pd.DataFrame(
        {
            "case_id": lots["case_id"],
            "done": np.where(done, "yes", "no"),
            "done_on": np.where(done, lots["as_of"].dt.strftime("%Y-%m-%d"), ""),
            "role": "inspector",
            "why_not": np.where(done, "", "no time"),
        }
    )
    for column, value in changed.items():
        table.loc[0, column] = value
    table.to_csv(folder / "actions.csv", index=False)
    return folder / "actions.csv"
