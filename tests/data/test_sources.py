"""Whatever a saved result was made from is in its key: nothing stale is ever published."""

from __future__ import annotations

import ast
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from importlib.metadata import packages_distributions
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import pandas as pd
import pytest
from pydantic import BaseModel

import cityai
from cityai.config.city import AreasSpec
from cityai.config.load import SPECS, Project, load_project
from cityai.config.project import AuditableSpec
from cityai.data.file_digests import digest_file
from cityai.data.sources import _list_sources, digest_sources
from cityai.pipeline.run import run_project
from cityai.pipeline.stage import PipelineRun
from cityai.store.digests import CHAPTERS, LIBRARIES, SHARED
from tests.conftest import draw_requests, write_workspace
from tests.delivery.conftest import FORECAST, RISK, draw_inspections

PACKAGE = Path(cityai.__file__).parent


def fill(annotation: Any, at: str, planted: list[str]) -> Any:
    """Return a value of a type with everything optional given, each `path` under its own name."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        values = {}
        for name, field in annotation.model_fields.items():
            if name == "path":
                planted.append(f"{at}/{name}")
                values[name] = planted[-1]
            else:
                values[name] = fill(field.annotation, f"{at}/{name}", planted)
        return annotation.model_construct(**values)
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        held = [part for part in inside if fill(part, at, []) is not None]
        return fill(held[0], at, planted) if held else None
    if origin is dict:
        value = fill(inside[1], f"{at}/x", planted)
        return {} if value is None else {"x": value}
    if origin in (tuple, list):
        value = fill(inside[0], f"{at}/0", planted)
        return () if value is None else (value,)
    if hasattr(annotation, "__metadata__"):
        return fill(inside[0], at, planted)
    return None


@pytest.mark.parametrize("kind", SPECS)
def test_every_file_that_a_specification_can_name_is_a_source(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted: list[str] = []
    spec = fill(SPECS[kind], "", planted)
    monkeypatch.setattr(SPECS[kind], "areas", spec.city.areas["x"], raising=False)
    wanted = {"/data/source/path", "/covariates/x/source/path", "/city/areas/x/path"}
    if kind == "risk":
        wanted |= {"/events/x/source/path", "/events/x/join/source/path"}
    assert wanted < set(planted)
    if kind == "demand":
        planted.remove("/models/pretrained/path")  # a folder, of which two files are read
        planted += spec.models.pretrained.paths
    assert {str(p) for p in _list_sources(Project(spec, tmp_path, tmp_path, ""))} == set(planted)


def test_an_area_table_that_nothing_reads_is_no_source(tmp_path: Path) -> None:
    project = load_project(write_workspace(tmp_path, draw_inspections(days=3), RISK))
    more = {**project.spec.city.areas, "other": AreasSpec(path="other.csv", key="id")}
    city = project.spec.city.model_copy(update={"areas": more})
    other = replace(project, spec=project.spec.model_copy(update={"city": city}))
    assert _list_sources(other) == _list_sources(project)


def test_a_file_of_a_specification_is_read_by_its_path_alone() -> None:
    """What names a file in a specification is called `path`: so no source can be forgotten."""
    for module in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "find_path":
                (given,) = node.args
                name = given.attr if isinstance(given, ast.Attribute) else getattr(given, "id", "")
                assert name == "path", f"{module}, line {node.lineno}"


def test_a_change_of_any_table_is_noticed(tmp_path: Path) -> None:
    more = """\
events:
  complaints:
    source: {path: complaints.csv}
    time: day
    known: {lag_days: 1}
    by: city
    columns: {day: {type: date}, n: {type: text}}
    join: {source: {path: joined.csv}, on: n, columns: {size: {type: number}}}
covariates:
  weather:
    source: {path: weather.csv}
    time: day
    known: {lag_days: 1}
    columns: {day: {type: date}, rain: {type: number}}
"""
    project = load_project(write_workspace(tmp_path, draw_inspections(days=3), RISK + more))
    for path in _list_sources(project):
        path.write_text("day,n\n")
    seen = {digest_sources(project)}
    for path in _list_sources(project):
        path.write_text(path.read_text() + "2023-01-02,1\n")
        seen.add(digest_sources(project))
    assert len(seen) == 6  # the table, events, what is joined, the covariate, areas


def test_rows_that_a_database_keeps_beside_itself_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite"
    with closing(sqlite3.connect(path)) as store, store:
        store.execute("PRAGMA journal_mode=WAL")
        store.execute("CREATE TABLE t (n)")
        store.commit()
        before = digest_file(path), path.read_bytes()
        store.execute("INSERT INTO t VALUES (1)")
        store.commit()
        assert path.read_bytes() == before[1]
        assert digest_file(path) != before[0]


def test_every_library_and_module_of_a_chapter_is_in_its_key() -> None:
    """Those that read declarations, and that make the page, which is never a saved result."""
    beside = {"cityai", "pydantic", "pydantic_core", "typing_extensions", "ruamel"}
    beside |= {"joblib", "threadpoolctl", "distributed"}  # they hand tasks round, and count nothing
    known = packages_distributions()
    rooms = [room for chapter in CHAPTERS.values() for room in chapter]
    files = [part.removesuffix(".py").replace("/", ".") for part in SHARED]
    for room in set(rooms) - set(CHAPTERS["card"]):
        for module in (PACKAGE / room).rglob("*.py"):
            for node in ast.walk(ast.parse(module.read_text())):
                names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom):
                    names = [str(node.module)]
                for name in names:
                    root, _, rest = name.partition(".")
                    if root == "cityai" and rest and rest.split(".")[0] not in rooms[:-2]:
                        assert rest in files or rest.split(".")[0] in files, (module, name)
                    elif root in known and root not in beside:
                        assert set(known[root]) & set(LIBRARIES), f"{module} imports {name}"


class Spy:
    """Which sections of a specification each stage looks at, and which are in its key."""

    def __init__(self) -> None:
        self.now: list[str] = []
        self.seen: dict[str, set[str]] = {}
        self.keyed: dict[str, set[str]] = {}
        self.digests: dict[str, str] = {}

    def keep(
        self, real: Any, run: PipelineRun, name: str, told: str, kind: type, make: Any, *inputs: str
    ):
        keyed = self.keyed[name] = set()
        for text in inputs:
            keyed |= self.keyed.get(self.digests.get(text, ""), set())
            keyed |= set(json.loads(text)) if text.startswith("{") else set()

        def watched() -> Any:
            self.now.append(name)
            try:
                return make()
            finally:
                self.now.pop()

        record = real(run, name, told, kind, watched, *inputs)
        self.digests[run.digests[name]] = name
        return record


@pytest.mark.parametrize("kind", ["demand", "risk"])
def test_a_stage_looks_at_nothing_that_is_not_in_its_key(
    tmp_path: Path, own_store: None, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    spy, real, get = Spy(), PipelineRun.keep, AuditableSpec.__getattribute__
    data: pd.DataFrame = draw_requests() if kind == "demand" else draw_inspections()
    text = f"{FORECAST}mitigation: {{dimension: income}}\n" if kind == "demand" else RISK
    project = load_project(write_workspace(tmp_path, data, text))
    fields = set(type(project.spec).model_fields)

    def look(spec: Any, name: str) -> Any:
        if spy.now and name in fields:
            spy.seen.setdefault(spy.now[-1], set()).add(name)
        return get(spec, name)

    monkeypatch.setattr(AuditableSpec, "__getattribute__", look)
    monkeypatch.setattr(PipelineRun, "keep", lambda *given: spy.keep(real, *given))
    run_project(project)
    assert {"snapshot", "quality", "backtest", "audit", "explanation"} <= set(spy.seen)
    forgotten = {stage: seen - spy.keyed[stage] for stage, seen in spy.seen.items()}
    assert {stage: missing for stage, missing in forgotten.items() if missing} == {}
