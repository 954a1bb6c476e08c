"""What the city knew, and when: against plain pandas, in any order, under any names."""

from __future__ import annotations

import hashlib
import itertools

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cityai.card.draft.data import count_rejects
from cityai.data.periods import find_start
from cityai.errors import DataError, RunError, TimeError
from cityai.kinds import open_kind
from cityai.records.events import RowCounts, cut_events

EVENTS = {"layout": "events", "known": {"column": "seen", "lag_days": None}}


def draw_events(n=400, seed=0):
    """Draw events with amounts, late records, missing cells and unreadable ones."""
    rng = np.random.default_rng(seed)
    day = pd.Timestamp("2023-12-25") + pd.to_timedelta(rng.integers(0, 120, n), unit="D")
    moment = day + pd.to_timedelta(rng.integers(0, 86400, n), unit="s")
    seen = moment + pd.to_timedelta(rng.integers(0, 30 * 86400, n), unit="s")
    frame = pd.DataFrame(
        {
            "id": rng.permutation(n).astype(str),
            "place": rng.choice(["P1", "P2 ", "é", "NA", "007"], n),
            "kind": rng.choice(["a", "b"], n),
            "moment": moment.strftime("%Y-%m-%d %H:%M:%S"),
            "seen": seen.strftime("%Y-%m-%d %H:%M:%S"),
            "amount": [f"{x:.3f}" for x in rng.gamma(2, 3, n)],
        }
    )
    frame.loc[rng.choice(n, 12, replace=False), "amount"] = ""
    frame.loc[rng.choice(n, 9, replace=False), "amount"] = "-1"
    frame.loc[rng.choice(n, 5, replace=False), "moment"] = "yesterday"
    frame.loc[rng.choice(n, 4, replace=False), "place"] = ""
    return frame


COLUMNS = {
    "id": {"type": "text"},
    "place": {"type": "text"},
    "kind": {"type": "text"},
    "moment": {"type": "datetime"},
    "seen": {"type": "datetime"},
    "amount": {"type": "number", "min": 0},
}


def make_events(make_project, frame, period="week", zone="local", **data):
    return make_project(
        frame,
        question={
            "measure": "sum",
            "value": "amount",
            "period": period,
            "entity": {"columns": ["place", "kind"], "attributes": ["kind"]},
        },
        data={"time": "moment", "columns": COLUMNS, "zone": zone, **EVENTS, **data},
    )


def count_plainly(frame, period, zone):
    """Count vintage cells with pandas alone, row by row: an independent second reading."""
    cells, rejected, outside = {}, 0, 0
    rows = []
    for row in frame.itertuples():
        place = row.place.strip()
        if row.moment == "yesterday" or not place or row.amount.startswith("-"):
            rejected += 1
            continue
        occurred, known = pd.Timestamp(row.moment), pd.Timestamp(row.seen)
        if zone == "utc":
            occurred, known = (
                m.tz_localize("UTC").tz_convert("America/New_York").tz_localize(None)
                for m in (occurred, known)
            )
        rows.append((f"{place} / {row.kind}", occurred, known, row.amount))
    starts = sorted({find_start(period, m) for _, o, k, _ in rows for m in (o, k)})
    step = {"day": "D", "week": "W-MON", "month": "MS"}[period]
    axis = list(pd.date_range(starts[0], starts[-1] + pd.Timedelta(days=62), freq=step))
    last_day = max(o for _, o, _, _ in rows).normalize() + pd.Timedelta(days=1)
    first = axis.index(find_start(period, min(o for _, o, _, _ in rows)))
    for entity, occurred, known, amount in rows:
        p = axis.index(find_start(period, occurred))
        if axis[p + 1] > last_day:
            outside += 1
            continue
        i = next(j for j, start in enumerate(axis) if start > known)
        value, n = cells.get((entity, p - first, max(i, p + 1) - first), (np.nan, 0))
        if amount:
            value = float(amount) + (0 if np.isnan(value) else value)
        cells[entity, p - first, max(i, p + 1) - first] = (value, n + 1)
    return cells, rejected, outside


@pytest.mark.parametrize(
    ("period", "zone"), [("day", "utc"), ("week", "local"), ("month", "local"), ("week", "utc")]
)
def test_vintage_cells_equal_a_plain_count(make_project, period, zone):
    frame = draw_events()
    snapshot = open_kind(make_events(make_project, frame, period, zone)).read()
    expected, rejected, outside = count_plainly(frame, period, zone)
    found = {(r.entity_id, r.period, r.known): (r.value, r.n) for r in snapshot.table.itertuples()}
    assert found.keys() == expected.keys()
    for key, (value, n) in expected.items():
        assert found[key][1] == n
        assert found[key][0] == pytest.approx(value, rel=1e-12, nan_ok=True)
    assert snapshot.counts == RowCounts(
        len(frame), outside, rejected, len(frame) - rejected - outside
    )
    assert snapshot.table["n"].sum() == snapshot.counts.accepted
    assert snapshot.rejects["row_number"].nunique() == rejected


@settings(
    max_examples=2,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(seed=st.integers(0, 10**6), n=st.integers(30, 120))
def test_the_order_of_the_rows_changes_nothing(make_project, seed, n):
    frame = draw_events(n, seed)
    twice = pd.concat([frame, frame.head(9).assign(amount="9.5")], ignore_index=True)
    shuffled = twice.sample(frac=1, random_state=seed)
    one, two = (
        open_kind(make_events(make_project, table, key=["id"])).read()
        for table in (twice, shuffled)
    )
    assert one.counts == two.counts
    pd.testing.assert_frame_equal(one.table, two.table, check_exact=True)
    pd.testing.assert_frame_equal(one.attributes, two.attributes)
    pd.testing.assert_frame_equal(one.quality_facts, two.quality_facts)
    counts = one.counts
    assert counts.read == len(twice) == counts.out_of_scope + counts.rejected + counts.accepted


@pytest.mark.parametrize(
    "name",
    ['a"b', "a;DROP TABLE raw", "a'b", "[a], {b}", "é ñ 人", "a\nb", "row_number", "n", "v0", "*"],
)
def test_hostile_names_change_nothing(make_project, name):
    frame = pd.DataFrame(
        {
            name: [name.replace("\n", " "), "x", "x", name.replace("\n", " ")],
            "day": ["2024-01-01", "2024-01-08", "2024-01-15", "2024-01-21"],
        }
    )
    project = make_project(
        frame,
        question={"entity": {"columns": [name], "attributes": [name]}},
        data={"columns": {name: {"type": "text"}, "day": {"type": "date"}}},
    )
    snapshot = open_kind(project).read()
    assert set(snapshot.table["entity_id"]) == {name.replace("\n", " ").strip(), "x"}
    assert snapshot.table["value"].sum() == 4
    assert name in snapshot.attributes.columns


def test_repeated_keys_are_rejected_with_the_row_that_they_repeat(make_project):
    frame = pd.DataFrame(
        {
            "id": ["1", "2", "1", "", ""],
            "place": ["A"] * 5,
            "day": ["2024-01-01", "2024-01-08", "2024-01-01", "2024-01-14", "2024-01-14"],
        }
    )
    columns = {"id": {"type": "text"}, "place": {"type": "text"}, "day": {"type": "date"}}
    snapshot = open_kind(make_project(frame, data={"key": ["id"], "columns": columns})).read()
    assert snapshot.counts == RowCounts(5, 0, 1, 4)
    reject = snapshot.rejects.iloc[0]
    assert (reject.row_number, reject.value, reject.reason) == (3, "1", "repeats the key of row 1")


def test_a_card_counts_repeats_of_all_keys_together(make_project):
    frame = pd.DataFrame(
        {
            "id": ["1", "2", "1", "2", "2"],
            "place": ["A"] * 5,
            "day": ["2024-01-01", "2024-01-14"] * 2 + ["2024-01-14"],
        }
    )
    columns = {"id": {"type": "text"}, "place": {"type": "text"}, "day": {"type": "date"}}
    snapshot = open_kind(make_project(frame, data={"key": ["id"], "columns": columns})).read()
    assert snapshot.rejects["reason"].nunique() == 2
    [told] = count_rejects(snapshot.rejects)
    assert (told.column, told.reason, told.rows) == ("", "repeats the key of another row", 3)


def test_scope_is_counted_apart_from_rejects(make_project):
    frame = pd.DataFrame(
        {
            "place": ["A"] * 8,
            "kind": ["x", "x", "y", "", "x", "bad", "x", "x"],
            "day": [
                *("2023-12-31", "2024-01-01", "2024-01-02", "2024-01-03"),
                *("2024-01-14", "2024-01-05", "2024-02-01", "soon"),
            ],
        }
    )
    columns = {
        "place": {"type": "text"},
        "kind": {"type": "text", "allowed": ["x", "y"]},
        "day": {"type": "date"},
    }
    data = {"columns": columns, "where": {"kind": ["x"]}, "since": "2024-01-01"}
    snapshot = open_kind(make_project(frame, data={**data, "until": "2024-01-20"})).read()
    # Out: before, another kind, no kind, after. Rejected: a kind not allowed, a day not read.
    assert snapshot.counts == RowCounts(8, 4, 2, 2)
    assert snapshot.rejects["row_number"].tolist() == [6, 8]
    assert snapshot.periods.count == 2


def test_when_a_panel_is_known(make_project):
    frame = pd.DataFrame(
        {"place": "A", "day": ["2024-01-01", "2024-02-01", "2024-03-01"], "amount": [1, 2, 3]}
    )
    columns = {"place": {"type": "text"}, "day": {"type": "date"}, "amount": {"type": "number"}}
    for lag, known in ((0, [1, 2, 3]), (1, [2, 3, 4]), (29, [2, 3, 4]), (32, [3, 4, 5])):
        snapshot = open_kind(
            make_project(
                frame,
                question={"period": "month", "measure": "sum", "value": "amount"},
                data={"layout": "panel", "known": {"lag_days": lag}, "columns": columns},
            )
        ).read()
        assert snapshot.table["known"].tolist() == known, lag
        assert snapshot.table["value"].tolist() == [1.0, 2.0, 3.0]


def test_amounts_add_up_exactly_in_any_order(make_project):
    amounts = ["0.1"] * 10 + ["1e15", "-1e15", "0.3"]
    frame = pd.DataFrame({"place": "A", "day": "2024-01-07", "amount": amounts})
    frame.loc[0, "day"] = "2024-01-01"
    columns = {"place": {"type": "text"}, "day": {"type": "date"}, "amount": {"type": "number"}}
    project = make_project(
        frame, question={"measure": "sum", "value": "amount"}, data={"columns": columns}
    )
    assert open_kind(project).read().table["value"].tolist() == [1.3]


def test_attributes_are_those_of_the_latest_event_already_seen(make_project):
    frame = pd.DataFrame(
        [
            ("A", "2024-01-01", "2024-01-01", "old"),
            ("A", "2024-01-09", "2024-01-09", "new"),
            ("A", "2024-01-02", "2024-01-17", "a late record of the past"),
            ("A", "2024-01-28", "2024-01-28", ""),
            ("B", "2024-01-10", "2024-01-10", ""),
        ],
        columns=["place", "day", "seen", "kind"],
    )
    columns = {
        "place": {"type": "text"},
        "day": {"type": "date"},
        "seen": {"type": "date"},
        "kind": {"type": "text"},
    }
    project = make_project(
        frame,
        question={"entity": {"attributes": ["kind"]}},
        data={**EVENTS, "columns": columns},
    )
    found = open_kind(project).read().attributes
    assert found["entity_id"].tolist() == ["A", "A", "B"]
    assert found["known"].tolist() == [1, 2, 2]
    assert found["kind"].tolist()[:2] == ["old", "new"]
    assert pd.isna(found["kind"].iloc[2])


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.tuples(
            st.sampled_from("AB"),
            st.integers(0, 40),
            st.integers(0, 25),
            st.sampled_from(["", "", "x", "y"]),
            st.sampled_from(["", "1", "1", "2.5"]),
        ),
        min_size=1,
        max_size=25,
    )
)
def test_attributes_at_each_origin_are_the_latest_seen_by_then(make_project, drawn):
    start = pd.Timestamp("2024-01-01")
    rows = [(p, d, d + late, kind, size) for p, d, late, kind, size in drawn]
    rows += [("Z", d, d, "z", "3") for d in (0, 48)]  # seven whole weeks
    frame = pd.DataFrame(rows, columns=["place", "day", "seen", "kind", "size"])
    text = {
        c: [f"{start + pd.Timedelta(days=n):%Y-%m-%d}" for n in frame[c]] for c in ("day", "seen")
    }
    columns = {c: {"type": "text"} for c in ("place", "kind")}
    columns |= {c: {"type": "date"} for c in ("day", "seen")} | {"size": {"type": "number"}}
    project = make_project(
        frame.assign(**text),
        question={"entity": {"attributes": ["kind", "size"]}},
        data={**EVENTS, "columns": columns},
    )
    found = open_kind(project).read().attributes
    # An event is seen when its week is over, and the week after that in which it was written down.
    rows = [(p, max(d, seen) // 7 + 1, d, kind, size) for p, d, seen, kind, size in rows]
    for place, mine in found.groupby("entity_id"):
        ours = [row for row in rows if row[0] == place]
        assert mine["known"].iloc[0] == min(row[1] for row in ours)
        told = [tuple(None if pd.isna(v) else v for v in r) for r in mine[["kind", "size"]].values]
        assert all(one != other for one, other in itertools.pairwise(told))
        for origin in range(int(mine["known"].iloc[0]), 14):
            want = []
            for column, read in ((3, str), (4, float)):
                seen = [(r[2], r[1], read(r[column])) for r in ours if r[1] <= origin and r[column]]
                want.append(max(seen)[2] if seen else None)
            assert told[(mine["known"] <= origin).sum() - 1] == tuple(want)


AREAS = "id;name;people\n01;North;1000\n02;South;\n"


def make_areas(make_project, tmp_path, areas):
    (tmp_path / "areas.csv").write_text(areas.replace(";", ","))
    frame = pd.DataFrame(
        {
            "place": ["A", "B", "C", "C"],
            "district": ["01", "02", "99", ""],
            "day": ["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-14"],
        }
    )
    columns = {name: {"type": "text"} for name in ("place", "district")}
    return make_project(
        frame,
        question={"entity": {"area": "district", "areas": "districts"}},
        data={"columns": {**columns, "day": {"type": "date"}}},
        city={"areas": {"districts": {"name": "name", "population": "people"}}},
    )


def test_areas(make_project, tmp_path):
    snapshot = open_kind(make_areas(make_project, tmp_path, AREAS)).read()
    assert snapshot.areas.index.tolist() == ["01", "02"]
    assert snapshot.areas["area_name"].tolist() == ["North", "South"]
    assert snapshot.areas["population"].iloc[0] == 1000.0
    assert np.isnan(snapshot.areas["population"].iloc[1])
    assert snapshot.attributes["area_id"].tolist() == ["01", "02", "99"]
    for areas, words in (
        (AREAS + "01;Again;5\n", "repeats an id"),
        (AREAS + ";Nowhere;5\n", "has no id"),
        (AREAS.replace("1000", "many"), "numbers of residents: row 1 has 'many'"),
        (AREAS.replace("1000", "-4"), "numbers of residents: row 1 has '-4.0'"),
        (AREAS.replace("people", "residents"), "no column 'people'"),
    ):
        with pytest.raises(DataError, match=words) as caught:
            open_kind(make_areas(make_project, tmp_path, areas)).read()
        assert "areas.csv" in caught.value.where
        assert "`areas` in the city's file" in caught.value.next_step


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (AREAS.encode(), "no column 'id'"),  # cells parted by semicolons
        (AREAS.replace(";", ",").replace("North", "Nörd").encode("latin-1"), "not in utf-8"),
        (AREAS.replace(";", ",").encode("utf-16"), "written in UTF-16"),
    ],
)
def test_an_area_table_that_is_written_otherwise(make_project, tmp_path, content, words):
    project = make_areas(make_project, tmp_path, AREAS)
    (tmp_path / "areas.csv").write_bytes(content)
    with pytest.raises(DataError, match=words) as caught:
        open_kind(project).read()
    assert caught.value.what.startswith("the area table: ")
    assert "CSV (UTF-8, commas" in caught.value.next_step
    assert "encoding" not in caught.value.next_step  # there is none to set


def test_covariates_and_the_city_rule(make_project, tmp_path):
    days = pd.date_range("2024-01-01", "2024-01-28")
    weather = pd.DataFrame({"date": days.strftime("%d/%m/%Y"), "rain": range(28)})
    weather["rain"] = weather["rain"].astype("str").where(weather.index != 3, "wet")
    weather.to_csv(tmp_path / "weather.csv", index=False)
    frame = pd.DataFrame({"place": "A", "day": days.strftime("%Y-%m-%d"), "guess": 2})
    columns = {"place": {"type": "text"}, "day": {"type": "date"}, "guess": {"type": "number"}}
    covariate = {
        "source": {"path": "weather.csv"},
        "time": "date",
        "known": {"lag_days": 1},
        "columns": {"date": {"type": "date", "format": "%d/%m/%Y"}, "rain": {"type": "number"}},
        "combine": "sum",
    }
    project = make_project(
        frame,
        data={"columns": columns},
        covariates={"weather": covariate, "plan": {**covariate, "known": "ahead"}},
        models={"city_rule": "guess"},
    )
    snapshot = open_kind(project).read()
    rain = snapshot.covariates["weather"]
    assert rain["rain"].tolist() == [0 + 1 + 2 + 4 + 5 + 6, 70, 119, 168]
    assert rain["known"].tolist() == [2, 3, 4, 5]
    assert snapshot.covariates["plan"]["known"].tolist() == [0, 0, 0, 0]
    assert snapshot.city_rule["value"].tolist() == [2.0] * 4
    fact = snapshot.quality_facts.set_index(["fact", "column"]).loc[("covariate", "weather")]
    assert (int(fact["good"]), int(fact["total"])) == (27, 28)
    assert snapshot.rejects.to_dict("records") == [
        {"row_number": 4, "column": f"{name}.rain", "value": "wet", "reason": "not a number"}
        for name in ("weather", "plan")
    ]
    assert snapshot.counts.rejected == 0
    cut = cut_events(snapshot, snapshot.periods.start(2))
    assert len(cut.table) == 2
    assert cut.table["known"].max() == 2
    assert cut.covariates["weather"]["known"].tolist() == [2]
    assert cut.city_rule["period"].max() == 2


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("place,day\n" + "A,soon\n" * 3, "3 of 3 rows.*row 1, column 'day': 'soon' is not a date"),
        ("place,day\n" + "A,2024-01-01\n" + "A,x\n" * 2, "2 of 3 rows in scope"),
        ("place,dya\nA,2024-01-01\n", "Did you mean 'dya'"),
        ("place,day\n", "no rows"),
    ],
)
def test_data_that_cannot_be_used(make_project, data, words):
    with pytest.raises(DataError, match=words):
        open_kind(make_project(data)).read()


@pytest.mark.parametrize("layout", ["events", "panel"])
@pytest.mark.parametrize(
    ("last", "until", "weeks"),
    [
        ("2024-01-26", "2024-01-29", {"events": 4, "panel": 4}),  # a Friday, the week declared over
        ("2024-01-12", "2024-01-29", {"events": 4, "panel": 2}),  # two weeks without an event
        ("2024-01-26", "2024-01-28", {"events": 3, "panel": 3}),  # the week not declared over
        ("2024-01-26", None, {"events": 3, "panel": 4}),  # nothing declared
    ],
)
def test_the_last_complete_period(make_project, layout, last, until, weeks):
    days = pd.date_range("2024-01-01", last).strftime("%Y-%m-%d")
    frame = pd.DataFrame({"place": "A", "day": days})
    project = make_project(frame, data={"layout": layout, **({"until": until} if until else {})})
    snapshot = open_kind(project).read()
    assert snapshot.periods.count == weeks[layout]
    within = days < str(snapshot.periods.start(weeks[layout]).date())
    assert snapshot.counts.accepted == snapshot.table["n"].sum() == within.sum()


def test_no_complete_period_is_a_matter_of_time(make_project):
    with pytest.raises(TimeError, match="no complete week"):
        open_kind(make_project("place,day\nA,2024-01-01\nA,2024-01-02\n")).read()


def test_entities_that_would_be_confused(make_project):
    frame = pd.DataFrame(
        {"a": ["x / y", "x"], "b": ["z", "y / z"], "day": ["2024-01-01", "2024-01-07"]}
    )
    columns = {"a": {"type": "text"}, "b": {"type": "text"}, "day": {"type": "date"}}
    project = make_project(
        frame, question={"entity": {"columns": ["a", "b"]}}, data={"columns": columns}
    )
    with pytest.raises(DataError, match="two entities"):
        open_kind(project).read()


def test_rows_that_vanish_are_an_error():
    with pytest.raises(RunError, match="rows were lost"):
        RowCounts(10, 1, 2, 3)


def test_digests_follow_the_bytes_and_no_words(make_project):
    data = "place,day\n" + "".join(f"A,2024-01-{d:02d}\n" for d in range(1, 29))
    first = open_kind(make_project(data)).read()
    named = {"entity": {"columns": ["place"], "label": "district"}}
    assert first.digest == open_kind(make_project(data, question=named)).read().digest
    assert first.digest != open_kind(make_project(data + "A,2024-01-28\n")).read().digest
    assert first.source_digest == hashlib.sha256(data.encode()).hexdigest() != first.digest


REAL = {
    "waste": (
        {
            "measure": "sum",
            "value": "REFUSETONSCOLLECTED",
            "period": "month",
            "entity": {"columns": ["communitydist"]},
        },
        {
            "source": {"path": "${CITYAI_DATA}/nyc_waste_tonnage/monthly_tonnage.parquet"},
            "layout": "panel",
            "time": "month_start",
            "since": "2005-01-01",
            "columns": {
                "communitydist": {"type": "text"},
                "month_start": {"type": "date"},
                "REFUSETONSCOLLECTED": {"type": "number", "min": 0},
            },
        },
        "select communitydist::varchar e, month_start::timestamp t, "
        "sum(REFUSETONSCOLLECTED)::double y from '{file}' "
        "where communitydist is not null and month_start >= '2005-01-01' group by all",
    ),
    "shelter": (
        {
            "measure": "sum",
            "value": "SERVICE_USER_COUNT",
            "period": "day",
            "entity": {"columns": ["PROGRAM_ID"], "attributes": ["SECTOR"]},
        },
        {
            "source": {"path": "${CITYAI_DATA}/toronto_shelters/daily_program_occupancy.parquet"},
            "layout": "panel",
            "time": "OCCUPANCY_DATE",
            "columns": {
                "PROGRAM_ID": {"type": "text"},
                "OCCUPANCY_DATE": {"type": "date"},
                "SERVICE_USER_COUNT": {"type": "integer", "min": 0},
                "SECTOR": {"type": "text"},
            },
        },
        "select PROGRAM_ID::varchar e, OCCUPANCY_DATE t, sum(SERVICE_USER_COUNT)::double y "
        "from '{file}' group by all",
    ),
    "ems": (
        {
            "measure": "sum",
            "value": "calls",
            "period": "day",
            "entity": {"columns": ["borough"]},
        },
        {
            "source": {"path": "${CITYAI_DATA}/nyc_ems_calls/hourly_calls.parquet"},
            "unpivot": {
                "columns": ["BRONX", "MANHATTAN", "RICHMOND / STATEN ISLAND"],
                "into": "borough",
                "value": "calls",
            },
            "time": "hour_start",
            "since": "2016-01-01",
            "columns": {"hour_start": {"type": "datetime"}},
        },
        'with h as (select hour_start, BRONX, MANHATTAN, "RICHMOND / STATEN ISLAND" '
        "from '{file}' where hour_start >= '2016-01-01') select name e, "
        "date_trunc('day', hour_start) t, sum(value)::double y from (unpivot h on "
        'BRONX, MANHATTAN, "RICHMOND / STATEN ISLAND") group by all',
    ),
    "evictions": (
        {"period": "week", "entity": {"columns": ["EVICTION_ZIP"]}},
        {
            "source": {"path": "${CITYAI_DATA}/nyc_evictions/evictions.parquet"},
            "time": "EXECUTED_DATE",
            "until": "2018-10-15",
            "where": {"is_exact_duplicate": [False]},
            "columns": {
                "EXECUTED_DATE": {"type": "date"},
                "EVICTION_ZIP": {"type": "text", "pattern": r"\d{5}"},
                "is_exact_duplicate": {"type": "boolean"},
            },
        },
        "select EVICTION_ZIP e, date_trunc('week', EXECUTED_DATE) t, count(*)::double y "
        "from '{file}' where not is_exact_duplicate and EXECUTED_DATE < '2018-10-15' group by all",
    ),
    "council": (
        {"period": "week", "entity": {"columns": ["account"], "attributes": ["borough"]}},
        {
            "source": {"path": "${CITYAI_DATA}/nyc_council_requests/requests.parquet"},
            "time": "opendate",
            "since": "2015-01-05",
            "until": "2023-12-25",
            "columns": {
                "opendate": {"type": "date"},
                "account": {"type": "text"},
                "borough": {"type": "text"},
            },
        },
        "select account e, date_trunc('week', opendate) t, count(*)::double y from '{file}' "
        "where opendate >= '2015-01-05' and opendate < '2023-12-25' group by all",
    ),
}


@pytest.mark.long
@pytest.mark.parametrize("name", list(REAL))
def test_real_tables_equal_a_plain_query(make_project, data_folder, monkeypatch, name):
    monkeypatch.setenv("CITYAI_DATA", str(data_folder))
    question, data, query = REAL[name]
    project = make_project(question=question, data=data)
    snapshot = open_kind(project).read()
    file = project.find_path(data["source"]["path"])
    with duckdb.connect() as engine:
        expected = engine.execute(query.format(file=file)).df()
    cells, periods = snapshot.table, snapshot.periods
    found = cells.assign(t=periods.starts()[cells["period"]]).groupby(["entity_id", "t"])["value"]
    wanted = expected.assign(t=expected["t"].astype("datetime64[us]")).set_index(["e", "t"])["y"]
    joined = pd.concat([found.sum(min_count=1), wanted.dropna()], axis=1).astype("float64")
    assert len(joined) == len(wanted.dropna())
    np.testing.assert_allclose(joined["value"], joined["y"], rtol=1e-12)
    assert (cells["known"] > cells["period"]).all()


def test_a_sum_with_a_hidden_part_is_unknown_never_less(make_project):
    frame = pd.DataFrame(
        {
            "day": ["2024-01-01", "2024-01-01", "2024-01-02", "2024-01-02", "2024-01-03"],
            "place": ["A", "A", "A", "B", "A"],
            "amount": ["<5", "7", "8", "Total", "9"],
        }
    )
    project = make_project(
        frame,
        question={
            "measure": "sum",
            "value": "amount",
            "period": "day",
            "entity": {"columns": ["place"]},
        },
        data={
            "time": "day",
            "layout": "events",
            "known": {"lag_days": 0, "column": None},
            "source": {"suppressed": ["<5"]},
            "without": {"place": ["B"]},
            "columns": {
                "day": {"type": "date"},
                "place": {"type": "text"},
                "amount": {"type": "number"},
            },
        },
    )
    snapshot = open_kind(project).read()
    assert (snapshot.counts.accepted, snapshot.counts.out_of_scope) == (4, 1)
    assert np.isnan(snapshot.table["value"].iloc[0])


def test_a_table_without_a_place_is_one_series(make_project):
    days = pd.date_range("2024-01-01", periods=30).strftime("%Y-%m-%d")
    frame = pd.DataFrame({"day": days, "amount": [str(i) for i in range(30)]})
    project = make_project(
        frame,
        question={
            "measure": "sum",
            "value": "amount",
            "period": "day",
            "entity": {"columns": [], "label": "whole city"},
        },
        data={
            "time": "day",
            "columns": {"day": {"type": "date"}, "amount": {"type": "number"}},
        },
    )
    cells = open_kind(project).read().table
    assert set(cells["entity_id"]) == {"whole city"}
    assert cells["value"].sum() == sum(range(30))


def test_a_few_dates_decades_away_are_refused_and_the_keys_that_leave_them_out_named(make_project):
    days = pd.date_range("2022-01-03", periods=200).strftime("%Y-%m-%d").tolist()
    frame = pd.DataFrame({"day": [*days, "2099-12-31", "1900-01-01"], "place": "A"})
    with pytest.raises(TimeError, match="2 of 202 rows") as caught:
        open_kind(make_project(frame)).read()
    assert "`data.since: 2022-01-03` and `data.until: 2022-07-22`" in str(caught.value)
    unread = pd.concat([frame, pd.DataFrame({"day": ["no day", ""], "place": "A"})])
    with pytest.raises(TimeError, match="2 of 202 rows"):
        open_kind(make_project(unread)).read()
    ends = {"since": "2022-01-03", "until": "2022-07-22"}
    snapshot = open_kind(make_project(frame, data=ends)).read()
    assert snapshot.counts.out_of_scope == 2 + 4  # the last week is not over
    assert snapshot.periods.start(snapshot.periods.count) == np.datetime64("2022-07-18")
