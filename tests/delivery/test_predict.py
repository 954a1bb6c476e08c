from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cityai.cli.main import run_command
from cityai.config.load import load_project
from cityai.data.layouts.dense import lay_dense
from cityai.data.panel import build_panel
from cityai.data.periods import WEEK, Periods
from cityai.delivery.model import find_model
from cityai.delivery.predict import predict_project
from cityai.delivery.sheets import show_misses
from cityai.errors import CityaiError, SpecError, StoreError, TimeError, TrackingError
from cityai.kinds import open_kind
from cityai.kinds.demand import CANDIDATES
from cityai.modeling.ahead import lay_panel_ahead, predict_ahead, tell_left_out
from cityai.progress import SilentProgress
from tests.delivery.conftest import City
from tests.promises import trials

END = pd.Timestamp("2023-07-03")
LAST = pd.Timestamp("2023-11-26")


def test_a_forecast_is_the_logged_models_own(forecast: City, tmp_path: Path) -> None:
    project = load_project(forecast.folder)
    made = predict_project(project, END, out=tmp_path / "out", sheets=2)
    snapshot = open_kind(project).read()
    panel = build_panel(snapshot, project.spec)
    own = forecast.result.backtest.final
    rows = lay_dense(panel, snapshot, project)
    question = lay_panel_ahead(panel, rows, own, project.spec, CANDIDATES, END)
    expected = predict_ahead(own, question).table
    written = pd.read_parquet(made.files[1])
    pd.testing.assert_frame_equal(
        written[["entity_id", "step", "y_pred", "y_low", "y_high"]],
        expected[["entity_id", "step", "y_pred", "y_low", "y_high"]],
        check_exact=True,
    )
    assert set(written["run_id"]) == {forecast.result.mlflow_run_id}
    assert set(written["approval"]) == {"not approved"}
    assert forecast.result.card.provenance.model_digest == made.model.digest
    assert (written["y_low"] <= written["y_high"]).all()
    assert written["reason_1"].str.contains("the forecast by").all()
    assert len(made.sheets) == 2
    assert {p.stat().st_mode & 0o777 for p in (*made.files, *made.sheets)} == {0o600}


def test_whom_no_forecast_is_made_of_and_who_fell_silent_is_told(forecast: City) -> None:
    """Four places: one new, one without news for three weeks, two as ever."""
    spec = load_project(forecast.folder).spec
    periods, count = Periods(WEEK, pd.Timestamp("2024-01-01"), 20), 20
    amounts = np.ones((count, 4))
    amounts[:18, 0], amounts[17:, 1] = np.nan, np.nan
    active = np.ones((count + 1, 4), dtype=bool)
    names = ("Ñuñoa 北", "quiet", "x", "y")
    panel: Any = SimpleNamespace(
        periods=periods, entity_ids=names, active=active, known_at=lambda origin: amounts[:origin]
    )
    [silent] = tell_left_out(panel, count, spec)
    assert f"Of 1 {spec.entities} nothing is known of the latest periods, the first 'q" in silent
    assert "last of the week from 2024-04-22" in silent
    active[:, 0] = False
    left, _ = tell_left_out(panel, count, spec)
    assert left.startswith("No forecast is made of 1 that the data tell of, the first 'Ñuñoa 北'")
    assert not [*tell_left_out(panel, 10, spec)]


def test_a_list_is_ranked_and_holds_to_the_capacity(ranked: City, tmp_path: Path) -> None:
    project = load_project(ranked.folder)
    made = predict_project(project, LAST, out=tmp_path / "out", sheets=1)
    table = made.predicted.table
    assert len(table) == 5
    assert list(table["rank"]) == [1, 2, 3, 4, 5]
    assert table["y_pred"].is_monotonic_decreasing
    assert table["y_pred"].between(0, 1).all()
    assert "all 5 are selected" in " ".join(made.predicted.notes)
    page = made.sheets[0].read_text()
    assert "No. 1 of 5 inspections" in page
    assert "Not causes." in page
    assert re.search(r"seats: \d+(\.0)?; (raises|lowers) the chance", page)
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page
    assert "large kitchens stand in other districts" in page
    _require_inert(page)


def test_the_features_of_a_list_know_nothing_later(ranked: City) -> None:
    """The same day asked with the data cut after it and with all data: the same list."""
    project = load_project(ranked.folder)
    kind = open_kind(project)
    cases = kind.read()
    final = ranked.result.backtest.final
    day = pd.Timestamp("2023-09-04")
    whole = kind.predict(cases, final, day).table
    table = cases.table[cases.table["as_of"] <= pd.Timestamp(day)]
    early = replace(cases, table=table.reset_index(drop=True))
    cut = kind.predict(early, final, day).table
    pd.testing.assert_frame_equal(whole, cut, check_exact=True)


@pytest.mark.parametrize(
    ("day", "said"),
    [
        (pd.Timestamp("2023-07-04"), "is not the start of a week"),
        (pd.Timestamp("2031-07-07"), "lies in the future of the data"),
        (pd.Timestamp("2021-01-04"), "nothing was known yet"),
        (pd.Timestamp("1999-01-04"), "nothing was known yet"),
    ],
)
def test_a_day_that_cannot_be_asked_about(forecast: City, day: pd.Timestamp, said: str) -> None:
    with pytest.raises(TimeError, match=said) as caught:
        predict_project(load_project(forecast.folder), day)
    assert caught.value.expected


@pytest.mark.parametrize(
    ("day", "said"),
    [
        (pd.Timestamp("2024-06-01"), "lies in the future of the data"),
        (pd.Timestamp("2020-06-01"), "no outcome was known yet"),
    ],
)
def test_a_day_without_cases(ranked: City, day: pd.Timestamp, said: str) -> None:
    with pytest.raises(TimeError, match=said):
        predict_project(load_project(ranked.folder), day)


def test_what_the_latest_export_lost_is_told(forecast: City, tmp_path: Path) -> None:
    """A tenth of last month's rows has a topic that the contract does not know."""
    path = next(forecast.folder.glob("data.csv"))
    kept = path.read_bytes()
    table = pd.read_csv(path, dtype=str)
    late = table["opened"].str.startswith("2023-06") & (np.arange(len(table)) % 10 == 0)
    warned: list[str] = []

    class Heard(SilentProgress):
        def warn(self, what: str) -> None:
            warned.append(what)

    try:
        table.assign(topic=table["topic"].mask(late, "heat/new")).to_csv(path, index=False)
        project = load_project(forecast.folder)
        made = predict_project(project, END, out=tmp_path / "out", progress=Heard())
    finally:
        path.write_bytes(kept)
    assert re.search(r"of 2023-06 keep the contract; at least 98% is asked", made.warnings[0])
    [told] = warned
    assert told.startswith(f"{late.sum():,} of {len(table):,} rows were rejected: cityai check")


def test_a_weekend_without_cases_does_not_end_the_data(ranked: City) -> None:
    """On Monday all that an export of Monday holds is there; on Wednesday Monday's is not."""
    kind, final = open_kind(load_project(ranked.folder)), ranked.result.backtest.final
    cases, table = (read := kind.read()), read.table
    monday, wednesday = pd.Timestamp("2023-11-20"), pd.Timestamp("2023-11-22")
    table = table[~table["occurred_at"].between("2023-11-18", "2023-11-19")]
    seen = table["y_true"].where(table["occurred_at"] < monday)
    early = replace(
        cases,
        table=table.assign(y_true=seen).reset_index(drop=True),
        until=pd.Timestamp("2023-11-19"),
    )
    made = kind.predict(early, final, monday)
    assert list(made.table["occurred_at"].unique()) == [monday]
    assert "5 of the 35 inspections that the data hold of their week" in " ".join(made.notes)
    with pytest.raises(TimeError, match="lies in the future") as caught:
        kind.predict(early, final, wednesday)
    assert "2023-11-21" in caught.value.expected


def test_what_the_model_never_saw_is_told(ranked: City) -> None:
    """Kitchens with other ids have no past, and a renamed kind is a new one."""
    kind, final = open_kind(load_project(ranked.folder)), ranked.result.backtest.final
    cases = kind.read()
    plain = " ".join(kind.predict(cases, final, LAST).notes)
    assert "never saw" not in plain
    assert "it is not known" not in plain
    table, asked = cases.table, cases.table["as_of"] >= LAST
    table = table.assign(
        entity_id=table["entity_id"].mask(asked, "0" + table["entity_id"]),
        kind=table["kind"].mask(asked & (table["kind"] == "cafe"), "café"),
    )
    other = " ".join(kind.predict(replace(cases, table=table), final, LAST).notes)
    assert "The model never saw 'café' as kind of kitchen" in other
    assert "Of 100% of the 5 rows it is not known" in other


def _find_model(city: City) -> Path:
    return next((city.place / ".cityai" / "artifacts").rglob("artifacts/model/record.json")).parent


def _append(folder: Path) -> None:
    (folder / "more.txt").write_text("x")


def _change(folder: Path) -> None:
    path = folder / "record.json"
    path.chmod(0o600)
    path.write_text(path.read_text().replace('"seed"', '"sEed"'))


def _remove(folder: Path) -> None:
    (folder / "MANIFEST.sha256").unlink()


def _forge(folder: Path) -> None:
    """Change a file and write a new manifest that fits it."""
    import hashlib

    path = folder / "record.json"
    path.write_bytes(path.read_bytes() + b"\n")
    files = sorted(p for p in folder.iterdir() if p.name != "MANIFEST.sha256")
    lines = [f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.name}\n" for p in files]
    (folder / "MANIFEST.sha256").write_text("".join(lines))


@pytest.mark.promise(6)
@pytest.mark.parametrize("spoil", [_append, _change, _remove, _forge])
def test_a_model_that_was_changed_is_refused(
    observe: Callable[[str], None], forecast: City, spoil: Callable[[Path], None], tmp_path: Path
) -> None:
    folder = _find_model(forecast)
    kept = tmp_path / "kept"
    shutil.copytree(folder, kept)
    try:
        spoil(folder)
        with pytest.raises(StoreError):
            predict_project(load_project(forecast.folder), END, out=tmp_path / "out")
    finally:
        shutil.rmtree(folder)
        shutil.copytree(kept, folder)
    assert not (tmp_path / "out").exists()
    observe(f"model refused, nothing written: {spoil.__name__.strip('_')}")


def _mutate(folder: Path, rng: np.random.Generator) -> None:
    """Change one byte, cut a file short, lengthen it, or give it another's content."""
    paths = sorted(p for p in folder.rglob("*") if p.is_file())
    path, other = (paths[int(i)] for i in rng.permutation(len(paths))[:2])
    content, way = bytearray(path.read_bytes()), int(rng.integers(4))
    at = int(rng.integers(len(content)))
    if way == 0:
        content[at] ^= int(rng.integers(1, 256))
    elif way == 1:
        del content[at:]
    elif way == 2:
        content[at:at] = b"0"
    else:
        content = bytearray(other.read_bytes())
    path.chmod(0o600)
    path.write_bytes(content)


@pytest.mark.promise(6)
def test_no_mutant_of_a_model_is_parsed(
    observe: Callable[[str], None], forecast: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model is held against its run before anything in it is read."""
    project, folder, kept = load_project(forecast.folder), _find_model(forecast), tmp_path / "kept"
    assert find_model(project).digest
    shutil.copytree(folder, kept)
    parsed: list[object] = []
    monkeypatch.setattr("cityai.store.values.decode_value", lambda *asked: parsed.append(asked))
    rng, mutants = np.random.default_rng(6), trials(1000, 40)
    try:
        for number in range(mutants):
            _mutate(folder, rng)
            if number % 5 == 4:
                _forge(folder)
            with pytest.raises(StoreError):
                find_model(project)
            shutil.rmtree(folder)
            shutil.copytree(kept, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(kept, folder)
    assert parsed == []
    observe(f"{mutants:,} mutants refused, none parsed")


def test_a_project_that_changed_is_refused_but_words_may(forecast: City, tmp_path: Path) -> None:
    file = forecast.folder / "project.yaml"
    before = file.read_text()
    try:
        file.write_text(before + "features: {calendar: false}\n")
        with pytest.raises(SpecError, match="has changed since its model was made"):
            predict_project(load_project(forecast.folder), END)
        file.write_text(before.replace("title: Requests by district", "title: Other"))
        (forecast.folder / "card.yaml").write_text("owner: {unit: Another}\n")
        made = predict_project(load_project(forecast.folder), END, out=tmp_path)
        assert len(made.predicted.table) == 12
    finally:
        file.write_text(before)
        (forecast.folder / "card.yaml").unlink(missing_ok=True)


@pytest.mark.parametrize("run_id", ["no-such-run", "0" * 32])
def test_a_run_that_is_not_there(forecast: City, run_id: str) -> None:
    with pytest.raises(TrackingError, match="there is no run"):
        predict_project(load_project(forecast.folder), END, run_id=run_id)


def test_a_project_that_never_ran(forecast: City) -> None:
    project = load_project(forecast.folder)
    spec = project.spec.model_copy(update={"name": "other"})
    other = type(project)(spec, project.folder, project.workspace, project.digest)
    with pytest.raises(CityaiError, match="no finished run of 'other' has a model"):
        predict_project(other, END)


def test_an_earlier_day_is_warned_about(forecast: City, tmp_path: Path) -> None:
    made = predict_project(load_project(forecast.folder), pd.Timestamp("2023-04-03"), out=tmp_path)
    assert "has seen part of what followed" in made.warnings[0]


def test_misses_are_private_and_the_worst(ranked: City) -> None:
    missed = show_misses(load_project(ranked.folder), 6)
    table = missed.predicted.table
    predictions = ranked.result.backtest.predictions.table
    passed = predictions[(predictions["y_true"] == 1) & (predictions["decision"] == 0)]
    assert table["y_pred"].iloc[0] == passed["y_pred"].min()
    vain = predictions[predictions["y_true"] == 0]
    assert table["y_pred"].iloc[3] == vain["y_pred"].max()
    assert {p.stat().st_mode & 0o777 for p in missed.sheets} == {0o600}
    assert missed.sheets[0].is_relative_to(ranked.place / ".cityai" / "misses")


def test_misses_of_a_forecast(forecast: City) -> None:
    missed = show_misses(load_project(forecast.folder), 3)
    table, all_rows = missed.predicted.table, forecast.result.backtest.predictions.table
    off = (all_rows["y_true"] - all_rows["y_pred"]).abs()
    assert np.abs(table["y_true"] - table["y_pred"]).iloc[0] == off.max()
    assert len(missed.sheets) == 3


def test_the_command_says_where_and_gives_no_traceback(
    ranked: City, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ranked.place)
    asked = ["predict", str(ranked.folder), "--as-of"]
    assert run_command([*asked, "2023-11-26", "--sheets", "1"]) == 0
    assert "not approved" in capsys.readouterr().out
    assert run_command([*asked, "2044-01-01"]) == 2
    said = capsys.readouterr().err
    assert "lies in the future of the data" in said
    assert "Traceback" not in said
    assert run_command([*asked, "next week"]) == 2
    assert run_command(["misses", str(ranked.folder), "--count", "2"]) == 0
    assert "2 in " in capsys.readouterr().out


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        for name, value in attrs:
            assert not name.startswith("on"), (tag, name)
            assert "javascript:" not in (value or "")


def _require_inert(page: str) -> None:
    reader = _Reader()
    reader.feed(page)
    assert not {"script", "iframe", "img", "link", "object", "a"} & set(reader.seen)


@pytest.mark.parametrize("word", ["<script>alert(1)</script>", '"><img src=x onerror=y>'])
def test_a_sheet_escapes_every_word(word: str) -> None:
    from cityai.card.render.sheet import Sheet, render_sheet

    page = render_sheet(
        Sheet(
            title=word,
            city=word,
            synthetic=True,
            head=word,
            tells=(word,),
            reasons=(word,),
            sensitive=(word,),
            caveat=word,
            note=word,
            warnings=(word,),
            override=word,
            facts=((word, word),),
            origin=((word, word),),
        )
    )
    _require_inert(page)
    assert "&lt;" in page
