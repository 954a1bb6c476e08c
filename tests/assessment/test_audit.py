from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cityai.assessment.audit import Audit
from cityai.assessment.metric_frame import SHARED, build_metric_frame
from cityai.columns import ENTITY, EVERYWHERE, NOT_RECORDED
from cityai.config.project import AuditSpec
from cityai.disclosure import protect
from cityai.errors import DataError, SpecError, UserError
from cityai.findings import Status
from cityai.records.groups import UNIT, Groups
from cityai.records.predictions import Predictions
from tests.assessment.conftest import audit_predictions

Make = Callable[..., object]


def zones(n: int = 20, cut: int = 6) -> dict[str, str]:
    return {f"a{e:02}": "north" if e < cut else "south" for e in range(n)}


def pick(audit: Audit, dimension: str, group: str, metric: str) -> pd.Series:
    table = audit.table
    mask = (table.dimension == dimension) & (table.group == group) & (table.metric == metric)
    assert mask.sum() == 1
    return table[mask].iloc[0]


def biased(make: Make, factor: float, folds: int = 8, steps: int = 2) -> Predictions:
    """The first six of twenty entities are forecast too low."""
    found = make(folds=folds, steps=steps)
    first = found.table.entity_id < "a06"
    table = found.table.assign(y_pred=found.table.y_pred * np.where(first, factor, 1.0))
    return replace(found, table=table)


def test_a_planted_gap_is_found_and_said(
    make_predictions: Make, make_membership: Make, make_spec: Make
) -> None:
    audit = audit_predictions(
        biased(make_predictions, 0.7), [make_membership(zones())], make_spec()
    )
    row = pick(audit, "zone", "north", "under_forecast_share")
    assert row.status == Status.FAIL
    assert row.gap_low > 0.05
    assert "north" in row.reason
    assert "not foreseen" in row.reason
    assert "beyond the limit of 5.0 points" in row.reason
    finding = audit.findings[0]
    assert finding.status is Status.FAIL
    assert finding.subject in ("zone=north", "zone=south")
    assert {f.code for f in audit.findings} == {
        "audit.under_forecast_share",
        "audit.bias",
        "audit.coverage",
        "audit.representation",
    }


def test_an_even_forecast_passes(
    make_predictions: Make, make_membership: Make, make_spec: Make
) -> None:
    found = make_predictions(folds=26, entities=20)
    # South mirrors north: the groups are equal by construction.
    table = found.table
    half = table[table.entity_id < "a10"]
    twin = half.assign(entity_id=[f"a{int(e[1:]) + 10:02}" for e in half.entity_id])
    even = replace(found, table=pd.concat([half, twin], ignore_index=True))
    wobble = np.random.default_rng(0).normal(1, 0.01, len(even.table))
    even = replace(even, table=even.table.assign(y_pred=even.table.y_pred * wobble))
    audit = audit_predictions(even, [make_membership(zones(20, 10))], make_spec())
    row = pick(audit, "zone", "north", "under_forecast_share")
    assert row.status == Status.PASS
    assert row.more_blocks == 0


def test_few_blocks_give_no_interval_and_why(
    make_predictions: Make, make_membership: Make, make_spec: Make
) -> None:
    audit = audit_predictions(
        biased(make_predictions, 0.7, folds=5), [make_membership(zones())], make_spec()
    )
    row = pick(audit, "zone", "north", "under_forecast_share")
    assert row.status == Status.NOT_ENOUGH
    assert math.isfinite(row.value)
    assert math.isnan(row.gap_low)
    assert "no interval from 5 test periods; at least 6 are needed" in row.reason
    assert row.more_blocks == 1


def test_a_forecast_that_never_varies_claims_no_certainty(
    make_predictions: Make, make_membership: Make, make_spec: Make
) -> None:
    found = make_predictions()
    found = replace(found, table=found.table.assign(y_low=-1.0, y_high=1e9))
    audit = audit_predictions(found, [make_membership(zones())], make_spec())
    row = pick(audit, "zone", "north", "coverage")
    assert row.value == row.high == 1.0
    assert row.gap == 0
    # As many draws as there are periods, whatever the number of rows.
    assert 0.5 < row.low < 0.85
    assert row.gap_low < -0.05
    assert row.status == Status.NOT_ENOUGH
    mean = pick(audit, "zone", "north", "interval_width")
    assert math.isnan(mean.low), "an amount that never varies has no interval"


def test_group_counts_add_up_with_not_recorded(
    make_predictions: Make, make_membership: Make, make_spec: Make
) -> None:
    groups = zones()
    del groups["a19"], groups["a03"]
    audit = audit_predictions(make_predictions(), [make_membership(groups)], make_spec())
    part = audit.table[(audit.table.dimension == "zone") & (audit.table.metric == "mae")]
    assert set(part.group) == {"north", "south", NOT_RECORDED}
    whole = pick(audit, EVERYWHERE, EVERYWHERE, "mae")
    assert part.n.sum() == whole.n == 320
    assert part.amount.sum() == pytest.approx(whole.amount)


def test_small_cell_is_suppressed_with_a_second_one(
    make_predictions: Make, make_membership: Make, make_spec: Make
) -> None:
    found = make_predictions()
    table = found.table
    rare = table.entity_id == "a07"
    table = table.assign(y_true=table.y_true.where(~rare, (table.fold == 1).astype(float)))
    groups = {f"a{e:02}": "rare" if e == 7 else "few" if e == 8 else "many" for e in range(20)}
    audit = audit_predictions(replace(found, table=table), [make_membership(groups)], make_spec())
    part = audit.table[audit.table.dimension == "zone"].set_index("group")
    assert set(part.loc[["rare", "few"]].status) == {Status.SUPPRESSED.value}
    assert part.loc[["rare", "few"], ["value", "low", "gap", "n", "amount"]].isna().all(axis=None)
    assert part.loc["many", "value"].notna().all()
    folds = audit.by_fold
    assert folds[folds.group.isin(["rare", "few"])].value.isna().all()
    shares = audit.dimensions.set_index("dimension").loc["zone"]
    shown = dict(zip(shares.groups, shares.data_share, strict=True))
    assert math.isnan(shown["rare"])
    assert math.isnan(shown["few"])


def plant_rare(make: Make, places: int = 30) -> Predictions:
    """Thirty places, in one of which nearly nothing happens."""
    found = make(entities=places)
    rare = found.table.entity_id == "a07"
    return replace(
        found,
        table=found.table.assign(
            y_true=found.table.y_true.where(~rare, (found.table.fold == 1).astype(float))
        ),
    )


def test_a_tiny_group_hides_itself_and_no_other(
    make_predictions: Make, make_membership: Make, make_spec: Make
) -> None:
    groups = {f"a{e:02}": "rare" if e == 7 else "few" if e < 6 else "many" for e in range(30)}
    found = plant_rare(make_predictions)
    audit = audit_predictions(found, [make_membership(groups)], make_spec())
    part = audit.table[audit.table.dimension == "zone"].set_index(["group", "metric"])
    assert set(part.loc["rare"].status) == {Status.SUPPRESSED.value}
    assert part.loc[("rare", "mae"), "reason"].endswith("Counted with many.")
    assert part.loc[("few", "mae"), "status"] != Status.SUPPRESSED.value
    # Whatever the small group holds is in the figures of the one that it is counted with.
    assert part.xs("mae", level="metric").n.sum() == len(found.table)
    many = found.table[found.table.entity_id.map(groups) != "few"]
    counted = (many.y_pred - many.y_true).abs().mean()
    assert part.loc[("many", "mae"), "value"] == pytest.approx(counted)
    row = audit.dimensions.iloc[0]
    assert dict(zip(row.groups, row.counted_with, strict=True))["rare"] == "many"
    assert "zone" not in set(audit.causes.dimension)


@pytest.mark.parametrize(
    ("fold_work", "work", "shown"),
    [(10**9, 10**9, (True, True, True)), (0, 10**9, (False, True, True)), (0, 0, (False,) * 3)],
)
def test_where_there_is_too_much_to_check_less_is_shown(
    make_predictions: Make,
    make_membership: Make,
    make_spec: Make,
    monkeypatch: pytest.MonkeyPatch,
    fold_work: int,
    work: int,
    shown: tuple[bool, bool, bool],
) -> None:
    monkeypatch.setattr(protect, "MOST_FOLD_WORK", fold_work)
    monkeypatch.setattr(protect, "MOST_WORK", work)
    side = {f"a{e:02}": "east" if e % 2 else "west" for e in range(30)}
    spec = make_spec().model_copy(update={"audit": AuditSpec(intersections=True)})
    zone = make_membership(zones(30, 15))
    audit = audit_predictions(
        plant_rare(make_predictions), [zone, make_membership(side, dimension="side")], spec
    )
    folds = audit.by_fold[audit.by_fold.dimension == "zone"].value
    pairs = audit.table[audit.table.dimension == "zone * side"].value
    lost = audit.withheld[audit.withheld.kind == "entity"]
    assert (folds.notna().any(), pairs.notna().any(), len(lost) < 30) == shown
    assert "a07" in set(lost.slice)


def test_a_small_group_that_is_no_small_part_is_counted_with_no_other(
    make_predictions: Make, make_membership: Make, make_spec: Make
) -> None:
    """A whole place out of eight: what happens there is not what happens elsewhere."""
    groups = {f"a{e:02}": "rare" if e == 7 else "few" if e < 15 else "many" for e in range(30)}
    audit = audit_predictions(plant_rare(make_predictions), [make_membership(groups)], make_spec())
    assert set(audit.dimensions.iloc[0].counted_with) == {""}
    part = audit.table[audit.table.metric == "mae"].set_index("group")
    assert part.loc["rare", "reason"].startswith("Not shown: fewer than")
    other = part[part.reason.str.contains("for the sake of a smaller group")].index
    assert len(other) == 1
    causes = audit.causes[audit.causes.dimension == "zone"]
    assert dict(zip(causes.group, causes.cause, strict=True)) == {other[0]: "zone=rare"}


def test_averages_of_many_events_are_shown_however_small_the_part(
    make_predictions: Make, make_membership: Make, make_spec: Make
) -> None:
    """A hundredth of the residents of areas with hundreds of events, alone and crossed."""
    shares = pd.DataFrame({"few": 0.001, "most": 0.999}, index=list(zones()))
    spec = make_spec()
    spec = spec.model_copy(update={"audit": AuditSpec(intersections=True)})
    audit = audit_predictions(
        make_predictions(),
        [make_membership(weights=shares, dimension="origin"), make_membership(zones())],
        spec,
    )
    assert Status.SUPPRESSED.value not in set(audit.table.status)
    assert "origin * zone" in set(audit.table.dimension)


def test_a_group_with_few_residents_is_suppressed(
    make_predictions: Make, make_membership: Make, make_spec: Make
) -> None:
    membership = make_membership(zones(), residents={"north": 8.0, "south": 9000.0})
    audit = audit_predictions(make_predictions(), [membership], make_spec())
    assert pick(audit, "zone", "north", "mae").status == Status.SUPPRESSED


def test_few_residents_of_an_average_hide_no_other_group(
    make_predictions: Make, make_membership: Make, make_spec: Make
) -> None:
    """Shares of residents are public, and say nothing of the few: nobody is protected by more."""
    rare = np.where(np.arange(20) < 3, 0.001, 0.0)
    shares = pd.DataFrame({"rare": rare, "others": 0.3 - rare, "most": 0.7}, index=list(zones()))
    origin = make_membership(
        weights=shares, dimension="origin", residents={"rare": 4.0, "others": 900.0, "most": 2000.0}
    )
    audit = audit_predictions(make_predictions(), [origin, make_membership(zones())], make_spec())
    assert pick(audit, "origin", "rare", "mae").status == Status.SUPPRESSED
    for group in ("north", "south"):
        assert pick(audit, "zone", group, "mae").status != Status.SUPPRESSED
    assert pick(audit, "origin", "most", "mae").status != Status.SUPPRESSED


def test_undefined_is_not_applicable_with_its_reason(
    make_predictions: Make, make_membership: Make, make_spec: Make
) -> None:
    found = make_predictions()
    table = found.table
    idle = table.entity_id < "a06"
    # Halves: amounts that do not count people, so nothing is suppressed.
    table = table.assign(y_true=np.where(idle, 0.0, table.y_true + 0.5))
    audit = audit_predictions(replace(found, table=table), [make_membership(zones())], make_spec())
    row = pick(audit, "zone", "north", "under_forecast_share")
    assert row.status == Status.NOT_APPLICABLE
    assert math.isnan(row.value)
    assert "undefined" in row.reason
    assert math.isfinite(pick(audit, "zone", "north", "mae").value)


def test_groups_that_every_place_holds_alike_are_not_judged(
    make_predictions: Make, make_membership: Make, make_spec: Make
) -> None:
    """Shares that no place differs by give each group everyone's figures: nothing is found."""
    predictions = make_predictions(folds=12, entities=4)
    names = predictions.table["entity_id"].unique()
    weights = pd.DataFrame({"here": 0.3, "abroad": 0.7}, index=names)
    spec = make_spec(limits={"bias": 0.05, "coverage": 0.05, "under_forecast_share": 0.05})

    def judge(**of: object) -> tuple[pd.DataFrame, list[Status]]:
        audit = audit_predictions(predictions, [make_membership(**of)], spec)
        held = audit.table[(audit.table["dimension"] == "zone") & audit.table["limit"].notna()]
        return held, [f.status for f in audit.findings if f.code.startswith("audit.")]

    for reference in ("overall", "here"):
        held, found = judge(weights=weights, reference=reference)
        assert set(held["status"]) == {"not applicable"}
        assert (held["gap"] == 0).all()
        assert held.loc[held["group"] == "abroad", "reason"].str.contains("Every place holds").all()
        assert not {Status.PASS, Status.NOT_ENOUGH} & set(found)
    weights.iloc[0] = 0.5
    held, _ = judge(weights=weights)
    assert not set(held["status"]) & {"not applicable"}


def test_soft_groups_weigh_entities_by_shares(
    make_predictions: Make, make_membership: Make, make_spec: Make
) -> None:
    found = make_predictions()
    rng = np.random.default_rng(0)
    entities = sorted(found.table.entity_id.unique())
    weights = pd.DataFrame(rng.dirichlet([2, 3], 20), index=entities, columns=["x", "y"])
    audit = audit_predictions(
        found, [make_membership(weights=weights, dimension="origin")], make_spec()
    )
    table = found.table
    w = weights.x.reindex(table.entity_id).to_numpy()
    under = np.maximum(table.y_true - table.y_pred, 0).to_numpy()
    row = pick(audit, "origin", "x", "under_forecast_share")
    assert row.value == pytest.approx((w * under).sum() / (w * table.y_true).sum(), rel=1e-12)
    assert row.n == pytest.approx(w.sum())


def test_reference_is_the_declared_one(
    make_predictions: Make, make_membership: Make, make_spec: Make
) -> None:
    found = biased(make_predictions, 0.7)
    named = make_membership(zones(), reference="north")
    row = pick(audit_predictions(found, [named], make_spec()), "zone", "south", "wape")
    assert row.reference == "north"
    assert row.gap == pytest.approx(row.value - row.reference_value)
    best = make_membership(zones(), reference="best")
    audit = audit_predictions(found, [best], make_spec())
    own = pick(audit, "zone", "south", "under_forecast_share")
    assert own.reference == "south"
    assert own.status == Status.NOT_APPLICABLE
    other = pick(audit, "zone", "north", "under_forecast_share")
    assert other.gap == pytest.approx(other.value - own.value)
    assert other.status == Status.FAIL


def test_intersections_add_up_and_hide_small_cells(
    make_predictions: Make, make_membership: Make, make_spec: Make
) -> None:
    side = {f"a{e:02}": "east" if e % 2 else "west" for e in range(20)}
    spec = make_spec()
    spec = spec.model_copy(update={"audit": AuditSpec(intersections=True)})
    audit = audit_predictions(
        biased(make_predictions, 0.7),
        [make_membership(zones()), make_membership(side, dimension="side")],
        spec,
    )
    pair = audit.table[(audit.table.dimension == "zone * side") & (audit.table.metric == "mae")]
    assert len(pair) == 4
    assert pair.n.sum() == 320
    assert [f for f in audit.findings if f.subject == "zone * side"]
    alone = audit_predictions(
        biased(make_predictions, 0.7),
        [make_membership(zones()), make_membership(side, dimension="side")],
        make_spec(),
    )
    assert set(alone.table.dimension) == {"overall", "zone", "side"}


def test_others_like_these_uses_places_too(
    make_predictions: Make, make_membership: Make, make_spec: Make
) -> None:
    found = biased(make_predictions, 0.7)
    city = audit_predictions(found, [make_membership(zones())], make_spec())
    others = audit_predictions(
        found, [make_membership(zones())], make_spec(infers="others like these")
    )
    assert "few that count" in pick(others, "zone", "north", "under_forecast_share").reason
    found = make_predictions(entities=80)
    own = np.random.default_rng(0).uniform(0.5, 1.1, 80)
    factor = own[found.table.entity_id.str[1:].astype(int)]
    found = replace(found, table=found.table.assign(y_pred=found.table.y_pred * factor))
    city = audit_predictions(found, [make_membership(zones(80, 40))], make_spec())
    others = audit_predictions(
        found, [make_membership(zones(80, 40))], make_spec(infers="others like these")
    )
    narrow = pick(city, "zone", "north", "under_forecast_share")
    wide = pick(others, "zone", "north", "under_forecast_share")
    assert wide.gap == narrow.gap
    assert wide.gap_high - wide.gap > narrow.gap_high - narrow.gap
    assert others.dimensions.block[0].startswith("other places like these at other times")


def test_names_of_groups_do_not_matter(
    make_predictions: Make, make_membership: Make, make_spec: Make
) -> None:
    found = biased(make_predictions, 0.8)
    renamed = {e: {"north": "ärea 2", "south": "1"}[g] for e, g in zones().items()}
    one = audit_predictions(found, [make_membership(zones())], make_spec())
    two = audit_predictions(found, [make_membership(renamed)], make_spec())
    for group, other in (("north", "ärea 2"), ("south", "1")):
        for metric in ("under_forecast_share", "coverage"):
            a, b = pick(one, "zone", group, metric), pick(two, "zone", other, metric)
            assert (a.value, a.status) == (b.value, b.status)
            assert a.gap_low == pytest.approx(b.gap_low, rel=0.02)


def test_order_of_rows_does_not_matter(
    make_predictions: Make, make_membership: Make, make_spec: Make
) -> None:
    found = make_predictions()
    mixed = replace(found, table=found.table.sample(frac=1, random_state=1, ignore_index=True))
    one = audit_predictions(found, [make_membership(zones())], make_spec())
    two = audit_predictions(mixed, [make_membership(zones())], make_spec())
    pd.testing.assert_frame_equal(one.table, two.table, rtol=1e-12)


def test_unknown_limit_stops_the_audit(make_predictions: Make, make_spec: Make) -> None:
    with pytest.raises(SpecError, match="no audited metric 'biass'"):
        audit_predictions(make_predictions(), [], make_spec(limits={"biass": 0.1}))


def test_no_groups_is_said(make_predictions: Make, make_spec: Make) -> None:
    audit = audit_predictions(make_predictions(), [], make_spec())
    assert [f.status for f in audit.findings] == [Status.NOT_APPLICABLE]
    assert set(audit.table.dimension) == {EVERYWHERE}


def test_weights_that_do_not_add_up_are_refused(
    make_predictions: Make, make_membership: Make, make_spec: Make
) -> None:
    entities = [f"a{e:02}" for e in range(20)]
    weights = pd.DataFrame({"x": 0.5, "y": 0.4}, index=entities)
    with pytest.raises(DataError, match="do not add up to one"):
        audit_predictions(make_predictions(), [make_membership(weights=weights)], make_spec())
    soft = make_membership(weights=weights)
    groups = Groups((soft,), pd.DataFrame({ENTITY: entities, UNIT: entities}))
    with pytest.raises(UserError, match="divides residents"):
        build_metric_frame(make_predictions(), groups, soft.dimension)


@pytest.mark.slow
@settings(derandomize=True, max_examples=8, deadline=None)
@given(
    st.lists(st.integers(0, 60), min_size=36, max_size=36),
    st.lists(st.integers(0, 60), min_size=36, max_size=36),
    st.lists(st.sampled_from("abc"), min_size=6, max_size=6),
)
def test_points_equal_fairlearn(
    make_predictions: Make,
    make_membership: Make,
    make_spec: Make,
    y: list[int],
    p: list[int],
    labels: list[str],
) -> None:
    found = make_predictions(
        folds=6, entities=6, steps=1, y=np.array(y) + 0.5, p=np.array(p) + 0.25
    )
    membership = make_membership({f"a{e:02}": g for e, g in enumerate(labels)})
    audit = audit_predictions(found, [membership], make_spec())
    names = list(membership.weights.index)
    groups = Groups((membership,), pd.DataFrame({ENTITY: names, UNIT: names}))
    frame = build_metric_frame(found, groups, membership.dimension)
    for metric in SHARED["amount"]:
        for group in membership.groups:
            row = pick(audit, "zone", group, metric)
            assert row.value == pytest.approx(frame.by_group[metric][group], rel=1e-12, abs=1e-12)
        whole = pick(audit, EVERYWHERE, EVERYWHERE, metric)
        assert whole.value == pytest.approx(frame.overall[metric], rel=1e-12, abs=1e-12)
