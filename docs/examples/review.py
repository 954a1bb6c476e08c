"""The worked example of a review: two systems of the invented city, from draft to operational.

    python docs/examples/review.py /tmp/port-ellery

It makes a workspace from nothing in a new folder, with keys that are thrown away with it, runs
both systems, and lets three people review them: one is returned, the other approved on a condition,
tried, and put into operation. The city is drawn without its planted gap, so that one of the two may
pass. What was typed and answered is in `transcript.txt`. It takes some minutes.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cityai.cli.main import run_command
from cityai.samples.write import write_sample_city

ROOT = Path(__file__).parents[2]
REQUESTS, KITCHENS = "projects/sample_requests", "projects/sample_inspections"
PEOPLE = {
    "dana": ("Dana, Street Services", "department"),
    "omar": ("Omar, Chief Data Officer", "chief data officer"),
    "ines": ("Ines, Chair of the Ethics Board", "ethics board"),
}
ASK = "May we use it to plan shifts?"
WATCHED = (
    "The North is inspected twice as often at the same risk. First: a random sample of kitchens."
)
TRIED = "Planners used it for a month beside the present rule."


def day(ahead: int) -> str:
    """Return a day so many from now."""
    return (datetime.now(UTC).date() + timedelta(ahead)).isoformat()


class Example:
    """The workspace, and what was typed and answered in it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.lines = folder, [""]

    def type(self, line: str, *more: str, expected: int = 0) -> str:
        """Type a command of cityai, and take down its answer; `more` are arguments with spaces."""
        words = [*line.split(), *more]
        said, was = io.StringIO(), dict(os.environ)
        for name in list(os.environ):
            if name.startswith(("CITYAI_", "MLFLOW_")):
                del os.environ[name]
        os.environ |= {"COLUMNS": "80", "NO_COLOR": "1"}
        try:
            with chdir(self.folder), redirect_stdout(said), redirect_stderr(said):
                code = run_command(words)
        finally:
            os.environ.clear()
            os.environ.update(was)
        told = " ".join(f"'{word}'" if " " in word else word for word in words)
        if code != expected:
            raise SystemExit(f"cityai {told}: {code}\n{said.getvalue()}")
        answered = said.getvalue().rstrip().replace(f"{self.folder}/", "")
        self.lines += [f"$ cityai {told}", *answered.splitlines(), ""]
        return said.getvalue()

    def sign(
        self, act: str, project: str, who: str, reason: str, *more: str, code: int = 0
    ) -> None:
        """Let a person sign."""
        given = ("--key", f"private/{who}.pem", "--reason", reason, *more)
        self.type(f"review {act} {project}", *given, expected=code)

    def commit(self) -> None:
        """Keep what is there in version control, so that the code can be looked up."""
        who = ("-c", "user.name=Port Ellery", "-c", "user.email=data@port-ellery.example")
        commit = (*who, "commit", "-q", "-m", "The city's two systems")
        for command in (("init", "-q"), ("add", "-A"), commit):
            subprocess.run(("git", *command), cwd=self.folder, check=True)


def make_workspace(folder: Path) -> Example:
    """Write configuration, projects, the city and the keys of the people."""
    shutil.copytree(ROOT / "configs", folder / "configs")
    for project in (REQUESTS, KITCHENS):
        left = shutil.ignore_patterns("card.*.yaml", "tests", "__pycache__")
        shutil.copytree(ROOT / project, folder / project, ignore=left)
    city = folder / "configs" / "city.yaml"
    city.write_text(city.read_text("utf-8").replace("[en, es, pt, fr]", "[en]"), "utf-8")
    (folder / ".gitignore").write_text(".cityai/\nprivate/\ntranscript.txt\n", "utf-8")
    write_sample_city(folder / ".cityai" / "sample_city", planted_gap=False)
    example, keys = Example(folder), ["keys:"]
    for file, (name, role) in PEOPLE.items():
        told = example.type(f"review key private/{file}.pem --name", name, "--role", role)
        keys += told.partition("keys:\n")[2].rstrip().splitlines()
    (folder / "configs" / "keys.yaml").write_text("\n".join(keys) + "\n", "utf-8")
    return example


def review_kitchens(example: Example) -> None:
    """Ask for the order of inspections; it is returned."""
    example.sign("open", KITCHENS, "dana", "May it choose which kitchens come first?")
    example.type(f"gate {KITCHENS}", expected=1)
    example.sign("approve", KITCHENS, "omar", "It finds more.", "--until", day(180), code=2)
    example.sign("return", KITCHENS, "ines", WATCHED, "--phase", "pilot")
    example.type(f"promote {KITCHENS} --to pilot --key private/dana.pem --reason", ASK, expected=2)
    example.type(f"review log {KITCHENS}")


def review_requests(example: Example) -> None:
    """Ask for the forecast; it is approved on a condition, tried, and put into operation."""
    example.sign("open", REQUESTS, "dana", ASK, "--phase", "pilot")
    example.sign("comment", REQUESTS, "ines", "How is coverage in the districts watched?")
    example.type(f"gate {REQUESTS}", expected=1)
    until = ("--until", day(180))
    example.sign("approve", REQUESTS, "dana", "We need it.", *until, code=2)
    example.sign("approve", REQUESTS, "omar", "It is better than the rule.", *until, code=2)
    watched = f"groups: a monitor of the open groups runs by {day(14)}"
    yes = (*until, "--condition", watched)
    example.sign("approve", REQUESTS, "omar", "It is better than the rule.", *yes)
    example.type(f"gate {REQUESTS}")
    key = "--key private/dana.pem --reason"
    example.type(f"promote {REQUESTS} --to pilot {key}", "Two depots try it.")
    done = "The monitor runs every Monday; its first report is in the minutes."
    example.sign("fulfil", REQUESTS, "dana", done, "--rule", "groups")
    for who in ("omar", "ines"):
        example.sign("approve", REQUESTS, who, TRIED, "--phase", "operational", *yes)
    example.sign("fulfil", REQUESTS, "dana", done, "--rule", "groups", "--phase", "operational")
    example.type(f"promote {REQUESTS} --to operational {key}", "All depots use it.")
    example.type(f"gate {REQUESTS} --to operational")
    example.type(f"gate {REQUESTS} --to operational --out gate.json --key private/omar.pem")
    example.type(f"registry check {REQUESTS} {KITCHENS}")
    example.type(f"review log {REQUESTS}")
    example.type(f"card bundle {REQUESTS} --out bundle.zip")


def begin(folder: Path) -> Example:
    """Make the workspace in a new folder."""
    folder.mkdir(parents=True)
    example = make_workspace(folder)
    example.commit()
    return example


def run(example: Example, project: str) -> None:
    """Make a system's card."""
    example.type(f"run {project}")


def review(example: Example) -> None:
    """Let both be reviewed, and write down what was typed and answered."""
    example.lines = [""]
    review_kitchens(example)
    review_requests(example)
    (example.folder / "transcript.txt").write_text("\n".join(example.lines[1:]), "utf-8")


if __name__ == "__main__":
    made = begin(Path(sys.argv[1]).absolute())
    for system in (REQUESTS, KITCHENS):
        run(made, system)
    review(made)
