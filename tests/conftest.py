"""Fixtures shared by all tests: real data where they are, and a small city of our own."""

from __future__ import annotations

import gc
import os
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, settings

from cityai.cli.main import FEW_COLLECTIONS
from cityai.pipeline.unchanged import ELSEWHERE
from tests.promises import PAGE, PROMISES, read_outcomes, sum_up, write_page
from tests.servers import (
    LAKES,
    Postgres,
    Spark,
    start_postgres,
    start_spark,
    tell_lack,
    tell_spark_lack,
)

ROOT = Path(__file__).parents[1]

# A machine with other work fails no test: a time is measured in benchmarks, never asserted.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
gc.set_threshold(*FEW_COLLECTIONS)  # as a command does

for _name in (*ELSEWHERE, "CITYAI_STATE", "CITYAI_USER"):
    os.environ.pop(_name, None)


@pytest.fixture(autouse=True)
def _same_environment() -> Iterator[None]:
    """Take back what a test leaves in the environment; MLflow writes its address there."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session", autouse=True)
def _few_collections() -> Iterator[None]:
    """Leave what was imported out of every later search for objects that nobody holds."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def leave_out_pictures(patch: pytest.MonkeyPatch) -> None:
    from cityai.card import pages

    patch.setattr(pages, "draw_figures", lambda *_: ())


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A browser without a window, with nothing of another one in it."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def no_pictures() -> Iterator[None]:
    """Leave out a card's pictures, half of a run, where nobody looks at them."""
    with pytest.MonkeyPatch.context() as patch:
        leave_out_pictures(patch)
        yield


def grow_few_trees(patch: pytest.MonkeyPatch) -> None:
    from cityai.modeling.forecasters.boosted_trees import _load_lightgbm

    lightgbm = _load_lightgbm()
    train = lightgbm.train

    def train_few(*asked: object, num_boost_round: int) -> object:
        return train(*asked, num_boost_round=max(num_boost_round // 10, 1))

    patch.setattr(lightgbm, "train", train_few)


@pytest.fixture(scope="module")
def few_trees() -> Iterator[None]:
    """Grow a tenth of the trees, half of many a run, where nobody asks how well it foretells."""
    with pytest.MonkeyPatch.context() as patch:
        grow_few_trees(patch)
        yield


LONGEST = (
    "test_connections.py", "test_templates.py", "test_faults.py", "test_own_models_run.py",
    "test_own_models.py", "test_kills.py", "test_browser.py", "test_worked_example.py",
    "test_worked_trial.py",
    "test_evaluate.py", "test_card_published.py", "test_end_to_end.py", "test_mitigate.py",
    "test_deploy.py", "test_alive.py", "test_desk_browser.py", "test_project.py", "test_docs.py",
    "test_shared_server.py", "test_brief.py", "test_truncation.py",
)  # fmt: skip
"""Files that are begun first, the longest before the others."""
DATA = Path(os.environ.get("CITYAI_DATA") or ROOT / ".." / "shared" / "data").resolve()
"""The folder of real city data."""
BROWSER = os.environ.get("CITYAI_BROWSER") or shutil.which("chromium") or shutil.which("chrome")


SLOW = (
    "test_alive.py", "test_answers.py", "test_approved.py", "test_area_tables.py", "test_audit.py",
    "test_backtest_dense.py", "test_backtest_listed.py", "test_brief.py", "test_bundle.py",
    "test_by_hand.py", "test_case_join.py", "test_cases.py", "test_chain.py", "test_city_score.py",
    "test_city_table.py", "test_closing.py", "test_complementary_suppression.py",
    "test_corrections.py", "test_create.py", "test_delta.py", "test_desk.py", "test_diff.py",
    "data/test_rows.py", "test_divided.py", "test_equality_deletes.py",
    "test_docs.py", "test_iceberg.py",
    "test_end_to_end.py", "test_features.py", "test_folders.py", "test_foresight.py",
    "test_formats.py", "test_full_disk.py", "test_gate.py", "test_hostile.py", "test_interop.py",
    "test_length.py", "test_list_groups.py", "test_lots.py", "test_measures.py", "test_model.py",
    "test_one_value.py", "test_own_model.py", "test_pages.py", "test_panel.py", "test_parallel.py",
    "test_portfolio.py", "test_power.py", "test_proxies.py", "test_quality.py",
    "test_ranking_audit.py", "test_rates.py", "test_readings.py", "test_record.py",
    "test_registers.py", "test_registry.py", "test_release.py", "test_render.py",
    "test_rounding.py", "test_sample_city.py", "test_sample_inspections.py", "test_snapshot.py",
    "test_speech.py", "test_statistics.py", "test_tracking.py", "test_trials.py",
    "test_truncation.py", "test_verdict.py", "test_verify.py", "test_webhook.py",
    "test_worked_trial.py", "test_worth.py",
)  # fmt: skip
"""Files whose tests read tables, fit models or stand on a run: three seconds of a core and more."""


LONG = (
    "test_approved.py", "test_arrivals.py", "test_attack_people.py", "test_bad.py",
    "test_bad_input.py", "test_card_published.py",
    "test_compas.py", "test_conformance.py", "test_connections.py", "test_discontinuity.py",
    "test_engines.py",
    "test_evaluate.py", "test_explore.py",
    "test_hostile_files.py", "test_look.py", "test_look_cases.py", "test_mitigate.py",
    "test_own_features.py", "test_own_models.py", "test_page_numbers.py", "test_pairs_of_cards.py",
    "test_predict.py", "test_ranked_card.py", "outside/test_rows.py", "test_small_groups.py",
    "test_sources.py", "test_spark.py", "test_tree_text.py", "test_truth.py", "test_twins.py",
    "test_verify_audit.py",
)  # fmt: skip
"""Files that stand on whole runs, closed processes or every card: half a minute of a core each."""


TOGETHER = {
    "cities": ("test_predict.py", "test_approved.py", "test_explore.py", "test_ranked_card.py"),
    "evaluation": ("test_evaluate.py", "test_discontinuity.py"),
    "servers": ("test_connections.py", "test_spark.py", "test_engines.py", "test_arrivals.py",
                "test_conformance.py"),
}  # fmt: skip
"""Files that stand on one run, or on one server: one worker has them all, and begins it once."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hand a worker whole files, and files that stand on the same together."""
    from xdist.scheduler import LoadFileScheduling

    class Together(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file: str = super()._split_scope(nodeid)
            return next((n for n, files in TOGETHER.items() if Path(file).name in files), file)

    return Together(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Take a worker more than there are cores for tests that take long.

    They wait: for servers, browsers, disks, limits and processes that are killed.
    """
    return (os.cpu_count() or 1) + 1 if config.option.markexpr == "long" else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files: a worker takes whole files, none should wait for the last."""
    ranks = {name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path.name, len(ranks)))
    for item in items:
        names = {item.path.name, f"{item.path.parent.name}/{item.path.name}"}
        if names & set(SLOW):
            item.add_marker("slow")
        if names & set(LONG):
            item.add_marker("long")


OBSERVED = "observed"


@pytest.fixture
def observe(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Take down what a promise's test observed, before it is judged."""

    def take(what: str) -> None:
        request.node.user_properties.append((OBSERVED, what))

    return take


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Fail a promise's test that passes and observed nothing; name the promise to the report."""
    mark = item.get_closest_marker("promise")
    if mark is not None:
        assert mark.args[0] in PROMISES, f"no promise {mark.args[0]} is declared"
        item.user_properties.append(("promise", mark.args[0]))
    yield
    if mark is not None and OBSERVED not in dict(item.user_properties):
        pytest.fail("a test that stands for a promise observed nothing")


def list_promised(
    stats: dict[str, list[pytest.TestReport]],
) -> Iterator[tuple[int, bool, tuple[str, ...]]]:
    """Yield of each promise's test that ran: the number, whether it held, what was observed."""
    for outcome in ("passed", "failed", "xfailed", "xpassed"):
        for report in stats.get(outcome, []):
            told = getattr(report, "user_properties", ())
            numbers = [value for name, value in told if name == "promise"]
            if numbers and report.when == "call":
                said = tuple(str(value) for name, value in told if name == OBSERVED)
                yield numbers[0], outcome == "passed", said


def print_promises(terminal: pytest.TerminalReporter) -> None:
    """Print the table and write its page (`make promises`)."""
    found = sum_up(list_promised(terminal.stats))
    page = write_page({**read_outcomes(PAGE.read_text("utf-8")), **found})
    PAGE.write_text(page, "utf-8")
    terminal.section("promises")
    for line in page.splitlines():
        if line.startswith("|"):
            terminal.line(line)


def list_unproven(marks: str, has_data: bool, has_browser: bool) -> list[str]:
    """Say what a run cannot prove, whatever tests were chosen."""
    left = [mark for mark in ("long", "slow") if f"not {mark}" in marks]
    said = [f"what tests marked {mark} prove: they were left out" for mark in left]
    if not has_data:
        said.append("that real tables of cities are read right: set CITYAI_DATA to their folder")
    if not has_browser:
        said.append("that a card works in a browser: no Chromium is installed (or CITYAI_BROWSER)")
    return said


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say at the end what this run could not prove: a skip is no pass."""
    if os.environ.get("CITYAI_PROMISES"):
        print_promises(terminalreporter)
    said = list_unproven(config.option.markexpr, DATA.is_dir(), bool(BROWSER))
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(str(report.longrepr[2]).removeprefix("Skipped: ") for report in skipped)
    said += [f"{n} test{'s' * (n > 1)}: {reason}" for reason, n in sorted(reasons.items())]
    if said:
        terminalreporter.section("not proven by this run")
    for line in said:
        terminalreporter.line(line)


CITY = """\
name: Testville
country: US
time_zone: America/New_York
contact: {unit: Data office, email: data@testville.example}
synthetic: true
areas:
  districts:
    path: areas.csv
    key: id
    name: name
    population: residents
"""
PROJECT = """\
name: requests
title: Requests by district
question:
  unit: requests
  period: week
  horizon: 2
  entity:
    columns: [district]
    label: district
    label_plural: districts
    area: district
    areas: districts
data:
  source: {path: data.csv}
  time: opened
  known: {column: seen}
  reporting_delay_days: 7
  key: [id]
  columns:
    id: {type: text, required: true}
    opened: {type: date, required: true}
    seen: {type: date, required: true}
    district: {type: text, required: true}
    topic: {type: text, allowed: [noise, waste, heat]}
backtest: {folds: 7, calibration: 4}
audit:
  dimensions:
    income: {label: Districts by income, bands: income, band_names: [lower, higher]}
    origin: {label: Origin of residents, shares: {here: [born_here], abroad: [born_abroad]}}
"""


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real city data; tests that need it are skipped where it is absent."""
    if not DATA.is_dir():
        pytest.skip("no real city data: set CITYAI_DATA to the folder that holds them")
    return DATA


def draw_requests(weeks: int = 130, districts: int = 6, seed: int = 3) -> pd.DataFrame:
    """Draw events of a small city: yearly season, weekly pattern, days until they are seen."""
    rng = np.random.default_rng(seed)
    days = pd.date_range("2021-01-04", periods=weeks * 7)
    season = 1 + 0.3 * np.sin(2 * np.pi * np.asarray(days.day_of_year) / 365.25)
    parts = []
    for district in range(districts):
        counts = rng.poisson((1 + district) * season)
        parts.append(pd.DataFrame({"opened": days.repeat(counts), "district": f"D{district}"}))
    events = pd.concat(parts, ignore_index=True)
    delay = pd.to_timedelta(rng.integers(0, 4, len(events)), unit="D")
    events["seen"] = events["opened"] + delay
    events["topic"] = rng.choice(["noise", "waste", "heat"], len(events))
    events.insert(0, "id", [f"R{i:06d}" for i in range(len(events))])
    for column in ("opened", "seen"):
        events[column] = events[column].dt.strftime("%Y-%m-%d")
    return events


@pytest.fixture(scope="session")
def requests_table() -> pd.DataFrame:
    """Events of the small city, as its CSV file holds them."""
    return draw_requests()


def write_workspace(
    place: Path, data: pd.DataFrame | bytes, project: str = PROJECT, city: str = CITY
) -> Path:
    """Write the small city's workspace and return its project's folder."""
    (place / "configs").mkdir(exist_ok=True)
    (place / "configs" / "city.yaml").write_text(city)
    (place / "configs" / "policy.yaml").write_text("small_cell: 11\n")
    folder = place / "projects" / "requests"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "project.yaml").write_text(project)
    if isinstance(data, bytes):
        (folder / "data.csv").write_bytes(data)
    else:
        data.to_csv(folder / "data.csv", index=False)
    areas = pd.DataFrame(
        {
            "id": [f"D{i}" for i in range(6)],
            "name": [f"District {i}" for i in range(6)],
            "residents": [1000 * (1 + i) for i in range(6)],
            "income": [20, 60, 30, 70, 40, 50],
            "born_here": [600 * (1 + i) for i in range(6)],
            "born_abroad": [400 * (1 + i) for i in range(6)],
        }
    )
    areas.to_csv(place / "areas.csv", index=False)
    return folder


@pytest.fixture
def make_workspace(tmp_path: Path, requests_table: pd.DataFrame) -> Callable[..., Path]:
    """Write the small city's workspace and return its project's folder."""

    def make(
        project: str = PROJECT, data: pd.DataFrame | bytes | None = None, city: str = CITY
    ) -> Path:
        return write_workspace(tmp_path, requests_table if data is None else data, project, city)

    return make


@pytest.fixture
def own_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep runs in their own workspace, whatever this machine's variables say."""
    for name in (*ELSEWHERE, "CITYAI_STATE", "CITYAI_USER", "SOURCE_DATE_EPOCH"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server of the tests' own; skipped with the reason where there can be none."""
    if lack := tell_lack():
        pytest.skip(lack)
    with start_postgres() as server:
        yield server


@pytest.fixture(scope="module")
def lakes() -> Iterator[None]:
    """The readers of tables with versions, where `make lakes` puts them."""
    from cityai.confine.reader import forget_reader

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [*sys.path, str(LAKES)])
        forget_reader()  # the next process that reads tables finds them
        yield
    forget_reader()


@pytest.fixture(scope="session")
def spark() -> Iterator[Spark]:
    """A Spark Connect server of the tests' own; skipped with the reason where there is none."""
    from cityai.confine.reader import forget_reader

    if lack := tell_spark_lack():
        pytest.skip(lack)
    with start_spark() as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [*sys.path, str(LAKES)])
        forget_reader()  # the next process that reads tables finds the client
        yield server
