"""Tables with a column of messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionArray

from cityai.i18n.messages import Figure, Message


def make_frame(
    rows: Iterable[Any] | Mapping[str, Any], columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """Make a table as pandas does, except that messages stay what they are.

    A column of texts is held as ``str`` by pandas, which forgets arguments; one with a message in
    it is held as objects. A column that pandas made before holds none, and is not looked at.
    """
    content: Any = rows if isinstance(rows, Mapping) else list(rows)
    names: Any = columns
    frame = pd.DataFrame(content, columns=names)
    for name in frame.columns:
        made = isinstance(content, Mapping) and isinstance(content[name], ExtensionArray)
        if isinstance(frame[name].dtype, pd.StringDtype) and not made:
            cells = _list_cells(content, name, frame.columns.get_loc(name), len(frame))
            if any(issubclass(kind, (Message, Figure)) for kind in set(map(type, cells))):
                frame[name] = pd.Series(cells, dtype=object, index=frame.index)
    return frame


def _list_cells(content: Any, name: str, at: Any, count: int) -> Any:
    if isinstance(content, Mapping):
        return [content[name]] * count if isinstance(content[name], str) else content[name]
    if content and isinstance(content[0], dict):
        return [row.get(name, np.nan) for row in content]
    return [row[at] for row in content]


def choose_texts(where: Any, one: Any, other: Any) -> pd.Series[Any]:
    """Return a column of texts: `one` where a condition holds, else `other`."""
    texts = np.where(where, np.array(one, dtype=object), np.array(other, dtype=object))
    return pd.Series(texts.ravel(), dtype=object)
