"""The match log: one row for every candidate, written once. A row is CONTRACT's, as a dict in its order of keys."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, select

from nearcast.domain.ids import DecisionId, TenantId
from nearcast.services.ports import MatchLogFilter, Page
from nearcast.store.dialect import among, insert_all
from nearcast.store.page import as_seq, chunks, page_of
from nearcast.store.pruning import delete_some
from nearcast.store.tables import match_log

_COLUMNS = tuple(column.name for column in match_log.c if column.name not in ("seq", "tenant_id"))


ALL = MatchLogFilter()


class MatchLog:
    """One tenant's match log in the order in which it was written."""

    def __init__(self, connection: Connection, tenant: TenantId) -> None:
        self._connection, self._tenant = connection, tenant

    def append(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add rows; a decision that is there already is an error, and nothing of this transaction can be kept."""
        new = [{"tenant_id": self._tenant, **{name: row[name] for name in _COLUMNS}} for row in rows]
        insert_all(self._connection, match_log, new)

    def page(
        self,
        wanted: MatchLogFilter = ALL,
        *,
        cursor: str | None = None,
        limit: int = 100,
        newest_first: bool = True,
    ) -> Page[dict[str, Any]]:
        """Rows that the filter takes; those written while one pages newest first come before the first page."""
        seq = match_log.c.seq
        found = self._mine().where(*_conditions(wanted)).order_by(seq.desc() if newest_first else seq).limit(limit + 1)
        if cursor is not None:
            found = found.where(seq < as_seq(cursor) if newest_first else seq > as_seq(cursor))
        return page_of([(str(row.seq), _as_dict(row)) for row in self._connection.execute(found)], limit)

    def get(self, decision_id: DecisionId) -> dict[str, Any] | None:
        row = self._connection.execute(self._mine().where(match_log.c.decision_id == decision_id)).one_or_none()
        return None if row is None else _as_dict(row)

    def newest(self) -> str:
        """The cursor of the last row written; of an empty log one before every row."""
        return str(self._connection.scalar(self._mine().with_only_columns(func.max(match_log.c.seq))) or 0)

    def known(self, decision_ids: Iterable[DecisionId]) -> set[DecisionId]:
        """Which of these have been decided."""
        found: set[DecisionId] = set()
        for ids in chunks(set(decision_ids)):
            there = self._mine().with_only_columns(match_log.c.decision_id).where(among(match_log.c.decision_id, ids))
            found |= {DecisionId(key) for key in self._connection.scalars(there)}
        return found

    def prune(self, before: datetime, *, limit: int) -> int:
        """Delete rows of decisions from before an instant, at most `limit`; how many."""
        old = match_log.c.tenant_id == self._tenant, match_log.c.decided_at < before
        return delete_some(self._connection, match_log, *old, limit=limit)

    def _mine(self) -> Any:
        return select(match_log).where(match_log.c.tenant_id == self._tenant)


def _conditions(wanted: MatchLogFilter) -> list[ColumnElement[bool]]:
    c = match_log.c
    said = {
        "campaign_id": wanted.campaign_id,
        "customer_id": wanted.customer_id,
        "outcome": wanted.outcome,
        "reason": wanted.reason,
    }
    found: list[ColumnElement[bool]] = [c[name] == value for name, value in said.items() if value is not None]
    if wanted.shop_ids is not None:
        found.append(among(c.shop_id, wanted.shop_ids))
    if wanted.geofence_ids is not None:
        found.append(among(c.geofence_id, wanted.geofence_ids))
    if wanted.since is not None:
        found.append(c.decided_at >= wanted.since)
    if wanted.until is not None:
        found.append(c.decided_at < wanted.until)
    if wanted.up_to is not None:
        found.append(c.seq <= as_seq(wanted.up_to))
    return found


def _as_dict(row: Row[Any]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _COLUMNS}
