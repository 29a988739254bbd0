"""OwnTracks over real HTTP: what its apps post, as they post it, and the answer that they wait for."""

import json
from base64 import b64decode, b64encode
from dataclasses import replace
from typing import Any

import pytest
from nacl.secret import SecretBox

from nearcast.domain.ids import TenantId
from nearcast.feeds.by_name import PHONE_FEEDS
from nearcast.services.access import Role
from nearcast.services.intake import Intake
from nearcast.services.phones import Phones
from nearcast.services.region_push import RegionPush
from tests.api.phones import Handset, handset, located
from tests.api.service import Service
from tests.api.test_devices import waiting
from tests.api.test_erasure import every_value
from tests.api.town import LAT, LON, agree, open_shop, rows_of, work

pytestmark = pytest.mark.enable_socket
FULL: dict[str, Any] = {
    "BSSID": "00:13:10:85:fe:01",
    "SSID": "AndroidWifi",
    "alt": 50,
    "batt": 100,
    "bs": 0,
    "conn": "w",
    "m": 1,
    "t": "u",
    "topic": "owntracks/jane/phone",
    "vac": 0,
    "vel": 0,
    "inregions": ["Home"],
    "inrids": ["6da9cf"],
    "poi": "my place",
    "image": "aGVsbG8=",
    "tag": "x",
    "motionactivities": ["walking"],
}
OTHERS: list[dict[str, Any]] = [
    {"_type": "waypoint", "desc": "mypoint", "lat": LAT, "lon": LON, "rad": 150, "tst": "1558351273", "rid": "f7676c"},
    {"_type": "waypoints", "_creator": "..", "waypoints": [{"_type": "waypoint", "desc": "x", "tst": 1}]},
    {"_type": "card", "tid": "xx", "name": "X X", "face": "aGVsbG8="},
    *({"_type": kind, "tst": 1780394400} for kind in ("lwt", "status", "steps", "beacon", "request", "cmd", "dump")),
    {"_type": "configuration", "waypoints": []},
    {"_type": "transition", "t": "b", "event": "enter", "lat": 0, "lon": 0, "acc": 0, "tst": 1780394400},
    {"_type": "a type of next year", "lat": LAT, "lon": LON, "tst": 1780394400},
    {},
]
HOPELESS = [b"", b"{", b"\xff", b"null", b'"text"', b"[" * 50_000, b'{"_type":"location"}', b"lat=1&lon=2"]


@pytest.fixture
def phone(service: Service) -> Handset:
    """Ada's."""
    agree(service, "ada")
    return handset(service)


def counted(service: Service, name: str) -> dict[str, int]:
    with service.store.reading(TenantId("t1")) as uow:
        return dict(uow.counters.get(name))


def test_a_location_as_android_posts_it_is_taken_without_what_is_personal(service: Service, phone: Handset):
    message = {**located(service), **FULL, "_id": "0d871a61", "created_at": int(service.clock.now().timestamp())}
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "Owntracks-Android/gms/420500002",
        "X-Limit-U": "jane",
        "X-Limit-D": "my phone",
    }
    answer = phone.post("owntracks", json.dumps(message).encode(), headers=headers)
    assert (answer.status_code, answer.text) == (200, "[]")
    assert answer.headers["content-type"] == "application/json"
    (ping,) = waiting(service)
    assert (ping["lat"], ping["lon"], ping["accuracy_m"], ping["ping_id"]) == (LAT, LON, 8.0, "0d871a61")
    assert ping["device_id"] == phone.device_id
    told = [place for place, text in every_value(service) if any(each in text for each in ("androidwifi", "00:13:10"))]
    assert told == []


def test_every_other_message_is_answered_like_a_location_and_leaves_a_count(service: Service, phone: Handset):
    for message in OTHERS:
        answer = phone.post("owntracks", message)
        assert (answer.status_code, answer.text) == (200, "[]"), message
    assert waiting(service) == []
    besides = counted(service, "besides")
    assert (besides["owntracks card"], besides["owntracks unknown"], besides["owntracks beacon transition"]) == (
        1,
        3,
        1,
    )
    assert sum(besides.values()) == len(OTHERS)


def test_what_is_of_no_use_is_never_a_4xx(service: Service, phone: Handset):
    for body in HOPELESS:
        answer = phone.post("owntracks", body, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.text) == (200, "[]"), body
    for changes in ({"lat": 91}, {"lon": 541}, {"lat": 0, "lon": 0}, {"tst": 4_000_000_000}, {"tst": -1}):
        assert phone.post("owntracks", located(service, **changes)).text == "[]", changes
    assert waiting(service) == []
    assert counted(service, "refused") == {
        "malformed": 5,
        "ping_out_of_range": 2,
        "ping_null_island": 1,
        "ping_from_future": 1,
        "consent_location_missing": 1,  # in 1969
    }


def test_a_transition_is_a_position(service: Service, phone: Handset):
    open_shop(service)
    at = int(service.clock.now().timestamp())
    event = {"event": "enter", "desc": "Cafe", "rid": "f7676c", "t": "c", "wtst": 1558351273, "tid": "ce"}
    sent = {"_type": "transition", "lat": LAT, "lon": LON, "acc": 3, "tst": at, **event}
    assert phone.post("owntracks", sent).status_code == 200
    service.clock.step(seconds=1)
    work(service)
    (row,) = rows_of(service.client(Role.ANALYST))
    assert (row["campaign_id"], row["outcome"]) == ("cafe-offer", "send")


def test_a_message_sent_again_counts_once(service: Service, phone: Handset):
    open_shop(service)
    service.clock.step(minutes=1)
    with_id, without = located(service, _id="a1"), located(service, tst=int(service.clock.now().timestamp()) - 5)
    for _ in range(3):
        for message in (with_id, without):
            assert phone.post("owntracks", message).status_code == 200
        service.clock.step(seconds=1)
        work(service)
    assert len(rows_of(service.client(Role.ANALYST))) == 1
    service.clock.step(minutes=10)
    for message in (located(service), with_id, without):  # long after others of its time are forgotten
        assert phone.post("owntracks", message).status_code == 200
        work(service)
    assert counted(service, "refused")["duplicate_ping"] == 6
    assert counted(service, "pings")["accepted"] == 3


def test_a_wrong_clock_is_repaired_and_counted(service: Service, phone: Handset):
    at = int(service.clock.now().timestamp())
    for tst in (at * 1000, at - 978_307_200, str(at - 619_315_200), at):
        assert phone.post("owntracks", located(service, tst=tst, _id=str(tst))).status_code == 200
    assert [row["recorded_at"] for row in waiting(service)] == [service.clock.now()] * 4
    repaired = counted(service, "repaired")
    assert repaired == {"clock_in_milliseconds": 1, "clock_from_2001": 1, "clock_1024_weeks_behind": 1}


def sealed(message: Any, secret: str) -> dict[str, Any]:
    hidden = SecretBox(secret.encode()[:32].ljust(32, b"\0")).encrypt(json.dumps(message).encode())
    return {"_type": "encrypted", "_id": "9", "data": b64encode(bytes(hidden)).decode()}


def test_a_sealed_message_is_opened_with_the_password_and_answered_sealed(service: Service, phone: Handset):
    open_shop(service)
    answer = phone.post("owntracks", sealed(located(service), phone.password)).json()
    assert answer["_type"] == "encrypted"
    box = SecretBox(phone.password.encode()[:32].ljust(32, b"\0"))
    told = json.loads(box.decrypt(b64decode(answer["data"])))
    assert told[-1]["action"] == "setWaypoints"
    assert len(waiting(service)) == 1
    wrong = phone.post("owntracks", sealed(located(service, _id="2"), "another"))
    assert (wrong.status_code, wrong.json()["_type"]) == (200, "encrypted")
    assert len(waiting(service)) == 1
    assert counted(service, "besides") == {"owntracks cannot be opened": 1}


def test_while_too_much_waits_a_phone_is_told_to_come_again(service: Service, phone: Handset):
    app = service.app
    full = Intake(service.store.for_api(), app.pings_arrived.set, most_waiting=0)
    phones = Phones(service.store.for_api(), full, RegionPush(app.new_engines("test")), PHONE_FEEDS)
    service.server.state.application = replace(app, phones=phones)
    assert phone.post("owntracks", located(service, _id="1")).status_code == 200
    answer = phone.post("owntracks", located(service, _id="2"))
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert phone.post("owntracks", {"_type": "lwt", "tst": 1}).status_code == 200
    work(service)
    assert phone.post("owntracks", located(service, _id="2")).status_code == 200


def test_who_guesses_waits_and_who_knows_does_not(service: Service):
    patience, now = service.app.patience, service.clock.now()
    waits = [patience.failed("dev-1", now) for _ in range(12)]
    assert waits[:5] == [0.0] * 5
    assert waits[5:8] == [0.25, 0.5, 1.0]
    assert waits[-1] == 5.0
    assert patience.failed("dev-2", now) == 0.0
    assert patience.failed("dev-1", service.clock.step(minutes=10)) == 0.0
