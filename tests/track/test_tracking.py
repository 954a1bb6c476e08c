from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import threading
import time
import zlib
from base64 import b64decode
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from cityai.card.diff import add_changes
from cityai.card.record import CardRecord
from cityai.card.render.markdown import render_note
from cityai.errors import DataError, SpecError, StoreError, TrackingError
from cityai.pipeline.publish import _publish_anyway
from cityai.track import server
from cityai.track.door import call_mlflow, close_databases, import_mlflow, keep_quiet
from cityai.track.measures import LONGEST_PARAM, cut_text, list_models, measure_card, measure_model
from cityai.track.names import FAILURE, NOTE, PROJECT, RUN_NAME, SEAL
from cityai.track.results import Outcome, build_params, build_tags
from cityai.track.run_names import UNSET
from cityai.track.runs import HELD_BACK, STOPPED, ProcessStopped, _repair_runs, open_run
from cityai.track.server import (
    Tracking,
    _take_credentials,
    check_host,
    check_names,
    connect_tracking,
    describe_uri,
    find_registry,
    find_uri,
    is_network_disk,
)
from cityai.track.tables import make_tables
from cityai.track.views import PACKED, SAVED, build_experiment_tags
from tests.promises import trials
from tests.track.conftest import fork, place_of

ROOT = Path(__file__).parents[2]


def test_a_run_is_visible_from_its_first_second(logged: SimpleNamespace) -> None:
    assert logged.opened.info.status == "RUNNING"
    assert logged.opened.data.tags["cityai.project"] == "waste"
    assert logged.opened.data.tags["cityai.city"] == "x"
    assert logged.closed.info.status == "FINISHED"


def test_metrics_and_tags_have_their_names(logged: SimpleNamespace, card: CardRecord) -> None:
    metrics, tags = logged.closed.data.metrics, logged.closed.data.tags
    assert metrics == measure_card(card).values
    assert tags["cityai.verdict"] == "not ready"
    assert tags["cityai.worst_served"].startswith("income: lowest third (")
    assert tags["internal.run_digest"] == card.provenance.run_digest
    assert tags["mlflow.source.git.commit"] == card.provenance.git_commit
    assert "mlflow.runColor" in tags


def test_what_is_for_machines_comes_last(logged: SimpleNamespace) -> None:
    """A page shows tags as they were written: digests below what a person reads, no process."""
    assert "internal.process" in logged.opened.data.tags
    for run in (logged.closed, *logged.children):
        names = [n.partition(".")[0] for n in run.data.tags if not n.startswith("mlflow.")]
        assert names == sorted(names)
        assert set(names) == {"cityai", "internal"}
    assert "internal.process" not in logged.closed.data.tags


def test_figures_are_tables_and_pictures_that_runs_are_compared_by(
    logged: SimpleNamespace, tracking: Tracking, card: CardRecord
) -> None:
    tables = json.loads(logged.closed.data.tags["mlflow.loggedArtifacts"])
    assert [t["path"] for t in tables] == list(make_tables(card))
    assert logged.closed.data.tags["mlflow.loggedImages"] == "True"
    (drawn, *_) = tracking.client.list_artifacts(logged.run.run_id, "images")
    assert drawn.path.startswith("images/pictures")


def test_an_experiment_says_what_it_is_and_how_its_runs_are_compared(
    logged: SimpleNamespace, tracking: Tracking, card: CardRecord
) -> None:
    tags = tracking.client.get_experiment(logged.run.experiment_id).tags
    assert tags["cityai.city"] == card.system.city
    assert card.record.title in tags[NOTE]
    assert tags["mlflow.experimentKind"] == "custom_model_development"
    assert tags["mlflow.experiment.primaryMetric.name"] == "headline/wape"
    assert tags["mlflow.experiment.primaryMetric.greaterIsBetter"] == "false"
    packed = tags[SAVED].removeprefix(PACKED)
    view = json.loads(zlib.decompress(b64decode(packed)))
    drawn = {c["metricKey"] for c in view["compareRunCharts"] if "metricKey" in c}
    assert drawn == set(logged.closed.data.metrics)
    shown = [key for c in view["compareRunCharts"] for key in c.get("imageKeys", ())]
    assert shown == ["pictures/worst gap"]  # what was drawn, and no empty chart
    sections = {section["uuid"] for section in view["compareRunSections"]}
    assert {c["metricSectionId"] for c in view["compareRunCharts"]} <= sections


def test_nobody_is_named_and_no_place(logged: SimpleNamespace, tracking: Tracking) -> None:
    assert logged.closed.data.tags["mlflow.user"] == "cityai"
    said = [str(run.data.tags) for run in [logged.closed, *logged.children]]
    said += [str(logged.closed.data.params), str(logged.closed.inputs.dataset_inputs)]
    assert not any("/secret" in text or str(Path.cwd()) in text for text in said)


def test_every_model_has_a_child_run(logged: SimpleNamespace, card: CardRecord) -> None:
    children = {c.data.tags["mlflow.runName"]: c for c in logged.children}
    assert set(children) == set(list_models(card))
    assert {c.info.status for c in logged.children} == {"FINISHED"}
    for name, child in children.items():
        assert child.data.metrics == measure_model(card, name).values
        assert child.data.params["model"] == name.partition(".")[2]
        (used,) = child.inputs.dataset_inputs
        assert used.dataset.digest == card.provenance.data_digest[:32]
    trees = children["candidate.lightgbm"].data
    assert trees.tags["cityai.role"] == trees.params["role"] == "candidate"
    assert trees.params["leaves"] == "31"
    assert "weight" in trees.params


def test_the_data_are_named_and_not_shown(logged: SimpleNamespace, card: CardRecord) -> None:
    (used,) = logged.closed.inputs.dataset_inputs
    assert used.dataset.name == "waste"
    assert used.dataset.digest == card.provenance.data_digest[:32]
    assert '"district"' in used.dataset.schema


def test_the_card_is_there_as_page_and_description(
    logged: SimpleNamespace, tracking: Tracking, tmp_path: Path
) -> None:
    folder = Path(tracking.client.download_artifacts(logged.run.run_id, "card", str(tmp_path)))
    assert sorted(p.name for p in folder.iterdir()) == ["card.html", "card.json", "card.md"]
    assert (folder / "card.html").read_text() == "<p>card"
    first = logged.closed.data.tags[NOTE].splitlines()[:5]
    assert "**Not ready.**" in first[0]
    assert all(line.startswith("- ") for line in first)


def test_the_description_says_what_is_no_chance_beside_the_card_before(card: CardRecord) -> None:
    worse = card.model_dump(mode="json")
    for metric in worse["eval"]["metrics"]:
        if metric["metric"] == "wape" and metric["slice"]["model"] == "forecast":
            metric["value"] += 0.1
    note = render_note(add_changes(CardRecord.model_validate(worse), card.model_dump_json()))
    assert note.startswith(render_note(card).partition("\n\n")[0])
    assert "**Beside the card before:** 1 figure changed: 1 by more than chance explains" in note
    assert "\n- Average error: " in note


def test_the_store_is_private_and_can_be_read_while_written(
    tracking: Tracking, state: Path
) -> None:
    assert oct((state / "mlflow.db").stat().st_mode & 0o777) == "0o600"
    assert oct((state / "artifacts").stat().st_mode & 0o777) == "0o700"
    connection = sqlite3.connect(state / "mlflow.db")
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_nothing_is_said_on_the_terminal(
    tracking: Tracking, state: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with open_run(place_of(state), "quiet"):
        pass
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (DataError("'Mary' is no date", where="/x/a.csv"), f"DataError: {HELD_BACK}"),
        (ValueError("cannot convert 'Mary'"), f"ValueError: {HELD_BACK}"),
        (SpecError("unknown key 't'", where="/x/a.yaml"), "SpecError: /x/a.yaml: unknown key 't'"),
        (KeyboardInterrupt(), "stopped by the user (Ctrl-C)"),
        (SystemExit(3), "SystemExit: 3"),
    ],
)
def test_a_failed_run_says_why(
    tracking: Tracking, state: Path, error: BaseException, reason: str
) -> None:
    with pytest.raises(type(error)), open_run(place_of(state), "failing") as run:
        raise error
    closed = tracking.client.get_run(run.run_id)
    assert closed.info.status == "FAILED"
    assert closed.data.tags[FAILURE] == reason
    assert reason in closed.data.tags[NOTE]


def test_a_reason_does_not_tell_where_the_workspace_is(tracking: Tracking, state: Path) -> None:
    error = SpecError("cannot be read", where=str(state.parent / "a.yaml"))
    with pytest.raises(SpecError), open_run(place_of(state), "failing") as run:
        raise error
    reason = tracking.client.get_run(run.run_id).data.tags[FAILURE]
    assert reason == "SpecError: ~/a.yaml: cannot be read"


def wait_for_run(tracking: Tracking, project: str) -> str:
    for _ in range(200):
        experiment = tracking.client.get_experiment_by_name(project)
        if experiment is not None:
            runs = tracking.client.search_runs([experiment.experiment_id])
            if runs:
                return str(runs[0].info.run_id)
        time.sleep(0.05)
    raise AssertionError("the run did not appear")


def sleep_in_run(state: Path, project: str) -> None:
    with open_run(place_of(state), project):
        time.sleep(60)


def test_a_killed_run_is_closed_by_the_next_command(tracking: Tracking, state: Path) -> None:
    pid = fork(lambda: sleep_in_run(state, "killed"))
    run_id = wait_for_run(tracking, "killed")
    assert _repair_runs(tracking, place_of(state)) == ()
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert tracking.client.get_run(run_id).info.status == "RUNNING"
    with open_run(place_of(state), "killed") as run:
        repaired = tracking.client.get_run(run_id)
        assert repaired.info.status == "FAILED"
        assert repaired.data.tags[FAILURE] == STOPPED
        assert tracking.client.get_run(run.run_id).info.status == "RUNNING"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_run_asked_to_end_says_so(tracking: Tracking, state: Path, number: int) -> None:
    project = f"asked_{number}"
    pid = fork(lambda: sleep_in_run(state, project))
    run_id = wait_for_run(tracking, project)
    time.sleep(0.2)
    os.kill(pid, number)
    os.waitpid(pid, 0)
    closed = tracking.client.get_run(run_id)
    assert closed.info.status == "FAILED"
    assert closed.data.tags[FAILURE].startswith("stopped")


def test_signals_are_given_back(tracking: Tracking, state: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with (
        open_run(place_of(state), "signals") as run,
        pytest.raises(ProcessStopped, match="SIGTERM"),
    ):
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before
    assert tracking.client.get_run(run.run_id).info.status == "FINISHED"


def test_a_run_beside_the_main_thread(tracking: Tracking, state: Path) -> None:
    ids: list[str] = []

    def work() -> None:
        with open_run(place_of(state), "thread") as run:
            ids.append(run.run_id)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert tracking.client.get_run(ids[0]).info.status == "FINISHED"


def test_the_run_of_mlflow_run_is_taken_over(
    tracking: Tracking, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = tracking.client.create_run("0", tags={"mlflow.user": "real name"})
    monkeypatch.setenv("MLFLOW_RUN_ID", given.info.run_id)
    with open_run(place_of(state), "waste") as run:
        assert run.run_id == given.info.run_id
    tags = tracking.client.get_run(run.run_id).data.tags
    assert (tags["mlflow.user"], tags["cityai.project"]) == ("cityai", "waste")
    with open_run(place_of(state), "waste") as another:
        assert another.run_id != given.info.run_id


def test_a_store_that_is_closed_is_one_file_and_opens_again(tmp_path: Path) -> None:
    client = connect_tracking(tmp_path).client
    assert (tmp_path / f"{server.DATABASE}-wal").exists()
    close_databases()
    assert [path.name for path in tmp_path.glob(f"{server.DATABASE}*")] == [server.DATABASE]
    assert [e.name for e in client.search_experiments()] == ["Default"]


@pytest.mark.promise(17)
@pytest.mark.slow
def test_eight_first_starts_at_once(
    observe: Callable[[str], None],
    tracking: Tracking,
    tmp_path: Path,
) -> None:
    times, finished = trials(25, 1), 0
    for number in range(times):
        state = tmp_path / f"{number}" / ".cityai"

        def start(state: Path = state) -> None:
            with open_run(place_of(state), "waste"):
                pass

        pids = [fork(start) for _ in range(8)]
        assert [os.waitpid(pid, 0)[1] for pid in pids] == [0] * 8
        connected = connect_tracking(state)
        experiment = connected.client.get_experiment_by_name("waste").experiment_id
        runs = connected.client.search_runs([experiment])
        assert len(runs) == 8
        finished += sum(run.info.status == "FINISHED" for run in runs)
    observe(f"{finished} of {8 * times} finished, eight at a time")
    assert finished == 8 * times


@pytest.mark.promise(18)
@pytest.mark.slow
def test_writers_at_once_lose_nothing(
    observe: Callable[[str], None], tracking: Tracking, state: Path
) -> None:
    each = trials(25, 2)

    def write(writer: int) -> None:
        for number in range(each):
            with open_run(place_of(state), "crowd") as run:
                run.set_tags({"writer": f"{writer}.{number}"})

    pids = [fork(partial(write, writer)) for writer in range(8)]
    assert [os.waitpid(pid, 0)[1] for pid in pids] == [0] * 8
    experiment = tracking.client.get_experiment_by_name("crowd").experiment_id
    runs = tracking.client.search_runs([experiment], max_results=1000)
    kept = {run.data.tags.get("writer") for run in runs if run.info.status == "FINISHED"}
    wanted = {f"{writer}.{number}" for writer in range(8) for number in range(each)}
    observe(f"{len(wanted - kept)} of {len(wanted)} runs of 8 writers lost")
    assert kept == wanted


def read_bytes(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_copied_workspace_writes_into_itself(tracking: Tracking, tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new place"
    given = tmp_path / "given.txt"
    for place, text in ((old, "old"), (new, "new")):
        given.write_text(text)
        with open_run(place_of(place / ".cityai"), "waste") as run:
            run.tracking.client.log_artifact(run.run_id, str(given))
            entry = run.tracking.client.create_logged_model(run.experiment_id, name="waste")
            run.tracking.client.log_model_artifact(entry.model_id, str(given))
        if place == old:
            shutil.copytree(old, new)
            before = read_bytes(old)
    assert read_bytes(old) == before
    texts = [b for n, b in read_bytes(new).items() if n.endswith("given.txt")]
    assert sorted(texts) == [b"new", b"new", b"old", b"old"]
    shutil.rmtree(old)
    client = connect_tracking(new / ".cityai").client
    experiment = client.get_experiment_by_name("waste").experiment_id
    for found in client.search_runs([experiment]):
        path = client.download_artifacts(found.info.run_id, "given.txt", str(tmp_path))
        assert Path(path).read_text() in {"old", "new"}


def test_a_model_that_a_killed_run_left_is_closed(tracking: Tracking, state: Path) -> None:
    with open_run(place_of(state), "half") as run:
        entry = tracking.client.create_logged_model(
            run.experiment_id, name="half", source_run_id=run.run_id
        )
        _repair_runs(tracking, place_of(state))
        assert tracking.client.get_logged_model(entry.model_id).status == "PENDING"
    _repair_runs(tracking, place_of(state))
    assert tracking.client.get_logged_model(entry.model_id).status == "FAILED"


@pytest.mark.parametrize(
    ("seal", "status"), [("abc", "FINISHED"), ("xyz", "FAILED"), ("", "FAILED")]
)
def test_a_killed_run_is_finished_if_its_card_came_out(
    tracking: Tracking, state: Path, seal: str, status: str
) -> None:
    project = f"sealed_{seal}"
    card = state.parent / "model_cards" / project / "card.json"
    card.parent.mkdir(parents=True)
    card.write_text('{"record": {"content_digest": "abc"}}')

    def die() -> None:
        with open_run(place_of(state), project) as run:
            run.set_tags({SEAL: seal} if seal else {})
            os._exit(0)

    os.waitpid(fork(die), 0)
    (run_id,) = _repair_runs(tracking, place_of(state), project)
    assert tracking.client.get_run(run_id).info.status == status


def test_a_server_that_is_not_there_is_said_at_once(
    tracking: Tracking, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One knock at its port is enough: MLflow, which would try again, is not asked."""
    knocks: list[tuple[str, int]] = []
    connect = socket.create_connection

    def knock(address: tuple[str, int], timeout: float) -> socket.socket:
        knocks.append(address)
        return connect(address, timeout)

    monkeypatch.setattr(socket, "create_connection", knock)
    monkeypatch.setattr(server, "_open_client", lambda *_: pytest.fail("MLflow was asked"))
    for scheme in ("http", "postgresql"):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"{scheme}://me:secret@127.0.0.1:9/x")
        with pytest.raises(TrackingError) as caught, open_run(place_of(state), "waste"):
            pass
        assert knocks.pop() == ("127.0.0.1", 9)
        assert not knocks
        assert "MLFLOW_TRACKING_URI" in caught.value.next_step
        assert "secret" not in str(caught.value)


def count_callers(mute: socket.socket) -> int:
    """Count those who wait at a door that takes nobody in."""
    count = 0
    with suppress(BlockingIOError):
        while True:
            mute.accept()[0].close()
            count += 1
    return count


def test_a_server_that_never_answers_is_asked_twice(
    tracking: Tracking, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{mute.getsockname()[1]}")
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
        with pytest.raises(TrackingError, match="cannot be used"):
            connect_tracking(state)
        mute.setblocking(False)
        assert count_callers(mute) == 3  # our knock, MLflow's question, and once again


def test_a_store_that_cannot_be_written_is_said(tracking: Tracking, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="not a directory"):
        connect_tracking(tmp_path / "file" / ".cityai")
    (tmp_path / "mlflow.db").write_bytes(b"this is not a database" * 100)
    with pytest.raises(TrackingError, match="not a database"):
        connect_tracking(tmp_path)


def test_the_address_can_be_moved(
    tracking: Tracking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_uri(tmp_path) == f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://x:5000")
    assert find_uri(tmp_path) == "http://x:5000"
    assert describe_uri("postgresql://u:p@h:5432/db") == "postgresql://h:5432/db"
    assert describe_uri("sqlite:////srv/mlflow.db") == "sqlite:////srv/mlflow.db"
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    check_host("http://no.such.host.invalid:5000")  # behind a proxy there is nobody to knock at


class RefusedError(Exception):
    """What MLflow raises when a server refuses."""

    def __init__(self, said: str, code: str) -> None:
        super().__init__(said)
        self.error_code = code


@pytest.mark.parametrize(
    ("error", "said", "told"),
    [
        (RefusedError("401", "UNAUTHENTICATED"), "another", "MLFLOW_TRACKING_PASSWORD"),
        (RefusedError("403", "PERMISSION_DENIED"), "may not", "EDIT"),
        (OSError("GET http://me:secret@h:5000/api failed"), "http://h:5000", "MLFLOW_TRACKING_URI"),
    ],
)
def test_a_refusal_says_who_must_do_what_and_no_secret(
    error: Exception, said: str, told: str
) -> None:
    with pytest.raises(TrackingError, match=said) as caught, call_mlflow("not logged", "here"):
        raise error
    assert told in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("(sqlite3.OperationalError) database or disk is full\n[SQL: ...]", "free some space"),
        ("(sqlite3.OperationalError) attempt to write a readonly database", "make it writable"),
        ("something else", "check MLFLOW_TRACKING_URI"),
    ],
)
def test_what_the_database_says_names_what_to_do(said: str, told: str) -> None:
    with pytest.raises(TrackingError, match=told), call_mlflow("it could not be logged", "here"):
        raise RuntimeError(said)


def test_an_answer_of_an_artifact_store_is_a_refusal_too() -> None:
    error = OSError("403 Client Error")
    error.response = SimpleNamespace(status_code=403)  # type: ignore[attr-defined]
    with pytest.raises(TrackingError, match="may not do it"), call_mlflow("not logged", "here"):
        raise error


def test_a_password_in_the_address_goes_where_mlflow_looks_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "another")
    assert _take_credentials("https://me:p%40ss@h:5000/x") == "https://h:5000/x"
    assert os.environ["MLFLOW_TRACKING_USERNAME"] == "me"
    assert os.environ["MLFLOW_TRACKING_PASSWORD"] == "p@ss"
    for uri in ("http://h:5000", "postgresql://u:p@h/db", "databricks://profile", "sqlite:///x"):
        assert _take_credentials(uri) == uri


def test_a_card_comes_out_when_its_run_cannot_be_logged(tmp_path: Path) -> None:
    done: list[str] = []
    with _publish_anyway(lambda: done.append("out"), tmp_path):
        done.append("logged")
    assert done == ["logged", "out"]
    with (
        pytest.raises(TrackingError, match=f"gone; the card is published in {tmp_path}") as caught,
        _publish_anyway(lambda: done.append("out"), tmp_path),
    ):
        raise TrackingError("gone", where="here", next_step="run again")
    assert done == ["logged", "out", "out"]
    assert (caught.value.where, caught.value.next_step) == ("here", "run again")
    with pytest.raises(StoreError), _publish_anyway(lambda: done.append("out"), tmp_path):
        raise StoreError("the disk is full")
    assert done == ["logged", "out", "out"]


def test_network_disks_are_known(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/a / ext4 rw 0 0\nserver:/x {tmp_path}/far\\040away nfs4 rw 0 0\n")
    assert not is_network_disk(tmp_path, mounts)
    assert is_network_disk(tmp_path / "far away" / "x", mounts)
    assert not is_network_disk(tmp_path, tmp_path / "none")


def test_params_are_flat_and_hold_what_a_figure_may_depend_on(
    make_outcome: Callable[..., Outcome],
) -> None:
    params = build_params(make_outcome(code={"features.py": "a" * 64}))
    assert params["question.period"] == "month"
    assert params["question.entity.columns"] == "district"
    assert params["code.features_py"] == "a" * 12
    assert "data.last" in params
    assert {params[key] for key in ("models.own", "backtest.stride", "code.models_py")} == {UNSET}
    assert not any(word in name for name in params for word in ("label", "threads"))
    assert not any("/secret" in value for value in params.values())
    assert cut_text("x" * 300, 250) == "x" * 249 + "…"


def test_places_of_a_shared_server_are_named_by_the_city(
    tracking: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (tracking.name_experiment("waste"), tracking.name_model("waste")) == ("waste", "waste")
    cloud = replace(tracking, uri="databricks")
    assert cloud.name_experiment("waste") == "/Shared/cityai/waste"
    monkeypatch.setenv("CITYAI_EXPERIMENTS", "/Shared/streets/")
    monkeypatch.setenv("CITYAI_MODELS", "main.streets")
    assert cloud.name_experiment("waste") == "/Shared/streets/waste"
    assert cloud.name_model("waste") == "main.streets.waste"
    check_names("databricks")
    monkeypatch.setenv("CITYAI_MODELS", "none")
    assert cloud.name_model("waste") == ""
    assert find_registry("databricks://profile") == "databricks-uc://profile"


def test_names_on_databricks_are_those_that_it_takes(
    tracking: Tracking,
    card: CardRecord,
    make_outcome: Callable[..., Outcome],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No workspace is at hand: what would be sent is held against what is documented."""
    cloud = replace(tracking, uri="databricks")
    monkeypatch.setenv("CITYAI_EXPERIMENTS", "/Users/ana@city.example")
    monkeypatch.setenv("CITYAI_MODELS", "main.streets")
    assert cloud.name_experiment("waste") == "/Users/ana@city.example/waste"
    assert [bool(part) for part in cloud.name_model("waste").split(".")] == [True] * 3
    assert [cloud.name_tag(tag) for tag in (PROJECT, RUN_NAME)] == ["cityai_project", "cityai_run"]
    assert tracking.name_tag(PROJECT) == PROJECT
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", "sqlite:///x")  # a registry of one's own
    assert cloud.name_tag(PROJECT) == PROJECT
    measures, outcome = measure_card(card), make_outcome()
    tags = {**build_tags(outcome, measures), **build_experiment_tags(card, measures, ())}
    params = build_params(outcome)
    assert len(params) <= 100  # of one call
    assert max(map(len, [*tags, *params, *(m.name for m in measures.logged)])) <= 250
    assert max(map(len, tags.values())) <= 5_000
    assert max(len(cut_text(text, LONGEST_PARAM)) for text in params.values()) <= 250


@pytest.mark.parametrize(
    ("name", "value", "uri"),
    [
        ("CITYAI_MODELS", "", "databricks"),
        ("CITYAI_MODELS", "streets", "databricks"),
        ("CITYAI_EXPERIMENTS", "Shared/streets", "http://x:5000"),
    ],
)
def test_a_name_that_the_server_would_refuse_is_said_before_the_run(
    name: str, value: str, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(TrackingError) as caught:
        check_names(uri)
    assert name in caught.value.next_step


def test_mlflow_can_run_the_project(
    tracking: Tracking,
    make_workspace: Callable[..., Path],
    state: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    mlflow = import_mlflow()
    with keep_quiet():
        mlflow.set_tracking_uri(tracking.uri)
        done = mlflow.projects.run(
            str(ROOT),
            entry_point="show",
            parameters={"project": str(make_workspace())},
            env_manager="local",
        )
    assert done.get_status() == "FINISHED"
    assert 'name: "requests"' in capfd.readouterr().out
