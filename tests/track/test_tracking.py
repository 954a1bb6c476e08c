from __future__ import annotations

import os
import shutil
import signal
import socket
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from cityai.errors import DataError, SpecError, StoreError, TrackingError
from cityai.track import server
from cityai.track.door import import_mlflow, keep_quiet
from cityai.track.results import LONGEST_NOTE, build_params, cut_note, cut_text
from cityai.track.runs import (
    FAILURE,
    HELD_BACK,
    NOTE,
    SEAL,
    STOPPED,
    ProcessStopped,
    open_run,
    repair_runs,
)
from cityai.track.server import (
    Tracking,
    build_ui_command,
    check_host,
    connect_tracking,
    describe_uri,
    find_uri,
    is_network_disk,
)
from tests.track.conftest import fork, make_outcome, make_spec, place_of

ROOT = Path(__file__).parents[2]


def test_a_run_is_visible_from_its_first_second(logged: SimpleNamespace) -> None:
    assert logged.opened.info.status == "RUNNING"
    assert logged.opened.data.tags["cityai.project"] == "waste"
    assert logged.opened.data.tags["cityai.git_commit"] == "x"
    assert logged.closed.info.status == "FINISHED"


def test_metrics_and_tags_have_their_names(logged: SimpleNamespace, tracking: Tracking) -> None:
    metrics, tags = logged.closed.data.metrics, logged.closed.data.tags
    assert metrics["wape"] == 0.058
    assert metrics["coverage_90"] == 0.896
    assert metrics["wape.baseline.seasonal_naive"] == 0.084
    assert metrics["wape.income.lowest"] == 0.072
    assert metrics["findings.fail"] == 2
    assert metrics["seconds.snapshot"] == 1.5
    assert "mase" not in metrics
    assert "mase" in tags["cityai.metrics.undefined"]
    assert tags["cityai.run_digest"] == "1" * 64
    assert tags["cityai.data_digest"] == "2" * 64
    assert tags["cityai.spec_digest"] == "3" * 64
    assert tags["cityai.git_commit"] == "4" * 40
    assert tags["cityai.findings.failed"] == "2"
    history = tracking.client.get_metric_history(logged.run.run_id, "wape.fold")
    assert [m.step for m in history] == [1, 2, 3]


def test_nobody_is_named_and_no_place(logged: SimpleNamespace, tracking: Tracking) -> None:
    assert logged.closed.data.tags["mlflow.user"] == "cityai"
    said = [str(run.data.tags) for run in [logged.closed, *logged.children]]
    said += [str(logged.closed.data.params), str(logged.closed.inputs.dataset_inputs)]
    assert not any("/secret" in text or str(Path.cwd()) in text for text in said)


def test_every_model_has_a_child_run(logged: SimpleNamespace) -> None:
    children = {c.data.tags["mlflow.runName"]: c for c in logged.children}
    assert set(children) == {"baseline.recent_mean", "baseline.seasonal_naive", "candidate.trees"}
    assert {c.info.status for c in logged.children} == {"FINISHED"}
    assert children["baseline.seasonal_naive"].data.metrics == {"wape": 0.084, "mase": 1.0}
    assert children["candidate.trees"].data.tags["cityai.role"] == "candidate"
    assert children["candidate.trees"].data.tags["cityai.metrics.undefined"] == "mase"


def test_the_data_are_named_and_not_shown(logged: SimpleNamespace) -> None:
    (used,) = logged.closed.inputs.dataset_inputs
    assert used.dataset.name == "waste"
    assert used.dataset.digest == "2" * 32
    assert '"district"' in used.dataset.schema


def test_the_card_is_there_as_page_and_description(
    logged: SimpleNamespace, tracking: Tracking, tmp_path: Path
) -> None:
    folder = Path(tracking.client.download_artifacts(logged.run.run_id, "card", str(tmp_path)))
    assert sorted(p.name for p in folder.iterdir()) == ["card.html", "card.json", "card.md"]
    assert (folder / "card.html").read_text() == "<p>card"
    note = logged.closed.data.tags[NOTE]
    assert note.startswith("# Card")
    assert note.rstrip().endswith("`card/card.html`.*")
    assert len(note) <= LONGEST_NOTE


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
    assert repair_runs(tracking, place_of(state)) == ()
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


@pytest.mark.slow
def test_eight_first_starts_at_once(tracking: Tracking, tmp_path: Path) -> None:
    state = tmp_path / ".cityai"

    def start() -> None:
        with open_run(place_of(state), "waste"):
            pass

    pids = [fork(start) for _ in range(8)]
    assert [os.waitpid(pid, 0)[1] for pid in pids] == [0] * 8
    connected = connect_tracking(state)
    experiment = connected.client.get_experiment_by_name("waste").experiment_id
    runs = connected.client.search_runs([experiment])
    assert [run.info.status for run in runs] == ["FINISHED"] * 8


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
        repair_runs(tracking, place_of(state))
        assert tracking.client.get_logged_model(entry.model_id).status == "PENDING"
    repair_runs(tracking, place_of(state))
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
    (run_id,) = repair_runs(tracking, place_of(state), project)
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
        with pytest.raises(TrackingError, match="does not answer"):
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
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    check_host("http://no.such.host.invalid:5000")  # behind a proxy there is nobody to knock at


def test_network_disks_are_known(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/a / ext4 rw 0 0\nserver:/x {tmp_path}/far\\040away nfs4 rw 0 0\n")
    assert not is_network_disk(tmp_path, mounts)
    assert is_network_disk(tmp_path / "far away" / "x", mounts)
    assert not is_network_disk(tmp_path, tmp_path / "none")


def test_the_pages_are_for_this_machine_only(tmp_path: Path) -> None:
    command = build_ui_command(tmp_path, 5123)
    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert command[command.index("--port") + 1] == "5123"


def test_params_are_flat_and_short() -> None:
    params = build_params(make_spec())
    assert params["period"] == "month"
    assert params["horizon"] == "3"
    assert params["entity.columns"] == "district"
    assert params["folds"] == "8"
    assert all(len(value) <= 250 for value in params.values())
    assert not any("/secret" in value for value in params.values())
    assert cut_text("x" * 300, 250) == "x" * 249 + "…"


def test_a_short_description_is_left_alone() -> None:
    assert cut_note("# A\n\nb") == "# A\n\nb"
    assert len(cut_note("x" * 9000)) <= LONGEST_NOTE
    assert make_outcome().markdown not in cut_note(make_outcome().markdown)


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
