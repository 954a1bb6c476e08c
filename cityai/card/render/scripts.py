"""Scripts in a page: their text, and its SHA-256 in the page's Content-Security-Policy."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TEMPLATES = Path(__file__).parents[1] / "templates"


@dataclass(frozen=True, slots=True)
class Script:
    """A script of ours, as it stands between the tags of a page.

    Attributes
    ----------
    text : str
        Its lines, without their indentation and without comments.
    digest : str
        Its SHA-256 as a policy names it: the page lets this text run, and no other.
    """

    text: str
    digest: str


@cache
def read_script(name: str) -> Script:
    """Read one of the scripts that lie beside the templates."""
    lines = (line.strip() for line in (TEMPLATES / name).read_text("utf-8").splitlines())
    text = "\n".join(line for line in lines if line and not line.startswith("//"))
    return Script(text, base64.b64encode(hashlib.sha256(text.encode()).digest()).decode())


def tidy_page(page: str) -> str:
    """Take empty lines and trailing spaces out of a page; a script has neither and stays."""
    return "\n".join(line.rstrip() for line in page.splitlines() if line.strip()) + "\n"
