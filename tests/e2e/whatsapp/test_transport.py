"""Who may tell us things, and what is done with what nobody understands."""

import json
import logging
from typing import Any

import httpx
import pytest

from tests.e2e.whatsapp.fake import ACCOUNT_ID, NUMBER_ID, SECRET, Fake
from tests.e2e.whatsapp.street import OLD_SECRET, VERIFY, Street
from tests.loopback import LOOPBACK


def _body(*changes: dict[str, Any]) -> dict[str, Any]:
    return {"object": "whatsapp_business_account", "entry": [{"id": ACCOUNT_ID, "changes": list(changes)}]}


def _messages(**value: Any) -> dict[str, Any]:
    metadata = {"display_phone_number": "15550001234", "phone_number_id": NUMBER_ID}
    return {"field": "messages", "value": {"messaging_product": "whatsapp", "metadata": metadata, **value}}


def test_only_who_knows_the_token_may_set_the_webhook_up(street: Street) -> None:
    said = {"hub.mode": "subscribe", "hub.verify_token": VERIFY, "hub.challenge": "1158201444"}

    def asked(**changes: str) -> httpx.Response:
        query = {**said, **{name.replace("_", ".", 1): told for name, told in changes.items()}}
        return httpx.get(f"{street.url}/v1/webhooks/whatsapp", params=query, **LOOPBACK)

    answer = asked()
    assert (answer.status_code, answer.text) == (200, "1158201444")
    assert asked(hub_verify_token="guessed").status_code == 403  # noqa: S106
    assert asked(hub_mode="unsubscribe").status_code == 403


def test_what_is_not_signed_as_it_came_is_refused_and_nothing_is_kept(street: Street) -> None:
    name = street.many_sent(1)
    raw = street.receipts(name, "delivered")
    spaced = json.dumps(json.loads(raw), indent=1).encode()
    url = f"{street.url}/v1/webhooks/whatsapp"
    signed = {"X-Hub-Signature-256": street.tells(raw, secret="guessed").request.headers["X-Hub-Signature-256"]}  # noqa: S106
    refused = [
        httpx.post(url, content=raw, headers=signed, **LOOPBACK),
        httpx.post(url, content=raw, **LOOPBACK),
        httpx.post(url, content=raw, headers={b"X-Hub-Signature-256": "sha256=é".encode()}, **LOOPBACK),
        street.tells(b" " * 3_250_000),
    ]
    good = street.tells(b"{}").request.headers["X-Hub-Signature-256"]
    refused.append(httpx.post(url, content=spaced, headers={"X-Hub-Signature-256": good}, **LOOPBACK))
    assert all(400 <= answer.status_code < 500 for answer in refused), [answer.status_code for answer in refused]
    assert refused[3].status_code == 413
    street.settles()
    assert street.statuses() == {"accepted": 1}
    assert street.tells(raw, secret=OLD_SECRET).status_code == 200
    street.until(lambda: street.statuses() == {"delivered": 1}, "what the secret before signed")


def test_what_nobody_understands_is_kept_and_told_and_nothing_beside_it_is_lost(
    street: Street, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    name = street.many_sent(1)
    (status,) = json.loads(street.receipts(name, "delivered"))["entry"][0]["changes"][0]["value"]["statuses"]
    changes = [
        {"field": "brand_new", "value": {"something": 1}},
        _messages(messages=[{"id": "wamid.X", "from": "4915112345678", "timestamp": "1", "type": "hologram"}]),
        _messages(messages=None, statuses=None),
        _messages(statuses=[{**status, "timestamp": int(status["timestamp"])}]),
    ]
    assert street.tells(json.dumps(_body(*changes)).encode()).status_code == 200
    street.until(lambda: street.statuses() == {"delivered": 1}, "the status beside it")
    assert any("not understood" in record.getMessage() for record in caplog.records)
    assert SECRET not in caplog.text


def test_what_is_about_another_number_is_put_aside(street: Street, fake: Fake) -> None:
    name = street.many_sent(1)
    raw = street.receipts(name, "delivered").replace(NUMBER_ID.encode(), b"999").replace(ACCOUNT_ID.encode(), b"998")
    assert street.tells(raw).status_code == 200
    street.settles()
    assert street.statuses() == {"accepted": 1}
