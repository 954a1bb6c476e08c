"""Drills' cards, made with one state: what faults share is computed once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Protocol

import pytest

from cityai.card.record import CardRecord
from cityai.drill import make as drills
from cityai.drill.faults import Setting
from cityai.drill.make import prepare, read_setting
from cityai.pipeline.provenance import read_clock
from cityai.pipeline.review import Reviewed, read_review
from cityai.pipeline.run import run_project
from cityai.review.standing import Standing
from cityai.samples.write import write_sample_city
from tests.conftest import grow_few_trees
from tests.review.conftest import kept, made_place, place

__all__ = ["kept", "made_place", "place"]
Made = tuple[CardRecord, Standing, Reviewed]


class Make(Protocol):
    """Makes a drill's card, with a fault or without one."""

    def __call__(
        self, plant: Callable[[Setting], None] | None, *, is_leak: bool = False
    ) -> Made: ...


@pytest.fixture(scope="module")
def make_card(tmp_path_factory: pytest.TempPathFactory, no_pictures: None) -> Make:
    """Return a function that makes a drill's card, whole but for its pictures.

    It has no functions of its own, which take long and show no fault, and few trees; a city is
    drawn once.
    """
    base = tmp_path_factory.mktemp("drill")
    state, count = base / "state", iter(range(100))

    @cache
    def draw(gap: bool) -> Path:
        return write_sample_city(base / f"city {gap}", planted_gap=gap).folder

    def copy(city: Path, *, planted_gap: bool) -> None:
        shutil.copytree(draw(planted_gap), city)

    def run(project: Path) -> None:
        shutil.rmtree(state / "sample_city", ignore_errors=True)
        state.mkdir(mode=0o700, exist_ok=True)
        shutil.copytree(project.parents[1] / ".cityai" / "sample_city", state / "sample_city")
        run_project(project)

    def make(plant: Callable[[Setting], None] | None, *, is_leak: bool = False) -> Made:
        with pytest.MonkeyPatch.context() as patch:
            if not is_leak:  # which shows in how little is missed, and that takes all trees
                grow_few_trees(patch)
            patch.setenv("CITYAI_STATE", str(state))
            patch.setattr(drills, "write_sample_city", copy)
            made = read_setting()
            del made.project["features"]
            if plant is not None:
                plant(made)
            # One name for all: saved stages are kept under it.
            project = prepare(base / f"work{next(count)}", "0" * 8, made, run)
            reviewed = read_review(project)
        return reviewed.record, reviewed.stand("pilot", read_clock().date()), reviewed

    return make
