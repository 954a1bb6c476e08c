"""Tables as offices hand them in: read however they were saved, or refused with what is wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cityai.card.verify.impact import COUNTS
from cityai.cli.main import run_command
from cityai.config.load import load_project
from cityai.impact.records import Effect
from cityai.pipeline.impact.analyse import find_impacts
from cityai.pipeline.impact.faults import find_gaps, refuse_repeats, simplify_name
from cityai.pipeline.impact.measure import STEPS
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


def write_small(t: pd.DataFrame) -> pd.DataFrame:
    late = t["office"].isin(["P03", "P04"]) & (t["week"] >= "2023-03-20")
    return t.assign(office=t["office"].where(~late, t["office"].str.lower() + " "))


def lose_zeros(t: pd.DataFrame) -> pd.DataFrame:
    return t.assign(office=t["office"].str.replace("P0", "P"))


def take_numbers(t: pd.DataFrame) -> pd.DataFrame:
    return t.assign(office=t["office"].str[1:])


def rename(t: pd.DataFrame) -> pd.DataFrame:
    late = (t["office"] == "P03") & (t["week"] >= "2023-03-20")
    return t.assign(office=t["office"].where(~late, "Harbour"))


def repeat(t: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([t, t.tail(8).assign(wait=1.0)])


def double(t: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([t, t])


def write_seconds(t: pd.DataFrame) -> pd.DataFrame:
    late = (t["office"] == "P07") & (t["week"] >= "2023-02-27")
    return t.assign(wait=t["wait"].where(~late, t["wait"] * 60))


def write_parts(t: pd.DataFrame) -> pd.DataFrame:
    return t.assign(wait=t["wait"].where(t["week"] < "2023-02-27", t["wait"] / 100))


def write_nines(t: pd.DataFrame) -> pd.DataFrame:
    return t.assign(wait=t["wait"].where(t.index != t.index[-1], 999))


def stop_early(t: pd.DataFrame) -> pd.DataFrame:
    return t[t["week"] < "2023-02-27"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (write_small, "2 of 18 places are written otherwise than in the plan: 'p03' for 'P03'"),
        (lose_zeros, "10 of 16 places are written otherwise than in the plan: 'P0' for 'P00'"),
        (take_numbers, "none of the 16 places of the plan is among the 16 of the table: the plan"),
        (rename, "measured of 'P03' after the week of 2023-03-13, and of 'Harbour', of which the"),
        (repeat, "8 of 1,064 rows tell of a place and a day again, the first of 'P15' on 2023-0"),
        (double, "each of the 2,112 rows stands twice"),
        (write_seconds, "6 of 96 outcomes are 20 times as large as any before, or more"),
        (write_parts, "outcomes of 16 of 16 places are, since it began, 0.0"),
        (
            write_nines,
            "1 of 96 outcomes are 20 times as large as any before, or more, the first",
        ),
        (
            stop_early,
            "nothing was measured of any of the 16 places from 2023-02-27 on; the last",
        ),
    ],
)
def test_faults_that_leave_no_mark_on_an_effect_are_refused(
    offices: Path, say: Say, change: Callable[[pd.DataFrame], pd.DataFrame], told: str
) -> None:
    write_waits(change(draw_waits(list_starts(offices), WEEKS)), offices)
    code, said = say("evaluate", "analyse", offices)
    assert (code, told in said) == (2, True), said
    assert "next: " in said


def name_twice(t: pd.DataFrame) -> pd.DataFrame:
    late = (t["office"] == "P03") & (t["week"] >= "2022-10-01")
    return t.assign(office=t["office"].where(~late, "p 03"))


def add_total(t: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([t, t.groupby("week", as_index=False)["wait"].mean().assign(office="Total")])


def add_whole(t: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([t, t.groupby("week", as_index=False)["wait"].sum().assign(office="Town")])


def close(t: pd.DataFrame) -> pd.DataFrame:
    return t[(t["office"] != "P03") | (t["week"] < "2022-10-01")]


@pytest.mark.parametrize(
    ("change", "line", "told"),
    [
        (lambda t: name_twice(t).replace("p 03", "p03"), "", "fewer that are written in two ways"),
        (add_total, "", "'Total' is a total of places, and would take part as one"),
        (add_whole, "", "'Town' is a total of places, and would take part as one"),
        (close, "", "nothing was measured of 1 of 16 places for 21 weeks or more: 'P03'"),
        (double, "", "each of the 1,920 rows stands twice"),
        (list, "smallest_effect: 500", "a change of 500 is more than there is: 1"),
        (list, "  yes: [long]", "a share of yes cannot change by 1"),
        (list, "design: interrupted", "hold 4 separate stretches of 12 weeks with as many before"),
    ],
)
def test_no_plan_is_sealed_on_a_past_that_could_not_keep_it(
    tmp_path: Path,
    say: Say,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[pd.DataFrame], pd.DataFrame],
    line: str,
    told: str,
) -> None:
    own = OWN
    if line:
        key = line.split(":")[0]
        own = "\n".join(line if kept.startswith(f"{key}:") else kept for kept in own.split("\n"))
    if "yes" in line:
        own = own.replace("  value: wait", f"  value: wait\n{line}\n  no: [short]")
    if "interrupted" in line:
        own = own.replace("steps: 4\n", "").replace("weeks: 6", "weeks: 12")
    folder = write_offices(tmp_path, own)
    if change is not list:
        write_waits(change(draw_waits({}, 0)), folder)
    set_clock(monkeypatch, "2023-02-26")
    code, said = say("evaluate", "plan", folder)
    assert (code, told in said) == (2, True), said
    assert not (folder / "evaluations" / "wait.plan.json").exists()


def test_names_that_differ_in_more_than_their_writing_are_others() -> None:
    alike = [("P03", "p3 "), ("Nørre bro", "nørre-BRO"), ("São João", "Sao Joao"), ("7.0", "007")]
    assert all(simplify_name(a) == simplify_name(b) for a, b in alike)
    apart = [("Zone 1.1", "Zone 11"), ("1.05", "1.5"), ("A1", "A 11"), ("10", "1")]
    assert all(simplify_name(a) != simplify_name(b) for a, b in apart)


def test_cases_that_come_by_chance_are_no_repeats_and_no_gaps() -> None:
    for seed in range(40):
        rng = np.random.default_rng(seed)
        rate = (0.3, 1.0, 1.5, 4.0)[seed % 4]
        count = rng.poisson(rate, (20, 60))
        unit, day = (np.repeat(x.ravel(), count.ravel()) for x in np.indices(count.shape))
        days = pd.Timestamp("2023-01-02") + pd.to_timedelta(7 * day, unit="D")
        value = rng.integers(0, 2, len(unit)).astype(float)
        rows = pd.DataFrame({"unit": unit.astype(str), "measured_at": days, "value": value})
        refuse_repeats(rows, "table", "id", "day")
        assert find_gaps(pd.DataFrame(count)).to_numpy().sum() == 0, seed
    count[3, 50:] = 0  # some 40 cases were to be expected
    lost = find_gaps(pd.DataFrame(count)).to_numpy()
    assert (lost[3, 50:] > 0).all()
    assert lost.sum() == lost[3, 50:].sum()


def test_a_place_that_left_is_no_change_of_the_others() -> None:
    """Of cases, their mean would move by what was peculiar to it: here by 3 of 4."""
    unit, period = (x.ravel() for x in np.indices((6, 120)))
    period = period - 108
    rng = np.random.default_rng(2)
    rows = pd.DataFrame({"unit": unit.astype(str), "block": "all", "period": period})
    rows["value"] = 20.0 + 18 * (unit == 5) + rng.normal(0, 1, len(rows))
    rows["cases"], rows["lost"], rows["done"] = 12.0, 0.0, np.nan
    rows["arm"] = np.where(period >= 0, "served", "not served")
    whole = STEPS["interrupted"].measure(rows, _Asked(), 11)["effect"]
    assert whole.known
    gone = (unit == 5) & (period >= 4)
    rows.loc[gone, ["value", "cases", "lost"]] = [np.nan, 0.0, 12.0]
    effect = STEPS["interrupted"].measure(rows, _Asked(), 11)["effect"]
    assert not effect.known
    assert "a period lacks 1 places, the first '5'" in effect.reason
    assert not np.isfinite(COUNTS["interrupted"][0](rows, ()).effect)


class _Asked:
    confidence, smallest, groups = 0.95, -0.3, ()


def test_cases_with_an_empty_outcome_are_lost_and_not_nothing(offices: Path, say: Say) -> None:
    """As many as one arm lost more, the effect may be of who is measured."""
    waits = draw_waits(list_starts(offices), WEEKS, each=12)
    begun = waits["week"] >= pd.to_datetime(waits["office"].map(list_starts(offices)))
    waits.loc[begun & (waits.index % 3 == 0), "wait"] = np.nan
    write_waits(waits, offices)
    code, said = say("evaluate", "analyse", offices)
    assert code == 0, said
    lost = int((begun & (waits.index % 3 == 0)).sum())
    assert f"{lost:,} of 1,152 cases without an outcome left out" in said
    assert "the arms differ in this" in said
