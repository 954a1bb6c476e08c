"""Every promise has a test that can fail and that says what it observed."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.conftest import list_promised
from tests.promises import (
    FAILS,
    HOLDS,
    NOT_SEEN,
    PAGE,
    PROMISES,
    Outcome,
    read_outcomes,
    sum_up,
    write_page,
)

pytest_plugins = ["pytester"]

TESTS = sorted(Path(__file__).parent.rglob("test_*.py"))


def find_marked() -> list[tuple[str, int, bool]]:
    """Return each marked test, its promise, and whether it is given `observe`."""
    found = []
    for path in TESTS:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            for mark in (m for d in getattr(node, "decorator_list", ()) for m in ast.walk(d)):
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.promise":
                    given = "observe" in [a.arg for a in (*node.args.args, *node.args.kwonlyargs)]
                    found.append(
                        (f"{path.name}::{node.name}", ast.literal_eval(mark.args[0]), given)
                    )
    return found


def test_every_promise_has_a_test_that_says_what_it_observed():
    marked = find_marked()
    assert {number for _, number, _ in marked} == set(PROMISES)
    assert [name for name, _, given in marked if not given] == []


def test_the_page_has_every_promise_as_it_is_declared():
    page = PAGE.read_text("utf-8")
    assert write_page(read_outcomes(page)) == page
    for number, outcome in read_outcomes(page).items():
        assert outcome.holds in (HOLDS, FAILS, NOT_SEEN), number
        assert bool(outcome.seen) == (outcome.holds != NOT_SEEN), number


def test_one_failure_is_told_and_other_rows_keep_their_day():
    found = sum_up(
        [(4, True, ("0 of 9",)), (4, True, ("0 of 9",)), (9, True, ()), (9, False, ("x",))]
    )
    assert (found[4].holds, found[4].observed) == (HOLDS, "0 of 9 (2 times)")
    assert (found[9].holds, found[9].observed) == (FAILS, "x")
    before = {7: Outcome(HOLDS, "20 kills", "2026-01-01, x86_64, 2 cores")}
    assert read_outcomes(write_page({**before, **found}))[7] == before[7]
    assert NOT_SEEN in write_page(found).splitlines()[-1]


def test_a_test_that_observes_nothing_fails(pytester: pytest.Pytester):
    root = Path(__file__).parents[1]
    pytester.makeini("[pytest]\nmarkers = promise(number): x\n    slow: x\n    long: x\n")
    pytester.makeconftest(
        f"import sys\nsys.path.insert(0, {str(root)!r})\n"
        "from tests.conftest import observe, pytest_runtest_call\n"
    )
    pytester.makepyfile(
        "import pytest\n"
        "@pytest.mark.promise(1)\ndef test_told(observe):\n    observe('0')\n"
        "@pytest.mark.promise(2)\ndef test_silent(observe):\n    pass\n"
        "@pytest.mark.promise(99)\ndef test_undeclared(observe):\n    observe('0')\n"
        "@pytest.mark.promise(3)\n@pytest.mark.xfail(strict=True, reason='no')\n"
        "def test_broken(observe):\n    observe('3 wrong')\n    assert False\n"
    )
    ran = pytester.inline_run("-p", "no:xdist", "-p", "no:randomly")
    ran.assertoutcome(passed=1, skipped=1, failed=2)
    reports = [r for r in ran.getreports("pytest_runtest_logreport") if r.when == "call"]
    told = list_promised({"passed": [r for r in reports if r.passed], "xfailed": reports[3:]})
    assert list(told) == [(1, True, ("0",)), (3, False, ("3 wrong",))]
