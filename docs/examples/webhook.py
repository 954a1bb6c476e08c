"""A receiver for MLflow's webhooks: an alias that moves is held against what people signed.

    CITYAI_WEBHOOK_SECRET=... python webhook.py my-city 8765

It listens on this machine alone; put a reverse proxy with TLS in front of it. Each signed call
about an alias runs `cityai registry check` on that project, and prints what it found. Only Python's
own library is used.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock

SECRET = "CITYAI_WEBHOOK_SECRET"  # noqa: S105 - a name
"""Variable with the secret that was given to MLflow when the webhook was made."""
LARGEST = 65_536
OLDEST = 300
"""Seconds after which a call is taken for a recording of an earlier one."""
ABOUT = {("model_version_alias", "created"), ("model_version_alias", "deleted")}


def sign(secret: str, delivery: str, moment: str, body: bytes) -> str:
    """Return the signature of a call as MLflow makes it: HMAC-SHA256 over id, moment and body."""
    message = f"{delivery}.{moment}.".encode() + body
    made = hmac.new(secret.encode(), message, hashlib.sha256).digest()
    return "v1," + base64.b64encode(made).decode()


class Receiver:
    """Answers calls; each is believed only with its signature, once, and while it is fresh."""

    def __init__(
        self, secret: str, workspace: Path, check: Callable[[Path, str], None] | None = None
    ) -> None:
        if not secret:
            raise SystemExit(f"{SECRET} is empty: without it anybody could call")
        self.secret, self.workspace = secret, workspace
        self.check = check or check_registry
        self.seen: dict[str, float] = {}
        self.lock = Lock()

    def answer(self, headers: Mapping[str, str], body: bytes) -> int:
        """Return the status of a call, after what it asks for was done."""
        delivery = headers.get("X-MLflow-Delivery-Id") or ""
        moment = headers.get("X-MLflow-Timestamp") or ""
        given = (headers.get("X-MLflow-Signature") or "").encode("utf-8", "replace")
        if not hmac.compare_digest(sign(self.secret, delivery, moment, body).encode(), given):
            return 401
        if not moment.isdecimal() or abs(time.time() - int(moment)) > OLDEST:
            return 401
        if not self.is_new(delivery):
            return 409
        try:
            told = json.loads(body)
            event, name = (told["entity"], told["action"]), told["data"]["name"]
        except (ValueError, KeyError, TypeError):
            return 400
        if event not in ABOUT:
            return 204
        known = isinstance(name, str) and re.fullmatch(r"[a-z][a-z0-9_]*", name)
        if not known or not (self.workspace / "projects" / name).is_dir():
            return 404
        self.check(self.workspace, name)
        return 204

    def is_new(self, delivery: str) -> bool:
        """Tell whether a call was not made before, as far back as one is believed."""
        now = time.time()
        with self.lock:
            self.seen = {d: at for d, at in self.seen.items() if now - at <= 2 * OLDEST}
            new = delivery not in self.seen
            self.seen[delivery] = now
        return new


def check_registry(workspace: Path, name: str) -> None:
    """Run the check, and print what it found; let whoever reads this log be told of exit code 1."""
    command = [sys.executable, "-m", "cityai", "registry", "check", f"projects/{name}"]
    done = subprocess.run(command, cwd=workspace, capture_output=True, text=True, check=False)
    sys.stdout.write(f"{name}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    sys.stdout.flush()


def make_server(receiver: Receiver, port: int) -> ThreadingHTTPServer:
    """Return a server on loopback."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length") or ""
            if not length.isdecimal() or int(length) > LARGEST:
                status = 413
            else:
                status = receiver.answer(self.headers, self.rfile.read(int(length)))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing of who called."""

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)


if __name__ == "__main__":
    served = Receiver(os.environ.get(SECRET, ""), Path(sys.argv[1]).resolve())
    make_server(served, int(sys.argv[2])).serve_forever()
