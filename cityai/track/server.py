"""The tracking store: the workspace's own SQLite file, or the one of MLFLOW_TRACKING_URI."""

from __future__ import annotations

import os
import socket
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from cityai.errors import TrackingError
from cityai.store.files import FILE_MODE, PRIVATE, guard_files, hold_lock, make_folder
from cityai.track.door import call_mlflow, import_mlflow, keep_quiet
from cityai.track.new_store import trust_tables, write_tables

VARIABLE = "MLFLOW_TRACKING_URI"
REGISTRY = "MLFLOW_REGISTRY_URI"
USERNAME, PASSWORD = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"
FOLDER, SCHEMA = "CITYAI_EXPERIMENTS", "CITYAI_MODELS"
"""Where a shared server keeps experiments (``/Shared/streets``) and registered models
(``main.streets``; ``none`` registers no model)."""
DATABRICKS = "databricks"
SHARED = "/Shared/cityai"
DATABASE, ARTIFACTS = "mlflow.db", "artifacts"
SQLITE = "sqlite:///"
PROBE_SECONDS = 5.0
CREATE_SECONDS = 120.0
"""Eight first starts in a row on a slow disk end within this."""

PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}
NETWORK_DISKS = ("nfs", "cifs", "smb", "9p", "fuse.", "afs", "lustre", "gpfs", "ceph")


@dataclass(frozen=True)
class Tracking:
    """A tracking store that answers."""

    uri: str
    """Its address, as MLflow takes it."""
    where: str
    """The same for people, without credentials."""
    artifacts: str | None
    """Where a new experiment's files go; None leaves it to the server."""
    client: Any
    """The door to it, an `mlflow.MlflowClient`."""

    def name_experiment(self, project: str) -> str:
        """Return what a project's experiment is called here: a path, where the server has them."""
        folder = os.environ.get(FOLDER) or (SHARED if _is_databricks(self.uri) else "")
        return f"{folder.rstrip('/')}/{project}" if folder else project

    def name_model(self, project: str) -> str:
        """Return what a project's registered model is called here; nothing where none is kept."""
        schema = os.environ.get(SCHEMA, "")
        return "" if schema == "none" else f"{schema}.{project}".lstrip(".")

    def name_tag(self, tag: str) -> str:
        """Return what a tag of a registered model is called here: Unity Catalog takes no dot."""
        return tag.replace(".", "_") if _is_catalogued(self.uri) else tag


def find_uri(state: Path) -> str:
    """Return MLFLOW_TRACKING_URI, or the address of the workspace's own store."""
    return os.environ.get(VARIABLE) or f"{SQLITE}{(state / DATABASE).resolve()}"


def find_database(uri: str) -> Path | None:
    """Return the file of an SQLite store, None for any other."""
    return Path(uri.removeprefix(SQLITE)).absolute() if uri.startswith(SQLITE) else None


def describe_uri(uri: str) -> str:
    """Return an address without user names and passwords."""
    parts = urlsplit(uri)
    if not parts.netloc:
        return uri  # a file, with all its slashes
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _take_credentials(uri: str) -> str:
    """Return a server's address without user and password, which go where MLflow looks for them.

    What MLflow and its libraries say of a failure holds the address.
    """
    parts = urlsplit(uri)
    if parts.scheme not in ("http", "https") or parts.username is None:
        return uri
    os.environ[USERNAME] = unquote(parts.username)
    os.environ[PASSWORD] = unquote(parts.password or "")
    return describe_uri(uri)


def connect_tracking(state: Path) -> Tracking:
    """Open the tracking store; create the workspace's own when it is missing.

    Raises
    ------
    TrackingError
        Within seconds, if the store does not answer.
    StoreError
        If the workspace's own store cannot be written.
    """
    uri = _take_credentials(find_uri(state))
    where, database = describe_uri(uri), find_database(uri)
    own = VARIABLE not in os.environ or not os.environ[VARIABLE]
    artifacts = (state / ARTIFACTS).resolve().as_uri() if own else None
    if database is None:
        check_host(uri)
        return _open_client(uri, where, artifacts)
    import_mlflow()  # before the lock, so that nobody waits for it
    with (
        guard_files(database, "the tracking store cannot be used", PRIVATE),
        hold_lock(
            database.parent, database.stem, doing="creating the store", seconds=CREATE_SECONDS
        ),
        keep_quiet(),
        trust_tables(),
    ):
        _prepare_database(database)
        tracking = _open_client(uri, where, artifacts)
        if artifacts is not None:
            make_folder(state / ARTIFACTS)
            _follow_move(database, artifacts)
        return tracking


def check_host(uri: str) -> None:
    """Knock at the store's port.

    Raises
    ------
    TrackingError
        If nobody opens within `PROBE_SECONDS`.
    """
    parts = urlsplit(uri)
    scheme = parts.scheme.partition("+")[0]
    proxies = {f"{scheme}_proxy", f"{scheme}_proxy".upper(), "all_proxy", "ALL_PROXY"}
    if parts.hostname is None or proxies & set(os.environ):
        return  # there is nobody to knock at: MLflow's own time-outs must do
    address = (parts.hostname, parts.port or PORTS.get(scheme, 0))
    try:
        socket.create_connection(address, timeout=PROBE_SECONDS).close()
    except OSError as error:
        raise TrackingError(
            f"the MLflow server does not answer: {error.strerror or error}",
            where=describe_uri(uri),
            expected="a server that takes connections at this address",
            next_step=f"start it, correct {VARIABLE}, or unset it to use the workspace's own store",
        ) from error


def _prepare_database(database: Path) -> None:
    """Make an SQLite file private, with MLflow's tables, and let it be read while it is written."""
    make_folder(database.parent)
    new = not database.exists()
    try:
        with closing(sqlite3.connect(database, timeout=20)) as connection:
            if not is_network_disk(database.parent):
                connection.execute("PRAGMA journal_mode=WAL")
            write_tables(connection)
    except sqlite3.Error as error:
        raise TrackingError(
            f"the tracking store cannot be opened: {error}",
            where=str(database),
            expected="an SQLite file that can be written",
            next_step="make it writable, or move it away: the next run makes a new one",
        ) from error
    if new:
        database.chmod(FILE_MODE)


def _follow_move(database: Path, root: str) -> None:
    """Let a store that was moved or copied with its workspace write to its own files.

    MLflow keeps where files are as whole addresses: those of the old place are written anew.
    """
    kept = (
        ("experiments", "artifact_location"),
        ("runs", "artifact_uri"),
        ("logged_models", "artifact_location"),
        ("model_versions", "source"),
        ("model_versions", "storage_location"),
    )
    with closing(sqlite3.connect(database, timeout=20)) as connection, connection:
        found = connection.execute("SELECT name, artifact_location FROM experiments").fetchall()
        named = [(f"/{name.lstrip('/')}", at) for name, at in found]
        ends = {at.removesuffix(name) for name, at in named if at.endswith(name)}
        for old in (end for end in ends if end.endswith(f"/{ARTIFACTS}") and end != root):
            for table, column in kept:
                connection.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) "  # noqa: S608
                    f"WHERE substr({column}, 1, ?) = ?",
                    (root, len(old) + 1, len(old) + 1, f"{old}/"),
                )


def is_network_disk(folder: Path, mounts: Path = Path("/proc/mounts")) -> bool:
    """Tell whether a folder is on a network file system, where SQLite's WAL is not safe."""
    if not mounts.exists():
        return False
    found, kind = "", ""
    for line in mounts.read_text().splitlines():
        _, point, of_kind, *_ = line.split()
        point = point.replace("\\040", " ")
        if folder.resolve().is_relative_to(point) and len(point) >= len(found):
            found, kind = point, of_kind
    return kind.startswith(NETWORK_DISKS)


def check_names(uri: str) -> None:
    """Refuse names that the server would refuse at the end of a run.

    Raises
    ------
    TrackingError
        When a folder of experiments is no path, or Unity Catalog has no schema for models.
    """
    folder, schema = os.environ.get(FOLDER, ""), os.environ.get(SCHEMA, "")
    if folder and not folder.startswith("/"):
        raise TrackingError(
            f"'{folder}' is no folder of experiments",
            where=FOLDER,
            expected=f"a path: {SHARED}",
            next_step=f"correct {FOLDER}, or unset it",
        )
    if _is_catalogued(uri) and schema != "none" and schema.count(".") != 1:
        raise TrackingError(
            "Unity Catalog keeps models in a schema, and none is named",
            where=SCHEMA,
            expected="a catalog and a schema: main.streets",
            next_step=f"set {SCHEMA}, or to 'none' to register no model",
        )


def find_registry(uri: str) -> str:
    """Return the address of the registry of models: MLFLOW_REGISTRY_URI, or beside the store."""
    beside = f"{DATABRICKS}-uc" if _is_databricks(uri) else ""
    profile = uri.removeprefix(DATABRICKS) if beside else ""
    return os.environ.get(REGISTRY) or (beside + profile if beside else uri)


def _is_catalogued(uri: str) -> bool:
    return find_registry(uri).startswith(f"{DATABRICKS}-uc")


def _is_databricks(uri: str) -> bool:
    return uri == DATABRICKS or uri.startswith(f"{DATABRICKS}://")


def _open_client(uri: str, where: str, artifacts: str | None) -> Tracking:
    check_names(uri)
    with call_mlflow("the MLflow store cannot be used", where):
        client = import_mlflow().MlflowClient(tracking_uri=uri, registry_uri=find_registry(uri))
        client.search_experiments(max_results=1)
    return Tracking(uri, where, artifacts, client)
