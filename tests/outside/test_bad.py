"""Bad input and hard cases: a clear error or a finding, never a number that looks fine."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cityai.cli.main import run_command
from cityai.errors import DataError, SpecError, UserError
from cityai.pipeline.external_audit import audit_given
from tests.kinds import judge_given


def make_people(n: int = 400) -> pd.DataFrame:
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


def make_tons(moments: int = 8) -> pd.DataFrame:
    rng = np.random.default_rng(2)
    days = pd.date_range("2024-01-01", periods=moments, freq="MS").strftime("%Y-%m-%d")
    rows = [(f"D{d}", day) for day in days for d in range(6)]
    table = pd.DataFrame(rows, columns=["district", "made"])
    table["y"] = rng.poisson(200, len(table))
    table["forecast"] = rng.poisson(200, len(table))
    table["before"] = rng.poisson(180, len(table))
    return table


@pytest.fixture
def judge(order, tmp_path):
    def run(table: pd.DataFrame, text: str, small_cell: int = 1):
        path = tmp_path / "predictions.csv"
        table.to_csv(path, index=False)
        return judge_given(order(text, small_cell), path)

    return run


def find(judged, code: str):
    return [f for f in judged.findings if f.code == code]


def test_a_group_column_with_thousands_of_values_is_refused(judge, answers_text):
    table = make_people(10_000).assign(group=[f"v{i}" for i in range(10_000)])
    with pytest.raises(DataError, match=r"'group' would make 10,000 groups"):
        judge(table, answers_text)


def test_missing_groups_are_a_group_and_counts_add_up(judge, answers_text):
    table = make_people()
    table.loc[:49, "group"] = None
    judged = judge(table, answers_text)
    counts = judged.audit.counts.set_index(["dimension", "group"])
    assert counts.loc[("group", "not recorded"), "n"] == 50
    assert counts.loc["group", "n"].sum() == 400 == counts.loc[("overall", "overall"), "n"]


def test_rows_come_back_in_any_order_with_the_same_figures(judge, answers_text):
    text = answers_text.replace("{outcome", "{entity: id, outcome")
    table = make_people()
    first = judge(table, text).audit.table
    second = judge(table.sample(frac=1, random_state=4), text).audit.table
    pd.testing.assert_frame_equal(first, second)


def test_all_predictions_missing(judge, answers_text):
    with pytest.raises(DataError, match="all 400 predictions are missing"):
        judge(make_people().assign(d=None, score=None), answers_text)


def test_repeated_keys(judge, answers_text):
    table = make_people()
    table.loc[5, "id"] = 4
    with pytest.raises(DataError, match="1 rows repeat an earlier one's key, the first is '4'"):
        judge(table, answers_text.replace("{outcome", "{entity: id, outcome"))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("outcome: y", "outcome: yy", "there is no column 'yy'"),
        ("decision: d", "decision: group", "a yes or no cannot be told from 'a', 'b', 'c'"),
        ("decision: d", "decision: group, decision_yes: [z]", "no row holds z"),
        ("attribute: group", "attribute: groop", "there is no column 'groop'"),
        ("{selection_rate: 0.1}", "{selektion_rate: 0.1}", "no audited metric 'selektion_rate'"),
        ("{selection_rate: 0.1}", "{wape: 0.1}", "no audited metric 'wape'"),
        ("decision: d", "low: d, high: d", "belong to `amount`"),
        ("kind: yes/no", "kind: maybe", "predictions.kind"),
        ("  unit: people", "  unit: people\n  vendor: x", "'predictions.vendor' is not known"),
        ("attribute: group}", "attribute: group, reference: zz}", "there is no group 'zz'"),
        ("attribute: group}", "bands: income}", "needs an area table"),
        ("audit:", "audit:\n  infers: this city", "there is one period only"),
    ],
)
def test_a_wrong_audit_file_is_refused_by_name(judge, answers_text, old, new, said):
    assert old in answers_text
    with pytest.raises(UserError, match=said):
        judge(make_people(), answers_text.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("last_year: before", "last_year: befor", "predictions.columns.baselines.last_year"),
        ("entity: district", "entity: distrikt", "predictions.columns.entity"),
    ],
)
def test_a_column_that_is_not_there_is_told_by_the_line_that_names_it(
    judge, amounts_text, old, new, key
):
    text = amounts_text.replace(old, new)
    line = 1 + text[: text.index(new)].count("\n")
    with pytest.raises(SpecError) as caught:
        judge(make_tons(), text)
    assert f".yaml:{line}:" in caught.value.where
    assert f"(`{key}`)" in caught.value.what
    assert caught.value.expected
    assert "in the audit file" in caught.value.next_step


def test_one_single_block_gives_no_interval_and_says_so(judge, amounts_text):
    judged = judge(make_tons(moments=1), amounts_text)
    table = judged.audit.table
    judged_rows = table[table["metric"] == "bias"]
    assert judged_rows["gap_low"].isna().all()
    assert "pass" not in set(table["status"])
    found = find(judged, "audit.bias")
    assert {f.status for f in found} == {"not enough evidence"}
    assert all("at least 6 are needed" in f.reason for f in found)


def test_unknown_areas_are_counted(judge, amounts_text):
    table = make_tons()
    table.loc[:3, "district"] = "X9"
    table.loc[:3, "made"] = ["2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01"]
    judged = judge(table, amounts_text)
    [found] = find(judged, "audit.unknown_area")
    assert found.status == "fail"
    assert "4 of 48 rows" in found.reason
    assert "X9" not in found.reason
    assert "not recorded" in set(judged.audit.table["group"])


def test_a_group_that_the_area_table_lacks(judge, amounts_text):
    with pytest.raises(SpecError, match="no column 'born_elsewhere'"):
        judge(make_tons(), amounts_text.replace("[born_abroad]", "[born_elsewhere]"))


def test_shares_beyond_one(judge, amounts_text):
    text = amounts_text.replace("[born_abroad]}}", "[residents]}, per: share}")
    with pytest.raises(DataError, match="add up to"):
        judge(make_tons(), text)


def test_rows_that_cannot_be_read_are_counted(judge, answers_text):
    table = make_people().astype(object)
    table.loc[7, "score"] = "high"
    [found] = find(judge(table, answers_text), "audit.rejected_rows")
    assert found.status == "fail"
    assert "1 of 400 rows" in found.reason
    assert "row 8, column 'score'" in found.reason


def test_without_outcomes_only_shares_and_selection_are_said(judge, answers_text):
    text = answers_text.replace("outcome: y, ", "").replace(
        "attribute: group}", "attribute: group, population: {a: 10, b: 10, c: 20, e: 5}}"
    )
    judged = judge(make_people(), text)
    table = judged.audit.table.set_index("metric")
    assert table.loc["selection_rate", "value"].notna().all()
    for name in ("false_negative_rate", "base_rate", "accuracy", "calibration", "brier"):
        assert table.loc[name, "value"].isna().all()
        assert set(table.loc[name, "status"]) == {"not applicable"}
        assert table.loc[name, "reason"].str.contains("no outcome is known yet").all()
    [told] = find(judged, "audit.representation")
    assert "Not a single row belongs to e" in told.reason
    [known] = find(judged, "audit.outcomes")
    assert known.status == "not applicable"
    shares = judged.audit.shares.set_index(["dimension", "group"]).loc["group"]
    assert shares["rows_share"].sum() == pytest.approx(1)
    assert shares["received_share"].sum() == pytest.approx(1)
    assert shares.loc["c", "population_share"] == pytest.approx(20 / 45)


def test_amounts_without_outcomes_have_no_error_at_all(judge, amounts_text):
    judged = judge(make_tons(), amounts_text.replace("    outcome: y\n", ""))
    assert judged.audit.table["value"].isna().all()
    assert set(judged.audit.table["status"]) <= {"not applicable", "suppressed"}
    assert judged.audit.shares["received_share"].notna().all()


def test_amounts_equal_the_forecasts_own_sums(judge, amounts_text):
    table = make_tons()
    judged = judge(table, amounts_text)
    rows = judged.audit.table
    whole = rows[rows["dimension"] == "overall"].set_index("metric")["value"]
    error = (table["forecast"] - table["y"]).abs()
    assert whole["wape"] == pytest.approx(error.sum() / table["y"].sum(), abs=1e-12)
    other = (table["before"] - table["y"]).abs()
    assert whole["error_against_last_year"] == pytest.approx(error.sum() / other.sum(), abs=1e-12)


def test_a_limit_on_representation(judge, answers_text):
    text = answers_text.replace("attribute: group}", "attribute: group, population: {a: 9, b: 1}}")
    text = text.replace("{selection_rate: 0.1}", "{representation: 0.1}")
    [found] = find(judge(make_people(), text), "audit.representation")
    assert found.status == "fail"


def test_a_card_never_replaces_a_projects(order, answers_text, tmp_path):
    (tmp_path / "projects" / "given").mkdir(parents=True)
    (tmp_path / "projects" / "given" / "project.yaml").write_text("name: given\n")
    with pytest.raises(SpecError, match="a project of this workspace is called 'given'"):
        order(answers_text)


def test_the_card_of_amounts_without_outcomes(order, amounts_text, tmp_path, own_store):
    make_tons().to_parquet(tmp_path / "tons.parquet")
    written = order(amounts_text.replace("    outcome: y\n", ""))
    audited = audit_given(written, tmp_path / "tons.parquet")
    html = audited.card_path.read_text()
    assert "No outcome is known yet" in html
    assert "replayed" not in html
    assert "nan" not in (audited.card_path.parent / "card.json").read_text().lower().split('"')


def test_exit_codes(order, answers_text, tmp_path, own_store, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    order(answers_text)
    assert run_command(["audit", "absent.csv", "--spec", "audit.yaml"]) == 2
    assert run_command(["audit", "absent.csv", "--spec", "absent.yaml"]) == 2
    make_people().to_csv(tmp_path / "people.csv", index=False)
    assert run_command(["audit", "people.csv", "--spec", "audit.yaml"]) == 0
    said = capsys.readouterr()
    assert "400 of 400 used" in said.out
    assert "Traceback" not in said.err


def test_a_share_below_zero_is_named(order, amounts_text, tmp_path):
    text = amounts_text.replace("[born_abroad]}}", "[loss]}, per: share}")
    written = order(text.replace("[born_here]", "[part]"))
    areas = pd.read_csv(tmp_path / "areas.csv").assign(part=0.6, loss=-0.1)
    areas.to_csv(tmp_path / "areas.csv", index=False)
    make_tons().to_csv(tmp_path / "tons.csv", index=False)
    with pytest.raises(DataError, match=r"the share of 'abroad' in area 'D0' is below 0: -10\.0%"):
        judge_given(written, tmp_path / "tons.csv")


def test_limits_of_another_kind_are_left_out_with_a_word(judge, answers_text):
    [told] = find(judge(make_people(), answers_text), "audit.limits")
    assert told.status == "pass"
    assert told.reason == (
        "Judged by selection_rate. The policy's limits on bias, coverage, under_forecast_share "
        "do not apply."
    )
    without = answers_text.replace("  limits: {selection_rate: 0.1}\n", "")
    [told] = find(judge(make_people(), without), "audit.limits")
    assert told.status == "not applicable"
    assert "nothing was judged" in told.reason
