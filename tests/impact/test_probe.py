"""A random probe: what is there where nobody looks, in a city whose truth is known."""

from __future__ import annotations

import os

import numpy as np
import pytest

from cityai.errors import DataError
from cityai.impact.probe import (
    HIDDEN,
    PROBE_COLUMNS,
    Looks,
    audit_probe,
    inverse_probability_weights,
)

DRAWN = int(os.environ.get("CITYAI_DRAWN") or 25)
SHARE = 0.05


def draw_city(seed: int, n: int = 20_000) -> tuple[Looks, Looks]:
    """Everybody, and those looked at: a fifth by rank, one in twenty of the rest by chance.

    The score says nothing of what is there in the east, where half as much again is hidden.
    """
    rng = np.random.default_rng(seed)
    group = np.where(rng.random(n) < 0.3, "east", "west")
    predicted = np.clip(rng.beta(2, 8, n), 0.01, 0.9)
    truth = np.where(group == "east", 0.3, predicted)
    outcome = (rng.random(n) < truth).astype(float)
    selected = predicted >= np.quantile(predicted, 0.8)
    probability = np.where(selected, 1.0, SHARE)
    looked = rng.random(n) < probability
    columns = (outcome, predicted, selected, np.ones(n), group, np.arange(n))
    kept = [column[looked] for column in columns]
    kept[3] = inverse_probability_weights(probability, looked)[looked]
    kept[5] = np.arange(len(kept[5]))
    return Looks(*columns), Looks(*kept)


def test_the_probe_tells_what_the_selected_alone_do_not():
    everybody, seen = draw_city(3)
    found = audit_probe(seen).set_index(["group", "metric"])
    truth = audit_probe(everybody).set_index(["group", "metric"])
    assert found.columns.tolist() == [c for c in PROBE_COLUMNS if c not in ("group", "metric")]
    assert found.loc[("east", "calibration_in_the_large"), "high"] < -0.02
    assert found.loc[("east", "true_positive_rate"), "gap_high"] < 0
    for key in found.index:
        assert found.loc[key, "low"] <= truth.loc[key, "value"] <= found.loc[key, "high"], key
    rates = found["value"].unstack()
    assert rates["true_positive_rate"].to_numpy() == pytest.approx(
        1 - rates["false_negative_rate"].to_numpy()
    )
    # Those selected alone would be said to be all found.
    one_sided = Looks(*(getattr(seen, name)[seen.selected] for name in Looks.__slots__))
    alone = audit_probe(one_sided).set_index(["group", "metric"])
    assert (alone["value"].unstack()["true_positive_rate"] == 1).all()


@pytest.mark.slow
def test_intervals_of_the_probe_hold_the_truth_of_all_groups_together():
    held = []
    for seed in range(DRAWN):
        everybody, seen = draw_city(seed, 6000)
        found, truth = audit_probe(seen), audit_probe(everybody)
        for _, rows in found.assign(truth=truth["value"], apart=truth["gap"]).groupby("metric"):
            held.append(
                [
                    bool(((rows["low"] <= rows["truth"]) & (rows["truth"] <= rows["high"])).all()),
                    bool(
                        (
                            (rows["gap_low"] <= rows["apart"]) & (rows["apart"] <= rows["gap_high"])
                        ).all()
                    ),
                ]
            )
    for share in np.mean(held, axis=0):
        assert share >= 0.95 - 2 * np.sqrt(0.05 * 0.95 / DRAWN)


def test_equal_weights_are_the_plain_shares():
    everybody, _ = draw_city(1, 2000)
    found = audit_probe(everybody).set_index(["group", "metric"])
    east = everybody.group == "east"
    assert found.loc[("east", "base_rate"), "value"] == everybody.outcome[east].mean()
    missed = everybody.outcome[east & ~everybody.selected].mean()
    assert found.loc[("east", "false_omission_rate"), "value"] == pytest.approx(missed)
    apart = (everybody.predicted - everybody.outcome)[east].mean()
    assert found.loc[("east", "calibration_in_the_large"), "value"] == pytest.approx(apart)


def test_rows_of_one_entity_count_as_one():
    _, seen = draw_city(2, 3000)
    columns = [np.repeat(getattr(seen, name), 4) for name in Looks.__slots__]
    apart = audit_probe(seen)
    repeated = audit_probe(Looks(*columns))
    assert repeated["value"].to_numpy() == pytest.approx(apart["value"].to_numpy())
    assert repeated["gap_low"].to_numpy() == pytest.approx(apart["gap_low"].to_numpy())


def test_few_looks_are_hidden_and_a_second_group_with_them():
    _, seen = draw_city(2, 3000)
    group = seen.group.astype(object)
    group[:6] = "south"
    found = audit_probe(
        Looks(*(*(getattr(seen, n) for n in Looks.__slots__[:4]), group, seen.entity))
    )
    hidden = found[found["reason"] == HIDDEN]
    assert set(hidden["group"]) > {"south"}
    assert hidden[["value", "gap", "looks", "speaks_for"]].isna().all(axis=None)


def test_who_could_never_be_looked_at_is_refused():
    with pytest.raises(DataError, match="2 of 3 rows could never have been looked at"):
        inverse_probability_weights(np.array([0.0, 0.5, np.nan]), np.ones(3, bool))
    assert inverse_probability_weights(np.array([0.5, 1.0]), np.array([True, False])).tolist() == [
        2.0,
        0.0,
    ]
