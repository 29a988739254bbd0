"""A phone's afternoon: from the link that a customer is given to the message that reaches them, over HTTP alone."""

import json
import re
from base64 import b64decode
from dataclasses import dataclass, field
from datetime import datetime
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import segno

from nearcast.channels.recorder import Recorder
from nearcast.domain.ids import TenantId
from nearcast.domain.position import Position
from nearcast.geo.margins import between_m
from nearcast.services.live import Live
from tests.api.phones import handset
from tests.api.service import Service
from tests.loopback import LOOPBACK

pytestmark = pytest.mark.enable_socket
DATA = Path(__file__).parents[2] / "data"
WALKER, SHOP = "cust-0068", "cafe-market"
AT_HOME = datetime.fromisoformat("2026-06-02T13:00:00+00:00")
FROM, UNTIL = (datetime.fromisoformat(f"2026-06-02T13:{minute}:00+00:00") for minute in (36, 41))


@dataclass
class App:
    """OwnTracks on an Android phone, as far as it speaks: set up by a link, it sends fixes and watches regions."""

    url: str
    auth: tuple[str, str]
    watched: dict[int, dict[str, Any]] = field(default_factory=dict)
    inside: set[int] = field(default_factory=set)

    @classmethod
    def set_up_by(cls, link: str) -> "App":
        (inline,) = parse_qs(urlsplit(link).query)["inline"]
        said = json.loads(b64decode(inline))
        assert (said["_type"], said["mode"], said["auth"], said["cmd"]) == ("configuration", 3, True, True)
        return cls(said["url"], (said["username"], said["password"]))

    def moves_to(self, ping: dict[str, Any]) -> None:
        """A fix, and for every region that it enters a transition."""
        tst = int(ping["recorded_at"].timestamp())
        fix = {"lat": ping["lat"], "lon": ping["lon"], "acc": round(ping["accuracy_m"]), "tst": tst, "tid": "aa"}
        self._post({"_type": "location", "_id": ping["ping_id"], "t": "t", "created_at": tst + 1, **fix})
        here = Position(ping["lat"], ping["lon"])
        within = {key for key, each in self.watched.items() if between_m(_centre(each), here) <= each["rad"]}
        for key in within - self.inside:
            said = {"event": "enter", "desc": self.watched[key]["desc"], "wtst": key, "t": "c"}
            self._post({"_type": "transition", "_id": f"{ping['ping_id']}-{key}", **said, **fix})
        self.inside = within

    def _post(self, message: dict[str, Any]) -> None:
        headers = {"User-Agent": "Owntracks-Android/oss/420500002", "X-Limit-U": "jane", "X-Limit-D": "phone"}
        answer = httpx.post(self.url, json=message, auth=self.auth, headers=headers, **LOOPBACK)
        assert answer.status_code == 200, answer.text
        for command in answer.json():
            assert command["_type"] == "cmd"
            if command["action"] == "clearWaypoints":
                self.watched.clear()
            elif command["action"] == "setWaypoints":
                self.watched |= {each["tst"]: each for each in command["waypoints"]["waypoints"]}


def _centre(waypoint: dict[str, Any]) -> Position:
    return Position(waypoint["lat"], waypoint["lon"])


def walk() -> list[dict[str, Any]]:
    """What the phone of one walker of the sample city sees in those minutes, in the order in which it is sent."""
    pings = pq.read_table(DATA / "pings.parquet", filters=[("customer_id", "=", WALKER)])
    at = pings["received_at"]
    some = pings.filter(pc.and_(pc.greater_equal(at, FROM), pc.less(at, UNTIL)))
    found: list[dict[str, Any]] = some.sort_by("received_at").to_pylist()
    return found


def furnish(operator: httpx.Client) -> None:
    """The café of the sample city, its fences, and an offer for whoever comes."""
    shop = {"id": SHOP, "name": "Market Square Café", "lat": 51.999886, "lon": 13.8998876, "timezone": "Europe/Berlin"}
    assert operator.post("/v1/shops", json=shop).status_code == 201
    features = json.loads((DATA / "geofences.geojson").read_text())["features"]
    for feature in features:
        if feature["properties"]["shop_id"] == SHOP:
            assert operator.post("/v1/geofences", json=feature).status_code == 201
    campaign = {
        "id": "coffee",
        "shop_id": SHOP,
        "trigger": {"on": "enter"},
        "channel": "console",
        "offer": {"text": "Coffee at {shop.name}"},
        "state": "active",
    }
    assert operator.post("/v1/campaigns", json=campaign).status_code == 201
    customer = {"id": WALKER, "language": "en", "contacts": [{"channel": "console", "address": "table 4"}]}
    assert operator.post("/v1/customers", json=customer).status_code == 201


def onboard(service: Service, operator: httpx.Client) -> App:
    """The customer opens the link, agrees to both, opens the app by it, and confirms once more."""
    given = handset(service, WALKER).onboarding_url
    assert "owntracks:" not in httpx.get(given, **LOOPBACK).text
    agreed = httpx.post(given, data={"do": "agree", "channel": "console"}, follow_redirects=True, **LOOPBACK).text
    (shown,) = re.findall(r'id="setup" href="([^"]+)"', agreed)
    link = unescape(shown)
    assert segno.make(link, micro=False, error="l").svg_inline(border=2, omitsize=True) in agreed
    ledger = operator.get(f"/v1/customers/{WALKER}/consents").json()["items"]
    (event,) = [line["event_id"] for line in ledger if line["purpose"] == "marketing.nearby"]
    asked = operator.post(f"/v1/customers/{WALKER}/consents/{event}/confirmation").json()
    assert httpx.post(f"{service.url}{asked['path']}", **LOOPBACK).status_code == 200
    return App.set_up_by(link)


def test_from_the_link_to_the_message(sqlite_service: Service):
    service = sqlite_service
    service.clock.at = AT_HOME
    operator = service.client()
    furnish(operator)
    app = onboard(service, operator)
    channel = Recorder()
    worker = Live(service.store, TenantId("t1"), channel)
    for ping in walk():
        service.clock.at = ping["received_at"]
        app.moves_to(ping)
        worker.work_pings(service.clock.now())
        worker.dispatch_due(service.clock.now())
    assert {each["desc"] for each in app.watched.values()} == {"Market Square Café", "Market Square Café (2)"}
    assert [sent.content.body for sent in channel.sent] == ["Coffee at Market Square Café"]
    (message,) = operator.get("/v1/messages").json()["items"]
    assert (message["customer_id"], message["campaign_id"]) == (WALKER, "coffee")
    assert message["status"] == "accepted"
    (row,) = [row for row in operator.get("/v1/match-log").json()["items"] if row["outcome"] == "send"]
    assert row["message_id"] == message["message_id"]
    withdrawn = {"purpose": "location.matching", "action": "withdrawn"}
    assert operator.post(f"/v1/customers/{WALKER}/consents", json=withdrawn).status_code == 201
    last = httpx.post(app.url, json={"_type": "location"}, auth=app.auth, **LOOPBACK)
    assert last.status_code == 401
