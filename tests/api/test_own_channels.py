"""Channels that begin on the onboarding page: this browser, and a chat with a bot."""

import json
import re
from base64 import urlsafe_b64encode
from datetime import timedelta
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from nearcast.domain.channel_event import Inbound, InboundKind
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.domain.sending import LearntKey, Recipient
from nearcast.services.chat_start import ChatStart, StartTokens
from nearcast.services.conversation import Heard
from nearcast.services.identities import Identities
from nearcast.services.own_channels import OwnChannels
from nearcast.services.replies import Replies
from nearcast.services.terms import Terms
from tests.api.people import known
from tests.api.phones import Handset, handset
from tests.api.service import Service
from tests.loopback import LOOPBACK

pytestmark = pytest.mark.enable_socket
TENANT = TenantId("t1")
CHAT = "99887766"


def key(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


POINT = generate_private_key(SECP256R1()).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
SUBSCRIPTION: dict[str, Any] = {
    "endpoint": "https://push.example/secret-1",
    "expirationTime": None,
    "keys": {"p256dh": key(POINT), "auth": key(bytes(16))},
}


def invited(service: Service, *, agrees: bool = True) -> tuple[httpx.Client, Handset]:
    """An operator who knows Anna, and the phone that she was invited to set up."""
    operator = known(service, language="en")
    phone = handset(service, "anna")
    if agrees:
        assert press(phone, "agree").status_code == 200
    return operator, phone


def press(phone: Handset, do: str, **more: Any) -> httpx.Response:
    return httpx.post(phone.onboarding_url, data={"do": do}, **{"follow_redirects": True, **more}, **LOOPBACK)


def subscribe(phone: Handset, said: Any = None) -> httpx.Response:
    return httpx.post(f"{phone.onboarding_url}/browser", json=SUBSCRIPTION if said is None else said, **LOOPBACK)


def status(operator: httpx.Client, channel: str) -> str | None:
    rows = operator.get("/v1/customers/anna/consents").json()["state"]
    return next((row["status"] for row in rows if row["channel"] == channel), None)


def lines(operator: httpx.Client, channel: str) -> list[dict[str, Any]]:
    return [row for row in operator.get("/v1/customers/anna/consents").json()["items"] if row["channel"] == channel]


def address(operator: httpx.Client, channel: str) -> str | None:
    contacts = operator.get("/v1/customers/anna").json()["contacts"]
    return next((each["address"] for each in contacts if each["channel"] == channel), None)


def test_a_browser_is_subscribed_by_a_press_and_its_owners_second_yes(service: Service):
    operator, phone = invited(service)
    text = httpx.get(phone.onboarding_url, **LOOPBACK).text
    assert re.search(r'data-key="[\w-]{87}"', text)
    assert "Show me offers in this browser" in text
    assert status(operator, "webpush") is None
    assert subscribe(phone).status_code == 200
    granted, confirmed = lines(operator, "webpush")
    assert (granted["action"], confirmed["action"], status(operator, "webpush")) == ("granted", "confirmed", "live")
    assert "in this browser" in confirmed["notice"]["text"]
    assert confirmed["capture_method"] == "double_opt_in"
    kept = json.loads(address(operator, "webpush") or "")
    assert kept == {name: SUBSCRIPTION[name] for name in ("endpoint", "keys")}
    assert address(operator, "sms") == "+4915112345678"
    assert "You get offers in a browser." in httpx.get(phone.onboarding_url, **LOOPBACK).text


def test_a_browser_that_is_subscribed_anew_takes_the_place_of_the_one_before(service: Service):
    operator, phone = invited(service)
    subscribe(phone)
    assert subscribe(phone, {**SUBSCRIPTION, "endpoint": "https://push.example/secret-2"}).status_code == 200
    assert "secret-2" in (address(operator, "webpush") or "")
    assert len(lines(operator, "webpush")) == 2


def test_the_way_out_takes_the_consent_back_and_forgets_the_browser(service: Service):
    operator, phone = invited(service)
    subscribe(phone)
    for _ in range(2):
        assert httpx.delete(f"{phone.onboarding_url}/browser", **LOOPBACK).status_code == 204
    assert (status(operator, "webpush"), address(operator, "webpush")) == ("withdrawn", None)
    assert len(lines(operator, "webpush")) == 3
    service.clock.step(seconds=1)
    subscribe(phone)
    assert status(operator, "webpush") == "live"


def test_no_browser_is_taken_of_who_shares_nothing_and_none_that_is_no_subscription(service: Service):
    operator, phone = invited(service, agrees=False)
    assert subscribe(phone).status_code == 409
    press(phone, "agree")
    odds: list[Any] = [
        {"endpoint": "https://push.example/secret-1"},
        {**SUBSCRIPTION, "endpoint": "ftp://x"},
        [],
        "x" * 3000,
    ]
    for odd in odds:
        refused = subscribe(phone, odd)
        assert (refused.status_code, "secret" in refused.text) == (422, False), odd
    assert httpx.post(f"{phone.onboarding_url[:-8]}/browser", json=SUBSCRIPTION, **LOOPBACK).status_code == 404
    assert subscribe(phone, {**SUBSCRIPTION, "more": "x" * 5000}).status_code == 413
    assert (lines(operator, "webpush"), address(operator, "webpush")) == ([], None)


def test_what_a_browser_is_reached_by_survives_being_read_and_written_by_an_operator(service: Service):
    operator, phone = invited(service)
    long = {**SUBSCRIPTION, "endpoint": "https://push.example/" + "x" * 1400}
    assert subscribe(phone, long).status_code == 200
    read = operator.get("/v1/customers/anna").json()
    document = {name: value for name, value in read.items() if name != "id"}
    assert operator.put("/v1/customers/anna", json=document).is_success
    assert json.loads(address(operator, "webpush") or "")["endpoint"] == long["endpoint"]


def bot(service: Service) -> ChatStart:
    """Who answers in the chat, with a bot that can be linked to."""
    app = service.app
    vault, terms = app.onboarding._tokens._vault, Terms()
    replies = Replies(service.store, vault, lambda _name: None, dice=lambda: 0.5)
    return ChatStart(terms, vault, app.contacts, Identities(vault, app.contacts), replies)


def writes(service: Service, text: str, chat: str = CHAT, channel: str = "telegram") -> bool:
    now = service.clock.step(seconds=1)
    keys = (LearntKey(kind="tg_chat", key=chat),)
    said = Inbound(
        key=f"m:{now}",
        at=now,
        kind=InboundKind.TEXT,
        sender_keys=keys,
        received_by="4711",
        provider_id=f"{chat}:{now.timestamp():.0f}",
        text=text,
    )
    heard = Heard(tenant_id=TENANT, channel=channel, inbound=said, customers=(), sender=Recipient(address=chat))
    with service.store.writing(TENANT) as uow:
        taken = bot(service).handle(uow, heard, now)
        uow.commit()
    return taken


def start_of(service: Service, phone: Handset) -> str:
    """What Telegram sends when the customer presses START behind the page's button."""
    service.app.onboarding._opened(phone.onboarding_url.rpartition("/")[2], service.clock.now())
    return f"/start {service.app.onboarding.begin_chat(phone.onboarding_url.rpartition('/')[2], service.clock.now())}"


def test_a_chat_is_theirs_who_press_start_behind_the_link_of_their_page(service: Service):
    operator, phone = invited(service)
    start = start_of(service, phone)
    assert re.fullmatch(r"/start [A-Za-z0-9_-]{1,64}", start)
    assert (status(operator, "telegram"), address(operator, "telegram")) == ("unconfirmed", None)
    assert writes(service, start)
    assert (status(operator, "telegram"), address(operator, "telegram")) == ("live", CHAT)
    granted, confirmed = lines(operator, "telegram")
    assert confirmed["notice"] == granted["notice"]
    assert CHAT not in json.dumps(confirmed)
    with service.store.reading(TENANT) as uow:
        assert [each.kind for each in uow.contact_keys.of(CustomerId("anna"))] == ["tg_chat"]
    assert writes(service, start)
    assert len(lines(operator, "telegram")) == 2
    assert "You get offers by Telegram" not in httpx.get(phone.onboarding_url, **LOOPBACK).text


@pytest.mark.parametrize("change", ["forged", "late", "revoked", "withdrawn", "another"])
def test_no_chat_is_bound_by_a_token_that_is_not_good(service: Service, change: str):
    operator, phone = invited(service)
    start = start_of(service, phone)
    if change == "forged":
        start = start[:-1] + ("0" if start[-1] != "0" else "1")
    if change == "late":
        service.clock.step(days=1)
    if change == "revoked":
        assert operator.delete(f"/v1/devices/{phone.device_id}").is_success
    if change == "withdrawn":
        said = {"purpose": "marketing.nearby", "action": "withdrawn"}
        assert operator.post("/v1/customers/anna/consents", json=said).is_success
    if change == "another":
        start = "/start " + "0" * 56
    assert writes(service, start)
    assert (status(operator, "telegram") == "live", address(operator, "telegram")) == (False, None)


def test_other_words_and_other_channels_are_for_others(service: Service):
    _, phone = invited(service)
    start = start_of(service, phone)
    assert not writes(service, "/start")
    assert not writes(service, "stop")
    assert not writes(service, start, channel="sms")


def test_the_page_leads_to_the_bot_where_there_is_one(service: Service):
    operator, phone = invited(service)
    assert "Telegram" not in httpx.get(phone.onboarding_url, **LOOPBACK).text
    ours = service.app.own_channels
    with_bot = OwnChannels(ours.browser_key, "cafe_bot", ours.subscription_address)
    object.__setattr__(service.app, "own_channels", with_bot)
    assert "Get offers by Telegram" in httpx.get(phone.onboarding_url, **LOOPBACK).text
    sent = press(phone, "chat", follow_redirects=False)
    assert sent.headers["location"].startswith("https://t.me/cafe_bot?start=")
    writes(service, "/start " + sent.headers["location"].partition("=")[2])
    assert "You get offers by Telegram." in httpx.get(phone.onboarding_url, **LOOPBACK).text
    press(phone, "leave chat")
    assert (status(operator, "telegram"), address(operator, "telegram")) == ("withdrawn", None)


def test_a_start_token_is_good_for_a_day(service: Service):
    tokens, now = StartTokens(service.app.onboarding._tokens._vault), service.clock.now()
    token = tokens.token("dev-0123456789abcdef", now)
    assert tokens.device_id(token, now + timedelta(hours=23)) == "dev-0123456789abcdef"
    assert tokens.device_id(token, now + timedelta(hours=24)) is None
    for odd in ("", token[:-1], token + "0", token.upper(), "é" * 56):
        assert tokens.device_id(odd, now) is None


def renew(phone: Handset, token: Any, said: Any) -> httpx.Response:
    folder = phone.onboarding_url.rpartition("/")[0]
    return httpx.post(f"{folder}/browser/renewal", json={"token": token, "subscription": said}, **LOOPBACK)


def test_a_browser_tells_its_next_address_by_the_token_of_the_one_before(service: Service) -> None:
    operator, phone = invited(service)
    first = subscribe(phone).json()["token"]
    second, third = ({**SUBSCRIPTION, "endpoint": f"https://push.example/secret-{n}"} for n in (2, 3))
    renewed = renew(phone, first, second)
    assert renewed.json()["key"] == service.app.own_channels.browser_key
    assert "secret-2" in (address(operator, "webpush") or "")
    assert renew(phone, first, third).status_code == 404
    assert renew(phone, renewed.json()["token"][:-2], third).status_code == 404
    assert renew(phone, 7, third).status_code == renew(phone, first, "x").status_code == 422
    assert "secret-2" in (address(operator, "webpush") or "")
    assert renew(phone, renewed.json()["token"], third).status_code == 200
    assert httpx.delete(f"{phone.onboarding_url}/browser", **LOOPBACK).status_code == 204
    assert renew(phone, renewed.json()["token"], third).status_code == 404
