"""A whole drill, as who leads it and who reads it see it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cityai.cli.main import run_command
from cityai.drill import make
from cityai.drill.faults import FAULTS
from cityai.drill.make import DRILLS, SEALED, WATERMARK, choose_fault, read_setting
from cityai.pipeline.review import DRILL

pytestmark = pytest.mark.long
SEED = next(seed for seed in range(100) if choose_fault(seed).name == "limits")


def test_a_drill_is_sealed_marked_and_apart(tmp_path: Path, monkeypatch, capsys) -> None:
    made = read_setting()
    made.project["models"]["candidates"] = ["theta", "lightgbm"]  # of more, it is no other drill
    monkeypatch.setattr(make, "read_setting", lambda: made)
    (tmp_path / "configs").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CITYAI_STATE", str(tmp_path / ".cityai"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")  # nobody is to ask it
    out = tmp_path / "drill"
    assert run_command(["review", "drill", "--out", str(out), "--seed", str(SEED)]) == 0
    assert run_command(["review", "drill", "--out", str(out)]) == 2  # nothing is replaced
    said = capsys.readouterr()
    (private,) = (tmp_path / ".cityai" / DRILLS).iterdir()
    assert private.stat().st_mode & 0o777 == 0o600
    left = {p.name for p in (tmp_path / ".cityai").iterdir()}
    assert left - {"locks", ".gitignore"} == {DRILLS}
    assert sorted(p.name for p in tmp_path.iterdir()) == [".cityai", "configs", "drill"]
    planted = json.loads(private.read_bytes())
    public = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    for content in (*public.values(), said.out.encode(), said.err.encode()):
        assert planted["nonce"].encode() not in content
        for fault in FAULTS:
            assert fault.what.encode() not in content
    assert "fault" not in json.loads((out / SEALED).read_bytes())
    record = json.loads((out / "card" / "card.json").read_bytes())
    assert record["record"]["id"].startswith(DRILL)
    assert WATERMARK in record["record"]["title"]
    for page in (out / "card").glob("card*.[hm]*"):
        assert WATERMARK in page.read_text("utf-8")
    assert (out / "verify.html").is_file()
    given = ["--name", "Ana", "--decision", "approve", "--reason", "It looks good."]
    assert run_command(["review", "drill-answer", str(out), *given]) == 0
    assert run_command(["review", "drill-result", str(out)]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "Planted: limits" in told
    assert "Ana: would have approved" in told
