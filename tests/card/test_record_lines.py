"""The record's lines: a part that is short stands on one, written as JSON has it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cityai.card import record as written

PARTS = st.recursive(
    st.text(max_size=9)
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.none()
    | st.booleans(),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=40,
)


def write_part(part: Any) -> str:
    """Write a part, asking of each whether it is short as a whole."""
    line = json.dumps(
        part, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":")
    )
    if len(line) < written.LONG or not isinstance(part, dict | list):
        return line
    if isinstance(part, dict):
        inside = [
            f"{json.dumps(k, ensure_ascii=False)}:{write_part(part[k])}" for k in sorted(part)
        ]
        return "{\n" + ",\n".join(inside) + "\n}"
    return "[\n" + ",\n".join(map(write_part, part)) + "\n]"


@given(PARTS, st.sampled_from([1, 10, 40, 200]))
def test_short_parts_stand_on_a_line(part: Any, long: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(written, "LONG", long)
        lines = written._write_part(part)
        assert lines == write_part(part)
    assert json.loads(lines) == part


@given(PARTS)
def test_canonical_facts_are_what_json_indents(part: Any) -> None:
    indented = json.dumps(part, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
    assert written.dump_facts(part) == indented + "\n"
    assert written.dump_facts({"a": (part,)}) == written.dump_facts({"a": [part]})


def test_canonical_facts_hold_numbers_alone() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        written.dump_facts({"a": [1.0, float("nan")]})
