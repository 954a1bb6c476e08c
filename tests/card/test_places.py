from __future__ import annotations

import numpy as np
import pandas as pd

from cityai.card.draft.places import _list_rows
from cityai.card.numbers import write_number
from cityai.i18n.frames import make_frame
from cityai.i18n.messages import Figure, say


def test_rows_of_places_are_those_that_pandas_lists() -> None:
    said = say("No value: {why}.", why="none")
    table = make_frame(
        {
            "slice": pd.array(["a", "b", "b"], dtype="str"),
            "metric": np.array(["wape", "bias", "wape"], dtype=object),
            "value": [0.25, np.nan, -0.0],
            "n": np.array([1, 2, 3]),
            "reason": np.array(["", said, said], dtype=object),
        }
    )
    found, plain = [*_list_rows(table)], table.to_dict("records")
    assert repr(found) == repr(plain)
    assert [[type(v) for v in row.values()] for row in found] == [
        [type(v) for v in row.values()] for row in plain
    ]
    assert found[1]["reason"] is said


def test_a_figure_that_is_kept_is_the_one_that_would_be_written_anew() -> None:
    """Numbers that are equal and are not alike, in any order."""
    for values in ((0.0, -0.0, 0, 1, 1.0, np.float64(1.0)), (np.float64(1.0), 1.0, 1, -0.0, 0.0)):
        written = [write_number(value, "share") for value in values]
        assert {str.__str__(text) for text in written} == {"0%", "100%"}
        assert all(isinstance(text, Figure) for text in written)
