"""Figures and request logs: what is counted, under which ids, and that nobody is in them."""

import logging

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from nearcast.services.access import Role
from tests.api.phones import handset, located
from tests.api.service import Service
from tests.api.town import agree, leave, open_shop, ping, rows_of, send, visit, work
from tests.loopback import LOOPBACK
from tests.worker.office import eventually

pytestmark = pytest.mark.enable_socket


def figures(service: Service) -> dict[str, float]:
    """Every sample by its name and labels."""
    answer = service.client().get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        " ".join([sample.name, *(f"{key}={value}" for key, value in sorted(sample.labels.items()))]): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def requests_in(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.name == "nearcast.request"]


def test_a_visit_is_counted_from_the_door_to_the_message(service: Service) -> None:
    open_shop(service)
    agree(service, "ada")
    before = figures(service)
    send(service, [ping(service, "nobody")])
    visit(service, "ada")
    assert send(service, [ping(service, "ada")]).json()["accepted"] == 1
    after = figures(service)

    def grew(name: str) -> float:
        return after.get(name, 0) - before.get(name, 0)

    assert grew("nearcast_pings_total reason= result=accepted") == 2
    assert grew("nearcast_pings_total reason=consent_location_missing result=refused") == 1
    (row,) = rows_of(service.client())
    assert grew(f"nearcast_decisions_total outcome=send reason={row['reason'] or ''}") == 1
    assert grew("nearcast_messages_total channel=console status=queued") == 1
    assert grew("nearcast_messages_total channel=console status=accepted") == 1
    assert grew("nearcast_ping_decided_seconds_count") == 1
    assert grew("nearcast_ping_decided_seconds_bucket le=0.5") == 0
    assert grew("nearcast_ping_decided_seconds_bucket le=1.0") == 1
    assert grew("nearcast_http_requests_total method=POST route=/v1/pings status=202") == 3
    assert sum(value for name, value in after.items() if name.startswith("nearcast_ping_log_waiting")) == 1
    assert after["nearcast_geofences_indexed"] >= 1


def test_what_phones_send_in_vain_and_what_workers_drop_is_counted_by_reason(service: Service) -> None:
    agree(service, "ada")
    phone, before = handset(service), figures(service)
    behind = located(service, tst=int(service.clock.now().timestamp()) - 619_315_200)
    for message in (b"{", {"_type": "card"}, located(service, _id="a"), located(service, _id="a"), behind):
        assert phone.post("owntracks", message).status_code == 200
    work(service)
    after = figures(service)
    grown = {name: value - before.get(name, 0) for name, value in after.items() if value != before.get(name, 0)}
    assert {name: value for name, value in grown.items() if name.startswith("nearcast_pings_total")} == {
        "nearcast_pings_total reason= result=accepted": 3,
        "nearcast_pings_total reason=malformed result=refused": 1,
        "nearcast_pings_total reason=owntracks card result=besides": 1,
        "nearcast_pings_total reason=clock_1024_weeks_behind result=repaired": 1,
        "nearcast_pings_total reason=duplicate_ping result=dropped": 2,
    }


def test_requests_that_take_the_short_cut_are_counted_by_their_route(sqlite_service: Service) -> None:
    ingest, name = (
        sqlite_service.client(Role.INGEST),
        "nearcast_http_requests_total method=POST route=/v1/pings status=202",
    )
    before = figures(sqlite_service).get(name, 0)
    for _ in range(3):
        assert ingest.post("/v1/pings", json=[]).status_code == 202
    assert figures(sqlite_service)[name] - before == 3


def test_what_is_rolled_back_is_not_counted(service: Service) -> None:
    from nearcast.domain.ids import TenantId
    from nearcast.services.figures import Figure

    service.client()
    before = service.store.figures.counts(Figure.MESSAGES)
    with service.store.writing(TenantId("t1")) as uow:
        uow.tell(Figure.MESSAGES, "console", "queued")
    assert service.store.figures.counts(Figure.MESSAGES) == before


def test_no_figure_names_anybody(service: Service) -> None:
    open_shop(service)
    agree(service, "ada-4711")
    visit(service, "ada-4711")
    leave(service, "ada-4711")
    service.client().get("/v1/customers/ada-4711")
    text = service.client().get("/metrics").text
    for private in ("ada-4711", "52.5", "13.4", "+49", "cafe", "t1"):
        assert private not in text
    assert 'route="/v1/customers/{customer_id}"' in text


def test_only_operators_read_figures(sqlite_service: Service) -> None:
    for role in (Role.OWNER, Role.ANALYST, Role.INGEST):
        assert sqlite_service.client(role).get("/metrics").status_code == 403
    assert httpx.get(f"{sqlite_service.url}/metrics", **LOOPBACK).status_code == 401


def test_each_request_has_an_id_and_a_line_without_anybody_in_it(
    sqlite_service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    operator = sqlite_service.client()
    with caplog.at_level(logging.INFO, logger="nearcast"):
        mine = operator.get("/v1/customers/ada-4711?x=52.5", headers={"X-Request-Id": "abc-1"})
        odd = operator.get("/v1/shops", headers={"X-Request-Id": "two words\t4711"})
        eventually(lambda: len(requests_in(caplog)) == 2)  # an answer is logged once it has left
    assert mine.headers["X-Request-Id"] == "abc-1"
    assert len(odd.headers["X-Request-Id"]) == 16
    said = [vars(record)["said"] for record in requests_in(caplog)]
    assert [(each["route"], each["status"], each["request_id"]) for each in said] == [
        ("/v1/customers/{customer_id}", 400, "abc-1"),
        ("/v1/shops", 200, odd.headers["X-Request-Id"]),
    ]
    for private in ("ada-4711", "two words", "x=52.5"):
        assert private not in caplog.text


def test_health_and_pings_are_logged_only_where_they_fail(
    sqlite_service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="nearcast"):
        httpx.get(f"{sqlite_service.url}/readyz", **LOOPBACK)
        send(sqlite_service, [])
        httpx.get(f"{sqlite_service.url}/wp-admin", **LOOPBACK)
    assert requests_in(caplog) == []
