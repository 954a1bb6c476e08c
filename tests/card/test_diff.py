"""Two cards side by side: what changed is told, and noise is told apart from it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from cityai.card.diff import add_changes, compare_cards
from cityai.card.diff.figures import _judge_paired, have_same_rows, judge_apart
from cityai.card.record import CardRecord, digest_record, seal_record, write_lines
from cityai.card.render.page import render_html


def edit(record: CardRecord, change) -> CardRecord:
    facts = record.model_dump(mode="json")
    change(facts)
    return seal_record(CardRecord.model_validate(facts))


def test_the_same_card_has_no_changes(city):
    changes = compare_cards(city.record, city.record)
    assert changes.items == ()
    assert changes.same_rows
    assert changes.in_words == ("Nothing that the card says has changed.",)


def test_cards_of_two_systems_are_told_apart(city):
    other = edit(city.record, lambda facts: facts["record"].update(id="another"))
    first = compare_cards(city.record, other).in_words[0]
    assert first.startswith(f"These are cards of two systems, '{city.record.record.id}' and 'ano")


def test_of_long_lists_only_what_differs_is_told(city):
    def drop_first(facts):
        del facts["model"]["inputs"][0]

    first = city.record.model.inputs[0].name
    (told,) = compare_cards(city.record, edit(city.record, drop_first)).items
    assert told.sentence == f"Inputs: no longer there (it was '{first}')."


def test_content_is_told_where_both_cards_took_it_of_the_same(city):
    def take(own, whole):
        def change(facts):
            facts["data"][0]["sha256"], facts["provenance"]["data_digest"] = own * 64, whole * 64

        return edit(city.record, change)

    def tell(before, after):
        return [item.path for item in compare_cards(before, after).items]

    path = f"data {city.record.data[0].name} sha256"
    assert tell(take("a", "b"), take("c", "d")) == [path]
    assert tell(take("a", "b"), take("a", "d")) == ["provenance.data_digest"]
    assert tell(take("a", "a"), take("c", "c")) == [path]
    assert tell(take("a", "a"), take("c", "d")) == []


def shift_wape(size: float, noise: float):
    def change(facts):
        rng = np.random.default_rng(3)
        for m in facts["eval"]["metrics"]:
            if m["metric"] == "wape" and m["slice"]["model"] == "forecast":
                step = rng.normal(0, noise) if "fold" in m["slice"] else 0.0
                m["value"] = round(m["value"] + size + step, 4)

    return change


@pytest.mark.parametrize(
    ("size", "noise", "weight"),
    [(0.02, 0.001, "beyond chance"), (0.002, 0.02, "may be chance")],
)
def test_a_paired_change_is_told_from_noise(size, noise, weight, city):
    after = edit(city.record, shift_wape(size, noise))
    changes = compare_cards(city.record, after)
    (own,) = [c for c in changes.items if c.subject == "Average error"]
    assert changes.same_rows
    assert (own.weight, own.basis) == (weight, "paired by replay")
    assert own.change_low < own.value_after - own.value_before < own.change_high
    assert own.before.rstrip("%") in own.sentence


def test_the_paired_interval_is_students():
    before = {str(i): v for i, v in enumerate([0.1, 0.2, 0.15, 0.3, 0.25, 0.12, 0.18])}
    moved = np.array([0.01, 0.03, -0.02, 0.04, 0.02, 0.01, 0.0])
    after = {k: v + m for (k, v), m in zip(before.items(), moved, strict=True)}
    found = _judge_paired(float(moved.mean()), before, after, 0.9)
    low, high = stats.ttest_1samp(moved, 0).confidence_interval(0.9)
    assert found.low == pytest.approx(low, abs=1e-4)
    assert found.high == pytest.approx(high, abs=1e-4)


def test_few_replays_tell_nothing():
    few = {"1": 0.1, "2": 0.2, "3": 0.3}
    assert _judge_paired(0.5, few, {k: v + 0.5 for k, v in few.items()}, 0.9).weight == (
        "cannot be told"
    )


def test_chance_is_rarely_taken_for_a_change():
    """Of cards that differ by noise alone, about one in ten is told apart at 90 %."""
    rng = np.random.default_rng(12)
    wrong = 0
    for _ in range(400):
        before = {str(i): float(v) for i, v in enumerate(rng.normal(0.2, 0.05, 9))}
        after = {k: v + float(rng.normal(0, 0.02)) for k, v in before.items()}
        change = float(np.mean([after[k] - before[k] for k in before]))
        wrong += _judge_paired(change, before, after, 0.9).weight == "beyond chance"
    assert 20 <= wrong <= 62  # binomial(400, 0.1), six sigma at the top


def test_other_rows_are_judged_by_intervals_that_overlap_or_do_not(city):
    def later(facts):
        shift_wape(0.02, 0.0)(facts)
        facts["eval"]["series"][0]["actual"] += 50

    after = edit(city.record, later)
    assert not have_same_rows(city.record, after)
    changes = compare_cards(city.record, after)
    (own,) = [c for c in changes.items if c.subject == "Average error"]
    assert own.basis in {"simultaneous intervals", "no interval"}
    assert own.change_low is None
    assert "different rows" in changes.note
    assert judge_apart((0.1, 0.2), (0.19, 0.3)).weight == "may be chance"
    assert judge_apart((0.1, 0.2), (0.21, 0.3)).weight == "beyond chance"
    assert judge_apart((0.1, None), (0.21, 0.3)).weight == "cannot be told"


def test_every_other_kind_of_change_is_listed(city):
    def change(facts):
        result = next(r for r in facts["fairness"]["results"] if r.get("limit") is not None)
        result["status"] = "fail" if result["status"] != "fail" else "pass"
        facts["findings"][0]["status"] = "error"
        facts["gaps"] = facts["gaps"][1:]
        facts["data"][0]["rows_accepted"] += 7
        facts["model"]["parameters"]["depth"] = "9"
        facts["provenance"]["versions"]["lightgbm"] = "5.0.0"
        facts["fairness"]["limits"]["wape"] = 0.42
        facts["oversight"]["appeal"] = "Write to us."

    changes = compare_cards(city.record, edit(city.record, change))
    kinds = {c.kind for c in changes.items}
    assert kinds >= {"finding", "gap", "data", "model", "specification", "words"}
    said = " ".join(c.sentence for c in changes.items)
    assert "'Call 311.' before, 'Write to us.' now" in said
    assert "Answered:" in said
    assert "'4.7.0' before, '5.0.0' now" in said
    back = compare_cards(edit(city.record, change), city.record)
    assert any(c.sentence.startswith("Open again:") for c in back.items)
    assert len(back.items) == len(changes.items)


def test_a_check_is_told_by_its_title_whatever_it_is_about_now(city):
    def about(subject, status):
        def change(told):
            told["findings"][0] |= {"subject": subject, "status": status}

        return edit(city.record, change)

    changes = compare_cards(about("", "pass"), about("recent_mean", "not enough evidence"))
    (told,) = [item for item in changes.items if item.path.startswith("findings")]
    assert "recent_mean" not in told.sentence
    assert told.sentence.endswith("Passed before, Not enough evidence now.")


def test_changes_are_part_of_the_sealed_record(city):
    earlier = write_lines(city.record)
    after = add_changes(edit(city.record, shift_wape(0.02, 0.001)), earlier)
    assert after.changes.content_digest == city.record.record.content_digest
    assert after.record.content_digest == digest_record(after)
    assert add_changes(after, earlier) == after
    page = render_html(after)
    assert all(c.sentence[:20] in page for c in after.changes.items)
    assert add_changes(after, "").changes is None
    assert "This is the first card." in render_html(city.record)


@pytest.mark.parametrize(
    "text",
    ["{", "[]", "{}", '{"record": 1, "provenance": {"run_digest": "x"}}',
     '{"record": {"schema_version": "0.9"}, "provenance": {"run_digest": "x"}}'],
)  # fmt: skip
def test_an_earlier_card_of_another_kind_is_not_compared(text, city):
    changes = add_changes(city.record, text).changes
    assert changes.items == ()
    assert "cannot be compared" in changes.note


IMPACT = {
    "name": "visits",
    "question": "Do visits help?",
    "label": "a violation later",
    "better": "lower",
    "design": "lottery",
    "unit": "share",
    "smallest": -0.05,
    "who_decides": "Head",
    "sealed_on": "2023-11-20",
    "seal": "a" * 64,
    "starts": "2023-11-27",
    "ends": "2023-12-25",
    "mature": "2024-02-01",
    "others": 0,
    "found": None,
    "in_words": [],
}
EFFECT = {"value": -0.2, "low": -0.3, "high": -0.1, "n": 120}
FOUND = {
    "analysed_on": "2024-02-05",
    "same_code": True,
    "weeks": 4,
    "word": "worth it",
    "direction": "helps",
    "more_weeks": None,
    "effect": EFFECT,
    "treated": EFFECT,
    "groups": [],
    "followed": [],
    "looked": [],
    "digest": "b" * 64,
}


def test_what_an_evaluation_found_is_told_beside_the_word(city):
    def put(**changes):
        def change(facts):
            facts["impacts"] = [IMPACT | changes]

        return edit(city.record, change)

    def tell(before, after):
        return {
            i.path.removeprefix("impacts visits "): i for i in compare_cards(before, after).items
        }

    assert set(tell(city.record, put())) == {"found.word", "seal", "smallest", "starts", "others"}
    found = compare_cards(put(), put(found=FOUND))
    (word, effect) = found.items
    assert word.sentence == (
        "“Do visits help?”, what was found: announced, known from 1 February 2024 on before, "
        "worth it now."
    )
    assert found.in_words == (word.sentence, "Other changes: 2 facts of an evaluation.")
    assert effect.after == "−20 points (−30 to −10 points)"
    harm = FOUND | {"direction": "harmful", "word": "not worth it", "uneven": True}
    (worse,) = tell(put(found=FOUND), put(found=harm)).values()
    assert worse.after == "it does harm, but more outcomes of one side are missing"
    (sealed,) = tell(put(), put(seal="c" * 64)).values()
    assert (sealed.subject, "cccccccccccc" in sealed.after) == ("“Do visits help?”, plan", True)
    (dropped,) = [i for p, i in tell(put(), city.record).items() if p == "seal"]
    assert "no longer there" in dropped.sentence
