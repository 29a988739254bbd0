"""Whether everything is as it must be on this machine: what `nearcast doctor` looks at."""

from collections.abc import Callable, Iterator, Mapping, Sequence
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
from nearcast.services.channel_ports import Adapter
from nearcast.services.payment_ports import PaymentPort
from nearcast.services.ports import Store
from nearcast.services.vault_keys import open_vault
from nearcast.services.zone_data import is_recent

_MOST_SKEW = timedelta(seconds=2)
_LONGEST_BACKLOG = 10_000
GIB = 1 << 30
Answer: TypeAlias = tuple[bool, str]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at; `detail` says what was found."""

    name: str
    ok: bool
    detail: str


def examine(
    store: Store,
    now: datetime,
    *,
    head: str | None,
    channels: str,
    adapters: Mapping[str, Adapter],
    payments: PaymentPort | None = None,
    data_keys: Sequence[str],
    free_bytes: int,
    zones: str,
) -> Iterator[Check]:
    """Every check in order; one that cannot be made has failed. `head` is the schema that this nearcast needs,
    `adapters` are asked whether their providers are ready, `channels` says what there is besides them, `data_keys` are
    the keys of addresses that it was given, `free_bytes` what is left on the disk that it writes to, `zones` the
    edition of time zones that it goes by.
    """
    checks: tuple[tuple[str, str, Callable[[], Answer]], ...] = (
        ("database", "", lambda: (True, store.about().product)),
        ("schema", "database", lambda: _schema(store, head)),
        ("clock", "database", lambda: _clock(store, now)),
        ("tenants", "schema", lambda: _tenants_apart(store)),
        ("time zones", "", lambda: _time_zones(zones, now)),
        ("disk", "", lambda: _disk(free_bytes)),
        ("index", "", _index),
        ("backlog", "schema", lambda: _backlog(store)),
        ("webhooks", "schema", lambda: _webhooks(store)),
        ("channels", "", lambda: _channels(adapters, channels)),
        ("payments", "", lambda: _payments(payments)),
        ("keys", "schema", lambda: _keys(store, now)),
        ("addresses", "schema", lambda: _addresses(store, data_keys, now)),
    )
    failed: set[str] = set()
    for name, needs, look in checks:
        check = Check(name, False, f"not known before the {needs} is right") if needs in failed else _made(name, look)
        if not check.ok:
            failed.add(name)
        yield check


def _made(name: str, look: Callable[[], Answer]) -> Check:
    try:
        return Check(name, *look())
    except NearcastError as error:
        return Check(name, False, str(error))
    except Exception as error:  # a doctor does not fall ill: that of which the text is not ours is told by its kind
        return Check(name, False, f"cannot be looked at: {type(error).__name__}")


def _schema(store: Store, head: str | None) -> Answer:
    at = store.about().schema
    if at == head:
        return True, f"at revision {at}, as this nearcast needs it"
    found = f"at revision {at}, and this nearcast needs {head}" if at else "there is none yet"
    return False, f"{found}: nearcast migrate"


def _clock(store: Store, now: datetime) -> Answer:
    skew = abs(store.about().now - now)
    said = f"{skew.total_seconds():.1f} s apart from the database's"
    return skew <= _MOST_SKEW, said if skew <= _MOST_SKEW else f"{said}: set the machine's clock by NTP"


def _tenants_apart(store: Store) -> Answer:
    missed = store.open_tables()
    if missed:
        return False, f"row-level security does not cover {', '.join(missed)}: nearcast migrate"
    by = "each statement; this database has no row-level security" if missed is None else "row-level security"
    return True, f"kept apart by {by}"


def _backlog(store: Store) -> Answer:
    waiting = 0
    for tenant_id in store.tenants():
        with store.reading(tenant_id) as uow:
            waiting += sum(uow.pings.waiting().values())
    said = f"{waiting:,} {'ping waits' if waiting == 1 else 'pings wait'} for a worker"
    is_short = waiting < _LONGEST_BACKLOG
    return is_short, said if is_short else f"{said}: is one running? nearcast serve --role worker,scheduler"


def _keys(store: Store, now: datetime) -> Answer:
    tenants = store.tenants()
    if not tenants:
        return False, "nobody can ask the service anything yet: nearcast keys create --role operator"
    keyless = [tenant_id for tenant_id in tenants if not _has_key(store, tenant_id, now)]
    if keyless:
        return False, f"no live key for {', '.join(keyless)}: nearcast keys create --tenant {keyless[0]}"
    return True, f"{len(tenants)} {'tenant has a live key' if len(tenants) == 1 else 'tenants, each with a live key'}"


def _addresses(store: Store, data_keys: Sequence[str], now: datetime) -> Answer:
    open_vault(store, data_keys, now)
    if data_keys:
        return True, "sealed with NEARCAST_DATA_KEY"
    return True, "sealed with a key that is kept beside them, which protects little: set NEARCAST_DATA_KEY"


def _has_key(store: Store, tenant_id: TenantId, now: datetime) -> bool:
    with store.reading(tenant_id) as uow:
        return any(key.is_live(now) for key in uow.keys.all())


def _time_zones(edition: str, now: datetime) -> Answer:
    berlin = Position(52.52, 13.405)
    summer = datetime(2026, 7, 1, 12, tzinfo=zone("Europe/Berlin")).utcoffset()
    ok = zone_at(berlin) == "Europe/Berlin" and summer == timedelta(hours=2)
    if not ok:
        return False, "Berlin in July is not at +02:00"
    said = f"the zone of a place and its summer time are known, by {edition}"
    is_new = is_recent(edition, now)
    return is_new, said if is_new else f"{said}: bring the machine's tzdata up to date, laws have changed since"


def _disk(free_bytes: int) -> Answer:
    said = f"{free_bytes / GIB:.1f} GiB are free"
    return free_bytes >= GIB, said if free_bytes >= GIB else f"{said}: what is accepted could not be kept for long"


def _webhooks(store: Store) -> Answer:
    waiting = store.waiting()
    if waiting.dead_events:
        dead = "event was" if waiting.dead_events == 1 else "events were"
        return False, f"{waiting.dead_events:,} {dead} not taken: GET /v1/webhooks/ID/deliveries?status=dead"
    return True, f"{waiting.events:,} {'event waits' if waiting.events == 1 else 'events wait'}, and none is dead"


def _channels(adapters: Mapping[str, Adapter], besides: str) -> Answer:
    healths = {name: adapter.probe() for name, adapter in adapters.items()}
    said = [
        f"{name} {health.what or ('ready' if health.is_ready else 'not ready')}" for name, health in healths.items()
    ]
    return all(health.is_ready for health in healths.values()), "; ".join([*said, besides])


def _payments(port: PaymentPort | None) -> Answer:
    if port is None:
        return True, "not set up: NEARCAST_PAYMENTS_SECRET_KEY is not given"
    health = port.probe()
    return health.is_ready, health.what or ("ready" if health.is_ready else "not ready")


def _index() -> Answer:
    fence = Geofence(id=GeofenceId("f"), boundary=Circle(center=Position(52.52, 13.405), radius_m=50.0))
    pairs = FenceIndex([fence]).match(np.array([52.52, 52.53]), np.array([13.405, 13.405]))
    ok = pairs.ping_row.tolist() == [0]
    return ok, "a place in a geofence is found there" if ok else "a position is on the wrong side of a geofence"
