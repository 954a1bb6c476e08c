from __future__ import annotations

import pandas as pd

from cityai.confine.own_code import write_frame
from cityai.data.features.worker import _read_tables


def test_a_column_that_is_empty_in_one_part_joins_the_others() -> None:
    parts = [
        pd.DataFrame({"case_id": ["a", "b"], "area_id": [None, None], "seats": [1.0, 2.0]}),
        pd.DataFrame({"case_id": ["c"], "area_id": ["N1"], "seats": [None]}),
    ]
    tables = {}
    for before, part in zip((0, 2), parts, strict=True):
        joined = _read_tables([("", before)], [write_frame(part)], tables)[""]
    assert joined["case_id"].tolist() == ["a", "b", "c"]
    assert joined["area_id"].isna().tolist() == [True, True, False]
