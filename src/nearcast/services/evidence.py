"""Everything that proves what a customer agreed to, and which messages relied on it: for whoever asks for the proof."""

from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

from nearcast.domain.chain import flaws_of
from nearcast.domain.consent import ConsentAction, in_ledger_order
from nearcast.domain.errors import InvalidInput
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.domain.message import Message
from nearcast.services.audit_ports import COMMAND_LINE, Actor
from nearcast.services.auditing import of_customer
from nearcast.services.consent_lines import line_row
from nearcast.services.consents import shown_states
from nearcast.services.customers import known
from nearcast.services.evidence_page import as_page
from nearcast.services.ledger_ports import LedgerLine
from nearcast.services.ports import Store
from nearcast.services.report import as_json

_YEARS_KEPT = 5  # § 7a UWG: from the grant, and from each use again
_GIVEN = (ConsentAction.GRANTED, ConsentAction.CONFIRMED)


class Evidence:
    """Evidence packs of customers."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def pack(self, tenant_id: TenantId, key: str, now: datetime, *, by: Actor) -> dict[str, Any]:
        """A customer's ledger with its proofs, whether its chain holds, what it comes to, the messages that relied on
        it and how long all that is kept; who had it handed out is written down first. NotFound for an unknown customer.
        """
        with self._store.reading(tenant_id) as uow:
            customer_id = known(uow, key)
            listed = uow.suppressions.of([customer_id]).get(customer_id, frozenset())
            subject = uow.customers.subjects([customer_id])[customer_id]
            lines = uow.consents.lines(customer_id)
            chains = list(uow.consents.chains(subject))
            messages = uow.outbox.of([customer_id]).get(customer_id, [])
        with self._store.writing(tenant_id) as uow:
            uow.audit.append(of_customer(by, "exported", subject, now, {"what": "evidence"}))
            uow.commit()
        flaws = [flaw for chain in chains for flaw in flaws_of(subject, chain.links, chain.head)]
        relied = Counter(event_id for message in messages for event_id in message.consent_event_ids)
        return {
            "tenant_id": tenant_id,
            "customer_id": customer_id,
            "subject": subject,
            "made_at": now,
            "verification": {
                "ok": not flaws,
                "lines": len(lines),
                "flaws": [{"position": flaw.position, "wrong": flaw.wrong.value} for flaw in flaws],
            },
            "state": shown_states(in_ledger_order(line.event for line in lines), now),
            "suppressed": sorted(listed),
            "lines": [{**line_row(line), "messages": relied[line.event.event_id]} for line in lines],
            "messages": [_message(message) for message in messages],
            "retention": _retention(lines, messages),
        }

    def write(self, tenant_id: TenantId, key: CustomerId, now: datetime, out: Path) -> None:
        """A pack into a file: a page to print for .html, else JSON. InvalidInput where it cannot be written."""
        pack = self.pack(tenant_id, key, now, by=COMMAND_LINE)
        text = as_page(pack) if out.suffix.lower() in (".html", ".htm") else as_json(pack) + "\n"
        try:
            out.write_text(text, encoding="utf-8", newline="\n")
        except OSError as error:
            raise InvalidInput(f"cannot be written: {error.strerror}", place=str(out)) from error


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


def _retention(lines: list[LedgerLine], messages: list[Message]) -> dict[str, Any]:
    """How long the proof is kept: from the last grant or the last message, whichever was later."""
    given_at = max((line.event.at for line in lines if line.event.action in _GIVEN), default=None)
    used_at = max((message.sent_at for message in messages if message.sent_at), default=None)
    since = max((at for at in (given_at, used_at) if at), default=None)
    until = None if since is None else _years_later(since, _YEARS_KEPT)
    return {"last_given_at": given_at, "last_used_at": used_at, "keep_until": until, "years": _YEARS_KEPT}


def _years_later(at: datetime, years: int) -> datetime:
    try:
        return at.replace(year=at.year + years)
    except ValueError:  # the 29th of February
        return at.replace(year=at.year + years, month=3, day=1)
