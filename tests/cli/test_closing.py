"""The closing words of a run hold what matters in fourteen lines of any terminal."""

from __future__ import annotations

import io
import re
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from cityai.card.record import CardRecord
from cityai.card.verify import read_record
from cityai.card.words import PAIR
from cityai.cli import console
from cityai.cli.closing import LINES, close_audit, close_run, fit, wrap

PUBLISHED = sorted((Path(__file__).parents[2] / "model_cards").glob("*/card.json"))
LONG = "Straße 東京 of the \x1b[2Jinhabitants " * 9
HIDDEN = pd.DataFrame([{"dimension": "d", "groups": [LONG], "counted_with": [LONG]}])
NO_CAUSES = pd.DataFrame(columns=["dimension", "group", "cause"])


@pytest.fixture(scope="module")
def records() -> dict[str, CardRecord]:
    return {path.parent.name: read_record(path.read_text("utf-8")) for path in PUBLISHED}


def make_result(card: CardRecord, title: str, *, hidden: bool = False) -> SimpleNamespace:
    spec = SimpleNamespace(title=title, city=SimpleNamespace(name="Port Ellery", synthetic=True))
    return SimpleNamespace(
        project=SimpleNamespace(spec=spec, folder=Path("/w/projects/p")),
        audit=SimpleNamespace(causes=NO_CAUSES, dimensions=HIDDEN if hidden else HIDDEN[:0]),
        card=card,
        seconds={"snapshot": 3.2, "the rest": 60.7},
        card_path=Path("/w/model_cards/p/card.html"),
        mlflow_run_id="0123456789abcdef" * 2,
    )


def test_the_readme_shows_the_end_of_the_published_cards_run(records):
    """Its figures were once those of a card of before."""
    readme = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    shown = readme.partition("$ cityai run projects/sample_requests\n\n")[2].partition("```")[0]
    card = records["sample_requests"]
    done = make_result(card, "Requests to the street depots, by neighbourhood and week")
    [hidden] = re.findall(r"^Not shown  1: origin=(.*) for the sake of origin=(.*)$", shown, re.M)
    done.audit.dimensions = pd.DataFrame(
        [{"dimension": "origin", "groups": [hidden[0]], "counted_with": [hidden[1]]}]
    )
    own = ("─┘", "Not shown", "file:///", "│ Requests")  # of the run itself, not in its record
    lines = [str(line).rstrip() for line in close_run(done, Path("/w"), 80)]
    kept = [line for line in shown.splitlines() if not any(mark in line for mark in own)]
    assert len(kept) > 9
    assert kept == [line for line in lines if not any(mark in line for mark in own)]


def make_audited(card: CardRecord, title: str) -> SimpleNamespace:
    done = make_result(card, title, hidden=True)
    done.predictions = pd.DataFrame({"y_true": [1.0, None]})
    done.quality = SimpleNamespace(counts=SimpleNamespace(read=3, accepted=2, rejected=1))
    done.project.file = Path("/w/audits/audit.yaml")
    return done


def name_long(record: CardRecord) -> CardRecord:
    """Make every name and sentence of a card too long for any line."""
    assert record.verdict is not None
    said = dict.fromkeys(("because", "works", "not_for_whom", "unknown"), LONG)
    verdict = record.verdict.model_copy(update=said)
    dimensions = [
        d.model_copy(update={"label": d.label + LONG}) for d in record.fairness.dimensions
    ]
    results = [
        r.model_copy(update={"group": r.group + LONG, "reference": LONG})
        for r in record.fairness.results
    ]
    groups = {"dimensions": tuple(dimensions), "results": tuple(results)}
    fairness = record.fairness.model_copy(update=groups)
    return record.model_copy(update={"verdict": verdict, "fairness": fairness})


def test_fourteen_lines_hold_any_card(records: dict[str, CardRecord]) -> None:
    assert len(records) > 8
    for name, record in records.items():
        wide = close_run(make_result(record, name), Path("/w"), 80)
        longest, audited = (
            make_result(name_long(record), LONG, hidden=True),
            make_audited(record, LONG),
        )
        narrow = close_run(longest, Path("/w"), 40), close_audit(audited, Path("/w"), 40)
        for lines, width in (
            (wide, 80),
            (close_run(longest, Path("/w"), 80), 80),
            *((n, 40) for n in narrow),
        ):
            assert len(lines) <= LINES == 14
            assert max(line.cell_len for line in lines) <= width
            assert "\x1b" not in "".join(line.plain for line in lines)
            assert lines[-1].plain == "file:///w/model_cards/p/card.html"


def test_every_dimension_has_a_line_with_its_worst_group_and_gap(
    records: dict[str, CardRecord],
) -> None:
    for name, record in records.items():
        lines = [line.plain for line in close_run(make_result(record, name), Path("/w"), 80)]
        told = [line for line in lines if re.match(r"[✓✕?–!] (\w| )+  ", line)]
        alone = [d for d in record.fairness.dimensions if PAIR not in d.name]
        assert len(told) == len(alone) > 1
        assert all(re.search(r"[+−±]\d[^:]*: \w", line) for line in told)
    lines = [
        line.plain for line in close_run(make_result(records["sample_requests"], "x"), Path(), 80)
    ]
    [worst] = [line for line in lines if "lowest third: more than forecast" in line]
    assert re.match(r"✕ beyond   Income .* \+1[78] points  lowest", worst)
    assert lines.index(worst) < min(i for i, line in enumerate(lines) if line.startswith("✓"))


def test_the_path_of_the_card_is_never_cut(records: dict[str, CardRecord]) -> None:
    done = make_result(records["evictions"], "x")
    done.card_path = Path("/w") / ("long" * 30) / "card.html"
    last = close_run(done, Path("/w"), 80)[-1]
    assert last.plain == f"{'long' * 30}/card.html"
    assert done.card_path.as_uri() in str(last.style)


def test_colour_is_for_terminals_alone(
    records: dict[str, CardRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = close_run(make_result(records["sample_requests"], "x"), Path("/w"), 80)

    def show(terminal: bool) -> str:
        made = Console
        out = io.StringIO()
        monkeypatch.setattr(
            "rich.console.Console",
            lambda **more: made(file=out, force_terminal=terminal, **more),
        )
        console.show_lines(lines)
        monkeypatch.setattr("rich.console.Console", made)
        return out.getvalue()

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    plain = show(terminal=False)
    assert "\x1b" not in plain
    coloured = show(terminal=True)
    assert "\x1b[1;37;41m ✕ NOT READY \x1b[0m" in coloured
    assert "\x1b[31m✕\x1b[0m beyond" in coloured
    assert "\x1b]8;" in coloured
    monkeypatch.setenv("NO_COLOR", "1")
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]", show(terminal=True))


def test_what_a_terminal_obeys_or_lacks_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    for encoding, written in (
        ("utf-8", "\\x1b[2J✓ Straße −3 points\n"),
        ("ascii", "\\x1b[2Jv Stra?e -3 points\n"),
    ):
        out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        monkeypatch.setattr("sys.stdout", out)
        console.show_lines([Text("\x1b[2J✓ Straße −3 points")])
        out.flush()
        assert out.buffer.getvalue().decode(encoding) == written


def test_texts_are_cut_at_words() -> None:
    assert fit("one two three", 13) == "one two three"
    assert fit("one two three", 12) == "one two …"
    assert fit("one two three", 9) == "one two …"
    assert fit("a" * 30, 10) == "a" * 8 + " …"
    assert cell_len(fit("東京" * 9, 11)) <= 11
    assert wrap("one two three four", 9, 2) == ["one two", "three …"]
    assert wrap("one two", 9, 2) == ["one two"]
    assert wrap("one", 9, 0) == []


def test_a_cell_that_is_not_shown_is_named_with_its_test_period(
    records: dict[str, CardRecord],
) -> None:
    done = make_result(records["sample_inspections"], "x")
    cells = {"dimension": "overall by fold", "group": "3:overall", "cause": "income by fold=3:low"}
    done.audit.causes = pd.DataFrame([cells])
    said = "\n".join(line.plain for line in close_run(done, Path("/w"), 200))
    assert "1: overall, test period 4=overall for the sake of income, test period 4=low" in said
