"""What the use cases ask of the store of what comes in: events, names that providers have for people, replies."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from nearcast.domain.ids import CustomerId, MessageId, TenantId


class EventStatus(StrEnum):
    """What became of an event: an orphan names a message that nobody here knows yet."""

    PENDING = "pending"
    APPLIED = "applied"
    ORPHAN = "orphan"
    UNPARSED = "unparsed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """An event of a provider as it is kept: found by keyed hashes, all that it says sealed. `event_index` is the same
    however often it is delivered, `provider_index` that of the provider's name for the message.
    """

    event_index: str
    channel: str
    kind: str
    what: str
    at: datetime
    status: EventStatus
    sealed: str
    provider_index: str | None = None
    message_id: MessageId | None = None
    customer_id: CustomerId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptEvent:
    """An event with the number that it is kept under; `sealed` None once it is no longer needed."""

    id: int
    event_index: str
    channel: str
    kind: str
    what: str
    at: datetime
    received_at: datetime
    status: EventStatus
    sealed: str | None
    provider_index: str | None = None
    message_id: MessageId | None = None
    customer_id: CustomerId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledEvent:
    """What became of an event, and whom it was about. What it said is forgotten unless `keeps_words`."""

    id: int
    status: EventStatus
    message_id: MessageId | None = None
    customer_id: CustomerId | None = None
    keeps_words: bool = False


class MessageEvents(Protocol):
    """One tenant's events of providers."""

    def keep_raw(self, sha256: str, channel: str, sealed: str | None, at: datetime) -> None: ...
    def insert(self, events: Iterable[NewEvent], at: datetime, *, raw_sha256: str | None = None) -> set[str]: ...
    def pending(self, *, limit: int, are_receipts: bool) -> list[KeptEvent]: ...
    def settle(self, settled: Iterable[SettledEvent]) -> None: ...
    def close(self, closed: Mapping[str, CustomerId | None]) -> None: ...
    def messages(self, message_ids: Iterable[MessageId]) -> dict[MessageId, CustomerId]: ...
    def wake_orphans(self) -> int: ...
    def last_written(self, customer_id: CustomerId) -> dict[str, datetime]: ...
    def of(self, customer_id: CustomerId) -> list[KeptEvent]: ...
    def prune(self, before: datetime, *, limit: int) -> int: ...
    def prune_orphans(self, before: datetime, *, limit: int) -> int: ...
    def prune_raw(self, before: datetime, *, limit: int) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedKey:
    """A provider's name for a customer, as it is kept."""

    kind: str
    key_index: str
    customer_id: CustomerId
    sealed: str


class ContactKeys(Protocol):
    """One tenant's names that providers have for customers. One name may be that of several: nobody is merged."""

    def holders(self, key_indexes: Iterable[str]) -> list[CustomerId]: ...
    def known(self, names: Iterable[tuple[CustomerId, str]]) -> set[tuple[CustomerId, str]]: ...
    def learn(self, keys: Iterable[SealedKey], at: datetime) -> None: ...
    def sealed_otherwise(self, key_id: str, *, limit: int) -> list[SealedKey]: ...
    def reseal(self, keys: Iterable[SealedKey]) -> None: ...
    def forget(self, customer_id: CustomerId, key_indexes: Iterable[str]) -> None: ...
    def of(self, customer_id: CustomerId) -> list[SealedKey]: ...


class Origin(StrEnum):
    """Whose word it is that somebody gets no marketing on a channel, beside the customer's own on the suppression list.

    What the platform holds only the platform lifts; what waits for a review its outcome or the customer; what waits
    for a new number to be confirmed, the customer.
    """

    PLATFORM = "platform"
    REVIEW = "review"
    IDENTITY = "identity"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Since when somebody gets no marketing on a channel, and from whom that comes."""

    customer_id: CustomerId
    channel: str
    origin: Origin
    at: datetime


class Pauses(Protocol):
    """One tenant's customers who get no marketing on a channel for other reasons than their own word."""

    def note(self, customer_ids: Iterable[CustomerId], channel: str, origin: Origin, at: datetime) -> None: ...
    def lift(
        self, customer_ids: Iterable[CustomerId], channel: str, origins: Collection[Origin], at: datetime
    ) -> bool: ...
    def of(self, customer_ids: Iterable[CustomerId]) -> dict[CustomerId, list[Pause]]: ...


class ReviewStatus(StrEnum):
    OPEN = "open"
    OPTED_OUT = "opted_out"
    KEPT = "kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class OptOutReview:
    """Words that may mean that somebody wants no more, sealed, for an operator to read."""

    id: str
    customer_id: CustomerId
    channel: str
    at: datetime
    sealed: str
    status: ReviewStatus
    decided_at: datetime | None = None


class OptOutReviews(Protocol):
    def insert(self, customer_id: CustomerId, channel: str, sealed: str, at: datetime) -> None: ...
    def has_open(self, customer_ids: Iterable[CustomerId], channel: str) -> bool: ...
    def get(self, review_id: str) -> OptOutReview | None: ...
    def page(
        self, status: ReviewStatus | None, *, cursor: str | None, limit: int
    ) -> tuple[list[OptOutReview], str | None]: ...
    def decide(self, customer_id: CustomerId, channel: str, status: ReviewStatus, at: datetime) -> int: ...
    def of(self, customer_id: CustomerId) -> list[OptOutReview]: ...
    def sealed_otherwise(self, key_id: str, *, limit: int) -> list[OptOutReview]: ...
    def reseal(self, review_id: str, sealed: str) -> None: ...
    def prune(self, before: datetime, *, limit: int) -> int: ...


class ReplyStatus(StrEnum):
    QUEUED = "queued"
    SENDING = "sending"
    ACCEPTED = "accepted"
    FAILED = "failed"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer to somebody who wrote, on its way. `sealed` holds whom it goes to and what it says, until its fate is
    known. `customer_id` None for who is no customer.
    """

    id: str
    channel: str
    customer_id: CustomerId | None
    sealed: str | None
    is_asked_for: bool
    status: ReplyStatus
    created_at: datetime
    not_before: datetime
    not_after: datetime
    attempt: int = 0
    sent_at: datetime | None = None
    reason: str | None = None


class Replies(Protocol):
    """One tenant's replies."""

    def insert(self, made: Reply) -> bool: ...
    def claim(self, now: datetime, *, until: datetime, limit: int) -> list[Reply]: ...
    def settle(self, before: Reply, after: Reply, *, provider_index: str | None = None) -> bool: ...
    def rescue(self, now: datetime) -> int: ...
    def report(self, reported: Mapping[str, ReplyStatus]) -> set[str]: ...
    def named(self, provider_indexes: Iterable[str]) -> dict[str, str]: ...
    def existing(self, ids: Iterable[str]) -> set[str]: ...
    def of(self, customer_id: CustomerId) -> list[Reply]: ...
    def prune(self, before: datetime, *, limit: int) -> int: ...


class Hearing(Protocol):
    """What a unit of work knows of what came in."""

    @property
    def heard(self) -> MessageEvents: ...
    @property
    def contact_keys(self) -> ContactKeys: ...
    @property
    def pauses(self) -> Pauses: ...
    @property
    def reviews(self) -> OptOutReviews: ...
    @property
    def replies(self) -> Replies: ...


class Quarantine(Protocol):
    """What a store keeps of webhooks that belong to no tenant, and which tenants have something to be dealt with."""

    def quarantine(self, sha256: str, channel: str, sealed: str, at: datetime) -> bool: ...
    def prune_quarantined(self, before: datetime) -> int: ...
    def tenants_with_heard(self, due_by: datetime) -> list[TenantId]: ...
