"""The project keeps its promises about time, groups and its card."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cityai.testing import check_project

DATA = Path(os.environ.get("CITYAI_DATA") or Path(__file__).parents[3] / ".." / "shared" / "data")


@pytest.mark.long
def test_project():
    if not (DATA / "nyc_council_requests").is_dir():
        pytest.skip("no real city data: set CITYAI_DATA to the folder that holds them")
    check_project(Path(__file__).parents[1], folds=2)
