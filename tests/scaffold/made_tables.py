"""Made-up tables as cities write them: each with what a person would say of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

MONTHS = pd.date_range("2019-01-01", periods=48, freq="MS")
DAYS = pd.date_range("2022-01-03", periods=800)
PLACES = ("Norte", "Sul", "Leste")
GERMAN = ("Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September",
          "Oktober", "November", "Dezember")  # fmt: skip


@dataclass(frozen=True)
class Made:
    """A made-up table.

    Attributes
    ----------
    text : str
        The file.
    total : float
        What a person would count, in periods that are over or not; NaN where it is asked.
    amount, place, time : str
        Columns that are meant; an empty amount where rows are counted.
    asked : str
        What the message must say where it is asked or refused; empty where it is understood.
    wishes : dict
        What a person answers.
    encoding : str
        Of the file.
    told : str
        What must be told.
    period : str
        Of the proposal.
    """

    text: str
    total: float = float("nan")
    amount: str = ""
    place: str = ""
    time: str = ""
    asked: str = ""
    wishes: dict[str, Any] = field(default_factory=dict)
    encoding: str = "utf-8"
    told: str = ""
    period: str = "month"


def amount_of(i: int, j: int) -> int:
    """Return an amount of period i and place j: neither constant nor a key, some below 1,000."""
    return 900 + 37 * (i % 12) + 211 * j + (i * 7 + j * 3) % 23


TOTAL = float(sum(amount_of(i, j) for i in range(len(MONTHS)) for j in range(len(PLACES))))


def write_monthly(
    header: str,
    day: Callable[[pd.Timestamp], str],
    number: Callable[[int], str] = str,
    separator: str = ",",
    places: Iterable[str] = PLACES,
) -> str:
    """Write one row a month and place."""
    rows = [
        separator.join((day(month), place, number(amount_of(i, j))))
        for i, month in enumerate(MONTHS)
        for j, place in enumerate(places)
    ]
    return "\n".join([header, *rows]) + "\n"


def write_events(
    header: str, row: Callable[[int, pd.Timestamp], str], every: int = 3, n: int = 0
) -> str:
    """Write one row an event, some on each day."""
    rows = [
        row(
            i * every + k, day + pd.Timedelta(hours=5 * k + 3, minutes=i % 60, seconds=(7 * i) % 60)
        )
        for i, day in enumerate(DAYS[: n or len(DAYS)])
        for k in range(1 + (i + i // 7) % every)
    ]
    return "\n".join([header, *rows]) + "\n"


def write_iso(day: pd.Timestamp) -> str:
    """Write a day as ISO 8601 has it."""
    return f"{day:%Y-%m-%d}"


def group(number: int, mark: str) -> str:
    """Write a whole number with a mark between thousands."""
    return f"{number:,}".replace(",", mark)


def clock(moment: pd.Timestamp) -> str:
    """Write a moment with the clock of twelve hours."""
    return f"{moment:%m/%d/%Y %I:%M:%S %p}"


COUNT = write_events("", lambda i, t: "x" * (f"{t:%Y-%m}" < "2024-03")).count("x")
"""Events of the months that are over."""
MONTHLY = {"total": TOTAL, "place": "bairro", "amount": "visitas", "time": "mes"}
EVENTS = {"total": float(COUNT), "place": "distrito", "time": "aberto"}


def hide(number: int) -> str:
    """Write small numbers as statistical offices do."""
    return "<5" if number % 11 == 0 else f"{number}"


SHOWN = float(
    sum(amount_of(i, j) for i in range(len(MONTHS)) for j in range(3) if amount_of(i, j) % 11)
)
HOURS = pd.date_range("2022-10-01", periods=24 * 90 + 1, freq="h", tz="America/Chicago")
NEGATIVE = {amount_of(3, 1): -4}

MADE: dict[str, Made] = {
    # Twins of the kinds that were exported by real portals.
    "clock of twelve hours": Made(
        write_events("n,aberto,alterado,distrito", lambda i, t: f"A{i},{clock(t)},"
                     f"{clock(t + pd.Timedelta(days=4))},{PLACES[i % 3]}"),
        **EVENTS, told="%I:%M:%S %p",
    ),
    "milliseconds since 1970": Made(
        write_events("n,created,distrito", lambda i, t: f"A{i},"
                     f"{int((t + pd.Timedelta(hours=6)).timestamp() * 1000)},{PLACES[i % 3]}"),
        **{**EVENTS, "time": "created"}, told="epoch_ms",
    ),
    "offsets of hours": Made(
        write_events("n,aberto,distrito", lambda i, t:
                     f"A{i},{t + pd.Timedelta(hours=6):%Y/%m/%d %H:%M:%S}+00,{PLACES[i % 3]}"),
        **EVENTS, told="%z",
    ),
    "eight digits": Made(write_monthly("mes,bairro,visitas", "{:%Y%m%d}".format), **MONTHLY),
    "six digits": Made(write_monthly("mes,bairro,visitas", "{:%Y%m}".format), **MONTHLY),
    "an M": Made(write_monthly("mes,bairro,visitas", "{:%YM%m}".format), **MONTHLY),
    "a named month": Made(write_monthly("mes,bairro,visitas", "{:%d-%b-%Y}".format), **MONTHLY),
    "a long date": Made(
        write_monthly("mes,bairro,visitas", lambda d: f'"{d:%B %d, %Y}"'), **MONTHLY
    ),
    "a weekday before a date": Made(
        write_monthly("mes,bairro,visitas", lambda d: f'"{d:%A, %B %d, %Y}"'), **MONTHLY
    ),
    "a month and a short year": Made(
        write_monthly("mes,bairro,visitas", "{:%b-%y}".format),
        asked="--format '%b-%y' reads it as 2019-01-01",
        wishes={"time": "mes", "format": "%b-%y"}, **MONTHLY,
    ),
    "a short year": Made(
        write_monthly("mes,bairro,visitas", "{:%m/%d/%y}".format),
        asked="do not say their century|two ways",
        wishes={"time": "mes", "format": "%m/%d/%y"}, **MONTHLY,
    ),
    "day or month": Made(
        write_monthly("mes,bairro,visitas", "{:%d/%m/%Y}".format),
        asked="(?s)two ways.*%m/%d/%Y.*%d/%m/%Y",
        wishes={"time": "mes", "format": "%d/%m/%Y"}, **MONTHLY,
    ),
    "comma for decimals": Made(
        write_monthly("mes;bairro;visitas", write_iso, lambda n: f"{n / 100:.2f}".replace(".", ","),
                      ";"),
        **{**MONTHLY, "total": TOTAL / 100},
    ),
    "German thousands": Made(
        write_monthly("mes;bairro;visitas", write_iso,
                      lambda n: group(n, ".") + ",5", ";"),
        **{**MONTHLY, "total": TOTAL + 0.5 * 144},
    ),
    "American thousands": Made(
        write_monthly("mes,bairro,visitas", write_iso, lambda n: f'"{n:,}"'), **MONTHLY
    ),
    "texts for no value": Made(
        write_monthly("mes,bairro,visitas", write_iso, lambda n: "N/A" if n % 11 == 0 else str(n)),
        **{**MONTHLY, "total": SHOWN}, told="N/A for missing",
    ),
    "hidden amounts": Made(
        write_monthly("mes,bairro,visitas", write_iso, hide),
        **{**MONTHLY, "total": SHOWN}, told="unknown, not 0",
    ),
    "a total among the places": Made(
        write_monthly("mes,bairro,visitas", write_iso)
        + "".join(
            f"{m:%Y-%m-%d},Cidade inteira,{sum(amount_of(i, j) for j in range(3))}\n"
            for i, m in enumerate(MONTHS)
        ),
        **MONTHLY, told="the sum of the 3 others",
    ),
    "a total in the last row": Made(
        write_monthly("mes,bairro,visitas", write_iso) + f"Total,,{TOTAL:.0f}\n",
        **MONTHLY, told="not a date",
    ),
    "rows of a second key": Made(
        "dia,abrigo,tipo,pessoas\n" + "".join(
            f"{d:%Y-%m-%d},{p},{k},{40 + (i * 7 + j * 5) % 31}\n"
            for i, d in enumerate(DAYS) for j, (p, k) in enumerate(
                (("House", "Men"), ("House", "Women"), ("North", "Men"), ("West", "Women")))
        ),
        total=float(sum(40 + (i * 7 + j * 5) % 31 for i in range(800) for j in range(4))),
        time="dia", place="abrigo", amount="pessoas", period="day",
        told="it is no attribute of a abrigo",
    ),
    "hours with the clock put back": Made(
        "hour,station,calls\n" + "".join(
            f"{t:%Y-%m-%d %H:%M:%S},{s},{5 + (i * 3 + j) % 9}\n"
            for i, t in enumerate(HOURS) for j, s in enumerate("AB")
        ),
        total=float(sum(5 + (i * 3 + j) % 9 for i in range(len(HOURS)) for j in range(2))),
        time="hour", place="station", amount="calls", period="day", told="comes twice",
    ),
    "one series": Made(
        "day,occupancy\n" + "".join(
            f"{d:%Y-%m-%d},{300 + (i * 11) % 71}\n" for i, d in enumerate(DAYS)),
        total=float(sum(300 + (i * 11) % 71 for i in range(800))), time="day",
        amount="occupancy", period="day",
    ),
    "ids that come again": Made(
        write_events("request_id,aberto,estado,distrito", lambda i, t: "\n".join(
            f"A{i},{t},{e},{PLACES[i % 3]}" for e in ("open", "shut")[: 1 + i % 2])),
        asked="--key request_id counts one row of each", wishes={"key": "request_id"}, **EVENTS,
    ),
    "placeholders for dates": Made(
        write_events("n,aberto,distrito", lambda i, t: f"A{i},{t},{PLACES[i % 3]}")
        + "".join(f"B{i},1900-01-01 00:00:00,Sul\n" for i in range(60)),
        **EVENTS, told="`since` and `until` leave them out",
    ),
    "zeros that were lost": Made(
        write_events("n,aberto,zip", lambda i, t: f"A{i},{t},{('02118', '2118', '02119')[i % 3]}"),
        asked="--width 5 joins them", wishes={"width": 5}, **{**EVENTS, "place": "zip"},
    ),
    "marks of Windows": Made(
        write_monthly("mes,bairro,visitas", write_iso, places=("L’Île", "A – B", "Leste")),
        **MONTHLY, encoding="cp1252", told="cp1252",
    ),
    "a late accent": Made(
        write_events("n,aberto,distrito", lambda i, t: f"A{i},{t},"
                     f"{'Montréal' if t.year > 2023 else 'Verdun'}{i % 2}"),
        **EVENTS, encoding="latin-1", told="latin-1",
    ),
    "corrections below 0": Made(
        write_monthly("mes,bairro,visitas", write_iso, lambda n: str(NEGATIVE.get(n, n))),
        **{**MONTHLY, "total": float(sum(
            NEGATIVE.get(amount_of(i, j), amount_of(i, j)) for i in range(48) for j in range(3)))},
        told="below 0",
    ),
    "coordinates": Made(
        write_events("n,aberto,distrito,x_coord,lat", lambda i, t:
                     f"A{i},{t:%Y-%m-%d},{PLACES[i % 3]},{1000 + i % 90},{34 + i % 7 / 100}"),
        **EVENTS,
    ),
    # Others of the same spirit.
    "title above the header": Made(
        "Cidade de Exemplo - visitas\n\n" + write_monthly("mes,bairro,visitas", write_iso),
        **MONTHLY, told="the lines above it are not read",
    ),
    "footnotes below": Made(
        write_monthly("mes,bairro,visitas", write_iso) + "\nFonte: Secretaria\n*: provisional\n",
        **MONTHLY, told="fewer cells than the header",
    ),
    "one column a month": Made(
        "bairro," + ",".join(f"{m:%Y-%m}" for m in MONTHS) + "\n" + "".join(
            f"{p}," + ",".join(str(amount_of(i, j)) for i in range(48)) + "\n"
            for j, p in enumerate(PLACES)),
        total=TOTAL, time="month", place="bairro", amount="amount",
        told="are turned into rows",
    ),
    "one column a year": Made(
        "bairro,2019,2020,2021,2022\n" + "".join(f"{p},{j},7,8,9\n" for j, p in enumerate(PLACES)),
        asked="one column for each of 4 parts of time",
    ),
    "one column a named month": Made(
        "ano,Jan,Feb,Mar,Apr,May,Jun\n" + "".join(f"{y},1,2,3,4,5,{y % 7}\n" for y in range(1990,
        2020)),
        asked="months without a year",
    ),
    "quarters": Made(
        write_monthly("trimestre,bairro,visitas", lambda d: f"{d.year}-Q{d.quarter}"),
        asked="quarters; the periods are days, weeks and months",
    ),
    "numbered weeks": Made(
        write_monthly("semana,bairro,visitas", lambda d: f"semana {d.month}"),
        asked="numbered weeks without a year",
    ),
    "months in German": Made(
        write_monthly("Monat;Bezirk;Anzahl", lambda d: f"1. {GERMAN[d.month - 1]} {d.year}",
                      separator=";"),
        **{**MONTHLY, "time": "Monat", "place": "Bezirk", "amount": "Anzahl"}, told="%d. %B %Y",
    ),
    "year and month apart": Made(
        "year,month,ward,visits\n" + "".join(
            f"{m.year},{m.month},{p},{amount_of(i, j)}\n"
            for i, m in enumerate(MONTHS) for j, p in enumerate(PLACES)),
        total=TOTAL, time="year_month", place="ward", amount="visits",
        told="year and month together",
    ),
    "currency": Made(
        write_monthly("mes,bairro,custo_valor", write_iso, lambda n: f'"$ {n:,}.50"'),
        **{**MONTHLY, "amount": "custo_valor", "total": TOTAL + 72}, told="with $",
    ),
    "Brazilian currency": Made(
        write_monthly("mes;bairro;valor", write_iso, lambda n: f"R$ {group(n, '.')},25", ";"),
        **{**MONTHLY, "amount": "valor", "total": TOTAL + 36}, told="R$",
    ),
    "Swiss thousands": Made(
        write_monthly("mes\tbairro\tvisitas", write_iso, lambda n: group(n, "'"), "\t"), **MONTHLY
    ),
    "French thousands": Made(
        write_monthly("mes;bairro;visitas", write_iso, lambda n: group(n, "\u202f"), ";"),
        **MONTHLY,
    ),
    "percentages": Made(
        write_monthly("mes,bairro,ocupacao", write_iso, lambda n: f"{n % 89 + 0.5}%"),
        asked="percentages", wishes={"amount": "ocupacao"},
    ),
    "percentages, unasked": Made(
        write_monthly("mes,bairro,ocupacao", write_iso, lambda n: f"{n % 89 + 0.5}%"),
        asked="count the calendar; 'ocupacao' holds percentages",
    ),
    "amounts of zero": Made(
        write_monthly("mes,bairro,visitas", write_iso, lambda n: "0"),
        asked="(?s)count the calendar; 'visitas' holds one value alone.*--count counts the rows",
    ),
    "amounts that were revised": Made(
        "mes,bairro,quant,publicado\n" + "".join(
            f"{m:%Y-%m-%d},{p},{amount_of(i, j) - 9 * (2 - v)},"
            f"{m + pd.DateOffset(months=1 + v):%Y-%m-%d}\n"
            for i, m in enumerate(MONTHS) for j, p in enumerate(PLACES) for v in range(3)),
        asked="(?s)count the calendar.*--amount quant adds it up",
    ),
    "a column a place": Made(
        ",".join(("dia", *PLACES)) + "\n" + "".join(
            f"{m:%Y-%m-%d},{','.join(str(amount_of(i, j)) for j in range(3))}\n"
            for i, m in enumerate(MONTHS)),
        asked="(?s)3 columns hold amounts.*--amount 'Norte'; or --amount 'Norte,Sul,Leste'",
        wishes={"amount": "Norte,Sul,Leste"},
        total=TOTAL, time="dia", place="place", amount="amount", told="a row holds one column a",
    ),
    "a running total": Made(
        "mes,bairro,visitas\n" + "".join(
            f"{m:%Y-%m-%d},{p},{1000 * j + i * (i + 1)}\n"
            for i, m in enumerate(MONTHS) for j, p in enumerate(PLACES)),
        **{**MONTHLY, "total": float(sum(1000 * j + i * (i + 1) for i in range(48)
                                         for j in range(3)))},
        told="visitas is a running total",
    ),
    "weeks that begin on Sunday": Made(
        "semana,bairro,visitas\n" + "".join(
            f"{d:%Y-%m-%d},{p},{amount_of(i, j)}\n"
            for i, d in enumerate(pd.date_range("2021-01-03", periods=48, freq="7D"))
            for j, p in enumerate(PLACES)),
        **{**MONTHLY, "time": "semana"}, period="week", told="semana, always a Sunday",
    ),
    "places in capitals and not": Made(
        write_events("n,aberto,distrito", lambda i, t:
                     f"A{i},{t},{('Norte', 'NORTE', 'Sul', 'Leste')[i % 4]}"),
        **EVENTS, told="written in two ways: NORTE, Norte",
    ),
    "pipes and dots": Made(
        write_monthly("Datum|Bezirk|Anzahl", lambda d: f"{d + pd.Timedelta(days=14):%d.%m.%Y}",
                      separator="|"),
        total=TOTAL, time="Datum", place="Bezirk", amount="Anzahl",
    ),
    "day and month in Spanish order": Made(
        write_monthly("fecha;comuna;cantidad", lambda d: f"{d + pd.Timedelta(days=20):%d-%m-%Y}",
                      separator=";"),
        total=TOTAL, time="fecha", place="comuna", amount="cantidad",
    ),
    "rows of loads": Made(
        write_events("aberto,distrito,tons", lambda i, t: f"{t:%Y-%m-%d},{PLACES[i % 3]},{i % 9}",
                     every=9),
        asked="(?s)--count counts the rows.*--amount tons adds it up",
    ),
    "ages beside events": Made(
        write_events("n,aberto,distrito,idade",
                     lambda i, t: f"A{i},{t},{PLACES[i % 3]},{i * 7 % 80}"),
        **EVENTS, told="or --amount idade",
    ),
    "births before events": Made(
        write_events("n,date_of_birth,aberto,distrito", lambda i, t:
                     f"A{i},{1950 + i % 50}-03-0{1 + i % 9},{t},{PLACES[i % 3]}"),
        **EVENTS,
    ),
    "a thin start": Made(
        "n,aberto,distrito\n" + "".join(
            f"C{y},{y}-0{1 + y % 9}-11 10:00:00,Sul\n" for y in range(2012, 2022))
        + write_events("", lambda i, t: f"A{i},{t},{PLACES[i % 3]}").lstrip(),
        **EVENTS, told="hardly a row before it",
    ),
    "date and hour apart": Made(
        "Date,Hour,Rented Bike Count,Temperature\n"
        + "".join(
            f"{d:%d/%m/%Y},{h},{30 + (i * 5 + h * 3) % 41},{(i + h) % 30}.5\n"
            for i, d in enumerate(DAYS)
            for h in range(24)
        ),
        total=float(sum(30 + (i * 5 + h * 3) % 41 for i in range(800) for h in range(24))),
        time="Date",
        amount="Rented Bike Count",
        period="day",
        told="Date, Hour: together they name a row",
    ),
    "two totals": Made(
        "mes,bairro,sexo,visitas\n" + "".join(
            f"{m:%Y-%m-%d},{p},{s},{v}\n"
            for i, m in enumerate(MONTHS) for j, p in enumerate(PLACES)
            for s, v in (("M", amount_of(i, j)), ("F", 700), ("Total", amount_of(i, j) + 700))),
        **{**MONTHLY, "total": TOTAL + 700 * 144}, told="Total in sexo",
    ),
}  # fmt: skip
