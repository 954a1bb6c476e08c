"""What every answer carries, and what every request must: who may not ask is told nothing."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

SECRET_HEADER: Final = "x-desk-secret"  # noqa: S105 - a name
"""The header in which a proxy shows that it is the one that was named."""
LEAST_SECRET: Final = 16
"""Characters of that secret."""
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_CARD_POLICY: Final = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'self'"
)
"""Of a published card: no script, no form, an origin of its own, and none of the desk's rights."""
HEADERS: Final = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "x-robots-tag": "noindex, nofollow",
}
CARD_HEADERS: Final = {
    "content-security-policy": _CARD_POLICY,
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "no-referrer",
}


@dataclass(frozen=True)
class SignOn:
    """A city's single sign-on, in front of the desk.

    Attributes
    ----------
    proxy : str
        The address from which it asks.
    header : str
        The header in which it names the user.
    secret : str
        What it shows in `SECRET_HEADER`.
    """

    proxy: str
    header: str
    secret: str

    def find_user(self, peer: str, headers: Mapping[str, str]) -> str:
        """Return whom the proxy names; empty where it is not the proxy that asks."""
        given = headers.get(SECRET_HEADER, "").encode()
        known = secrets.compare_digest(given, self.secret.encode())
        return headers.get(self.header, "") if known and peer == self.proxy else ""


def is_own_host(headers: Mapping[str, str], address: str) -> bool:
    """Tell whether a request names the desk's own address: one by another name is a rebound one."""
    return headers.get("host", "") == address.partition("://")[2]


def is_own_form(headers: Mapping[str, str], address: str) -> bool:
    """Tell whether a form was sent from a page of the desk, as the browser says it."""
    fetched = headers.get("sec-fetch-site", "same-origin")
    return headers.get("origin") == address and fetched == "same-origin"
