"""The commands read no data in these tests: one row is enough."""

from __future__ import annotations

import pandas as pd
import pytest


@pytest.fixture(scope="session")
def requests_table() -> pd.DataFrame:
    return pd.DataFrame({"id": ["R1"], "opened": ["2024-01-01"]})
