"""Documents of the catalogue, each kept with all its revisions."""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Row, Select, Table, and_, bindparam, func, insert, select, update

from nearcast.domain.ids import TenantId
from nearcast.services.ports import Page, Revision
from nearcast.store.page import page_of
from nearcast.store.tables import tenant as tenant_table
from nearcast.store.theirs import mine


class Revisions:
    """The documents of one kind. Every edit takes the tenant's next catalogue revision, which makes editors wait for
    each other and tells readers that there is something new.
    """

    def __init__(self, connection: Connection, tenant: TenantId, table: Table) -> None:
        self._connection, self._tenant, self._table = connection, tenant, table

    def put(self, key: str, doc: Mapping[str, Any], at: datetime, **columns: Any) -> Revision:
        """Write the next revision of a document, the first if there is none."""
        return self._append(key, doc, at, is_deleted=False, **columns)

    def delete(self, key: str, at: datetime) -> bool:
        """Write a last revision that says it is gone; False where there is nothing to delete."""
        last = self.get(key)
        if last is None:
            return False
        state = {} if last.state is None else {"state": last.state}
        self._append(key, last.doc, at, is_deleted=True, **state)
        return True

    def get(self, key: str) -> Revision | None:
        """The current revision; None where there is none or it is deleted."""
        row = self._connection.execute(_newest(self._table), {"tenant": self._tenant, "key": key}).one_or_none()
        return None if row is None or row.is_deleted else _revision(row)

    def all(self) -> list[Revision]:
        """All current documents by id."""
        return self._read(self._current().order_by(self._table.c.id))

    def page(self, *, cursor: str | None = None, limit: int = 100) -> Page[Revision]:
        """Current documents by id; the cursor is the last id."""
        found = self._current().order_by(self._table.c.id).limit(limit + 1)
        if cursor is not None:
            found = found.where(self._table.c.id > cursor)
        return page_of([(revision.id, revision) for revision in self._read(found)], limit)

    def history(self, key: str) -> list[Revision]:
        """All revisions of a document, oldest first, deletions too."""
        return self._read(self._mine().where(self._table.c.id == key).order_by(self._table.c.revision))

    def every(self, *, since: int = 0) -> list[Revision]:
        """All revisions of all documents made after that catalogue revision, in the order of the edits."""
        made = self._table.c.catalogue_revision
        return self._read(self._mine().where(made > since).order_by(made))

    def ids(self) -> set[str]:
        """Of all documents that there ever were."""
        mine = select(self._table.c.id).where(self._table.c.tenant_id == self._tenant)
        return set(self._connection.scalars(mine.distinct()))

    def _append(self, key: str, doc: Mapping[str, Any], at: datetime, **columns: Any) -> Revision:
        edit = next_catalogue_revision(self._connection, self._tenant)
        table = self._table
        mine = and_(table.c.tenant_id == self._tenant, table.c.id == key)
        last: int | None = self._connection.scalar(select(func.max(table.c.revision)).where(mine))
        row = {
            "tenant_id": self._tenant,
            "id": key,
            "revision": (last or 0) + 1,
            "catalogue_revision": edit,
            "doc": dict(doc),
            "at": at,
            **columns,
        }
        self._connection.execute(insert(table), row)
        return Revision(
            id=key,
            revision=row["revision"],
            catalogue_revision=edit,
            doc=row["doc"],
            at=at,
            is_deleted=columns["is_deleted"],
            state=columns.get("state"),
        )

    def _mine(self) -> Select[Any]:
        return select(self._table).where(self._table.c.tenant_id == self._tenant)

    def _current(self) -> Select[Any]:
        table, newer = self._table, self._table.alias("newer")
        last = (
            select(func.max(newer.c.revision))
            .where(newer.c.tenant_id == table.c.tenant_id, newer.c.id == table.c.id)
            .scalar_subquery()
        )
        return self._mine().where(table.c.revision == last, table.c.is_deleted.is_(False))

    def _read(self, statement: Select[Any]) -> list[Revision]:
        return [_revision(row) for row in self._connection.execute(statement)]


@lru_cache
def _newest(table: Table) -> Select[Any]:
    of_key = select(table).where(mine(table), table.c.id == bindparam("key"))
    return of_key.order_by(table.c.revision.desc()).limit(1)


def next_catalogue_revision(connection: Connection, tenant: TenantId) -> int:
    """Take the next number; other editors of this tenant wait until this transaction ends."""
    taken: int = connection.execute(
        update(tenant_table)
        .where(tenant_table.c.id == tenant)
        .values(catalogue_revision=tenant_table.c.catalogue_revision + 1)
        .returning(tenant_table.c.catalogue_revision)
    ).scalar_one()
    return taken


def _revision(row: Row[Any]) -> Revision:
    return Revision(
        id=row.id,
        revision=row.revision,
        catalogue_revision=row.catalogue_revision,
        doc=row.doc,
        at=row.at,
        is_deleted=row.is_deleted,
        state=getattr(row, "state", None),
    )
