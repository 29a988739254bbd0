"""Overland, Traccar, OsmAnd, GPSLogger and Colota over HTTP: each with the answer without which its app loses fixes."""

import json
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nearcast.domain.ids import CustomerId, TenantId
from nearcast.services.access import Role
from tests.api.phones import Handset, ask, handset
from tests.api.service import Service
from tests.api.town import LAT, LON, agree, open_shop, rows_of, work
from tests.feeds.phones import overland_feature, traccar_location, traccar_position

pytestmark = pytest.mark.enable_socket
OVERLAND = b'{"result":"ok"}'
FORM = "application/x-www-form-urlencoded"
QUERY = {"lat": str(LAT), "lon": str(LON), "timestamp": "1780394400"}
FIX = {"ping_id": "a", "recorded_at": 1780394400000, "lat": LAT, "lon": LON, "accuracy_m": 8, "speed_mps": None}
DEVICE = {"id": 3, "name": "Van"}


def waiting(service: Service, customer: str = "ada") -> list[dict[str, object]]:
    """A customer's pings that no worker has consumed."""
    with service.store.reading(TenantId("t1")) as uow:
        return uow.pings.of(CustomerId(customer))


def refused(service: Service) -> dict[str, int]:
    """What was refused, by reason."""
    with service.store.reading(TenantId("t1")) as uow:
        return dict(uow.counters.get("refused"))


def overland(phone: Handset, *features: Any, **envelope: Any) -> httpx.Response:
    said = {"locations": features or [overland_feature()], **envelope}
    return ask(phone.service, "POST", "overland", json=said, headers={"Authorization": f"Bearer {phone.token}"})


def traccar(phone: Handset, **changes: Any) -> httpx.Response:
    return ask(
        phone.service, "POST", "traccar", json={"device_id": phone.username, "location": traccar_location(**changes)}
    )


def traccar_server(phone: Handset, **changes: Any) -> httpx.Response:
    said = {"position": traccar_position(**changes), "device": {**DEVICE, "uniqueId": phone.username}}
    return ask(phone.service, "POST", "traccar", json=said)


def osmand(phone: Handset, **changes: Any) -> httpx.Response:
    return ask(phone.service, "GET", "osmand", params={"id": phone.username, **QUERY, **changes})


def osmand_form(phone: Handset, **changes: Any) -> httpx.Response:
    return ask(phone.service, "POST", "osmand", data={"deviceid": phone.username, **QUERY, **changes})


def osmand_json(phone: Handset, **changes: Any) -> httpx.Response:
    said = {"device_id": phone.username, "location": traccar_location(**changes)}
    return ask(phone.service, "POST", "osmand", json=said)


def gpslogger(phone: Handset, **changes: Any) -> httpx.Response:
    return ask(phone.service, "GET", "gpslogger", params={**QUERY, "acc": "8.0", **changes}, auth=phone.basic)


def gpslogger_put(phone: Handset, **changes: Any) -> httpx.Response:
    return ask(phone.service, "PUT", "gpslogger", data={**QUERY, **changes}, params={"token": phone.token})


def colota(phone: Handset, **changes: Any) -> httpx.Response:
    return phone.post("colota", {"lat": LAT, "lon": LON, "acc": 8, "batt": 85, "bs": 2, "tst": 1780394400, **changes})


def homeassistant(phone: Handset, **changes: Any) -> httpx.Response:
    said = {"type": "update_location", "data": {"gps": [LAT, LON], "gps_accuracy": 8.0, **changes}}
    return ask(phone.service, "POST", "homeassistant", json=said, params={"token": phone.token})


def checkin(phone: Handset, **changes: Any) -> httpx.Response:
    return ask(
        phone.service, "POST", "checkin", json=[{**FIX, **changes}], headers={"Authorization": f"Bearer {phone.token}"}
    )


KEPT = b'{"accepted":1,"rejected":{}}'
CLIENTS: list[tuple[str, Callable[..., httpx.Response], bytes]] = [
    ("overland", overland, OVERLAND),
    ("traccar", traccar, b""),
    ("traccar", traccar_server, b""),
    ("osmand", osmand, b""),
    ("osmand", osmand_form, b""),
    ("osmand", osmand_json, b""),
    ("gpslogger", gpslogger, b""),
    ("gpslogger", gpslogger_put, b""),
    ("colota", colota, b""),
    ("homeassistant", homeassistant, b"{}"),
    ("checkin", checkin, KEPT),
]


@pytest.mark.parametrize(("feed", "send", "answer"), CLIENTS, ids=lambda each: getattr(each, "__name__", ""))
def test_a_fix_of_each_client_is_taken_answered_as_it_expects_and_taken_once(
    sqlite_service: Service, feed: str, send: Callable[..., httpx.Response], answer: bytes
):
    agree(sqlite_service, "ada")
    phone = handset(sqlite_service, feed=feed)
    for _ in range(2):
        said = send(phone)
        assert (said.status_code, said.content) == (200, answer)
    ping, same = waiting(sqlite_service)
    assert (ping["lat"], ping["lon"], ping["device_id"]) == (LAT, LON, phone.device_id)
    assert ping["ping_id"] == same["ping_id"]
    work(sqlite_service)
    assert refused(sqlite_service) == {"duplicate_ping": 1}


def test_a_phone_that_walks_in_is_sent_the_offer_and_a_batch_sent_again_has_no_second_effect(service: Service):
    open_shop(service)
    agree(service, "ada")
    phone = handset(service, feed="overland")
    away = overland_feature(timestamp="2026-06-02T09:58:00Z")
    away["geometry"]["coordinates"] = [LON, LAT + 0.02]
    batch = [away, {**overland_feature(), "geometry": None}, overland_feature(action="visit"), overland_feature()]
    for _ in range(2):
        assert overland(phone, *batch, trip={"distance": 3}).content == OVERLAND
        service.clock.step(seconds=1)
        work(service)
    (row,) = rows_of(service.client(Role.ANALYST))
    assert (row["outcome"], row["at"]) == ("send", "2026-06-02T10:00:00Z")


def test_overland_asks_for_a_name(sqlite_service: Service):
    agree(sqlite_service, "ada")
    phone = handset(sqlite_service, feed="overland")
    headers = {"Authorization": f"Bearer {phone.token}"}
    assert ask(sqlite_service, "GET", "overland", headers=headers).json() == {"name": "nearcast"}
    raw = {"Authorization": f"Basic {phone.token}:"}
    assert ask(sqlite_service, "POST", "overland", json={"locations": []}, headers=raw).content == OVERLAND


UNKNOWN = [
    ("POST", "traccar", {"json": {"device_id": "48241179", "location": traccar_location()}}, 404),
    ("POST", "traccar", {"json": {"location": traccar_location()}}, 404),
    ("GET", "osmand", {"params": {"id": "48241179", **QUERY}}, 400),
    ("GET", "osmand", {"params": QUERY}, 400),
    ("POST", "osmand", {"data": {"id": "48241179"}}, 400),
    ("POST", "osmand", {"json": {"device_id": "48241179"}}, 404),
    ("GET", "osmand", {"params": QUERY, "headers": {"Authorization": "Bearer dev-0.x"}}, 401),
    ("POST", "overland", {"json": {"locations": []}, "headers": {"Authorization": "Bearer dev-0.x"}}, 401),
    ("GET", "gpslogger", {"params": QUERY, "auth": httpx.BasicAuth("dev-0", "x")}, 401),
    ("POST", "colota", {"json": {}}, 401),
    ("POST", "homeassistant", {"json": {}}, 401),
    ("POST", "checkin", {"json": []}, 401),
]


@pytest.mark.parametrize(("method", "feed", "said", "status"), UNKNOWN)
def test_who_is_no_live_device_is_told_so_in_the_words_of_the_protocol(
    sqlite_service: Service, method: str, feed: str, said: dict[str, Any], status: int
):
    answer = ask(sqlite_service, method, feed, **said)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert ("www-authenticate" in answer.headers) == (status == 401)


def test_a_server_may_speak_for_a_customer_that_it_names_with_a_key_of_its_own(sqlite_service: Service):
    agree(sqlite_service, "ada")
    server = sqlite_service.client(Role.INGEST)
    said = {"position": traccar_position(), "device": {**DEVICE, "uniqueId": "356307042441013"}}
    sent = server.post("/v1/feeds/traccar", json=said, params={"customer_id": "ada", "device_id": "van"})
    assert (sent.status_code, sent.content) == (200, b"")
    (ping,) = waiting(sqlite_service)
    assert ping["device_id"] == "van"
    assert server.post("/v1/feeds/traccar", json=said).status_code == 403


NOT_LET_IN = [
    ("traccar", traccar, {"mock": True}, "ping_mocked"),
    ("traccar", traccar_server, {"valid": False}, "ping_invalid"),
    ("osmand", osmand, {"mock": "true"}, "ping_mocked"),
    ("osmand", osmand, {"lat": "0.0", "lon": "0.0"}, "ping_null_island"),
    ("gpslogger", gpslogger, {"lat": "152.0"}, "ping_out_of_range"),
    ("gpslogger", gpslogger, {"timestamp": "soon"}, "malformed"),
    ("colota", colota, {"tst": 1780394400 + 3600}, "ping_from_future"),
    ("colota", colota, {"lat": None}, "malformed"),
]


@pytest.mark.parametrize(("feed", "send", "changes", "reason"), NOT_LET_IN)
def test_what_is_of_no_use_is_answered_like_what_is_and_counted_by_reason(
    sqlite_service: Service, feed: str, send: Callable[..., httpx.Response], changes: dict[str, Any], reason: str
):
    agree(sqlite_service, "ada")
    answer = send(handset(sqlite_service, feed=feed), **changes)
    assert (answer.status_code, answer.content) == (200, b"")
    assert waiting(sqlite_service) == []
    assert refused(sqlite_service) == {reason: 1}


def test_the_check_in_page_learns_what_was_not_let_in(sqlite_service: Service):
    agree(sqlite_service, "ada")
    phone = handset(sqlite_service, feed="checkin")
    assert checkin(phone, lat=None).json() == {"accepted": 0, "rejected": {"malformed": 1}}
    assert checkin(phone, recorded_at=1780398000000).json() == {"accepted": 0, "rejected": {"ping_from_future": 1}}
    assert checkin(phone).json() == {"accepted": 1, "rejected": {}}


def test_whatever_bytes_a_live_device_sends_the_answer_is_its_clients(sqlite_service: Service):
    agree(sqlite_service, "ada")
    phones = {feed: handset(sqlite_service, feed=feed) for feed, _, _ in CLIENTS}
    clients = {feed: answer for feed, _, answer in CLIENTS if feed != "checkin"}
    bodies = st.binary(max_size=40) | st.sampled_from(
        [b"", b"null", b"[]", b"{}", b'{"locations":[{}]}', b'{"location":[{"coords":[]}]}', b"[" * 9_000, b"lat=1e999"]
    )

    @settings(max_examples=60)
    @given(st.sampled_from(sorted(clients)), bodies, st.sampled_from(["application/json", FORM, "text/plain", ""]))
    def is_answered(feed: str, body: bytes, media: str) -> None:
        pair = f"{phones[feed].token.partition('.')[0]}:{phones[feed].password}".encode()
        headers = {"Authorization": f"Basic {b64encode(pair).decode()}", "Content-Type": media}
        answer = ask(sqlite_service, "POST", feed, content=body, headers=headers)
        assert (answer.status_code, answer.content) == (200, clients[feed]), json.dumps([feed, repr(body), media])

    is_answered()
