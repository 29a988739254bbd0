"""The check-in page in a real browser: what a guest sees, what leaves the phone, and that Stop stops it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, Response, expect

from nearcast.services.access import Role
from tests.api.phones import Handset, handset
from tests.api.service import NOON, Service, serving_sqlite
from tests.api.town import LAT, LON, agree, open_shop, rows_of, work
from tests.console.watched import PATIENCE_MS, Watched

pytestmark = pytest.mark.enable_socket
FEED = "**/v1/feeds/checkin"
NARROW: dict[str, Any] = {"viewport": {"width": 320, "height": 568}, "has_touch": True, "is_mobile": True}
SHARING, STOPPED = "You are sharing your position.", "Stopped. Nothing more is sent."


@pytest.fixture(scope="module")
def _service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving_sqlite(tmp_path_factory.mktemp("checkin")) as service:
        yield service


@pytest.fixture
def service(_service: Service) -> Service:
    _service.begin_anew()
    open_shop(_service)
    agree(_service, "ada")
    return _service


@dataclass
class Guest:
    """A guest with the page of a link open, at NOON by their phone as by the service."""

    service: Service
    phone: Handset
    page: Page
    watched: Watched
    sent: list[Request] = field(default_factory=list)

    @property
    def context(self) -> BrowserContext:
        return self.page.context

    def be_at(self, lat: float, lon: float = LON) -> None:
        self.context.set_geolocation({"latitude": lat, "longitude": lon, "accuracy": 8})

    def wait(self, **time: float) -> None:
        """Time goes by, for the phone and for the service."""
        self.service.clock.step(**time)
        self.page.clock.fast_forward(int(timedelta(**time).total_seconds() * 1000))

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name).click()

    def sees(self, text: str) -> None:
        expect(self.page.locator("main")).to_contain_text(text, timeout=PATIENCE_MS)


@pytest.fixture
def guest(service: Service, browser: Browser) -> Iterator[Guest]:
    phone = handset(service, feed="checkin")
    yield from arrived(service, browser, phone, permissions=["geolocation"])


@pytest.fixture
def shy_guest(service: Service, browser: Browser) -> Iterator[Guest]:
    """Whose browser lets no page see where they are."""
    yield from arrived(service, browser, handset(service, feed="checkin"), permissions=[])


def arrived(service: Service, browser: Browser, phone: Handset, **context: Any) -> Iterator[Guest]:
    page = browser.new_context(**NARROW, locale="en-GB", timezone_id="Europe/Berlin", **context).new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.clock.install(time=NOON)
    guest = Guest(service, phone, page, Watched(page))
    page.on("request", lambda request: guest.sent.append(request) if "/v1/" in request.url else None)
    guest.be_at(LAT + 0.002)
    page.goto(f"{service.url}/checkin#{phone.token}")
    yield guest
    page.context.close()


def fixes_of(answer: Response) -> list[dict[str, Any]]:
    """What the page sent."""
    found: list[dict[str, Any]] = answer.request.post_data_json or []
    return found


def test_a_guest_who_shares_walks_in_and_is_sent_the_offer_until_they_press_stop(guest: Guest) -> None:
    guest.sees("You are not sharing.")
    assert guest.sent == []
    guest.press("Share")
    guest.sees(SHARING)
    guest.sees("exact to 8 m")
    with guest.page.expect_response(FEED) as answer:
        guest.wait(minutes=4)
    assert answer.value.json() == {"accepted": 1, "rejected": {}}
    guest.be_at(LAT)
    with guest.page.expect_response(FEED) as answer:
        guest.wait(seconds=6)
    assert [fix["lat"] for fix in fixes_of(answer.value)] == [LAT]
    guest.service.clock.step(seconds=1)
    work(guest.service)
    (row,) = rows_of(guest.service.client(Role.ANALYST))
    assert (row["campaign_id"], row["trigger"], row["outcome"]) == ("cafe-offer", "enter", "send")

    guest.press("Stop")
    guest.sees(STOPPED)
    sent = len(guest.sent)
    guest.be_at(LAT + 0.01)
    guest.wait(minutes=2)
    guest.page.wait_for_timeout(300)
    assert len(guest.sent) == sent
    assert guest.watched.errors == []
    assert guest.watched.hosts == {"127.0.0.1"}


def test_who_stands_still_is_seen_standing_there(guest: Guest) -> None:
    guest.press("Share")
    guest.sees(SHARING)
    for _ in range(2):
        with guest.page.expect_response(FEED) as answer:
            guest.wait(seconds=31)
        assert answer.value.json()["accepted"] == 1


def test_nothing_of_the_guest_is_kept_on_the_phone(guest: Guest) -> None:
    assert guest.phone.token not in guest.page.url
    guest.press("Share")
    guest.sees(SHARING)
    kept = guest.page.evaluate("""async () => {
        await navigator.serviceWorker.ready;
        const names = await caches.keys(), requests = await Promise.all(
            names.map(async (name) => (await caches.open(name)).keys()));
        return {
            paths: requests.flat().map((request) => new URL(request.url).pathname),
            local: localStorage.length, databases: (await indexedDB.databases()).length, cookies: document.cookie,
        };
    }""")
    assert {"/checkin", "/checkin/page.js"} <= set(kept["paths"])
    assert all(path.startswith("/checkin") for path in kept["paths"])
    assert (kept["local"], kept["databases"], kept["cookies"]) == (0, 0, "")
    assert guest.sent[0].headers["authorization"] == f"Bearer {guest.phone.token}"
    assert all(guest.phone.token not in request.url for request in guest.sent)


def test_a_page_without_its_link_says_what_to_do(guest: Guest) -> None:
    guest.page.evaluate("sessionStorage.clear()")
    guest.page.goto(f"{guest.service.url}/checkin")
    guest.page.reload()
    guest.sees("This page works with the link that you were given.")
    expect(guest.page.get_by_role("button", name="Share")).to_be_disabled()


def test_a_phone_that_may_not_tell_says_how_to_allow_it(shy_guest: Guest) -> None:
    shy_guest.press("Share")
    shy_guest.sees("Allow location for this site in the settings of your browser")
    expect(shy_guest.page.get_by_role("alert")).to_be_visible()
    expect(shy_guest.page.get_by_role("button", name="Share")).to_be_focused()
    assert shy_guest.sent == []


def test_a_consent_that_is_taken_back_ends_the_page(guest: Guest) -> None:
    guest.press("Share")
    guest.sees(SHARING)
    said = {"purpose": "location.matching", "action": "withdrawn"}
    assert guest.service.client().post("/v1/customers/ada/consents", json=said).status_code == 201
    guest.wait(seconds=10)
    guest.be_at(LAT)
    guest.sees("This link is not valid any more.")
    expect(guest.page.get_by_role("button", name="Share")).to_be_disabled()
    assert guest.page.evaluate("sessionStorage.length") == 0


def test_who_has_not_agreed_is_told_that_nothing_was_kept(service: Service, browser: Browser) -> None:
    assert service.client().put("/v1/customers/bob", json={}).is_success
    for guest in arrived(service, browser, handset(service, "bob", "checkin"), permissions=["geolocation"]):
        guest.press("Share")
        guest.sees("You have not agreed yet")


def test_what_cannot_be_sent_waits_for_five_minutes_and_no_longer(guest: Guest) -> None:
    guest.press("Share")
    guest.sees(SHARING)
    guest.context.set_offline(True)
    guest.wait(minutes=3)
    guest.sees("The site does not answer.")
    guest.be_at(LAT)
    for minutes in (4, 2):
        guest.wait(minutes=minutes)
        guest.page.wait_for_timeout(200)
    with guest.page.expect_response(FEED) as answer:
        guest.context.set_offline(False)
    fixes = fixes_of(answer.value)
    assert {fix["lat"] for fix in fixes} == {LAT}
    assert min(fix["recorded_at"] for fix in fixes) >= (guest.service.clock.now().timestamp() - 300) * 1000
    guest.sees(SHARING)
    expect(guest.page.get_by_role("alert")).to_be_hidden()


def test_it_fits_a_small_screen_and_works_by_keyboard(guest: Guest) -> None:
    page = guest.page
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Share")).to_be_focused()
    page.keyboard.press("Enter")
    guest.sees(SHARING)
    expect(page.get_by_role("button", name="Stop")).to_be_focused()
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    page.keyboard.press("Space")
    guest.sees(STOPPED)
    expect(page.get_by_role("button", name="Share")).to_be_focused()
    assert page.get_by_role("status").inner_text() == STOPPED
