"""The notebook's cells run in order on both kinds of question; frames have the columns said."""

from __future__ import annotations

import ast
import json
import os
import shutil
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import false_positive_rate, mean_prediction, selection_rate
from matplotlib import pyplot as plt
from sklearn.metrics import mean_absolute_error, precision_score, recall_score

from cityai.assessment.metric_frame import SHARED
from cityai.columns import BASELINE, CANDIDATE
from cityai.errors import UserError
from cityai.pipeline.result import FIGURES, PREDICTIONS
from cityai.scaffold.files import TEMPLATES
from cityai.scaffold.project import EXPLORE, NOTEBOOK

NOTEBOOK_FILE = TEMPLATES / NOTEBOOK / EXPLORE
THEIRS = {
    "forecast": {"mae": mean_absolute_error},
    "ranked": {
        "selection_rate": selection_rate,
        "false_positive_rate": false_positive_rate,
        "true_positive_rate": recall_score,
        "precision": lambda y, p: precision_score(y, p, zero_division=np.nan),
    },
}
"""The same metrics as fairlearn and scikit-learn compute them."""


@pytest.fixture(params=["forecast", "ranked"])
def city(request):
    return request.getfixturevalue(request.param), request.param


def run_cells(path: Path) -> tuple[dict[str, str], set[str]]:
    """Run the code cells in order, as a kernel does: what each shows, and which draw a plot."""
    names: dict[str, object] = {}
    shown, drawn = {}, set()
    for cell in json.loads(path.read_text("utf-8"))["cells"]:
        if cell["cell_type"] != "code":
            continue
        tree = ast.parse("".join(cell["source"]))
        last = tree.body.pop()
        assert isinstance(last, ast.Expr), cell["id"]
        exec(compile(tree, cell["id"], "exec"), names)
        found = eval(compile(ast.Expression(last.value), cell["id"], "eval"), names)
        html = getattr(found, "_repr_html_", None)
        shown[cell["id"]] = str(found) if html is None else html()
        drawn |= {cell["id"]} if plt.get_fignums() else set()
        plt.close("all")
    return shown, drawn


@pytest.mark.long
def test_the_notebook_runs_on_both_kinds_of_question(city, monkeypatch, tmp_path):
    made = city[0]
    place = shutil.copytree(made.place, tmp_path / "city")  # it is run again, as another run
    path = place / made.folder.relative_to(made.place) / EXPLORE
    shutil.copy(NOTEBOOK_FILE, path)
    monkeypatch.chdir(path.parent)
    monkeypatch.setattr(plt, "show", lambda *_, **__: None)
    before = dict(os.environ)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shown, drawn = run_cells(path)
    os.environ.clear()
    os.environ.update(before)
    word = made.result.card.verdict.word.upper()
    assert word in shown["run"]
    assert str(made.result.card.verdict.because) in shown["run"].replace("&#x27;", "'")
    assert "<svg" in shown["worst"]
    assert "<svg" in shown["map"] or "There is no picture called map" in shown["map"]
    assert "<table" in shown["judged"]
    assert "mean_error" in shown["query"]
    assert drawn == {"bar", "swarm", "one"}


def test_the_notebook_is_clean_and_whole():
    content = json.loads(NOTEBOOK_FILE.read_text("utf-8"))
    cells = content["cells"]
    assert (content["nbformat"], content["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in cells}) == len(cells)
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)


def test_the_frames_have_the_documented_columns(city):
    made, kind = city
    figures, predictions = made.result.figures, made.result.predictions
    assert list(figures) == list(FIGURES)
    assert set(figures["source"]) == {"evaluation", "audit"}
    assert not figures.duplicated(["source", "model", "metric", "dimension", "group"]).any()
    for prefix in (BASELINE, CANDIDATE):
        assert any(c.startswith(prefix) for c in predictions), kind
    own = [c for c in predictions if not c.startswith((BASELINE, CANDIDATE))]
    assert set(own) <= set(PREDICTIONS)
    assert len(predictions) == len(made.result.backtest.predictions.table)
    for described, frame in (("figures", FIGURES), ("predictions", own)):
        docstring = getattr(type(made.result), described).__doc__
        if described == "figures":
            assert all(f"``{column}``" in docstring for column in frame)


def test_what_the_audit_withholds_is_not_in_the_figures(city):
    result = city[0].result
    table = result.audit.withheld
    withheld = set(zip(table["kind"], table["slice"].astype(str), strict=True))
    rows = result.figures.set_index(["dimension", "group"])
    rows = rows[rows["source"] == "evaluation"]
    for pair in withheld & set(rows.index):
        assert rows.loc[[pair], ["value", "low", "high"]].isna().all(axis=None)


def test_fairlearns_frame_equals_the_audit_and_their_own_metrics(city):
    made, kind = city
    result = made.result
    hard = [m.dimension for m in result.groups.memberships if m.kind != "soft"]
    target = result.backtest.predictions.kind
    compared = 0
    for dimension in hard:
        ours = result.metric_frame(dimension).by_group
        theirs = result.metric_frame(dimension, THEIRS[kind]).by_group
        audited = result.audit.table
        audited = audited[audited["dimension"] == dimension].set_index(["metric", "group"])["value"]
        assert set(ours) <= SHARED[target]
        for metric in ours:
            for group, value in ours[metric].items():
                said = audited.get((metric, group), np.nan)
                if np.isfinite(said):
                    assert said == pytest.approx(value, rel=1e-12, abs=1e-12), (metric, group)
                    compared += 1
        for metric in theirs:
            pd.testing.assert_series_equal(theirs[metric], ours[metric], rtol=1e-12)
    assert compared > 10
    means = result.metric_frame(hard[0], {"mean": mean_prediction}).by_group["mean"]
    assert np.isfinite(means).all()
    with pytest.raises(UserError, match="has no dimension 'x'"):
        result.metric_frame("x")


def test_a_picture_that_is_not_there_is_answered_with_those_that_are(city):
    result = city[0].result
    told = repr(result.show("no_such"))
    assert "There is no picture called no_such" in told
    assert "drivers" in told
