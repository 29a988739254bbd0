"""A shop with a geofence and an offer, customers who agreed to it, and a day that goes on: rows for the match log."""

from datetime import timedelta
from typing import Any

import httpx

from nearcast.channels.recorder import Recorder
from nearcast.domain.consent import LOCATION, NEARBY, ConsentAction, ConsentEvent
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.services.access import Role
from nearcast.services.ledger_ports import LedgerLine
from nearcast.services.live import Live
from nearcast.services.report import rfc3339
from tests.api.service import Service
from tests.sealing import put_customers

LAT, LON = 52.52, 13.405
TEXT = "Coffee for {customer.first_name}"
ADDRESS = "+4915112345678"


def open_shop(service: Service, shop: str = "cafe", *, lon: float = LON, tenant: str = "t1", **campaign: Any) -> None:
    """A shop, its geofence `<shop>-door` of 60 m and its active campaign `<shop>-offer` for whoever enters."""
    owner = service.client(Role.OWNER, tenant)
    made = [
        owner.post("/v1/shops", json={"id": shop, "lat": LAT, "lon": lon}),
        owner.post(
            "/v1/geofences",
            json={
                "type": "Feature",
                "id": f"{shop}-door",
                "geometry": {"type": "Point", "coordinates": [lon, LAT]},
                "properties": {"shop_id": shop, "radius_m": 60},
            },
        ),
        owner.post(
            "/v1/campaigns",
            json={
                "id": f"{shop}-offer",
                "shop_id": shop,
                "trigger": {"on": "enter"},
                "channel": "console",
                "offer": {"text": TEXT},
                "state": "active",
                **campaign,
            },
        ),
    ]
    assert [answer.status_code for answer in made] == [201, 201, 201], [answer.text for answer in made]


def agree(
    service: Service, *customers: str, tenant: str = "t1", marketing: bool = True, address: str = ADDRESS
) -> None:
    """Customers who agreed an hour ago: to location, and to messages on the console where `marketing`."""
    now = service.clock.now()
    at = now - timedelta(hours=1)
    service.app.tenants.ensure(TenantId(tenant), now, timezone="Europe/Berlin")
    given: list[tuple[str, ConsentAction, str | None]] = [(LOCATION, ConsentAction.GRANTED, None)]
    if marketing:
        given += [(NEARBY, action, "console") for action in (ConsentAction.GRANTED, ConsentAction.CONFIRMED)]
    doc = {"attributes": {"first_name": "Ada"}, "contacts": [{"channel": "console", "address": address}]}
    with service.store.writing(TenantId(tenant)) as uow:
        docs = {CustomerId(key): doc for key in customers}
        put_customers(uow, TenantId(tenant), docs, now, contacts=service.app.contacts)
        for key in customers:
            for n, (purpose, action, channel) in enumerate(given):
                event = ConsentEvent(
                    event_id=f"{key}-{n}",
                    customer_id=CustomerId(key),
                    purpose=purpose,
                    action=action,
                    at=at + timedelta(seconds=n),
                    channel=channel,
                    sender=tenant,
                )
                uow.consents.append(LedgerLine(event=event, recorded_at=at))
        uow.commit()


def ping(service: Service, customer: str = "ada", *, lon: float = LON, **changes: Any) -> dict[str, Any]:
    """A ping of this instant in the middle of the geofence."""
    at = rfc3339(service.clock.now())
    return {"customer_id": customer, "recorded_at": at, "lat": LAT, "lon": lon, "accuracy_m": 8, **changes}


def send(service: Service, pings: list[Any], tenant: str = "t1", **headers: str) -> httpx.Response:
    return service.client(Role.INGEST, tenant).post("/v1/pings", json=pings, headers=headers)


def work(service: Service, tenant: str = "t1") -> None:
    """What a worker does at this instant."""
    live = Live(service.store, TenantId(tenant), Recorder())
    now = service.clock.now()
    live.work_pings(now)
    live.dispatch_due(now)


def visit(service: Service, *customers: str, lon: float = LON, tenant: str = "t1") -> None:
    """They come to the door, and a second later the worker has dealt with it."""
    answer = send(service, [ping(service, customer, lon=lon) for customer in customers], tenant)
    assert answer.json()["accepted"] == len(customers), answer.text
    service.clock.step(seconds=1)
    work(service, tenant)


def leave(service: Service, *customers: str, tenant: str = "t1") -> None:
    """A minute later they are two kilometres off, and stay there."""
    for seconds in (60, 20):
        service.clock.step(seconds=seconds)
        assert send(service, [ping(service, customer, lat=LAT + 0.02) for customer in customers], tenant).is_success
        work(service, tenant)


def rows_of(client: httpx.Client, **params: Any) -> list[dict[str, Any]]:
    """What the match log answers, all pages of it."""
    found: list[dict[str, Any]] = []
    while True:
        answer = client.get("/v1/match-log", params=params)
        assert answer.status_code == 200, answer.text
        found += answer.json()["items"]
        if answer.json()["next_cursor"] is None:
            return found
        params["cursor"] = answer.json()["next_cursor"]
