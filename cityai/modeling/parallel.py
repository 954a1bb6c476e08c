"""Tasks side by side through joblib: threads of this process, or a cluster that a city names.

A task is a function and its arguments, and gives back one value; it shares nothing with another.
Between processes of our own a task travels as joblib sends it; nothing of it becomes a file.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import Event
from typing import Any, Final, TypeVar

from cityai.errors import SetupError

T = TypeVar("T")
CLUSTER: Final = "CITYAI_DASK"
"""Variable with the address of a Dask scheduler."""
WAIT: Final = "10s"
Task = tuple[Any, ...]
"""Arguments of one call."""


def run_tasks(
    function: Callable[..., T], tasks: Iterable[Task], *, threads: int, here: bool = False
) -> Iterator[T]:
    """Call a function with each task's arguments; yield what it returns, in the tasks' order.

    Libraries of linear algebra take one thread meanwhile: beside other tasks more would only wait.

    Parameters
    ----------
    function : callable
        Of a module, so that another process finds it.
    tasks : iterable of tuple
        Arguments; made as they are needed.
    threads : int
        How many at once, where no backend says otherwise.
    here : bool
        Keep them in this process: what they hold cannot be sent.

    Raises
    ------
    Exception
        What the first task that failed raised, in the tasks' order.
    """
    from threadpoolctl import threadpool_limits

    pool, over = _open_pool(threads, here=here), Event()
    with threadpool_limits(1):
        done = iter(pool(_list_calls(function, tasks, over)))
        try:
            for value, error in done:
                if error is not None:
                    raise error
                yield value
        finally:
            over.set()
            deque(done, maxlen=0)  # what has begun ends, and nothing more begins


def _open_pool(threads: int, *, here: bool) -> Any:
    """Open joblib's pool; its answers come as they are made, where its backend can give them so."""
    from joblib import Parallel

    open_pool = partial(
        Parallel, n_jobs=threads, prefer="threads", require="sharedmem" if here else None
    )
    try:
        return open_pool(return_as="generator")
    except ValueError:  # a backend that gives all answers at once: Ray's, multiprocessing's
        return open_pool(return_as="list")


def _attempt(function: Callable[..., T], *arguments: Any) -> tuple[T | None, Exception | None]:
    """Return a mistake rather than raise it: the first in order is told, not the first in time."""
    try:
        return function(*arguments), None
    except Exception as error:
        return None, error


def _list_calls(function: Callable[..., T], tasks: Iterable[Task], over: Event) -> Iterator[Any]:
    """Yield joblib's calls; a mistake in making a task is told in its turn, as the task's own."""
    from joblib import delayed

    try:
        for task in tasks:
            if over.is_set():
                return
            yield delayed(_attempt)(function, *task)
    except Exception as error:
        yield delayed(_attempt)(_fail, error)


def _fail(error: Exception) -> None:
    raise error


@contextmanager
def use_cluster() -> Iterator[None]:
    """Run the block's tasks on the Dask cluster that `CITYAI_DASK` names, if it names one.

    Raises
    ------
    SetupError
        When Dask is not installed, or the cluster does not answer.
    """
    address = os.environ.get(CLUSTER)
    if not address:
        yield  # in threads here, or where a caller's own `joblib.parallel_config` says
        return
    try:
        from distributed import Client
    except ImportError as error:
        raise SetupError(
            "Dask is not installed",
            where=CLUSTER,
            next_step="pip install 'cityai[dask]', here and on every worker",
        ) from error
    from joblib import parallel_config

    try:
        client = Client(address, timeout=WAIT)
    except (OSError, ValueError) as error:
        raise SetupError(
            f"no scheduler answers at {address}",
            where=CLUSTER,
            expected="the address of a scheduler that runs, such as tcp://host:8786",
            next_step="start it, or leave the variable out: tasks then run in threads here",
        ) from error
    with client, parallel_config("dask"):
        yield
