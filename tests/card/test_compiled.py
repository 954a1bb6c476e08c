"""What is made of a file of the package is kept beside it, and never outlives the file."""

import os
import sys

import pytest
from jinja2 import Environment

from cityai.card.render.loader import OPTIONS, TemplateLoader
from cityai.i18n.catalogue import DOMAIN, FORMER, LOCALES, _list_messages, open_messages
from cityai.i18n.compiled import keep_compiled


@pytest.fixture
def counted(tmp_path, monkeypatch):
    """A file, and a function that reads it anew only where it must."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    path, made = tmp_path / "words.po", []
    path.write_text("one")

    def ask(maker="maker"):
        return keep_compiled(path, maker, lambda: made.append(1) or {"read": path.read_text()})

    return path, made, ask


def _age(path, seconds):
    told = path.stat()
    os.utime(path, ns=(told.st_atime_ns, told.st_mtime_ns - seconds * 10**9))


def test_a_file_is_read_once(counted):
    _, made, ask = counted
    assert ask() == ask() == {"read": "one"}
    assert len(made) == 1


def test_another_file_or_another_maker_is_read_anew(counted):
    path, made, ask = counted
    ask()
    path.write_text("two")  # as long as before
    _age(path, 5)
    assert ask() == {"read": "two"}
    assert ask("another") == {"read": "two"}
    assert len(made) == 3


@pytest.mark.parametrize("damage", [b"", b"x", b"\xe3" * 40, b"N", b"i\x01\x00\x00\x00"])
def test_a_damaged_one_is_made_again(counted, damage):
    path, _, ask = counted
    ask()
    (kept,) = path.parent.joinpath("__pycache__").iterdir()
    kept.write_bytes(damage)
    assert ask() == {"read": "one"}


def test_a_folder_that_cannot_be_written_is_no_error(counted):
    path, made, ask = counted
    path.parent.joinpath("__pycache__").write_text("no folder")
    assert ask() == ask() == {"read": "one"}
    assert len(made) == 2


def test_nothing_is_written_where_python_writes_nothing(counted, monkeypatch):
    path, _, ask = counted
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    ask()
    assert list(path.parent.iterdir()) == [path]


def test_a_template_is_another_when_its_file_or_an_option_is(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    path = tmp_path / "page.html.j2"
    path.write_text("{{ x }}")

    def write(**options):
        environment = Environment(loader=TemplateLoader([tmp_path]), **options)
        return environment.get_template(path.name).render(x="<")

    assert set(OPTIONS) <= vars(Environment()).keys()
    assert [write(), write(), write(autoescape=True)] == ["<", "<", "&lt;"]
    path.write_text("{{ x}}{{x }}")
    assert write() == "<<"


def test_a_catalogue_that_is_kept_says_what_its_file_says():
    for language in LOCALES.keys() - {"en"}:
        assert open_messages(language).forms == _list_messages(language, FORMER) | _list_messages(
            language, DOMAIN
        )
