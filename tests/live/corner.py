"""A shop at a corner: its fence, its campaign, customers who agreed to everything, and pings of theirs."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any

import numpy as np

from nearcast.domain.campaign import CampaignState
from nearcast.domain.consent import ConsentAction, ConsentEvent
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.domain.sending import Accepted, Attempt, Outbound
from nearcast.geo.batch import PingBatch
from nearcast.geo.validate import geofence_from_feature
from nearcast.services.channel_ports import Capability
from nearcast.services.instants import as_us
from nearcast.services.intake import Intake
from nearcast.services.ledger_ports import LedgerLine
from nearcast.services.ports import Run
from nearcast.store.sql_store import SqlStore
from tests.sealing import put_customers

NOON = datetime(2026, 6, 2, 10, tzinfo=UTC)  # a Tuesday, 12:00 in Berlin
LONG_AGO = datetime(2025, 1, 1, tzinfo=UTC)
INSIDE_DEG, OUTSIDE_DEG, LON_DEG = 52.5204497, 52.5649660, 13.405
FENCE: dict[str, Any] = {
    "type": "Feature",
    "properties": {"id": "f", "radius_m": 100, "shop_id": "s1"},
    "geometry": {"type": "Point", "coordinates": [LON_DEG, 52.52]},
}
ENTER: dict[str, Any] = {
    "id": "camp-7",
    "shop_id": "s1",
    "trigger": {"on": "enter"},
    "channel": "sms",
    "offer": {"text": "Coffee −20 %"},
}


def later(seconds: float, instant: datetime = NOON) -> datetime:
    return instant + timedelta(seconds=seconds)


def scheduled(cron: str = "* * * * *", **schedule: Any) -> dict[str, Any]:
    """A campaign on a schedule, by clocks in UTC, for whoever was ever seen."""
    rule = {"cron": cron, "timezone": "UTC", **schedule}
    return {**ENTER, "id": "camp-8", "trigger": {"on": "schedule"}, "schedule": rule, "geofence_ids": None}


def names(count: int) -> list[CustomerId]:
    return [CustomerId(f"cust-{number:04d}") for number in range(count)]


def open_corner(
    store: SqlStore,
    *campaigns: dict[str, Any],
    customers: Sequence[CustomerId] = (),
    tenant: str = "t1",
    at: datetime = LONG_AGO,
    settings: dict[str, Any] | None = None,
    state: CampaignState = CampaignState.ACTIVE,
) -> TenantId:
    """A tenant with one shop; its campaigns are made at `at`."""
    tenant_id = TenantId(tenant)
    store.add_tenant(tenant_id, LONG_AGO)
    with store.writing(tenant_id) as uow:
        rules = {"tenant": {"timezone": "Europe/Berlin"}, "presence": {"profile": "raw"}, **(settings or {})}
        uow.catalogue.put_settings(rules, LONG_AGO)
        uow.catalogue.shops.put("s1", {"id": "s1", "lat": 52.52, "lon": LON_DEG}, LONG_AGO)
        uow.catalogue.geofences.put_geofence(geofence_from_feature(FENCE, place=""), FENCE, LONG_AGO)
        for campaign in campaigns:
            uow.catalogue.campaigns.put_campaign(campaign["id"], campaign, at, state=state)
        numbers = {key: [{"channel": "sms", "address": f"+49151{n:08}"}] for n, key in enumerate(customers)}
        put_customers(uow, tenant_id, {key: {"contacts": said} for key, said in numbers.items()}, LONG_AGO)
        for key in customers:
            for line in _consents(key, tenant_id):
                uow.consents.append(line)
        uow.commit()
    return tenant_id


def _consents(customer_id: CustomerId, tenant_id: TenantId) -> list[LedgerLine]:
    given = [("location.matching", ConsentAction.GRANTED, None), ("marketing.nearby", ConsentAction.CONFIRMED, "sms")]
    return [
        LedgerLine(
            event=ConsentEvent(
                event_id=f"{customer_id} {purpose}",
                customer_id=customer_id,
                purpose=purpose,
                action=action,
                at=LONG_AGO,
                channel=channel,
                sender=tenant_id,
                valid_until=None,
            ),
            recorded_at=LONG_AGO,
        )
        for purpose, action, channel in given
    ]


def seen(customers: Sequence[str], at: datetime, lat_deg: float = INSIDE_DEG, **columns: Any) -> PingBatch:
    """One ping of each customer, received as it was recorded."""
    n = len(customers)

    def texts(values: Sequence[str | None]) -> Any:
        column = np.empty(n, dtype=object)
        column[:] = list(values)
        return column

    said: dict[str, Any] = {
        "recorded_at_us": np.full(n, as_us(at)),
        "received_at_us": np.full(n, as_us(at)),
        "lat_deg": np.full(n, lat_deg),
        "lon_deg": np.full(n, LON_DEG),
        "accuracy_m": np.full(n, 10.0),
        "speed_mps": np.full(n, math.nan),
        **columns,
    }
    ping_ids = texts(said.pop("ping_id", [None] * n))
    return PingBatch(customer_id=texts(customers), ping_id=ping_ids, device_id=texts([None] * n), **said)


def arrive(
    store: SqlStore,
    tenant: TenantId,
    customers: Sequence[str],
    at: datetime = NOON,
    lat_deg: float = INSIDE_DEG,
    **columns: Any,
) -> None:
    """A ping of each of them is taken in at that instant."""
    Intake(store, lambda: None).accept(tenant, seen(customers, at, lat_deg, **columns), at)


class Heard:
    """A channel for many threads; `fails` says what it raises for a customer's message."""

    capabilities = Capability.OWN_NAMES

    def __init__(self, fails: dict[str, Exception] | None = None) -> None:
        self.fails = fails or {}
        self._lock = Lock()
        self.messages: list[Outbound] = []

    def send(self, outbound: Outbound) -> Attempt:
        with self._lock:
            self.messages.append(outbound)
        if outbound.to.user_id in self.fails:
            raise self.fails[outbound.to.user_id]
        return Accepted()

    @property
    def customers(self) -> list[str]:
        with self._lock:
            return sorted(message.to.user_id or "" for message in self.messages)


def messages(store: SqlStore, tenant: TenantId) -> dict[str, list[str]]:
    """Statuses by customer."""
    found: dict[str, list[str]] = {}
    with store.reading(tenant) as uow:
        for message in uow.outbox.page(limit=100_000).items:
            found.setdefault(message.customer_id, []).append(message.status.value)
    return found


def verdicts(store: SqlStore, tenant: TenantId) -> list[tuple[str, str | None]]:
    """(customer, reason) in the order of the match log."""
    with store.reading(tenant) as uow:
        rows = uow.match_log.page(limit=100_000, newest_first=False).items
    return [(row["customer_id"], row["reason"]) for row in rows]


def runs(store: SqlStore, tenant: TenantId) -> list[Run]:
    with store.reading(tenant) as uow:
        return uow.runs.all()
