"""Each planted fault is really on its card, and the untouched card shows none of them."""

from __future__ import annotations

import pytest

from cityai.drill.faults import FAULTS, Fault
from tests.drill.conftest import Made, Make

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def untouched(make_card: Make) -> Made:
    return make_card(None)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_what_gives_a_fault_away_is_on_its_card_and_on_no_other(
    make_card: Make, untouched: Made, fault: Fault
) -> None:
    record, standing, _ = make_card(fault.plant, is_leak=fault.name == "leak")
    page = untouched[2].place.folder / "card.html"
    assert "approved until" in page.read_text("utf-8")
    assert fault.shows(record, standing)
    others = [f.name for f in FAULTS if f is not fault and f.shows(record, standing)]
    assert others == []
    assert not fault.shows(untouched[0], untouched[1])
