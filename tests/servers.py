"""Database servers that the tests start themselves, and end."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote
from urllib.request import urlopen

from cityai.track.door import FORCED
from cityai.track.pages import KEEPER, START_SECONDS

SECRET = "p4ss-wörd/@:x"
QUOTED = "p4ss-w%C3%B6rd%2F%40%3Ax"


@dataclass(frozen=True)
class Postgres:
    """A PostgreSQL server of its own, on this machine alone."""

    port: int
    programs: Path
    folder: Path

    @property
    def address(self) -> str:
        return f"postgresql://city:{QUOTED}@127.0.0.1:{self.port}/postgres"

    def run(self, *statements: str) -> None:
        """Change what is in it."""
        import adbc_driver_postgresql.dbapi as driver

        with driver.connect(self.address, autocommit=True) as session, session.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def read(self, query: str) -> list[tuple[object, ...]]:
        """Return the rows of a question."""
        import adbc_driver_postgresql.dbapi as driver

        with driver.connect(self.address) as session, session.cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())

    def put(self, name: str, table: object) -> None:
        """Write an Arrow table."""
        import adbc_driver_postgresql.dbapi as driver

        with driver.connect(self.address) as session, session.cursor() as cursor:
            cursor.execute(f'DROP TABLE IF EXISTS "{name}"')
            cursor.adbc_ingest(name, table, mode="create")
            session.commit()


def find_programs() -> Path | None:
    """Return where PostgreSQL's own programs are."""
    found = shutil.which("initdb")
    shelves = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return Path(found).parent if found else next(iter(shelves), None)


def tell_lack() -> str:
    """Say why no PostgreSQL can be asked here; empty when one can."""
    if find_spec("adbc_driver_postgresql") is None:
        return "no driver for PostgreSQL: pip install 'cityai[postgres]'"
    if find_programs() is None:
        return "no PostgreSQL server is installed (initdb)"
    return ""


def find_port() -> int:
    """Return a port of this machine that nobody listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def start_postgres() -> Iterator[Postgres]:
    """Start a server that asks for a password; it and its data are gone afterwards."""
    programs = find_programs()
    assert programs is not None
    folder = Path(tempfile.mkdtemp(prefix="cityai-pg-"))
    # The server refuses to be run by root.
    user = "nobody" if os.geteuid() == 0 else None
    if user is not None:
        shutil.chown(folder, user)
    (folder / "secret").write_text(SECRET, "utf-8")
    (folder / "secret").chmod(0o644)
    port = find_port()
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"

    def call(program: str, *arguments: str) -> None:
        subprocess.run(
            [programs / program, "-D", folder / "data", *arguments],
            user=user,
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    made = ("-U", "city", f"--pwfile={folder / 'secret'}", "-A", "scram-sha-256", "--no-sync")
    try:
        call("initdb", *made, "-E", "UTF8", "--locale=C")
        call("pg_ctl", "-w", "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield Postgres(port, programs, folder)
        finally:
            call("pg_ctl", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


TOKEN = "p4ss-w0rd/@:x"
"""Of Spark: a token is a header of HTTP, and these are ASCII."""
LAKES = Path(os.environ.get("CITYAI_LAKES") or Path(__file__).parents[1] / "build" / "lakes")
"""Where `make lakes` puts Spark and the readers of tables, so that nothing else sees them."""


@dataclass(frozen=True)
class Spark:
    """A Spark Connect server of its own, on this machine alone."""

    port: int
    folder: Path

    @property
    def address(self) -> str:
        return f"sc://localhost:{self.port}/;token={quote(TOKEN, safe='')}"

    def run(self, *statements: str) -> None:
        """Change what is in it, from a process of its own."""
        code = "import os, sys; from pyspark.sql.connect.session import SparkSession as S\n"
        code += "s = S(connection=sys.argv[1])\nfor q in sys.argv[2:]: s.sql(q).collect()\n"
        code += "os._exit(0)"
        paths = os.pathsep.join([*filter(None, sys.path), str(LAKES)])
        command = [sys.executable, "-c", code, self.address, *statements]
        subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": paths}, timeout=120)


def tell_spark_lack() -> str:
    """Say why Spark cannot be asked here; empty when it can."""
    if not (LAKES / "pyspark" / "jars").is_dir():
        return "Spark is not there: make lakes"
    if shutil.which("java") is None:
        return "no Java (17 or newer) is installed"
    return ""


@contextmanager
def start_spark() -> Iterator[Spark]:
    """Start a server that asks for a token; it and its data are gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="cityai-spark-"))
    port, home = find_port(), LAKES / "pyspark"
    settings = {
        "spark.connect.grpc.binding.port": port,
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.authenticate.token": TOKEN,
        "spark.ui.enabled": "false",
        "spark.sql.warehouse.dir": folder / "tables",
        # For small tables; every other setting, and the SQL, is as it ships.
        "spark.sql.shuffle.partitions": 1,
        "spark.sql.adaptive.enabled": "false",
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    }
    chosen = [part for name, value in settings.items() for part in ("--conf", f"{name}={value}")]
    kind = "org.apache.spark.sql.connect.service.SparkConnectServer"
    command = [home / "bin" / "spark-submit", "--master", "local[1]", "--driver-memory", "1g"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [*command, "--class", kind, *chosen, "spark-internal"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            env={**os.environ, "SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1"},
        )
        try:
            end = time.monotonic() + START_SECONDS
            while not _listens(port):
                assert server.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < end, (folder / "log").read_text()
                time.sleep(0.2)
            yield Spark(port, folder)
        finally:
            server.terminate()
            server.wait()
            shutil.rmtree(folder, ignore_errors=True)


def _listens(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def start_mlflow(store: str, files: Path) -> Iterator[str]:
    """Start MLflow's server as an office has one: files go through it. Its address is yielded."""
    port = find_port()
    command = [sys.executable, str(KEEPER), sys.executable, "-m", "mlflow", "server"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--artifacts-destination", (files / "artifacts").as_uri()]
    with (files / "log").open("wb") as log:
        server = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            cwd=files,
            env={**os.environ, **FORCED, "MLFLOW_BACKEND_STORE_URI": store},
        )
        assert server.stdin is not None
        try:
            end = time.monotonic() + START_SECONDS
            while not _is_well(f"http://127.0.0.1:{port}/health"):
                assert server.poll() is None, (files / "log").read_text()
                assert time.monotonic() < end
                time.sleep(0.2)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.stdin.close()
            server.wait()


def _is_well(address: str) -> bool:
    try:
        with urlopen(address, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
