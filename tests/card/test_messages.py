"""A published card says its sentences as English text, and apart from them how they are made."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cityai.card.record import CardRecord, write_lines
from cityai.card.record.messages import join_messages, part_messages
from cityai.card.verify import read_record
from cityai.errors import DataError
from cityai.i18n.messages import write
from cityai.i18n.stored import list_plain

WEEKS = {"id": "{n} week", "several": "{n} weeks", "arguments": {"n:,": 3}}
SPAN = {"id": "in {span}: {what}", "arguments": {"span": WEEKS, "what": "3 weeks"}, "case": "upper"}
DAYS = {"id": "{0}", "arguments": {"0:%d %B": ["2026-01-01", "2026-01-08"]}}
MESSAGES = st.sampled_from([
    {**WEEKS, "text": "3 weeks"},
    {**SPAN, "text": "In 3 weeks: 3 weeks"},
    {**DAYS, "text": "1 to 8 January"},
    {"id": "{n}", "arguments": {"n:.1f": 10}, "text": "10.0"},
    {"id": "{n}", "arguments": {"n:.1f": 10.0}, "text": "10.0"},
    {"id": "Three weeks", "text": "3 weeks"},
])  # fmt: skip
FACTS = st.recursive(
    st.one_of(MESSAGES, st.sampled_from(["3 weeks", "10.0", "x"]), st.integers(), st.none()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from("abc"), FACTS))
def test_every_message_comes_back_and_nothing_else_becomes_one(facts: dict) -> None:
    published = json.loads(json.dumps(part_messages(facts)))
    again = join_messages(published)
    assert json.dumps(again, sort_keys=True) == json.dumps(facts, sort_keys=True)


def test_sentences_are_texts_and_a_template_stands_once(city) -> None:
    facts = json.loads(write_lines(city.record))
    told = facts.pop("messages")
    assert list_plain(facts) == facts
    assert facts["findings"][0]["reason"] == str(city.record.findings[0].reason)
    forms = [json.dumps(template) for template in told["templates"]]
    assert len(set(forms)) == len(forms) > 50
    assert len(told["texts"]) > 100


def test_every_message_of_a_card_is_read_as_it_was(city) -> None:
    again = read_record(write_lines(city.record))
    assert again.messages is None
    assert again.model_dump(mode="json") == city.record.model_dump(mode="json")


@pytest.mark.parametrize(
    "told",
    [
        {"templates": [], "texts": {"No.": [0]}},
        {"templates": [{"id": "No."}], "texts": {"No.": [-1]}},
        {"templates": [{"id": "No."}], "texts": {"No.": [0, {"a": [7]}]}},
        {"templates": [{"id": "No."}], "texts": {"No.": ["0"]}},
        {"templates": [{"id": "No."}], "texts": {"No.": []}},
        {"templates": [{"form": "No."}], "texts": {}},
        {"templates": 7, "texts": {}},
        7,
    ],
)
def test_what_is_no_catalogue_is_a_plain_error(told, city) -> None:
    facts = json.loads(write_lines(city.record)) | {"messages": told}
    with pytest.raises(DataError, match="message") as caught:
        read_record(json.dumps(facts))
    assert str(caught.value).count("\n") == 2  # what is expected, and the next step
    with pytest.raises(ValueError, match="message"):
        CardRecord.model_validate(facts)


@pytest.mark.parametrize(
    ("value", "form", "said"),
    [
        (1474.0, ".3g", "1470"),
        (28213.0, ",.3g", "28,200"),
        (-1474.0, "−+,.3g", "−1,470"),
        (1.2e-15, ".1g", "1e-15"),
        (12.34, ",.3g", "12.3"),
    ],
)
def test_a_large_number_of_few_digits_has_no_exponent(value, form, said):
    assert write(value, form) == said
