"""Consent as a fold over ledger events, per purpose, channel and sender. Unknown means no.

`location.matching`, `location.sharing` and `analytics.visits` are live once granted; every other purpose once confirmed
(double opt-in).
A confirmation counts directly after a grant, or as the first event (an imported proof). After a withdrawal both are
needed again. A reminder changes nothing but when the customer was last told of what stands.
Source of the rules: CONTRACT, "Consent"; GDPR Art. 7; § 7 UWG; WP29 Opinion 13/2011 (a reminder once a year).
"""

from collections.abc import Iterable, Sequence
from dataclasses import field, replace
from datetime import datetime
from enum import StrEnum

from nearcast.domain.errors import InvalidInput
from nearcast.domain.ids import CustomerId
from nearcast.domain.value import value

LOCATION = "location.matching"
NEARBY = "marketing.nearby"
VISITS = "analytics.visits"
SHARING = "location.sharing"
_LIVE_ONCE_GRANTED = frozenset({LOCATION, VISITS, SHARING})


class ConsentAction(StrEnum):
    GRANTED = "granted"
    CONFIRMED = "confirmed"
    REMINDED = "reminded"
    WITHDRAWN = "withdrawn"


GIVEN = (ConsentAction.GRANTED, ConsentAction.CONFIRMED)
"""The steps by which a customer agrees."""


class ConsentStatus(StrEnum):
    MISSING = "missing"
    UNCONFIRMED = "unconfirmed"
    LIVE = "live"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


@value(kw_only=True)
class ConsentEvent:
    """One line of the ledger. A withdrawal or a reminder without channel or sender covers all of them.

    `valid_until` is the first instant at which the consent no longer holds. `recorded_at` is when the line was written,
    None where that is not known.
    """

    event_id: str
    customer_id: CustomerId
    purpose: str
    action: ConsentAction
    at: datetime
    channel: str | None = None
    sender: str | None = None
    valid_until: datetime | None = None
    recorded_at: datetime | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if self.may_cover_all:
            return
        if self.sender is None:
            raise InvalidInput(f"a consent that is {self.action.value} needs a sender")
        if needs_channel(self.purpose) and self.channel is None:
            raise InvalidInput(f"a consent to {self.purpose} that is {self.action.value} needs a channel")

    @property
    def may_cover_all(self) -> bool:
        """Whether it speaks of every channel or sender where it names none."""
        return self.action in (ConsentAction.WITHDRAWN, ConsentAction.REMINDED)

    def covers(self, purpose: str, channel: str | None, sender: str | None) -> bool:
        """Whether this event speaks of that consent; None asks for any channel or sender."""
        return (
            self.purpose == purpose
            and (channel is None or self.channel == channel or (self.channel is None and self.may_cover_all))
            and (sender is None or self.sender == sender or (self.sender is None and self.may_cover_all))
        )


@value
class ConsentState:
    """What the ledger says at one instant; `event_ids` are the lines it rests on, `since` when it became live.

    `renewal` is a grant given while live, which a confirmation directly after it would make the new consent. `told_at`
    is when the customer last gave, confirmed or was reminded of it.
    """

    status: ConsentStatus
    event_ids: tuple[str, ...] = ()
    valid_until: datetime | None = None
    since: datetime | None = None
    renewal: ConsentEvent | None = None
    told_at: datetime | None = None

    @property
    def is_live(self) -> bool:
        return self.status is ConsentStatus.LIVE


NO_CONSENT = ConsentState(ConsentStatus.MISSING)


_ORDER = {action: place for place, action in enumerate(ConsentAction)}


def needs_channel(purpose: str) -> bool:
    """Whether consent to it is given for one channel at a time."""
    return purpose not in _LIVE_ONCE_GRANTED


def in_ledger_order(events: Iterable[ConsentEvent]) -> list[ConsentEvent]:
    """By their own instant; at one instant a grant before its confirmation, and withdrawals last, so that they win."""
    return sorted(events, key=lambda event: (event.at, _ORDER[event.action]))


def consent_state(
    events: Sequence[ConsentEvent],
    purpose: str,
    *,
    channel: str | None = None,
    sender: str | None = None,
    now: datetime,
) -> ConsentState:
    """The state of one consent at `now`; `events` are one customer's, in ledger order; later ones do not count yet."""
    state = NO_CONSENT
    for event in events:
        if event.at > now:
            break
        if event.covers(purpose, channel, sender):
            state = _after(_expired(state, event.at), event)
    return _expired(state, now)


def _expired(state: ConsentState, at: datetime) -> ConsentState:
    ends = state.valid_until
    if state.status not in (ConsentStatus.LIVE, ConsentStatus.UNCONFIRMED) or ends is None or at < ends:
        return state
    if state.renewal is not None:
        return _expired(_unconfirmed(state.renewal), at)
    return ConsentState(ConsentStatus.EXPIRED, state.event_ids, ends, told_at=state.told_at)


def _unconfirmed(grant: ConsentEvent) -> ConsentState:
    return ConsentState(ConsentStatus.UNCONFIRMED, (grant.event_id,), grant.valid_until, told_at=grant.at)


def _after(state: ConsentState, event: ConsentEvent) -> ConsentState:
    match event.action:
        case ConsentAction.WITHDRAWN:
            return ConsentState(ConsentStatus.WITHDRAWN, (event.event_id,))
        case ConsentAction.REMINDED:
            return replace(state, told_at=event.at) if state.told_at is not None else state
        case ConsentAction.CONFIRMED:
            return _confirmed(state, event)
        case ConsentAction.GRANTED:
            return _granted(state, event)


def _granted(state: ConsentState, event: ConsentEvent) -> ConsentState:
    if event.purpose in _LIVE_ONCE_GRANTED:
        return _live((event.event_id,), event, event.valid_until, state.since)
    return replace(state, renewal=event, told_at=event.at) if state.is_live else _unconfirmed(event)


def _confirmed(state: ConsentState, event: ConsentEvent) -> ConsentState:
    if state.status is ConsentStatus.MISSING:
        return _live((event.event_id,), event, event.valid_until)
    if state.is_live and state.renewal is None and event.purpose not in _LIVE_ONCE_GRANTED:
        return state  # no grant directly before it
    if state.status in (ConsentStatus.UNCONFIRMED, ConsentStatus.LIVE):
        granted = _unconfirmed(state.renewal) if state.renewal else state
        ends = event.valid_until or granted.valid_until
        return _live((*granted.event_ids, event.event_id), event, ends, state.since)
    return state


def _live(
    event_ids: tuple[str, ...], event: ConsentEvent, valid_until: datetime | None, since: datetime | None = None
) -> ConsentState:
    return ConsentState(ConsentStatus.LIVE, event_ids, valid_until, since or event.at, told_at=event.at)
