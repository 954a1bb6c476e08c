"""Tripwires of the kit: each fault is planted, and its check is seen to fire."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pandas as pd
import pytest

from cityai import kinds
from cityai.assessment import audit
from cityai.data import time_checks
from cityai.errors import UserError
from cityai.findings import Finding, Status
from cityai.pipeline import known, run
from cityai.scaffold.project import create_project
from cityai.scaffold.workspace import create_workspace
from cityai.testing import LIMITS, check_project, check_workspace
from tests.conftest import PROJECT
from tests.scaffold.conftest import ANSWERS

SEX = "audit: {dimensions: {sex: {label: Sex, attribute: topic, protected: true}}}\n"
ATTRIBUTES = PROJECT.replace(
    "    area: district\n", "    area: district\n    attributes: [topic]\n"
)


def make_table(**changes: list) -> pd.DataFrame:
    rows = {"fold": [1, 1], "entity_id": ["a", "b"], "step": [1, 1], "y_pred": [1.0, 2.0]}
    return pd.DataFrame(rows | changes)


def make_kind(
    again: pd.DataFrame, leak: Status = Status.FAIL, parts: tuple[float, float] = (1.0, 1.0)
) -> SimpleNamespace:
    """A kind of question that takes no time: its faults are those that it is given."""
    audited = pd.DataFrame(
        [("overall", "overall", 2.0), ("income", "low", parts[0]), ("income", "high", parts[1])],
        columns=["dimension", "group", "n"],
    )
    dimensions = pd.DataFrame({"dimension": ["income"]})
    told = Finding("time.leak", leak, "Leaks", "A reason.")
    good = Finding("time.shuffle", Status.PASS, "Shuffle", "A reason.")
    return SimpleNamespace(
        build_problem=lambda source: None,
        backtest=lambda source, asked: make_backtest(again),
        audited=SimpleNamespace(table=audited, dimensions=dimensions),
        find_rows=lambda source, asked: SimpleNamespace(good=good, told=told),
    )


def make_backtest(table: pd.DataFrame, features: tuple[str, ...] = ("lag_1",)) -> SimpleNamespace:
    return SimpleNamespace(
        predictions=SimpleNamespace(table=table), fitted=SimpleNamespace(feature_names=features)
    )


@pytest.fixture
def plant(monkeypatch) -> Callable[..., None]:
    """Put a kind in place of demand, and what a run of it would have predicted."""

    def put(
        table: pd.DataFrame | None = None,
        again: pd.DataFrame | None = None,
        features: tuple[str, ...] = ("lag_1",),
        **faults,
    ) -> None:
        first = make_table() if table is None else table
        kind = make_kind(first if again is None else again, **faults)
        monkeypatch.setitem(kinds.KINDS, "demand", lambda project: kind)
        monkeypatch.setattr(audit, "audit_predictions", lambda *given: kind.audited)
        monkeypatch.setattr(run, "read_and_check", lambda run: ())
        monkeypatch.setattr(run, "final_backtest", lambda run: make_backtest(first, features))
        monkeypatch.setattr(time_checks, "check_permuted", lambda rows, seed: rows.good)
        monkeypatch.setattr(time_checks, "check_planted", lambda rows: rows.told)
        monkeypatch.setattr(known, "snapshot", lambda run: None)
        for name in ("problem", "memberships", "find_mitigation"):
            monkeypatch.setattr(run, name, lambda run: None)

    return put


def expect_failure(folder, said: str) -> None:
    with pytest.raises(AssertionError) as failure:
        check_project(folder)
    text = str(failure.value)
    assert "1 failed" in text
    assert said in text, text
    assert LIMITS in text


def test_a_good_project_passes_and_the_limits_are_printed(plant, make_workspace):
    plant()
    checkup = check_project(make_workspace())
    assert not checkup.failed
    assert LIMITS in str(checkup)
    by_code = {finding.code: finding.status for finding in checkup.findings}
    assert by_code["kit.leak"] is Status.PASS
    assert by_code["kit.card"] is Status.NOT_ENOUGH


def test_fewer_folds_are_replayed_when_asked(plant, make_workspace, monkeypatch):
    plant()
    kind, seen = kinds.KINDS["demand"], []
    note = lambda project: seen.append(project.spec.backtest.folds) or kind(project)  # noqa: E731
    monkeypatch.setitem(kinds.KINDS, "demand", note)
    folder = make_workspace()
    for folds, replayed in ((None, 7), (3, 3)):
        seen.clear()
        assert not check_project(folder, folds=folds).failed
        assert set(seen) == {replayed}


@pytest.mark.parametrize("column", ["entity_id", "case_id"])
def test_predictions_that_occur_twice(plant, make_workspace, column):
    plant(make_table(**{column: ["a", "a"]}))
    expect_failure(make_workspace(), "1 predictions occur twice")


def test_a_seed_that_does_not_hold(plant, make_workspace):
    plant(again=make_table(y_pred=[1.0, 2.0 + 1e-12]))
    expect_failure(make_workspace(), "the same seed differ")


def test_a_leak_that_is_not_found(plant, make_workspace):
    plant(leak=Status.PASS)
    expect_failure(make_workspace(), "It was not")


def test_groups_that_lose_somebody(plant, make_workspace):
    plant(parts=(1.0, 0.5))
    expect_failure(make_workspace(), "'income' hold 1.500 of 2 rows")


@pytest.mark.parametrize("name", ["topic", "attribute.topic"])
def test_a_protected_attribute_without_a_reason(plant, make_workspace, name):
    written = ATTRIBUTES[: ATTRIBUTES.index("audit:")] + SEX
    plant(features=("lag_1", name))
    expect_failure(make_workspace(written), "topic is audited")
    reason = written + f"features: {{sensitive: {{{name}: the law asks for it}}}}\n"
    assert not check_project(make_workspace(reason)).failed


def test_answers_are_due_before_a_pilot(plant, make_workspace):
    folder = make_workspace()
    plant()
    (folder / "card.yaml").write_text("system: {phase: development}\n")
    assert not check_project(folder).failed
    (folder / "card.yaml").write_text("system: {phase: pilot}\n")
    expect_failure(folder, "required answers are missing (pilot)")


def test_a_feature_that_reads_a_file_when_it_is_loaded(make_workspace):
    """The file may hold the future: the door is shut while features.py is read."""
    folder = make_workspace(PROJECT + "features: {own: [peek]}\n")
    (folder / "features.py").write_text(
        "import pandas as pd\n\n"
        "from pathlib import Path\n\n"
        'LATER = Path(__file__).with_name("data.csv").read_text()\n\n\n'
        "def peek(history):\n"
        "    return history.values.iloc[-1] * 0 + len(LATER)\n"
    )
    with pytest.raises(UserError, match=r"features\.py opens"):
        check_project(folder)


@pytest.mark.slow
def test_the_small_city_keeps_its_promises(make_workspace):
    codes = {finding.code for finding in check_project(make_workspace()).findings}
    assert codes >= {
        "time.truncation", "time.shuffle", "time.folds", "kit.repeat",
        "kit.card",
    }  # fmt: skip


def test_a_workspace_is_read_whole(tmp_path):
    folder = create_workspace(tmp_path / "city", ANSWERS).folder
    assert check_workspace(folder) == ()
    create_project(folder, "mine", "housing")
    assert check_workspace(folder) == ("mine",)
    path = folder / "projects" / "mine" / "project.yaml"
    path.write_text(path.read_text().replace("  horizon: ", "  horizons: "))
    with pytest.raises(UserError, match="horizons"):
        check_workspace(folder)
