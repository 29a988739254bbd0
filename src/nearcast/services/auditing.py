"""What is written into the audit trail of an edit."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from nearcast.services.audit_ports import Actor, AuditEntry


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


def fingerprint(doc: Mapping[str, Any] | None) -> str | None:
    """The SHA-256 of a kept document as JSON with its keys in order; None of none."""
    return None if doc is None else hashlib.sha256(json.dumps(doc, sort_keys=True).encode()).hexdigest()
