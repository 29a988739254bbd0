"""How full throttles are: one row each, which all processes that send go through."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select

from nearcast.domain.ids import TenantId
from nearcast.domain.throttle import Quota, Throttle
from nearcast.store.dialect import insert_into, upsert
from nearcast.store.tables import throttle

_EVERYBODY = ""


def hold_quota(
    connection: Connection, tenant: TenantId, throttles: Sequence[Throttle], first: datetime, last: datetime
) -> Quota:
    """What may leave from `first` until `last`, by the throttles; nobody else takes from them before the transaction
    ends.
    """
    if not throttles:
        return Quota((), first, {}, last)
    rows = [{**_key(tenant, one), "full_until": first} for one in sorted(throttles, key=_order)]
    # a row that is not there cannot be waited for
    connection.execute(insert_into(connection, throttle).on_conflict_do_nothing(), rows)
    return Quota(throttles, first, _full_until(connection, tenant, throttles, hold=True), last)


def keep_quota(connection: Connection, tenant: TenantId, quota: Quota) -> None:
    """Write what was taken."""
    taken = sorted(quota.taken.items(), key=lambda item: _order(item[0]))
    upsert(connection, throttle, [{**_key(tenant, one), "full_until": until} for one, until in taken])


def free_at(connection: Connection, tenant: TenantId, throttles: Sequence[Throttle], now: datetime) -> datetime | None:
    """When the first of those that let nothing through at `now` does again; None where all do."""
    known = _full_until(connection, tenant, throttles) if throttles else {}
    free = (one.free_at(known.get(one), now) for one in throttles)
    return min((at for at in free if at > now), default=None)


def _full_until(
    connection: Connection, tenant: TenantId, throttles: Sequence[Throttle], *, hold: bool = False
) -> dict[Throttle, datetime]:
    found = select(throttle).where(throttle.c.tenant_id == tenant).order_by(throttle.c.channel, throttle.c.sender)
    rows = connection.execute(found.with_for_update() if hold else found).all()
    known = {(row.channel, row.sender): row.full_until for row in rows}
    return {one: known[_order(one)] for one in throttles if _order(one) in known}


def _order(one: Throttle) -> tuple[str, str]:
    return one.channel, one.sender or _EVERYBODY


def _key(tenant: TenantId, one: Throttle) -> dict[str, str]:
    channel, sender = _order(one)
    return {"tenant_id": tenant, "channel": channel, "sender": sender}
