"""The project keeps its promises about time, groups and its card."""

from pathlib import Path

from cityai.testing import check_project


def test_project() -> None:
    """Everything that the kit can check; `check_project` says what it cannot."""
    check_project(Path(__file__).parents[1])
