"""From a run to a use and out of it, with MLflow's own registry: run, approve, promote, predict."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from cityai.cli.main import run_command
from cityai.config.load import load_project
from cityai.delivery.model import find_model
from cityai.delivery.predict import predict_project
from cityai.errors import UserError
from cityai.pipeline.registry import check_registry
from cityai.pipeline.review import read_review
from cityai.review.keys import make_key
from cityai.track.registry import open_registry
from tests.delivery.conftest import City

RULES = """
release:
  - {id: second, sentence: Another person said yes., owner: officer, reviewers: {anyone: 1}}
"""
REFUSE = "unapproved: refuse\n"
END = pd.Timestamp("2023-07-03")


@pytest.fixture(scope="module")
def approved(forecast: City, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace that was moved to where it is, its model approved and promoted."""
    place = tmp_path_factory.mktemp("approved") / "city"
    shutil.copytree(forecast.place, place)
    key = place / "ben.pem"
    public = make_key(key)
    keys = f'keys: [{{name: ben, role: officer, public: "{public}", since: 2020-01-01}}]\n'
    (place / "configs" / "keys.yaml").write_text(keys)
    policy = place / "configs" / "policy.yaml"
    policy.write_text((policy.read_text() if policy.exists() else "") + RULES + REFUSE)
    project = place / "projects" / forecast.folder.name
    with pytest.raises(UserError, match="not approved"):
        find_model(load_project(project))
    until = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
    given = [str(project), "--key", str(key), "--reason", "I looked at it."]
    assert run_command(["promote", *given, "--to", "pilot"]) == 2
    assert run_command(["review", "approve", *given, "--until", until]) == 0
    assert run_command(["promote", *given, "--to", "pilot"]) == 0
    return project


def list_wrong(project: Path) -> list[str]:
    return [f.code for f in check_registry(project) if f.status == "fail"]


def test_the_alias_is_on_the_cards_model_and_says_the_head(approved: Path) -> None:
    reviewed = read_review(approved)
    registry = open_registry(reviewed.place.state, reviewed.name)
    version = registry.find_version(reviewed.subjects["model"])
    assert registry.read_aliases() == {"candidate": version, "pilot": version}
    assert registry.read_heads() == {version: reviewed.chain.head}
    assert registry.digest_version(version).model == reviewed.subjects["model"]
    assert list_wrong(approved) == []


def test_a_list_says_until_when_its_model_is_approved(
    approved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = load_project(approved)
    made = predict_project(project, END, out=tmp_path / "out")
    until = read_review(approved).chain.links[0].act.valid_until
    assert set(pd.read_parquet(made.files[1])["approval"]) == {f"pilot until {until}"}
    later = datetime.now(UTC) + timedelta(days=40)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(later.timestamp())))
    with pytest.raises(UserError, match=r"suspended \(pilot\)"):
        find_model(project)
    policy = approved.parents[1] / "configs" / "policy.yaml"
    kept = policy.read_bytes()
    policy.write_bytes(kept.replace(b"refuse", b"warn"))
    assert find_model(load_project(approved)).approval == "not approved"  # by another policy
    policy.write_bytes(kept)


def test_files_that_were_changed_in_the_store_are_found(approved: Path, capsys) -> None:
    """Of the model itself, and of the sources that MLflow would load with it."""
    state = read_review(approved).place.state
    for name in ("record.json", "columns.py"):
        (path,) = (state / "artifacts").glob(f"**/{name}")
        kept = path.read_bytes()
        path.write_bytes(kept + b" ")
        assert list_wrong(approved) == ["registry.model"], name
        path.write_bytes(kept)
    assert list_wrong(approved) == []


def test_an_alias_that_was_moved_in_mlflow_is_found_and_moved_back(approved: Path) -> None:
    reviewed = read_review(approved)
    registry = open_registry(reviewed.place.state, reviewed.name)
    version = registry.read_aliases()["pilot"]
    registry.move_alias("pilot", "")
    registry.move_alias("operational", version)
    assert list_wrong(approved) == ["registry.alias", "registry.alias"]
    assert run_command(["registry", "check", str(approved)]) == 1
    assert run_command(["registry", "restore", str(approved)]) == 0
    assert registry.read_aliases() == {"candidate": version, "pilot": version}
    assert run_command(["registry", "check", str(approved)]) == 0


def test_approved_and_then_one_byte_of_the_model_changed_is_not_promoted(
    approved: Path, capsys
) -> None:
    reviewed = read_review(approved)
    given = [str(approved), "--key", str(approved.parents[1] / "ben.pem"), "--to", "pilot"]
    given += ["--reason", "For the spring."]
    assert run_command(["retire", *given]) == 0
    (path,) = (reviewed.place.state / "artifacts").glob("**/record.json")
    kept = path.read_bytes()
    for at in range(0, len(kept), len(kept) // 3):
        path.write_bytes(kept[:at] + bytes([kept[at] ^ 1]) + kept[at + 1 :])
        assert run_command(["promote", *given]) == 2
        assert "not the model that was reviewed" in capsys.readouterr().err
    path.write_bytes(kept)
    registry = open_registry(reviewed.place.state, reviewed.name)
    assert list(registry.read_aliases()) == ["candidate"]
    assert run_command(["promote", *given]) == 0
    assert list_wrong(approved) == []
