from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cityai.errors import StoreError
from cityai.modeling.final import FinalModel
from cityai.track.door import import_mlflow, keep_quiet
from cityai.track.model import CANDIDATE, PACKAGE, _register_name, write_model
from cityai.track.names import NOTE
from cityai.track.results import Outcome, log_outcome
from cityai.track.runs import open_run
from cityai.track.server import Tracking
from tests.track.conftest import place_of


@pytest.fixture(scope="session")
def written(final: FinalModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "mlflow"
    with keep_quiet():
        write_model(final, folder)
    return folder


def check_described(tracking: Tracking, logged: Any, run_id: str) -> None:
    """A model has the figures of its run, its data, its words, and is the candidate."""
    run = tracking.client.get_run(run_id)
    whole = {k: v for k, v in run.data.metrics.items() if not k.startswith("folds/")}
    assert {m.key: m.value for m in logged.metrics} == whole
    assert {(m.dataset_name, m.dataset_digest) for m in logged.metrics} == {
        (d.dataset.name, d.dataset.digest) for d in run.inputs.dataset_inputs
    }
    assert logged.params == run.data.params
    assert logged.tags[NOTE] == run.data.tags[NOTE]
    version = tracking.client.get_model_version_by_alias("with_model", CANDIDATE)
    assert (version.run_id, version.description) == (run_id, run.data.tags[NOTE])
    (listed,) = json.loads(logged.tags["mlflow.modelVersions"])
    assert (listed["name"], int(listed["version"])) == (version.name, int(version.version))


def load(where: str) -> Any:
    mlflow = import_mlflow()
    with keep_quiet():
        return mlflow.pyfunc.load_model(where)


@pytest.mark.slow
def test_a_loaded_model_gives_the_same_numbers(
    tracking: Tracking,
    state: Path,
    final: FinalModel,
    frame: pd.DataFrame,
    make_outcome: Callable[..., Outcome],
) -> None:
    with open_run(place_of(state), "with_model") as run:
        log_outcome(run, make_outcome(final=final))
    (output,) = tracking.client.get_run(run.run_id).outputs.model_outputs
    logged = tracking.client.get_logged_model(output.model_id)
    assert logged.status.name == "READY"
    check_described(tracking, logged, run.run_id)
    expected = final.predict(frame)
    plain = frame.astype({"entity_id": "str", "borough": "object"})
    wide = plain.astype({"tons 1 month ago": "float64", "step": "int64"})
    for given in (plain, wide):
        found = load(logged.artifact_location).predict(given[list(final.list_inputs())])
        pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_there_is_no_pickle_and_no_place(written: Path) -> None:
    files = [p for p in written.rglob("*") if p.is_file()]
    assert not any(p.suffix in {".pkl", ".pickle", ".skops", ".pyc"} for p in files)
    assert not any(p.read_bytes()[:1] == b"\x80" for p in files)
    described = (written / "MLmodel").read_text()
    assert not re.search(r"(/tmp|/home|/work|/root)\b", described)
    assert "lightgbm==" in (written / "requirements.txt").read_text()
    assert (written / "code" / "cityai" / "columns.py").exists()


ALONE = """
import importlib.abc, json, sys

class Elsewhere(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        own = [entry for entry in sys.path if entry == code]
        if name == "cityai":
            from importlib.machinery import PathFinder
            return PathFinder.find_spec(name, own)

code, model = sys.argv[1:]
sys.path.insert(0, code)
sys.meta_path.insert(0, Elsewhere())
from importlib import import_module
from pathlib import Path
import cityai
assert cityai.__file__.startswith(code), cityai.__file__
for path in sorted(Path(code).rglob("*.py")):
    name = ".".join(path.relative_to(code).with_suffix("").parts).removesuffix(".__init__")
    if name.split(".")[1:2] == ["modeling"]:
        import_module(name)
from cityai.store.records import find_kind, read_files, read_record
files = read_files(Path(model))
module, _, kind = find_kind(files, model).rpartition(".")
print(json.dumps(read_record(getattr(import_module(module), kind), files, model).list_inputs()))
"""


@pytest.mark.slow
def test_the_sources_that_are_logged_are_enough(written: Path, final: FinalModel) -> None:
    """Where cityai is not installed, every module that a model may be made of still loads."""
    sources = [len([*folder.rglob("*.py")]) for folder in (written / "code", PACKAGE)]
    assert sources[0] < sources[1] / 2
    given = [str(written / "code"), str(written / "artifacts" / "model")]
    done = subprocess.run(
        [sys.executable, "-I", "-c", ALONE, *given], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout) == final.list_inputs()


def test_every_column_is_declared(written: Path, final: FinalModel, frame: pd.DataFrame) -> None:
    assert list(final.list_inputs()) == [
        "entity_id",
        "step",
        "level",
        "tons 1 month ago",
        "borough",
        "candidate.theta",
    ]
    with pytest.raises(Exception, match="level"):
        load(str(written)).predict(frame.drop(columns="level"))


def test_a_changed_model_is_refused_before_it_is_parsed(written: Path) -> None:
    path = written / "artifacts" / "model" / "record.json"
    content = path.read_bytes()
    path.write_bytes(content.replace(b"num_leaves", b"num_leavez", 1))
    with pytest.raises(StoreError, match=r"record\.json was changed"):
        load(str(written))
    path.write_bytes(content)
    assert load(str(written))


class Refusal(Exception):
    """What MLflow raises, with its code."""

    def __init__(self, error_code: str) -> None:
        super().__init__(error_code)
        self.error_code = error_code


class Server:
    """A server that answers what it was told, and keeps what it was asked to make."""

    def __init__(self, get: str, create: str) -> None:
        self.codes, self.made = {"get": get, "create": create}, []

    def get_registered_model(self, name: str) -> None:
        if self.codes["get"]:
            raise Refusal(self.codes["get"])

    def create_registered_model(self, name: str, **_: object) -> None:
        if self.codes["create"]:
            raise Refusal(self.codes["create"])
        self.made.append(name)


@pytest.mark.parametrize(
    ("get", "create", "said", "made"),
    [
        ("", "", "", []),
        ("RESOURCE_DOES_NOT_EXIST", "", "", ["kept"]),
        # Where nobody may look at what is not theirs, what is not there is denied as well.
        ("PERMISSION_DENIED", "", "", ["kept"]),
        ("PERMISSION_DENIED", "RESOURCE_ALREADY_EXISTS", "PERMISSION_DENIED", []),
        ("PERMISSION_DENIED", "PERMISSION_DENIED", "PERMISSION_DENIED", []),
        ("NOT_FOUND", "RESOURCE_ALREADY_EXISTS", "", []),  # another run was quicker
        ("INTERNAL_ERROR", "", "INTERNAL_ERROR", []),
    ],
)
def test_a_registered_model_is_made_where_there_is_none(
    get: str, create: str, said: str, made: list[str]
) -> None:
    server = Server(get, create)
    if said:
        with pytest.raises(Refusal, match=said):
            _register_name(server, "kept")
    else:
        _register_name(server, "kept")
    assert server.made == made
