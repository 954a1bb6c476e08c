"""The project says what it means, and its own features do what their labels say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import BaseModel

from cityai.config.load import load_project
from cityai.data.features.history import History
from cityai.data.features.own import OwnFunctions

FOLDER = Path(__file__).parents[1]


def make_history(values: np.ndarray) -> History:
    starts = pd.date_range("2022-01-03", periods=len(values), freq="7D")
    names = [f"N{i + 1}" for i in range(values.shape[1])]
    frame = pd.DataFrame(values, index=starts, columns=names, dtype="float64")
    entities = pd.DataFrame(index=pd.Index(names, name="entity_id"))
    return History(
        pd.Timestamp("2022-01-03") + pd.Timedelta(weeks=len(values)), "week", frame, entities
    )


def call(name: str, values: np.ndarray) -> list[float]:
    own = OwnFunctions.open(FOLDER / "features.py", [name])
    assert own is not None
    (column,) = own.call(make_history(values), {})
    return list(column)


def test_project_is_short_and_complete() -> None:
    project = load_project(FOLDER)
    lines = (FOLDER / "project.yaml").read_text(encoding="utf-8").splitlines()
    assert len(lines) < 100
    assert lines[0] == "# yaml-language-server: $schema=../../configs/project.schema.json"
    assert project.spec.city.synthetic
    assert project.spec.limits == project.spec.policy.limits
    assert "note" not in project.spec.data.columns


def test_card_leaves_no_gap() -> None:
    words = load_project(FOLDER).spec.words
    assert list_gaps(words) == []
    assert len(words.checklist) == 21


def list_gaps(record: BaseModel, at: str = "") -> list[str]:
    gaps = []
    for name in type(record).model_fields:
        value = getattr(record, name)
        if value is None:
            gaps.append(at + name)
        elif isinstance(value, BaseModel):
            gaps += list_gaps(value, f"{at}{name}.")
    return gaps


def test_level_against_the_year() -> None:
    values = np.full((60, 3), 10.0)
    values[-4:, 1] = 23
    values[:, 2] = 0
    assert call("level_against_the_year", values) == pytest.approx(
        [1, 2.09, np.nan], abs=0.01, nan_ok=True
    )
    assert call("level_against_the_year", values[:2]) == pytest.approx([1, 1, np.nan], nan_ok=True)


def test_weeks_since_a_quiet_week() -> None:
    values = np.full((80, 4), 10.0)
    values[-1, 0] = 3
    values[-6, 1] = 4
    values[5, 2] = 0  # more than a year ago
    assert call("weeks_since_a_quiet_week", values) == [0, 5, 52, 52]
    assert call("weeks_since_a_quiet_week", values[:3, :1]) == [3]
