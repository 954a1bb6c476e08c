"""Speed and growth of a run: `python benchmarks/speed.py [--runs N] [STEP [SIZE ...]]`.

Steps: `panel` (weeks of many places, in hard groups that are small and crossed), `events` (a CSV of
single events, beside the bare group-by, without and with a key), `folder` (the same from a folder
of Parquet files), `features` (rows to features beside mlforecast's preprocessing), `share` (rows of
the same panel: fit and predict, which is every call of a forecaster wherever it is made, and all
that a run does beside these), `audited` (predictions of so many people that somebody else made),
`project` (published projects from nothing, with nothing changed, and with another title). Each case
has a process of its own, and runs three times: the median counts. Seconds are the processor's,
memory is the most that is held in a stage.
What was measured is kept in `speed.json`; `speed.md` and `speed_growth.png` are made of it.
"""

from __future__ import annotations

import argparse
import functools
import gc
import importlib
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from typing import Any, Final

import features
import numpy as np
import pandas as pd

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parent
FOUND: Final = HERE / "speed.json"
RETITLED: Final = "the title changed"
RUNS: Final = "runs"
ONCE: Final = {RUNS: {"n": 1.0}}
"""What is told of a case whose runs were not counted."""
WEEKS: Final = 156
DISTRICTS: Final = 24
SIZES: Final[dict[str, tuple[str, ...]]] = {
    "panel": ("250", "1000", "4000", "20000"),
    "events": ("500000", "5000000"),
    "folder": ("1000000", "10000000", "100000000"),
    "share": ("10000", "100000", "1000000"),
    "audited": ("2000000",),
    "features": ("1000", "5000"),
    "project": ("food_inspections", "clinic_no_shows", "waste_tonnage"),
}
STAGES: Final = (
    "snapshot",
    "quality",
    "truncation",
    "backtest",
    "memberships",
    "audit",
    "evaluation",
    "explanation",
    "proxies",
    "outlook",
)
IMPORTS: Final = (
    "cityai.pipeline.run, cityai.pipeline.portfolio, cityai.track.results, cityai.card.pages, "
    "duckdb, holidays.countries, ibis, ibis.backends.sql.compilers, lightgbm, mlflow.pyfunc, "
    "mlflow.store.tracking.sqlalchemy_store, pandera, pandera.backends.pandas.builtin_checks, "
    "scipy.optimize, shap, sklearn"
)
"""What a run loads."""
Figures = dict[str, dict[str, float]]

CITY: Final = """\
name: Port Ellery
synthetic: true
country: US
time_zone: America/New_York
languages: [en]
contact: {unit: Office of Data, email: data@port-ellery.example}
"""
PANEL: Final = """\
name: panel
title: Calls by block and week
question:
  measure: sum
  value: calls
  unit: calls
  period: week
  horizon: 4
  entity: {columns: [block], label: block, label_plural: blocks, attributes: [ward, income, use]}
data:
  source: {path: panel.parquet}
  time: week
  known: {lag_days: 7}
  columns:
    week: {type: date, required: true}
    block: {type: text, required: true}
    ward: {type: text, required: true}
    income: {type: text, required: true}
    use: {type: text, required: true}
    calls: {type: number, min: 0, required: true}
audit:
  intersections: true
  dimensions:
    ward: {label: Ward, attribute: ward}
    income: {label: Income, attribute: income}
    use: {label: Use, attribute: use}
"""
SINGLE: Final = """\
name: events
title: Requests by district and week
question:
  measure: count
  unit: requests
  period: week
  horizon: 4
  entity: {columns: [district], label: district, label_plural: districts}
data:
  source: {path: events.csv}
  time: opened
  known: {lag_days: 1}
  key: [id]
  columns:
    id: {type: integer, required: true}
    opened: {type: date, required: true}
    district: {type: text, required: true}
"""
AUDITED: Final = """\
name: scores
title: Scores of a vendor
city: city
predictions:
  kind: yes/no
  unit: persons
  label: person
  label_plural: persons
  made_by: a vendor
  columns: {outcome: needed, prediction: score, decision: chosen}
audit:
  intersections: true
  dimensions:
    ward: {label: Ward, attribute: ward}
    income: {label: Income, attribute: income}
    use: {label: Use, attribute: use}
"""


def write_panel(folder: Path, entities: int) -> None:
    """Write places of very unequal size: one in fifty hardly has a call, wards are unequal too."""
    rng = np.random.default_rng(20261129)
    level = rng.lognormal(1.0, 0.8, entities)
    level[rng.random(entities) < 0.02] = 0.02
    ward = np.minimum(rng.geometric(0.25, entities), 9)
    season = 1 + 0.3 * np.sin(2 * np.pi * np.arange(WEEKS) / 52)
    calls = rng.poisson(rng.gamma(4, level / 4, (WEEKS, entities)) * season[:, None])
    calls[0] = np.maximum(calls[0], 1)
    week, block = np.nonzero(calls)
    names = np.array([f"b{i:05d}" for i in range(entities)])
    income = rng.choice(["low", "middle", "high"], entities, p=[0.2, 0.6, 0.2])
    use = rng.choice(["homes", "mixed", "works", "docks"], entities, p=[0.6, 0.3, 0.098, 0.002])
    frame = pd.DataFrame(
        {
            "week": (pd.Timestamp("2022-01-03") + pd.to_timedelta(7 * week, "D")).date,
            "block": names[block],
            "ward": np.char.add("w", ward.astype(str))[block],
            "income": income[block],
            "use": use[block],
            "calls": calls[week, block].astype(np.float64),
        }
    )
    frame.to_parquet(folder / "panel.parquet")


def write_events(folder: Path, events: int) -> None:
    """Write a CSV of single events, of places that differ in size, over the same weeks."""
    rng = np.random.default_rng(20261129)
    names, share = [f"d{i:02d}" for i in range(DISTRICTS)], rng.lognormal(0, 0.7, DISTRICTS)
    day = rng.integers(0, 7 * WEEKS, events)
    frame = pd.DataFrame(
        {
            "id": np.arange(events),
            "opened": (np.datetime64("2022-01-03") + day).astype(str),
            "district": rng.choice(names, events, p=share / share.sum()),
        }
    )
    frame.to_csv(folder / "events.csv", index=False)


def write_workspace(folder: Path, name: str, text: str) -> Path:
    """Write a workspace with one project; its data lie beside the `configs` folder."""
    (folder / "configs").mkdir(parents=True)
    (folder / "configs" / "city.yaml").write_text(CITY)
    shutil.copy(ROOT / "configs" / "policy.yaml", folder / "configs")
    project = folder / "projects" / name
    project.mkdir(parents=True)
    (project / "project.yaml").write_text(text)
    return project


@contextmanager
def measured(found: Figures, name: str) -> Iterator[None]:
    """Measure a block: seconds of the processor, and the most memory that is held in it."""
    Path("/proc/self/clear_refs").write_text("5")
    before = count_seconds()
    yield
    memory = next(
        line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line
    )
    held = int(memory.split()[1]) / 1024**2 + sum(_list_alive("status"))
    found[name] = {"cpu": count_seconds() - before, "gb": held}


def count_seconds() -> float:
    """Count the seconds of this process, of those that it started and ended, and of those alive."""
    own, children = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    ended = own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
    return ended + sum(_list_alive("stat"))


def _list_alive(what: str) -> Iterator[float]:
    """List the seconds (`stat`) or the most memory in GB (`status`) of processes started here."""
    for task in Path("/proc/self/task").iterdir():
        children = ""
        with suppress(FileNotFoundError):  # a thread that has ended has started nobody
            children = (task / "children").read_text()
        for child in children.split():
            text = (Path("/proc") / child / what).read_text()
            if what == "stat":
                times = text.rpartition(")")[2].split()[11:13]
                yield sum(map(int, times)) / os.sysconf("SC_CLK_TCK")
            else:
                yield int(text.partition("VmHWM:")[2].split()[0]) / 1024**2


def run_stages(project: Path, stages: tuple[str, ...] = STAGES) -> Figures:
    """Run the stages of a project one by one, in a fresh private folder."""
    found: Figures = {}
    with measured(found, "imports"):
        import ibis.backends.sql.compilers  # noqa: F401
        import lightgbm  # noqa: F401
        import shap  # noqa: F401

        from cityai.config.load import load_project
        from cityai.pipeline import run as pipeline
        from cityai.pipeline.stage import hold_run
    with hold_run(load_project(project)) as run:
        for name in stages:
            with measured(found, name):
                getattr(pipeline, name)(run)
            told = found[name]
            print(f"  {name:12}{told['cpu']:8.1f} s{told['gb']:6.2f} GB", flush=True)
    return found


def run_panel(folder: Path, size: str) -> Figures:
    """Every stage of a panel of so many places."""
    project = write_workspace(folder, "panel", PANEL)
    write_panel(folder, int(size))
    return run_stages(project)


def run_events(folder: Path, size: str) -> Figures:
    """The snapshot of so many events in a CSV, beside the floor."""
    folder.mkdir()
    write_events(folder, int(size))
    return _read_beside_floor(folder, "events.csv", f"'{folder}/events.csv'", size)


def run_folder(folder: Path, size: str) -> Figures:
    """The snapshot of so many events in a folder of Parquet files by month, beside the floor."""
    import duckdb

    folder.mkdir()
    duckdb.sql(f"SET memory_limit = '3GB'; SET temp_directory = '{folder / 'spill'}'")
    duckdb.sql(
        f"COPY (SELECT range AS id, DATE '2022-01-03' + CAST(hash(range) % {7 * WEEKS} AS INTEGER) "
        f"AS opened, 'd' || CAST(hash(range, 1) % {DISTRICTS} AS VARCHAR) AS district, "
        f"strftime(opened, '%Y-%m') AS month FROM range({size})) TO '{folder / 'events'}' "
        "(FORMAT parquet, PARTITION_BY (month))"
    )
    return _read_beside_floor(folder, "events", f"'{folder}/events/*/*.parquet'", size)


def _read_beside_floor(folder: Path, name: str, files: str, size: str) -> Figures:
    """Read events without and, up to ten million, with a key, and group them by the bare engine."""
    import duckdb

    text = SINGLE.replace("events.csv", name).replace("  time:", "  max_rows: 200000000\n  time:")
    # Without a key nothing but the day and the district of an event is read.
    short = text.replace("  key: [id]\n", "").replace(
        "    id: {type: integer, required: true}\n", ""
    )
    asked = {"group-by": ("", "snapshot", short)}
    if int(size) <= 10_000_000:
        asked["with distinct ids"] = (", count(DISTINCT id)", "snapshot with a key", text)
    duckdb.sql(f"SET memory_limit = '3GB'; SET temp_directory = '{folder / 'spill'}'")
    found: Figures = {}
    for floor, (counted, _, _) in asked.items():
        query = f"SELECT district, date_trunc('week', opened), count(*){counted} FROM {files}"
        with measured(found, floor):
            duckdb.sql(f"{query} GROUP BY ALL").fetchall()
    for floor, (_, title, project_text) in asked.items():
        project = write_workspace(folder / title.replace(" ", "-"), "events", project_text)
        (project / name).symlink_to(folder / name)
        told = run_stages(project, ("snapshot",))
        found |= {"imports": told["imports"]} if floor == "group-by" else {}
        found[title] = told["snapshot"]
        ratio = told["snapshot"]["cpu"] / found[floor]["cpu"]
        found[f"{title}, over {floor}"] = {"times": ratio}
    return found


def run_features(folder: Path, size: str) -> Figures:
    """Rows to features of so many series, beside mlforecast's preprocessing of the same."""
    project = write_workspace(folder, "features", features.SPEC)
    features.write_series(folder, int(size))
    from cityai.config.load import load_project
    from cityai.data.layouts.dense import build_rows
    from cityai.data.panel import build_panel
    from cityai.pipeline import run as pipeline
    from cityai.pipeline.stage import hold_run

    loaded = load_project(project)
    found: Figures = {}
    with hold_run(loaded) as run:
        snapshot = pipeline.snapshot(run)
    panel = build_panel(snapshot, loaded.spec)
    origins = range(panel.periods.count)
    build_rows(panel, snapshot, loaded, origins[:3])
    with measured(found, "cityai"):
        rows = build_rows(panel, snapshot, loaded, origins)
    peer = features.ask_peer(folder)
    if isinstance(peer, str):
        print(f"  mlforecast is left out: {peer}")
        return found
    found["mlforecast"] = {"cpu": peer}
    ratio, theirs = found["cityai"]["cpu"] / peer, len(features.LAGS) + len(features.WINDOWS)
    found["cityai over mlforecast"] = {"times": ratio}
    each = ratio * theirs / len(rows.table.columns[rows.table.dtypes == np.float32])
    found["cityai over mlforecast, for each feature"] = {"times": each}
    print(f"  {features.hold_equal(rows.table, folder):,} figures are equal")
    return found


def _load(found: Figures) -> None:
    """Load what a run loads, as a command does: it is not looked through for cycles later."""
    from cityai.cli.console import loading
    from cityai.cli.main import FEW_COLLECTIONS

    gc.set_threshold(*FEW_COLLECTIONS)
    with measured(found, "imports"), loading():
        for name in IMPORTS.split(", "):
            importlib.import_module(name)


def run_share(folder: Path, size: str) -> Figures:
    """A whole run, its imports made before: fit and predict, and all that is neither."""
    found: Figures = {}
    _load(found)
    project = write_workspace(folder, "panel", PANEL)
    write_panel(folder, int(size) // WEEKS)
    from cityai.pipeline.run import run_project

    with listen_to_forecasters() as calls, measured(found, "all else"):
        run_project(project)
    found["fit and predict"] = {"cpu": sum(calls)}
    found["all else"]["cpu"] -= sum(calls)
    return found


@contextmanager
def listen_to_forecasters() -> Iterator[list[float]]:
    """Yield the seconds of each call of a forecaster's fit, predict or forecast, in any thread.

    Wherever it is made: in the backtest, for the final model, or beyond the data. No call of these
    starts a thread or a process.
    """
    from cityai.modeling.forecasters.boosted_trees import BoostedTrees, FittedTrees
    from cityai.modeling.forecasters.series import SeriesModel

    calls, inside = [], threading.local()

    def listen(call: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(call)
        def heard(*given: Any, **named: Any) -> Any:
            if getattr(inside, "one", False):
                return call(*given, **named)
            begun, inside.one = time.thread_time(), True
            try:
                return call(*given, **named)
            finally:
                inside.one = False
                calls.append(time.thread_time() - begun)

        return heard

    fit, predict, forecast = BoostedTrees.fit, FittedTrees.predict, SeriesModel.forecast
    BoostedTrees.fit, FittedTrees.predict = listen(fit), listen(predict)
    SeriesModel.forecast = property(lambda model: listen(forecast.__get__(model)), forecast.__set__)
    try:
        yield calls
    finally:
        BoostedTrees.fit, FittedTrees.predict, SeriesModel.forecast = fit, predict, forecast


def run_audited(folder: Path, size: str) -> Figures:
    """The audit of so many people: their scores and decisions from a file."""
    rng, count = np.random.default_rng(20261129), int(size)
    score = rng.beta(2, 5, count)
    use = rng.choice(["homes", "mixed", "works", "docks"], count, p=[0.6, 0.3, 0.0999, 0.0001])
    frame = {
        "score": score,
        "needed": (rng.random(count) < score).astype(int),
        "chosen": (score > 0.4).astype(int),
        "ward": np.char.add("w", np.minimum(rng.geometric(0.25, count), 9).astype(str)),
        "income": rng.choice(["low", "middle", "high"], count, p=[0.2, 0.6, 0.2]),
        "use": use,
    }
    write_workspace(folder, "panel", PANEL)
    pd.DataFrame(frame).to_parquet(folder / "scores.parquet")
    (folder / "audit.yaml").write_text(AUDITED)
    found: Figures = {}
    _load(found)
    from cityai.config.load_audit import load_audit
    from cityai.pipeline.external_audit import audit_given

    with measured(found, "whole audit"):
        audit_given(load_audit(folder / "audit.yaml"), folder / "scores.parquet")
    return found


def run_published(folder: Path, size: str) -> Figures:
    """A published project from nothing, as it is, and with another title: whole commands."""
    shutil.copytree(ROOT / "configs", folder / "configs")
    shutil.copytree(ROOT / "projects" / size, folder / "projects" / size)
    found: Figures = {}
    for name in ("from nothing", "nothing changed", RETITLED):
        if name == RETITLED:
            change_title(folder / "projects" / size)
        with measured(found, name):
            command = [sys.executable, "-m", "cityai", "run", f"projects/{size}"]
            subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL)
        del found[name]["gb"]  # of another process
    return found


def change_title(project: Path) -> None:
    """Change a project's title, in all the files that name it."""
    lines = (project / "project.yaml").read_text().splitlines()
    title = next(line.removeprefix("title: ") for line in lines if line.startswith("title: "))
    for file in project.glob("*.yaml"):
        file.write_text(file.read_text().replace(title, f"{title} anew"))


CASES: Final[dict[str, Callable[[Path, str], Figures]]] = {
    "panel": run_panel,
    "events": run_events,
    "folder": run_folder,
    "share": run_share,
    "audited": run_audited,
    "features": run_features,
    "project": run_published,
}


def measure_case(step: str, size: str, runs: int) -> None:
    """Measure one case so many times, and keep the medians of what was found."""
    told = [run_case(step, size) for _ in range(runs)]
    found = json.loads(FOUND.read_text()) if FOUND.exists() else {}
    found.setdefault(step, {})[size] = {
        name: {what: median(run[name][what] for run in told) for what in figures}
        for name, figures in told[0].items()
    } | {RUNS: {"n": runs}}
    FOUND.write_text(json.dumps(found, indent=1) + "\n")


def run_case(step: str, size: str) -> Figures:
    """Measure one case in a process of its own."""
    print(f"{step} {size}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "found.json"
        command = [sys.executable, __file__, "--case", step, size, folder, str(out)]
        paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        # Modules are kept compiled, as on a city's machine, whatever is set here.
        own = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        subprocess.run(command, check=True, env=own | {"PYTHONPATH": paths})
        found: Figures = json.loads(out.read_text())
        return found


def write_report() -> None:
    """Write the tables and the plot of what is kept."""
    found = json.loads(FOUND.read_text())
    lines = [
        "# Speed and growth, measured",
        "",
        "`python benchmarks/speed.py`, part of `make bench`. Seconds are the processor's, those",
        "of child processes too, not the clock's; GB is the most that is held in a stage, what was",
        f"there before it counted. {os.cpu_count()} shared cores, "
        f"Python {platform.python_version()}, "
        f"{platform.system()} {platform.machine()}. Medians of so many runs as the last row says;",
        "read those of one run as ±20 %.",
        "Where there is too much to check, the audit shows no group by replay, and is quicker:",
        "from some 1,500 places on in this panel.",
        "The process that reads a file, and what it holds, is counted in. Without a key only day",
        "and district of an event are read. mlforecast has an environment of its own; all lags and",
        "rolling means that both give are equal, and cityai's features are more than these.",
    ]
    for step, title in TITLES.items():
        sizes = [size for size in SIZES[step] if size in found.get(step, {})]
        if not sizes:
            continue
        rows = list(dict.fromkeys(name for size in sizes for name in found[step][size]))
        heads = [f"{int(size):,}" if size.isdigit() else size for size in sizes]
        lines += [
            "",
            f"## {title}",
            "",
            f"| | {' | '.join(heads)} |",
            "|---" * (len(sizes) + 1) + "|",
        ]
        cells = {
            name: [_write_cell(found[step][size].get(name, ONCE.get(name))) for size in sizes]
            for name in rows
        }
        lines += [f"| {name} | {' | '.join(told)} |" for name, told in cells.items()]
        if step == "share":
            lines.append(f"| all else over fit and predict |{_write_shares(found[step], sizes)} |")
    (HERE / "speed.md").write_text("\n".join(lines) + "\n")
    draw_growth(found.get("panel", {}))


def _write_shares(found: dict[str, Figures], sizes: list[str]) -> str:
    shares = (
        found[size]["all else"]["cpu"] / found[size]["fit and predict"]["cpu"] for size in sizes
    )
    return " |".join(f" {share:.0%}" for share in shares)


def _write_cell(told: dict[str, float] | None) -> str:
    if told is None:
        return "-"
    if "n" in told:
        return f"{told['n']:.0f}"
    if "times" in told:
        return f"{told['times']:.1f} times"
    memory = f", {told['gb']:.1f} GB" if "gb" in told else ""
    return f"{told['cpu']:.1f} s{memory}"


TITLES: Final = {
    "panel": f"A panel of so many places x {WEEKS} weeks, three dimensions and their crossings",
    "events": f"A CSV of so many events in {DISTRICTS} districts",
    "folder": "A folder of Parquet files of so many events, by month",
    "share": "Rows of the same panel: what a whole run takes beside calls of fit and predict",
    "audited": "Predictions of so many people, made by somebody else, audited in three dimensions",
    "features": f"Features of so many series x {WEEKS} weeks: 8 lags, rolling means of 4 windows",
    "project": "Published projects, as commands",
}


def draw_growth(found: dict[str, Figures]) -> None:
    """Draw seconds and memory of the dearest stages over places."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.2), layout="constrained")
    axes = figure.subplots(1, 2)
    sizes = sorted(found, key=int)
    for axis, what, label in zip(axes, ("cpu", "gb"), ("processor seconds", "GB"), strict=True):
        for name in ("snapshot", "truncation", "backtest", "audit", "evaluation", "explanation"):
            values = [found[size][name][what] for size in sizes]
            axis.loglog([int(size) for size in sizes], values, marker="o", label=name)
        axis.set_xlabel("places")
        axis.set_ylabel(label)
    axes[0].legend(fontsize=7)
    figure.savefig(HERE / "speed_growth.png", dpi=70)


def main() -> None:
    if sys.argv[1:2] == ["--case"]:
        step, size, folder, out = sys.argv[2:]
        Path(out).write_text(json.dumps(CASES[step](Path(folder) / "city", size)))
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("step", nargs="?", choices=CASES)
    parser.add_argument("sizes", nargs="*", metavar="SIZE")
    given = parser.parse_args()
    for step in [given.step] if given.step else CASES:
        for size in given.sizes or SIZES[step]:
            measure_case(step, size, given.runs)
    write_report()


if __name__ == "__main__":
    main()
