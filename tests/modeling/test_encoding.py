from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cityai.modeling.forecasters.encoding import find_codes

KNOWN = ("b", "a", "3")


@pytest.mark.parametrize("dtype", ["str", "object", "category"])
def test_codes_are_positions_among_known_names(dtype):
    names = ["a", "unknown", None, "b", "b", "3", "a"]
    column = pd.Series(names, index=range(9, 2, -1), dtype=dtype)
    at = {name: place for place, name in enumerate(KNOWN)}
    assert find_codes(column, KNOWN).tolist() == [at.get(name, -1) for name in names]
    assert find_codes(column[:0], KNOWN).dtype == np.int64


def test_numbers_are_known_as_their_texts_and_unused_categories_do_no_harm():
    assert find_codes(pd.Series([3, 4]), KNOWN).tolist() == [2, -1]
    column = pd.Series(pd.Categorical(["b"], categories=["z", "b", "a"]))
    assert find_codes(column, KNOWN).tolist() == [0]
