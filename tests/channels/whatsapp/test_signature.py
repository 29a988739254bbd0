"""Webhooks that are Meta's, and others."""

import hmac
import json
from dataclasses import replace

import pytest

from nearcast.channels.whatsapp.adapter import Account, WhatsApp
from nearcast.services.channel_ports import BadSignature
from tests.channels.whatsapp.values import ACCOUNT, NOW

RAW = b'{"entry": [{"text": "Caf\\u00e9"}]}'


NOBODY = replace(ACCOUNT, app_secrets=(), verify_token="")


def channel(account: Account = ACCOUNT) -> WhatsApp:
    return WhatsApp(account, now=lambda: NOW)


def signature(secret: str, raw: bytes = RAW) -> str:
    return "sha256=" + hmac.new(secret.encode(), raw, "sha256").hexdigest()


@pytest.mark.parametrize("secret", ACCOUNT.app_secrets)
@pytest.mark.parametrize("name", ["X-Hub-Signature-256", "x-hub-signature-256"])
def test_each_secret_in_use_may_have_signed_it(secret: str, name: str) -> None:
    channel().verify({"Host": "n.example", name: signature(secret)}, RAW)


def test_another_secret_has_not() -> None:
    refused(signature("another"))


def test_what_was_signed_is_the_bytes_and_not_what_they_mean() -> None:
    refused(signature("new secret", json.dumps(json.loads(RAW), ensure_ascii=False).encode()))
    refused(signature("new secret"), RAW + b" ")


@pytest.mark.parametrize(
    "given",
    [
        "",
        "sha256=",
        signature("new secret").removeprefix("sha256="),
        signature("new secret").upper(),
        signature("new secret").replace("sha256", "sha1"),
        "sha256=ü\ud800",
        signature("new secret") + "0",
    ],
)
def test_any_other_header_is_a_bad_signature(given: str) -> None:
    refused(given)


def test_without_a_header_nobody_has_signed_it() -> None:
    with pytest.raises(BadSignature):
        channel().verify({}, RAW)


def test_without_a_secret_nobody_can_have_signed_it() -> None:
    with pytest.raises(BadSignature):
        channel(NOBODY).verify({"X-Hub-Signature-256": signature("")}, RAW)


def refused(given: str, raw: bytes = RAW) -> None:
    with pytest.raises(BadSignature):
        channel().verify({"X-Hub-Signature-256": given}, raw)


@pytest.mark.parametrize(
    ("mode", "token", "ours"),
    [
        ("subscribe", "verify me", True),
        ("subscribe", "verify you", False),
        ("subscribe", "", False),
        ("subscribe", None, False),
        ("subscribe", "ü", False),
        ("unsubscribe", "verify me", False),
        (None, "verify me", False),
    ],
)
def test_a_subscription_is_ours_where_mode_and_token_are_right(mode: str | None, token: str | None, ours: bool) -> None:
    assert channel().is_subscription(mode, token) is ours


def test_without_a_verify_token_no_subscription_is_ours() -> None:
    assert not channel(NOBODY).is_subscription("subscribe", "")
