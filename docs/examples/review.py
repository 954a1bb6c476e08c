"""The worked example of a review: two systems of the invented city, from draft to operational.

    python docs/examples/review.py /tmp/port-ellery

It makes a workspace from nothing in a new folder, with keys that are thrown away with it, runs
both systems, and lets three people review them: one is returned, the other approved on a condition,
tried, and put into operation. The city is drawn without its planted gap, so that one of the two may
pass. What was typed and answered is in `transcript.txt`. It takes some minutes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

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

    def call(self, *command: str, expected: int = 0, shown: str = "") -> str:
        """Type a command, and take down what it answers."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("CITYAI_", "MLFLOW_"))}
        done = subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, check=False,
            env=kept | {"COLUMNS": "80", "NO_COLOR": "1"},
        )  # fmt: skip
        if done.returncode != expected:
            raise SystemExit(f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}")
        if shown:
            answered = (done.stdout + done.stderr).rstrip().replace(f"{self.folder}/", "")
            self.lines += [f"$ {shown}", *answered.splitlines(), ""]
        return done.stdout

    def type(self, line: str, *more: str, expected: int = 0) -> None:
        """Type a command of cityai; `more` are arguments with spaces."""
        words = [*line.split(), *more]
        told = [f"'{word}'" if " " in word else word for word in words]
        command = [sys.executable, "-m", "cityai", *words]
        self.call(*command, expected=expected, shown=f"cityai {' '.join(told)}")

    def sign(
        self, act: str, project: str, who: str, reason: str, *more: str, code: int = 0
    ) -> None:
        """Let a person sign."""
        given = ("--key", f"private/{who}.pem", "--reason", reason, *more)
        self.type(f"review {act} {project}", *given, expected=code)

    def commit(self) -> None:
        """Keep what is there in version control, so that the code can be looked up."""
        self.call("git", "init", "-q")
        self.call("git", "add", "-A")
        who = ("-c", "user.name=Port Ellery", "-c", "user.email=data@port-ellery.example")
        self.call("git", *who, "commit", "-q", "-m", "The city's two systems")


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
        key = ("review", "key", f"private/{file}.pem", "--name", name, "--role", role)
        told = example.call(sys.executable, "-m", "cityai", *key)
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
    example.call(sys.executable, "-m", "cityai", "run", project)


def review(example: Example) -> None:
    """Let both be reviewed, and write down what was typed and answered."""
    review_kitchens(example)
    review_requests(example)
    (example.folder / "transcript.txt").write_text("\n".join(example.lines[1:]), "utf-8")


if __name__ == "__main__":
    made = begin(Path(sys.argv[1]).absolute())
    for system in (REQUESTS, KITCHENS):
        run(made, system)
    review(made)
