"""The card of a ranked list: what it says, that it can be counted again, and bad input."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cityai.card.figures import draw_figures
from cityai.card.record import CardRecord, seal_record
from cityai.card.render.markdown import render_markdown
from cityai.card.render.page import render_html
from cityai.card.verify import read_record
from cityai.cli.main import run_command
from cityai.columns import EVERYWHERE
from cityai.config.load import load_project
from cityai.findings import Status
from cityai.kinds import open_kind
from cityai.kinds.risk import Risk
from cityai.pipeline.check import check_project
from cityai.pipeline.verify import verify_published
from cityai.track.server import connect_tracking
from tests.conftest import write_workspace
from tests.delivery.conftest import RISK, City, draw_inspections
from tests.speech import check_card


def test_the_card_says_what_the_list_finds(ranked: City) -> None:
    card = ranked.result.card
    part = card.eval.ranked
    assert part is not None
    table = ranked.result.backtest.predictions.table
    top = table[table["decision"] == 1]
    declared = next(p for p in part.capacity if p.declared and p.model == "forecast")
    assert declared.precision == pytest.approx(top["y_true"].mean(), abs=5e-4)
    said = " ".join(card.eval.in_words)
    assert f"about {top['y_true'].mean() * 100:.0f}" in said
    assert "sooner than in the order that really happened" in said
    recalls = [p.recall for p in part.capacity if p.model == "forecast" and p.recall is not None]
    assert recalls == sorted(recalls)
    assert any("depends on who was looked at" in line for line in part.in_words)


def test_every_sentence_is_found_in_every_language(ranked: City) -> None:
    check_card(ranked.result.card, draw_figures(ranked.result.card))


def test_what_the_audit_keeps_out_of_the_evaluation_is_left_out(
    ranked: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fold, and the whole, that would give a small group away beside the audit's figures."""
    hidden = frozenset({("fold", "2"), (EVERYWHERE, EVERYWHERE)})
    drawn: list[CardRecord] = []
    monkeypatch.setattr("cityai.card.draft.withheld._find_slices", lambda audit, spec: hidden)
    monkeypatch.setattr(
        "cityai.card.draft.seal_record", lambda card: drawn.append(card) or seal_record(card)
    )
    verify_published(ranked.folder)
    shown, card = ranked.result.card.eval, drawn[-1].eval
    assert any(m.value is not None for m in shown.metrics if m.slice.get("fold") == "2")
    assert shown.comparisons
    # Without the whole, no fold is shown: the whole would be what they add up to.
    for number in card.metrics:
        assert (number.value, number.low, number.high, number.n) == (None,) * 4
    assert not card.comparisons
    assert all(p.precision is None and p.selected is None for p in card.ranked.capacity)
    whole = [p for p in (*card.ranked.curve, *card.ranked.slopes) if p.dimension == EVERYWHERE]
    assert whole
    assert all(p.n is None for p in whole)
    judged = [f for f in drawn[-1].findings if f.code.startswith("evaluate.")]
    assert {f.status for f in judged} == {"suppressed"}


def test_no_case_or_entity_is_on_the_card(ranked: City) -> None:
    for path in ranked.result.card_path.parent.iterdir():
        text = path.read_text()
        assert not re.search(r"\bI0\d{4}\b|\bK\d{3}\b", text), path.name


def test_the_card_can_be_counted_again(ranked: City) -> None:
    found = verify_published(ranked.folder)
    status = {f.code: f.status.value for f in found}
    assert {s for code, s in status.items() if code != "card.earlier"} == {"pass"}
    told = next(f.reason for f in found if f.code == "card.figures")
    counted = int(re.search(r"(\d+) figures", told.replace(",", "")).group(1))
    assert counted > 60


def test_what_may_be_told_is_chosen_where_a_card_is_drafted_again_too(
    ranked: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a card without small counts would be held against one that has them, and fail."""
    monkeypatch.setattr(Risk, "redact_findings", lambda self, made: replace(made, findings=()))
    found = verify_published(ranked.folder)
    assert [f for f in found if f.status is Status.FAIL]


@pytest.mark.parametrize(
    ("where", "named"),
    [
        (lambda c: c["eval"]["metrics"][0], "eval.metrics[0].value"),
        (lambda c: next(r for r in c["fairness"]["results"] if r["metric"] == "selection_for_need"),
         "fairness.results"),
    ],
)  # fmt: skip
def test_a_figure_that_was_changed_is_named(
    ranked: City, where: Callable[[dict], dict], named: str
) -> None:
    folder = ranked.result.card_path.parent
    kept = {path: path.read_bytes() for path in folder.iterdir()}
    content = read_record(kept[folder / "card.json"]).model_dump(mode="json")
    where(content)["value"] += 0.07
    record = seal_record(CardRecord.model_validate(content))
    try:
        from cityai.card.record import write_lines

        (folder / "card.json").write_text(write_lines(record))
        (folder / "card.html").write_text(render_html(record))
        (folder / "card.md").write_text(render_markdown(record))
        found = verify_published(ranked.folder)
        told = next(f for f in found if f.code == "card.figures")
        assert told.status.value == "fail"
        assert named in told.reason
    finally:
        for path, before in kept.items():
            path.write_bytes(before)


def test_what_is_logged(ranked: City) -> None:
    client = connect_tracking(ranked.place / ".cityai").client
    run = client.get_run(ranked.result.mlflow_run_id)
    wanted = ("recall", "precision", "auc", "days_sooner", "brier")
    assert {f"headline/{name}" for name in wanted} <= set(run.data.metrics)
    (output,) = run.outputs.model_outputs
    assert output.model_id == run.data.tags["internal.model_id"]


def test_the_logged_model_predicts_the_same(ranked: City) -> None:
    from cityai.track.door import import_mlflow, keep_quiet

    project, final = ranked.result.project, ranked.result.backtest.final
    kind = open_kind(project)
    rows = kind.build_problem(kind.read()).list_tested()
    texts = {n: "str" for n, t in final.list_inputs().items() if t == "string"}
    frame = rows.table[list(final.list_inputs())].tail(20).astype(texts)
    tracking = connect_tracking(ranked.place / ".cityai")
    output = tracking.client.get_run(ranked.result.mlflow_run_id).outputs.model_outputs[0]
    mlflow = import_mlflow()
    before = mlflow.get_tracking_uri()
    try:
        mlflow.set_tracking_uri(tracking.uri)
        with keep_quiet():
            loaded = mlflow.pyfunc.load_model(f"models:/{output.model_id}")
            given = frame.astype({n: "float64" for n in frame if n not in texts})
            found = loaded.predict(given)
    finally:
        mlflow.set_tracking_uri(before)
    np.testing.assert_allclose(found["y_pred"], final.predict(frame)["y_pred"], rtol=0, atol=1e-12)


def one_answer(data: pd.DataFrame) -> pd.DataFrame:
    return data.assign(found=data["found"].replace("1", "0"))


def twice(data: pd.DataFrame) -> pd.DataFrame:
    more = data.tail(200).head(40).assign(id=[f"X{i}" for i in range(40)])
    return pd.concat([data, more], ignore_index=True)


def same(data: pd.DataFrame) -> pd.DataFrame:
    return data


@pytest.mark.parametrize(
    ("change", "project", "command", "code", "said"),
    [
        (one_answer, RISK, "check", 2, "no yes to learn from"),
        (same, RISK.replace("[kind, seats]", "[kind, seats, found]"), "check", 2, "outcome"),
        (same, RISK.replace("capacity: 15, per: week", "capacity: 5000, per: fold"), "run", 2,
         "selects all"),
        (same, RISK.replace("windows_days: [90]", "windows_days: [90], exclude: [sets]"),
         "check", 2, "sets"),
        (same, RISK.replace("column: found", "column: fond"), "check", 2, "fond"),
        (same, RISK + "mitigation: {dimension: kind}\n", "check", 2, "mitigation"),
        (same, RISK.replace("min_train: 300}", "min_train: 300}\nmodels: {candidates: [magic]}"),
         "check", 2, "magic"),
        (same, RISK.replace("  dimensions:", "  limits: {wape: 0.1}\n  dimensions:"),
         "check", 2, "wape"),
    ],
    ids=["single class", "outcome as feature", "capacity above rows", "unknown feature",
         "unknown column", "not for risk", "unknown candidate", "unknown limit"],
)  # fmt: skip
def test_a_mistake_is_one_clear_message(
    change: Callable[[pd.DataFrame], pd.DataFrame],
    project: str,
    command: str,
    code: int,
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = write_workspace(tmp_path, change(draw_inspections()), project)
    assert run_command([command, str(folder)]) == code
    told = capsys.readouterr().err
    assert re.search(said, told), told
    assert "Traceback" not in told
    assert not (tmp_path / "model_cards").exists()


def test_an_entity_asked_about_twice_at_one_moment_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_workspace(tmp_path, twice(draw_inspections()), RISK)
    assert run_command(["check", str(folder)]) == 0
    found = check_project(load_project(folder)).findings
    (repeated,) = [f for f in found if f.code == "cases.repeated"]
    assert repeated.observed
    assert "80 of 1,690 inspections" in repeated.reason
    capsys.readouterr()
    assert run_command(["folds", str(folder)]) == 0
    assert "test 1" in capsys.readouterr().out
    assert run_command(["show", str(folder)]) == 0
