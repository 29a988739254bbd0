"""Whether everything is as it must be on this machine: what `nearcast doctor` looks at."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

import numpy as np

from nearcast.domain.errors import NearcastError
from nearcast.domain.geofence import Circle, Geofence
from nearcast.domain.ids import GeofenceId, TenantId
from nearcast.domain.local_time import zone
from nearcast.domain.position import Position
from nearcast.geo.matcher import FenceIndex
from nearcast.geo.zones import zone_at
from nearcast.services.ports import Store

_MOST_SKEW = timedelta(seconds=2)
_LONGEST_BACKLOG = 10_000
Answer: TypeAlias = tuple[bool, str]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at; `detail` says what was found."""

    name: str
    ok: bool
    detail: str


def examine(store: Store, now: datetime, *, head: str | None, channels: str) -> Iterator[Check]:
    """Every check in order; one that cannot be made has failed. `head` is the schema that this nearcast needs."""

    def database() -> Answer:
        return True, store.about().product

    def schema() -> Answer:
        at = store.about().schema
        return at == head, f"at {at}" if at == head else f"at {at}, {head} is needed: nearcast migrate"

    def clock() -> Answer:
        skew = abs(store.about().now - now)
        return skew <= _MOST_SKEW, f"{skew.total_seconds():.1f} s from the database's"

    def backlog() -> Answer:
        waiting = 0
        for tenant_id in store.tenants():
            with store.reading(tenant_id) as uow:
                waiting += sum(uow.pings.waiting().values())
        return waiting < _LONGEST_BACKLOG, f"{waiting} pings wait in the log"

    def keys() -> Answer:
        tenants = store.tenants()
        keyless = [tenant_id for tenant_id in tenants if not _has_key(store, tenant_id)]
        if keyless or not tenants:
            return False, f"{', '.join(keyless) or 'no tenant'} has no key: nearcast keys create"
        return True, f"{len(tenants)} tenants, each with a key"

    checks: tuple[tuple[str, Callable[[], Answer]], ...] = (
        ("database", database),
        ("schema", schema),
        ("clock", clock),
        ("time zones", _time_zones),
        ("index", _index),
        ("backlog", backlog),
        ("channels", lambda: (True, channels)),
        ("keys", keys),
    )
    for name, look in checks:
        try:
            yield Check(name, *look())
        except NearcastError as error:
            yield Check(name, False, str(error))


def _has_key(store: Store, tenant_id: TenantId) -> bool:
    with store.reading(tenant_id) as uow:
        return any(key.revoked_at is None for key in uow.keys.all())


def _time_zones() -> Answer:
    berlin = Position(52.52, 13.405)
    summer = datetime(2026, 7, 1, 12, tzinfo=zone("Europe/Berlin")).utcoffset()
    ok = zone_at(berlin) == "Europe/Berlin" and summer == timedelta(hours=2)
    return ok, "a position's zone and its summer time are known" if ok else "Berlin in July is not at +02:00"


def _index() -> Answer:
    fence = Geofence(id=GeofenceId("f"), boundary=Circle(center=Position(52.52, 13.405), radius_m=50.0))
    pairs = FenceIndex([fence]).match(np.array([52.52, 52.53]), np.array([13.405, 13.405]))
    ok = pairs.ping_row.tolist() == [0]
    return ok, "inside is inside, outside is outside" if ok else "a position is on the wrong side of a geofence"
