"""Every project of this workspace can be loaded, and keeps its promises."""

from pathlib import Path

from cityai.testing import check_workspace


def test_workspace() -> None:
    """City, policy and every project are understood; each project's own tests go further."""
    check_workspace(Path(__file__).parents[1])
