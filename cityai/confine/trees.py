"""The inside of the process in which a model from a file is read for the first time."""

from __future__ import annotations

from cityai.confine.child import Child, Ended, answer_messages, tell_limits
from cityai.errors import StoreError

SECONDS = 60.0


def try_trees(text: str, where: str) -> None:
    """Read LightGBM's text in a process of its own, where a damaged one ends nothing else.

    Raises
    ------
    StoreError
        When it cannot be read there.
    """
    child = Child("cityai.confine.trees", closed=True, seconds=SECONDS)
    try:
        child.ask(text.encode())
    except Ended as ended:
        raise StoreError(
            f"the model cannot be read: {ended}",
            where=where,
            expected="trees as LightGBM writes them",
            next_step=f"run the project again; {tell_limits()}",
        ) from None
    finally:
        child.close()


def serve(shut: bool) -> None:
    """Read one text after the other."""
    answer_messages(_read)


def _read(parts: list[bytes]) -> list[bytes]:
    from lightgbm import Booster

    Booster(model_str=parts[0].decode())
    return []
