"""What the use cases ask of whoever keeps the consent ledger."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from nearcast.domain.chain import Head, Link
from nearcast.domain.consent import ConsentEvent
from nearcast.domain.ids import CustomerId


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerLine:
    """A consent event with its evidence: when we took it down, what the customer was shown, where it came from.

    `proof` holds what else is known of it, by name; `address_index` is the address that it is about, as a keyed hash.
    `link` is its place in the chain, once it stands there.
    """

    event: ConsentEvent
    recorded_at: datetime
    notice: Mapping[str, Any] | None = None
    source: str | None = None
    proof: Mapping[str, Any] | None = None
    address_index: str | None = None
    link: Link | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Chain:
    """A subject's lines by position, and where the chain ends by its own record."""

    subject: str
    links: list[Link]
    head: Head | None


@dataclass(frozen=True, slots=True)
class LedgerMark:
    """How far somebody has read a ledger, for the ledger alone to read: the numbers of lines, and which writers had
    begun by then. `read` is None as long as it is not known of a single line that all before it were there. `last` is
    the event id of the line `seen`.
    """

    read: int | None
    seen: int
    writers_until: int
    last: str | None


@dataclass(frozen=True, slots=True)
class LedgerChanges:
    """The subjects whose chains have grown, None where anybody's may have; and from where to read next time."""

    subjects: frozenset[str] | None
    mark: LedgerMark


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """A request to confirm a grant: `event_id` is its line. `expires_at` is the first instant that is too late."""

    token_sha256: str
    subject: str
    event_id: str
    sent_at: datetime
    expires_at: datetime
    clicked_at: datetime | None = None


class Confirmations(Protocol):
    def insert(self, asked: Confirmation) -> None: ...
    def get(self, token_sha256: str) -> Confirmation | None: ...
    def waiting(self, subject: str, now: datetime) -> list[Confirmation]: ...
    def click(self, token_sha256: str, at: datetime) -> None: ...
    def prune(self, before: datetime, *, limit: int) -> int: ...


class Consents(Protocol):
    def append(self, line: LedgerLine) -> bool: ...
    def append_all(self, lines: Iterable[LedgerLine]) -> set[str]: ...
    def close(self, subject: str, at: datetime, *, actor_id: str) -> None: ...
    def lines(self, customer_id: CustomerId) -> list[LedgerLine]: ...
    def of(self, customer_ids: Iterable[CustomerId]) -> dict[CustomerId, list[ConsentEvent]]: ...
    def chains(self, subject: str | None = None) -> Iterator[Chain]: ...
    def heads(self) -> Iterator[tuple[str, Head]]: ...
    def closed(self, before: datetime, *, limit: int) -> list[str]: ...
    def purge(self, subjects: Iterable[str], at: datetime) -> None: ...
    def purged(self, subject: str | None = None) -> dict[str, Head]: ...
    def told_by(self, at: datetime, *, after: str | None, limit: int) -> list[CustomerId]: ...
    def changes_since(self, mark: LedgerMark | None) -> LedgerChanges: ...
    def changing(self, after: datetime, until: datetime) -> list[CustomerId]: ...
    def next_change(self, after: datetime) -> datetime | None: ...
