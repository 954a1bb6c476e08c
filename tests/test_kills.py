"""A run killed at any moment: no half state, no copy of rows left, card and run agree."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cityai.card import pages
from cityai.card.verify import check_digest, check_pages, read_record
from cityai.config.load import load_project
from cityai.findings import Status
from cityai.pipeline.places import find_place
from cityai.pipeline.run import run_project
from cityai.pipeline.verify import _hold_results, read_drafted
from cityai.scratch import clear_scratch
from cityai.store.cards import PENDING
from cityai.store.files import TEMPORARY
from cityai.track.door import import_mlflow
from cityai.track.names import SEAL
from cityai.track.runs import _repair_runs
from cityai.track.server import connect_tracking
from tests.conftest import PROJECT, draw_requests, write_workspace
from tests.promises import trials
from tests.track.conftest import fork

pytestmark = pytest.mark.long

KILLS = trials(200, 40)
FEW = PROJECT.replace("folds: 7, calibration: 4", "folds: 3, calibration: 3")
TEXT = FEW + "models: {candidates: [theta]}\n"


def run(folder: Path, number: int) -> int:
    """Start a run of its own words and, now and then, of its own data; return its process."""
    (folder / "card.yaml").write_text(f"system: {{name: Requests {number}}}\n")
    if number % 4 == 0:
        with (folder / "data.csv").open("a") as table:
            table.write(f"X{number},2023-01-02,D1,2023-01-03,heat\n")
    return fork(lambda: run_project(load_project(folder)))


def check(folder: Path) -> None:
    """What the next command does, and what must then be true."""
    project = load_project(folder)
    place, state = find_place(folder), project.state
    tracking = connect_tracking(state)
    _repair_runs(tracking, project)
    clear_scratch()
    files = place.read_files()
    record = read_record(files["card.json"])
    seal = record.record.content_digest
    for finding in (check_digest(record, files["card.json"]), check_pages(files, record)):
        assert finding.status is Status.PASS, finding.reason
    _hold_results(read_drafted(place, record), place, record)
    (listed,) = json.loads((place.folder.parent / "index.json").read_text())["systems"]
    assert listed["content_digest"] == seal
    hidden = [p.name for p in place.folder.parent.rglob(".*")]
    assert not [n for n in hidden if n == PENDING or n.startswith(TEMPORARY)]
    assert list(Path(tempfile.gettempdir()).glob("cityai-*/*")) == []
    experiment = tracking.client.get_experiment_by_name("requests").experiment_id
    runs = tracking.client.search_runs([experiment], "tags.`cityai.project` LIKE '%'")
    assert not [r for r in runs if r.info.status == "RUNNING"]
    ended = [r for r in runs if r.info.status == "FINISHED" and SEAL in r.data.tags]
    newest = max(ended, key=lambda r: r.info.start_time)
    assert newest.data.tags[SEAL] == seal
    models = tracking.client.search_logged_models([experiment])
    assert not [m for m in models if str(m.status) == "PENDING"]


def wait(process: int) -> int:
    return os.waitpid(process, 0)[1]


def run_first(folder: Path, listed: Path) -> None:
    """Run from nothing and list what was loaded for it."""
    run_project(load_project(folder))
    check(folder)
    listed.write_text("\n".join(sorted(sys.modules)))


def load_once(folder: Path, listed: Path) -> None:
    """Load here what a run loads, templates and fonts too: each kill then strikes its work."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in listed.read_text().splitlines():
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
    utils = sys.modules["mlflow.utils.requirements_utils"]
    getattr(utils, "_init_modules_to_packages_map", int)()  # a second of reading: saving needs it
    pages.make_pages(read_record(find_place(folder).json.read_text("utf-8")))


@pytest.mark.promise(7)
def test_runs_killed_at_random(
    observe: Callable[[str], None],
    tmp_path: Path,
    own_store: None,
    no_pictures: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    folder = write_workspace(tmp_path, draw_requests(), TEXT)
    import_mlflow()
    listed = tmp_path / "modules.txt"
    assert wait(fork(lambda: run_first(folder, listed))) == 0
    load_once(folder, listed)
    begun = time.monotonic()
    assert wait(run(folder, 1)) == 0
    length = time.monotonic() - begun
    rng, outcomes = np.random.default_rng(7), Counter[str]()
    for number in range(2, KILLS + 2):
        before = find_place(folder).json.read_bytes()
        process = run(folder, number)
        time.sleep(float(rng.uniform(0, length)))
        os.kill(process, signal.SIGKILL)
        killed = wait(process) == signal.SIGKILL
        assert wait(fork(lambda: check(folder))) == 0, number
        came_out = find_place(folder).json.read_bytes() != before
        outcomes[f"{'killed' if killed else 'ended'}, {'new' if came_out else 'old'} card"] += 1
        sys.stdout.write(f"{dict(outcomes)}\n")
        sys.stdout.flush()
    observe(f"{KILLS} kills, each followed by a run that checks the store: {dict(outcomes)}")
    assert sum(outcomes.values()) == KILLS
