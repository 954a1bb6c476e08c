"""The card's pictures as MLflow's image grid compares them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from PIL.Image import Image

    from cityai.card.pages import Pages

PICTURES: Final = "pictures"
NAMES: Final = {
    "worst": "worst gap",
    "series": "forecast and outcome",
    "capacity": "what is found",
    "map": "map",
    "drivers": "what moves it",
}
"""What each picture of a card is called in MLflow, by its name on the card, in the order shown."""


def draw_pictures(pages: Pages) -> dict[str, Image]:
    """Return the pictures that two runs are compared by, by name."""
    from cityai.card.figures.bitmap import draw_bitmap

    drawn = {figure.name: figure.narrow for figure in pages.figures}
    kept = [name for name in NAMES if name in drawn]
    return {f"{PICTURES}/{NAMES[name]}": draw_bitmap(drawn[name]) for name in kept}
