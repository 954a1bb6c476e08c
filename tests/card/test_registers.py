"""Registers: what a schema accepts, what a dictionary asks for, and what is missing."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from pathlib import Path

import pytest
from jsonschema import Draft7Validator
from referencing import Registry, Resource

from cityai.card.record import CardRecord, seal_record
from cityai.card.registers import REGISTERS, find_register
from cityai.card.registers.omb import COLUMNS, fill_columns
from cityai.card.spreadsheet import guard_cell, write_csv
from cityai.errors import UserError

ROOT = Path(__file__).parents[2]
HELPERS = ("spdx.schema.json", "jsf-0.82.schema.json")
ANSWERS = {
    "is_withheld": "No",
    "topic_area": "Service Delivery",
    "have_ato": "No",
    "demographic_features": "None of the above",
    "has_custom_code": "Yes",
}


@pytest.fixture(scope="session")
def standards() -> Path:
    folder = Path(os.environ.get("CITYAI_STANDARDS") or ROOT / ".." / "shared" / "standards")
    if not folder.is_dir():
        pytest.skip("no schemas of registers: set CITYAI_STANDARDS to the folder that holds them")
    return folder.resolve()


@pytest.fixture(scope="session")
def validator(standards: Path) -> Draft7Validator:
    folder = standards / "cyclonedx"
    schemas = [json.loads((folder / name).read_text()) for name in HELPERS]
    registry = Registry().with_resources(
        [
            (s.get("$id", n), Resource.from_contents(s))
            for n, s in zip(HELPERS, schemas, strict=True)
        ]
    )
    main = json.loads((folder / "bom-1.6.schema.json").read_text())
    return Draft7Validator(main, registry=registry)


def edit(record: CardRecord, **parts) -> CardRecord:
    """Replace fields, named ``part__field``."""
    facts = record.model_dump(mode="json")
    for path, value in parts.items():
        *steps, last = path.split("__")
        node = facts
        for step in steps:
            node = node[step]
        node[last] = value
    return seal_record(CardRecord.model_validate(facts))


def fill(record: CardRecord, **more) -> CardRecord:
    """Return a card in which everything that OMB and the law ask for is answered."""
    full = edit(
        record,
        owner__unit="Bureau of Sanitation",
        owner__third_parties={"not_applicable": "Made in the office."},
        system__benefits="Fewer bags on the street.",
        system__first_use="2026-03",
        decision__use_of_output="The planner sets shifts by it.",
        registers={"omb": dict(ANSWERS)},
        legal__risk_class=[
            {"scheme": "OMB", "level": "Not High-impact", "reason": "No right is touched.",
             "date": "2026-01-01"}
        ],
    )  # fmt: skip
    facts = full.model_dump(mode="json")
    facts["data"][0].update(
        source="The Department's scales",
        collection="Weighed at the gate",
        personal_data="none",
        licence="CC0",
        owner_role="Data owner",
    )
    record = CardRecord.model_validate(facts)
    return edit(record, **more)


def read_bom(record: CardRecord) -> dict:
    (text,) = find_register("cyclonedx").write(record).files.values()
    return json.loads(text)


def test_the_bill_of_materials_validates(city, validator):
    for record in (city.record, fill(city.record)):
        errors = [e.message for e in validator.iter_errors(read_bom(record))]
        assert errors == []


@pytest.mark.parametrize("path", ["components.0.modelCard.extra", "components.0.kind", "more"])
def test_the_schema_would_tell(path, city, validator):
    bom = read_bom(city.record)
    *steps, last = path.split(".")
    node = bom
    for step in steps:
        node = node[int(step) if step.isdigit() else step]
    node[last] = "x"
    assert not validator.is_valid(bom)


def test_every_published_figure_is_in_the_bill(city):
    card = read_bom(city.record)["components"][0]["modelCard"]
    metrics = card["quantitativeAnalysis"]["performanceMetrics"]
    values = {(m["type"], m["slice"]): m["value"] for m in metrics}
    assert len(values) == len(metrics)
    for result in city.record.fairness.results:
        if result.value is not None:
            written = values[result.metric, f"{result.dimension}={result.group}"]
            assert float(written) == result.value
    whole = next(m for m in city.record.eval.metrics if m.slice == {"model": "forecast"})
    assert float(values[whole.metric, "model=forecast"]) == whole.value
    with_interval = [m for m in metrics if "confidenceInterval" in m]
    assert {"lowerBound", "upperBound"} == set(with_interval[0]["confidenceInterval"])
    assert any("slice" in m and "income=" in m["slice"] for m in with_interval)
    assert "fairnessAssessments" in card["considerations"]


def test_nothing_suppressed_leaves(draft_city):
    city = draft_city(suppressed={("income", "lowest")}, reuse=True)
    text = json.dumps(read_bom(city.record)["components"][0]["modelCard"]["quantitativeAnalysis"])
    assert "income=lowest" not in text.replace("reference=lowest", "")


def test_the_same_card_gives_the_same_bytes(city):
    for register in REGISTERS.values():
        assert register.write(city.record) == register.write(city.record)


def test_columns_and_selections_are_the_dictionarys(standards):
    path = standards / "omb-ai-inventory-2025" / "data_dictionary.json"
    dictionary = json.loads(path.read_text())
    assert [c.name for c in COLUMNS] == list(dictionary)
    for column in COLUMNS:
        entry = dictionary[column.name]
        asked = entry.get("valid_selections") or []
        short = entry.get("short_hand_recodings") or {s: re.sub(r"^\w\) ", "", s) for s in asked}
        assert set(column.selections) == set(short.values()), column.name
        assert column.several == (entry["data_type"] == "select_multiple")


CONDITIONS = [
    ("Required: Yes, for pre-deployment", {"Pre-deployment", "Pilot", "Deployed"}, None),
    ("Required: Yes, for pilot and deployed", {"Pilot", "Deployed"}, None),
    ("Required: Yes, only for high-impact deployed", {"Deployed"}, "High-impact"),
    ("Required: No", set(), None),
]
"""How the dictionary says when a column is required: stages, and the level of impact."""


def test_conditions_are_the_dictionarys(standards):
    path = standards / "omb-ai-inventory-2025" / "data_dictionary.json"
    dictionary = json.loads(path.read_text())
    levels = ("High-impact", "Presumed High-Impact, but Not High-impact", "Not High-impact")
    seen = 0
    for column in COLUMNS:
        said = dictionary[column.name]["instructions"]
        rule = next((c for c in CONDITIONS if c[0] in said), None)
        if rule is None and not said.endswith("Required: Yes"):
            assert "question should only appear if" in said
            continue
        seen += 1
        for stage in ("Pre-deployment", "Pilot", "Deployed", "Retired"):
            for level in levels:
                row = {"development_stage": stage, "is_high_impact": level,
                       "contracting_usage": "", "have_ato": ""}  # fmt: skip
                wanted = rule is None or (stage in rule[1] and rule[2] in (None, level))
                assert column.asked(row) == wanted, (column.name, stage, level)
    assert seen == 31


def test_an_answered_card_is_complete(city):
    export = find_register("inventory").write(fill(city.record))
    assert export.complete, [f for f in export.fields if f.state in {"missing", "invalid"}]
    federal, law = (list(csv.reader(io.StringIO(t, newline=""))) for t in export.files.values())
    assert federal[0] == [c.name for c in COLUMNS]
    row = dict(zip(*federal, strict=True))
    assert (row["development_stage"], row["has_pii"]) == ("Pilot", "No")
    assert row["contracting_usage"] == "In-house Development"
    assert row["vendor_name"] == ""
    assert [name.split("_")[0] for name in law[0]] == [
        "tool", "purpose", "data", "use", "vendor", "first",
    ]  # fmt: skip
    assert all(law[1])


@pytest.mark.parametrize(
    ("changes", "column", "state"),
    [
        ({"system__phase": None}, "development_stage", "missing"),
        ({"system__benefits": None}, "benefits", "missing"),
        ({"system__benefits": None, "system__phase": "retired"}, "benefits", "empty"),
        ({"system__first_use": None}, "operational_date", "missing"),
        ({"system__first_use": None, "system__phase": "design"}, "operational_date", "empty"),
        ({"owner__third_parties": None}, "contracting_usage", "missing"),
        ({"registers": {"omb": ANSWERS | {"topic_area": "Parks"}}}, "topic_area", "invalid"),
        ({"registers": {"omb": ANSWERS | {"topic": "IT"}}}, "topic", "invalid"),
        ({"registers": {"omb": ANSWERS | {"have_ato": "Yes"}}}, "system_name_ato", "missing"),
        ({"registers": {"omb": ANSWERS | {"contracting_usage": "Vendor Purchased"}}},
         "vendor_name", "missing"),
        ({"registers": {"omb": ANSWERS | {"vendor_name": "X"}}}, "vendor_name", "invalid"),
    ],
)  # fmt: skip
def test_what_is_missing_or_wrong_is_named(changes, column, state, city):
    fields = {f.name: f for f in fill_columns(fill(city.record, **changes))}
    assert fields[column].state == state


def test_high_impact_in_use_asks_for_every_practice(city):
    risk = [{"scheme": "OMB", "level": "High-impact", "reason": "x", "date": "2026-01-01"}]
    record = fill(city.record, legal__risk_class=risk, system__phase="operational")
    missing = {f.name for f in fill_columns(record) if f.state == "missing"}
    assert missing == {c.name for c in COLUMNS if c.name.startswith("hi_")} - (
        {"hi_potential_impacts"} if record.fairness.harms_benefits else set()
    )


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "|cmd",
        " =1",
        '"=1',
        "'=1",
        "\u00a0=1",
        "＝1",
    ],
)
def test_no_cell_is_a_formula(text):
    assert guard_cell(text).startswith("'")
    ((cell,),) = list(csv.reader(io.StringIO(write_csv(["a"], [[text]]), newline="")))[1:]
    assert cell.startswith("'")


def test_plain_cells_stay_as_they_are():
    rows = [["a, b", 'say "x"', "two\nlines", "é", ""]]
    read = list(csv.reader(io.StringIO(write_csv(["1", "2", "3", "4", "5"], rows), newline="")))
    assert read[1:] == rows


def test_an_unknown_register_is_refused():
    with pytest.raises(UserError, match="cyclonedx or inventory"):
        find_register("cyclondx")
