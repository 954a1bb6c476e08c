from __future__ import annotations

import pytest

from cityai.scaffold.workspace import CityAnswers, create_workspace

ANSWERS = CityAnswers(
    "Little Haven", "US", "America/Chicago", ("en", "es"), "Office of Data", "data@haven.example"
)


@pytest.fixture
def workspace(tmp_path):
    return create_workspace(tmp_path / "little-haven", ANSWERS).folder
