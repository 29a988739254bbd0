"""Offers in a real browser: its worker is told what our adapter encrypted, and shows it, drops it, or ends it all.

No push service of the world is asked: the browser's own way of subscribing is replaced by keys made here, and what is
delivered is handed to the browser by its developer tools, as it was read with those keys.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, expect

from nearcast.domain.ids import CustomerId, MessageId, TenantId
from nearcast.domain.sending import Accepted, Outbound, Purpose, Recipient, Text
from nearcast.services.opt_out_links import OptOut, OptOutLinks
from nearcast.services.report import rfc3339
from tests.api.people import known
from tests.api.phones import handset
from tests.api.service import Service, serving_sqlite
from tests.channels.peers import Peer, Said, peer
from tests.channels.test_webpush import Browser as Keys
from tests.channels.test_webpush import pusher
from tests.console.watched import PATIENCE_MS, Watched

pytestmark = pytest.mark.enable_socket
ANNA = CustomerId("anna")
SUBSCRIBES = """PushManager.prototype.subscribe = async function (options) {
    window.asked = [options.userVisibleOnly, options.applicationServerKey.length];
    return { toJSON: () => (%s), unsubscribe: async () => true };
}"""
SHOWN = """async () => (await registration.getNotifications()).map((each) => (
    { title: each.title, body: each.body, tag: each.tag, actions: each.actions.map(({ action }) => action) }))"""


@pytest.fixture(scope="module")
def _service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving_sqlite(tmp_path_factory.mktemp("push")) as service:
        yield service


@pytest.fixture
def service(_service: Service) -> Service:
    _service.begin_anew()
    return _service


@dataclass
class Reader:
    """Anna's browser, subscribed; `keys` are what it would keep to itself."""

    service: Service
    push_service: Peer
    keys: Keys
    watched: Watched
    tools: CDPSession
    registrations: list[str]

    @property
    def page(self) -> Page:
        return self.watched.page

    @property
    def context(self) -> BrowserContext:
        return self.page.context

    def in_worker(self, script: str, *said: Any) -> Any:
        return self.context.service_workers[0].evaluate(script, *said)

    def is_pushed(self, body: str, *, left: timedelta, **content: Any) -> None:
        """An offer leaves through our adapter, is read with the browser's keys, and comes to its worker."""
        with self.service.store.reading(TenantId("t1")) as uow:
            (kept,) = [each for each in uow.contacts.of([ANNA])[ANNA] if each.channel == "webpush"]
        now = datetime.now(UTC)
        ends = OptOut(tenant_id=TenantId("t1"), customer_id=kept.customer_id, channel="webpush", sender="t1")
        outbound = Outbound(
            id=MessageId("msg-1"),
            tenant_id=TenantId("t1"),
            sender="t1",
            to=Recipient(address=self.service.app.contacts.opened(TenantId("t1"), kept)),
            content=Text(body=body, **content),
            purpose=Purpose.MARKETING,
            not_after=now + left,
            opt_out_url=OptOutLinks(self.service.app.opt_outs._seals, self.service.url).url(ends),
            topic="camp-7",
        )
        assert pusher(lambda: now).send(outbound) == Accepted()
        data = json.dumps(self.keys.reads(self.push_service.got[-1].body))
        said = {"origin": self.service.url, "registrationId": self.registrations[-1], "data": data}
        self.tools.send("ServiceWorker.deliverPushMessage", said)

    def shows(self, count: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.in_worker(SHOWN)
        until = monotonic() + PATIENCE_MS / 1000
        while len(found) != count and monotonic() < until:
            self.page.wait_for_timeout(50)
            found = self.in_worker(SHOWN)
        return found


@pytest.fixture
def reader(browser: Browser, service: Service) -> Iterator[Reader]:
    known(service, language="en")
    phone = handset(service, "anna")
    keys = Keys(generate_private_key(SECP256R1()))
    context = browser.new_context(locale="en-GB")
    context.grant_permissions(["notifications"], origin=service.url)
    with peer(lambda asked: Said(201)) as push_service:
        context.add_init_script(SUBSCRIBES % keys.subscribed(f"{push_service.url}/push/1"))
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        watched = Watched(page)
        tools = context.new_cdp_session(page)
        registrations: list[str] = []
        tools.on(
            "ServiceWorker.workerRegistrationUpdated",
            lambda said: registrations.extend(each["registrationId"] for each in said["registrations"]),
        )
        tools.send("ServiceWorker.enable")
        page.goto(phone.onboarding_url)
        page.get_by_role("button", name="I agree").click()
        page.get_by_role("button", name="Show me offers in this browser").click()
        expect(page.get_by_text("You get offers in a browser.")).to_be_visible()
        yield Reader(service, push_service, keys, watched, tools, registrations)
    context.close()


def statuses(service: Service) -> list[str]:
    rows = service.client().get("/v1/customers/anna/consents").json()["state"]
    return [row["status"] for row in rows if row["channel"] == "webpush"]


def test_an_offer_is_shown_until_it_is_over_the_newer_one_takes_its_place_and_stop_ends_it_all(reader: Reader):
    assert statuses(reader.service) == ["live"]
    reader.is_pushed("Coffee −20 %", left=timedelta(minutes=20), title="Café Central")
    (first,) = reader.shows(1)
    assert (first["title"], first["body"], first["actions"]) == ("Café Central", "Coffee −20 %", ["stop"])
    reader.is_pushed("Coffee −30 %", left=timedelta(minutes=20), title="Café Central")
    reader.page.wait_for_timeout(300)
    (second,) = reader.shows(1)
    assert (second["body"], second["tag"]) == ("Coffee −30 %", first["tag"])
    reader.in_worker("() => { Date.now = () => new Date().getTime() + 30 * 60_000; }")
    reader.is_pushed("Tea −20 %", left=timedelta(minutes=20))
    assert reader.shows(0) == []
    assert reader.watched.hosts == {"127.0.0.1"}

    reader.is_pushed("Tea −30 %", left=timedelta(minutes=50))
    assert [each["title"] for each in reader.shows(1)] == ["Tea −30 %"]
    reader.in_worker("""async () => {
        const [notification] = await registration.getNotifications();
        self.dispatchEvent(new NotificationEvent("notificationclick", { notification, action: "stop" }));
    }""")
    assert reader.shows(0) == []
    until = monotonic() + PATIENCE_MS / 1000
    while statuses(reader.service) != ["withdrawn"] and monotonic() < until:
        reader.page.wait_for_timeout(50)
    assert statuses(reader.service) == ["withdrawn"]


def renews(reader: Reader, keys: Keys, path: str) -> None:
    """The push service has given the browser other keys, and the worker is told."""
    subscription = keys.subscribed(f"{reader.push_service.url}{path}")
    reader.in_worker(f"""() => {{
        PushManager.prototype.subscribe = async () => ({{
            toJSON: () => ({subscription}), unsubscribe: async () => {{ self.hasLeft = true; }}
        }});
        self.dispatchEvent(new ExtendableEvent("pushsubscriptionchange"));
    }}""")


def waits_for(reader: Reader, is_so: Callable[[], bool]) -> None:
    until = monotonic() + PATIENCE_MS / 1000
    while not is_so():
        assert monotonic() < until
        reader.page.wait_for_timeout(50)


def reached_at(reader: Reader) -> str:
    with reader.service.store.reading(TenantId("t1")) as uow:
        said = reader.service.app.contacts.read(uow, TenantId("t1"), [ANNA])[ANNA]
    return next(each["address"] for each in said if each["channel"] == "webpush")


def test_offers_go_on_to_another_subscription_and_end_with_the_consent(reader: Reader):
    reader.is_pushed("Coffee −10 %", left=timedelta(minutes=20))
    assert [each["title"] for each in reader.shows(1)] == ["Coffee −10 %"]
    for path in ("/push/2", "/push/3"):
        reader.keys = Keys(generate_private_key(SECP256R1()))
        renews(reader, reader.keys, path)
        waits_for(reader, lambda path=path: path in reached_at(reader))  # type: ignore[misc]
    reader.is_pushed("Coffee −20 %", left=timedelta(minutes=20))
    waits_for(reader, lambda: [each["title"] for each in reader.shows(1)] == ["Coffee −20 %"])
    assert reader.push_service.got[-1].path == "/push/3"
    assert statuses(reader.service) == ["live"]

    at = rfc3339(reader.service.app.clock.now())
    ended = {"purpose": "marketing.nearby", "channel": "webpush", "action": "withdrawn", "at": at, "source": "desk"}
    assert reader.service.client().post("/v1/customers/anna/consents", json=ended).status_code == 201
    renews(reader, reader.keys, "/push/4")
    waits_for(reader, lambda: reader.in_worker("() => self.hasLeft === true"))
    assert "/push/3" in reached_at(reader)


def test_the_page_takes_it_back_too(reader: Reader):
    assert reader.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    reader.page.get_by_role("button", name="No more offers in this browser").click()
    expect(reader.page.get_by_role("button", name="Show me offers in this browser")).to_be_visible()
    expect(reader.page.get_by_text("Your browser asks you once more")).to_be_visible()
    assert statuses(reader.service) == ["withdrawn"]


def test_who_lets_the_browser_show_nothing_has_agreed_to_nothing(browser: Browser, service: Service):
    known(service, language="en")
    phone = handset(service, "anna")
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    page.add_init_script("Notification.requestPermission = async () => 'denied'")
    page.goto(phone.onboarding_url)
    page.get_by_role("button", name="I agree").click()
    page.get_by_role("button", name="Show me offers in this browser").click()
    expect(page.get_by_role("alert")).to_contain_text("Allow notifications for this site")
    assert statuses(service) == []
    context.close()
