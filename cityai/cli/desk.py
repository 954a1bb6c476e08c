"""`cityai review serve` and `cityai review link`: the reviewer's desk in the browser."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cityai.cli.console import tell
from cityai.cli.review import review
from cityai.errors import UserError

if TYPE_CHECKING:
    from cityai.desk.sessions import SignOn

Port = Annotated[int, typer.Option("--port", help="Port of this machine; 0 for any free one.")]
DEFAULT = 8765


@review.command("serve")
def serve(
    folder: Annotated[
        Path | None, typer.Argument(help="A folder of the workspace; the present one without it.")
    ] = None,
    key: Annotated[
        list[str] | None,
        typer.Option("--key", help="A reviewer's private key (several); CITYAI_KEY without it."),
    ] = None,
    port: Port = DEFAULT,
    address: Annotated[
        str, typer.Option("--address", help="Where a proxy shows it: https://review.city.example.")
    ] = "",
    proxy: Annotated[
        str, typer.Option("--proxy", help="Single sign-on: the address that the proxy asks from.")
    ] = "",
    user_header: Annotated[
        str, typer.Option("--user-header", help="Single sign-on: the header with the user.")
    ] = "",
    secret_variable: Annotated[
        str, typer.Option("--secret-variable", help="Single sign-on: variable with its secret.")
    ] = "",
) -> None:
    """Open the reviewer's desk in the browser, on this machine."""
    from cityai.config.places import find_state, find_workspace
    from cityai.desk.links import HOST, Links
    from cityai.desk.open import bind_port, check_address, require_cards
    from cityai.desk.reviewers import read_reviewers
    from cityai.pipeline.provenance import read_clock
    from cityai.store.stages import open_store

    workspace = find_workspace((folder or Path.cwd()).resolve())
    require_cards(workspace)
    sign_on = _read_sign_on(proxy, user_header, secret_variable)
    today = read_clock().date()
    named = key or [path for path in (os.environ.get("CITYAI_KEY"),) if path]
    reviewers = read_reviewers(workspace, named, today, with_users=sign_on is not None)
    public = check_address(address) if address else ""
    at = bind_port(port)
    found = int(at.getsockname()[1])
    public = public or f"http://{HOST}:{found}"
    links = Links(open_store(find_state(workspace)).state, found)
    links.begin(public, {r.keyid: (r.name, r.role) for r in reviewers.values()})
    tell(f"The desk is at {public}; Ctrl-C ends it.")
    for reviewer in reviewers.values() if sign_on is None else ():
        tell(f"{reviewer.name} ({reviewer.role}), once and within 15 minutes:")
        tell(f"  {links.make(reviewer.keyid)}")
    if sign_on is None:
        tell("A new link: cityai review link NAME" + f" --port {found}" * (found != DEFAULT))
    from cityai.desk.app import Desk, serve_desk

    try:
        serve_desk(Desk(workspace, public, reviewers, links, sign_on), at)
    except KeyboardInterrupt:
        tell("The desk is closed.")


@review.command("link")
def link(
    who: Annotated[str, typer.Argument(metavar="NAME", help="The reviewer's name, or role.")],
    port: Port = DEFAULT,
) -> None:
    """Make another link to sign in at a desk that is open."""
    from cityai.config.places import find_state, find_workspace
    from cityai.desk.links import make_new_link

    name, made = make_new_link(find_state(find_workspace(Path.cwd())), port, who)
    tell(f"{name}, once and within 15 minutes:\n  {made}")


def _read_sign_on(proxy: str, header: str, variable: str) -> SignOn | None:
    """Read the three that a single sign-on needs; none of them for none."""
    from cityai.desk.sessions import LEAST_SECRET, SignOn

    if not (proxy or header or variable):
        return None
    secret = os.environ.get(variable, "")
    if not (proxy and header and len(secret) >= LEAST_SECRET):
        raise UserError(
            "a single sign-on is not described whole",
            expected="--proxy ADDRESS, --user-header NAME and --secret-variable NAME, the last the "
            f"name of an environment variable with {LEAST_SECRET} characters or more",
            next_step="see docs/reviewing.md, or leave all three out for one-time links",
        )
    return SignOn(proxy, header.lower(), secret)
