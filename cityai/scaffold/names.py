"""Vocabulary of column names: what they say of their content, in five languages."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from cityai.data.conversion import UNSAID
from cityai.data.periods import WEEK


def _read(words: str) -> frozenset[str]:
    return frozenset(words.split())


AREAS: Final = (
    "neigh", "district", "ward", "area", "zone", "barrio", "bairro", "quartier", "arrond",
    "borough", "community", "zip", "postal", "tract", "precinct", "region", "comuna", "dist",
    "program", "site", "station", "facility", "distrito", "account", "bezirk", "stadtteil",
    "shelter", "colonia", "secteur", "setor", "sector", "beat", "division", "plz", "cep",
)  # fmt: skip
_AMOUNTS: Final = _read(
    """count counts total totals tons tonnes tonnen toneladas kg people persons users calls appels
    llamadas chamadas value amount amounts number numbers num anzahl menge cantidad quantidade
    qtd nombre casos cases requests solicitudes visits visitas incidents incidentes evictions
    filings occupancy census volume trips passengers beds patients weight peso importe valor
    montant betrag cost costs usd eur permits complaints reports cnt qty"""
)
_INSIDE: Final = ("tons", "tonnes", "people", "amount", "total", "visits", "calls")
_CODES: Final = _read(
    """id ids key code codes codigo lat latitude latitud lon lng long longitude longitud x y coord
    coords coordinate coordinates easting northing xcoord ycoord zip zipcode postal postcode plz
    cep phone fips geoid tract block bbl bin objectid oid fid uid guid year ano año annee année
    jahr fy version lot parcel ward precinct council district beat"""
)
_RATES: Final = _read(
    """rate rates ratio ratios share shares percent percentage pct proportion per average avg mean
    median index density temperature temp humidity tasa taxa taxas tasas taux promedio media média
    mediana moyenne médiane porcentaje porcentagem percentual pourcentage proporción proporção
    quote anteil durchschnitt mittelwert densidad densidade"""
)
_SUMS_SO_FAR: Final = _read(
    """ytd mtd fytd cum cumul cumulative cumulated running todate acumulado acumulada cumulé
    kumuliert"""
)
_LAST: Final = _read("id ids key code codes no nr num number numero número numéro")
PARTS_OF_DATES: Final = {
    "year": _read("year yr ano año annee année jahr"),
    "month": _read("month mes mês mois monat"),
    WEEK: _read("week wk semana semaine woche kw kalenderwoche"),
    "day": _read("day dia día jour tag"),
}
"""Names of the parts of a date."""
_TIMES: Final = frozenset().union(*PARTS_OF_DATES.values()) | _read(
    "hour weekday quarter stunde hora minute dow hr hrs"
)
_OF_TIMES: Final = _read(
    "mmwr epi iso fiscal school calendar report reported reporting occ occurrence event crash"
)
"""What stands before a part of time."""
_MOMENTS: Final = (
    "date", "time", "created", "opened", "closed", "updated", "moment", "timestamp", "fecha",
    "data", "datum", "zeit", "hora", "received", "day", "period", "stamp", "_at", "_on", "_dt",
)  # fmt: skip
_LATER: Final = (
    "updat", "modif", "edit", "clos", "resol", "complet", "last", "finish", "status", "due",
    "expir", "actual", "cierre", "fecham", "ferm", "end", "extract", "refresh", "export", "loaded",
)  # fmt: skip
_ANSWERED: Final = ("result", "outcome", "dispos", "decision", "decided", "determin", "verdict")
UNITS: Final = _read(
    """kg t to ton tons tonne tonnes tonnen lb lbs g l m3 m³ cy yd3 st stk stück pcs ea m2 m² kwh
    mwh"""
)
"""Units that stand in a column of their own, in lower case."""
_OUTCOMES: Final = (
    "outcome", "found", "recid", "show", "missed", "fail", "violat", "default", "target", "label",
    "critical", "result", "late", "return", "evict", "arrest", "readmi", "fraud", "defect",
    "falta", "faltou", "ausen", "inasist", "absen", "infrac", "incumpl", "irregular", "conform",
    "mangel", "mängel", "verstoß", "verstoss", "dna",
)  # fmt: skip
_WHO: Final = (
    "patient", "person", "client", "licen", "establ", "établ", "account", "subject", "house",
    "address", "kitchen", "customer", "tenant", "building", "parcel", "child", "student", "owner",
    "meter", "mrn", "pacient", "expedient", "prontu", "usuari", "utente", "dossier", "usager",
    "betrieb", "premise", "business", "facilit", "dirección", "direccion", "endere", "adress",
)  # fmt: skip
_SCORES: Final = ("score", "risk", "prob", "decile", "rating", "rank")
_GROUPS: Final = ("sex", "gender", "race", "ethni", "neigh", "disab", "language", "sexo")
_IDS: Final = ("id", "key", "num", "nr", "_no", "uuid", "docket", "ticket")
_OF_PEOPLE: Final = ("birth", "dob", "nacim", "nasc", "naiss", "geburt", "built", "install")
_PLURALS: Final = {
    "bezirk": "bezirke", "stadtteil": "stadtteile", "setor": "setores", "plz": "plz",
}  # fmt: skip
"""Plurals of places that take no s."""
NO_VALUE: Final = (
    (UNSAID - {"none", "nil"})
    | _read("unspecified undetermined inconnu unbekannt desconocido desconhecido")
    | {"sin dato", "sin datos", "sem dados", "sem informação", "non renseigné", "keine angabe"}
)
"""Texts that stand for what nobody wrote or knows; `none` is an answer."""


def _holds(*words: str) -> Callable[[str], bool]:
    """Make the question whether a name holds one of these words."""
    return lambda name: any(word in name.lower() for word in words)


is_moment = _holds(*_MOMENTS)
"""Whether a name is that of a moment."""
is_later = _holds(*_LATER)
"""Whether a moment's name says that it moves, or lies after what happened."""
is_of_people = _holds(*_OF_PEOPLE)
"""Whether a date's name is that of a birth or a building, not of what happened."""
is_of_answer = _holds(*_ANSWERED)
"""Whether a date's name is that of the day on which an outcome was known."""
is_outcome = _holds(*_OUTCOMES)
"""Whether a name is that of what turned out."""
is_who = _holds(*_WHO)
"""Whether a name is that of a person, or of a thing that several cases are about."""
is_score = _holds(*_SCORES)
"""Whether a name is that of a score."""
is_id = _holds(*_IDS)
"""Whether a name is that of what names a row."""


def is_week(name: str) -> bool:
    """Whether a name is that of a week."""
    return any(word in name.lower() for word in (WEEK, "semana", "semaine", "woche")) or bool(
        {*_split(name)} & {"wk", "kw"}
    )


def is_of_portal(name: str) -> bool:
    """Whether an open-data portal made the column for itself: ``:@computed_region_f5dn_yrer``."""
    return name.startswith(":")


def is_area(name: str) -> bool:
    """Whether a name is that of a place."""
    return not is_of_portal(name) and any(word in name.lower() for word in AREAS)


def is_amount(name: str) -> bool:
    """Whether a name is that of an amount."""
    words = _split(name)
    if is_rate(name):
        return False
    if len(words) == 1:
        return words[0] in _AMOUNTS or any(word in words[0] for word in _INSIDE)
    names_one = bool(words) and (words[-1] in _LAST or words[-1].removesuffix("s") in _CODES)
    return bool(words) and not names_one and not _AMOUNTS.isdisjoint(words)


def is_rate(name: str) -> bool:
    """Whether a name is that of a rate, a share or a mean: never added up."""
    return not _RATES.isdisjoint(_split(name))


def is_so_far(name: str) -> bool:
    """Whether a name is that of a running total, such as the sum of the year to date."""
    return not _SUMS_SO_FAR.isdisjoint(_split(name))


def is_code(name: str) -> bool:
    """Whether a name is that of numbers that name something, or lie on a map: never added up."""
    words = _split(name)
    if is_of_portal(name) or (len(words) > 1 and words[-1] in _LAST):
        return True
    return not _CODES.isdisjoint(words) and not is_amount(name)


def is_part_of_time(name: str) -> bool:
    """Whether a name is that of a part of a date, such as its month."""
    words = {*_split(name)} - _OF_TIMES
    return bool(words) and words <= _TIMES


def find_part_of_date(name: str) -> str:
    """Return which part of a date a name is that of: year, month, week, day; empty of others."""
    words = {*_split(name)} - _OF_TIMES
    return next((part for part, of in PARTS_OF_DATES.items() if words and words <= of), "")


def is_group(name: str) -> bool:
    """Whether a word of a name is that of a group of people."""
    words = [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)]
    return "age" in words or any(word.startswith(_GROUPS) for word in words)


def say_words(name: str) -> str:
    """Return a column's name as words: ``police precinct`` for ``PolicePrecinct``."""
    return " ".join(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).replace("_", " ").lower().split())


def pluralize(words: str) -> str:
    """Return several of what words name: ``cities``; ``bezirke`` where they end so in German."""
    head, last = words[: words.rfind(" ") + 1], words.split(" ")[-1]
    for ending, several in _PLURALS.items():
        if last.endswith(ending):
            return head + last.removesuffix(ending) + several
    if last.endswith(("ss", "ch", "sh", "x")):
        return f"{words}es"
    if last.endswith("y") and last[-2:-1] not in {*"aeiou"}:
        return f"{words[:-1]}ies"
    return words if last.endswith("s") else f"{words}s"


def say_count(n: int, one: str) -> str:
    """Count what a word names: ``1 row``, ``2,000 rows``."""
    return f"{n:,} {one if n == 1 else pluralize(one)}"


def _split(name: str) -> list[str]:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return [word for word in re.split(r"[^\w]+|_+|(?<=\D)(?=\d)", spaced.lower()) if word]
