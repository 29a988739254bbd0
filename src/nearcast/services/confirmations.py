"""Double opt-in: a customer who granted something is asked to confirm it, and does so by a link of their own.

A token is `<tenant>.<secret>`: the secret has 256 random bits, which nobody guesses; only its hash is kept.
"""

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from nearcast.domain.consent import (
    ConsentAction,
    ConsentEvent,
    ConsentState,
    consent_state,
    in_ledger_order,
    needs_channel,
)
from nearcast.domain.errors import Conflict, NotFound
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.services.access import Principal, hash_of
from nearcast.services.audit_ports import Actor
from nearcast.services.auditing import of_customer, recorded
from nearcast.services.consent_lines import named
from nearcast.services.customers import known, subject_of
from nearcast.services.ledger_ports import Confirmation, LedgerLine
from nearcast.services.ports import Store, UnitOfWork
from nearcast.services.report import rfc3339
from nearcast.services.suppressing import agreed_anew
from nearcast.services.taken_lines import take_line
from nearcast.services.terms import Terms

_VALID_FOR = timedelta(days=7)
_ANSWERED_WITHIN = timedelta(days=1)  # a word says less than a link of one's own
_ACTOR = "confirmation link"
_NOT_INHERITED = ("actor_id", "state_after", "evidence", "ui_context")


@dataclass(frozen=True, slots=True)
class NewConfirmation:
    """A token as it is shown once, for the message that asks for the confirmation."""

    token: str
    sent_at: datetime
    expires_at: datetime


class Confirmations:
    """Asks for confirmations and takes them."""

    def __init__(self, store: Store, terms: Terms) -> None:
        self._store, self._terms = store, terms

    def ask(self, asker: Principal, key: str, event_id: str, now: datetime) -> NewConfirmation:
        """A token for a grant that waits to be confirmed; it counts as sent now. NotFound for an unknown customer or
        line, Conflict where that line waits for nothing.
        """
        with self._store.writing(asker.tenant_id) as uow:
            customer_id = known(uow, key)
            made = self.ask_within(uow, asker.tenant_id, customer_id, event_id, now, by=asker.actor)
            if made is None:
                raise Conflict("this line is no grant that waits to be confirmed")
            asker.keep(uow, made)
            uow.commit()
        return made

    def ask_within(
        self, uow: UnitOfWork, tenant_id: TenantId, customer_id: CustomerId, event_id: str, now: datetime, *, by: Actor
    ) -> NewConfirmation | None:
        """As `ask`, in a transaction of others; None where that line waits for nothing."""
        secret = secrets.token_urlsafe(32)
        line, state = _standing(uow, customer_id, event_id, now)
        if not _waits(line, state):
            return None
        asked = Confirmation(
            token_sha256=hash_of(secret),
            subject=subject_of(uow, customer_id),
            event_id=event_id,
            sent_at=now,
            expires_at=now + _VALID_FOR,
        )
        uow.confirmations.insert(asked)
        told = {"what": "confirmation", "event_id": event_id}
        uow.audit.append(of_customer(by, "asked", asked.subject, now, told))
        tenant = urlsafe_b64encode(tenant_id.encode()).decode().rstrip("=")
        return NewConfirmation(f"{tenant}.{secret}", asked.sent_at, asked.expires_at)

    def confirm(self, token: str, now: datetime) -> dict[str, Any]:
        """What was confirmed and when; answered again it is the same. NotFound where nothing waits for that token: it
        is unknown or too old, or the customer has withdrawn meanwhile.
        """
        tenant_id, hashed = _read(token)
        with self._store.reading(tenant_id) as uow:
            asked = uow.confirmations.get(hashed)
            customer_id = None if asked is None else uow.customers.with_subject(asked.subject)
            if asked is None or customer_id is None:
                raise _nothing_waits()
            granted, state = _standing(uow, customer_id, asked.event_id, now)
        if asked.clicked_at is None and (now >= asked.expires_at or not _waits(granted, state)):
            raise _nothing_waits()
        at = asked.clicked_at or self._clicked(tenant_id, hashed, now)
        with self._store.writing(tenant_id) as uow:
            event = self._take(uow, tenant_id, customer_id, granted, asked, at, now)
            uow.commit()
        return {"purpose": event.purpose, "channel": event.channel, "sender": event.sender, "confirmed_at": at}

    def confirm_within(
        self, uow: UnitOfWork, tenant_id: TenantId, token: str, now: datetime, *, by: Collection[CustomerId]
    ) -> CustomerId:
        """As `confirm`, in a transaction of others, `by` one of these customers: which of them. NotFound for another
        tenant's token, or somebody else's, too.
        """
        of_tenant, hashed = _read(token)
        asked = uow.confirmations.get(hashed) if of_tenant == tenant_id else None
        customer_id = None if asked is None else uow.customers.with_subject(asked.subject)
        if asked is None or customer_id is None or customer_id not in by:
            raise _nothing_waits()
        granted, state = _standing(uow, customer_id, asked.event_id, now)
        if asked.clicked_at is None and (now >= asked.expires_at or not _waits(granted, state)):
            raise _nothing_waits()
        uow.confirmations.click(hashed, now)
        self._take(uow, tenant_id, customer_id, granted, asked, asked.clicked_at or now, now)
        return customer_id

    def confirm_said(
        self,
        uow: UnitOfWork,
        tenant_id: TenantId,
        customer_id: CustomerId,
        channel: str,
        address_indexes: Collection[str],
        now: datetime,
    ) -> bool:
        """As `confirm_within`, of who answers in words, from one of these addresses, what they were asked last on that
        channel within a day; whether they were.
        """
        for asked in uow.confirmations.waiting(subject_of(uow, customer_id), now):
            granted, state = _standing(uow, customer_id, asked.event_id, now)
            is_theirs = granted.address_index is None or granted.address_index in address_indexes
            is_fresh = now - asked.sent_at <= _ANSWERED_WITHIN
            if granted.event.channel == channel and is_theirs and is_fresh and _waits(granted, state):
                uow.confirmations.click(asked.token_sha256, now)
                self._take(uow, tenant_id, customer_id, granted, asked, now, now, source="double opt-in by message")
                return True
        return False

    def _take(
        self,
        uow: UnitOfWork,
        tenant_id: TenantId,
        customer_id: CustomerId,
        granted: LedgerLine,
        asked: Confirmation,
        at: datetime,
        now: datetime,
        *,
        source: str = "double opt-in by link",
    ) -> ConsentEvent:
        """Write the confirmation, and end what a word of the customer's before it had stopped."""
        line = named(_confirmed(granted, asked, at, source), tenant_id, asked.subject, actor_id=_ACTOR)
        # it stands already where an answer was broken off behind the click
        if take_line(uow, self._terms.of(tenant_id), line, now):
            uow.audit.append(recorded(Actor(_ACTOR), line, asked.subject, now))
            if line.event.channel is not None:
                agreed_anew(uow, customer_id, line.event.channel, at)
        return line.event

    def _clicked(self, tenant_id: TenantId, hashed: str, now: datetime) -> datetime:
        """When the link was used first."""
        with self._store.writing(tenant_id) as uow:
            uow.confirmations.click(hashed, now)
            asked = uow.confirmations.get(hashed)
            uow.commit()
        return now if asked is None or asked.clicked_at is None else asked.clicked_at


def _read(token: str) -> tuple[TenantId, str]:
    """The tenant and the hash of a token; NotFound for what cannot be one."""
    tenant, _, secret = token.partition(".")
    try:
        named_by = urlsafe_b64decode(tenant + "=" * (-len(tenant) % 4)).decode()
        hashed = hash_of(secret)
    except ValueError:
        raise _nothing_waits() from None
    if not named_by.isprintable():
        raise _nothing_waits()
    return TenantId(named_by), hashed


def _standing(
    uow: UnitOfWork, customer_id: CustomerId, event_id: str, now: datetime
) -> tuple[LedgerLine, ConsentState]:
    lines = uow.consents.lines(customer_id)
    line = next((each for each in lines if each.event.event_id == event_id), None)
    if line is None:
        raise NotFound(f"there is no line {event_id!r} in this ledger")
    events, event = in_ledger_order(each.event for each in lines), line.event
    return line, consent_state(events, event.purpose, channel=event.channel, sender=event.sender, now=now)


def _waits(line: LedgerLine, state: ConsentState) -> bool:
    """Whether a confirmation now would be that of this line."""
    event = line.event
    if event.action is not ConsentAction.GRANTED or not needs_channel(event.purpose):
        return False
    if state.is_live:
        return state.renewal is not None and state.renewal.event_id == event.event_id
    return state.event_ids == (event.event_id,)


def _confirmed(granted: LedgerLine, asked: Confirmation, at: datetime, source: str) -> LedgerLine:
    event = replace(granted.event, event_id="", action=ConsentAction.CONFIRMED, at=at, valid_until=None)
    inherited = {key: value for key, value in (granted.proof or {}).items() if key not in _NOT_INHERITED}
    steps = {"token_id": asked.token_sha256[:16], "sent_at": rfc3339(asked.sent_at), "clicked_at": rfc3339(at)}
    own = {"capture_method": "double_opt_in", "actor": "self", "evidence": {"double_opt_in": steps}}
    return LedgerLine(
        event=event,
        recorded_at=at,
        notice=granted.notice,
        source=source,
        proof={**inherited, **own},
        address_index=granted.address_index,
    )


def _nothing_waits() -> NotFound:
    return NotFound("nothing waits to be confirmed by this link: it is unknown, or too old, or was withdrawn")
