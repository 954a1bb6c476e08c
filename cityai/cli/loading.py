"""What a run loads, without looking through it for cycles."""

from __future__ import annotations

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """Load libraries in the block: what they make stays, so it is never looked through for cycles.

    At the end of the process it is, as always: some libraries tell what is left over then.
    """
    atexit.register(gc.unfreeze)
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
