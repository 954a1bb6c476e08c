"""Where a key was written that proved wrong only beside the data: file, line and column."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cityai.config.places import CONFIGS
from cityai.config.yaml import Document, Location, Value, read_yaml
from cityai.errors import SpecError


@contextmanager
def locate_errors(file: Path, workspace: Path) -> Iterator[None]:
    """Say of an error about a key (``audit.dimensions.sex.labels.F``) at which line it stands.

    Parameters
    ----------
    file : Path
        The project's file, or the audit's.
    workspace : Path
        The folder with ``configs``: the city's file and the presets are looked into after it.
    """
    try:
        yield
    except SpecError as error:
        for document in _list_documents(file, workspace):
            at = _find_key(error.where, document.content)
            if at:
                where = f"{document.locate(at)}: {error.where}"
                raise SpecError(
                    error.what, where=where, expected=error.expected, next_step=error.next_step
                ) from None
        raise


def _list_documents(file: Path, workspace: Path) -> Iterator[Document]:
    if not file.exists():
        return
    main = read_yaml(file)
    yield main
    named = (f"presets/{main.content.get('use')}", str(main.content.get("city", "city")))
    for path in (workspace / CONFIGS / f"{name}.yaml" for name in named):
        if path.exists():
            yield read_yaml(path)


def _find_key(written: str, content: Value) -> Location:
    """Return the location of a dotted key; empty where the file does not have it."""
    if not isinstance(content, dict):
        return ()
    for key, value in content.items():
        if written == key:
            return (key,)
        if written.startswith(f"{key}."):
            inner = _find_key(written.removeprefix(f"{key}."), value)
            if inner:
                return (key, *inner)
    return ()
