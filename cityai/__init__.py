"""Responsible-AI scaffolding for city service prediction.

    import cityai
    result = cityai.run_project("projects/waste_tonnage")

Both names are loaded when first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cityai.config.load import load_project
    from cityai.pipeline.run import run_project

__version__ = "0.1.0"
__all__ = ["__version__", "load_project", "run_project"]


def __dir__() -> list[str]:
    """Return the public names, so that tab completion finds those that are not loaded yet."""
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    """Load `load_project` or `run_project` when it is first asked for."""
    if name in __all__:
        from cityai.errors import check_system

        check_system()
    if name == "load_project":
        from cityai.config.load import load_project

        return load_project
    if name == "run_project":
        from cityai.pipeline.run import run_project

        return run_project
    raise AttributeError(f"module 'cityai' has no attribute '{name}'")
