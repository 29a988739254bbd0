"""Devices of customers. Their passwords and tokens are never here, only hashes of them."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from nearcast.domain.ids import CustomerId, TenantId
from nearcast.services.device_ports import Device
from nearcast.services.ports import Page
from nearcast.store.customer_tables import device
from nearcast.store.page import chunks, page_of
from nearcast.store.pruning import delete_some


class Devices:
    """One tenant's devices, revoked ones too."""

    def __init__(self, connection: Connection, tenant: TenantId) -> None:
        self._connection, self._tenant = connection, tenant

    def insert(self, made: Device) -> None:
        """Add a device of this tenant."""
        self._connection.execute(insert(device), {**asdict(made), "tenant_id": self._tenant})

    def get(self, device_id: str) -> Device | None:
        row = self._connection.execute(select(device).where(*self._is(device_id))).one_or_none()
        return None if row is None else _device(row)

    def of(self, customer_id: CustomerId) -> list[Device]:
        """A customer's devices, oldest first."""
        theirs = select(device).where(device.c.tenant_id == self._tenant, device.c.customer_id == customer_id)
        return [_device(row) for row in self._connection.execute(theirs.order_by(device.c.created_at, device.c.id))]

    def page(self, *, cursor: str | None = None, limit: int = 100) -> Page[Device]:
        """All devices by id; the cursor is the last id."""
        found = select(device).where(device.c.tenant_id == self._tenant).order_by(device.c.id).limit(limit + 1)
        if cursor is not None:
            found = found.where(device.c.id > cursor)
        return page_of([(row.id, _device(row)) for row in self._connection.execute(found)], limit)

    def revoke(self, device_id: str, at: datetime) -> Device | None:
        """End a device; None where there is none, or it has ended."""
        ended = update(device).where(*self._is(device_id), device.c.revoked_at.is_(None)).values(revoked_at=at)
        row = self._connection.execute(ended.returning(device)).one_or_none()
        return None if row is None else _device(row)

    def revoke_all(self, customer_ids: Iterable[CustomerId], at: datetime) -> int:
        """End all devices of customers; how many."""
        ended = 0
        for some in chunks(customer_ids):
            theirs = (device.c.tenant_id == self._tenant) & device.c.customer_id.in_(some)
            live = update(device).where(theirs, device.c.revoked_at.is_(None))
            ended += self._connection.execute(live.values(revoked_at=at)).rowcount
        return ended

    def touch(self, device_id: str, at: datetime, *, not_since: datetime) -> bool:
        """Note that a device was heard of; False where that was noted after that instant."""
        last = device.c.last_seen_at
        stale = update(device).where(*self._is(device_id), last.is_(None) | (last <= not_since))
        return self._connection.execute(stale.values(last_seen_at=at)).rowcount == 1

    def prune(self, before: datetime, *, limit: int) -> int:
        """Delete devices that were revoked before an instant, at most `limit`; how many."""
        over = device.c.tenant_id == self._tenant, device.c.revoked_at < before
        return delete_some(self._connection, device, *over, limit=limit)

    def _is(self, device_id: str) -> tuple[Any, ...]:
        return device.c.tenant_id == self._tenant, device.c.id == device_id


def find_device(connection: Connection, device_id: str) -> Device | None:
    """A device of whichever tenant, revoked or not: whose it is is not known before this."""
    row = connection.execute(select(device).where(device.c.id == device_id)).one_or_none()
    return None if row is None else _device(row)


def _device(row: Row[Any]) -> Device:
    return Device(
        id=row.id,
        tenant_id=TenantId(row.tenant_id),
        customer_id=CustomerId(row.customer_id),
        feed=row.feed,
        password_hash=row.password_hash,
        token_hash=row.token_hash,
        created_at=row.created_at,
        revoked_at=row.revoked_at,
        last_seen_at=row.last_seen_at,
    )
