"""Made-up tables of every kind: understood or asked about, and counted as a person counts."""

from __future__ import annotations

import re

import numpy as np
import pytest

from cityai.config.city import CitySpec
from cityai.errors import DataError
from cityai.scaffold.look import look_at_table
from cityai.scaffold.proposal import Overrides
from tests.scaffold.conftest import ANSWERS
from tests.scaffold.made_tables import MADE

CITY = CitySpec.model_validate(ANSWERS.describe_city())


def find_total(proposal):
    """Return the amount that the look tells, counted by the reading that a run uses."""
    told = {asked: chosen for asked, chosen, _ in proposal.choices}
    return float(told["total"].split()[0].replace(",", ""))


@pytest.mark.promise(31)
@pytest.mark.parametrize("name", sorted(MADE))
def test_a_table_is_understood_or_asked_about(observe, tmp_path, name):
    made = MADE[name]
    observe("asked about" if made.asked else "understood")
    path = tmp_path / "t.csv"
    path.write_bytes(made.text.encode(made.encoding))
    if made.asked:
        # What is refused for good is refused with the answer too.
        refused = Overrides(**made.wishes) if np.isnan(made.total) else Overrides()
        with pytest.raises(DataError) as caught:
            look_at_table(path, refused, CITY)
        assert re.search(made.asked, str(caught.value)), caught.value
        if np.isnan(made.total):
            return
    proposal = look_at_table(path, Overrides(**made.wishes), CITY)
    question, data = proposal.spec["question"], proposal.spec["data"]
    entity = question["entity"]["columns"]
    assert (data["time"], question.get("value", ""), question["period"]) == (
        made.time, made.amount, made.period,
    )  # fmt: skip
    assert entity == ([made.place] if made.place else [])
    told = proposal.tell()
    assert made.told in told
    total = find_total(proposal)
    assert total == pytest.approx(made.total, abs=0.01)
