"""The record: strict, sealed, complete, and honest about what is missing."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import jsonschema
import pandas as pd
import pytest
from pydantic import BaseModel, ValidationError

from cityai.card.draft.gaps import QUESTIONS, list_gaps
from cityai.card.draft.places import HIDDEN
from cityai.card.draft.values import hide_number
from cityai.card.pages import make_pages
from cityai.card.record import (
    CardRecord,
    digest_facts,
    digest_record,
    dump_facts,
    is_written_so,
    read_back,
    seal_record,
    write_canonical,
    write_lines,
)
from cityai.card.verify import check_digest
from cityai.config.words import NotApplicable, WordsSpec
from cityai.findings import Status
from cityai.i18n.messages import say_n
from tests.card.conftest import draft_forecast, make_backtest


def walk_words(model: BaseModel, path: str = ""):
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, BaseModel) and not isinstance(value, NotApplicable):
            yield from walk_words(value, f"{path}{name}.")
        elif value is None:
            yield f"{path}{name}"


def test_every_human_field_has_a_question():
    assert set(walk_words(WordsSpec())) == set(QUESTIONS)


def test_an_empty_card_lists_every_gap_and_the_required_ones_first():
    gaps = list_gaps(WordsSpec())
    assert len(gaps) == len(QUESTIONS)
    required = [gap.required for gap in gaps]
    assert required == sorted(required, reverse=True)
    assert sum(required) == sum(needed for _, needed in QUESTIONS.values())


def test_answers_and_not_applicable_are_no_gaps(city):
    paths = {gap.path for gap in city.record.gaps}
    assert paths == set(walk_words(city.spec.words))
    assert "system.name" not in paths
    assert "system.retired" not in paths
    assert "oversight.override" in paths


def test_the_json_round_trips_and_is_written_one_way(city):
    text = write_lines(city.record)
    facts = json.loads(text)
    assert CardRecord.model_validate_json(text) == city.record
    assert is_written_so(text.encode(), facts)
    assert max(map(len, text.splitlines())) < 3_000
    indented = write_canonical(city.record)
    assert indented == json.dumps(facts, sort_keys=True, indent=2, ensure_ascii=False) + "\n"
    assert len(text) < 0.75 * len(indented)
    # Cards that were published indented verify as before; any other form is another file.
    assert is_written_so(indented.encode(), facts)
    assert not is_written_so(json.dumps(facts, sort_keys=True).encode(), facts)
    assert not is_written_so(text.replace("pass", "fail", 1).encode(), facts)


def test_a_record_whose_places_stay_is_the_one_that_is_read(city):
    """Also their words, in each language: why there is no figure, no interval, no forecast."""
    first, second, *others = city.record.eval.places
    few = say_n("{n:,} period is too few.", "{n:,} periods are too few.", 3)
    told = (
        first.model_copy(update={"figures": tuple(map(hide_number, first.figures))}),
        second.model_copy(
            update={
                "figures": tuple(n.model_copy(update={"reason": few}) for n in second.figures),
                "forecast": HIDDEN,
            }
        ),
        *others,
    )
    part = city.record.eval.model_copy(update={"places": told})
    record = seal_record(city.record.model_copy(update={"eval": part}))
    read = CardRecord.model_validate_json(write_lines(record))
    assert read_back(record) == read == record
    pages, again = make_pages(record), make_pages(read)
    assert len(pages.html) > 1
    assert (pages.html, pages.markdown) == (again.html, again.markdown)


def test_what_is_nothing_is_left_out_and_cards_that_said_it_verify(city):
    assert ":null" not in write_lines(city.record)
    facts = city.record.model_dump(mode="json")
    facts["record"]["content_digest"] = digest_facts(facts)
    text = dump_facts(facts)
    assert ": null" in text
    record = CardRecord.model_validate_json(text)
    assert check_digest(record, text.encode()).status == Status.PASS
    assert check_digest(record, text.replace("pass", "fail", 1).encode()).status == Status.FAIL
    numbers = text.replace(": null", ": NaN", 1)
    assert check_digest(record, numbers.encode()).status == Status.FAIL


def test_the_seal_is_the_content(city):
    assert city.record.record.content_digest == digest_record(city.record)
    head = city.record.record.model_copy(update={"title": "another"})
    assert digest_record(city.record.model_copy(update={"record": head})) != digest_record(
        city.record
    )


def test_a_record_that_was_just_sealed_is_written_as_any_other(city):
    """Its facts are kept from the sealing; those of an equal record are listed anew."""
    head = city.record.record.model_copy(update={"title": "another"})
    sealed = seal_record(city.record.model_copy(update={"record": head}))
    assert write_lines(sealed) == write_lines(sealed.model_copy())
    assert write_lines(city.record) != write_lines(sealed)


def test_unknown_keys_are_refused(city):
    facts = json.loads(write_lines(city.record))
    facts["eval"]["extra"] = 1
    with pytest.raises(ValidationError, match="extra"):
        CardRecord.model_validate(facts)


def test_the_schema_is_valid_and_holds_for_the_record(city):
    schema = CardRecord.model_json_schema(mode="serialization")
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(write_lines(city.record)), schema)


def test_the_same_run_gives_the_same_bytes(city, draft_city):
    assert write_canonical(draft_city().record) == write_canonical(city.record)


def find_numbers(facts):
    if isinstance(facts, dict):
        if "metric" in facts and "value" in facts:
            yield facts
        for value in facts.values():
            yield from find_numbers(value)
    elif isinstance(facts, list):
        for value in facts:
            yield from find_numbers(value)


def test_every_figure_says_where_it_comes_from_and_is_rounded(city):
    numbers = list(find_numbers(city.record.model_dump(mode="json")))
    assert len(numbers) > 300
    for number in numbers:
        assert number["source"]
        assert number["unit"]
        if number["value"] is None:
            continue
        if number["unit"] in {"share", "ratio"}:
            assert number["value"] == round(number["value"], 3)
        else:
            assert number["value"] == float(f"{number['value']:.4g}")
        if (
            number["unit"] == "share"
            and number.get("n", 0)
            and number["n"] < 200
            and number["metric"] == "coverage"
        ):
            assert number["value"] == round(number["value"], 2)


def test_replays_that_the_data_hold_are_counted_and_said(city):
    told = "The data reach back far enough for 3 more replays; they were not used."
    assert city.record.eval.more_folds == 3
    assert list(city.record.eval.design).count(told) == 1
    given = (city.facts, city.spec, city.predictions, city.evaluation, city.audit)
    backtest = make_backtest(city.predictions)
    backtest.folds = replace(backtest.folds, more=0)
    card = draft_forecast(*given, backtest=backtest)
    assert card.eval.more_folds == 0
    assert [s for s in city.record.eval.design if s != told] == list(card.eval.design)
    assert draft_forecast(*given).eval.more_folds is None


def test_suppressed_groups_are_nowhere(draft_city):
    record = draft_city(suppressed={("income", "upper middle")}).record
    for result in record.fairness.results:
        if (result.dimension, result.group) == ("income", "upper middle"):
            assert result.status == "suppressed"
            for name in (
                "value",
                "low",
                "high",
                "reference_value",
                "gap",
                "gap_low",
                "gap_high",
                "n",
            ):
                assert getattr(result, name) is None
    assert not any(n.slice.get("income") == "upper middle" for n in record.fairness.by_fold)
    assert not any(d.group == "upper middle" for d in record.model.explanation.by_group)
    shares = {
        g.name: g.data_share
        for d in record.fairness.dimensions
        if d.name == "income"
        for g in d.groups
    }
    assert shares["upper middle"] is None


def test_undefined_is_nothing_with_a_reason(city):
    table = city.predictions.table
    assert table["scale"].isna().any()
    for number in city.record.eval.metrics:
        assert number.value is None or math.isfinite(number.value)
        assert number.value is not None or number.reason


def test_practice_is_the_city_rule_else_the_best_baseline(city):
    overall = {
        n.slice["model"]: n.value
        for n in city.record.eval.metrics
        if n.metric == "wape" and len(n.slice) == 1 and n.slice["model"].startswith("baseline.")
    }
    assert overall[f"baseline.{city.record.eval.practice}"] == min(overall.values())


def test_rows_are_counted_in_and_out(city):
    data = city.record.data[0]
    assert data.rows_read == data.rows_accepted + data.rows_rejected + data.rows_out_of_scope
    assert data.last == pd.Timestamp("2024-12-31").date()
