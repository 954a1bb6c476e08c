"""Gallery of the repository's cards, made from their records when the site is built."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

CARDS: Final = Path(__file__).parents[1] / "model_cards"
PICTURES: Final = "pictures"
PAGE: Final = "gallery.md"
HEAD: Final = """# The nine cards

Each is what a run published, as it is, where it flatters and where it does not. The word follows
from the rules that the city wrote in its policy. Seven are of real open data; Port Ellery is
invented, and its faults are planted.
"""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the gallery, and the cards that it leads to."""
    files.append(File.generated(config, PAGE, content=write_gallery()))
    for path in sorted(CARDS.glob("*/card*.html")):
        name = f"cards/{path.relative_to(CARDS).as_posix()}"
        files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def write_gallery() -> str:
    """Return the gallery as Markdown."""
    return "\n".join([HEAD, *(_write_card(path.parent.name) for path in list_cards())])


def list_cards() -> list[Path]:
    """List the records of the cards."""
    return sorted(CARDS.glob("*/card.json"))


def read_card(name: str) -> dict[str, Any]:
    """Read the record of a card."""
    from cityai.card.verify import read_record

    return read_record((CARDS / name / "card.json").read_bytes()).model_dump(mode="json")


def tell_figures(card: dict[str, Any]) -> tuple[str, str, str, str]:
    """Return what is measured, and its figure for the forecast, for today, and for the best rule.

    Forecasts are told by the error (WAPE), lists by the share of all true cases that they find.
    """
    metrics = card["eval"]["metrics"]
    ranked = any(m["metric"] == "recall" for m in metrics)
    found = {
        m["slice"]["model"]: m["value"]
        for m in metrics
        if m["metric"] == ("recall" if ranked else "wape")
        and list(m["slice"]) == ["model"]
        and m.get("value") is not None
    }
    rules = [value for name, value in found.items() if name.startswith("baseline.")]
    today = found["baseline." + card["eval"]["practice"]]
    best = max(rules) if ranked else min(rules)
    told = "share found" if ranked else "error"
    return (told, *(f"{100 * v:.1f} %" for v in (found["forecast"], today, best)))


def _write_card(name: str) -> str:
    card = read_card(name)
    told, own, today, best = tell_figures(card)
    verdict, system = card["verdict"], card["system"]
    link = f"cards/{name}/card.html"
    return f"""
## {_text(system["name"])}

[![Verdict of the card: {verdict["word"]}]({PICTURES}/{name}.png){{ loading=lazy }}]({link})

**{verdict["word"].capitalize()}.** {_text(verdict["because"])} {_text(system["summary_plain"])}

| {told} | of today's practice | of the best simple rule |
| --- | --- | --- |
| {own} | {today} | {best} |

[Read the card]({link})
"""


def _text(value: Any) -> str:
    return str(value["text"] if isinstance(value, dict) else value or "")
