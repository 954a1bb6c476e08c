from __future__ import annotations

import pandas as pd

from cityai.track.measures import list_models, measure_forecast, measure_model
from tests.track.conftest import make_audit, make_metrics, make_outcome


def get_values() -> dict[str, float]:
    measures = measure_forecast(make_metrics(), make_audit(), make_outcome().findings, 0.9)
    return {m.name: m.value for m in measures.logged if m.step == 0}


def test_the_named_metrics_are_there() -> None:
    values = get_values()
    assert values["wape"] == 0.058
    assert values["bias"] == 0.004
    assert values["coverage_90"] == 0.896
    assert values["wape.baseline.seasonal_naive"] == 0.084
    assert values["wape.income.lowest"] == 0.072
    assert values["bias.income.lowest"] == -0.03
    assert values["coverage_90.income.lowest"] == 0.88
    assert values["findings.fail"] == 2
    assert values["findings.not_enough_evidence"] == 0


def test_undefined_is_listed_and_not_logged() -> None:
    measures = measure_forecast(make_metrics(), make_audit(), (), 0.9)
    assert measures.undefined == ("bias.race.not recorded", "mase")
    assert not {"mase", "bias.race.not recorded"} & {m.name for m in measures.logged}


def test_a_suppressed_group_leaves_no_trace() -> None:
    measures = measure_forecast(make_metrics(), make_audit(), (), 0.9)
    assert not any("tiny" in name for name in [*measures.undefined, *(get_values())])


def test_groups_that_look_alike_stay_apart() -> None:
    values = [v for k, v in get_values().items() if k.startswith("wape.race.")]
    assert sorted(values) == [0.06, 0.07]


def test_a_dimension_called_baseline_does_not_hide_a_baseline() -> None:
    values = get_values()
    assert values["wape.baseline.seasonal_naive"] == 0.084
    assert 0.5 in values.values()


def test_folds_are_steps() -> None:
    measures = measure_forecast(make_metrics(), make_audit(), (), 0.9).logged
    assert [(m.step, m.value) for m in measures if m.name == "wape.fold"] == [
        (1, 0.060000000000000005),
        (2, 0.07),
        (3, 0.08),
    ]


def test_each_model_has_its_own() -> None:
    metrics = make_metrics()
    assert list_models(metrics) == (
        "baseline.recent_mean",
        "baseline.seasonal_naive",
        "candidate.trees",
    )
    trees = measure_model(metrics, "candidate.trees", 0.9)
    assert [(m.name, m.value) for m in trees.logged] == [("wape", 0.06)]
    assert trees.undefined == ("mase",)


def test_a_project_without_an_audit() -> None:
    empty = pd.DataFrame(columns=["dimension", "group", "metric", "value", "status"])
    assert measure_forecast(make_metrics(), empty, (), 0.9).logged
