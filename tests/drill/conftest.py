"""Drills' cards, made with one state: what faults share is computed once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from cityai.card.record import CardRecord
from cityai.drill.faults import Setting
from cityai.drill.make import prepare, read_setting
from cityai.pipeline.provenance import read_clock
from cityai.pipeline.review import Reviewed, read_review
from cityai.pipeline.run import run_project
from cityai.review.standing import Standing
from tests.review.conftest import kept, made_place, place

__all__ = ["kept", "made_place", "place"]
Made = tuple[CardRecord, Standing, Reviewed]
Make = Callable[[Callable[[Setting], None] | None], Made]


@pytest.fixture(scope="module")
def make_card(tmp_path_factory: pytest.TempPathFactory, no_pictures: None) -> Make:
    """Return a function that makes a drill's card, whole but for its pictures."""
    base = tmp_path_factory.mktemp("drill")
    state, count = base / "state", iter(range(100))

    def run(project: Path) -> None:
        shutil.rmtree(state / "sample_city", ignore_errors=True)
        state.mkdir(mode=0o700, exist_ok=True)
        shutil.copytree(project.parents[1] / ".cityai" / "sample_city", state / "sample_city")
        run_project(project)

    def make(plant: Callable[[Setting], None] | None) -> Made:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CITYAI_STATE", str(state))
            made = read_setting()
            if plant is not None:
                plant(made)
            # One name for all: saved stages are kept under it.
            project = prepare(base / f"work{next(count)}", "0" * 8, made, run)
            reviewed = read_review(project)
        return reviewed.record, reviewed.stand("pilot", read_clock().date()), reviewed

    return make
