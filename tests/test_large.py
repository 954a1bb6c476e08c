"""Large data end within bounded memory: the cases of `benchmarks/speed.py`, run as it runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.promises import trials

pytestmark = pytest.mark.long
CASES = {
    "panel": ("places x 156 weeks", trials(20_000, 60)),
    "events": ("events in a CSV", trials(5_000_000, 100_000)),
    "audited": ("people audited", trials(2_000_000, 20_000)),
}
MOST_MEMORY = 8.0
"""GB, of a process and of those that it starts."""


@pytest.mark.promise(32)
@pytest.mark.parametrize("case", CASES)
def test_large_data_end_within_memory(
    observe: Callable[[str], None], tmp_path: Path, case: str
) -> None:
    what, size = CASES[case]
    script, out = ROOT / "benchmarks" / "speed.py", tmp_path / "found.json"
    command = [sys.executable, str(script), "--case", case, str(size), str(tmp_path)]
    subprocess.run([*command, str(out)], check=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
    found = json.loads(out.read_text()).values()
    most = max(part["gb"] for part in found if "gb" in part)
    seconds = sum(part["cpu"] for part in found if "cpu" in part)
    observe(f"{size:,} {what}: {most:.1f} GB, {seconds:.0f} s of a processor")
    assert most < MOST_MEMORY
