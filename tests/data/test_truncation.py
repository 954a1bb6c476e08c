from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cityai.config.policy import PolicySpec
from cityai.data import leaks
from cityai.data.layouts import dense
from cityai.data.layouts.dense import build_rows, label_dense, lay_dense
from cityai.data.leaks import check_leaks, choose_measured, plant_leak
from cityai.data.time_checks import RowSource, check_permuted, check_planted, check_time
from cityai.data.truncation import check_permutation, check_truncation, permute_future
from cityai.errors import DataError
from cityai.findings import Status
from tests.promises import trials

POLICY = PolicySpec()


def prove(world):
    return check_truncation(lay_dense(*world.parts), world.panel.moments, world.project)


def search(rows, panel):
    return check_leaks(rows, label_dense(rows, panel), POLICY)


@pytest.mark.promise(1)
@settings(
    max_examples=trials(200, 12),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.integers(0, 10**6),
    st.sampled_from(["day", "week", "month"]),
    st.booleans(),
    st.integers(0, 2),
    st.integers(0, 2),
)
def test_features_do_not_see_the_future(observe, make_world, seed, period, gaps, blind, lead):
    world = make_world(
        seed=seed, period=period, n_periods=60, gaps=gaps, blind=blind, lead=lead, latest=6
    )
    finding = prove(world)
    observe(f"largest difference {finding.observed:g}")
    assert finding.status is Status.PASS, finding.reason
    assert finding.code == "time.truncation"
    assert (finding.observed, finding.limit) == (0.0, 0.0)


def test_covariates_and_own_functions_are_held_to_it_too(make_world, tmp_path):
    (tmp_path / "features.py").write_text(
        "def spread(history):\n    return history.values.iloc[-8:].std()\n"
    )
    rng = np.random.default_rng(0)
    sky = pd.DataFrame({"entity_id": "", "period": np.arange(75), "heat": rng.normal(size=75)})
    covariate = {
        "source": {"path": "x.csv"},
        "time": "day",
        "columns": {"heat": {"type": "number"}},
    }
    world = make_world(
        own=["spread"],
        covariates={
            "ahead": {**covariate, "known": "ahead"},
            "behind": {**covariate, "known": {"lag_days": 9}},
        },
        tables={"ahead": sky.assign(known=0), "behind": sky.assign(known=sky["period"] + 2)},
    )
    assert prove(world).status is Status.PASS


# --- tripwires ----------------------------------------------------------------------------------


def test_a_function_cannot_remember_the_future(make_world, tmp_path):
    """What it keeps from a later origin is gone when an earlier one is asked about."""
    (tmp_path / "features.py").write_text(
        "import math\n"
        "def peek(history):\n"
        "    kept = vars(math).setdefault('kept', {})\n"
        "    kept[len(history.values)] = history.values.iloc[-1]\n"
        "    return kept[max(kept)]\n"
        "def honest(history):\n"
        "    return history.values.iloc[-1]\n"
    )
    world = make_world(own=["peek", "honest"])
    assert prove(world).status is Status.PASS
    for origin in (70, 30, 50):
        table = build_rows(*world.parts, [origin]).table
        np.testing.assert_array_equal(table["peek"], table["honest"])


def test_a_feature_that_uses_final_values_is_found(make_world, monkeypatch):
    """As if lags were read from the final table, with what was reported late."""
    world = make_world(latest=6)
    honest = dense.replay_vintages

    def hindsight(cells, *arguments, **choices):
        return honest(cells.assign(known=cells["period"] + 1), *arguments, **choices)

    monkeypatch.setattr(dense, "replay_vintages", hindsight)
    finding = prove(world)
    assert finding.status is Status.FAIL
    assert finding.observed is not None
    assert finding.observed > 5


def test_nothing_of_the_future_comes_through_the_panel(make_world, monkeypatch):
    """As if a feature asked the panel, which holds all parts, in place of the snapshot."""
    world = make_world(latest=6)
    honest = dense._assemble

    def ask_panel(grid, panel, level, features, *others):
        latest = np.stack([panel.known_at(panel.periods.count)[-1] for _ in grid.origins])
        peek = dense.Feature("peek", "peek", latest[:, :, None])
        return honest(grid, panel, level, (*features, peek), *others)

    monkeypatch.setattr(dense, "_assemble", ask_panel)
    finding = prove(world)
    assert finding.status is Status.FAIL
    assert finding.subject == "peek"


def test_a_function_that_is_never_defined_is_refused(make_world, tmp_path):
    path = tmp_path / "features.py"
    path.write_text("def nothing(history):\n    return history.values.iloc[-1] * float('nan')\n")
    with pytest.raises(DataError, match=r"features\.py, nothing\(\).*no number.* 37 moments"):
        prove(make_world(own=["nothing"], n_periods=40))


def test_a_function_that_is_defined_once_is_kept(make_world, tmp_path):
    (tmp_path / "features.py").write_text(
        "def once(history):\n"
        "    return history.values.iloc[-1] * (1 if len(history.values) == 31 else float('nan'))\n"
    )
    assert prove(make_world(own=["once"], n_periods=40)).status is Status.PASS


def test_a_difference_of_one_bit_is_found(make_world):
    world = make_world()

    rows_at = lay_dense(*world.parts)

    def shift(moments, known_before=None):
        rows = rows_at(moments, known_before)
        if known_before is None:
            return rows
        lag = np.nextafter(rows.table["lag_1"], np.float32(9e9), dtype=np.float32)
        return replace(rows, table=rows.table.assign(lag_1=lag))

    finding = check_truncation(shift, world.panel.moments, world.project)
    assert finding.status is Status.FAIL
    assert finding.subject == "lag_1"
    assert finding.observed == 1


def test_nobody_asked_about_is_no_evidence(make_world):
    world = make_world()
    panel = replace(world.panel, active=np.zeros_like(world.panel.active))
    finding = prove(replace(world, panel=panel))
    assert finding.status is Status.NOT_ENOUGH


def test_the_future_is_permuted_and_nothing_else(make_world):
    covariate = {
        "source": {"path": "x.csv"},
        "time": "day",
        "known": {"lag_days": 9},
        "columns": {"heat": {"type": "number"}},
    }
    sky = pd.DataFrame({"key": "", "period": range(70), "known": range(1, 71), "heat": range(70)})
    world = make_world(latest=6, covariates={"sky": covariate}, tables={"sky": sky})
    moment = world.panel.periods.start(40)
    permuted = permute_future(world.snapshot, moment, 1)
    for old, new, name in (
        (world.snapshot.table, permuted.table, "value"),
        (sky, permuted.covariates["sky"], "heat"),
    ):
        later = old["known"] > 40
        assert old[name][~later].equals(new[name][~later])
        assert not old[name][later].equals(new[name][later])
        assert sorted(old[name]) == sorted(new[name])
        assert old.drop(columns=[name, "n"], errors="ignore").equals(
            new.drop(columns=[name, "n"], errors="ignore")
        )


def test_a_feature_that_sees_later_values_does_not_stand_permutation(make_world):
    world = make_world(latest=6)
    moment = world.panel.periods.start(40)
    permuted = replace(world, snapshot=permute_future(world.snapshot, moment, 1))
    now, later = [moment], [world.panel.periods.start(60)]
    before, after = lay_dense(*world.parts), lay_dense(*permuted.parts)
    assert check_permutation(before(now), after(now)).status is Status.PASS
    found = check_permutation(before(later), after(later))
    assert found.status is Status.FAIL
    assert found.observed is not None
    assert found.observed > 5


# --- near-perfect features ----------------------------------------------------------------------


def make_leaky(make_world, leak, seed=0, noise=0.0):
    """Plant a covariate that is known ahead and made from the target."""
    plain = make_world(seed=seed, n_periods=80, gaps=True)
    final = plain.panel.final
    rng = np.random.default_rng(seed)
    rows = [
        (entity, p, 0, leak(final[p, e], e, p) + noise * rng.normal())
        for e, entity in enumerate(plain.panel.entity_ids)
        for p in range(80)
    ]
    table = pd.DataFrame(rows, columns=["entity_id", "period", "known", "trips"])
    covariate = {
        "source": {"path": "x.csv"},
        "time": "day",
        "by": "entity",
        "key": "place",
        "known": "ahead",
        "columns": {"trips": {"type": "number"}},
    }
    world = make_world(
        seed=seed,
        n_periods=80,
        gaps=True,
        covariates={"trucks": covariate},
        tables={"trucks": table},
    )
    return build_rows(*world.parts, range(20, 81)), world.panel


@pytest.mark.parametrize(
    "leak",
    [
        lambda y, e, p: y,
        lambda y, e, p: 100.0 - y / 7,
        lambda y, e, p: y / (3 + e),
    ],
    ids=["the target itself", "a straight line of it", "per head of the entity"],
)
@pytest.mark.parametrize("seed", range(4))
def test_a_planted_leak_is_found(make_world, leak, seed):
    rows, panel = make_leaky(make_world, leak, seed)
    finding = search(rows, panel)
    assert finding.status is Status.FAIL
    assert finding.subject == "trucks.trips"
    assert finding.observed == pytest.approx(1, abs=1e-4)
    assert finding.limit == 0.999


def test_the_leak_that_a_test_plants_is_found(make_world):
    world = make_world(n_periods=80, gaps=True)
    rows = build_rows(*world.parts, range(20, 81))
    labels = label_dense(rows, world.panel)
    finding = check_leaks(plant_leak(rows, labels), labels, POLICY)
    assert finding.status is Status.FAIL
    assert finding.subject == "planted_leak"


def test_of_many_entities_some_are_looked_at_and_that_is_said(make_world, monkeypatch):
    rows, panel = make_leaky(make_world, lambda y, e, p: y)
    n = rows.table["entity_id"].nunique()
    monkeypatch.setattr(leaks, "MOST_ENTITIES", n - 1)
    finding = search(rows, panel)
    assert finding.status is Status.FAIL
    assert f"Looked for in {n - 1} of {n}." in finding.reason


def test_entities_measured_together_are_measured_as_each_by_itself():
    """Partial correlations by least squares, feature by feature, on the rows that it has."""
    rng = np.random.default_rng(4)
    target, features = rng.normal(size=(5, 60)), rng.normal(size=(5, 60, 6))
    controls = rng.normal(size=(5, 60, 3))
    controls[2, :, 0], controls[3, :, 1] = 1.0, controls[3, :, 2]
    features[:, :20, 1:3], features[:, :50, 4], features[1, :, 5] = np.nan, np.nan, 7.0
    features[..., 3] += 3e5  # squares of it are large beside what its values differ by
    target[4] = controls[4] @ [1, 2, 3]
    found = leaks._correlate(target, features, controls)
    for one, feature in np.ndindex(5, 6):
        x = features[one, :, feature]
        kept = ~np.isnan(x)
        base = np.column_stack([np.ones(60), controls[one]])[kept]
        both = np.column_stack([target[one], x])[kept]
        left = both - base @ np.linalg.lstsq(base, both, rcond=None)[0]
        told = kept.sum() >= 20 and (left.std(axis=0) > 1e-9).all()
        expected = abs(np.corrcoef(left.T)[0, 1]) if told else np.nan
        assert found[one, feature] == pytest.approx(expected, nan_ok=True)


def test_a_good_forecast_is_not_a_leak(make_world):
    rows, panel = make_leaky(make_world, lambda y, e, p: y, noise=1.0)
    finding = search(rows, panel)
    assert finding.status is Status.PASS, finding.reason
    assert "trucks.trips" in finding.reason


PERSISTENT = {
    "walks of different size": lambda rng, t, e: np.cumsum(rng.normal(0, 0.3, t)) + 20 * 3.0**e,
    "full shelters": lambda rng, t, e: 50.0 * (e + 1) - (rng.random(t) < 0.03),
    "never changing": lambda rng, t, e: np.full(t, 9.0 * (e + 1)),
    "a straight line": lambda rng, t, e: 10.0 * (e + 1) + 2.0 * np.arange(t),
    "growth": lambda rng, t, e: 10.0 * (e + 1) * 1.03 ** np.arange(t) + rng.normal(0, 0.1, t),
    "a noisy week": lambda rng, t, e: (
        100.0 * (e + 1) * (1 + 0.5 * np.sin(np.arange(t) * 2 * np.pi / 7)) + rng.normal(0, 3, t)
    ),
    "rare events": lambda rng, t, e: rng.poisson(0.08, t).astype(float),
}


@pytest.mark.parametrize("name", PERSISTENT)
def test_persistence_is_not_a_leak(make_world, name):
    rng = np.random.default_rng(1)
    values = np.column_stack([PERSISTENT[name](rng, 150, e) for e in range(5)])
    world = make_world(period="day", n_periods=150, values=values, horizon=7)
    rows = build_rows(*world.parts, range(30, 150, 2))
    finding = search(rows, world.panel)
    assert finding.status in (Status.PASS, Status.NOT_ENOUGH), finding.reason


def test_too_few_rows_are_no_evidence(make_world):
    world = make_world()
    finding = search(build_rows(*world.parts, [30, 31, 32]), world.panel)
    assert finding.status is Status.NOT_ENOUGH
    assert search(build_rows(*world.parts, [0]), world.panel).status is (Status.NOT_ENOUGH)


def find_rows(world) -> RowSource:
    panel, snapshot, project = world.parts
    return RowSource(
        project,
        snapshot,
        lay=lambda other: lay_dense(panel, other, project),
        rows_at=lay_dense(*world.parts),
        moments=panel.moments,
        searched=panel.moments[10:],
        first_test=panel.periods.start(60),
        label=lambda rows: label_dense(rows, panel),
    )


@pytest.mark.parametrize("most", [1, 3, 500])
def test_only_rows_that_are_measured_are_laid_out_for_the_search(make_world, monkeypatch, most):
    """They are those of all, to the last bit, and the finding is that of all rows."""
    monkeypatch.setattr(leaks, "MOST_ENTITIES", most)
    world = make_world(n_periods=80, n_entities=7, horizon=3)
    source, asked = find_rows(world), []

    def rows_at(*args, **kwargs):
        asked.append(source.rows_at(*args, **kwargs))
        return asked[-1]

    whole = source.rows_at(source.searched)
    labels = label_dense(whole, world.panel)
    found = check_time(replace(source, rows_at=rows_at))[1]
    assert found == check_leaks(whole, labels, world.project.spec.policy)
    table = asked[0].table
    assert len(table) == len(choose_measured(whole, labels)) <= 2 * len(whole.table) / 3
    assert set(table["step"]) == {1, 3}
    assert table.groupby("step", observed=True)["entity_id"].nunique().max() <= most
    key = ["entity_id", "as_of", "step"]
    same = whole.table.merge(table[key], on=key)
    pd.testing.assert_frame_equal(same[table.columns], table, check_exact=True)


def test_the_checks_of_time_hold_for_a_source_of_rows(make_world):
    """The first test's future permuted: nothing changes; the target planted: it is found."""
    source = find_rows(make_world(n_periods=80, gaps=True))
    assert [f.status for f in check_time(source)] == [Status.PASS, Status.PASS]
    assert check_permuted(source, 1).status is Status.PASS
    assert check_planted(source).status is Status.FAIL
