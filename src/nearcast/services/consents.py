"""Consent as it is told and as it stands: lines are taken into the ledger, and read from it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from nearcast.domain.consent import ConsentEvent, ConsentState, consent_state, in_ledger_order, needs_channel
from nearcast.services.access import Principal
from nearcast.services.auditing import recorded
from nearcast.services.consent_lines import ConsentDocument, ledger_line, named
from nearcast.services.customers import known, subject_of
from nearcast.services.ledger_ports import LedgerLine
from nearcast.services.ports import Store
from nearcast.services.taken_lines import take_line
from nearcast.services.terms import Terms

Consent: TypeAlias = tuple[str, str | None, str | None]
"""Purpose, channel and sender."""
_IMPORTS = ("api_import", "file_import")


@dataclass(frozen=True, slots=True)
class Ledger:
    """A customer's lines in ledger order, and what they come to."""

    lines: list[LedgerLine]
    state: list[dict[str, Any]]


class Consents:
    """The consent ledgers of a tenant's customers."""

    def __init__(self, store: Store, terms: Terms) -> None:
        self._store, self._terms = store, terms

    def take(self, asker: Principal, key: str, said: ConsentDocument, now: datetime) -> tuple[LedgerLine, bool]:
        """Write down what a customer said, and cancel what is queued and no longer agreed to, in one commit. The line,
        and whether it is new: the same again is the line that stands. NotFound for an unknown customer.

        An import must bring its proof: a confirmation without one is a grant.
        """
        if said.capture_method in _IMPORTS:
            said = said.provable()
        with self._store.reading(asker.tenant_id) as uow:
            customer_id = known(uow, key)
            subject = subject_of(uow, customer_id)
        line = ledger_line(asker.tenant_id, customer_id, said, now)
        line = named(line, asker.tenant_id, subject, actor_id=asker.key_id)
        told = recorded(asker.actor, line, subject, now)
        with self._store.writing(asker.tenant_id) as uow:
            is_new = take_line(uow, self._terms.of(asker.tenant_id), line, now)
            if is_new:
                uow.audit.append(told)
            standing = uow.consents.lines(customer_id)
            taken = next(each for each in standing if each.event.event_id == line.event.event_id), is_new
            asker.keep(uow, taken)
            uow.commit()
        return taken

    def ledger(self, asker: Principal, key: str, now: datetime) -> Ledger:
        """Everything that a customer said, and what holds at `now`; NotFound for an unknown customer."""
        with self._store.reading(asker.tenant_id) as uow:
            lines = uow.consents.lines(known(uow, key))
        events = in_ledger_order(line.event for line in lines)
        place = {event.event_id: n for n, event in enumerate(events)}
        return Ledger(sorted(lines, key=lambda line: place[line.event.event_id]), shown_states(events, now))


def states_of(events: list[ConsentEvent], now: datetime) -> list[tuple[Consent, ConsentState]]:
    """The state of each consent that the ledger names. A withdrawal of all of a purpose names none, unless nothing else
    was said of it.
    """
    named_ones = {(event.purpose, event.channel, event.sender) for event in events}
    particular = {key for key in named_ones if key[2] is not None and (key[1] is not None or not needs_channel(key[0]))}
    said_of = {purpose for purpose, _, _ in particular}
    shown = particular | {(key[0], None, None) for key in named_ones if key[0] not in said_of}
    return [
        (key, consent_state(events, key[0], channel=key[1], sender=key[2], now=now))
        for key in sorted(shown, key=lambda key: [part or "" for part in key])
    ]


def shown_states(events: list[ConsentEvent], now: datetime) -> list[dict[str, Any]]:
    """The states as the API shows them."""
    return [
        {
            "purpose": purpose,
            "channel": channel,
            "sender": sender,
            "status": state.status.value,
            "since": state.since,
            "valid_until": state.valid_until,
        }
        for (purpose, channel, sender), state in states_of(events, now)
    ]
