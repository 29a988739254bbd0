"""The onboarding page: from a link to a phone that speaks for its customer, and out again."""

import hashlib
import json
import re
from base64 import b64decode
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from nearcast.services.access import Role
from tests.api.people import known
from tests.api.phones import Handset, handset, located
from tests.api.service import Service
from tests.api.test_devices import waiting
from tests.loopback import LOOPBACK

pytestmark = pytest.mark.enable_socket
CONTROLLER = {"name": "Café & Central", "contact": "privacy@cafe.example"}


def page(phone: Handset) -> httpx.Response:
    return httpx.get(phone.onboarding_url, **LOOPBACK)


def press(phone: Handset, do: str, *channels: str) -> httpx.Response:
    data = {"do": do, "channel": list(channels)}
    return httpx.post(phone.onboarding_url, data=data, follow_redirects=True, **LOOPBACK)


def setup_of(shown: httpx.Response) -> str:
    found = re.search(r'id="setup" href="([^"]+)"', shown.text)
    assert found, shown.text
    return unescape(found[1])


def ledger(operator: httpx.Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = operator.get("/v1/customers/anna/consents").json()["items"]
    return found


def test_nothing_is_agreed_to_and_no_secret_shown_until_the_button_is_pressed(service: Service):
    operator = known(service, language="en-GB")
    phone = handset(service, "anna")
    for _ in range(2):
        shown = page(phone)
        assert shown.status_code == 200
        assert phone.password not in shown.text
        assert "setup" not in shown.text
        assert "checked" not in shown.text
    assert ledger(operator) == []
    phone.post("owntracks", located(service))
    assert waiting(service, "anna") == []


def test_who_agrees_is_in_the_ledger_with_what_they_were_shown(service: Service):
    operator = known(service, language="en")
    settings = operator.get("/v1/settings").json()
    assert operator.put("/v1/settings", json={**settings, "controller": CONTROLLER}).is_success
    phone = handset(service, "anna")
    text = unescape(page(phone).text)
    assert press(phone, "agree", "sms").status_code == 200
    location, nearby = ledger(operator)
    assert (location["purpose"], location["action"]) == ("location.matching", "granted")
    assert (nearby["purpose"], nearby["channel"], nearby["action"]) == ("marketing.nearby", "sms", "granted")
    for line in (location, nearby):
        notice = line["notice"]
        assert notice["text"] in text
        assert notice["text"].startswith("Café & Central")
        assert "privacy@cafe.example" in notice["text"]
        assert notice["text_sha256"] == hashlib.sha256(notice["text"].encode()).hexdigest()
        assert (notice["id"], notice["language"], line["source"]) == ("onboarding", "en", "onboarding page")
        assert (line["capture_method"], line["actor"], line["lawful_basis"]) == ("web_form", "self", "consent")
    state = {row["purpose"]: row["status"] for row in operator.get("/v1/customers/anna/consents").json()["state"]}
    assert state == {"location.matching": "live", "marketing.nearby": "unconfirmed"}
    event = nearby["event_id"]
    token = operator.post(f"/v1/customers/anna/consents/{event}/confirmation").json()["token"]
    assert httpx.post(f"{service.url}/v1/confirmations/{token}", **LOOPBACK).status_code == 200


def test_agreeing_again_adds_nothing_and_what_was_left_out_can_be_added(service: Service):
    operator = known(service, language="de-DE")
    phone = handset(service, "anna")
    assert "Ich stimme zu" in page(phone).text
    press(phone, "agree")
    service.clock.step(minutes=1)
    press(phone, "agree", "pigeon")
    assert [line["purpose"] for line in ledger(operator)] == ["location.matching"]
    assert press(phone, "agree", "console").text.count('type="checkbox"') == 1
    press(phone, "agree", "console")
    assert [line["channel"] for line in ledger(operator)] == [None, "console"]


def test_the_link_of_owntracks_sets_the_phone_up(service: Service):
    known(service)
    phone = handset(service, "anna")
    shown = press(phone, "agree")
    assert "<svg" in shown.text
    link = urlsplit(setup_of(shown))
    assert (link.scheme, link.path) == ("owntracks", "/config")
    said = json.loads(b64decode(parse_qs(link.query)["inline"][0]))
    assert (said["_type"], said["mode"], said["auth"]) == ("configuration", 3, True)
    sent = httpx.post(said["url"], json=located(service), auth=(said["username"], said["password"]), **LOOPBACK)
    assert sent.text == "[]"
    assert len(waiting(service, "anna")) == 1


@pytest.mark.parametrize(
    ("feed", "begins"),
    [
        ("overland", "overland://setup?url="),
        ("colota", "colota://setup?config="),
        ("traccar", "http://"),
        ("checkin", "http://"),
    ],
)
def test_every_other_app_has_a_link_with_the_token_of_its_device(service: Service, feed: str, begins: str):
    known(service)
    phone = handset(service, "anna", feed)
    link = setup_of(press(phone, "agree"))
    assert link.startswith(begins)
    query = parse_qs(urlsplit(link).query)
    said = b64decode(query["config"][0]).decode() if feed == "colota" else link
    assert phone.token in said
    if feed != "checkin":
        assert f"/v1/feeds/{feed}" in (said if feed == "colota" else query["url"][0])


@pytest.mark.parametrize("feed", ["osmand", "gpslogger", "homeassistant"])
def test_an_app_without_links_has_an_address_to_copy(service: Service, feed: str):
    known(service)
    phone = handset(service, "anna", feed)
    shown = press(phone, "agree")
    (address,) = re.findall(r"<code>([^<]+)</code>", shown.text)
    assert f"/v1/feeds/{feed}?" in address
    assert phone.token in unescape(address)


def test_who_takes_the_consent_back_ends_the_device_and_the_link(service: Service):
    operator = known(service, language="en")
    phone = handset(service, "anna")
    press(phone, "agree")
    assert "taken your consent back" in press(phone, "withdraw").text
    assert ledger(operator)[-1]["action"] == "withdrawn"
    assert phone.post("owntracks", located(service)).status_code == 401
    over = page(phone)
    assert (over.status_code, over.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert press(phone, "agree").status_code == 404
    assert len(ledger(operator)) == 2


def test_a_link_holds_for_seven_days_and_no_link_can_be_made_up(service: Service):
    operator = known(service)
    phone = handset(service, "anna")
    service.clock.step(days=7, seconds=-1)
    assert page(phone).status_code == 200
    service.clock.step(seconds=1)
    assert page(phone).status_code == 404
    assert press(phone, "agree").status_code == 404
    fresh = handset(service, "anna").onboarding_url
    place = len(fresh) - 20
    for url in (f"{service.url}/onboarding/x", fresh[:-4], fresh[:place] + "AAAA" + fresh[place + 4 :]):
        assert httpx.get(url, **LOOPBACK).status_code == 404, url
    assert ledger(operator) == []


def test_the_page_loads_nothing_from_elsewhere_and_nobody_keeps_it(service: Service):
    known(service)
    phone = handset(service, "anna")
    shown = press(phone, "agree")
    assert "default-src 'self'" in shown.headers["content-security-policy"]
    assert (shown.headers["cache-control"], shown.headers["referrer-policy"]) == ("no-store", "no-referrer")
    assert " style=" not in shown.text
    own = ["/onboarding/style.css", "/onboarding/browser.js"]
    assert re.findall(r'(?:src|href)="(/[^"]*)"', shown.text) == own
    assert re.findall(r"<script(.*?)>", shown.text) == [f' type="module" src="{own[1]}"']
    for name in ("browser.js", "worker.js"):
        script = httpx.get(f"{service.url}/onboarding/{name}", **LOOPBACK)
        assert script.headers["content-type"].startswith("text/javascript")
    assert httpx.get(f"{service.url}/onboarding/style.css", **LOOPBACK).headers["content-type"].startswith("text/css")
    assert httpx.post(phone.onboarding_url, content=b"x" * 5000, **LOOPBACK).status_code == 413


def test_names_from_outside_are_text_on_the_page(service: Service):
    operator = known(service)
    settings = operator.get("/v1/settings").json()
    said = {**settings, "controller": {"name": "<b>Bold</b> & Co"}}
    assert operator.put("/v1/settings", json=said).is_success
    shown = page(handset(service, "anna")).text
    assert "<b>Bold" not in shown
    assert "&lt;b&gt;Bold&lt;/b&gt; &amp; Co" in shown


def test_only_operators_are_given_links(service: Service):
    known(service)
    ingest = service.client(Role.INGEST)
    assert ingest.post("/v1/devices", json={"customer_id": "anna", "feed": "checkin"}).status_code == 403
