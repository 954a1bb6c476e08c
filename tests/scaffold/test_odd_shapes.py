"""Tables of odd shape are asked about, or read as they are meant; no number is wrong in silence."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cityai.config.load import load_project
from cityai.errors import DataError
from cityai.kinds import open_kind
from cityai.scaffold.look import look_at_table
from cityai.scaffold.parts_of_time import find_parts_of_time
from cityai.scaffold.project import create_project
from cityai.scaffold.proposal import Overrides

PLACES = ("Alto", "Baixo", "Centro", "Norte")
MONTHS = pd.date_range("2018-01-01", "2024-12-01", freq="MS")
CELLS = [(f"{day:%Y-%m-%d}", place) for day in MONTHS for place in PLACES]
TONS = np.random.default_rng(1).poisson(120, len(CELLS))
HOURS = [f"h{hour:02d}" for hour in range(24)]


def write(folder, table, sep=","):
    path = folder / "t.csv"
    table.to_csv(path, index=False, sep=sep)
    return path


def monthly(**columns):
    return pd.DataFrame(CELLS, columns=["month", "district"]).assign(**columns)


def total(proposal):
    return next(chosen for asked, chosen, _ in proposal.choices[::-1] if asked == "total")


def hourly(**more):
    days = pd.date_range("2023-01-01", periods=200)
    table = pd.DataFrame([(d.date(), p) for d in days for p in PLACES], columns=["date", "station"])
    counts = np.random.default_rng(2).poisson(3, (len(table), 24))
    return pd.concat([table, pd.DataFrame(counts, columns=HOURS)], axis=1), counts.sum()


def test_hours_as_columns_are_neither_amounts_nor_places(tmp_path):
    table, whole = hourly()
    alone = table.groupby("date", as_index=False)[HOURS].sum()
    for odd in (table, alone):
        with pytest.raises(DataError, match="24 columns, h00 to h23, are one hour of the day each"):
            look_at_table(write(tmp_path, odd))
    for named in (table.assign(total=table[HOURS].sum(axis=1)),
                  alone.assign(total=alone[HOURS].sum(axis=1))):  # fmt: skip
        proposal = look_at_table(write(tmp_path, named))
        assert proposal.spec["question"]["value"] == "total"
        assert total(proposal) == f"{whole:,} total"
    with pytest.raises(DataError, match="one hour of the day"):
        look_at_table(write(tmp_path, alone), Overrides(amount=",".join(HOURS)))
    assert look_at_table(write(tmp_path, table), Overrides(amount="h08")).spec


@pytest.mark.parametrize(
    "names",
    ["janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
     " ".join(f"m{i:02d}" for i in range(1, 13)), " ".join(map(str, range(1, 13)))],
)  # fmt: skip
def test_months_as_columns_beside_a_year_are_turned_into_rows(tmp_path, names):
    years = [(y, p) for y in range(2016, 2025) for p in PLACES]
    table = pd.DataFrame(years, columns=["ano", "bairro"])
    for i, name in enumerate(names.split()):
        table[name] = 200 + 7 * i + np.arange(len(table))
    proposal = look_at_table(
        write(tmp_path, table.assign(total=table.sum(axis=1, numeric_only=True)))
    )
    assert total(proposal) == f"{table[names.split()].to_numpy().sum():,} amount"
    assert proposal.spec["data"]["source"]["joined"] == {"ano_month": ["ano", "month"]}
    assert ("108 months" in proposal.tell(), "4 bairros" in proposal.tell()) == (True, True)
    alone = table.drop(columns="ano").iloc[:4]
    with pytest.raises(DataError, match=r"month of the year each|parts of time"):
        look_at_table(write(tmp_path, alone))


def test_may_is_among_the_columns_of_months(tmp_path):
    wide = pd.DataFrame(TONS.reshape(-1, 4).T, columns=[f"{m:%b %Y}" for m in MONTHS])
    wide.insert(0, "district", PLACES)
    assert total(look_at_table(write(tmp_path, wide))) == f"{TONS.sum():,} amount"


@pytest.mark.parametrize(
    ("month", "said"), [("%m", None), ("%-m", None), ("%B", None), ("%b", None), ("week", "MMWR")]
)
def test_a_year_beside_a_month_or_a_week_is_one_date(tmp_path, workspace, month, said):
    days = pd.Series(pd.to_datetime([day for day, _ in CELLS]))
    part = days.dt.isocalendar().week.astype(str) if said else days.dt.strftime(month)
    year = days.dt.isocalendar().year if said else days.dt.year
    table = pd.DataFrame({
        "Year": year, "Week" if said else "Month": part,
        "District": [place for _, place in CELLS], "Tons": TONS,
    })  # fmt: skip
    path, wish = write(tmp_path, table), Overrides()
    if said:
        with pytest.raises(DataError, match=f"{said} from Sunday") as asked:
            look_at_table(path)
        assert "--time 'Year,Week' and one of: --format '%G %V' reads" in str(asked.value)
        wish = Overrides(time="Year,Week", format="%G %V")
    proposal = look_at_table(path, wish)
    assert total(proposal) == f"{TONS.sum():,} tons"
    made = create_project(workspace, "mine", "blank_demand", spec=proposal.spec)
    events = open_kind(load_project(made.folder)).read()
    assert events.table["value"].sum() == TONS.sum()
    assert events.periods.first == days.min().to_period("W" if said else "M").start_time


def test_a_month_of_a_fiscal_year_is_never_a_date(tmp_path):
    table = monthly(tons=TONS).assign(**{"Fiscal Year": 2020, "month": 3})
    with pytest.raises(DataError, match="a year that does not begin in January"):
        look_at_table(write(tmp_path, table))


def test_a_column_of_dates_comes_before_its_parts(tmp_path):
    days = pd.Series(pd.to_datetime([day for day, _ in CELLS]))
    table = monthly(tons=TONS).assign(year=days.dt.year, mes=days.dt.month)
    assert look_at_table(write(tmp_path, table)).spec["data"]["time"] == "month"


@pytest.mark.parametrize(
    ("names", "found"),
    [("00:00 " + " ".join(f"{h:02d}:00" for h in range(1, 24)), 24),
     ("lun. mar. mié. jue. vie. sáb. dom. total", 7), ("Ward1 Ward2 Ward3 Ward4", 0),
     ("1 2 3 4 5 6 7 8 9 10 11 12", 0), ("h00 h01 h02", 0), ("Q1 Q2 Q3 Q4 all", 4)],
)  # fmt: skip
def test_columns_are_parts_of_time_when_all_parts_are_there(names, found):
    parts = find_parts_of_time(names.split(), by_year=False)
    assert (len(parts.columns) if parts else 0) == found


def test_rates_are_no_amounts_and_which_of_several_is_asked(tmp_path):
    rates = monthly(rate_per_1000=TONS / 37, mean_wait=TONS / 9)
    with pytest.raises(DataError, match="'rate_per_1000' holds rates or means by its name"):
        look_at_table(write(tmp_path, rates))
    told = look_at_table(write(tmp_path, rates), Overrides(amount="mean_wait")).tell()
    assert "whether mean_wait may be added up" in told
    assert look_at_table(write(tmp_path, rates.assign(tons=TONS))).spec["question"][
        "value"] == "tons"  # fmt: skip
    with pytest.raises(DataError, match="2 columns hold numbers, and no name says which"):
        look_at_table(write(tmp_path, monthly(grey=TONS, green=TONS[::-1])))


def test_a_total_below_the_table_is_left_out(tmp_path):
    whole = f"{TONS.sum():,} tons"
    end = pd.DataFrame([["2024-12-31", "Total", TONS.sum()]], columns=["month", "district", "tons"])
    proposal = look_at_table(write(tmp_path, pd.concat([monthly(tons=TONS), end])))
    assert proposal.spec["data"]["without"] == {"district": ["Total"]}
    assert total(proposal) == whole
    odd = look_at_table(write(tmp_path, pd.concat([monthly(tons=TONS), end.assign(tons=7)])))
    assert "'Total' in district (1 row) is a place" in odd.tell()


def test_sums_of_a_year_among_the_months_are_asked_about(tmp_path):
    table = monthly(tons=TONS)
    years = table.assign(month=table["month"].str[:4] + "-12-31")
    sums = years.groupby(["month", "district"], as_index=False)["tons"].sum()
    path = write(tmp_path, pd.concat([table, sums]))
    with pytest.raises(DataError, match="28 of 336 times a district and month has more than one"):
        look_at_table(path)
    twice = look_at_table(path, Overrides(key="none"))
    assert total(twice) == f"{2 * TONS.sum():,} tons"


def test_a_line_of_units_below_the_header_is_rejected_and_told(tmp_path):
    path = tmp_path / "t.csv"
    rows = monthly(tons=TONS).to_csv(index=False, header=False)
    path.write_text("month,district,tons\n(YYYY-MM-DD),(name),(metric tons)\n" + rows)
    proposal = look_at_table(path)
    assert total(proposal) == f"{TONS.sum():,} tons"
    assert proposal.spec["question"]["missing_periods"] == "missing"
    assert "month: not a date" in proposal.tell()


def test_units_in_cells_are_read_and_two_units_are_not_added_up(tmp_path):
    for unit in ("t", "m3", "toneladas"):
        proposal = look_at_table(write(tmp_path, monthly(tons=[f"{n} {unit}" for n in TONS])))
        assert total(proposal) == f"{TONS.sum():,} tons"
    mixed = [f"{n} t" if i % 3 else f"{n * 1000} kg" for i, n in enumerate(TONS)]
    with pytest.raises(DataError, match=r"several units: kg \(112 rows\), t \(224 rows\)"):
        look_at_table(write(tmp_path, monthly(tons=mixed)))
    words = [f"{n} m3" if i % 2 else f"{n} loads" for i, n in enumerate(TONS)]
    with pytest.raises(DataError, match="count the calendar; 'tons' holds texts, such as '1"):
        look_at_table(write(tmp_path, monthly(tons=words)))


def lakhs(number):
    head, tail = f"{number:d}"[:-3], f"{number:d}"[-3:]
    pairs = [head[max(i - 2, 0) : i] for i in range(len(head), 0, -2)][::-1]
    return ",".join([*pairs, tail])


@pytest.mark.parametrize(
    "write_number",
    [lambda n: f"{n:,}.5".replace(",", "\u2019"), lambda n: f"{n:,}.5".replace(",", "'"), lakhs],
)  # fmt: skip
def test_marks_between_thousands_of_more_countries_are_read(tmp_path, write_number):
    numbers = [int(n) * 3217 for n in TONS]
    table = monthly(tons=[write_number(n) for n in numbers])
    proposal = look_at_table(write(tmp_path, table, sep=";"))
    more = 0 if write_number is lakhs else len(numbers) / 2
    assert total(proposal) == f"{sum(numbers) + more:,.12g} tons"


def test_amounts_below_zero_are_read_with_a_minus_behind_and_told_in_parentheses(tmp_path):
    cells = [*map(str, TONS)]
    cells[5], cells[9], cells[20] = "(120)", "120-", "\u221255"
    proposal = look_at_table(write(tmp_path, monthly(tons=cells)))
    assert "an amount below 0 is written -120" in proposal.tell()
    assert total(proposal) == f"{TONS.sum() - TONS[[5, 9, 20]].sum() - 175:,} tons"


def test_many_texts_among_numbers_are_no_reason_to_count_rows(tmp_path):
    cells = [f"{n}" if i % 4 else f"{n} (geschätzt)" for i, n in enumerate(TONS)]
    with pytest.raises(DataError, match=r"'menge' holds numbers and, in 84 rows, other texts"):
        look_at_table(write(tmp_path, monthly(menge=cells)))
    assert look_at_table(write(tmp_path, monthly(menge=cells)), Overrides(counts=True)).spec


def test_units_in_a_column_of_their_own_are_not_added_up(tmp_path):
    uom = np.where(np.arange(len(TONS)) % 3, "t", "kg")
    with pytest.raises(DataError, match=r"several units by 'uom': t \(224 rows\), kg \(112 rows\)"):
        look_at_table(write(tmp_path, monthly(amount=TONS, uom=uom)))
    assert look_at_table(write(tmp_path, monthly(amount=TONS, uom="t"))).spec


def test_numbers_that_may_stand_for_no_value_are_asked_about(tmp_path):
    amounts = TONS.copy()
    amounts[[3, 50, 99]], amounts[[4, 60, 98]] = 9999, -1
    told = look_at_table(write(tmp_path, monthly(amount=amounts))).tell()
    assert "whether 9999 (3 rows) and -1 (3 rows) in amount stand for no value" in told
    assert "stand for no value" not in look_at_table(write(tmp_path, monthly(amount=TONS))).tell()


def test_readings_of_meters_are_not_counted_and_are_running(tmp_path):
    reading = monthly(reading=TONS).groupby("district")["reading"].cumsum() + 10_000
    table = monthly(reading=reading + np.arange(len(TONS)) % 4 * 50_000)
    told = look_at_table(write(tmp_path, table)).tell()
    assert "whether reading is a running total, since it never falls:" in told
    # Meter by meter the numbers rise as those of rows do.
    table = table.sort_values("district", kind="stable")
    with pytest.raises(DataError, match="would count the calendar") as asked:
        look_at_table(write(tmp_path, table))
    assert "--amount reading adds it up" in str(asked.value)
    told = look_at_table(write(tmp_path, table), Overrides(amount="reading")).tell()
    assert "whether reading is a running total, since it never falls:" in told


def test_amounts_that_are_written_again_are_told_with_their_moment(tmp_path):
    again = [monthly(tons=TONS + i, published=f"2025-0{i + 1}-15") for i in range(3)]
    with pytest.raises(DataError, match="by 'published' each row is another"):
        look_at_table(write(tmp_path, pd.concat(again)))


def test_lines_below_a_table_do_not_hide_what_names_its_rows(tmp_path):
    table = pd.DataFrame({"WO": [f"WO-{i}" for i in range(600)],
                          "day": pd.date_range("2023-01-01", periods=600).astype(str),
                          "crew": ["A", "B", "C"] * 200})  # fmt: skip
    path = write(tmp_path, table)
    path.write_text(path.read_text() + ",,\nTotal records: 600,,\n")
    proposal = look_at_table(path)
    assert proposal.spec["data"]["key"] == ["WO"]
    assert ("key", "WO", "no two rows share it") in proposal.choices


def test_sums_of_some_places_are_left_out(tmp_path):
    table = monthly(tons=TONS)
    two = table[table["district"].isin(PLACES[:2])].groupby("month", as_index=False)["tons"].sum()
    three = table[table["district"].isin(PLACES[1:])].groupby("month", as_index=False)["tons"].sum()
    sums = [two.assign(district="Oeste"), three.assign(district="Leste")]
    proposal = look_at_table(write(tmp_path, pd.concat([table, *sums])))
    assert proposal.spec["data"]["without"] == {"district": ["Leste", "Oeste"]}
    assert total(proposal) == f"{TONS.sum():,} tons"
    assert "Oeste in district: the sum of 2: Alto, Baixo" in proposal.tell()


def test_a_total_of_the_year_to_date_is_asked_about(tmp_path):
    table = monthly(tons=TONS)
    table["tons"] = table.groupby(["district", table["month"].str[:4]])["tons"].cumsum()
    told = look_at_table(write(tmp_path, table)).tell()
    assert "whether tons is a running total, since it never falls but where a year begins" in told


def test_rows_that_come_twice_are_told_with_what_counts_one_of_each(tmp_path):
    numbers = np.random.default_rng(3)
    minutes = np.sort(numbers.integers(0, 500 * 1440, 5000))
    opened = pd.Timestamp("2023-01-01") + pd.to_timedelta(minutes, unit="min")
    events = pd.DataFrame({"opened": opened, "district": numbers.choice(PLACES, 5000)})
    assert "appended twice" not in look_at_table(write(tmp_path, events)).tell()
    days = events.assign(opened=events["opened"].dt.date)
    assert "appended twice" not in look_at_table(write(tmp_path, days)).tell()
    again = pd.concat([events, events.iloc[3000:]])
    assert "as in an export that was appended twice" in look_at_table(write(tmp_path, again)).tell()
    table = monthly(tons=TONS)
    path = write(tmp_path, pd.concat([table, table.iloc[200:]]))
    with pytest.raises(DataError, match="136 rows repeat an earlier one in every column"):
        look_at_table(path)
    once = look_at_table(path, Overrides(amount="tons", key="month,district,tons"))
    assert once.spec["data"]["key"] == ["month", "district", "tons"]


def test_a_copy_of_an_export_is_told_among_events_that_are_alike(tmp_path):
    days = pd.date_range("2023-01-01", periods=400).astype(str)
    once = pd.DataFrame({"opened": np.sort(np.repeat(days, 6)), "ward": list("AABBCC") * 400})
    assert "appended twice" not in look_at_table(write(tmp_path, once)).tell()
    told = look_at_table(write(tmp_path, pd.concat([once, once]))).tell()
    assert "whether 3,600 rows count" in told
    assert "of single events that are alike too" in told


def test_the_year_to_date_is_not_chosen_beside_the_month(tmp_path):
    table = monthly(total=TONS)
    table["ytd_total"] = table.groupby(["district", table["month"].str[:4]])["total"].cumsum()
    proposal = look_at_table(write(tmp_path, table))
    assert (proposal.spec["question"]["value"], total(proposal)) == (
        "total",
        f"{TONS.sum():,} total",
    )


def test_cells_that_were_merged_are_told(tmp_path):
    table = monthly(tons=TONS)
    table.loc[table.index % len(PLACES) > 0, "month"] = None
    with pytest.raises(DataError, match="filled in every 4th, as merged cells") as refused:
        look_at_table(write(tmp_path, table))
    assert "fill each empty cell with the date above it" in str(refused.value)


@pytest.mark.parametrize(("odd", "said"), [(13, "'13' in 28 rows, which is no month"), (5, "")])
def test_a_thirteenth_month_is_told(tmp_path, odd, said):
    days = pd.Series(pd.to_datetime([day for day, _ in CELLS]))
    table = monthly(tons=TONS).assign(year=days.dt.year, month=days.dt.month)
    sums = table.groupby(["year", "district"], as_index=False)["tons"].sum().assign(month=odd)
    with pytest.raises(DataError, match=said or "more than one row|repeat"):
        look_at_table(write(tmp_path, pd.concat([table, sums])))
