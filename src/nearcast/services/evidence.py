"""Everything that proves what a customer agreed to, and which messages relied on it: for whoever asks for the proof."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from nearcast.domain.chain import ERASED, Link, flaws_of
from nearcast.domain.consent import GIVEN, in_ledger_order
from nearcast.domain.errors import InvalidInput, NotFound
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.domain.message import Message
from nearcast.services.audit_ports import COMMAND_LINE, Actor
from nearcast.services.auditing import of_customer
from nearcast.services.consent_lines import line_row, link_row
from nearcast.services.consents import shown_states
from nearcast.services.customers import known, subject_of
from nearcast.services.evidence_page import as_page
from nearcast.services.ledger_ports import Chain
from nearcast.services.ports import Store
from nearcast.services.report import as_json, write_text
from nearcast.services.scalars import parse_instant
from nearcast.services.suppressing import pause_row, suppressed_on

YEARS_KEPT = 5
"""From the grant, and from each use again (§ 7a UWG)."""


class Evidence:
    """Evidence packs of customers."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def pack(self, tenant_id: TenantId, key: str, now: datetime, *, by: Actor) -> dict[str, Any]:
        """A customer's ledger with its proofs, whether its chain holds, what it comes to, the messages that relied on
        it and how long all that is kept; that it was handed out is written down first. NotFound for one who is
        unknown.
        """
        with self._store.reading(tenant_id) as uow:
            customer_id = known(uow, key)
            listed, paused = suppressed_on(uow, customer_id), uow.pauses.of([customer_id]).get(customer_id, [])
            subject = subject_of(uow, customer_id)
            lines = uow.consents.lines(customer_id)
            chains = list(uow.consents.chains(subject))
            messages = uow.outbox.of([customer_id]).get(customer_id, [])
        self._note(tenant_id, subject, now, by)
        return {
            "tenant_id": tenant_id,
            "customer_id": customer_id,
            "subject": subject,
            "made_at": now,
            "verification": _verification(chains),
            "state": shown_states(in_ledger_order(line.event for line in lines), now),
            "suppressed": sorted(listed),
            "pauses": [pause_row(each) for each in paused],
            **_used(list(map(line_row, lines)), messages),
        }

    def pack_of(self, tenant_id: TenantId, subject: str, now: datetime, *, by: Actor) -> dict[str, Any]:
        """As `pack`, of whom the ledger knows by that subject; of the erased with `customer_id` null. NotFound where
        the ledger has none.
        """
        with self._store.reading(tenant_id) as uow:
            customer_id, key = uow.customers.with_subject(subject), CustomerId(subject)
            chains = list(uow.consents.chains(subject))
            messages = uow.outbox.of([key]).get(key, [])
        if customer_id is not None:
            return self.pack(tenant_id, customer_id, now, by=by)
        if not chains:
            raise NotFound(f"the ledger has no subject {subject!r}")
        self._note(tenant_id, subject, now, by)
        return {
            "tenant_id": tenant_id,
            "customer_id": None,
            "subject": subject,
            "made_at": now,
            "verification": _verification(chains),
            "state": [],
            "suppressed": [],
            "pauses": [],
            **_used([link_row(link) for link in _links(chains)], messages),
        }

    def write(
        self, tenant_id: TenantId, now: datetime, out: Path, *, customer: str | None = None, subject: str | None = None
    ) -> None:
        """A customer's pack, or that of a subject, into a file: a page to print for .html, else JSON. InvalidInput
        where it cannot be written, or not one of both is named.
        """
        if customer is not None and subject is None:
            pack = self.pack(tenant_id, customer, now, by=COMMAND_LINE)
        elif subject is not None and customer is None:
            pack = self.pack_of(tenant_id, subject, now, by=COMMAND_LINE)
        else:
            raise InvalidInput("is named by --customer or by --subject", place="whose evidence")
        text = as_page(pack) if out.suffix.lower() in (".html", ".htm") else as_json(pack) + "\n"
        write_text(out, text)

    def _note(self, tenant_id: TenantId, subject: str, now: datetime, by: Actor) -> None:
        with self._store.writing(tenant_id) as uow:
            uow.audit.append(of_customer(by, "exported", subject, now, {"what": "evidence"}))
            uow.commit()


def _links(chains: Iterable[Chain]) -> list[Link]:
    return [link for chain in chains for link in chain.links]


def _verification(chains: list[Chain]) -> dict[str, Any]:
    flaws = [flaw for chain in chains for flaw in flaws_of(chain.subject, chain.links, chain.head)]
    return {
        "ok": not flaws,
        "lines": len(_links(chains)),
        "flaws": [{"position": flaw.position, "wrong": flaw.wrong.value} for flaw in flaws],
    }


def _used(lines: list[dict[str, Any]], messages: list[Message]) -> dict[str, Any]:
    """Lines, the messages that relied on each, and how long both are kept."""
    relied = Counter(event_id for message in messages for event_id in message.consent_event_ids)
    return {
        "lines": [{**line, "messages": relied[line["event_id"]]} for line in lines],
        "messages": [_message(message) for message in messages],
        "retention": _retention(lines, messages),
    }


def _message(message: Message) -> dict[str, Any]:
    return {
        "message_id": message.id,
        "decision_id": message.decision_id,
        "campaign_id": message.campaign_id,
        "channel": message.channel,
        "status": message.status.value,
        "queued_at": message.queued_at,
        "sent_at": message.sent_at,
        "consent_event_ids": list(message.consent_event_ids),
    }


def _retention(lines: Iterable[Mapping[str, Any]], messages: list[Message]) -> dict[str, Any]:
    """How long the proof is kept: from the last grant or the last message, whichever was later; from the erasure where
    there was one: messages may be gone by then, and none came later.
    """
    said = [(line["action"], parse_instant(line["at"])) for line in lines]
    given_at = max((at for action, at in said if action in GIVEN), default=None)
    used_at = max((message.sent_at for message in messages if message.sent_at), default=None)
    erased_at = max((at for action, at in said if action == ERASED), default=None)
    since = max((at for at in (given_at, used_at, erased_at) if at), default=None)
    until = None if since is None else since_years(since, YEARS_KEPT)
    return {
        "last_given_at": given_at,
        "last_used_at": used_at,
        "erased_at": erased_at,
        "keep_until": until,
        "years": YEARS_KEPT,
    }


def since_years(at: datetime, years: int) -> datetime:
    """So many years later, or before where they are negative; the day after where that year has no 29th of February."""
    try:
        return at.replace(year=at.year + years)
    except ValueError:
        return at.replace(year=at.year + years, month=3, day=1)
