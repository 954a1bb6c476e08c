"""Verification: agrees with an honest card, names what was changed in another."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cityai.card.figures import draw_figures
from cityai.card.record import JSON, CardRecord, seal_record, write_lines
from cityai.card.render.markdown import render_markdown
from cityai.card.render.page import render_html
from cityai.card.verify import check_claims, check_digest, check_pages, read_bytes, read_record
from cityai.card.verify.places import list_place_claims
from cityai.card.verify.recount import list_claims
from cityai.errors import DataError
from cityai.findings import Status


def check(card, city):
    """Check a record, or the folder of a card: its digest, its pages and its figures."""
    if isinstance(card, CardRecord):
        found = [check_digest(card)]
    else:
        content = read_bytes(card / JSON)
        files, card = {p.name: read_bytes(p) for p in card.glob("card.*")}, read_record(content)
        found = [check_digest(card, content), check_pages(files, card)]
    claims = [
        *list_claims(card, city.predictions, city.memberships),
        *list_place_claims(card, city.outlook, city.memberships, city.facts.entities),
    ]
    return {f.code: f for f in (*found, check_claims(claims))}


def edit(record: CardRecord, path: str, value) -> CardRecord:
    """Set one value of the record's JSON, and seal it again as a forger would."""
    facts = record.model_dump(mode="json")
    node = facts
    *steps, last = [int(s) if s.isdigit() else s for s in path.split(".")]
    for step in steps:
        node = node[step]
    node[last] = value
    return seal_record(CardRecord.model_validate(facts))


def test_an_honest_card_verifies(city):
    found = check(city.record, city)
    assert found["card.digest"].status is Status.PASS
    assert found["card.figures"].status is Status.PASS
    claims = list(list_claims(city.record, city.predictions, city.memberships))
    assert len(claims) > 500
    assert {c.path.split("[")[0] for c in claims} == {
        "eval.metrics", "eval.places", "eval.series", "eval.worth.ways", "fairness.results",
        "fairness.by_fold",
    }  # fmt: skip


@pytest.mark.parametrize(
    "path",
    [
        "eval.metrics.0.value",
        "eval.metrics.0.n",
        "eval.metrics.40.value",
        "eval.places.3.figures.0.value",
        "eval.places.3.forecast.value",
        "eval.places.4.forecast.low",
        "eval.places.5.forecast.high",
        "eval.places.3.residents",
        "eval.places.3.groups.1.share",
        "eval.series.2.actual",
        "eval.series.5.practice",
        "fairness.results.0.value",
        "fairness.results.2.gap",
        "fairness.results.7.reference_value",
        "fairness.by_fold.11.value",
    ],
)
def test_one_changed_figure_is_named(path, city):
    node = city.record.model_dump(mode="json")
    for step in path.split("."):
        node = node[int(step) if step.isdigit() else step]
    forged = edit(city.record, path, node * 1.1 + 0.02 if isinstance(node, float) else node + 3)
    finding = check(forged, city)["card.figures"]
    assert finding.status is Status.FAIL
    dotted = path.split(".")
    assert finding.subject.startswith(f"{dotted[0]}.{dotted[1]}[{dotted[2]}]")
    assert str(finding.limit) in finding.reason


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("eval.metrics.0.metric", "luck"),
        ("eval.metrics.0.metric", "error_against_oracle"),
        ("eval.metrics.0.metric", "precision"),
        ("fairness.results.2.metric", "exposure_for_need"),
        ("eval.metrics.0.slice.model", "baseline.oracle"),
        ("eval.metrics.0.slice.city", "elsewhere"),
        ("eval.places.3.figures.0.slice.model", "baseline.oracle"),
        ("fairness.results.2.metric", "luck"),
        ("fairness.results.2.dimension", "nowhere"),
        ("fairness.results.2.group", "nobody"),
        ("fairness.results.2.reference", "nobody"),
        ("fairness.by_fold.11.metric", "luck"),
        ("fairness.by_fold.11.slice", {"nowhere": "nobody", "fold": "1"}),
        ("fairness.by_fold.11.slice", {}),
        ("eval.practice", "oracle"),
        ("eval.places.3.groups.0.group", "nobody"),
        ("eval.places.3.groups.0.dimension", "nowhere"),
        ("eval.next_period", "2031-01-01"),
    ],
)
def test_a_forged_name_is_a_failed_claim_that_says_why(path, name, city):
    """No card, whatever it says, ends the recount in an error."""
    finding = check(edit(city.record, path, name), city)["card.figures"]
    assert finding.status is Status.FAIL
    why = ("no metric is called so", "know no such", "predictions give nothing")
    assert any(told in finding.reason for told in why)


def test_a_changed_file_is_found_without_predictions(city, tmp_path):
    text = write_lines(city.record).replace("Refuse by district", "Refuse by District")
    (tmp_path / "card.json").write_text(text)
    finding = check(tmp_path, city)["card.digest"]
    assert finding.status is Status.FAIL


def test_pages_must_carry_the_records_digest(city, tmp_path):
    (tmp_path / "card.json").write_text(write_lines(city.record))
    assert check(tmp_path, city)["card.pages"].status is Status.NOT_APPLICABLE
    (tmp_path / "card.html").write_text(render_html(city.record))
    (tmp_path / "card.md").write_text(render_markdown(city.record))
    assert all(f.status is Status.PASS for f in check(tmp_path, city).values())
    (tmp_path / "card.html").write_text(render_html(edit(city.record, "record.title", "Another")))
    assert check(tmp_path, city)["card.pages"].subject == "card.html"


def test_changed_predictions_are_found(city):
    from dataclasses import replace

    table = city.predictions.table.assign(y_pred=city.predictions.table["y_pred"] * 1.02)
    other = replace(city.predictions, table=table)
    claims = list_claims(city.record, other, city.memberships)
    assert check_claims(claims).status is Status.FAIL


def test_missing_scale_is_left_out_not_counted_as_zero(city):
    table = city.predictions.table
    known = table[table["scale"].notna()]
    mase = np.mean(np.abs(known["y_pred"] - known["y_true"]) / known["scale"])
    printed = next(
        n
        for n in city.record.eval.metrics
        if n.metric == "mase" and n.slice == {"model": "forecast"}
    )
    assert math.isclose(printed.value, mase, abs_tol=5e-3)
    assert printed.n == len(known)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"record": 1}'])
def test_what_is_no_card_is_refused_plainly(text):
    with pytest.raises(DataError, match="expected: a card"):
        read_record(text)


def test_a_missing_file_is_refused_plainly(tmp_path, city):
    with pytest.raises(DataError, match="cannot be read"):
        check(tmp_path, city)


def test_pictures_hold_no_figure_that_the_record_does_not(city):
    """A picture's table is written from the record alone."""
    again = CardRecord.model_validate_json(write_lines(city.record))
    assert [f.table for f in draw_figures(again)] == [f.table for f in draw_figures(city.record)]
