"""What is written into the audit trail of an edit."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from nearcast.services.audit_ports import Actor, AuditEntry
from nearcast.services.ledger_ports import LedgerLine


def edit_entry(
    actor: Actor,
    kind: str,
    key: str,
    at: datetime,
    *,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
) -> AuditEntry:
    """The entry of an edit of a document that holds no personal data: created, changed or deleted."""
    return AuditEntry(
        actor=actor,
        action="created" if before is None else "deleted" if after is None else "changed",
        kind=kind,
        id=key,
        at=at,
        before_sha256=fingerprint(before),
        after_sha256=fingerprint(after),
    )


def recorded(actor: Actor, line: LedgerLine, subject: str, at: datetime) -> AuditEntry:
    """The entry of what somebody wrote into the consent ledger for a customer."""
    event = line.event
    said = {"subject": subject, "purpose": event.purpose, "channel": event.channel, "action": event.action.value}
    return AuditEntry(actor=actor, action="recorded", kind="consent", id=event.event_id, at=at, detail=said)


def of_customer(
    actor: Actor, action: str, subject: str, at: datetime, detail: Mapping[str, Any] | None = None
) -> AuditEntry:
    """The entry of what was done to a customer, who is named by subject alone: it outlives them."""
    return AuditEntry(actor=actor, action=action, kind="customer", id=subject, at=at, detail=detail)


def fingerprint(doc: Mapping[str, Any] | None) -> str | None:
    """The SHA-256 of a kept document as JSON with its keys in order; None of none."""
    return None if doc is None else hashlib.sha256(json.dumps(doc, sort_keys=True).encode()).hexdigest()
