from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from cityai.track.tables import save_tables


def test_tables_are_the_bytes_that_pandas_writes_cell_by_cell(tmp_path: Path) -> None:
    """As MLflow's `log_table` has them; texts that JSON escapes, and what is missing."""
    table = pd.DataFrame(
        {
            "model/é": ["forecast", None, 'a "b" \\ / ü\n', "</script>"],
            "value": [0.1 + 0.2, np.nan, -0.0, 1e-17],
            "n": [3.0, 1e15, 12_345_678.125, np.nan],
            "count": [1, 2, 3, 4],
        }
    )
    tables = {"tables/one.json": table, "tables/none.json": table.iloc[:0]}
    save_tables(tables, tmp_path)
    for name, given in tables.items():
        given.to_json(tmp_path / "plain.json", orient="split", index=False, date_format="iso")
        assert (tmp_path / name).read_bytes() == (tmp_path / "plain.json").read_bytes()
