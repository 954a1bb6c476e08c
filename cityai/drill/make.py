"""Make a drill: the invented city is changed, run apart from all else, and packed for reviewers."""

from __future__ import annotations

import hashlib
import json
import os
import random
import secrets
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from cityai.config.keys import KeySpec
from cityai.config.places import find_state, find_workspace
from cityai.config.yaml import read_yaml
from cityai.drill.faults import FAULTS, Fault, Setting
from cityai.errors import UserError
from cityai.pipeline.bundle import bundle_card
from cityai.pipeline.portfolio import publish_portfolio
from cityai.pipeline.provenance import read_clock
from cityai.pipeline.review import DRILL, read_review
from cityai.pipeline.sign import put_act
from cityai.review.acts import Act, Condition, Said
from cityai.review.chain import Chain
from cityai.review.keys import make_key, read_private
from cityai.samples.write import write_sample_city
from cityai.scaffold.files import write_yaml
from cityai.store.cards import CARDS, JSON
from cityai.store.files import guard_files, make_temporary, write_files

SEALED: Final = "drill.json"
"""File of a drill: its name, its card, and the digest of what is sealed."""
DRILLS: Final = "drills"
"""Folder of the private state: what was planted, by drill."""
WATERMARK: Final = "DRILL, an exercise for reviewers"
PEOPLE: Final = {"author": "department", "first": "chief data officer"}
"""Who signs in a drill, with keys of its own: who asks, and who has approved before."""
FOLDS, CALIBRATION = 8, 4
"""Of a drill's backtest: short, so that it takes a minute."""
OUTSIDE: Final = ("CITYAI_", "MLFLOW_")
"""Variables that point to the real state and its stores."""

Run = Callable[[Path], None]
"""Runs the project in a folder."""


@dataclass(frozen=True)
class Sealed:
    """What is known of a drill before its end."""

    drill: str
    """Its name; the id of its card begins with it."""
    card: str
    """SHA-256 of ``card.json``."""
    seal: str
    """SHA-256 of what was planted, with a random text: it cannot be guessed, or changed later."""
    made: str
    """The day."""


def find_sample(name: str) -> Path:
    """Return a folder or file of the invented city's project, as the package or checkout has it."""
    package = Path(__file__).parents[1]
    places = (package / "samples" / "project" / name, package.parent / name)
    found = next((path for path in places if path.exists()), None)
    if found is None:
        raise UserError("the sample project is not installed", where=str(places[0]))
    return found


def read_setting() -> Setting:
    """Read the untouched project and policy."""
    project = _read_plain(find_sample("projects/sample_requests/project.yaml"))
    project.pop("mitigation")
    project["backtest"] = {"folds": FOLDS, "calibration": CALIBRATION}
    policy = _read_plain(find_sample("configs/policy.yaml"))
    policy["release"] = [
        r for r in policy["release"] if not r.get("committed")
    ]  # nobody commits it
    return Setting(project, policy)


def _read_plain(path: Path) -> dict[str, Any]:
    return json.loads(json.dumps(read_yaml(path).content, default=str))


def build_workspace(work: Path, drill: str, made: Setting) -> Path:
    """Write the workspace of a drill, with a city of its own; return its project."""
    project = work / "projects" / (DRILL + drill)
    words = _read_plain(find_sample("projects/sample_requests/card.yaml"))
    system = words["system"]
    system["name"] = f"{WATERMARK}: {system['name']}"
    system["summary_plain"] = f"{WATERMARK}; no signature counts. {system['summary_plain']}"
    content = made.project | {"name": project.name, "title": f"{WATERMARK}: requests by week"}
    since = (read_clock().date() - timedelta(400)).isoformat()
    keys = [
        {"name": name, "role": role, "since": since,
         "public": make_key(work / "private" / f"{name}.pem")}
        for name, role in PEOPLE.items()
    ]  # fmt: skip
    city = _read_plain(find_sample("configs/city.yaml")) | {"languages": ["en"]}
    configs = {"city": city, "policy": made.policy, "keys": {"keys": keys}}
    files = {f"{name}.yaml": write_yaml(told) for name, told in configs.items()}
    write_files(files, work / "configs")
    features = find_sample("projects/sample_requests/features.py").read_bytes()
    files = {"project.yaml": write_yaml(content), "card.yaml": write_yaml(words)}
    write_files(files | {"features.py": features}, project)
    return project


def _run_apart(project: Path) -> None:
    """Run a project with its own state and store, whatever this workspace has."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(OUTSIDE)}
    command = [sys.executable, "-m", "cityai", "run", str(project)]
    done = subprocess.run(
        command, cwd=project.parents[1], env=kept, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise UserError(f"the drill's run failed: {done.stderr.strip()[-600:]}")


def prepare(work: Path, drill: str, made: Setting, run: Run = _run_apart) -> Path:
    """Make the card of a drill with the acts on it; return its project."""
    project = build_workspace(work, drill, made)
    city = work / ".cityai" / "sample_city"
    write_sample_city(city, planted_gap=made.gap)
    if made.spoil is not None:
        made.spoil(city)
    run(project)
    until = read_clock().date() + timedelta(90)
    _sign(project, "open", "author", "We would like to try it with two crews.")
    watched = Condition(rule="groups", text="a monitor of the open groups runs", due=until)
    _sign(project, "approve", "first", "I read it.", valid_until=until, conditions=(watched,))
    if made.tighten:
        _tighten(work)
    return project


def _sign(project: Path, kind: Said, who: str, reason: str, **more: object) -> None:
    reviewed = read_review(project)

    def build(chain: Chain, signer: KeySpec) -> tuple[Act, dict[str, str]]:
        now = replace(reviewed, chain=chain)
        return now.begin_act(kind, "pilot", reason, **more), reviewed.subjects

    put_act(reviewed, read_private(project.parents[1] / "private" / f"{who}.pem"), build)


def _tighten(work: Path) -> None:
    """Let the council ask for a younger card, after the approval."""
    path = work / "configs" / "policy.yaml"
    policy = _read_plain(path)
    for rule in policy["release"]:
        if rule.get("card_days"):
            rule["card_days"] = 90
    write_files({path.name: write_yaml(policy)}, path.parent)
    publish_portfolio(work)


def make_drill(out: Path, *, seed: int | None = None) -> Sealed:
    """Make a drill in a new folder; what was planted goes to the private state, and nowhere else.

    Parameters
    ----------
    out : Path
        A new folder, for the reviewers.
    seed : int, optional
        Chooses the fault; a random one without it.

    Raises
    ------
    UserError
        When the folder is there, or the run fails.
    """
    out = out.absolute()
    if out.exists():
        raise UserError("there is such a folder", where=str(out), next_step="name a new one")
    state = find_state(find_workspace(Path.cwd()))
    fault = choose_fault(secrets.randbits(64) if seed is None else seed)
    drill, nonce = secrets.token_hex(4), secrets.token_hex(32)
    with guard_files(out, "the drill cannot be made"):
        out.parent.mkdir(parents=True, exist_ok=True)
        with make_temporary(out) as work:
            made = read_setting()
            fault.plant(made)
            project = prepare(work, drill, made)
            bundle_card(project, out)
            card = (work / CARDS / project.name / JSON).read_bytes()
    planted = {"drill": drill, "fault": fault.name, "nonce": nonce}
    sealed = Sealed(
        drill=drill,
        card=hashlib.sha256(card).hexdigest(),
        seal=digest_planted(planted),
        made=read_clock().date().isoformat(),
    )
    write_files({f"{drill}.json": write_told(planted)}, state / DRILLS, replace=False)
    write_files({SEALED: write_told(asdict(sealed))}, out, replace=False)
    return sealed


def choose_fault(seed: int) -> Fault:
    """Return the fault of a seed."""
    return random.Random(seed).choice(FAULTS)  # noqa: S311 - an exercise, no secret


def digest_planted(planted: Mapping[str, Any]) -> str:
    """Return the SHA-256 of what was planted."""
    return hashlib.sha256(write_told(planted)).hexdigest()


def write_told(told: Mapping[str, Any]) -> bytes:
    """Return a small record as JSON, in one way."""
    return json.dumps(told, sort_keys=True, indent=1, ensure_ascii=False).encode() + b"\n"
