"""The invented city's trial, from nothing to the card: `make trial` (docs/evaluating.md)."""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pandas as pd

from cityai.cli.main import run_command
from cityai.cli.windows import write_yaml
from cityai.review.keys import make_key
from cityai.samples.trial import FIRST_WEEK, FOLLOW_UP_DAYS, WEEKS, TrialCity

ROOT: Final = Path(__file__).parents[1]
NAME: Final = "sample_inspections"
PROJECT: Final = f"projects/{NAME}"
ROLES: Final = ("Data office", "City clerk", "Head of food safety")
"""Who signs: the plan, what chance gave, the decision."""
OWN: Final = ("own", "labels")
"""Keys of the project that its copy lacks, as 26 lists with functions of one's own take long."""


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
