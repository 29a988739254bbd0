"""The consent ledger: lines are added to their customer's chain, and never changed or taken out, but for whole chains
whose time is over.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, delete, func, insert, or_, select, union_all

from nearcast.domain.chain import ERASED, NOTHING, Head, Link, link_hash
from nearcast.domain.consent import GIVEN, ConsentAction, ConsentEvent, in_ledger_order
from nearcast.domain.errors import NotFound
from nearcast.domain.ids import CustomerId, TenantId, consent_event_id
from nearcast.services.ledger_ports import Chain, LedgerChanges, LedgerLine, LedgerMark
from nearcast.services.report import rfc3339
from nearcast.store.customer_tables import consent_event, customer, ledger_head, purged_chain
from nearcast.store.dialect import among, may_delete, upsert
from nearcast.store.ledger_changes import changes_since
from nearcast.store.page import chunks
from nearcast.store.theirs import mine, rows_of, theirs

_CHAINED = ("seq", "position", "prev_hash", "row_hash")
_EVERYTHING = "*"
_EVENT = [
    consent_event.c[name]
    for name in ("event_id", "purpose", "action", "at", "channel", "sender", "valid_until", "recorded_at")
]
_ROWS_AT_ONCE = 1000
_OF_CUSTOMER = (consent_event.c.tenant_id == customer.c.tenant_id) & (consent_event.c.subject == customer.c.subject)
_WITH_OWNER = select(consent_event, customer.c.id.label("customer_id")).join_from(customer, consent_event, _OF_CUSTOMER)
# customers come first: SQLite would look through the tenant's whole ledger for theirs
_WHOSE = (
    select(customer.c.tenant_id, customer.c.subject, customer.c.id.label("customer_id"))
    .where(theirs(customer, "id"))
    .cte("whose")
    .prefix_with("MATERIALIZED")
)
_EVENTS = (
    select(_WHOSE.c.customer_id, *_EVENT)
    .join(
        consent_event,
        (consent_event.c.tenant_id == _WHOSE.c.tenant_id) & (consent_event.c.subject == _WHOSE.c.subject),
    )
    .order_by(consent_event.c.seq)
)

_DATED = (consent_event.c.at, consent_event.c.valid_until)
_CHANGING = (
    _WITH_OWNER.with_only_columns(customer.c.id)
    .where(mine(customer), or_(*((at > bindparam("after")) & (at <= bindparam("until")) for at in _DATED)))
    .distinct()
    .order_by(customer.c.id)
)
_NEXT_CHANGES = [select(func.min(at)).where(mine(consent_event), at > bindparam("after")) for at in _DATED]


class Consents:
    """One tenant's ledger. It knows customers by their subjects, and keeps the lines of those who are no more."""

    def __init__(self, connection: Connection, tenant: TenantId) -> None:
        self._connection, self._tenant = connection, tenant

    @property
    def _lines(self) -> Select[Any]:
        return _WITH_OWNER.where(customer.c.tenant_id == self._tenant)

    def append(self, line: LedgerLine) -> bool:
        """Add a line to its customer's chain; False where one with its event id stands already, which is left as it
        is. NotFound for a customer that does not exist.
        """
        return bool(self.append_all([line]))

    def append_all(self, lines: Iterable[LedgerLine]) -> set[str]:
        """As `append`, many lines in their order; the event ids of those that are new. Holds their customers: two
        writers never add to one chain at the same place.
        """
        wanted = {line.event.event_id: line for line in reversed(list(lines))}
        subjects = self._held({line.event.customer_id for line in wanted.values()})
        standing, heads = self._standing(wanted), self._heads(subjects.values())
        rows = []
        for event_id, line in reversed(wanted.items()):
            if event_id in standing:
                continue
            subject = subjects[line.event.customer_id]
            row = {"tenant_id": self._tenant, "subject": subject, **_columns(line)}
            rows.append(_linked(row, heads.get(subject, NOTHING)))
            heads[subject] = Head(rows[-1]["position"], rows[-1]["row_hash"])
        if rows:
            self._connection.execute(insert(consent_event), rows)
            self._put_heads({row["subject"]: heads[row["subject"]] for row in rows})
        return {row["event_id"] for row in rows}

    def close(self, subject: str, at: datetime, *, actor_id: str) -> None:
        """Add the last line of a chain: its customer, who must be held, is erased."""
        row = {
            "tenant_id": self._tenant,
            "subject": subject,
            "event_id": consent_event_id(self._tenant, subject, ERASED),
            "purpose": _EVERYTHING,
            "channel": None,
            "sender": None,
            "action": ERASED,
            "at": at,
            "valid_until": None,
            "recorded_at": at,
            "notice": None,
            "source": "erasure",
            "proof": {"actor_id": actor_id},
            "address_index": None,
        }
        last = _linked(row, self._heads([subject]).get(subject, NOTHING))
        self._connection.execute(insert(consent_event), last)
        self._put_heads({subject: Head(last["position"], last["row_hash"])})

    def of(self, customer_ids: Iterable[CustomerId]) -> dict[CustomerId, list[ConsentEvent]]:
        """The events of customers in ledger order; those without any are left out."""
        found: dict[CustomerId, list[ConsentEvent]] = {}
        for row in rows_of(self._connection, _EVENTS, self._tenant, customer_ids):
            found.setdefault(row[0], []).append(_event(row))
        return {customer_id: in_ledger_order(events) for customer_id, events in found.items()}

    def lines(self, customer_id: CustomerId) -> list[LedgerLine]:
        """The lines of a customer with their evidence, in the order in which they were added."""
        mine = self._lines.where(customer.c.id == customer_id).order_by(consent_event.c.position)
        return [
            LedgerLine(
                event=_event(row),
                recorded_at=row.recorded_at,
                notice=row.notice,
                source=row.source,
                proof=row.proof,
                address_index=row.address_index,
                link=_link(row),
            )
            for row in self._connection.execute(mine)
        ]

    def chains(self, subject: str | None = None) -> Iterator[Chain]:
        """Every chain, or one, by subject, with as much of it as there is; read in portions."""
        line, head = consent_event.c, ledger_head.c
        lines = select(consent_event).where(line.tenant_id == self._tenant).order_by(line.subject, line.position)
        heads = select(ledger_head).where(head.tenant_id == self._tenant).order_by(head.subject)
        if subject is not None:
            lines, heads = lines.where(line.subject == subject), heads.where(head.subject == subject)
        ends = self._in_portions(heads)
        end = next(ends, None)
        for key, rows in groupby(self._in_portions(lines), key=lambda row: str(row.subject)):
            while end is not None and end.subject < key:
                yield Chain(end.subject, [], _head(end))
                end = next(ends, None)
            is_its = end is not None and end.subject == key
            yield Chain(key, [_link(row) for row in rows], _head(end) if end is not None and is_its else None)
            end = next(ends, None) if is_its else end
        while end is not None:
            yield Chain(end.subject, [], _head(end))
            end = next(ends, None)

    def heads(self) -> Iterator[tuple[str, Head]]:
        """Where every chain ends, or ended when it was purged, by subject."""
        ends = [
            select(table.c.subject, table.c.lines, table.c.hash).where(table.c.tenant_id == self._tenant)
            for table in (ledger_head, purged_chain)
        ]
        for row in self._connection.execute(union_all(*ends).order_by("subject")):
            yield row.subject, _head(row)

    def closed(self, before: datetime, *, limit: int) -> list[str]:
        """The subjects of chains that an erasure closed before an instant, by subject."""
        line = consent_event.c
        mine = (line.tenant_id == self._tenant) & (line.action == ERASED) & (line.recorded_at < before)
        return list(self._connection.scalars(select(line.subject).where(mine).order_by(line.subject).limit(limit)))

    def purge(self, subjects: Iterable[str], at: datetime) -> None:
        """Take whole chains out of the ledger. How many lines each had and the hash of the last stays on record."""
        for some in chunks(sorted(set(subjects))):
            ends = self._heads(some)
            gone = [{"subject": key, "lines": end.count, "hash": end.hash} for key, end in ends.items()]
            if not gone:
                continue
            self._connection.execute(
                insert(purged_chain), [{"tenant_id": self._tenant, "purged_at": at, **row} for row in gone]
            )
            with may_delete(self._connection, consent_event):
                for table in (consent_event, ledger_head):
                    mine = (table.c.tenant_id == self._tenant) & table.c.subject.in_(list(ends))
                    self._connection.execute(delete(table).where(mine))

    def purged(self, subject: str | None = None) -> dict[str, Head]:
        """Where the chains ended that are purged, by subject."""
        mine = select(purged_chain).where(purged_chain.c.tenant_id == self._tenant)
        if subject is not None:
            mine = mine.where(purged_chain.c.subject == subject)
        return {row.subject: _head(row) for row in self._connection.execute(mine)}

    def _in_portions(self, statement: Select[Any]) -> Iterator[Row[Any]]:
        yield from self._connection.execute(statement, execution_options={"yield_per": _ROWS_AT_ONCE})

    def told_by(self, at: datetime, *, after: str | None, limit: int) -> list[CustomerId]:
        """Customers who gave or confirmed something by `at`, by id, beyond the id `after`: whoever was told of
        something that long ago, and not since, is among them.
        """
        said = (consent_event.c.at <= at) & consent_event.c.action.in_([step.value for step in GIVEN])
        found = self._lines.with_only_columns(customer.c.id).where(said).distinct().order_by(customer.c.id).limit(limit)
        if after is not None:
            found = found.where(customer.c.id > after)
        return [CustomerId(key) for key in self._connection.scalars(found)]

    def changes_since(self, mark: LedgerMark | None) -> LedgerChanges:
        """Whose chains have grown since; without a mark it begins to be followed."""
        return changes_since(self._connection, self._tenant, mark)

    def changing(self, after: datetime, until: datetime) -> list[CustomerId]:
        """Customers with an event dated in (after, until], or a consent that ends there, by id."""
        said = {"tenant": self._tenant, "after": after, "until": until}
        return [CustomerId(key) for key in self._connection.scalars(_CHANGING, said)]

    def next_change(self, after: datetime) -> datetime | None:
        """The first instant after that one at which an event is dated or a consent ends."""
        said = {"tenant": self._tenant, "after": after}
        found = (self._connection.scalar(first, said) for first in _NEXT_CHANGES)
        return min((at for at in found if at is not None), default=None)

    def _held(self, customer_ids: Iterable[CustomerId]) -> dict[CustomerId, str]:
        """The subjects of customers, who are held in id order; NotFound where one does not exist."""
        asked, found = sorted(set(customer_ids)), dict[CustomerId, str]()
        for ids in chunks(asked):
            mine = select(customer.c.id, customer.c.subject).where(customer.c.tenant_id == self._tenant)
            mine = mine.where(among(customer.c.id, ids)).order_by(customer.c.id).with_for_update()
            found |= {CustomerId(row.id): row.subject for row in self._connection.execute(mine)}
        for key in asked:
            if key not in found:
                raise NotFound(f"there is no customer {key!r}")
        return found

    def _standing(self, event_ids: Iterable[str]) -> set[str]:
        line, found = consent_event.c, set[str]()
        for ids in chunks(sorted(event_ids)):
            mine = select(line.event_id).where(line.tenant_id == self._tenant, among(line.event_id, ids))
            found |= set(self._connection.scalars(mine))
        return found

    def _heads(self, subjects: Iterable[str]) -> dict[str, Head]:
        head, found = ledger_head.c, dict[str, Head]()
        for some in chunks(sorted(subjects)):
            mine = select(ledger_head).where(head.tenant_id == self._tenant, among(head.subject, some))
            found |= {row.subject: _head(row) for row in self._connection.execute(mine)}
        return found

    def _put_heads(self, heads: Mapping[str, Head]) -> None:
        rows = [
            {"tenant_id": self._tenant, "subject": subject, "lines": head.count, "hash": head.hash}
            for subject, head in heads.items()
        ]
        upsert(self._connection, ledger_head, rows)


def _columns(line: LedgerLine) -> dict[str, Any]:
    event = line.event
    return {
        "event_id": event.event_id,
        "purpose": event.purpose,
        "channel": event.channel,
        "sender": event.sender,
        "action": event.action.value,
        "at": event.at,
        "valid_until": event.valid_until,
        "recorded_at": line.recorded_at,
        "notice": line.notice,
        "source": line.source,
        "proof": line.proof,
        "address_index": line.address_index,
    }


def _linked(row: Mapping[str, Any], head: Head) -> dict[str, Any]:
    """A row as the next of its chain."""
    position = head.count + 1
    row_hash = link_hash(_content(row), position, head.hash)
    return {**row, "position": position, "prev_hash": head.hash, "row_hash": row_hash}


def _content(row: Mapping[str, Any]) -> dict[str, Any]:
    """What the hash of a line covers, as it is read again: instants as text."""
    said = {key: value for key, value in row.items() if key not in _CHAINED}
    return {key: rfc3339(value) if isinstance(value, datetime) else value for key, value in said.items()}


def _link(row: Row[Any]) -> Link:
    content = {column.name: getattr(row, column.name) for column in consent_event.columns}
    return Link(
        name=row.event_id,
        position=row.position,
        content=_content(content),
        prev_hash=row.prev_hash,
        row_hash=row.row_hash,
    )


def _head(row: Row[Any]) -> Head:
    return Head(row.lines, row.hash)


def _event(row: Row[Any]) -> ConsentEvent:
    return ConsentEvent(
        event_id=row.event_id,
        customer_id=CustomerId(row.customer_id),
        purpose=row.purpose,
        action=ConsentAction(row.action),
        at=row.at,
        channel=row.channel,
        sender=row.sender,
        valid_until=row.valid_until,
        recorded_at=row.recorded_at,
    )
