"""Events on their way to webhooks, as the use cases see them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from nearcast.domain.ids import CustomerId, VisitId
from nearcast.domain.visit import TransitionKind
from nearcast.domain.webhook import DeliveryStatus
from nearcast.services.figures import Figure
from nearcast.services.inbound_ports import Hearing


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """A CloudEvent for one webhook; `event_id` is the same however often the work is repeated."""

    webhook_id: str
    event_id: str
    customer_id: CustomerId
    doc: Mapping[str, Any]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An event for one webhook, and what became of it. `doc` is forgotten once it has been delivered; `answer` is the
    status or the kind of failure of the last attempt.
    """

    id: str
    webhook_id: str
    event_id: str
    customer_id: CustomerId
    doc: dict[str, Any] | None
    status: DeliveryStatus
    attempts: int
    next_attempt_at: datetime | None
    created_at: datetime
    ended_at: datetime | None
    answer: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What one attempt came to: `again_at` for one that is to be repeated."""

    delivery: Delivery
    status: DeliveryStatus
    answer: str | None
    again_at: datetime | None = None


class Events(Protocol):
    """One tenant's events for webhooks, from the transition to the receiver's answer."""

    def append(self, events: Iterable[NewEvent]) -> None: ...
    def take_back(self, keys: Iterable[tuple[VisitId, TransitionKind]]) -> None: ...
    def claim(self, now: datetime, *, until: datetime, limit: int) -> list[Delivery]: ...
    def settle(self, settled: Iterable[Settled], at: datetime) -> None: ...
    def of(self, customer_id: CustomerId) -> list[Delivery]: ...
    def page(
        self, webhook_id: str, status: DeliveryStatus | None, *, cursor: str | None, limit: int
    ) -> tuple[list[Delivery], str | None]: ...
    def requeue(self, webhook_id: str, delivery_id: str, at: datetime) -> Delivery | None: ...
    def cancel(self, webhook_id: str, at: datetime) -> int: ...
    def forget(self, customer_ids: Iterable[CustomerId], at: datetime) -> int: ...
    def prune(self, before: datetime, *, limit: int) -> int: ...


class Telling(Hearing, Protocol):
    """What a unit of work tells the outside: events, and figures that count once it is committed; and what it heard
    from there.
    """

    @property
    def events(self) -> Events: ...
    def tell(self, figure: Figure, *labels: str, by: int = 1) -> None: ...


@dataclass(frozen=True, slots=True)
class Post:
    """One HTTP request to a webhook."""

    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status, or the kind of failure where nothing did."""

    status: int | None
    failure: str | None = None

    def __str__(self) -> str:
        return str(self.status) if self.status is not None else self.failure or "nothing"


class EventSender(Protocol):
    """What events leave through."""

    def send_all(self, posts: Sequence[Post]) -> list[Answer]:
        """One attempt each, side by side; never raises for what the other side does."""
