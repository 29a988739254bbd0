"""The match log: one row for every candidate, written once. A row is CONTRACT's, as a dict in its order of keys.

Every list is in the order of deciding, and every filter has an index in that order: a page costs as much at the far end
of a log of many millions as at its beginning.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Row,
    false,
    literal,
    literal_column,
    select,
    tuple_,
    union_all,
)

from nearcast.domain.decision import Outcome
from nearcast.domain.errors import InvalidInput
from nearcast.domain.ids import DecisionId, TenantId
from nearcast.services.instants import as_instant, as_us
from nearcast.services.ports import MatchLogFilter, Page
from nearcast.store.dialect import among, insert_all, listed
from nearcast.store.page import chunks, page_of
from nearcast.store.pruning import delete_some
from nearcast.store.tables import match_log
from nearcast.store.theirs import mine

_ORDER = (match_log.c.decided_at, match_log.c.seq)
_place = tuple_(*_ORDER)
_INSTANT_DIGITS, _SEQ_DIGITS = 16, 18  # microseconds until the year 2286
_FEW = 16  # places looked for one by one
_START = "0" * (_INSTANT_DIGITS + _SEQ_DIGITS)
_KNOWN = select(match_log.c.decision_id).where(mine(match_log), listed(match_log.c.decision_id, "decisions"))
_COLUMNS = tuple(column.name for column in match_log.c if column.name not in ("seq", "tenant_id"))


ALL = MatchLogFilter()


class MatchLog:
    """One tenant's match log in the order of deciding; at one instant in that of writing."""

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
        """Rows that the filter takes; those decided while one pages newest first come before the first page."""
        order = [column.desc() for column in _ORDER] if newest_first else _ORDER
        conditions, one_of = _conditions(wanted)
        if cursor is not None:
            place = _at(cursor)
            conditions.append(_place < place if newest_first else _place > place)
        found = self._mine().where(*conditions).order_by(*order).limit(limit + 1)
        if one_of:
            each = (found.where(one).with_only_columns(match_log.c.seq).subquery() for one in one_of)
            of_any = union_all(*(select(some.c.seq) for some in each))
            found = self._mine().where(match_log.c.seq.in_(of_any)).order_by(*order).limit(limit + 1)
        return page_of([(_cursor(row), _as_dict(row)) for row in self._connection.execute(found)], limit)

    def get(self, decision_id: DecisionId) -> dict[str, Any] | None:
        row = self._connection.execute(self._mine().where(match_log.c.decision_id == decision_id)).one_or_none()
        return None if row is None else _as_dict(row)

    def newest(self) -> str:
        """The cursor of the last row decided; of an empty log one before every row."""
        last = self._mine().order_by(*(column.desc() for column in _ORDER)).limit(1)
        row = self._connection.execute(last.with_only_columns(*_ORDER)).one_or_none()
        return _START if row is None else _cursor(row)

    def known(self, decision_ids: Iterable[DecisionId]) -> set[DecisionId]:
        """Which of these have been decided."""
        found: set[DecisionId] = set()
        for ids in chunks(set(decision_ids)):
            found.update(map(DecisionId, self._connection.scalars(_KNOWN, {"tenant": self._tenant, "decisions": ids})))
        return found

    def prune(self, before: datetime, *, limit: int) -> int:
        """Delete rows of decisions from before an instant, at most `limit`; how many."""
        old = match_log.c.tenant_id == self._tenant, match_log.c.decided_at < before
        return delete_some(self._connection, match_log, *old, limit=limit)

    def _mine(self) -> Any:
        return select(match_log).where(match_log.c.tenant_id == self._tenant)


def _conditions(wanted: MatchLogFilter) -> tuple[list[ColumnElement[bool]], list[ColumnElement[bool]]]:
    """What holds for every row; and, unless there are none, conditions of which one holds. Each of these is looked for
    by itself, in the order of its index: a database would read all rows of few places, or of all places, and sort them.
    """
    c = match_log.c
    said = {"campaign_id": wanted.campaign_id, "customer_id": wanted.customer_id, "reason": wanted.reason}
    found: list[ColumnElement[bool]] = [c[name] == value for name, value in said.items() if value is not None]
    one_of: list[ColumnElement[bool]] = []
    for column, ids in ((c.geofence_id, wanted.geofence_ids), (c.shop_id, wanted.shop_ids)):
        if ids is None:
            continue
        if len(ids) == 1:
            found.append(column == ids[0])
        elif one_of or wanted.customer_id is not None or len(ids) > _FEW:
            found.append(among(column, ids))
        else:
            one_of = [column == key for key in ids] or [false()]
    if wanted.outcome is not None:
        found.append(c.outcome == wanted.outcome)
        if wanted.outcome != Outcome.SUPPRESS:  # said as its index says it
            found.append(c.outcome != literal_column("'suppress'"))
    if wanted.since is not None:
        found.append(c.decided_at >= wanted.since)
    if wanted.until is not None:
        found.append(c.decided_at < wanted.until)
    if wanted.up_to is not None:
        found.append(_place <= _at(wanted.up_to))
    return found, one_of


def _cursor(row: Row[Any]) -> str:
    """An instant and a number as one whole number: both have their digits."""
    return f"{as_us(row.decided_at):0{_INSTANT_DIGITS}}{row.seq:0{_SEQ_DIGITS}}"


def _at(cursor: str) -> ColumnElement[Any]:
    """The place that a cursor stands for; InvalidInput for one that never came from here."""
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) == len(_START)):
        raise InvalidInput(f"{cursor[:40]!r} is not a cursor of this list", place="cursor")
    decided_at = as_instant(int(cursor[:_INSTANT_DIGITS]))
    return tuple_(literal(decided_at, match_log.c.decided_at.type), literal(int(cursor[_INSTANT_DIGITS:]), BigInteger))


def _as_dict(row: Row[Any]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _COLUMNS}
