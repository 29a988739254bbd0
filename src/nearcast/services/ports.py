"""What the use cases ask of the outside, as the use cases see it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeAlias, TypeVar
from zoneinfo import ZoneInfo

from nearcast.domain.campaign import CampaignState
from nearcast.domain.customer import Customer
from nearcast.domain.geofence import Geofence
from nearcast.domain.ids import CampaignId, CustomerId, DecisionId, GeofenceId, MessageId, ShopId, TenantId, VisitId
from nearcast.domain.message import Message, MessageStatus
from nearcast.domain.throttle import Throttle
from nearcast.domain.track import Track
from nearcast.domain.visit import Transition, TransitionKind
from nearcast.geo.batch import PingBatch
from nearcast.services.audit_ports import AuditTrail
from nearcast.services.budgets import Budgets
from nearcast.services.decided_ports import Assignments, Sends
from nearcast.services.key_ports import ApiKey, Keys
from nearcast.services.ledger_ports import Confirmations, Consents
from nearcast.services.secret_ports import Secrets

PingReader: TypeAlias = Callable[[Path], PingBatch]
Progress: TypeAlias = Callable[[int, int], None]
"""Called with (done, of) while long work goes on."""
T = TypeVar("T")


class Clock(Protocol):
    def now(self) -> datetime:
        """The present instant, aware, in UTC."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """`next_cursor` is None on the last page. What is added while one pages neither repeats nor hides the rest."""

    items: list[T]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptTrack:
    """A track with what is known beside it. `ends_at` is when its open visits end if no ping comes; None for never."""

    track: Track
    last_zone: ZoneInfo | None = None
    ends_at: datetime | None = None


class RunStatus(StrEnum):
    DONE = "done"
    MISSED = "missed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A due instant that was dealt with at `at`; `entries` are the customers that were near enough."""

    campaign_id: CampaignId
    due_at: datetime
    status: RunStatus
    entries: int
    at: datetime


class SendOutcome(StrEnum):
    """What one attempt came to."""

    ACCEPTED = "accepted"
    FAILED = "failed"
    UNKNOWN = "unknown"
    UNAVAILABLE = "unavailable"
    """Nothing left: no channel of that name is set up here."""
    NOT_NOW = "not_now"
    """Nothing left, and it may be tried again: the provider is away, or busy."""


class Channel(Protocol):
    """What messages leave through."""

    def send(self, message: Message) -> SendOutcome:
        """One attempt, never repeated by the channel itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One revision of a document, from `at` until the next one's. `catalogue_revision` is the edit that made it;
    `state` is a campaign's.
    """

    id: str
    revision: int
    catalogue_revision: int
    doc: dict[str, Any]
    at: datetime
    is_deleted: bool = False
    state: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PingSlice:
    """Pings of some partitions, in order within each; `moves` are the positions before and after them by partition."""

    moves: Mapping[int, tuple[int, int]]
    batch: PingBatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A message and the right to send it until `until`; `attempt` tells this claim from all others."""

    message: Message
    owner: str
    attempt: int
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchLogFilter:
    """Which rows; None takes all. `since` and `until` bound `decided_at`, half-open; `up_to` is the cursor of a row
    after which none is taken.
    """

    campaign_id: CampaignId | None = None
    shop_ids: Sequence[ShopId] | None = None
    customer_id: CustomerId | None = None
    geofence_ids: Sequence[GeofenceId] | None = None
    outcome: str | None = None
    reason: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    up_to: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFilter:
    """Which messages; None takes all."""

    campaign_id: CampaignId | None = None
    customer_id: CustomerId | None = None
    shop_ids: Sequence[ShopId] | None = None
    status: MessageStatus | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """A request that came under an idempotency key; `status` None while it is still running."""

    route: str
    body_sha256: str
    status: int | None
    response: Any
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreInfo:
    """What a database is; `schema` is None where it has none, `now` its own clock."""

    product: str
    schema: str | None
    now: datetime


class Documents(Protocol):
    """The documents of one kind, with all their revisions."""

    def get(self, key: str) -> Revision | None: ...
    def all(self) -> list[Revision]: ...
    def page(self, *, cursor: str | None = None, limit: int = 100) -> Page[Revision]: ...
    def history(self, key: str) -> list[Revision]: ...
    def every(self, *, since: int = 0) -> list[Revision]: ...
    def ids(self) -> set[str]: ...
    def put(self, key: str, doc: Mapping[str, Any], at: datetime) -> Revision: ...
    def delete(self, key: str, at: datetime) -> bool: ...


class CampaignDocuments(Documents, Protocol):
    def put_campaign(self, key: str, doc: Mapping[str, Any], at: datetime, *, state: CampaignState) -> Revision: ...


class GeofenceDocuments(Documents, Protocol):
    def put_geofence(self, geofence: Geofence, feature: Mapping[str, Any], at: datetime) -> Revision: ...
    def ids_within(self, west_deg: float, south_deg: float, east_deg: float, north_deg: float) -> list[GeofenceId]: ...


class Catalogue(Protocol):
    """What owners edit. `revision` grows with every edit."""

    @property
    def revision(self) -> int: ...
    @property
    def shops(self) -> Documents: ...
    @property
    def campaigns(self) -> CampaignDocuments: ...
    @property
    def geofences(self) -> GeofenceDocuments: ...
    @property
    def sensitive_places(self) -> Documents: ...
    def hold(self) -> None: ...
    def hold_geofences(self) -> None: ...
    def settings(self) -> Revision | None: ...
    def put_settings(self, doc: Mapping[str, Any], at: datetime) -> Revision: ...


class Customers(Protocol):
    def lock(self, customer_ids: Iterable[CustomerId]) -> list[CustomerId]: ...
    def load(self, customer_ids: Iterable[CustomerId]) -> dict[CustomerId, Customer]: ...
    def upsert(self, docs: Mapping[CustomerId, Mapping[str, Any]], at: datetime) -> None: ...
    def insert(self, customer_id: CustomerId, doc: Mapping[str, Any], at: datetime) -> bool: ...
    def get(self, customer_id: CustomerId) -> dict[str, Any] | None: ...
    def documents(self, customer_ids: Iterable[CustomerId]) -> dict[CustomerId, dict[str, Any]]: ...
    def subjects(self, customer_ids: Iterable[CustomerId]) -> dict[CustomerId, str]: ...
    def with_subject(self, subject: str) -> CustomerId | None: ...
    def page(self, *, cursor: str | None = None, limit: int = 100) -> Page[tuple[CustomerId, dict[str, Any]]]: ...
    def suppress(self, customer_id: CustomerId, channel: str, at: datetime, *, reason: str | None = None) -> None: ...
    def suppressed(self, customer_id: CustomerId) -> frozenset[str]: ...


class Tracks(Protocol):
    def load(self, customer_ids: Iterable[CustomerId]) -> dict[CustomerId, KeptTrack]: ...
    def save(self, tracks: Iterable[KeptTrack]) -> None: ...
    def delete(self, customer_ids: Iterable[CustomerId]) -> None: ...
    def ended(self, now: datetime, *, limit: int = 1000) -> list[tuple[datetime, CustomerId]]: ...
    def next_end(self) -> datetime | None: ...
    def visiting(self, geofence_id: GeofenceId) -> list[CustomerId]: ...
    def seen_since(self, at: datetime | None) -> list[CustomerId]: ...
    def without_consent(self, now: datetime) -> list[CustomerId]: ...


class Transitions(Protocol):
    def upsert(self, transitions: Iterable[tuple[CustomerId, Transition]]) -> None: ...
    def delete(self, keys: Iterable[tuple[VisitId, TransitionKind]]) -> None: ...
    def every(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        customer_id: CustomerId | None = None,
    ) -> Iterator[tuple[CustomerId, Transition]]: ...


class MatchLog(Protocol):
    def append(self, rows: Iterable[Mapping[str, Any]]) -> None: ...
    def known(self, decision_ids: Iterable[DecisionId]) -> set[DecisionId]: ...
    def get(self, decision_id: DecisionId) -> dict[str, Any] | None: ...
    def newest(self) -> str: ...
    def page(
        self,
        wanted: MatchLogFilter = ...,
        *,
        cursor: str | None = None,
        limit: int = 100,
        newest_first: bool = True,
    ) -> Page[dict[str, Any]]: ...


class Outbox(Protocol):
    def insert(self, messages: Iterable[Message]) -> None: ...
    def update(self, messages: Iterable[Message]) -> list[MessageId]: ...
    def of(self, customer_ids: Iterable[CustomerId]) -> dict[CustomerId, list[Message]]: ...
    def recent(self, customer_ids: Iterable[CustomerId], since: datetime) -> dict[CustomerId, list[Message]]: ...
    def claim_due(
        self, now: datetime, *, owner: str, lease_s: float, limit: int, throttles: Sequence[Throttle] = ()
    ) -> list[Claim]: ...
    def free_at(self, throttles: Sequence[Throttle], now: datetime) -> datetime | None: ...
    def expire(self, now: datetime) -> int: ...
    def prune(self, before: datetime, *, limit: int) -> int: ...
    def start(self, claims: Iterable[Claim]) -> set[MessageId]: ...
    def finish(self, claims: Iterable[Claim]) -> set[MessageId]: ...
    def rescue(self, now: datetime) -> dict[MessageStatus, list[MessageId]]: ...
    def get(self, message_id: MessageId) -> Message | None: ...
    def provider_ids(self, message_ids: Iterable[MessageId]) -> dict[MessageId, str]: ...
    def page(
        self, wanted: MessageFilter = ..., *, cursor: str | None = None, limit: int = 100, newest_first: bool = True
    ) -> Page[Message]: ...
    def queued_for_geofence(self, geofence_id: GeofenceId) -> list[CustomerId]: ...
    def next_due(self) -> datetime | None: ...


class Pings(Protocol):
    def append(self, batch: PingBatch) -> None: ...
    def waiting(self) -> dict[int, int]: ...
    def waiting_since(self, customer_ids: Iterable[CustomerId]) -> dict[CustomerId, datetime]: ...
    def borrow(self, partitions: Iterable[int]) -> dict[int, int]: ...
    def read(self, partitions: Iterable[int], *, limit: int) -> PingSlice: ...
    def move(self, moves: Mapping[int, tuple[int, int]], tokens: Mapping[int, int]) -> bool: ...
    def seen(self, pings: Iterable[tuple[CustomerId, str | None, str]]) -> set[tuple[CustomerId, str | None, str]]: ...
    def remember(self, pings: Iterable[tuple[CustomerId, str | None, str]], at: datetime) -> None: ...
    def prune(self, before: datetime, *, limit: int) -> int: ...
    def prune_seen(self, before: datetime, *, limit: int) -> int: ...


class Runs(Protocol):
    def insert(
        self, campaign_id: CampaignId, due_at: datetime, *, status: RunStatus, at: datetime, entries: int = 0
    ) -> bool: ...
    def add_entries(self, campaign_id: CampaignId, due_at: datetime, entries: int) -> None: ...
    def newest(self) -> dict[CampaignId, datetime]: ...
    def all(self, campaign_id: CampaignId | None = None) -> list[Run]: ...


class Counters(Protocol):
    def add(self, name: str, counts: Mapping[str, int]) -> None: ...
    def get(self, name: str) -> Mapping[str, int]: ...


class Idempotency(Protocol):
    def begin(self, key: str, *, route: str, body_sha256: str, now: datetime) -> Remembered | None: ...
    def finish(self, key: str, *, status: int, response: Any) -> None: ...
    def forget(self, key: str) -> None: ...
    def prune(self, before: datetime, *, limit: int) -> int: ...


class UnitOfWork(Protocol):
    """One transaction of one tenant: rolled back unless `commit` was called."""

    @property
    def catalogue(self) -> Catalogue: ...
    @property
    def customers(self) -> Customers: ...
    @property
    def consents(self) -> Consents: ...
    @property
    def confirmations(self) -> Confirmations: ...
    @property
    def tracks(self) -> Tracks: ...
    @property
    def transitions(self) -> Transitions: ...
    @property
    def match_log(self) -> MatchLog: ...
    @property
    def outbox(self) -> Outbox: ...
    @property
    def sends(self) -> Sends: ...
    @property
    def budgets(self) -> Budgets: ...
    @property
    def assignments(self) -> Assignments: ...
    @property
    def pings(self) -> Pings: ...
    @property
    def runs(self) -> Runs: ...
    @property
    def counters(self) -> Counters: ...
    @property
    def keys(self) -> Keys: ...
    @property
    def idempotency(self) -> Idempotency: ...
    @property
    def audit(self) -> AuditTrail: ...
    def commit(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...


class Store(Secrets, Protocol):
    """Where everything is kept. `reading` sees one snapshot and must not write."""

    def writing(self, tenant_id: TenantId) -> UnitOfWork: ...
    def reading(self, tenant_id: TenantId) -> UnitOfWork: ...
    def add_tenant(self, tenant_id: TenantId, at: datetime) -> bool: ...
    def tenants(self) -> list[TenantId]: ...
    def tenants_with_pings(self) -> list[TenantId]: ...
    def tenants_with_messages(self, due_by: datetime) -> list[TenantId]: ...
    def find_key(self, key_id: str) -> ApiKey | None: ...
    def check(self) -> None: ...
    def about(self) -> StoreInfo: ...
    def open_tables(self) -> list[str] | None: ...
