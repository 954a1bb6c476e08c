"""The small city from its specification to its card: what is kept, redone, tracked and verified."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import cityai
from cityai.card.record import CardRecord, seal_record, write_lines
from cityai.cli.main import run_command
from cityai.columns import CANDIDATE
from cityai.config.load import load_project
from cityai.data.layouts.dense import lay_dense
from cityai.data.panel import build_panel
from cityai.errors import TimeError
from cityai.findings import Status
from cityai.kinds import open_kind
from cityai.pipeline.check import check_project
from cityai.pipeline.result import Result
from cityai.pipeline.unchanged import ELSEWHERE, find_unchanged
from cityai.track.door import import_mlflow, keep_quiet
from cityai.track.measures import measure_card
from cityai.track.server import connect_tracking
from tests.conftest import PROJECT, write_workspace

EPOCH = "1767225600"
STAGES = [
    "snapshot",
    "quality",
    "truncation",
    "backtest",
    "memberships",
    "evaluation",
    "audit",
    "explanation",
    "proxies",
    "outlook",
]
WORDS = "owner: {unit: Department of requests}\n"


@dataclass(frozen=True)
class Step:
    """A run, and the card that it left."""

    result: Result
    card: dict[str, bytes]


@dataclass(frozen=True)
class Story:
    """One workspace, run again and again."""

    place: Path
    folder: Path
    first: Step
    again: Step
    reworded: Step
    judged: Step

    @property
    def cards(self) -> Path:
        return self.place / "model_cards" / "requests"

    @property
    def state(self) -> Path:
        return self.place / ".cityai"


def run(folder: Path) -> Step:
    result = cityai.run_project(str(folder))
    card = {path.name: path.read_bytes() for path in sorted(result.card_path.parent.iterdir())}
    return Step(result, card)


def set_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*ELSEWHERE, "CITYAI_STATE", "CITYAI_USER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", EPOCH)


@pytest.fixture(autouse=True)
def _environment(own_store: None, monkeypatch: pytest.MonkeyPatch) -> None:
    set_environment(monkeypatch)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, requests_table: pd.DataFrame) -> Story:
    place = tmp_path_factory.mktemp("city")
    folder = write_workspace(place, requests_table)
    with pytest.MonkeyPatch.context() as monkeypatch:
        set_environment(monkeypatch)
        first, again = run(folder), run(folder)
        (folder / "card.yaml").write_text(WORDS)
        reworded = run(folder)
        policy = "small_cell: 11\nlimits: {bias: 0.2, wape: 0.5}\n"
        (place / "configs" / "policy.yaml").write_text(policy)
        judged = run(folder)
    return Story(place, folder, first, again, reworded, judged)


def test_a_result_is_whole_and_frozen(story: Story) -> None:
    result = story.first.result
    for field in dataclasses.fields(Result):
        if field.name != "mitigation":  # there is none without a plan
            assert getattr(result, field.name) is not None
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(result, field.name, None)
    assert set(result.seconds) == {*STAGES, "card and tracking", "the rest"}
    assert min(result.seconds.values()) >= 0
    assert result.card_path == story.cards / "card.html"
    pages = {"card.html"}  # the city declares English alone
    assert set(story.first.card) == {*pages, "card.json", "card.md"}
    known = ("lightgbm", "random_splits", "theta", "smoothing")
    assert result.backtest.predictions.candidates == known
    assert {f.code for f in result.findings} >= {"time.truncation", "time.folds"}


def test_a_result_is_one_line_and_one_page(story: Story) -> None:
    result = story.first.result
    assert len(repr(result)) < 300
    page = result._repr_html_()
    assert len(page) < 10_000
    assert result.card.eval.in_words[0] in page
    assert result.card_path.as_uri() in page


def test_a_second_run_reuses_everything(story: Story) -> None:
    assert set(story.again.result.seconds) == {"card and tracking", "the rest"}
    assert story.again.card == story.first.card
    assert story.again.result.mlflow_run_id != story.first.result.mlflow_run_id


def test_words_change_the_card_alone(story: Story) -> None:
    assert set(story.reworded.result.seconds) == {"card and tracking", "the rest"}
    assert story.reworded.card["card.json"] != story.again.card["card.json"]
    assert b"Department of requests" in story.reworded.card["card.html"]
    before, after = (json.loads(step.card["card.json"]) for step in (story.again, story.reworded))
    for part in ("eval", "fairness", "data"):
        assert before[part] == after[part]


def test_a_policy_is_judged_again_and_nothing_is_fitted(story: Story) -> None:
    result = story.judged.result
    assert "audit" in result.seconds
    assert not {"snapshot", "backtest", "memberships"} & set(result.seconds)
    limits = result.audit.table.set_index("metric")["limit"].dropna()
    assert set(limits["wape"]) == {0.5}
    pd.testing.assert_frame_equal(
        result.backtest.predictions.table, story.first.result.backtest.predictions.table
    )


def test_a_run_of_which_nothing_changed_is_not_made_again(
    story: Story, capsys: pytest.CaptureFixture[str], client: Any
) -> None:
    (experiment,) = (e.experiment_id for e in client.search_experiments() if e.name == "requests")
    before = {path: path.read_bytes() for path in story.cards.iterdir()}
    runs = len(client.search_runs([experiment]))
    assert run_command(["run", str(story.folder)]) == 0
    out = capsys.readouterr().out
    assert "Nothing changed since the run of 2026-01-01 00:00" in out
    assert story.judged.result.mlflow_run_id in out
    assert {path: path.read_bytes() for path in story.cards.iterdir()} == before
    assert len(client.search_runs([experiment])) == runs


def test_nothing_heavy_is_loaded_to_tell_that_nothing_changed(story: Story) -> None:
    heavy = ["pandas", "numpy", "duckdb", "lightgbm", "shap", "mlflow", "matplotlib", "scipy"]
    asked = (
        "import sys; from cityai.cli.main import run_command; "
        f"assert run_command(['run', {str(story.folder)!r}]) == 0; "
        f"print(sorted(set({heavy}) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert "Nothing changed" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "changed",
    [
        "projects/requests/card.yaml",
        "projects/requests/data.csv",
        "areas.csv",
        "configs/city.yaml",
        "configs/policy.yaml",
        "model_cards/requests/card.html",
        "model_cards/requests/card.json",
        "record.json",
        "MANIFEST.sha256",
    ],
)
def test_any_byte_that_is_another_makes_a_run(story: Story, changed: str) -> None:
    path, stages = story.place / changed, story.state / "projects" / "requests"
    if not path.exists():
        last = json.loads((stages / "last.json").read_text())
        path = stages / "audit" / last["stages"]["audit"][:16] / changed
    honest, mode = path.read_bytes(), path.stat().st_mode
    assert find_unchanged(load_project(story.folder)) is not None
    try:
        path.write_bytes(honest + b"\n")
        assert find_unchanged(load_project(story.folder)) is None
        path.unlink()
        if "yaml" not in changed:
            assert find_unchanged(load_project(story.folder)) is None
    finally:
        path.write_bytes(honest)
        path.chmod(mode)
    assert find_unchanged(load_project(story.folder)) is not None


def test_who_may_review_a_card_makes_no_other(story: Story) -> None:
    keys = story.place / "configs" / "keys.yaml"
    keys.write_text("keys: []\n")
    try:
        assert find_unchanged(load_project(story.folder)) is not None
    finally:
        keys.unlink()


@pytest.mark.parametrize("name", ["MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID", "CITYAI_USER"])
def test_another_surrounding_makes_a_run(
    story: Story, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "another")
    assert find_unchanged(load_project(story.folder)) is None


def test_another_library_makes_a_run(
    story: Story, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given = os.pathsep.join((*filter(None, [os.environ.get("PYTHONPATH")]), str(tmp_path)))
    monkeypatch.setenv("PYTHONPATH", given)
    assert find_unchanged(load_project(story.folder)) is not None
    (tmp_path / "better-1.0.dist-info").mkdir()
    assert find_unchanged(load_project(story.folder)) is None


def test_a_run_that_was_removed_from_mlflow_is_made_again(story: Story, client: Any) -> None:
    client.delete_run(story.judged.result.mlflow_run_id)
    assert find_unchanged(load_project(story.folder)) is None
    client.restore_run(story.judged.result.mlflow_run_id)
    assert find_unchanged(load_project(story.folder)) is not None


def set_figure(text: str) -> str:
    facts = json.loads(text)
    table = facts["eval"]["metrics"]
    at = table["columns"].index("value")
    table["rows"][0][at] = round(table["rows"][0][at] + 0.1, 3)
    return json.dumps(facts, sort_keys=True, indent=2, ensure_ascii=False) + "\n"


def test_a_card_verifies_until_it_is_changed(
    story: Story, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["card", "verify", str(story.folder)]
    assert run_command(arguments) == 0
    path = story.cards / "card.json"
    honest = path.read_text("utf-8")
    try:
        changed = set_figure(honest)
        path.write_text(changed, encoding="utf-8")
        capsys.readouterr()
        assert run_command(arguments) == 1
        out = capsys.readouterr().out
        assert "The record is as it was sealed" in out
        assert "eval.metrics[0].value" in out
        forged = seal_record(CardRecord.model_validate_json(changed))
        path.write_text(write_lines(forged), encoding="utf-8")
        assert run_command(arguments) == 1
        out = capsys.readouterr().out
        assert "eval.metrics[0].value" in out
        assert "was made from another record" in out
    finally:
        path.write_text(honest, encoding="utf-8")


def test_changed_predictions_are_not_believed(
    story: Story, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder,) = (story.state / "projects" / "requests" / "backtest").iterdir()
    path = next(p for p in folder.iterdir() if p.name.startswith("predictions"))
    honest = path.read_bytes()
    try:
        path.write_bytes(honest[:-1] + bytes([honest[-1] ^ 1]))
        assert run_command(["card", "verify", str(story.folder)]) == 1
        said = capsys.readouterr()
        assert path.name in "".join(said.out.split())
        assert "Traceback" not in said.err
        assert run_command(["run", str(story.folder)]) == 1
        assert path.name in capsys.readouterr().err
    finally:
        path.write_bytes(honest)


@pytest.mark.promise(14)
def test_the_same_inputs_give_the_same_bits(
    observe: Callable[[str], None], story: Story, tmp_path: Path, requests_table: pd.DataFrame
) -> None:
    step = run(write_workspace(tmp_path, requests_table))
    other, ours = step.result, story.first.result
    pd.testing.assert_frame_equal(other.predictions, ours.predictions, check_exact=True)
    assert other.backtest.final.models == ours.backtest.final.models
    pairs = zip(other.backtest.models, ours.backtest.models, strict=True)
    assert all(a.models == b.models for a, b in pairs)
    pd.testing.assert_frame_equal(other.audit.table, ours.audit.table, check_exact=True)
    pd.testing.assert_frame_equal(
        other.explanation.drivers, ours.explanation.drivers, check_exact=True
    )
    assert step.card == story.first.card
    observe("another workspace: same predictions, models, audit and card")


@pytest.fixture(scope="module")
def client(story: Story) -> Any:
    return connect_tracking(story.state).client


def test_the_run_is_in_mlflow(story: Story, client: Any) -> None:
    result = story.first.result
    experiment = client.get_experiment_by_name("requests")
    tracked = client.get_run(result.mlflow_run_id)
    assert tracked.info.experiment_id == experiment.experiment_id
    assert tracked.info.status == "FINISHED"
    metrics, tags = tracked.data.metrics, tracked.data.tags
    assert metrics == measure_card(result.card).values
    assert {"headline/wape", "headline/coverage_90", "income/worst_gap"} <= set(metrics)
    assert {f"beside/{name}" for name in result.backtest.predictions.baselines[:3]} <= set(metrics)
    failed = {f.code for f in result.findings if f.status is Status.FAIL}
    provenance = result.card.provenance
    assert tags["cityai.project"] == "requests"
    assert tags["internal.run_digest"] == provenance.run_digest
    assert tags["internal.data_digest"] == provenance.data_digest
    assert tags["internal.spec_digest"] == provenance.spec_digest == result.project.digest
    assert "mlflow.source.git.commit" not in tags
    assert tags["cityai.failed_checks"] == (", ".join(sorted(failed)) or "none")
    (used,) = tracked.inputs.dataset_inputs
    assert used.dataset.digest == provenance.data_digest[:32]


def test_every_model_is_a_child_run(story: Story, client: Any) -> None:
    result = story.first.result
    experiment = client.get_experiment_by_name("requests")
    children = client.search_runs(
        [experiment.experiment_id], f"tags.`mlflow.parentRunId` = '{result.mlflow_run_id}'"
    )
    expected = {f"candidate.{name}" for name in result.backtest.predictions.candidates}
    expected |= {f"baseline.{name}" for name in result.backtest.predictions.baselines}
    assert {child.info.run_name for child in children} == expected
    assert {child.info.status for child in children} == {"FINISHED"}
    assert all("headline/wape" in child.data.metrics for child in children)


def test_the_card_is_an_artifact(story: Story, client: Any, tmp_path: Path) -> None:
    run_id = story.first.result.mlflow_run_id
    names = {file.path for file in client.list_artifacts(run_id, "card")}
    pages = {"card.html"}  # the city declares English alone
    assert names == {f"card/{name}" for name in (*pages, "card.json", "card.md")}
    page = Path(client.download_artifacts(run_id, "card/card.html", str(tmp_path)))
    assert page.read_bytes() == story.first.card["card.html"]


def test_the_logged_model_predicts_the_same(story: Story, client: Any) -> None:
    result = story.first.result
    project, final = result.project, result.backtest.final
    snapshot = open_kind(project).read()
    panel = build_panel(snapshot, project.spec)
    rows = lay_dense(panel, snapshot, project)([final.as_of]).table
    others = [name for name in final.blend if name not in {m.candidate for m in final.models}]
    frame = rows.assign(**{f"{CANDIDATE}{name}": rows["level"] for name in others})
    frame = frame[list(final.list_inputs())]
    texts = {name: "str" for name, kind in final.list_inputs().items() if kind == "string"}
    (output,) = client.get_run(result.mlflow_run_id).outputs.model_outputs
    mlflow = import_mlflow()
    before = mlflow.get_tracking_uri()
    try:
        mlflow.set_tracking_uri(connect_tracking(story.state).uri)
        with keep_quiet():
            model = mlflow.pyfunc.load_model(f"models:/{output.model_id}")
            predicted = model.predict(frame.astype(texts))
    finally:
        mlflow.set_tracking_uri(before)
    expected = final.predict(frame)
    pd.testing.assert_frame_equal(predicted, expected, check_exact=True)
    assert len(predicted) == 12


def test_the_private_folder_is_private(story: Story) -> None:
    assert story.state.stat().st_mode & 0o777 == 0o700
    kept = list((story.state / "projects" / "requests").rglob("*"))
    assert {p.stat().st_mode & 0o777 for p in kept if p.is_dir()} == {0o700}
    assert {p.stat().st_mode & 0o777 for p in kept if p.is_file()} == {0o600}
    assert (story.state / "mlflow.db").stat().st_mode & 0o777 == 0o600
    assert not [p for p in story.state.rglob("*") if p.suffix in (".pkl", ".pickle", ".joblib")]


AHEAD = """\
covariates:
  plan:
    source: {path: plan.csv}
    time: week
    by: area
    key: district
    known: ahead
    columns: {planned: {type: number}}
"""


def test_a_planted_leak_is_found(tmp_path: Path, requests_table: pd.DataFrame) -> None:
    """The `plan` that was known ahead is what was counted afterwards."""
    folder = write_workspace(tmp_path, requests_table, PROJECT + AHEAD)
    week = pd.to_datetime(requests_table["opened"]).dt.to_period("W").dt.start_time
    counts = requests_table.groupby([week.rename("week"), "district"]).size()
    counts.rename("planned").reset_index().to_csv(folder / "plan.csv", index=False)
    found = check_project(cityai.load_project(folder)).findings
    (leak,) = [f for f in found if f.code == "time.near_perfect"]
    assert leak.status is Status.FAIL
    assert "planned" in leak.subject
    assert "likely to hold the answer" in leak.reason


REMEMBERS = """\
FIRST = []


def recent(history):
    FIRST.append(history.values.mean())
    return FIRST[0]
"""


def test_a_feature_that_remembers_other_moments_stops_the_run(
    tmp_path: Path, requests_table: pd.DataFrame
) -> None:
    project = PROJECT + "features: {own: [recent]}\nmodels: {candidates: [theta]}\n"
    folder = write_workspace(tmp_path, requests_table, project)
    (folder / "features.py").write_text(REMEMBERS)
    with pytest.raises(TimeError, match="'recent'") as stopped:
        cityai.run_project(cityai.load_project(folder))
    assert stopped.value.where == "time.truncation"
    assert not (tmp_path / "model_cards").exists()
    client = connect_tracking(tmp_path / ".cityai").client
    experiment = client.get_experiment_by_name("requests")
    (tracked,) = client.search_runs([experiment.experiment_id])
    assert tracked.info.status == "FAILED"
    assert tracked.data.tags["cityai.failure"].startswith("TimeError")
