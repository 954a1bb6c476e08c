"""Pictures of the README and the gallery, taken of the published cards: `make pictures`."""

from __future__ import annotations

import io
import os
import shutil
from pathlib import Path
from typing import Any, Final

from PIL import Image

DOCS: Final = Path(__file__).parent
CARDS: Final = DOCS.parent / "model_cards"
SHOWN: Final = "sample_requests"
"""The card of the README's picture: its verdict, its widest gap, its map."""
COMPOSE: Final = """() => {
    const part = id => document.getElementById(id);
    const [box, gap, map] = ['verdict', 'figure-worst', 'figure-map'].map(part);
    const sheet = document.createElement('div');
    sheet.id = 'sheet';
    sheet.style.cssText = 'display:grid;grid-template-columns:1.1fr 1fr;gap:24px 36px;'
        + 'padding:24px;width:1400px;align-items:start;background:var(--page, #fff)';
    const right = document.createElement('div');
    right.append(gap, map);
    sheet.append(box, right);
    document.body.replaceChildren(sheet);
    sheet.querySelectorAll('details, .scroll, a[href^="#figure"]').forEach(e => e.remove());
}"""


def main() -> None:
    """Take all pictures."""
    from playwright.sync_api import sync_playwright

    found = os.environ.get("CITYAI_BROWSER") or shutil.which("chromium") or shutil.which("chrome")
    (DOCS / "pictures").mkdir(exist_ok=True)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1120, "height": 1400}, color_scheme="light")
        for card in sorted(CARDS.glob("*/card.html")):
            page.goto(card.as_uri())
            keep(page.locator("#verdict"), DOCS / "pictures" / f"{card.parent.name}.png")
        page.set_viewport_size({"width": 1460, "height": 1400})
        page.goto((CARDS / SHOWN / "card.html").as_uri())
        page.evaluate(COMPOSE)
        keep(page.locator("#sheet"), DOCS / "card.png")
        browser.close()


def keep(part: Any, path: Path) -> None:
    """Keep a picture of a part of a page, in few colours."""
    image = Image.open(io.BytesIO(part.screenshot())).convert("RGB")
    image.quantize(96, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main()
