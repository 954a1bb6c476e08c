"""A project's own functions, tried twenty ways to read what they are not given."""

from __future__ import annotations

import contextlib
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cityai.confine import own_file
from cityai.data.features.history import CaseHistory, History
from cityai.data.features.own import OwnFunctions, check_own
from cityai.errors import DataError
from cityai.findings import Status

SECRET = 7777.0
MOMENT = pd.Timestamp("2024-03-04")

WAYS = {
    "open": "float(open(TEXT).read())",
    "a file called .py": "float(open(CODE).read().strip('# '))",
    "pathlib": "float(__import__('pathlib').Path(TEXT).read_text())",
    "os.open": "float(os.read(os.open(TEXT, os.O_RDONLY), 9))",
    "mmap": "float(mmap.mmap(os.open(TEXT, 0), 4, prot=mmap.PROT_READ)[:4])",
    "pandas csv": "pd.read_csv(TEXT, header=None).iloc[0, 0]",
    "pandas parquet": "pd.read_parquet(PARQUET).x[0]",
    "pyarrow": "pyarrow.parquet.read_table(PARQUET)['x'][0].as_py()",
    "pyarrow map": "float(pyarrow.memory_map(TEXT).read()[:4])",
    "duckdb": "duckdb.sql(f\"SELECT x FROM '{PARQUET}'\").fetchall()[0][0]",
    "sqlite": "sqlite3.connect(SQLITE).execute('SELECT x FROM t').fetchone()[0]",
    "memmap": "np.memmap(BINARY, dtype='float64', mode='r')[0]",
    "numpy": "np.fromfile(BINARY)[0]",
    "ctypes": "c_open(TEXT)",
    "thread": "in_thread(lambda: open(TEXT).read())",
    "thread and library": "in_thread(lambda: pyarrow.memory_map(TEXT).read()[:4])",
    "subprocess": "float(subprocess.check_output(['cat', TEXT]))",
    "posix_spawn": "spawn(['/bin/cat', TEXT])",
    "fork and exec": "fork(['/bin/cat', TEXT])",
    "os.system": "os.system(f'cp {TEXT} /tmp/x') or 7777 * os.path.exists('/tmp/x')",
    "a module that reads": "imported()",
    "resources": "float(importlib.resources.files('features').joinpath('secret.txt').read_text())",
    "socket": "fetch()",
    "environment": "float(os.environ['CITYAI_SECRET'])",
    "descriptors": "descriptors()",
    "memory of the parent": "parent_memory()",
    "frames": "frames()",
    "finder": "float(importlib.machinery.SourceFileLoader('m', TEXT).get_data(TEXT))",
    "io_uring": "7777.0 * (ctypes.CDLL(None).syscall(425, 1, bytes(120)) > 0)",
    "another's memory": "7777.0 * (ctypes.CDLL(None).ptrace(16, os.getppid(), 0, 0) == 0)",
}
ALIKE = {
    *("pathlib", "os.open", "mmap", "pandas parquet", "pyarrow", "memmap", "numpy", "finder"),
    *("thread", "posix_spawn", "os.system", "resources"),
}
"""Ways through a door that another of the ways tries in every run."""

CODE = """
import ctypes, gc, importlib.machinery, importlib.resources, mmap, os, socket, sqlite3, subprocess
import sys, threading
import numpy as np
import pandas as pd
import duckdb
import pyarrow, pyarrow.parquet

{places}

def c_open(path):
    c = ctypes.CDLL(None)
    text = ctypes.create_string_buffer(9)
    c.read(c.open(path.encode(), 0), text, 4)
    return float(text.value)

def in_thread(read):
    found = []
    thread = threading.Thread(target=lambda: found.append(read()))
    thread.start()
    thread.join()
    return float(found[0])

def spawn(command):
    read, write = os.pipe()
    os.posix_spawn(command[0], command, {{}}, file_actions=[(os.POSIX_SPAWN_DUP2, write, 1)])
    return float(os.read(read, 4))

def fork(command):
    read, write = os.pipe()
    if os.fork() == 0:
        os.dup2(write, 1)
        os.execv(command[0], command)
    return float(os.read(read, 4))

def imported():
    sys.path.insert(0, FOLDER)
    import reads
    return reads.X

def fetch():
    with socket.create_connection(("127.0.0.1", 9), timeout=1):
        return 7777.0

def descriptors():
    for number in range(3, 256):
        for path in (f"/proc/self/fd/{{number}}", f"/dev/fd/{{number}}"):
            try:
                os.open(path, os.O_RDONLY)
            except OSError:
                continue
            return 7777.0

def parent_memory():
    with open(f"/proc/{{os.getppid()}}/mem", "rb") as memory:
        memory.seek(0x400000)
        return 7777.0 + 0 * len(memory.read(1))

def frames():
    frame, tables = sys._getframe(), []
    while frame is not None:
        tables += [v for v in frame.f_locals.values() if isinstance(v, pd.DataFrame)]
        frame = frame.f_back
    tables += [v for v in gc.get_objects() if isinstance(v, pd.DataFrame)]
    return max(float(t.max(numeric_only=True).max()) for t in tables)

def own(history):
    return np.full(history.values.shape[1], {way})
"""


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    places = {name: str(tmp_path / f"secret.{name.lower()}") for name in ("PARQUET", "SQLITE")}
    places |= {"TEXT": str(tmp_path / "secret.txt"), "CODE": str(tmp_path / "secret.py")}
    places |= {"BINARY": str(tmp_path / "secret.bin"), "FOLDER": str(tmp_path)}
    Path(places["TEXT"]).write_text("7777")
    Path(places["CODE"]).write_text("# 7777")
    Path(tmp_path / "reads.py").write_text(f"X = float(open({places['TEXT']!r}).read())")
    np.array([SECRET]).tofile(places["BINARY"])
    pd.DataFrame({"x": [SECRET]}).to_parquet(places["PARQUET"])
    with closing(sqlite3.connect(places["SQLITE"])) as store, store:
        store.execute("CREATE TABLE t AS SELECT 7777.0 AS x")
    monkeypatch.setenv("CITYAI_SECRET", "7777")
    yield places
    own_file.KEPT.clear()


def make_history(periods: int = 9, moment: pd.Timestamp = MOMENT) -> History:
    entities = pd.DataFrame(
        {"kind": pd.Series(["park", None, "pool"], dtype="str"), "size": [1.5, np.nan, 2.0]},
        index=pd.Index(["a", "b", "ç"], dtype="str", name="entity_id"),
    )
    starts = pd.date_range("2023-01-02", periods=periods, freq="W-MON").as_unit("us")
    values = np.arange(periods * 3, dtype=float).reshape(periods, 3)
    values[0, 0] = np.nan
    table = pd.DataFrame(values, index=pd.DatetimeIndex(starts, freq=None), columns=entities.index)
    return History(moment, "week", table, entities)


def run(folder: Path, code: str, history: History) -> np.ndarray:
    (folder / "features.py").write_text(code)
    own = OwnFunctions.open(folder / "features.py", ["own"])
    assert own is not None
    return own.call(history, {})[0]


@pytest.mark.promise(29)
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the system's refusal is Linux's")
@pytest.mark.parametrize(
    "way", [pytest.param(w, marks=pytest.mark.long if w in ALIKE else ()) for w in WAYS]
)
def test_the_future_is_out_of_reach(
    observe: Callable[[str], None], tmp_path: Path, data: dict[str, str], way: str
) -> None:
    places = "\n".join(f"{name} = {value!r}" for name, value in data.items())
    code = CODE.format(places=places, way=WAYS[way])
    values = np.zeros(3)
    with contextlib.suppress(DataError):
        values = run(tmp_path, code, make_history())
    assert not (values == SECRET).any()
    observe("way shut")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the system's refusal is Linux's")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_ways_work_where_nothing_is_shut(data: dict[str, str]) -> None:
    """The attacks above are real: most of them read the secret in a process like this one."""
    space: dict[str, object] = {}
    exec(CODE.format(places="", way="0"), space)
    space.update(data)
    plain = [w for w in WAYS if w not in ("fork and exec", "socket", "resources", "io_uring")]
    plain = [w for w in plain if w not in ("another's memory", "memory of the parent")]
    plain = [w for w in plain if w not in ("frames", "os.system", "descriptors")]
    assert [eval(WAYS[way], space) for way in plain] == [SECRET] * len(plain)


def test_nothing_is_remembered_from_a_later_moment(tmp_path: Path) -> None:
    code = (
        "kept = []\ndef own(history):\n    kept.append(len(history.values))\n"
        "    return [max(kept)] * history.values.shape[1]\n"
    )
    moments = [(30, "2024-01-01"), (40, "2024-02-01"), (20, "2023-12-01"), (20, "2023-12-01")]
    found = [
        run(tmp_path, code, make_history(periods, pd.Timestamp(moment)))[0]
        for periods, moment in moments
    ]
    assert found == [30, 40, 20, 20]


def test_a_history_arrives_as_it_was_sent(tmp_path: Path) -> None:
    """Values, index, columns, types and missing values: what an honest function computes stays."""
    history = make_history()
    code = (
        "import pandas as pd\nimport hashlib\ndef own(history):\n"
        "    raise ValueError(tell(history))\n"
        "def tell(history):\n"
        "    frames = [history.values, history.entities]\n"
        "    text = [str((f.dtypes.tolist(), f.index, f.columns, f.to_csv())) for f in frames]\n"
        "    return str([history.as_of, history.period, *text])\n"
    )
    space: dict[str, object] = {}
    exec(code, space)
    with pytest.raises(DataError) as caught:
        run(tmp_path, code, history)
    told = space["tell"](history)  # type: ignore[operator]
    assert told in str(caught.value)


def test_cases_arrive_as_they_were_sent(tmp_path: Path) -> None:
    known = pd.to_datetime(["2024-01-02", "2024-02-02", "2024-03-02"])
    cases = pd.DataFrame(
        {
            "case_id": pd.Series(["x", "y", "z"], dtype="str"),
            "kind": pd.Categorical(["p", None, "q"]),
            "known_at": known,
            "y_true": [1.0, 0.0, 1.0],
        }
    )
    events = pd.DataFrame({"known_at": known, "text": pd.Series(["é", None, ""], dtype="str")})
    asked = cases[["case_id", "kind"]].set_index("case_id")
    (tmp_path / "features.py").write_text(
        "def own(history):\n    raise ValueError(tell(history))\n"
        "def tell(history):\n"
        "    frames = [history.asked, history.cases, history.events['e']]\n"
        "    return str([(f.dtypes.tolist(), f.index, f.columns, f.to_csv()) for f in frames])\n"
        "def count(history):\n"
        "    return [len(history.cases) + len(history.events['e'])] * len(history.asked)\n"
    )
    space: dict[str, object] = {}
    exec((tmp_path / "features.py").read_text(), space)
    whole = {"": cases, "e": events}

    def cut(n: int, moment: str) -> CaseHistory:
        return CaseHistory(pd.Timestamp(moment), asked, cases.iloc[:n], {"e": events.iloc[:n]})

    count = OwnFunctions.open(tmp_path / "features.py", ["count"])
    assert count is not None
    moments = [(0, "2024-01-01"), (1, "2024-02-01"), (1, "2024-02-02"), (3, "2024-04-01")]
    for n, moment in [*moments, (2, "2024-03-01")]:
        assert count.call(cut(n, moment), whole)[0].tolist() == [2 * n] * 3
    other = {"": cases.copy(), "e": events.copy()}
    assert count.call(cut(3, "2024-05-01"), other)[0].tolist() == [6] * 3
    own = OwnFunctions.open(tmp_path / "features.py", ["own"])
    assert own is not None
    with pytest.raises(DataError) as caught:
        own.call(cut(3, "2024-04-01"), whole)
    assert space["tell"](cut(3, "2024-04-01")) in str(caught.value)  # type: ignore[operator]


def test_a_function_without_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITYAI_LIMIT_SECONDS", "2")
    with pytest.raises(DataError, match=r"longer than 2 seconds(?s:.)*CITYAI_LIMIT_SECONDS"):
        run(tmp_path, "def own(history):\n    while True: pass\n", make_history())


def test_a_function_that_takes_all_memory_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CITYAI_LIMIT_GB", "2")
    with pytest.raises(DataError, match=r"2 GB of memory(?s:.)*CITYAI_LIMIT_GB"):
        run(tmp_path, "def own(history):\n    return len(bytearray(3 * 2**30))\n", make_history())


@pytest.mark.parametrize(
    "code", ["import os\nos._exit(3)\n", "import ctypes\nctypes.string_at(0)\n"]
)
def test_a_file_that_breaks_the_process_off_is_named(tmp_path: Path, code: str) -> None:
    with pytest.raises(DataError, match="it broke off"):
        run(tmp_path, code, make_history())


def test_what_is_printed_is_no_answer(tmp_path: Path) -> None:
    code = "import os\ndef own(history):\n    print('x' * 99)\n    os.write(1, b'y' * 99)\n"
    assert run(tmp_path, code + "    return [1.0, 2.0, 3.0]\n", make_history()).tolist() == [
        1,
        2,
        3,
    ]


def test_what_is_not_proven_is_said(tmp_path: Path) -> None:
    path = tmp_path / "features.py"
    path.write_text("def own(history): return [0] * 3\n")
    own = OwnFunctions.open(path, ["own"])
    assert own is not None
    own.shut = True
    (finding,) = check_own(path, ["own"])
    assert finding.status is Status.PASS
    own.shut = False
    (finding,) = check_own(path, ["own"])
    assert finding.status is Status.NOT_ENOUGH
    assert "not proven" in str(finding.reason)
    assert check_own(path, []) == ()
