"""The receiver of `docs/examples/webhook.py`, called as the installed MLflow calls it."""

from __future__ import annotations

import importlib.util
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow.entities.webhook import WebhookAction, WebhookEntity
from mlflow.webhooks.constants import (
    WEBHOOK_DELIVERY_ID_HEADER,
    WEBHOOK_SIGNATURE_HEADER,
    WEBHOOK_TIMESTAMP_HEADER,
)
from mlflow.webhooks.delivery import _generate_hmac_signature
from mlflow.webhooks.types import ModelVersionAliasCreatedPayload

from tests.review.conftest import NAME, Place

SECRET = "a secret of the tests"


def load() -> Any:
    path = Path(__file__).parents[2] / "docs" / "examples" / "webhook.py"
    spec = importlib.util.spec_from_file_location("webhook", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


WEBHOOK = load()


class Called:
    """A receiver that is served, and what it was made to check."""

    def __init__(self, workspace: Path) -> None:
        self.checked: list[str] = []
        receiver = WEBHOOK.Receiver(SECRET, workspace, lambda _, name: self.checked.append(name))
        self.server = WEBHOOK.make_server(receiver, 0)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"
        self.count = 0

    def call(self, body: bytes, **changed: str) -> int:
        """Call as MLflow does, but for what is changed; return the status."""
        self.count += 1
        delivery = changed.get("delivery", f"delivery {self.count}")
        moment = changed.get("moment", str(int(time.time())))
        text = changed.get("signed", body.decode())
        signature = _generate_hmac_signature(SECRET, delivery, moment, text)
        headers = {
            WEBHOOK_DELIVERY_ID_HEADER: delivery,
            WEBHOOK_TIMESTAMP_HEADER: moment,
            WEBHOOK_SIGNATURE_HEADER: changed.get("signature", signature),
        }
        asked = urllib.request.Request(self.url, body, headers, method="POST")
        try:
            with urllib.request.urlopen(asked, timeout=20) as answered:
                return int(answered.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code


@pytest.fixture
def called(tmp_path: Path) -> Iterator[Called]:
    (tmp_path / "projects" / NAME).mkdir(parents=True)
    made = Called(tmp_path)
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def write_body(name: str = NAME, entity: str = WebhookEntity.MODEL_VERSION_ALIAS.value) -> bytes:
    data = ModelVersionAliasCreatedPayload(name=name, alias="pilot", version="1")
    told = {"entity": entity, "action": WebhookAction.CREATED.value,
            "timestamp": "2026-11-29T12:00:00+00:00", "data": data}  # fmt: skip
    return json.dumps(told).encode()


def test_a_signed_call_about_an_alias_checks_the_registry(called: Called) -> None:
    assert called.call(write_body()) == 204
    assert called.checked == [NAME]


@pytest.mark.parametrize(
    "changed",
    [
        {"signature": "v1,AAAA"},
        {"signature": ""},
        {"signature": "v1,é"},
        {"signed": "another body"},
        {"moment": str(int(time.time()) - 3600)},
        {"moment": "now"},
    ],
)
def test_a_call_that_is_not_signed_now_is_refused(called: Called, changed) -> None:
    if "é" in changed.get("signature", ""):
        changed = {"signature": "v1,\xe9"}
    assert called.call(write_body(), **changed) == 401
    assert called.checked == []


def test_a_recording_of_a_call_is_refused(called: Called) -> None:
    assert called.call(write_body(), delivery="one") == 204
    assert called.call(write_body(), delivery="one") == 409
    assert called.checked == [NAME]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (write_body(entity="model_version"), 204),
        (write_body("../../etc"), 404),
        (write_body("no_project"), 404),
        (b"{}", 400),
        (b"[1]", 400),
        (b"no json", 400),
        (b" " * 70_000, 413),
    ],
)
def test_other_calls_check_nothing(called: Called, body: bytes, status: int) -> None:
    assert called.call(body) == status
    assert called.checked == []


def test_nobody_listens_without_a_secret(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="anybody could call"):
        WEBHOOK.Receiver("", tmp_path)


def test_the_check_is_really_run(place: Place, capsys) -> None:
    WEBHOOK.check_registry(place.folder, NAME)
    told = capsys.readouterr().out
    assert told.startswith(f"{NAME}: exit code 0")
    assert f"projects/{NAME}: 4 pass" in told
