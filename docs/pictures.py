"""Pictures of the README, the gallery and the desk, taken of published cards: `make pictures`."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from PIL import Image

DOCS: Final = Path(__file__).parent
CARDS: Final = DOCS.parent / "model_cards"
SHOWN: Final = "sample_requests"
"""The card of the README's picture: its verdict, its widest gap, its map."""
REVIEWED: Final = "waste_tonnage"
"""The card of the desk's pictures."""
ASKED: Final = (
    "The pilot is to begin in March, with one route planner. Please look at Staten Island."
)
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
        with tempfile.TemporaryDirectory() as folder:
            show_desk(browser, Path(folder))
        browser.close()


def show_desk(browser: Any, folder: Path) -> None:
    """Take the pictures of the reviewer's desk, of a copy of a card."""
    program = [sys.executable, "-u", "-m", "cityai", "review"]
    for part in ("configs", f"projects/{REVIEWED}", f"model_cards/{REVIEWED}"):
        shutil.copytree(DOCS.parent / part, folder / part)
    entries = ["keys:"]
    for file, name, role in (("a", "Data office", "data office"), ("b", "Ben Ortiz", "officer")):
        made = [*program, "key", f"{file}.pem", "--name", name, "--role", role]
        told = subprocess.run(made, cwd=folder, check=True, capture_output=True, text=True).stdout
        public = re.findall(r"MC\S+=", told)[0].strip('"')
        entries.append(f'  - {{name: {name}, role: {role}, public: "{public}", since: 2020-01-01}}')
    (folder / "configs" / "keys.yaml").write_text("\n".join(entries) + "\n", "utf-8")
    asked = ["open", f"model_cards/{REVIEWED}", "--key", "a.pem", "--reason", ASKED]
    subprocess.run([*program, *asked], cwd=folder, check=True, capture_output=True)
    serve = [*program, "serve", "--key", "b.pem", "--port", "0"]
    desk = subprocess.Popen(serve, cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        link = next(line.strip() for line in desk.stdout or () if "link=" in line)
        page = browser.new_page(viewport={"width": 1120, "height": 1400}, color_scheme="light")
        page.goto(link)
        page.click("main button")
        page.wait_for_url("**/en/")
        keep(page.locator("body"), DOCS / "pictures" / "desk-queue.png")
        page.goto(f"{page.url}review/{REVIEWED}/pilot")
        keep(page.locator("section:has(> #approve)"), DOCS / "pictures" / "desk-approve.png")
    finally:
        desk.terminate()
        desk.communicate()


def keep(part: Any, path: Path) -> None:
    """Keep a picture of a part of a page, in few colours."""
    image = Image.open(io.BytesIO(part.screenshot())).convert("RGB")
    image.quantize(96, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main()
