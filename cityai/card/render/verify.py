"""The page of a bundle that checks signatures, chain and digests in any browser."""

from __future__ import annotations

from cityai.card.render.page import open_environment
from cityai.card.render.scripts import read_script, tidy_page


def render_verifier() -> str:
    """Render the page: its only script is allowed by its SHA-256, and no request is."""
    page = open_environment().get_template("verify.html.j2").render(script=read_script("verify.js"))
    return tidy_page(page)
