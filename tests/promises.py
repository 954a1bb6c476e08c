"""What cityai promises, and what the tests observed of it: `make promises` draws the table.

A test that stands for a promise is marked `@pytest.mark.promise(number)` and tells what it observed
through the fixture `observe`. A promise without a test, and a test that observed nothing, fail.
`make promises` tries each as often as the plan of acceptance asks, other runs less (`trials`).
"""

from __future__ import annotations

import os
import platform
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "promises.md"
HOLDS, FAILS, NOT_SEEN = "yes", "**no**", "not seen yet"


def trials(planned: int, fewer: int) -> int:
    """Return how often a check is tried: as planned (`make promises`), or less often (CI)."""
    return planned if os.environ.get("CITYAI_PROMISES") else fewer


HEAD = "| # | check | target | holds | observed | seen |"


@dataclass(frozen=True, slots=True)
class Promise:
    """One row of the table: what is checked, and what must come out."""

    check: str
    target: str


PROMISES = {
    1: Promise("No feature sees the future", "difference 0 in every world drawn"),
    2: Promise("Noise gives nothing", "mean AUC 0.50 within 0.02"),
    3: Promise("Published tables are reproduced", "counts exact, rates to the digits printed"),
    4: Promise("Small cells cannot be recovered from a release", "0 hidden cells recovered"),
    5: Promise("No cell of a city's data in published bytes, logs or MLflow", "0 canaries found"),
    6: Promise("A changed model is refused before it is parsed", "all refused, nothing written"),
    7: Promise("`kill -9` at any moment", "every run resumable, 0 corrupt stores"),
    8: Promise("A fair system is not accused", "flagged in at most 7 of 100"),
    9: Promise("A real gap is found", "found in at least 90 of 100"),
    10: Promise("Undefined is not zero", "every one with its reason"),
    11: Promise(
        "Intervals hold what they say", "at worst 5 points under what is stated, over 200 cities"
    ),
    12: Promise("A changed review record is found", "all found, 0 false alarms"),
    13: Promise("The gate cannot be skipped", "0 publications without sign-off"),
    14: Promise("The same result twice", "identical bytes with 1, 2 and more threads"),
    15: Promise("No script in a card", "0 active nodes, 0 requests"),
    16: Promise("No formula in a CSV file", "0 triggers, numbers unchanged"),
    17: Promise("Several first starts at once", "all finished"),
    18: Promise("Several writers at once", "0 lost values"),
    19: Promise("Figures equal a second implementation", "difference at most 1e-12"),
    20: Promise("Malformed input is told in one message", "all told, earlier results kept"),
    21: Promise("SHAP values add up", "relative error at most 1e-6"),
    22: Promise("Swapped, missing or retyped columns at predict time", "0 silent predictions"),
    23: Promise("A full disk leaves what was there", "old files whole"),
    24: Promise("Bombs are refused", "all refused"),
    25: Promise("Hostile answers make no code", "every project harmless or refused"),
    26: Promise("No false figure on a card", "0 false against a recount from raw data"),
    27: Promise("The worst is told", "chance of `fail` never falls as the gap grows"),
    28: Promise("More data never tells less", "expected margin never rises"),
    29: Promise("A city's own code sees no future", "every way found or made impossible"),
    30: Promise("Cards of two weeks together", "0 counts under the threshold follow"),
    31: Promise("A table is understood or asked about", "0 silently wrong"),
    32: Promise("Large data stay within memory", "at most 1.5 million rows for training, 8 GB"),
    33: Promise("Every change of a card's stages is found", "200 of 200"),
}
"""By number, as in the plan of acceptance."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run of the tests says of a promise."""

    holds: str
    observed: str
    seen: str


def read_outcomes(page: str) -> dict[int, Outcome]:
    """Read what stands on the page: rows that a run does not reach keep their day."""
    rows = re.findall(r"^\| (\d+) \|.*\| ([^|]*) \| ([^|]*) \| ([^|]*) \|$", page, re.M)
    return {int(number): Outcome(*rest) for number, *rest in rows}


def sum_up(reports: Iterable[tuple[int, bool, tuple[str, ...]]]) -> dict[int, Outcome]:
    """Sum up tests' reports: the promise's number, whether the test passed, what it observed."""
    held: dict[int, bool] = {}
    observed: dict[int, Counter[str]] = {}
    for number, passed, said in reports:
        held[number] = held.get(number, True) and passed
        observed.setdefault(number, Counter()).update(said)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    seen = f"{date.today():%Y-%m-%d}, {platform.machine()}, {cores} cores"  # noqa: DTZ011
    return {
        number: Outcome(
            HOLDS if held[number] else FAILS,
            "; ".join(text if n == 1 else f"{text} ({n} times)" for text, n in said.items())
            or "nothing",
            seen,
        )
        for number, said in observed.items()
    }


def write_page(outcomes: Mapping[int, Outcome]) -> str:
    """Write the page: every promise has its row."""
    rows = []
    for number, promise in PROMISES.items():
        found = outcomes.get(number, Outcome(NOT_SEEN, "", ""))
        told = (promise.check, promise.target, found.holds, found.observed, found.seen)
        rows.append(f"| {number} | {' | '.join(text.replace('|', '/') for text in told)} |")
    return "\n".join(
        (
            "# What is promised, and what was observed",
            "",
            "`make promises` runs the tests that stand for these checks, prints this table and",
            "writes this page. Each is tried as often as the plan of acceptance asks, which takes",
            "hours; `make test` and `make long` run the same tests and try them less often.",
            "A promise that does not hold says so, with what was observed. Rows that a run did not",
            "reach keep the day on which they were seen.",
            "",
            HEAD,
            "| --- | --- | --- | --- | --- | --- |",
            *rows,
            "",
        )
    )
