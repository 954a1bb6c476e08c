"""The registry of metrics: each has all that the card, the limits and the recount need of it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cityai.assessment.metrics import (
    METRICS,
    _refuse_unfinished,
    build_answer_sums,
    build_sums,
    find_metric,
    find_metrics,
)
from cityai.assessment.metrics.days_earlier import Calendar
from cityai.assessment.metrics.ranking import ScoredList
from cityai.assessment.sentences import tell_value
from cityai.card.verify.count import Formulas, prepare_table
from cityai.card.words import describe_metric
from cityai.i18n.catalogue import LOCALES, read_catalogue
from cityai.inference.ratio_influence import compute_ratio
from cityai.modeling.capacity import find_lists, rank_cases

RNG = np.random.default_rng(7)
ROWS = 2_000
BASELINE = "baseline.yearbook"


def make_amounts() -> pd.DataFrame:
    y = RNG.poisson(6, ROWS).astype(float)
    p = y * RNG.uniform(0.5, 1.5, ROWS) + RNG.normal(0, 1, ROWS)
    table = pd.DataFrame(
        {
            "entity_id": [f"e{i % 40}" for i in range(ROWS)],
            "fold": 1 + np.arange(ROWS) % 5,
            "step": 1 + np.arange(ROWS) % 3,
            "y_true": y,
            "y_pred": p,
            "y_low": p - 2,
            "y_high": p + 2,
            "scale": np.where(np.arange(ROWS) % 7, 2.0, np.nan),
            BASELINE: y + RNG.normal(0, 3, ROWS),
        }
    )
    table.loc[::97, "y_true"] = np.nan
    table.loc[::89, "y_low"] = np.nan
    table.loc[::83, BASELINE] = np.nan
    return table


def make_cases() -> pd.DataFrame:
    score = RNG.uniform(0.02, 0.9, ROWS).round(3)
    table = pd.DataFrame(
        {
            "case_id": [f"c{i:05}" for i in range(ROWS)],
            "entity_id": [f"e{i % 300}" for i in range(ROWS)],
            "fold": 1 + np.arange(ROWS) // 1000,
            "slot": np.arange(ROWS) // 100,
            "occurred_at": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(ROWS) // 9, "D"),
            "y_pred": score,
            "y_true": (RNG.random(ROWS) < score).astype(float),
        }
    )
    place = rank_cases(table, score)
    return table.assign(decision=(place <= 25).astype(float))


AMOUNTS, CASES = make_amounts(), make_cases()


def measure(name: str) -> float:
    """The assessment's own figure, over everyone."""
    metric = find_metric(name)
    assert metric is not None
    if not metric.numerator:
        truth, score = (CASES[c].to_numpy(float) for c in ("y_true", "y_pred"))
        ranked = ScoredList(
            *(truth, score, CASES["decision"].to_numpy(float), find_lists(CASES)),
            *(CASES["fold"].to_numpy(), Calendar(CASES), True),
        )
        assert metric.estimate is not None
        return metric.estimate(ranked).value
    amounts = "amount" in metric.targets
    sums = build_sums(AMOUNTS, baselines=["yearbook"]) if amounts else build_answer_sums(CASES)
    return float(compute_ratio(sums.values.sum(axis=0), sums.names, metric))


ALL = (*METRICS, *find_metrics(baselines=["yearbook"]))


@pytest.mark.parametrize("metric", ALL, ids=lambda m: m.name)
def test_every_metric_is_counted_again_by_another_way(metric):
    """Two formulas, written apart, give one figure."""
    table = prepare_table(AMOUNTS if "amount" in metric.targets else CASES)
    found = Formulas(table).count(metric, np.ones(len(table)))
    assert math.isfinite(found.value)
    assert found.value == pytest.approx(measure(metric.name), rel=1e-7)


@pytest.mark.parametrize("metric", ALL, ids=lambda m: m.name)
def test_every_metric_has_words_in_all_languages(metric):
    words = describe_metric(metric.name)
    assert words.label
    assert words.meaning
    assert "{" not in tell_value(metric, 0.3, "cases")
    sentence = metric.sentence.replace("baseline yearbook", "baseline {baseline}")
    told = (words.label.replace("yearbook", "{other}"), words.meaning, sentence)
    label = metric.label.replace("yearbook", "{replace}")
    for language in set(LOCALES) - {"en"}:
        catalogue = read_catalogue(language)
        for text in (*told, label):
            message = catalogue.get(text)
            assert message is not None, text
            assert message.string, (language, text)


@pytest.mark.parametrize(
    "lack",
    ["label", "title", "meaning", "sentence", "precision", "recount", "targets", "numerator"],
)
def test_a_metric_that_lacks_something_is_refused(lack):
    whole = find_metrics("amount")[0]
    _refuse_unfinished([whole])
    with pytest.raises(TypeError, match=f"'wape' lacks: .*{lack}"):
        _refuse_unfinished([replace(whole, **{lack: None if lack == "recount" else ""})])


def test_a_name_stands_once():
    with pytest.raises(TypeError, match="a name that no other metric has"):
        _refuse_unfinished([METRICS[0], METRICS[0]])


def test_a_complement_is_a_rate_of_the_same_people():
    for metric in METRICS:
        if metric.complement:
            other = find_metric(metric.complement)
            assert other is not None
            assert other.below == metric.below
