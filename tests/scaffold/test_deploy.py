"""Every way to deploy a workspace is valid, runs what it says, and fails when a project fails.

The commands are taken out of the files, as the systems that read them would.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from ruamel.yaml import YAML

from cityai import __version__
from tests.conftest import PROJECT, draw_requests, write_workspace

WAYS = ("cron", "github", "gitlab", "databricks", "container")
ADDRESS = "https://mlflow.example"
FAST = PROJECT.replace("folds: 7, calibration: 4", "folds: 6, calibration: 3") + (
    "models: {candidates: [theta]}\n"
)


def read(path: Path):
    return YAML(typ="safe", pure=True).load(path.read_text("utf-8"))


def find_cron(workspace: Path) -> str:
    *settings, line = (workspace / "deploy/cron").read_text().splitlines()
    assert all(re.match(r"#|[A-Z]+=", text) for text in settings)
    found = re.fullmatch(r"([\d*]+ [\d*]+ [\d*]+ [\d*]+ [\d*]+) ([^%]+)", line)
    assert found, "five fields, then a command; cron takes % for the end of a line"
    return found.group(2)


def find_container(workspace: Path) -> dict[str, list[str]]:
    lines = re.sub(r"\\\n", "", (workspace / "Containerfile").read_text()).splitlines()
    found: dict[str, list[str]] = {}
    for line in lines:
        if line and not line.startswith("#"):
            word, rest = line.split(" ", 1)
            found.setdefault(word, []).append(rest)
    return found


def list_commands(workspace: Path, way: str) -> list[str]:
    """Return the commands that a deployed run consists of, in order."""
    if way == "cron":
        return [find_cron(workspace)]
    if way == "github":
        job = read(workspace / ".github/workflows/cityai.yml")["jobs"]["run"]
        return [step["run"] for step in job["steps"] if "run" in step]
    if way == "gitlab":
        spec = read(workspace / ".gitlab-ci.yml")
        return [*spec["default"]["before_script"], *spec["run"]["script"]]
    if way == "databricks":
        (job,) = read(workspace / "databricks.yml")["resources"]["jobs"].values()
        (task,) = job["tasks"]
        work = task["spark_python_task"]
        parts = [sys.executable, work["python_file"], *work["parameters"]]
        return [shlex.join(parts).replace("'${workspace.file_path}'", shlex.quote(str(workspace)))]
    made = find_container(workspace)
    return [*made["RUN"], shlex.join(json.loads(made["ENTRYPOINT"][0]))]


def list_runs(workspace: Path, way: str) -> list[str]:
    """Return the commands without those that install something."""
    return [c for c in list_commands(workspace, way) if not re.search(r"pip install|apt-get", c)]


def set_python(workspace: Path, script: str) -> None:
    python = workspace / ".venv/bin/python"
    python.parent.mkdir(parents=True, exist_ok=True)
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)


def run(workspace: Path, command: str, **more: str) -> int:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("CITYAI_", "MLFLOW_"))}
    environment = {**kept, "WORKSPACE": str(workspace), **more}
    return subprocess.run(
        ["sh", "-c", command], cwd=workspace, env=environment, capture_output=True, check=False
    ).returncode


@pytest.fixture
def stubbed(workspace):
    """A workspace of two projects whose Python writes down what it is asked."""
    for name in ("first", "second"):
        (workspace / "projects" / name).mkdir()
    set_python(
        workspace,
        'echo "$* $MLFLOW_TRACKING_URI" >> "$TOLD"\ncase "$*" in $FAILS) exit 3;; esac',
    )
    return workspace


@pytest.mark.parametrize("way", WAYS)
def test_every_project_is_checked_and_run_with_the_address_of_the_environment(
    stubbed, way, tmp_path
):
    told = tmp_path / "told"
    for command in list_runs(stubbed, way):
        more = {"TOLD": str(told), "FAILS": "no", "MLFLOW_TRACKING_URI": ADDRESS}
        assert run(stubbed, command, **more) == 0
    wanted = [
        f"-m cityai {verb} projects/{name}/ {ADDRESS}"
        for name in ("first", "second")
        for verb in ("check", "run")
    ]
    assert told.read_text().splitlines() == wanted


@pytest.mark.parametrize("way", WAYS)
def test_a_project_that_fails_fails_the_whole_and_keeps_no_other_from_running(
    stubbed, way, tmp_path
):
    told = tmp_path / "told"
    codes = [
        run(stubbed, command, TOLD=str(told), FAILS="*check*first*")
        for command in list_runs(stubbed, way)
    ]
    assert codes != [0] * len(codes)
    verbs = [line.split()[2:4] for line in told.read_text().splitlines()]
    assert ["run", "projects/first/"] not in verbs
    assert ["run", "projects/second/"] in verbs


@pytest.mark.parametrize("way", ["github", "gitlab"])
def test_ci_asks_the_gate_of_every_card_and_fails_with_it(stubbed, way, tmp_path):
    for name in ("first", "second", "no_project"):
        (stubbed / "model_cards" / name).mkdir(parents=True)
        (stubbed / "model_cards" / name / "card.json").write_text("{}")
    told = tmp_path / "told"
    if way == "github":
        jobs = read(stubbed / ".github/workflows/cityai.yml")["jobs"]
        commands = [s["run"] for job in jobs.values() for s in job["steps"] if "run" in s]
    else:
        spec = read(stubbed / ".gitlab-ci.yml")
        commands = [*spec["check"]["script"], *spec["registry"]["script"]]
    assert "python -m cityai registry check" in commands
    (command,) = (c for c in commands if c == "sh deploy/gate")
    assert run(stubbed, command, TOLD=str(told), FAILS="no") == 0
    asked = [f"-m cityai gate projects/{name} --declared" for name in ("first", "second")]
    assert [line.strip() for line in told.read_text().splitlines()] == asked
    assert run(stubbed, command, TOLD=str(told), FAILS="*gate*first*") == 3


def test_cron_runs_once_at_a_time_and_keeps_its_log_private(stubbed, tmp_path):
    command, told = find_cron(stubbed), tmp_path / "told"
    assert run(stubbed, command, TOLD=str(told), FAILS="no") == 0
    log = stubbed / ".cityai/deploy.log"
    assert log.stat().st_mode & 0o777 == 0o600
    held = f"flock {stubbed}/.cityai/deploy.lock sh -c {shlex.quote(command)}"
    before = told.read_text()
    assert run(stubbed, held, TOLD=str(told), FAILS="no") != 0
    assert told.read_text() == before


def test_a_databricks_run_logs_there_where_no_address_is_given(stubbed, tmp_path):
    told = tmp_path / "told"
    (command,) = list_runs(stubbed, "databricks")
    assert run(stubbed, command, TOLD=str(told), FAILS="no") == 0
    assert {line.split()[-1] for line in told.read_text().splitlines()} == {"databricks"}


@pytest.mark.parametrize("way", WAYS[1:])
def test_what_is_installed_is_this_version(workspace, way):
    if way == "databricks":
        (job,) = read(workspace / "databricks.yml")["resources"]["jobs"].values()
        (made,) = job["environments"]
        assert {task["environment_key"] for task in job["tasks"]} == {made["environment_key"]}
        needed = made["spec"]["dependencies"]
    else:
        text = "\n".join(list_commands(workspace, way))
        needed = re.findall(r'"([a-z]+[=<>]=[\d.]+)"', text)
        assert "libgomp1" in text or way == "github"  # its machines have it
    (ours,) = (Requirement(text) for text in needed if text.startswith("cityai"))
    assert ours.specifier.contains(__version__, prereleases=True)


def test_the_container_is_pinned_holds_no_data_and_is_nobody_special(workspace):
    made = find_container(workspace)
    assert re.fullmatch(r"python:\d+\.\d+\.\d+-slim-\w+", made["FROM"][0])
    assert not {"COPY", "ADD", "ARG"} & set(made)
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", made["USER"][-1])
    assert [Requirement(r).specifier for r in re.findall(r'"(cityai==[\d.]+)"', made["RUN"][1])]
    assert (workspace / ".dockerignore").read_text() == "*\n"
    told = (workspace / "Containerfile").read_text()
    assert all(option in told for option in ("--read-only", "--cap-drop ALL", "--user"))


def test_no_file_holds_a_secret(workspace):
    for way in ("deploy/cron", "deploy/run", "deploy/gate", "deploy/databricks_task.py",
                "databricks.yml", ".gitlab-ci.yml", ".github/workflows/cityai.yml",
                "Containerfile"):  # fmt: skip
        for line in (workspace / way).read_text().splitlines():
            if re.search(r"(?i)token|password|secret", line) and not line.startswith("#"):
                assert re.search(r"\$\{\{ secrets\.\w+ \}\}", line), (way, line)


@pytest.mark.parametrize(
    ("file", "options"),
    [
        (".github/workflows/cityai.yml", ["vendor.github-workflows"]),
        (".github/workflows/cityai.yml", ["custom.github-workflows-require-timeout"]),
        (".gitlab-ci.yml", ["vendor.gitlab-ci", "--data-transform", "gitlab-ci"]),
    ],
)
def test_files_of_ci_obey_their_published_schema(workspace, file, options):
    pytest.importorskip("check_jsonschema", reason="check-jsonschema is not installed")
    ask = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", *options]
    done = subprocess.run(
        [*ask, str(workspace / file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_cron_s_own_program_takes_its_file_and_refuses_a_worse_one(workspace, tmp_path):
    """Debian's looks at a file with `-n`, that of others with `-T`; both install nothing."""
    if not shutil.which("crontab"):
        pytest.skip("crontab is not installed")
    told = subprocess.run(["crontab", "-?"], capture_output=True, text=True, check=False).stderr
    option = "-n" if "dry run" in told else "-T"
    if option not in told:
        pytest.skip("this crontab checks no file")
    bad = tmp_path / "cron"
    bad.write_text((workspace / "deploy/cron").read_text().replace("\n30 5 ", "\n61 5 "))
    for file, is_good in ((workspace / "deploy/cron", True), (bad, False)):
        done = subprocess.run(["crontab", option, file], capture_output=True, check=False)
        assert (done.returncode == 0) is is_good, done.stderr


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("actionlint", [".github/workflows/cityai.yml"]),
        ("hadolint", ["--ignore", "DL3008", "Containerfile"]),
        ("shellcheck", ["deploy/run", "deploy/gate"]),
    ],
)
def test_files_stand_before_their_own_tool(workspace, tool, arguments):
    if not shutil.which(tool):
        pytest.skip(f"{tool} is not installed")
    assert subprocess.run([tool, *arguments], cwd=workspace, check=False).returncode == 0


def test_the_bundle_has_the_keys_that_databricks_documents(workspace):
    spec = read(workspace / "databricks.yml")
    assert set(spec) == {"bundle", "sync", "targets", "resources"}
    assert {name: target["mode"] for name, target in spec["targets"].items()} == {
        "dev": "development",
        "prod": "production",
    }
    (job,) = spec["resources"]["jobs"].values()
    assert set(job) <= {"name", "schedule", "max_concurrent_runs", "timeout_seconds", "tasks",
                        "environments"}  # fmt: skip
    assert set(job["schedule"]) == {"quartz_cron_expression", "timezone_id"}
    assert len(job["schedule"]["quartz_cron_expression"].split()) == 6
    assert (workspace / job["tasks"][0]["spark_python_task"]["python_file"]).is_file()


@pytest.mark.long
def test_the_container_is_built(workspace):
    docker = shutil.which("docker")
    if not docker or subprocess.run([docker, "info"], capture_output=True, check=False).returncode:
        pytest.skip("no docker daemon runs here")
    build = [docker, "build", "--file", "Containerfile", "."]
    assert subprocess.run(build, cwd=workspace, check=False).returncode == 0


@pytest.mark.long
def test_every_way_publishes_the_card_of_a_small_city(workspace, tmp_path):
    """The commands as they stand in the files, by the Python that has cityai."""
    city = tmp_path / "city"
    city.mkdir()
    write_workspace(city, draw_requests(), FAST)
    root = Path(__file__).parents[2]
    set_python(city, f'PYTHONPATH={shlex.quote(str(root))} exec {sys.executable} "$@"')
    shutil.copytree(workspace / "deploy", city / "deploy")
    store = f"sqlite:///{tmp_path / 'mlflow.db'}"
    commands = {c: way for way in WAYS for c in list_runs(workspace, way)}
    for command, way in commands.items():
        card = city / "model_cards/requests/card.json"
        card.unlink(missing_ok=True)
        told = command.replace(str(workspace), str(city))
        assert run(city, told, MLFLOW_TRACKING_URI=store) == 0, way
        assert card.is_file(), way
    (city / "projects/requests/data.csv").write_text("id\n")
    assert run(city, "sh deploy/run") != 0  # each of them calls it
