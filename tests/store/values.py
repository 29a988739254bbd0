"""Valid values in a few words, and strategies for any valid value."""

import math
import struct
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from threading import Barrier
from typing import Any, TypeVar

import numpy as np
from hypothesis import strategies as st

from nearcast.domain.ids import (
    CampaignId,
    CustomerId,
    DecisionId,
    GeofenceId,
    MessageId,
    ShopId,
    TenantId,
    VisitId,
)
from nearcast.domain.message import Message, MessageStatus
from nearcast.domain.ping import Fix
from nearcast.domain.position import Position
from nearcast.domain.sending import Template
from nearcast.domain.track import Track
from nearcast.domain.visit import Transition, TransitionKind, TransitionReason, Visit
from nearcast.domain.walk import Stance
from nearcast.geo.batch import PingBatch
from nearcast.store.sql_store import SqlStore

NOON = datetime(2026, 6, 2, 10, tzinfo=UTC)
ANNA, BOB = CustomerId("anna"), CustomerId("bob")
T = TypeVar("T")

_numbers = count(1)


def new_tenant(store: SqlStore) -> TenantId:
    tenant = TenantId(f"tenant-{next(_numbers)}")
    assert store.add_tenant(tenant, NOON)
    return tenant


def later(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def at_once(work: Sequence[Callable[[], T]]) -> list[T]:
    """Do all of it at the same time, each in a thread of its own."""
    start = Barrier(len(work))

    def begin(one: Callable[[], T]) -> T:
        start.wait(timeout=10)
        return one()

    with ThreadPoolExecutor(len(work)) as pool:
        return list(pool.map(begin, work))


def add_customers(store: SqlStore, tenant: TenantId, *customer_ids: CustomerId) -> None:
    with store.writing(tenant) as uow:
        uow.customers.upsert({key: {} for key in customer_ids}, NOON)
        uow.commit()


def message(number: int = 1, /, **changes: Any) -> Message:
    base = Message(
        id=MessageId(f"message-{number}"),
        decision_id=DecisionId(f"decision-{number}"),
        customer_id=ANNA,
        campaign_id=CampaignId("camp-7"),
        shop_id=ShopId("s1"),
        geofence_id=GeofenceId("f1"),
        visit_id=VisitId("visit-1"),
        channel="sms",
        text="Coffee −20 %",
        status=MessageStatus.QUEUED,
        queued_at=NOON,
        not_before=NOON,
        expires_at=later(1200),
    )
    return replace(base, **changes)


def row(number: int = 1, /, **changes: Any) -> dict[str, Any]:
    """A match-log row."""
    base = {
        "decision_id": f"decision-{number}",
        "customer_id": ANNA,
        "campaign_id": "camp-7",
        "geofence_id": "f1",
        "shop_id": "s1",
        "trigger": "enter",
        "at": later(number),
        "decided_at": later(number + 1),
        "outcome": "suppress",
        "reason": "quiet_hours",
        "reasons": ["quiet_hours", "cap_rolling"],
        "detail": {"quiet_hours": {"timezones": ["Europe/Berlin"], "n": 1.5, "text": "Café −20 %"}, "a": None},
        "not_before": None,
        "expires_at": later(1200),
        "tz_used": "Europe/Berlin",
        "tz_source": "customer_profile",
        "would_have_sent": False,
        "winner_campaign_id": None,
        "message_id": None,
    }
    return base | changes


def pings(*customer_ids: str, first: int = 0, **changes: Any) -> PingBatch:
    """One ping a second."""
    n = len(customer_ids)

    def texts(values: Sequence[str | None]) -> Any:
        column = np.empty(n, dtype=object)
        column[:] = list(values)
        return column

    at_us = np.arange(first, first + n, dtype=np.int64) * 1_000_000 + 1_780_000_000_000_000
    columns: dict[str, Any] = {
        "recorded_at_us": at_us,
        "received_at_us": at_us + 1,
        "lat_deg": np.full(n, 52.52),
        "lon_deg": np.full(n, 13.405),
        "accuracy_m": np.full(n, math.nan),
        "speed_mps": np.full(n, 1.5),
        "ping_id": [None] * n,
        "device_id": ["phone"] * n,
    }
    columns |= changes
    for name in ("ping_id", "device_id"):
        columns[name] = texts(columns[name])
    return PingBatch(customer_id=texts(customer_ids), **columns)


# --- any valid value; PostgreSQL has no text with NUL, and no database has half a character

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=8)
instants = st.datetimes(timezones=st.just(UTC))
floats = st.floats(allow_nan=False, allow_infinity=False)
positions = st.builds(Position, st.floats(-90, 90), st.floats(-540, 540))
fixes = st.builds(
    Fix,
    at=instants,
    position=positions,
    accuracy_m=st.floats(0, 1e9),
    inside=st.frozensets(texts.map(GeofenceId), max_size=3),
    device_id=st.none() | texts,
)
transitions = st.builds(
    Transition,
    kind=st.sampled_from(TransitionKind),
    geofence_id=texts.map(GeofenceId),
    at=instants,
    geofence_revision=st.integers(1, 2**31 - 1),
    visit_id=texts.map(VisitId),
    decided_at=st.none() | instants,
    initial=st.booleans(),
    inferred=st.booleans(),
    reason=st.none() | st.sampled_from(TransitionReason),
    duration_s=st.none() | floats,
    fix=st.none() | fixes,
    may_trigger=st.booleans(),
)
visits = st.builds(
    Visit,
    enter=transitions,
    dwell=st.none() | transitions,
    exit=st.none() | transitions,
    is_silent=st.booleans(),
    leaving=st.none() | transitions,
)
stances = st.builds(
    Stance,
    last=st.none() | fixes,
    arriving=st.lists(transitions, max_size=2).map(tuple),
    quarantined=st.none() | fixes,
)
some_visits = st.lists(visits, max_size=2).map(tuple)
tracks = st.builds(
    Track,
    tenant_id=st.just(TenantId("t")),
    customer_id=texts.map(CustomerId),
    fixes=st.lists(fixes, max_size=3).map(tuple),
    before=stances,
    open_before=some_visits,
    stance=stances,
    visits=some_visits,
    crossings=st.lists(transitions, max_size=2).map(tuple),
)
templates = st.builds(
    Template,
    name=texts,
    language=texts,
    variables=st.lists(texts, max_size=2).map(tuple),
    code=st.none() | texts,
    ends_at=st.none() | instants,
    button_indexes=st.lists(st.integers(0, 9), max_size=2).map(tuple),
    is_marketing=st.none() | st.booleans(),
    body=texts,
)
messages = st.builds(
    Message,
    id=texts.map(MessageId),
    decision_id=texts.map(DecisionId),
    customer_id=texts.map(CustomerId),
    campaign_id=texts.map(CampaignId),
    shop_id=texts.map(ShopId),
    geofence_id=st.none() | texts.map(GeofenceId),
    visit_id=st.none() | texts.map(VisitId),
    channel=texts,
    text=texts,
    status=st.sampled_from(MessageStatus),
    queued_at=instants,
    not_before=instants,
    expires_at=instants,
    is_deferred=st.booleans(),
    sent_at=st.none() | instants,
    reason=st.none() | texts,
    consent_event_ids=st.lists(texts, max_size=2).map(tuple),
    variant=st.none() | texts,
    template=st.none() | templates,
    provider_id=st.none() | texts,
    error_code=st.none() | texts,
    error_class=st.none() | texts,
    delivered_at=st.none() | instants,
    read_at=st.none() | instants,
)


def _ring(corners: list[tuple[float, float]]) -> bytes:
    closed = [*corners, corners[0]]
    return struct.pack("<I", len(closed)) + b"".join(struct.pack("<dd", *corner) for corner in closed)


_rings = st.lists(st.tuples(st.floats(-540, 540), st.floats(-90, 90)), min_size=3, max_size=6).map(_ring)
_polygons = st.lists(_rings, min_size=1, max_size=3).map(
    lambda rings: struct.pack("<BII", 1, 3, len(rings)) + b"".join(rings)
)
areas_wkb = _polygons | st.lists(_polygons, min_size=1, max_size=3).map(
    lambda parts: struct.pack("<BII", 1, 6, len(parts)) + b"".join(parts)
)
"""Polygons and MultiPolygons as bytes, most of them invalid: a store keeps what it is given."""
