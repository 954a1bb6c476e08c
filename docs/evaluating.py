"""The invented city's trial, from nothing to the card: `make trial` (docs/evaluating.md).

In 26 weeks a visit changes a kitchen by a known amount. Beside the city's own tables, which stay as
they are, `trial/` is written: inspections that go on after the export, and follow-up visits eight
weeks after each. Who is visited is for the trial to say, so the weeks are drawn one by one, as
`TrialCity.pass_week` is told what was done.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from cityai.cli.main import run_command
from cityai.cli.windows import write_yaml
from cityai.review.keys import make_key
from cityai.samples.inspections import DAYS, EVERY_DAYS, FIRST_DAY, WATCHED

WEEKS: Final = 26
FIRST_WEEK: Final = FIRST_DAY + DAYS
"""Monday of the trial's first week: 2025-12-29, the day of the export."""
FOLLOW_UP_DAYS: Final = 56
EFFECT: Final = -0.30
"""What a visit adds to the probability of a violation at the follow-up: the planted truth."""
NOT_FOLLOWED: Final = 0.15
"""Share of those to be visited whom inspectors do not get to."""
BUSIER: Final = 1.5
"""How much more often a kitchen is due than before the export."""
_BEFORE: Final = 364
"""Days before the export from which follow-ups are known too."""
FOLLOW_UPS, INSPECTIONS, TRUTH = "follow_ups.csv", "inspections.csv", "trial.csv"
REASONS: Final = ("no inspector was free", "closed on that day", "moved to another week")
ROOT: Final = Path(__file__).parents[1]
NAME: Final = "sample_inspections"
PROJECT: Final = f"projects/{NAME}"
ROLES: Final = ("Data office", "City clerk", "Head of food safety")
"""Who signs: the plan, what chance gave, the decision."""
OWN: Final = ("own", "labels")
"""Keys of the project that its copy lacks, as 26 lists with functions of one's own take long."""


def chance_of_violation(true_risk: np.ndarray) -> np.ndarray:
    """Probability of a violation at the follow-up, of kitchens that were not visited."""
    return np.clip(0.32 + 0.8 * true_risk, 0.0, 0.95)


@dataclass
class TrialCity:
    """The city from its export on.

    Parameters
    ----------
    folder : Path
        Of a sample city; `trial/` is written into it.
    seed : int
        Of all that is random.
    """

    folder: Path
    seed: int = 7
    table: pd.DataFrame = field(init=False)
    done: pd.DataFrame = field(init=False)

    def __post_init__(self) -> None:
        """Draw what will be due, and what each kitchen would be found like, visited or not."""
        rng = np.random.default_rng([self.seed, 8])
        past = pd.read_csv(self.folder / "inspections.csv", dtype=str, keep_default_na=False)
        past = past[past["inspected_on"] < str(FIRST_WEEK)]
        truth = pd.read_csv(self.folder / "truth" / "kitchens.csv").set_index("establishment")
        self.true_risk = truth["true_risk"]
        kitchens = past.drop_duplicates("establishment", keep="last").set_index("establishment")
        due = self._draw_due(kitchens, len(past), rng)
        self.table = pd.concat([past, due], ignore_index=True)
        risk = self.true_risk.reindex(self.table["establishment"]).to_numpy(np.float64)
        self.luck = rng.random((2, len(self.table)))
        self.found = np.where(self.luck[0] < risk, "yes", "no")
        self.done = pd.DataFrame(columns=["case_id", "done"])
        self._write()

    def _draw_due(
        self, kitchens: pd.DataFrame, count: int, rng: np.random.Generator
    ) -> pd.DataFrame:
        days = np.arange(7 * WEEKS)
        every = np.where(kitchens["district"] == WATCHED, EVERY_DAYS / 2, EVERY_DAYS) / BUSIER
        chance = np.where((days % 7 < 5)[:, None], 7 / 5 / every[None, :], 0.0)
        day, kitchen = np.nonzero(rng.random(chance.shape) < chance)
        due = kitchens.iloc[kitchen].reset_index()
        due["inspected_on"] = np.datetime_as_string(FIRST_WEEK + day)
        due["inspection_id"] = [f"IN-{count + i + 1:05d}" for i in range(len(due))]
        return due.assign(violation="")

    def pass_week(self, assigned: pd.DataFrame, week: int) -> pd.DataFrame:
        """Let a week pass: inspectors do most of what they were assigned; return what they say.

        Parameters
        ----------
        assigned : pandas.DataFrame
            ``case_id``, ``arm`` and ``as_of`` of the week's list.
        week : int
            From 0.
        """
        rng = np.random.default_rng([self.seed, 9, week])
        wanted = (assigned["arm"] == "served").to_numpy()
        missed = rng.random(len(assigned)) < NOT_FOLLOWED
        done, why = wanted & ~missed, rng.choice(REASONS, len(assigned))
        case = assigned["case_id"].astype(str).to_numpy()
        day = self.table.set_index("inspection_id")["inspected_on"].reindex(case).to_numpy()
        role = np.where(rng.random(len(assigned)) < 0.8, "inspector", "head of the district")
        told = pd.DataFrame(
            {
                "case_id": case,
                "done": np.where(done, "yes", "no"),
                "done_on": np.where(done, day, ""),
                "role": role,
                "why_not": np.where(done, "", np.where(wanted, why, "not drawn")),
            }
        )
        self.done = pd.concat([self.done, told], ignore_index=True)
        self._write()
        return told

    def _write(self) -> None:
        """Write the tables as the city has them by now."""
        place, table = self.folder / "trial", self.table
        place.mkdir(exist_ok=True)
        visited = set(self.done.loc[self.done["done"] == "yes", "case_id"])
        was = table["inspection_id"].isin(visited).to_numpy()
        planned = (table["inspected_on"] >= str(FIRST_WEEK)).to_numpy()
        shown = table.assign(
            violation=np.where(planned, np.where(was, self.found, ""), table["violation"])
        )
        shown.to_csv(place / INSPECTIONS, index=False, lineterminator="\n", encoding="utf-8")
        self._follow_up(table, planned, was).to_csv(
            place / FOLLOW_UPS, index=False, lineterminator="\n", encoding="utf-8"
        )

    def _follow_up(self, table: pd.DataFrame, planned: np.ndarray, was: np.ndarray) -> pd.DataFrame:
        """Draw the follow-ups: of half a year before the export, and of those on lists since."""
        risk = self.true_risk.reindex(table["establishment"]).to_numpy(np.float64)
        without = chance_of_violation(risk)
        chance = np.where(planned & was, np.maximum(without + EFFECT, 0.0), without)
        day = table["inspected_on"].to_numpy().astype("datetime64[D]")
        listed = table["inspection_id"].isin(set(self.done["case_id"])).to_numpy()
        measured = listed | (~planned & (day >= FIRST_WEEK - _BEFORE) & (day < FIRST_WEEK - 56))
        rows = pd.DataFrame(
            {
                "inspection_id": table["inspection_id"],
                "checked_on": np.datetime_as_string(day + FOLLOW_UP_DAYS),
                "violation": np.where(self.luck[1] < chance, "yes", "no"),
            }
        )
        truth = pd.DataFrame({"inspection_id": table["inspection_id"], "without": without})
        truth["with_visit"] = np.maximum(without + EFFECT, 0.0)
        truth[planned].round(4).to_csv(
            self.folder / "truth" / TRUTH, index=False, lineterminator="\n"
        )
        return rows[measured]


def lay_out(place: Path) -> TrialCity:
    """Write the workspace: the city, and a copy of the project that reads the trial's table."""
    shutil.rmtree(place, ignore_errors=True)
    (place / "configs").mkdir(parents=True)
    for path in (ROOT / "configs").glob("*.yaml"):
        shutil.copy(path, place / "configs")
    shutil.copytree(ROOT / PROJECT, place / PROJECT)
    (place / PROJECT / "features.py").unlink()
    file = place / PROJECT / "project.yaml"
    lines = file.read_text("utf-8").replace("}/inspections", "}/trial/inspections").splitlines()
    kept = [line for line in lines if not line.startswith(tuple(f"  {key}: " for key in OWN))]
    file.write_text("\n".join(kept) + "\n", "utf-8")
    list_keys(place)
    with chdir(place):
        call("sample-city", str(place / ".cityai" / "sample_city"))
    return TrialCity(place / ".cityai" / "sample_city")


def list_keys(place: Path) -> None:
    """Make a key for each role, and the list of whose signatures count."""
    entries = []
    for role in ROLES:
        public = make_key(place / find_key(role))
        entries.append({"name": role, "role": role, "public": public, "since": "2025-01-01"})
    listed = write_yaml({"keys": entries})
    (place / "configs" / "keys.yaml").write_text(listed, "utf-8")


def find_key(role: str) -> str:
    """Return where a role's private key lies."""
    return f"keys/{role.lower().replace(' ', '_')}.pem"


def call(*words: str) -> str:
    """Run a command in this process; return what it said, and what was wrong if anything was."""
    said, wrong = io.StringIO(), io.StringIO()
    with redirect_stdout(said), redirect_stderr(wrong):
        code = run_command(words)
    return said.getvalue() + (wrong.getvalue() if code else "")


def set_clock(day: datetime) -> None:
    """Let the next commands believe that it is this day."""
    os.environ["SOURCE_DATE_EPOCH"] = str(int(day.timestamp()))


def carry_through(place: Path, weeks: int = WEEKS) -> Iterator[tuple[str, str]]:
    """Carry the project through its evaluation; yield each command with what it said."""
    city = lay_out(place)
    start = datetime.combine(FIRST_WEEK.astype(object), datetime.min.time(), UTC)
    set_clock(start - timedelta(days=7))
    with chdir(place):
        yield _say(f"run {PROJECT}")
        yield _say(f"evaluate design {PROJECT}")
        plan, draw, decide = (f"--key {find_key(role)}" for role in ROLES)
        yield _say(f"evaluate plan {PROJECT} {plan}")
        set_clock(start - timedelta(days=1))
        reason = "Read in the gazette of 28 December."
        asked = f"evaluate draw {PROJECT} --chance"
        yield _say(asked, "4 8 15 16 23 42", *draw.split(), "--reason", reason)
        told = []
        for week in range(weeks):
            monday = start + timedelta(weeks=week)
            set_clock(monday)
            yield _say(f"predict {PROJECT} --assign --as-of {monday:%Y-%m-%d}")
            made = f".cityai/predictions/{NAME}/{monday:%Y-%m-%d}/predictions.parquet"
            told.append(city.pass_week(pd.read_parquet(made), week))
        set_clock(start + timedelta(weeks=weeks))
        pd.concat(told).to_csv("actions.csv", index=False)
        yield _say(f"evaluate actions {PROJECT} actions.csv")
        yield _say(f"evaluate analyse {PROJECT}")
        set_clock(start + timedelta(weeks=WEEKS, days=FOLLOW_UP_DAYS + 14))
        yield _say(f"evaluate analyse {PROJECT}")
        yield _say(f"run {PROJECT}")
        reason = "Fewer violations, at five visits a week."
        yield _say(f"evaluate decide {PROJECT} scale {decide} --reason", reason)


def _say(line: str, *more: str) -> tuple[str, str]:
    told = " ".join([f"cityai {line}", *(f'"{part}"' if " " in part else part for part in more)])
    return told, call(*line.split(), *more)


if __name__ == "__main__":
    for command, said in carry_through(Path(sys.argv[1]).resolve()):
        sys.stdout.write(f"$ {command}\n{said}\n")
        sys.stdout.flush()
