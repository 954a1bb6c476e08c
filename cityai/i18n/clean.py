"""Text that every page can show."""

from __future__ import annotations

import re


def clean_text(text: str) -> str:
    """Drop what no page can show: control characters and unpaired surrogates."""
    kept = re.sub(
        r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff\u202a-\u202e\u2066-\u2069\ue000\ue001]",
        "",
        text,
    )
    return kept.encode("utf-8", "ignore").decode("utf-8")
