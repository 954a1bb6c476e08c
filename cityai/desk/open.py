"""Before a desk opens: is there a card, is the port free, is the address one."""

from __future__ import annotations

import socket
from pathlib import Path
from urllib.parse import urlsplit

from cityai.desk.links import HOST
from cityai.errors import StoreError, UserError
from cityai.store.cards import CARDS, JSON


def list_cards(workspace: Path) -> list[str]:
    """List the names of the systems that have a published card."""
    return sorted(path.parent.name for path in (workspace / CARDS).glob(f"*/{JSON}"))


def require_cards(workspace: Path) -> None:
    """Refuse to open where there is nothing to review."""
    if not list_cards(workspace):
        raise StoreError(
            "no card is published: there is nothing to review",
            where=str(workspace / CARDS),
            expected="a folder for each system, with card.json",
            next_step="cityai run PROJECT",
        )


def check_address(address: str) -> str:
    """Return the address of a proxy without a slash at its end.

    Raises
    ------
    UserError
        When it is none over HTTPS, or has a path.
    """
    parts = urlsplit(address.rstrip("/"))
    own = parts.scheme == "http" and parts.hostname in (HOST, "localhost")
    if not parts.netloc or parts.path or parts.query or not (own or parts.scheme == "https"):
        raise UserError(
            f"'{address}' is no address that the desk can be shown at",
            expected="https://NAME, without a path: sign-in must not travel in the clear",
        )
    return f"{parts.scheme}://{parts.netloc.lower()}"


def bind_port(port: int) -> socket.socket:
    """Take a port of this machine alone; 0 for any that is free.

    Raises
    ------
    StoreError
        When another program has it, or the system refuses.
    """
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((HOST, port))
        found.listen(128)
    except (OSError, OverflowError) as error:
        found.close()
        told = error.strerror if isinstance(error, OSError) else str(error)
        raise StoreError(
            f"the desk cannot open at port {port} ({told})",
            where=HOST,
            expected="a port between 1024 and 65535 that no other program has",
            next_step="name another one with --port, or end the desk that is open there",
        ) from None
    return found
