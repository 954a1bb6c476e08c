"""Tasks side by side: the same bytes wherever they run, and a mistake told in its turn."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pandas as pd
import pytest
from joblib import Parallel, parallel_config
from joblib.parallel import BACKENDS, ThreadingBackend
from threadpoolctl import threadpool_info

from cityai.errors import DataError, SetupError, name_step
from cityai.modeling.forecasters.boosted_trees import BoostedTrees
from cityai.modeling.forecasters.classical import THETA
from cityai.modeling.parallel import CLUSTER, run_tasks, use_cluster
from tests.modeling.conftest import build_panel, build_spec
from tests.modeling.test_backtest_dense import run


def halve(number: int, wait: float = 0.0) -> float:
    time.sleep(wait)
    if number % 2:
        raise DataError(f"{number} is odd", where="halve")
    return number / 2


def count_threads(_: int) -> int:
    return max(pool["num_threads"] for pool in threadpool_info())


def find_process(_: int) -> int:
    time.sleep(0.05)
    return os.getpid()


def test_answers_come_in_the_order_of_the_tasks():
    waits = [(n, 0.002 * (20 - n)) for n in range(0, 20, 2)]
    assert list(run_tasks(halve, waits, threads=4)) == [float(n) for n in range(10)]
    assert list(run_tasks(halve, [], threads=2)) == []


def test_the_first_mistake_in_order_is_told_not_the_first_in_time():
    found = run_tasks(halve, [(2,), (5, 0.1), (7, 0.0)], threads=3)
    assert next(found) == 1.0
    with pytest.raises(DataError, match="5 is odd"):
        next(found)


def test_nothing_begins_after_a_mistake_and_one_in_making_a_task_is_told():
    made = []

    def make(last: int) -> Iterator[tuple[int]]:
        for n in range(last):
            made.append(n)
            yield (2 * n + (n == 1), 0.005)
        raise DataError("no more", where="make")

    with pytest.raises(DataError, match="3 is odd"):
        list(run_tasks(halve, make(1000), threads=2))
    assert len(made) < 100
    with pytest.raises(DataError, match="no more"):
        list(run_tasks(halve, make(1), threads=2))


def test_linear_algebra_takes_one_thread_beside_other_tasks():
    before = [pool["num_threads"] for pool in threadpool_info()]
    assert set(run_tasks(count_threads, [(n,) for n in range(4)], threads=2)) == {1}
    assert [pool["num_threads"] for pool in threadpool_info()] == before


def test_a_mistake_comes_back_whole_from_another_process():
    cloudpickle = pytest.importorskip("cloudpickle")
    with pytest.raises(DataError) as raised, name_step("at fold 3"):
        halve(3)
    again = cloudpickle.loads(cloudpickle.dumps(raised.value))
    assert (str(again), again.where) == ("halve, at fold 3: 3 is odd", "halve, at fold 3")


class AllAtOnce(ThreadingBackend):
    """A backend of joblib that gives no answer before it has all, as Ray's does."""

    supports_return_generator = False


@pytest.fixture
def all_at_once(monkeypatch) -> Iterator[None]:
    monkeypatch.setitem(BACKENDS, "all at once", AllAtOnce)
    with parallel_config("all at once", n_jobs=2):
        yield


def test_a_backend_that_gives_all_answers_at_once_gives_the_same(all_at_once):
    with pytest.raises(ValueError, match="does not support return_as"):
        Parallel(n_jobs=2, return_as="generator")
    waits = [(n, 0.002 * (20 - n)) for n in range(0, 20, 2)]
    assert list(run_tasks(halve, waits, threads=2)) == [float(n) for n in range(10)]
    found = run_tasks(halve, [(2,), (5, 0.1), (7, 0.0)], threads=2)
    assert next(found) == 1.0
    with pytest.raises(DataError, match="5 is odd"):
        next(found)


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """A Dask cluster of two worker processes on this machine."""
    distributed = pytest.importorskip("distributed", reason="Dask is not installed: cityai[dask]")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as made:
        yield made.scheduler_address


@pytest.mark.promise(14)
@pytest.mark.filterwarnings("default")
def test_serial_threads_and_a_cluster_of_two_processes_give_the_same_bytes(
    observe, cluster, monkeypatch
):
    candidates = (BoostedTrees("trees", "trees", rounds=10, leaves=5), THETA)

    def backtest(threads: int) -> list[pd.DataFrame]:
        found = run(build_panel(), build_spec(models={"threads": threads}), candidates)
        texts = pd.DataFrame({"text": [m.content for f in found.models for m in f.models]})
        return [found.predictions.table, found.out_of_sample, found.weights, texts]

    serial, threads = backtest(1), backtest(2)
    monkeypatch.setenv(CLUSTER, cluster)
    with use_cluster():
        places = set(run_tasks(find_process, [(n,) for n in range(20)], threads=1))
        kept = set(run_tasks(find_process, [(n,) for n in range(4)], threads=1, here=True))
        away = backtest(1)
    assert os.getpid() not in places
    assert len(places) == 2
    assert kept == {os.getpid()}
    for ours, *others in zip(serial, threads, away, strict=True):
        for other in others:
            pd.testing.assert_frame_equal(ours, other, check_exact=True)
    observe("serial, two threads, two processes of a cluster: same bytes")


def test_a_cluster_that_does_not_answer_is_told(monkeypatch):
    pytest.importorskip("distributed", reason="Dask is not installed: cityai[dask]")
    monkeypatch.setenv(CLUSTER, "nonsense://here")
    with pytest.raises(SetupError, match="no scheduler answers"), use_cluster():
        pass
