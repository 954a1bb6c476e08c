"""Cards of given predictions: verified from the file, or not at all."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from cityai.card.figures import draw_figures
from cityai.card.record import CardRecord, seal_record
from cityai.card.verify import read_record
from cityai.findings import Status
from cityai.pipeline.external_audit import audit_given
from cityai.pipeline.places import find_place
from cityai.pipeline.verify import read_drafted, reread, verify_published
from tests.speech import check_card


def make_answers(n: int = 900) -> pd.DataFrame:
    rng = np.random.default_rng(8)
    score = rng.random(n).round(3)
    return pd.DataFrame(
        {
            "y": np.where(rng.random(n) < 0.1, "", (rng.random(n) < score).astype(int).astype(str)),
            "score": score,
            "d": (score > 0.5).astype(int),
            "group": rng.choice(["a", "b", "c"], n),
        }
    )


def make_tons() -> pd.DataFrame:
    rng = np.random.default_rng(9)
    days = pd.date_range("2024-01-01", periods=12, freq="MS").strftime("%Y-%m-%d")
    rows = [(f"D{d}", day) for day in days for d in range(6)]
    table = pd.DataFrame(rows, columns=["district", "made"])
    table["y"] = rng.poisson(200, len(table))
    table["forecast"] = rng.poisson(200, len(table))
    table["before"] = rng.poisson(180, len(table))
    return table


@pytest.fixture(params=["answers", "amounts"])
def audited(request, order, tmp_path, own_store, answers_text, amounts_text):
    answers = request.param == "answers"
    text = answers_text if answers else amounts_text + "  limits: {wape: 0.1, bias: 0.05}\n"
    given = tmp_path / "given.csv"
    (make_answers() if answers else make_tons()).to_csv(given, index=False)
    loaded = order(text)
    audit_given(loaded, given)
    return loaded, given


def test_an_honest_card_verifies_and_a_changed_file_does_not(audited):
    loaded, given = audited
    for path in (loaded.path, loaded.workspace / "model_cards" / loaded.spec.name):
        found = {f.code: f for f in verify_published(path)}
        assert found.pop("card.earlier").status is Status.NOT_APPLICABLE
        assert {f.status for f in found.values()} == {Status.PASS}, found
    counted = int(re.match(r"[\d,]+", found["card.figures"].reason)[0].replace(",", ""))
    assert counted > 50
    honest = given.read_bytes()
    given.write_bytes(honest.replace(b"1", b"2", 1))
    found = {f.code: f for f in verify_published(loaded.path)}
    assert found["card.predictions"].status is Status.ERROR
    assert "not those that were audited" in found["card.predictions"].reason
    given.unlink()
    found = {f.code: f for f in verify_published(loaded.path)}
    assert "no longer there" in found["card.predictions"].reason


def test_every_sentence_of_the_card_is_found_in_every_language(audited):
    loaded, _ = audited
    record = read_record(find_place(loaded.path).json.read_text("utf-8"))
    check_card(record, draw_figures(record))


def test_every_kind_of_recounted_figure_is_held(audited):
    loaded, _ = audited
    place = find_place(loaded.path)
    record = read_record(place.json.read_bytes())
    drafted = read_drafted(place, record)
    again = reread(drafted, place, record)
    claims = again.recount(record)
    assert all(claim.holds for claim in claims)
    kinds: dict[str, str] = {}
    for claim in claims:
        if claim.printed is not None:
            kinds.setdefault(re.sub(r"\d+", "#", claim.path), claim.path)
    assert len(kinds) >= 6
    for path in kinds.values():
        facts = record.model_dump(mode="json")
        node, keys = facts, re.findall(r"\w+", path)
        for key in keys[:-1]:
            node = node[int(key)] if key.isdigit() else node[key]
        old = node[keys[-1]]
        node[keys[-1]] = old + 1 if isinstance(old, int) else old + 0.01
        forged = seal_record(CardRecord.model_validate(facts))
        first = next(c for c in again.recount(forged) if not c.holds)
        assert first.path == path
