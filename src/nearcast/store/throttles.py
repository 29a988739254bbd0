"""How full throttles are: one row each, which all processes that send go through.

Those of a provider are everybody's who sends there: their rows belong to no tenant.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, Table, select

from nearcast.domain.ids import TenantId
from nearcast.domain.throttle import Quota, Throttle
from nearcast.store.dialect import insert_missing, upsert
from nearcast.store.sender_tables import provider_throttle
from nearcast.store.tables import throttle
from nearcast.store.theirs import mine

_EVERYBODY = ""
_COLUMNS = ("channel", "sender", "full_until")
_READ = {
    throttle.name: select(*(throttle.c[name] for name in _COLUMNS)).where(mine(throttle)),
    provider_throttle.name: select(*(provider_throttle.c[name] for name in _COLUMNS)),
}
_HELD = {name: rows.order_by("channel", "sender").with_for_update() for name, rows in _READ.items()}


def hold_quota(
    connection: Connection, tenant: TenantId, throttles: Sequence[Throttle], first: datetime, last: datetime
) -> Quota:
    """What may leave from `first` until `last`, by the throttles; nobody else takes from them before the transaction
    ends.
    """
    if not throttles:
        return Quota((), first, {}, last)
    for table, some in _by_table(throttles):
        rows = [{**_key(tenant, one), "full_until": first} for one in some]
        # a row that is not there cannot be waited for
        insert_missing(connection, table, rows)
    return Quota(throttles, first, _full_until(connection, tenant, throttles, hold=True), last)


def keep_quota(connection: Connection, tenant: TenantId, quota: Quota) -> None:
    """Write what was taken."""
    for table, some in _by_table(quota.taken):
        upsert(connection, table, [{**_key(tenant, one), "full_until": quota.taken[one]} for one in some])


def free_at(connection: Connection, tenant: TenantId, throttles: Sequence[Throttle], now: datetime) -> datetime | None:
    """When the first of those that let nothing through at `now` does again; None where all do."""
    known = _full_until(connection, tenant, throttles) if throttles else {}
    free = (one.free_at(known.get(one), now) for one in throttles)
    return min((at for at in free if at > now), default=None)


def _full_until(
    connection: Connection, tenant: TenantId, throttles: Sequence[Throttle], *, hold: bool = False
) -> dict[Throttle, datetime]:
    """Held in one order by all: a tenant's own before those that it shares."""
    found: dict[Throttle, datetime] = {}
    for table, some in _by_table(throttles):
        rows = connection.execute((_HELD if hold else _READ)[table.name], {"tenant": tenant})
        known = {(channel, sender): full_until for channel, sender, full_until in rows}
        found |= {one: known[_order(one)] for one in some if _order(one) in known}
    return found


def _by_table(throttles: Sequence[Throttle] | dict[Throttle, datetime]) -> list[tuple[Table, list[Throttle]]]:
    parts = [(throttle, False), (provider_throttle, True)]
    found = [
        (table, sorted((one for one in throttles if one.is_providers is shared), key=_order)) for table, shared in parts
    ]
    return [(table, some) for table, some in found if some]


def _order(one: Throttle) -> tuple[str, str]:
    return one.channel, one.sender or _EVERYBODY


def _key(tenant: TenantId, one: Throttle) -> dict[str, str]:
    channel, sender = _order(one)
    here = {"channel": channel, "sender": sender}
    return here if one.is_providers else {"tenant_id": tenant, **here}
