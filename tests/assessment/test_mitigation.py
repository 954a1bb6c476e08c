"""What was tried to close a gap: against brute force, and with known truth."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from cityai.assessment import mitigation
from cityai.assessment.decision import require_plan
from cityai.assessment.group_tables import gather_audit_data, tabulate_dimension
from cityai.assessment.metrics import find_metrics
from cityai.assessment.mitigation import evaluate_mitigation
from cityai.assessment.scored import score_predictions
from cityai.config.dimension import DimensionSpec, MitigationSpec
from cityai.config.policy import PolicySpec
from cityai.config.project import AuditSpec
from cityai.errors import SpecError
from cityai.findings import Status
from cityai.inference.group_gaps import measure_groups
from cityai.inference.paired_difference import measure_change
from cityai.modeling.corrections import learn_corrections
from cityai.records.groups import Groups
from cityai.records.predictions import build_predictions
from tests.modeling.conftest import build_panel, draw_values
from tests.modeling.test_corrections import make_membership as halve
from tests.modeling.test_corrections import make_replay

KNOWN = {m.name: m for m in find_metrics("amount")}


def change(predictions, other, membership, spec, name, infers="this city"):
    facts = replace(gather_audit_data(score_predictions(predictions, spec), spec), least=1)
    cells = gather_audit_data(score_predictions(other, spec), spec).cells
    view = tabulate_dimension(membership, facts)
    shown = np.ones(len(view.groups), bool)
    args = (view.weights, KNOWN[name], facts.design, view.reference, shown)
    return measure_change(facts.cells, cells, *args), measure_groups(facts.cells, *args), facts


@pytest.mark.parametrize("infers", ["this city", "others like these"])
@pytest.mark.parametrize("name", ["under_forecast_share", "bias", "unmet_need", "rmse"])
def test_before_is_what_the_audit_says_and_the_rest_is_a_difference(
    make_predictions, make_membership, make_spec, name, infers
):
    predictions = make_predictions(folds=12)
    factor = 1 + 0.2 * (predictions.table["entity_id"] < "a08")
    other = replace(
        predictions, table=predictions.table.assign(y_pred=predictions.table["y_pred"] * factor)
    )
    groups = {f"a{e:02}": "x" if e < 8 else "y" for e in range(20)}
    spec = make_spec(infers, small_cell=1)
    membership = make_membership(groups)
    found, audited, _ = change(predictions, other, membership, spec, name)
    after = change(other, other, membership, spec, name)[1]
    np.testing.assert_allclose(found.before, audited.gap)
    np.testing.assert_allclose(found.before_margin, audited.gap_high - audited.gap)
    np.testing.assert_allclose(found.after, after.gap)
    np.testing.assert_allclose(found.after_margin, after.gap_high - after.gap)
    np.testing.assert_allclose(np.abs(found.closed), np.abs(found.before - found.after))


def test_the_interval_of_a_loss_pairs_the_two(make_predictions, make_membership, make_spec):
    """A forecast that is everywhere worse by the same share costs it for certain."""
    predictions = make_predictions(folds=14)
    table = predictions.table
    worse = table["y_true"] + (table["y_pred"] - table["y_true"]) * 1.1
    other = replace(predictions, table=table.assign(y_pred=worse))
    groups = {f"a{e:02}": "x" if e < 8 else "y" for e in range(20)}
    found = change(predictions, other, make_membership(groups), make_spec(small_cell=1), "wape")[0]
    whole = table.assign(e=(table["y_pred"] - table["y_true"]).abs())
    assert found.whole == pytest.approx(0.1 * whole["e"].sum() / table["y_true"].sum())
    assert found.whole_margin < 0.5 * found.whole
    same = change(predictions, predictions, make_membership(groups), make_spec(), "wape")[0]
    assert same.whole == 0
    assert np.isnan(same.whole_margin), "nothing varied: no interval, rather than certainty"


@cache
def draw_case(soft):
    """Six of twelve places grow from month 30 on; last year's value is the forecast."""
    values = draw_values(n_periods=96, seed=4)
    values[30:, :6] = np.round(values[30:, :6] * 1.03 ** np.arange(66)[:, None])
    panel = build_panel(values)
    replay = make_replay(panel, first=48)
    membership = halve(panel)
    if soft:
        weights = membership.weights * 0.8 + 0.1
        membership = replace(membership, kind="soft", weights=weights)
    starts = panel.periods.starts(97)
    origins = sorted(replay["origin"].unique())[-10:]
    folds = [SimpleNamespace(number=i, as_of=starts[o]) for i, o in enumerate(origins, 1)]
    tested = replay[replay["origin"].isin(origins)].copy()
    entity = tested["entity_id"].str[1:].astype(int)
    tested["y_true"] = panel.final[tested["period"], entity]
    tested["fold"] = tested["origin"].map({o: i for i, o in enumerate(origins, 1)})
    tested["as_of"], tested["period_start"] = starts[tested["origin"]], starts[tested["period"]]
    predictions = build_predictions(
        tested.assign(scale=1.0), coverage=0.9, unit="tons", chosen="blend"
    )
    backtest = SimpleNamespace(
        predictions=predictions, out_of_sample=replay, folds=SimpleNamespace(test=folds)
    )
    return backtest, panel, membership


LEARNT = {}


@cache
def make_case(choice="none", protected=False, soft=False, **plan):
    """Try the options: what is learnt of a case is the same whatever is chosen, so it is kept."""

    def learn(*given):
        if soft not in LEARNT:
            LEARNT[soft] = learn_corrections(*given)
        return LEARNT[soft]

    backtest, panel, membership = draw_case(soft)
    policy = PolicySpec()
    spec = SimpleNamespace(
        mitigation=MitigationSpec(dimension="half", choice=choice, **plan),
        audit=AuditSpec(
            dimensions={"half": DimensionSpec(label="Half", attribute="h", protected=protected)}
        ),
        policy=policy,
        limits=policy.limits,
        entities="places",
        models=SimpleNamespace(threads=2),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mitigation, "learn_corrections", learn)
        groups = Groups((membership,), pd.DataFrame())
        return evaluate_mitigation(backtest, panel, groups, spec), backtest.predictions


DECIDED = {"reason": "Growth is known.", "decided_by": "head of planning"}


@pytest.mark.slow
def test_a_planted_gap_is_closed_and_the_cost_is_stated():
    found, predictions = make_case("equalize", **DECIDED)
    rows = found.options.set_index(["option", "metric"])
    own = rows.loc[("recalibrate", "under_forecast_share")]
    assert own["group"] == "a"
    assert own["before_low"] > 0.01, "the gap is there"
    assert own["closed_low"] > 0, "and is narrowed for certain"
    assert abs(own["after"]) < 0.4 * own["before"]
    assert np.isfinite([own["lost"], own["lost_low"], own["lost_high"]]).all()
    assert rows.loc[("none", "under_forecast_share"), "closed"] == 0
    moved = rows.loc[("reallocate", "unmet_need")]
    assert moved["closed"] > 0
    assert rows.loc[("reallocate", "under_forecast_share"), "outcome"] == "as it is"
    assert found.predictions.chosen == "equalize"
    kept = found.predictions.table["candidate.unmitigated"]
    assert kept.equals(predictions.table["y_pred"].rename(kept.name))
    choice = next(f for f in found.findings if f.code == "mitigation.choice")
    assert choice.status is Status.PASS
    assert "head of planning: Growth is known." in choice.reason


@pytest.mark.slow
def test_nothing_is_changed_unless_it_is_chosen():
    found, predictions = make_case()
    assert found.predictions is predictions
    (finding,) = found.findings
    assert finding.status is Status.NOT_ENOUGH
    assert "Nobody has written down a choice" in finding.reason
    assert make_case("none", **DECIDED)[0].findings[0].status is Status.PASS


@pytest.mark.slow
@pytest.mark.parametrize(
    ("choice", "status"),
    [("recalibrate", Status.FAIL), ("bounded_loss", Status.NOT_APPLICABLE), ("none", None)],
)
def test_a_protected_attribute_needs_legal_review(choice, status):
    findings = make_case(choice, protected=True, **DECIDED)[0].findings
    found = [f for f in findings if f.code == "mitigation.protected_attribute"]
    assert [f.status for f in found] == ([] if status is None else [status])
    assert status is not Status.FAIL or "legal review" in found[0].reason


@pytest.mark.slow
def test_soft_groups_are_not_given_to_a_reduction():
    found, _ = make_case(soft=True)
    rows = found.options[found.options["option"] == "bounded_loss"]
    assert rows["closed"].isna().all()
    assert rows["reason"].str.contains("one group for each place").all()
    with pytest.raises(SpecError, match="cannot be used with the groups"):
        make_case("bounded_loss", soft=True, **DECIDED)


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (None, "does not say which gap"),
        (MitigationSpec(dimension="incme"), "no dimension 'incme'"),
        (MitigationSpec(dimension="income", metric="mae"), "cannot be measured by 'mae'"),
    ],
)
def test_a_plan_that_names_nothing_is_refused(plan, said):
    dimensions = {"income": DimensionSpec(label="Income", bands="income")}
    spec = SimpleNamespace(mitigation=plan, audit=AuditSpec(dimensions=dimensions))
    with pytest.raises(SpecError, match=said):
        require_plan(spec)


def test_a_choice_needs_its_reason_and_who_decided():
    for given in ({}, {"reason": "so"}, {"decided_by": "me"}, {"reason": " ", "decided_by": "me"}):
        with pytest.raises(ValueError, match="needs a `reason`"):
            MitigationSpec(dimension="income", choice="recalibrate", **given)
    assert MitigationSpec(dimension="income").choice == "none"


@pytest.mark.slow
def test_hidden_groups_have_no_figures(make_predictions):
    found, _ = make_case()
    assert not found.groups["value_after"].isna().any()
    assert set(found.groups["status"]) == {""}
    assert isinstance(found.corrections, pd.DataFrame)
