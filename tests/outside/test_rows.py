"""What is wrong with the rows of given predictions is told, not used in silence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cityai.cli.main import run_command
from cityai.config.load_audit import load_audit
from cityai.errors import DataError
from cityai.pipeline.sample import bring_sample
from tests.kinds import judge_given

ONE_BY_ONE = "{entity: id, outcome: y, prediction: score, decision: d}"


def draw_people(n: int = 600) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "id": np.arange(n),
            "y": rng.integers(0, 2, n),
            "d": rng.integers(0, 2, n),
            "score": rng.random(n).round(3),
            "group": rng.choice(["a", "b", "c"], n),
        }
    )


@pytest.fixture
def judge(order, tmp_path, answers_text):
    def run(table: pd.DataFrame, columns: str = ONE_BY_ONE, more: str = "", limits: str = ""):
        text = answers_text.replace("{outcome: y, prediction: score, decision: d}", columns)
        text = text.replace("  unit: people", f"  unit: people\n{more}")
        text = text.replace("{selection_rate: 0.1}", limits or "{selection_rate: 0.1}")
        path = tmp_path / "predictions.csv"
        table.to_csv(path, index=False)
        return judge_given(order(text), path)

    return run


def find(judged, code: str):
    return [f for f in judged.findings if f.code == code]


@pytest.mark.parametrize(
    ("yes", "no"),
    [("1.0", "0.0"), ("t", "f"), ("Y", "N"), ("sí", "no"), ("Sim", "Não"), ("TRUE", "FALSE")],
)
def test_yes_and_no_are_read_as_they_are_written(judge, yes, no):
    table = draw_people()
    written = table.assign(y=np.where(table["y"] == 1, yes, no))
    written.loc[:9, "y"] = ""
    read = judge(written).predictions.table["y_true"]
    assert read[:10].isna().all()
    assert (read[10:] == table["y"][10:]).all()


def test_what_means_yes_is_found_however_a_number_is_written(judge):
    table = draw_people()
    columns = ONE_BY_ONE.replace("outcome: y", "outcome: y, outcome_yes: [1]")
    read = judge(table.assign(y=table["y"] + 1.0), columns).predictions.table["y_true"]
    assert (read == (table["y"] == 0)).all()


def test_rows_that_repeat_are_told(judge):
    table = draw_people()
    again = pd.concat([table, table[:50]])
    columns = ONE_BY_ONE.replace("entity: id, ", "")
    [found] = find(judge(again, columns), "audit.repeated_rows")
    assert found.status == "fail"
    assert "50 of 650 rows" in found.reason
    assert not find(judge(table, columns), "audit.repeated_rows")
    # Without a column that names the rows, two may be alike.
    [found] = find(judge(again.drop(columns="id"), columns), "audit.repeated_rows")
    assert found.status == "not enough evidence"
    with pytest.raises(DataError, match="50 rows repeat an earlier one's key"):
        judge(again)


def test_outcomes_of_the_selected_alone_are_selective_labels(judge):
    table = draw_people()
    some = table.assign(y=table["y"].where(table["d"] == 1))
    judged = judge(some, limits="{true_positive_rate: 0.1}")
    [found] = find(judged, "audit.selective_labels")
    assert found.status == "fail"
    assert "known of 100% of those selected and of 0% of the others" in found.reason
    rows = judged.audit.table.set_index(["metric", "dimension"])["value"]
    assert rows["true_positive_rate"].isna().all()
    assert rows["false_positive_rate"].isna().all()
    assert rows["precision", "overall"] == pytest.approx(table["y"][table["d"] == 1].mean())
    assert "pass" not in {f.status for f in find(judged, "audit.true_positive_rate")}
    assert not find(judge(table), "audit.selective_labels")


def test_few_outcomes_of_the_others_are_told_and_said(judge):
    table = draw_people()
    few = table.assign(y=table["y"].where((table["d"] == 1) | (table["id"] < 60)))
    judged = judge(few)
    [found] = find(judged, "audit.selective_labels")
    assert found.observed == pytest.approx(1 - few["y"][few["d"] == 0].notna().mean())
    rows = judged.audit.table.set_index(["metric", "dimension"])["value"]
    assert np.isfinite(rows["true_positive_rate", "overall"])


def test_a_threshold_in_another_unit_is_refused(judge):
    table = draw_people().assign(score=lambda t: 100 * t["score"])
    columns = ONE_BY_ONE.replace(", decision: d", "")
    with pytest.raises(
        DataError, match=r"`threshold: 0.5` is a share, and the scores go up to 100"
    ):
        judge(table, columns, "  threshold: 0.5")
    assert judge(table, columns, "  threshold: 50").predictions.table["decision"].mean() < 0.6


@pytest.mark.parametrize(("threshold", "said"), [("50", "No row"), ("-1", "Every row")])
def test_a_decision_without_a_choice_fails(judge, threshold, said):
    columns = ONE_BY_ONE.replace(", decision: d", "")
    [found] = find(judge(draw_people(), columns, f"  threshold: {threshold}"), "audit.decision")
    assert found.status == "fail"
    assert found.reason.startswith(said)


def test_neither_decision_nor_threshold(judge):
    columns = ONE_BY_ONE.replace(", decision: d", "")
    [found] = find(judge(draw_people(), columns), "audit.decision")
    assert found.status == "fail"
    assert "`columns.decision`" in found.reason
    [found] = find(judge(draw_people(), columns, limits="{mean_score: 0.1}"), "audit.decision")
    assert found.status == "not applicable"


@pytest.mark.parametrize("outcome", [0, 1])
def test_outcomes_that_are_all_the_same_fail(judge, outcome):
    [found] = find(judge(draw_people().assign(y=outcome)), "audit.outcomes")
    assert found.status == "fail"


def test_a_group_that_changes_between_steps_of_one_moment(judge):
    table = draw_people().assign(made="2024-01-01", step=1)
    table = pd.concat([table, table.assign(step=2)])
    columns = ONE_BY_ONE.replace("{", "{as_of: made, step: step, ")
    assert not find(judge(table, columns), "audit.one_value")
    table["group"] = np.where((table["step"] == 2) & (table["id"] < 60), "d", table["group"])
    [found] = find(judge(table, columns), "audit.one_value")
    assert (found.status, found.subject) == ("fail", "group")
    assert found.observed == pytest.approx(0.1)


@pytest.fixture
def cases(data_folder: Path) -> Path:
    folder = data_folder.parent / "cases" / "audits"
    if not folder.is_dir():
        pytest.skip(f"no small audits at {folder}")
    return folder


@pytest.mark.parametrize(
    ("table", "spec", "code", "said"),
    [
        ("base", "none", 0, ["Who is selected is not known", "Who is selected is known"]),
        ("outcome_only_selected", "outcome_sel", 0, ["Outcomes are known whoever was selected"]),
        ("dup_rows", "dup_rows_noid", 0, ["Each row is there once"]),
        ("percent", "percent_t05", 2, ["write `threshold: 50` if the scores are percent"]),
        ("size_one", "size_one", 0, ["3,000 of 3,000 used"]),
    ],
)
def test_small_audits_on_the_command_line(cases, order, capsys, table, spec, code, said):
    text = (cases / f"{spec}.yaml").read_text()
    path = order(text, small_cell=11).path
    assert run_command(["audit", str(cases / f"{table}.csv"), "--spec", str(path)]) == code
    out, err = capsys.readouterr()
    told = [" ".join((out + err).split())]
    told += [c.read_text() for c in path.parent.glob("model_cards/*/card.json")]
    assert all(any(sentence in part for part in told) for sentence in said)
    assert "too few rows" not in out


def test_without_a_decision_that_is_the_reason_and_no_other(cases, order, capsys):
    path = order((cases / "none.yaml").read_text(), small_cell=11).path
    assert run_command(["audit", str(cases / "base.csv"), "--spec", str(path)]) == 0
    (card,) = path.parent.glob("model_cards/*/card.json")
    assert "no decision is known here" in card.read_text()
    assert "known decision had the outcome" not in card.read_text()


def test_without_limits_nothing_was_judged(cases, order, capsys):
    text = (cases / "size_one.yaml").read_text().split("  limits:")[0]
    path = order(text, small_cell=11).path
    assert run_command(["audit", str(cases / "base.csv"), "--spec", str(path)]) == 0
    out = capsys.readouterr().out
    assert "TOO LITTLE DATA" in out
    assert "Nobody named a group and a limit to check" in " ".join(out.split())
    assert "0 failed" not in out


@pytest.mark.parametrize(("text", "comes"), [("answers_text", False), ("amounts_text", True)])
def test_the_invented_city_comes_only_where_it_is_read(order, tmp_path, request, text, comes):
    file = order(request.getfixturevalue(text)).file
    city = tmp_path / "configs" / "city.yaml"
    city.write_text(city.read_text().replace("areas.csv", "'${CITYAI_SAMPLE}/neighbourhoods.csv'"))
    audit = load_audit(file)
    bring_sample(audit)
    assert (audit.state / "sample_city").exists() is comes
