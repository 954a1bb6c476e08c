"""The rules of the house, held by machine."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
import subprocess
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from cityai.store.digests import CHAPTERS, SHARED

PACKAGE = Path(__file__).parents[1] / "cityai"
MODULES = sorted(PACKAGE.rglob("*.py"))

RANKS = [
    {"columns", "confine", "errors", "findings", "i18n", "notebook", "progress", "scratch"},
    {"config"},
    {"data", "records", "samples"},
    {"modeling"},
    {"inference"},
    {"disclosure"},
    {"impact"},
    {"assessment"},
    {"card"},
    {"kinds"},
    {"store"},
    {"review"},
    {"track"},
    {"pipeline"},
    {"delivery"},
    {"desk"},
    {"doctor"},
    {"scaffold", "testing"},
    {"drill"},
    {"cli", "__main__", "__init__"},
]
"""A module may import from its own rank or an earlier one, never from a later one."""

DOORS = {
    "duckdb": {"data/source.py", "confine/tables.py"},
    "adbc_driver_postgresql": {"confine/postgres.py"},
    "pyspark": {"confine/spark.py"},
    "sqlglot": {"data/source.py"},
    "deltalake": {"confine/delta.py"},
    "pyiceberg": {"confine/iceberg.py"},
    "ibis": {"data/source.py", "data/snapshot.py", "data/contract.py"},
    "pandera": {"data/contract.py"},
    "holidays": {"data/calendar.py"},
    "lightgbm": {"modeling/forecasters.py", "modeling/own.py"},
    "sklearn": {"modeling/forecasters.py", "modeling/own.py", "scaffold/templates.py"},
    "joblib": {"modeling/parallel.py"},
    "distributed": {"modeling/parallel.py"},
    "threadpoolctl": {"modeling/parallel.py"},
    "skops": {"modeling/own.py"},
    "catboost": {"modeling/own.py"},
    "fairlearn": {"assessment/metric_frame.py", "modeling/bounded_loss.py"},
    "shap": {"assessment/explain.py", "modeling/own.py"},
    "matplotlib": {"card/figures.py"},
    "jinja2": {"card/render.py", "i18n.py"},
    "babel": {"i18n.py"},
    "mlflow": {"track.py", "pyfunc_model.py"},
    "cryptography": {"review/keys.py"},
    "fastapi": {"desk/app.py"},
    "starlette": {"desk/app.py"},
    "uvicorn": {"desk/app.py"},
    "typer": {"cli.py"},
    "rich": {"cli.py"},
    "ruamel": {"config/yaml.py", "scaffold/files.py"},
}
"""Which files may import a heavy library."""

FORBIDDEN = {"pickle", "cloudpickle", "statsforecast", "requests", "urllib.request"}


@cache
def find_imports(path: Path) -> list[str]:
    tree = ast.parse(path.read_text())
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.append(node.module or "")
    return found


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def rank_of(part: str) -> int:
    return next(i for i, names in enumerate(RANKS) if part in names)


def in_door(name: str, doors: set[str]) -> bool:
    """Whether a file is a door, or lies in the folder that a door has grown into."""
    return any(name == door or name.startswith(door.removesuffix(".py") + "/") for door in doors)


def test_imports_run_one_way():
    up = [
        f"{name_of(path)} imports {name}"
        for path in MODULES
        for name in find_imports(path)
        if name.startswith("cityai.")
        and rank_of(name.split(".")[1]) > rank_of(name_of(path).split("/")[0].removesuffix(".py"))
    ]
    assert up == []


def find_circle(graph: dict[str, set[str]]) -> list[str]:
    """Return the names along a circle of imports; nothing where there is none."""
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_imports_run_in_a_circle():
    """Those inside functions count too; those that only types need do not."""
    modules = {".".join(("cityai", *Path(name_of(p)).with_suffix("").parts)): p for p in MODULES}
    modules = {name.removesuffix(".__init__"): path for name, path in modules.items()}
    graph = {
        name: {found for found in list_modules(path, set(modules)) if found != name}
        for name, path in modules.items()
    }
    assert find_circle(graph) == []


def test_a_circle_would_be_found():
    assert find_circle({"a": {"b"}, "b": {"c"}, "c": {"a"}})
    assert find_circle({"a": {"b"}, "b": {"c"}}) == []


def list_modules(path: Path, known: set[str]) -> set[str]:
    """Return the package's modules that a file imports when it runs."""
    tree = ast.parse(path.read_text())
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    found: set[str] = set()
    for node in (node for node in ast.walk(tree) if id(node) not in for_types):
        if isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in known else str(node.module) for name in names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found & known


def read_table(heading: str) -> list[list[str]]:
    """Return the cells of the table below a heading of CONTRIBUTING.md, without its header."""
    text = (PACKAGE.parent / "CONTRIBUTING.md").read_text().split(f"## {heading}\n")[1]
    rows = [line for line in text.split("\n## ")[0].splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows[2:]]


def test_every_room_has_its_line_in_the_order_of_the_ranks():
    told = [name for row in read_table("The rooms") for name in re.findall("`(.+?)`", row[0])]
    rooms = {p.name + "/" * p.is_dir() for p in PACKAGE.iterdir() if "__" not in p.name}
    assert set(told) == rooms - {"py.typed"}
    ranks = [rank_of(name.rstrip("/").removesuffix(".py")) for name in told]
    assert ranks == sorted(ranks)


def test_files_that_new_code_goes_to_are_there():
    rows = read_table("Where new code goes")
    wanted = {"a baseline", "a metric", "a card section", "a register", "an estimator", "a check"}
    assert wanted | {"a source of tables", "a kind of question"} <= {row[0] for row in rows}
    for row in rows:
        named = [name for cell in row for name in re.findall(r"`([\w./]+)`", cell)]
        paths = [name for name in named if "/" in name or (name.endswith(".py"))]
        for name in paths:
            assert any((root / name).exists() for root in (PACKAGE, PACKAGE.parent)), (row[0], name)
    assert all(re.search(r"`[\w./]+`", row[1]) for row in rows)


def test_one_heavy_library_one_door():
    through = [
        f"{name} imports {imported}"
        for path, name in ((path, name_of(path)) for path in MODULES)
        for imported in find_imports(path)
        if not in_door(name, DOORS.get(imported.split(".")[0], {name}))
        or {imported, imported.split(".")[0]} & FORBIDDEN
    ]
    assert through == []


def test_a_module_fits_in_the_head():
    lines = {name_of(path): len(path.read_text().splitlines()) for path in MODULES}
    assert {name for name, n in lines.items() if n == 0} == set()
    too_long = {name: n for name, n in lines.items() if n > 400}
    assert too_long == {}, "a module over 400 lines becomes a folder of the same name"


def test_the_map_is_one_page():
    assert len((PACKAGE / "pipeline" / "run.py").read_text().splitlines()) <= 190


def test_no_room_for_leftovers():
    for path in MODULES:
        assert path.stem not in {"utils", "helpers", "common", "base", "manager"}, path


HEAVY = [
    "pandas",
    "numpy",
    "scipy",
    "sklearn",
    "lightgbm",
    "mlflow",
    "shap",
    "fairlearn",
    "matplotlib",
    "duckdb",
    "ibis",
    "pandera",
    "jinja2",
    "babel",
    "holidays",
    "fastapi",
    "uvicorn",
]


def test_the_process_that_reads_tables_loads_little_but_the_engine():
    said = subprocess.run(
        [sys.executable, "-c", "import cityai.confine.tables, sys; print(*sys.modules)"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    assert "_duckdb" in said
    assert not {*HEAVY, "pyarrow", "sqlite3", "importlib.metadata"}.intersection(said)


@pytest.mark.parametrize(
    "command",
    [["-c", "import cityai"], ["-m", "cityai", "--help"], ["-c", "import cityai.pipeline.review"]],
    ids=["import", "help", "gate"],
)
def test_starting_is_light(command):
    """Importing the package, asking for help, and the gate load nothing heavy."""
    probe = subprocess.run(
        [sys.executable, "-X", "importtime", *command], capture_output=True, text=True, check=True
    )
    loaded = {line.rsplit("|", 1)[-1].strip().split(".")[0] for line in probe.stderr.splitlines()}
    assert loaded.isdisjoint(HEAVY), sorted(loaded & set(HEAVY))


WITHOUT_FIGURES = frozenset(
    (
        *("__init__.py", "__main__.py", "cli", "delivery", "desk", "doctor.py", "drill"),
        *("py.typed", "pipeline", "review", "samples", "scaffold", "store", "testing.py", "track"),
    )
)
"""Rooms that change no figure of a stage's record."""


def test_every_room_is_in_the_digest_of_results_or_changes_no_figure():
    """Code that a saved result depends on must be in its digest, or stale results are published."""
    counted = {part for rooms in CHAPTERS.values() for part in rooms} | set(SHARED)
    rooms = {p.name for p in PACKAGE.iterdir() if p.name != "__pycache__"}
    assert rooms == {part.split("/")[0] for part in counted} | WITHOUT_FIGURES
    assert not WITHOUT_FIGURES & counted


SCRIPTS = sorted(
    path for room in ("benchmarks", "docs") for path in (PACKAGE.parent / room).rglob("*.py")
)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: p.name)
def test_scripts_name_what_there_is(path):
    """Benchmarks and the documentation's scripts run rarely: what they import must be there."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cityai."):
            module = importlib.import_module(str(node.module))
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                assert hasattr(module, alias.name) or importlib.util.find_spec(whole), whole
