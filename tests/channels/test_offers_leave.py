"""An offer on its whole way, over HTTP: by each channel it leaves once, and its link ends it all."""

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from hmac import digest
from itertools import count
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from aiosmtpd.controller import Controller
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from nearcast.domain.ids import TenantId
from nearcast.services.access import Role
from nearcast.settings import read_settings
from nearcast.store.migrate import upgrade
from nearcast.store.sql_store import SqlStore
from tests.api.phones import handset
from tests.api.service import Service, serving
from tests.api.town import leave, open_shop, ping, rows_of, send
from tests.channels.peers import Peer, Said, peer
from tests.channels.test_email import Box, free_port, read
from tests.channels.test_webpush import Browser
from tests.loopback import LOOPBACK

pytestmark = pytest.mark.enable_socket
TENANT = TenantId("t1")
CLOSING = {"Connection": "close"}
NUMBER, MAIL, CHAT = "+4915112345678", "ada@example.org", "99887766"
BROWSER = Browser(generate_private_key(SECP256R1()))


@dataclass
class Way:
    """A channel with its other side: the settings that lead there, Ada's address, and what has come of late."""

    channel: str
    settings: dict[str, str]
    address: str
    came: Callable[[], list[str]]


@pytest.fixture(scope="module")
def provider() -> Iterator[Peer]:
    with peer(lambda asked: Said(201, b'{"sid": "SM1"}', CLOSING)) as server:
        yield server


@pytest.fixture(scope="module")
def mail_server() -> Iterator[Controller]:
    made = Controller(Box(), hostname="127.0.0.1", port=free_port())
    made.start()
    yield made
    made.stop()


@pytest.fixture(params=["email", "sms", "telegram", "webpush"])
def way(request: pytest.FixtureRequest, provider: Peer, mail_server: Controller) -> Way:
    provider.got.clear()
    if request.param == "email":
        box: Box = mail_server.handler
        box.got.clear()
        settings = {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(mail_server.port), "SMTP_TLS": "none"}
        settings["SMTP_FROM"] = "Café <offers@offers.example>"
        return Way("email", settings, MAIL, lambda: [str(read(each.content).get_content()) for each in box.got])
    if request.param == "sms":
        settings = {"TWILIO_BASE_URL": provider.url, "TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKENS": "hidden"}
        settings["TWILIO_FROM"] = "Cafe"
        provider.say = lambda asked: Said(201, b'{"sid": "SM1"}', CLOSING)
        return Way(
            "sms",
            settings,
            NUMBER,
            lambda: [str(httpx.QueryParams(each.body.decode())["Body"]) for each in provider.got],
        )
    if request.param == "telegram":
        settings = {"TELEGRAM_BASE_URL": provider.url, "TELEGRAM_TOKEN": "1:hidden", "TELEGRAM_WEBHOOK_SECRETS": "x"}
        settings["TELEGRAM_BOT_NAME"] = "cafe_bot"
        provider.say = lambda asked: Said(
            200, b'{"ok": true, "result": {"message_id": 1, "chat": {"id": 99887766}}}', CLOSING
        )
        return Way("telegram", settings, CHAT, lambda: [each.body.decode() for each in provider.got])
    provider.say = lambda asked: Said(201)
    address = BROWSER.subscribed(f"{provider.url}/push/1")
    return Way("webpush", {}, address, lambda: [str(BROWSER.reads(each.body)) for each in provider.got])


@pytest.fixture(scope="module")
def _service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    url = f"sqlite:///{tmp_path_factory.mktemp('ways') / 'nearcast.db'}"
    upgrade(url)
    with closing(SqlStore(url)) as store, serving(store) as service:
        yield service


@pytest.fixture
def service(_service: Service, way: Way, monkeypatch: pytest.MonkeyPatch) -> Service:
    settings = {"PUBLIC_URL": _service.url, "WEBHOOK_NETWORKS": "any", **way.settings}
    for name, value in settings.items():
        monkeypatch.setenv(f"NEARCAST_{name}", value)
    _service.begin_anew(settings=read_settings())
    open_shop(_service, channel=way.channel, offer={"text": "Coffee for Ada"})
    return _service


def agree(service: Service, way: Way) -> httpx.Client:
    operator = service.client()
    contacts = [{"channel": way.channel, "address": way.address}]
    assert operator.post("/v1/customers", json={"id": "ada", "contacts": contacts}).status_code == 201
    nearby = {"purpose": "marketing.nearby", "channel": way.channel, "action": "confirmed", "source": "app"}
    nearby |= {"notice": {"version": "1", "language": "en", "text_sha256": "9f" * 32}}  # type: ignore[dict-item]
    for said in ({"purpose": "location.matching", "action": "granted"}, nearby):
        assert operator.post("/v1/customers/ada/consents", json=said).status_code == 201
    service.clock.step(seconds=1)
    return operator


def come(service: Service) -> None:
    """Ada comes to the door, and a worker has dealt with it a second later."""
    assert send(service, [ping(service)]).json()["accepted"] == 1
    now = service.clock.step(seconds=1)
    with service.app.new_engines("test").of(TENANT) as engine:
        engine.work_pings(now)
        engine.dispatch_due(now)


def test_an_offer_leaves_once_and_its_link_ends_it_all(service: Service, way: Way):
    operator = agree(service, way)
    come(service)
    (came,) = way.came()
    assert "Coffee for Ada" in came
    (message,) = service.client(Role.OWNER).get("/v1/messages").json()["items"]
    assert (message["status"], message["channel"]) == ("accepted", way.channel)
    found = re.search(rf"{service.url}/unsubscribe/[\w.=-]+", came)
    assert found, came
    assert httpx.post(found[0], **LOOPBACK).status_code == 200
    state: list[dict[str, Any]] = operator.get("/v1/customers/ada/consents").json()["state"]
    assert [row["status"] for row in state if row["channel"] == way.channel] == ["withdrawn"]
    leave(service, "ada")
    service.clock.step(hours=6)
    come(service)
    assert len(way.came()) == 1
    last = rows_of(service.client(Role.ANALYST))[0]
    assert (last["outcome"], last["reason"]) == ("suppress", "consent_withdrawn")


def tells(service: Service, channel: str, content: bytes, **headers: str) -> int:
    """A provider's webhook, and then what a worker does with it."""
    answer = httpx.post(f"{service.url}/v1/webhooks/{channel}", content=content, headers=headers, **LOOPBACK)
    while service.app.inbox.work_some(TENANT, service.clock.step(seconds=1), service.clock.now):
        pass
    return answer.status_code


def twilio(service: Service, **said: str) -> int:
    url = f"{service.url}/v1/webhooks/sms"
    signature = digest(b"hidden", (url + "".join(name + said[name] for name in sorted(said))).encode(), "sha1")
    form = {"X-Twilio-Signature": b64encode(signature).decode(), "Content-Type": "application/x-www-form-urlencoded"}
    return tells(service, "sms", urlencode(said).encode(), **form)


def telegram(service: Service, known: str = "x", **said: Any) -> int:
    token = {"X-Telegram-Bot-Api-Secret-Token": known}
    return tells(service, "telegram", json.dumps({"update_id": next(_NUMBERS), **said}).encode(), **token)


def hook(service: Service, update: dict[str, Any], known: str = "x") -> httpx.Response:
    headers = {"X-Telegram-Bot-Api-Secret-Token": known}
    return httpx.post(f"{service.url}/v1/webhooks/telegram", json=update, headers=headers, **LOOPBACK)


def written(service: Service, text: str) -> dict[str, Any]:
    chat, at = {"id": int(CHAT), "type": "private"}, int(service.clock.now().timestamp())
    return {"message_id": next(_NUMBERS), "date": at, "chat": chat, "text": text}


def stands(operator: httpx.Client, channel: str) -> str | None:
    state = operator.get("/v1/customers/ada/consents").json()["state"]
    return next((row["status"] for row in state if row["channel"] == channel), None)


_NUMBERS = count(10)


@pytest.mark.parametrize("way", ["sms"], indirect=True)
def test_twilio_tells_how_far_a_text_came_and_who_wants_no_more(service: Service, way: Way):
    operator = agree(service, way)
    come(service)
    assert twilio(service, MessageSid="SM1", MessageStatus="delivered", AccountSid="AC1") == 200
    (message,) = service.client(Role.OWNER).get("/v1/messages").json()["items"]
    assert message["status"] == "delivered"
    stop = {"MessageSid": "SM2", "From": NUMBER, "To": "+15005550006", "Body": "STOP", "AccountSid": "AC1"}
    unsigned = {"Content-Type": "application/x-www-form-urlencoded"}
    assert tells(service, "sms", urlencode(stop).encode(), **unsigned) == 401
    assert stands(operator, "sms") == "live"
    assert twilio(service, **stop, OptOutType="STOP") == 200
    assert stands(operator, "sms") == "withdrawn"


@pytest.mark.parametrize("way", ["sms"], indirect=True)
def test_a_text_message_agrees_by_a_yes_to_the_question_after_a_start_and_to_nothing_else(service: Service, way: Way):
    operator = agree(service, way)

    def says(text: str, sender: str = NUMBER) -> str | None:
        said = {"MessageSid": f"SM{next(_NUMBERS)}", "From": sender, "To": "+15005550006", "AccountSid": "AC1"}
        assert twilio(service, **said, Body=text) == 200
        return stands(operator, "sms")

    assert says("stop") == "withdrawn"
    assert says("yes") == "withdrawn", "nobody asked"
    assert says("START") == "unconfirmed"
    assert "Answer YES" in way.came()[-1]
    assert says("Yes", sender="+15005550009") == "unconfirmed", "somebody else's number"
    assert says("yes, whatever that means") == "unconfirmed"
    service.clock.step(days=1)
    assert says("YES") == "unconfirmed", "too late"
    assert says("START") == "unconfirmed"
    assert says(" Sí! ") == "live"
    assert "puede escribirte aquí" in way.came()[-1]
    lines = operator.get("/v1/customers/ada/consents").json()["items"]
    assert [each["source"] for each in lines if each["action"] == "confirmed"][-1] == "double opt-in by message"
    sent = len(way.came())
    assert says("yes") == "live"
    assert len(way.came()) == sent, "nobody asked"


@pytest.mark.parametrize("way", ["telegram"], indirect=True)
def test_a_chat_begins_on_the_page_and_ends_with_a_word(service: Service, way: Way):
    operator = service.client()
    assert operator.post("/v1/customers", json={"id": "ada", "language": "en"}).status_code == 201
    phone = handset(service)
    httpx.post(phone.onboarding_url, data={"do": "agree"}, **LOOPBACK)
    led = httpx.post(phone.onboarding_url, data={"do": "chat"}, **LOOPBACK).headers["location"]
    assert led.startswith("https://t.me/cafe_bot?start=")
    assert stands(operator, "telegram") == "unconfirmed"
    start = written(service, f"/start {led.partition('=')[2]}")
    assert telegram(service, "wrong", message=start) == 401
    for _ in range(2):
        assert telegram(service, message=start) == 200
    assert stands(operator, "telegram") == "live"
    assert [json.loads(each)["chat_id"] for each in way.came()] == [CHAT]
    come(service)
    assert "Coffee for Ada" in way.came()[-1]
    assert telegram(service, message=written(service, "Stop!")) == 200
    assert stands(operator, "telegram") == "withdrawn"
    assert len(way.came()) == 3  # the one confirmation
    httpx.post(phone.onboarding_url, data={"do": "chat"}, **LOOPBACK)
    assert telegram(service, message=written(service, f"/start {led.partition('=')[2]}")) == 200
    assert stands(operator, "telegram") == "live"
    left = {"date": 1, "chat": {"id": int(CHAT), "type": "private"}, "new_chat_member": {"status": "kicked"}}
    left["date"] = int(service.clock.now().timestamp())
    assert telegram(service, my_chat_member=left) == 200
    leave(service, "ada")
    service.clock.step(hours=6)
    before = len(way.came())
    come(service)
    assert len(way.came()) == before


@pytest.mark.parametrize("way", ["telegram"], indirect=True)
def test_a_tap_is_told_at_once_that_it_was_heard_and_a_second_time_too(service: Service, way: Way):
    operator = agree(service, way)
    tap = {"id": "4382", "from": {"id": int(CHAT)}, "message": written(service, "offer"), "data": "nc1:stop"}
    heard = {"method": "answerCallbackQuery", "callback_query_id": "4382"}
    body = {"update_id": 9, "callback_query": tap}
    for _ in range(2):
        answer = hook(service, body)
        assert (answer.status_code, answer.json()) == (200, heard)
    assert hook(service, body, known="wrong").status_code == 401
    assert stands(operator, "telegram") == "withdrawn"
    assert hook(service, {"update_id": 10, "message": written(service, "hello")}).json() == {}


@pytest.mark.parametrize("way", ["webpush"], indirect=True)
def test_a_browser_that_is_gone_is_forgotten(service: Service, way: Way, provider: Peer):
    operator = agree(service, way)
    provider.say = lambda asked: Said(410)
    come(service)
    assert [message["status"] for message in service.client(Role.OWNER).get("/v1/messages").json()["items"]] == [
        "failed"
    ]
    assert operator.get("/v1/customers/ada").json()["contacts"] == []
