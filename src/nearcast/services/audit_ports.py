"""The audit trail as the use cases see it: who did what to which thing, written in the transaction that did it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from nearcast.services.ports import Page


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it: the id of an API key and its role, or one of those below."""

    name: str
    role: str | None = None


COMMAND_LINE = Actor("operator at the command line")
SYSTEM = Actor("system")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One act. `kind` and `id` name what it was done to: a customer by subject, never by id or address.

    `before_sha256` and `after_sha256` are fingerprints of the whole document, where that holds no personal data;
    `detail` is short and holds none either.
    """

    actor: Actor
    action: str
    kind: str
    id: str
    at: datetime
    before_sha256: str | None = None
    after_sha256: str | None = None
    detail: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which entries; None takes all. `since` and `until` bound `at`, half-open."""

    actor: str | None = None
    kind: str | None = None
    id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class AuditTrail(Protocol):
    """One tenant's entries. They are added, and never changed or taken out."""

    def append(self, *entries: AuditEntry) -> None: ...
    def page(self, wanted: AuditFilter = ..., *, cursor: str | None = None, limit: int = 100) -> "Page[AuditEntry]": ...
