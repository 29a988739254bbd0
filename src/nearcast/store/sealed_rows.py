"""What is sealed and kept for a while: found by the key that it is not sealed with, and written anew."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Column, Connection, literal, select, tuple_, update

from nearcast.services.secret_ports import SealedRow
from nearcast.store.inbound_tables import message_event, quarantined_webhook, raw_webhook, reply
from nearcast.store.tables import idempotency

_COLUMNS: Mapping[str, tuple[Column[Any], Column[Any]]] = {
    "event": (message_event.c.event_index, message_event.c.sealed),
    "webhook": (raw_webhook.c.sha256, raw_webhook.c.sealed),
    "quarantine": (quarantined_webhook.c.sha256, quarantined_webhook.c.sealed),
    "reply": (reply.c.id, reply.c.sealed),
    "answer": (idempotency.c.key, idempotency.c.response),
}


def sealed_otherwise(
    connection: Connection, kind: str, prefix: str, *, after: tuple[str, str], limit: int
) -> list[SealedRow]:
    """Rows of a kind whose text begins otherwise, behind a tenant and a key, in their order."""
    key, sealed = _COLUMNS[kind]
    tenant = key.table.c.get("tenant_id")
    of_tenant = literal("") if tenant is None else tenant
    others = sealed.is_not(None), ~sealed.startswith(prefix, autoescape=True)
    place = tuple_(of_tenant, key) > tuple_(literal(after[0]), literal(after[1]))
    found = select(of_tenant.label("tenant_id"), key.label("key"), sealed.label("sealed"))
    rows = connection.execute(found.where(*others, place).order_by(of_tenant, key).limit(limit))
    return [SealedRow(row.tenant_id, row.key, row.sealed) for row in rows]


def reseal(connection: Connection, kind: str, rows: Iterable[tuple[SealedRow, str]]) -> None:
    """Write texts that were sealed anew, of rows that are still as they were read."""
    key, sealed = _COLUMNS[kind]
    tenant = key.table.c.get("tenant_id")
    for row, anew in rows:
        same = [key == row.key, sealed == row.sealed, *([] if tenant is None else [tenant == row.tenant_id])]
        connection.execute(update(key.table).where(*same).values({sealed.name: anew}))
