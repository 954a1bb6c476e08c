from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cityai.config.yaml import MAX_BYTES, read_yaml
from cityai.errors import SpecError


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str | bytes) -> Path:
        path = tmp_path / "x.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_scalars_are_those_of_yaml_1_2(write):
    document = read_yaml(
        write(
            "country: NO\nclock: 12:30\nday: 2020-01-02\nyes: on\nversion: '3.10'\nn: ~\nt: true\n"
        )
    )
    assert document.content == {
        "country": "NO",
        "clock": "12:30",
        "day": date(2020, 1, 2),
        "yes": "on",
        "version": "3.10",
        "n": None,
        "t": True,
    }


@pytest.mark.promise(24)
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("zip: 02134\n", "begins with a zero"),
        ("a: 1\nb: 2\na: 3\n", "already given on line 1"),
        ("a: &x 1\nb: *x\n", "aliases are not read"),
        ("a: [1\n", "is not valid YAML"),
        ("a:\n\t- b\n", ":2:1: a tab stands where(?s:.*)two spaces"),
        ("a: 1\nb: \x1b[31m\n", ":2: is not valid YAML(?s:.*)next: "),
        ("- a\n", "does not hold keys"),
        ("", "is empty"),
        ("a: !!python/object:os.system x\n", "is not read"),
        ("? [a]\n: b\n", "a key is not a text"),
        (b"a: \xff\xfe\n", "is not UTF-8"),
        (b"a: " + b"x" * MAX_BYTES, "bytes"),
        ("[" * 200 + "]" * 200, "nested deeper(?s:.*)expected: (?s:.*)next: "),
        ("x: " + "[" * 800, ":1:33: nested deeper"),
        ("x: " + "[" * 100_000, ":1:33: nested deeper"),
        ("x: " + "{a: " * 5_000, "nested deeper"),
        ("- " * 5_000, "nested deeper"),
        ("a: 1\nx: !!int abc\n", ":2:4: the tag"),
        ("x: !!float abc\n", ":1:4: the tag"),
        ("x: !!bool maybe\n", ":1:4: the tag"),
        ("x: !!str 1\n", ":1:4: the tag"),
        ("x: !!seq [a]\n", ":1:4: the tag"),
        ("a: 1\nx: " + "7" * 5_000, ":2:1: a number of 5,000 characters"),
        ("x: 0x" + "f" * 5_000, ":1:1: a number of"),
        ("x: 1." + "0" * 5_000, ":1:1: a number of"),
        ("a: 1\nreview_due: 2027-06-31\n", ":2:1: there is no day 2027-06-31"),
        ("x: 2027-13-01\n", ":1:1: there is no day"),
        ("x: [2027-02-29]\n", ":1:5: there is no day"),
        ("a: 1\nx: first: second\n", r":2:9: (?s:.)*put quotes around"),
    ],
)
def test_refuses_with_the_place(observe, write, text, says):
    path = write(text)
    with pytest.raises(SpecError, match=says) as caught:
        read_yaml(path)
    assert str(path) in str(caught.value)
    observe("YAML refused with its place")


def test_every_value_knows_its_line(write):
    document = read_yaml(write("a:\n  b:\n    - 1\n    - 2\n"))
    assert document.locate(("a", "b", 1)).endswith(":4:7")
    assert document.locate(("a", "nothing")).endswith(":1:1")


def test_missing_file_says_what_to_do(tmp_path):
    with pytest.raises(SpecError, match="no such file"):
        read_yaml(tmp_path / "absent.yaml")


@pytest.mark.slow
@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("yaml") / "x.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        content = read_yaml(path).content
    except SpecError as error:
        where = error.where
    else:
        assert isinstance(content, dict)
        where = str(path)
    assert str(path) in where


@pytest.mark.parametrize("kind", ["pipe", "folder"])
def test_what_is_no_file_is_not_waited_for(tmp_path, kind):
    path = tmp_path / "x.yaml"
    os.mkfifo(path) if kind == "pipe" else path.mkdir()
    with pytest.raises(SpecError, match=r"no file(?s:.*)next: "):
        read_yaml(path)
