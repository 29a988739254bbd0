"""Customers who agree over HTTP, and a message that waits for one of them."""

from typing import Any

import httpx

from nearcast.channels.recorder import Recorder
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.domain.message import Message
from nearcast.services.access import Role
from nearcast.services.live import Live
from tests.api.service import Service
from tests.api.town import open_shop, ping, send

ANNA: dict[str, Any] = {
    "id": "anna",
    "timezone": "Europe/Berlin",
    "language": "de-DE",
    "tags": ["vip"],
    "attributes": {"first_name": "Anna"},
    "contacts": [{"channel": "console", "address": "Anna's table"}, {"channel": "sms", "address": "+4915112345678"}],
}
NOTICE = {"version": "2026-04", "language": "de", "text_sha256": "9f" * 32}
LOCATION = {
    "purpose": "location.matching",
    "action": "granted",
    "at": "2026-06-02T08:00:00Z",
    "notice": NOTICE,
    "source": "app",
}
NEARBY = {**LOCATION, "purpose": "marketing.nearby", "channel": "console", "action": "confirmed"}


def known(service: Service, tenant: str = "t1", **changes: Any) -> httpx.Client:
    """An operator whose tenant has Anna."""
    operator = service.client(tenant=tenant)
    assert operator.post("/v1/customers", json={**ANNA, **changes}).status_code == 201
    return operator


def agreed(service: Service) -> httpx.Client:
    """Anna has agreed to all that an offer needs."""
    operator = known(service)
    for said in (LOCATION, NEARBY):
        assert operator.post("/v1/customers/anna/consents", json=said).status_code == 201
    return operator


def awaited(service: Service) -> httpx.Client:
    """A message for Anna has been queued and has not left."""
    open_shop(service)
    operator = agreed(service)
    came(service)
    assert [message.status for message in messages(service)] == ["queued"]
    return operator


def came(service: Service) -> None:
    """Anna came to the door, and a worker decided."""
    assert send(service, [ping(service, "anna")]).json()["accepted"] == 1
    Live(service.store, TenantId("t1"), Recorder()).work_pings(service.clock.now())


def messages(service: Service) -> list[Message]:
    with service.store.reading(TenantId("t1")) as uow:
        return uow.outbox.of([CustomerId("anna")]).get(CustomerId("anna"), [])


def refused_to_all_but_operators(service: Service, method: str, path: str, body: Any = None) -> None:
    """Owners, analysts and devices may not even ask."""
    for role in (Role.OWNER, Role.ANALYST, Role.INGEST):
        answer = service.client(role).request(method, path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed"), (role, path)
