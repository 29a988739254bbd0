"""Consent as it is told: what a customer said, with the proof of it, becomes a line of the ledger."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any

from pydantic import StringConstraints

from nearcast.domain.consent import LOCATION, ConsentAction, ConsentEvent, consent_state, in_ledger_order
from nearcast.domain.errors import InvalidInput
from nearcast.domain.ids import CustomerId, TenantId, consent_event_id
from nearcast.services.access import Principal
from nearcast.services.assembly import consent_event
from nearcast.services.customers import known
from nearcast.services.engines import Engines
from nearcast.services.ledger_ports import LedgerLine
from nearcast.services.ports import Store
from nearcast.services.report import as_json
from nearcast.services.scenario import ConsentEventShape, ConsentShape, Id, Shape
from nearcast.services.texts import ChannelName, LanguageTag, LongText, Printable, Purpose, Sha256, ShortText


class NoticeShape(Shape):
    """What the customer was shown: which text, in which language, and the SHA-256 of it."""

    version: ShortText
    language: LanguageTag
    text_sha256: Sha256


class ConsentDocument(ConsentEventShape):
    """What a customer said, now unless it says when. All but a withdrawal and `location.matching` needs a channel; the
    sender is the tenant where it is not said. `notice` and `source` are the proof of it: keep them.
    """

    purpose: Purpose
    channel: ChannelName | None = None
    sender: Annotated[Id, StringConstraints(max_length=200), Printable] | None = None
    notice: NoticeShape | None = None
    source: LongText | None = None


@dataclass(frozen=True, slots=True)
class Ledger:
    """A customer's lines in ledger order, and what they come to."""

    lines: list[LedgerLine]
    state: list[dict[str, Any]]


class Consents:
    """The consent ledgers of a tenant's customers."""

    def __init__(self, store: Store, engines: Engines) -> None:
        self._store, self._engines = store, engines

    def take(self, asker: Principal, key: str, said: ConsentDocument, now: datetime) -> tuple[LedgerLine, bool]:
        """Write down what a customer said, and cancel what is queued and no longer agreed to, in one commit. The line,
        and whether it is new: the same again is the line that stands. NotFound for an unknown customer.
        """
        with self._store.reading(asker.tenant_id) as uow:
            customer_id = known(uow, key).id
        line = ledger_line(asker.tenant_id, customer_id, said, now)
        with self._engines.of(asker.tenant_id) as engine:
            is_new = engine.take_consent(line, now)
        if is_new:
            return line, True
        with self._store.reading(asker.tenant_id) as uow:
            standing = uow.consents.lines(customer_id)
        return next(each for each in standing if each.event.event_id == line.event.event_id), False

    def ledger(self, asker: Principal, key: str, now: datetime) -> Ledger:
        """Everything that a customer said, and what holds at `now`; NotFound for an unknown customer."""
        with self._store.reading(asker.tenant_id) as uow:
            lines = uow.consents.lines(known(uow, key).id)
        events = in_ledger_order(line.event for line in lines)
        place = {event.event_id: n for n, event in enumerate(events)}
        return Ledger(sorted(lines, key=lambda line: place[line.event.event_id]), _states(events, now))


def ledger_line(
    tenant_id: TenantId, customer_id: CustomerId, said: ConsentDocument, now: datetime, *, place: str = ""
) -> LedgerLine:
    """What a customer said as a line that bears its own name; InvalidInput within `place` for what cannot be."""
    at, dot = said.at or now, f"{place}." if place else ""
    if said.action is not ConsentAction.WITHDRAWN and said.channel is None and said.purpose != LOCATION:
        raise InvalidInput(f"is missing: a consent to {said.purpose} is to one channel", place=f"{dot}channel")
    if said.valid_until is not None and said.valid_until <= at:
        raise InvalidInput("is not after the consent was given", place=f"{dot}valid_until")
    heard = said.model_dump(exclude={"notice", "source"}, exclude_none=True)
    shape = ConsentShape.model_validate({**heard, "customer_id": customer_id, "at": at})
    event = consent_event(shape, tenant_id, "", place=place)
    notice = said.notice.model_dump() if said.notice else None
    content = as_json([*_said(event).values(), notice, said.source])
    named = replace(event, event_id=consent_event_id(tenant_id, customer_id, content))
    return LedgerLine(event=named, recorded_at=now, notice=notice, source=said.source)


def line_row(line: LedgerLine) -> dict[str, Any]:
    """A line as the API shows it."""
    return {
        "event_id": line.event.event_id,
        **_said(line.event),
        "notice": line.notice,
        "source": line.source,
        "recorded_at": line.recorded_at,
    }


def _said(event: ConsentEvent) -> dict[str, Any]:
    return {
        "purpose": event.purpose,
        "channel": event.channel,
        "sender": event.sender,
        "action": event.action.value,
        "at": event.at,
        "valid_until": event.valid_until,
    }


def _states(events: list[ConsentEvent], now: datetime) -> list[dict[str, Any]]:
    """What holds of each consent that the ledger names. A withdrawal of all of a purpose names none, unless nothing
    else was said of it.
    """
    named = {(event.purpose, event.channel, event.sender) for event in events}
    particular = {key for key in named if key[2] is not None and (key[1] is not None or key[0] == LOCATION)}
    said_of = {purpose for purpose, _, _ in particular}
    shown = particular | {(key[0], None, None) for key in named if key[0] not in said_of}
    found = []
    for purpose, channel, sender in sorted(shown, key=lambda key: [part or "" for part in key]):
        state = consent_state(events, purpose, channel=channel, sender=sender, now=now)
        found.append(
            {
                "purpose": purpose,
                "channel": channel,
                "sender": sender,
                "status": state.status.value,
                "since": state.since,
                "valid_until": state.valid_until,
            }
        )
    return found
