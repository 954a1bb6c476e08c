"""The published tables of COMPAS, through the command line (sources: SOURCE.md of the data)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from tests.kinds import judge_given
from tests.speech import read_plain

ROOT = Path(__file__).parents[2]
PUBLISHED = """\
race|African-American|3696|2174|1369|805|990|532|.72|.45|.28|.37|.35|.59|.51
race|Asian|32|8|6|2|21|3|.67|.09|.33|.25|.12|.25|.28
race|Caucasian|2454|854|505|349|1139|461|.52|.23|.48|.41|.29|.35|.39
race|Hispanic|637|190|103|87|318|129|.44|.21|.56|.46|.29|.30|.36
race|Native American|18|12|9|3|5|1|.90|.38|.10|.25|.17|.67|.56
race|Other|377|79|43|36|208|90|.32|.15|.68|.46|.30|.21|.35
sex|Female|1395|591|303|288|609|195|.61|.32|.39|.49|.24|.42|.36
sex|Male|5819|2726|1732|994|2072|1021|.63|.32|.37|.36|.33|.47|.47
age|25 - 45|4109|1924|1183|741|1479|706|.63|.33|.37|.39|.32|.47|.46
age|Greater than 45|1576|394|213|181|897|285|.43|.17|.57|.46|.24|.25|.32
age|Less than 25|1529|999|639|360|305|225|.74|.54|.26|.36|.42|.65|.57
"""
"""Aequitas' demonstration: n, predicted positive, tp, fp, tn, fn, then seven rates."""
KEYS = ["dimension", "group", "metric"]
OPTIONS = ("--spec", "audit.yaml", "--tables", "out")
COUNTED = ("n", "selected", "tp", "fp", "tn", "fn")
RATES = (
    "true_positive_rate",
    "false_positive_rate",
    "false_negative_rate",
    "false_discovery_rate",
    "false_omission_rate",
    "selection_rate",
    "base_rate",
)
DISPARITIES = [
    ("race", "African-American", "false_positive_rate", 2.087696),
    ("race", "African-American", "false_negative_rate", 0.503301),
    ("race", "African-American", "false_discovery_rate", 0.808669),
    ("race", "African-American", "false_omission_rate", 1.211197),
    ("race", "African-American", "selection_rate", 1.972030),
    ("race", "Caucasian", "false_positive_rate", 1.091838),
    ("race", "Caucasian", "false_negative_rate", 0.858266),
    ("sex", "Female", "false_discovery_rate", 1.336425),
    ("sex", "Female", "false_positive_rate", 0.990343),
    ("age", "Less than 25", "false_positive_rate", 1.621868),
    ("age", "Greater than 45", "false_negative_rate", 1.531238),
]
TO_THE_MAJORITY = [
    ("Caucasian", "false_positive_rate", 0.522987),
    ("Caucasian", "selection_rate", 0.591638),
    ("Caucasian", "false_discovery_rate", 1.103650),
    ("Hispanic", "false_positive_rate", 0.478997),
]


@pytest.fixture
def audited(order, compas, tmp_path, compas_text):
    """Run the command as a person does, and return its folder and what it said."""
    order(compas_text)
    own = {k: v for k, v in os.environ.items() if not k.startswith(("CITYAI_STATE", "MLFLOW"))}
    done = subprocess.run(
        [sys.executable, "-m", "cityai", "audit", str(compas), *OPTIONS],
        cwd=tmp_path,
        env={**own, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return tmp_path, done.stdout


@pytest.mark.promise(3)
def test_every_published_count_and_rate(observe, audited):
    folder, said = audited
    counts = (
        pd.read_csv(folder / "out" / "counts.csv").set_index(["dimension", "group"]).sort_index()
    )
    table = (
        pd.read_csv(folder / "out" / "audit.csv")
        .set_index(["dimension", "group", "metric"])
        .sort_index()
    )
    value, reference = table["value"], table["reference_value"]
    for line in PUBLISHED.splitlines():
        dimension, group, *figures = line.split("|")
        found = [counts.loc[(dimension, group), name] for name in COUNTED]
        assert found == [float(f) for f in figures[:6]], (dimension, group)
        for name, figure in zip(RATES, figures[6:], strict=True):
            assert f"{value[dimension, group, name]:.2f}".lstrip("0") == figure, (group, name)
    for dimension, group, name, figure in DISPARITIES:
        ratio = value[dimension, group, name] / reference[dimension, group, name]
        assert ratio == pytest.approx(figure, abs=5e-7), (group, name)
    for group, name, figure in TO_THE_MAJORITY:
        ratio = value["race", group, name] / value["race", "African-American", name]
        assert ratio == pytest.approx(figure, abs=5e-7), (group, name)
    everyone = table.loc[("overall", "overall")]["value"]
    assert round(100 * everyone["false_positive_rate"], 2) == 32.35
    assert round(100 * everyone["false_negative_rate"], 2) == 37.40
    # The four figures that ProPublica is quoted for.
    for group, fpr, fnr, ppv in (
        ("African-American", 44.85, 27.99, 0.63),
        ("Caucasian", 23.45, 47.72, 0.59),
    ):
        assert round(100 * value["race", group, "false_positive_rate"], 2) == fpr
        assert round(100 * value["race", group, "false_negative_rate"], 2) == fnr
        assert round(value["race", group, "precision"], 2) == ppv
    for dimension in ("race", "sex", "age"):
        assert counts.loc[dimension, "n"].sum() == 7214
    assert "7,214 of 7,214 used" in said
    card = read_plain((folder / "model_cards" / "compas" / "card.json").read_text())
    [found] = [f for f in card["findings"] if f["code"] == "audit.immature_outcomes"]
    assert found["status"] == "fail"
    assert found["title"] == "Outcomes were final when the data ended"
    assert found["observed"] == 998
    assert "1 April 2014" in found["reason"]
    assert "100.0% are yes, of the others 36.2%" in found["reason"]
    told = "Of 100 cases with the outcome it picks 63; of 100 that it picks, 61 have it."
    assert told in card["verdict"]["works"]
    assert (folder / "model_cards" / "compas" / "card.html").stat().st_size > 10_000
    assert (folder / "model_cards" / "compas" / "card.md").read_text().startswith("# ")
    observe("COMPAS: every published count, rate and disparity")


FAIRLEARN = {
    ("African-American", "Caucasian"): (0.240200, 0.591638, 0.213925, 0.522987),
    tuple(sorted({line.split("|")[1] for line in PUBLISHED.splitlines() if line[:4] == "race"})): (
        *(0.457118, 0.314324, 0.576692, 0.193897),
    ),
}
"""fairlearn 0.15 on the same rows: demographic parity difference and ratio, equalized odds' too."""


@pytest.mark.parametrize("groups", FAIRLEARN, ids=["two groups", "six groups"])
def test_fairlearns_figures_of_the_same_table(order, compas, compas_text, groups):
    judged = judge_given(order(compas_text), compas)
    rate = judged.audit.table.set_index(KEYS).sort_index()["value"]["race"].unstack()
    rate = rate.loc[list(groups)]
    least, most = rate.min(), rate.max()
    odds = ["true_positive_rate", "false_positive_rate"]
    found = (
        most["selection_rate"] - least["selection_rate"],
        least["selection_rate"] / most["selection_rate"],
        (most - least)[odds].max(),
        (least / most)[odds].min(),
    )
    assert found == pytest.approx(FAIRLEARN[groups], abs=5e-7)


def test_how_well_the_decile_ranks(order, compas, compas_text):
    table = judge_given(order(compas_text), compas).audit.table.set_index(KEYS).sort_index()
    auc = table.xs("auc", level="metric")
    assert auc.loc[("overall", "overall"), "value"] == pytest.approx(0.702166, abs=5e-7)
    rows = pd.read_parquet(compas)
    for race, own in rows.groupby("race"):
        expected = roc_auc_score(own["two_year_recid"], own["decile_score"])
        assert auc.loc[("race", race), "value"] == pytest.approx(expected, abs=1e-12)
    assert auc["gap"].isna().all()
    assert auc["limit"].isna().all()
    assert set(auc["status"]) == {"not applicable"}
    # The groups with fewer than ten of a kind have no interval.
    assert set(auc.loc["race"].index[auc.loc["race", "low"].isna()]) == {
        "Asian",
        "Native American",
    }


def test_the_rows_that_propublica_kept(order, compas, tmp_path, compas_text):
    """Its notebook: 6,172 rows, 2,809 with the outcome, and the counts below."""
    table = pd.read_parquet(compas)
    kept = table[
        table["days_b_screening_arrest"].between(-30, 30)
        & (table["is_recid"] != -1)
        & (table["c_charge_degree"] != "O")
    ]
    kept.to_parquet(tmp_path / "kept.parquet")
    judged = judge_given(order(compas_text), tmp_path / "kept.parquet")
    counts = judged.audit.counts.set_index(["dimension", "group"]).sort_index()
    whole = counts.loc[("overall", "overall")]
    assert (whole["n"], whole["outcomes"], whole["selected"]) == (6172, 2809, 1607 + 1144)
    assert counts.loc["race", "n"].to_dict() == {
        "African-American": 3175,
        "Asian": 31,
        "Caucasian": 2103,
        "Hispanic": 509,
        "Native American": 11,
        "Other": 343,
    }
    assert counts.loc["sex", "n"].to_dict() == {"Female": 1175, "Male": 4997}
    assert counts.loc["age", "n"].to_dict() == {
        "25 - 45": 3532,
        "Greater than 45": 1293,
        "Less than 25": 1347,
    }


def test_the_high_threshold(order, compas, tmp_path, compas_text):
    high = compas_text.replace("[Medium, High]", "[High]").replace("Hispanic", "Caucasian")
    judged = judge_given(order(high), compas)
    rate = judged.audit.table.set_index(KEYS).sort_index()["value"]["race"] * 100
    assert round(rate["African-American", "false_positive_rate"], 2) == 15.82
    assert round(rate["African-American", "false_negative_rate"], 2) == 61.02
    assert round(rate["Caucasian", "false_positive_rate"], 2) == 5.44
    assert round(rate["Caucasian", "false_negative_rate"], 2) == 79.81


@pytest.mark.parametrize("declared", [True, False])
def test_the_immature_outcomes_are_found(order, compas, declared, compas_text):
    when = ", outcome_days: 730, data_until: 2016-03-31"
    text = compas_text if declared else compas_text.replace(when, "")
    findings = judge_given(order(text), compas).findings
    [found] = [f for f in findings if f.code == "audit.immature_outcomes"]
    assert found.status == "fail"
    assert found.observed == 998
    assert "998 of 7,214 outcomes" in found.reason
    assert "1 April 2014" in found.reason
    assert findings.index(found) == 0


def test_mature_rows_pass(order, compas, tmp_path, compas_text):
    table = pd.read_parquet(compas)
    kept = table[table["screening_date"] <= "2014-04-01"]
    assert len(kept) == 6216
    kept.to_parquet(tmp_path / "mature.parquet")
    judged = judge_given(order(compas_text), tmp_path / "mature.parquet")
    [found] = [f for f in judged.findings if f.code == "audit.immature_outcomes"]
    assert found.status == "pass"
    rate = judged.audit.table.set_index(["dimension", "metric"]).sort_index()["value"][
        "overall", "base_rate"
    ]
    assert round(100 * rate, 2) == 36.25


def test_small_cells_stay_hidden(order, compas, compas_text):
    judged = judge_given(order(compas_text, small_cell=11), compas)
    table = judged.audit.table
    hidden = table[(table["group"] == "Native American") & (table["dimension"] == "race")]
    assert (hidden["status"] == "suppressed").all()
    assert hidden["value"].isna().all()
    counts = judged.audit.counts.set_index("group").loc["Native American"]
    assert counts[list(COUNTED)].isna().all()
