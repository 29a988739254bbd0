"""An offer on its whole way, over HTTP: by each channel it leaves once, and its link ends it all."""

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from aiosmtpd.controller import Controller
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from nearcast.domain.ids import TenantId
from nearcast.services.access import Role
from nearcast.store.migrate import upgrade
from nearcast.store.sql_store import SqlStore
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
    _service.begin_anew()
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
