"""From the wheel alone: built, installed where nothing else is, and used as a city would."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "cityai"


def run(*command: object, cwd: Path) -> str:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("CITYAI_", "PYTHON"))}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    return next(folder.glob("*.whl"))


@pytest.mark.slow
def test_the_wheel_carries_every_file(wheel):
    packed = set(zipfile.ZipFile(wheel).namelist())
    own = {
        path.relative_to(ROOT).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert own <= packed
    for part in (
        "scaffold/templates/_workspace/dot_gitignore",
        "card/templates/card.html.j2",
        "samples/project/configs/city.yaml",
        "samples/project/projects/sample_requests/project.yaml",
    ):
        assert f"cityai/{part}" in packed
    assert {name.split("/")[0] for name in packed if "dist-info" not in name} == {"cityai"}


@pytest.mark.slow
def test_a_city_starts_from_the_wheel(wheel, tmp_path):
    if not os.environ.get("CITYAI_WHEEL_TEST"):
        pytest.skip("it installs from a package index: set CITYAI_WHEEL_TEST to run it")
    run(sys.executable, "-m", "venv", "venv", cwd=tmp_path)
    python, cityai = tmp_path / "venv/bin/python", tmp_path / "venv/bin/cityai"
    run(python, "-m", "pip", "install", "--quiet", f"{wheel}[test]", cwd=tmp_path)
    run(cityai, "init", "my-city", "--yes", cwd=tmp_path)
    city = tmp_path / "my-city"
    run(python, "-m", "pytest", "-q", cwd=city)
    run(cityai, "new", "my_waste", "--template", "waste_collection", cwd=city)
    run(cityai, "run", "projects/my_waste", cwd=city)
    assert (city / "model_cards/my_waste/card.html").exists()
    run(python, "-m", "pytest", "-q", cwd=city)
    assert "has not changed" in run(cityai, "project", "update", "projects/my_waste", cwd=city)
