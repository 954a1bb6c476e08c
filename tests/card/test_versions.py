"""Which version of a table was read stands on the card, and in MLflow's dataset."""

from __future__ import annotations

import json
from types import SimpleNamespace

from cityai.card.draft.data import _describe_version, _list_versions
from cityai.records.events import list_versions
from cityai.track.results import describe_dataset

READ = [
    ("data", "Delta", "12", "2026-03-01T04:05:06.700000+00:00"),
    ("weather", "Iceberg", "995650198140863241", ""),
]


def test_a_version_and_its_time_are_said():
    parts = _list_versions(list_versions(READ))
    first, second = map(str, map(_describe_version, parts))
    assert "data" in first
    assert "(Delta): version 12, written at 2026-03-01 04:05 UTC" in first
    assert second.endswith("(Iceberg): version 995650198140863241 was read.")
    assert _list_versions(list_versions()) == ()


def test_a_version_is_told_with_the_dataset():
    parts = _list_versions(list_versions(READ))
    card = SimpleNamespace(
        data=[SimpleNamespace(versions=parts), SimpleNamespace(versions=None)],
        provenance=SimpleNamespace(data_digest="d" * 64),
    )
    spec = SimpleNamespace(name="requests", contract={})
    told = describe_dataset(SimpleNamespace(card=card, spec=spec, rows=3)).dataset
    tags = json.loads(told.source)["tags"]
    assert tags["version.data"] == "Delta 12, 2026-03-01T04:05:06Z"
    assert tags["version.weather"] == "Iceberg 995650198140863241"
