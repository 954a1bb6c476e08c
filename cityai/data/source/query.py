"""One query on one Parquet file, behind the same door as every other table."""

from __future__ import annotations

import warnings
from pathlib import Path

import duckdb
import pandas as pd

from cityai.confine.tables import quote_name, quote_text, translate_error
from cityai.data.source.engine import open_room


def query_parquet(path: Path, query: str) -> pd.DataFrame:
    """Run a query that may read one Parquet file and nothing else.

    Parameters
    ----------
    path : Path
        The file; the query names it as ``read_parquet('<path>')``.
    query : str
        One statement.

    Returns
    -------
    pandas.DataFrame
        Its answer.

    Raises
    ------
    DataError
        When the file cannot be read.
    """
    with warnings.catch_warnings(), open_room() as room:
        warnings.filterwarnings("ignore", "fetch_arrow_table", DeprecationWarning)
        try:
            frame: pd.DataFrame = room.open_engine(path).con.execute(query).df()
        except duckdb.Error as error:
            raise translate_error(error, path) from None
    return frame


__all__ = ["query_parquet", "quote_name", "quote_text"]
