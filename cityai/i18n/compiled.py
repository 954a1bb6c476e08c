"""What is made of a file of this package at each start: kept beside it, as Python keeps modules."""

from __future__ import annotations

import marshal
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any


def keep_compiled(path: Path, maker: str, make: Callable[[], Any]) -> Any:
    """Return what was made of a file, from its ``__pycache__`` where the file is as it was.

    Parameters
    ----------
    path : Path
        A file of this package: nothing that a city or anybody else brings.
    maker : str
        What made it, with the versions and choices on which that depends.
    make : callable
        Makes it: code, or texts in tuples and dicts.
    """
    read, kept = path.stat(), Path(cache_from_source(str(path), optimization="cityai"))
    stamp = (maker, read.st_mtime_ns, read.st_size)
    with suppress(OSError, EOFError, ValueError, TypeError):
        told, made = marshal.loads(kept.read_bytes())  # noqa: S302 - as Python reads its modules
        if told == stamp:
            return made
    made = make()
    if not sys.dont_write_bytecode:
        with suppress(OSError):
            _write(kept, marshal.dumps((stamp, made)))
    return made


def _write(kept: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    kept.parent.mkdir(exist_ok=True)
    begun = kept.with_name(f"{kept.name}.{os.getpid()}")
    try:
        begun.write_bytes(content)
        begun.replace(kept)
    finally:
        begun.unlink(missing_ok=True)
