"""What a notebook and a shell show of the package, a project and a result."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import cityai
from cityai.card.verify import read_record
from cityai.cli.commands import complete_project
from cityai.cli.main import run_command
from cityai.errors import SetupError
from cityai.notebook import write_page
from cityai.pipeline.pictures import show_pictures


def test_tab_completion_finds_the_public_names():
    assert {"load_project", "run_project"} <= set(dir(cityai))


def test_a_page_escapes_every_text_and_leaves_out_what_is_empty():
    page = write_page("<b>", {"A": ["<script>", "2"], "B": []})
    assert "<script>" not in page
    assert "&lt;script&gt;<br>2" in page
    assert ">B<" not in page


def test_a_project_is_one_line_and_one_page(make_workspace):
    project = cityai.load_project(make_workspace())
    assert repr(project) == f"Project(requests: demand, {project.folder})"
    page = project._repr_html_()
    assert "Requests by district, Testville" in page
    assert len(page) < 2_000


@pytest.mark.slow
def test_a_city_with_outlines_has_a_map_that_can_be_read_in_the_dark():
    published = Path(__file__).parents[1] / "model_cards" / "sample_requests" / "card.json"
    card = read_record(published.read_text("utf-8"))
    areas = [place.area for place in card.eval.places]
    outlines = {
        area: (tuple((i + x, 40.0 + y) for x, y in ((0, 0), (1, 0), (1, 1), (0, 1))),)
        for i, area in enumerate(areas)
    }
    shown = show_pictures(card, outlines, "map", "places").html
    assert shown.count("data-place=") == len(areas) > 20
    assert "The more striking, the larger the error" in shown
    assert re.search(r'<figure style="[^"]*background:#fff', shown)
    assert re.search(r'role="img" aria-label="[^"]{20,}"', shown)


def test_tab_completion_offers_the_projects(make_workspace, monkeypatch):
    monkeypatch.chdir(make_workspace().parents[1])
    assert complete_project("projects/r") == ["projects/requests"]
    assert complete_project("x") == []


def test_windows_is_refused_in_one_message(monkeypatch, capsys):
    monkeypatch.setattr(sys, "platform", "win32")
    assert run_command(["doctor"]) == 1
    said = capsys.readouterr().err
    assert "does not run on Windows" in said
    assert "Windows Subsystem for Linux" in said
    assert "Traceback" not in said
    with pytest.raises(SetupError, match="Windows"):
        _ = cityai.run_project


def test_the_command_line_imports_without_modules_of_posix():
    """So that the message above can be said on Windows at all."""
    probe = (
        "import sys\n"
        "for name in ('fcntl', 'resource', 'pwd', 'grp', 'termios'): sys.modules[name] = None\n"
        "from cityai.cli.main import run_command\n"
        "sys.platform = 'win32'\n"
        "sys.exit(run_command(['--version']))"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True)
    assert done.returncode == 1
    assert "does not run on Windows" in done.stderr
    assert "Traceback" not in done.stderr
