from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cityai.config.load_audit import load_audit

CITY = """\
name: Testville
country: US
time_zone: America/New_York
contact: {unit: Data office, email: data@testville.example}
synthetic: true
areas:
  districts: {path: areas.csv, key: id, name: name, population: residents}
"""
COMPAS = """\
name: compas
title: Scores of re-offending
predictions:
  kind: yes/no
  unit: defendants
  label: defendant
  label_plural: defendants
  made_by: COMPAS
  columns:
    entity: id
    outcome: two_year_recid
    prediction: decile_score
    decision: score_text
    decision_yes: [Medium, High]
maturity: {asked: screening_date, outcome_days: 730, data_until: 2016-03-31}
audit:
  dimensions:
    race: {label: Race, attribute: race, reference: Hispanic}
    sex: {label: Sex, attribute: sex, reference: Male}
    age: {label: Age, attribute: age_cat, reference: 25 - 45}
  limits: {false_positive_rate: 0.05, false_negative_rate: 0.05}
"""
ANSWERS = """\
name: given
title: Given answers
predictions:
  kind: yes/no
  unit: people
  label_plural: people
  columns: {outcome: y, prediction: score, decision: d}
audit:
  dimensions:
    group: {label: Group, attribute: group}
  limits: {selection_rate: 0.1}
"""
AMOUNTS = """\
name: tons
title: A vendor's forecast
predictions:
  kind: amount
  unit: tons
  label: district
  label_plural: districts
  columns:
    entity: district
    as_of: made
    outcome: y
    prediction: forecast
    baselines: {last_year: before}
    area: district
  areas: districts
audit:
  dimensions:
    origin: {label: Origin, shares: {here: [born_here], abroad: [born_abroad]}}
    income: {label: Income, bands: income, band_names: [lower, higher]}
"""


@pytest.fixture
def order(tmp_path: Path) -> Callable[..., Any]:
    """Write a workspace with an audit file and load it."""

    def write(text: str = ANSWERS, small_cell: int = 1):
        (tmp_path / "configs").mkdir(exist_ok=True)
        (tmp_path / "configs" / "city.yaml").write_text(CITY)
        (tmp_path / "configs" / "policy.yaml").write_text(f"small_cell: {small_cell}\n")
        pd.DataFrame(
            {
                "id": [f"D{i}" for i in range(6)],
                "name": [f"District {i}" for i in range(6)],
                "residents": [1000 * (1 + i) for i in range(6)],
                "income": [20, 60, 30, 70, 40, 50],
                "born_here": [600 * (1 + i) for i in range(6)],
                "born_abroad": [400 * (1 + i) for i in range(6)],
            }
        ).to_csv(tmp_path / "areas.csv", index=False)
        (tmp_path / "audit.yaml").write_text(text)
        return load_audit(tmp_path / "audit.yaml")

    return write


@pytest.fixture
def compas(data_folder: Path) -> Path:
    path = data_folder / "fairness_benchmarks" / "compas_two_years.parquet"
    if not path.is_file():
        pytest.skip(f"no COMPAS table at {path}")
    return path


@pytest.fixture
def compas_text() -> str:
    return COMPAS


@pytest.fixture
def answers_text() -> str:
    return ANSWERS


@pytest.fixture
def amounts_text() -> str:
    return AMOUNTS
