"""A shop's slots, and the places in them that customers take: held for minutes, booked, given back."""

from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from nearcast.domain.errors import InvalidInput
from nearcast.domain.ids import CustomerId, ReservationId, ShopId, SlotId
from nearcast.domain.value import value

HOLD = timedelta(minutes=5)
"""For how long a place is held for somebody who has not confirmed yet."""

MOST_PLACES = 10_000
_LONGEST = timedelta(days=31)
_REFERENCE_DIGITS = 6


class ReservationState(StrEnum):
    HELD = "held"
    BOOKED = "booked"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


@value(kw_only=True)
class Slot:
    """A time in a shop, from `starts_at` until before `ends_at`, at which `capacity` customers have a place."""

    id: SlotId
    shop_id: ShopId
    starts_at: datetime
    ends_at: datetime
    capacity: int

    def __post_init__(self) -> None:
        if not self.starts_at < self.ends_at <= self.starts_at + _LONGEST:
            raise InvalidInput("ends_at is after starts_at, by 31 days at most", place="ends_at")
        if not 1 <= self.capacity <= MOST_PLACES:
            raise InvalidInput(f"is not from 1 to {MOST_PLACES}", place="capacity")


@value(kw_only=True)
class Reservation:
    """One customer's place in a slot, whose times it bears. Held it counts until before `held_until`; booked until the
    slot is over. `channel` is where they asked for it. `ended_at` is when it was cancelled or ran out.
    """

    id: ReservationId
    slot_id: SlotId
    shop_id: ShopId
    customer_id: CustomerId
    channel: str
    starts_at: datetime
    ends_at: datetime
    state: ReservationState
    made_at: datetime
    held_until: datetime
    booked_at: datetime | None = None
    ended_at: datetime | None = None

    @classmethod
    def held(cls, slot: Slot, name: ReservationId, customer_id: CustomerId, channel: str, now: datetime) -> Self:
        """A place that is held from now on."""
        return cls(
            id=name,
            slot_id=slot.id,
            shop_id=slot.shop_id,
            customer_id=customer_id,
            channel=channel,
            starts_at=slot.starts_at,
            ends_at=slot.ends_at,
            state=ReservationState.HELD,
            made_at=now,
            held_until=min(now + HOLD, slot.starts_at),
        )

    @property
    def reference(self) -> str:
        """What a customer shows and a shop finds it by, short enough to be read out."""
        return self.id.replace("-", "")[-_REFERENCE_DIGITS:].upper()

    def standing(self, now: datetime) -> ReservationState:
        """What it is at `now`, whether or not anybody has written down yet that it ran out."""
        is_over = self.state is ReservationState.HELD and now >= self.held_until
        return ReservationState.EXPIRED if is_over else self.state

    def is_live(self, now: datetime) -> bool:
        """Whether it takes a place that somebody may still come for."""
        standing = self.standing(now)
        return standing is ReservationState.HELD or (standing is ReservationState.BOOKED and now < self.ends_at)

    def book(self, now: datetime) -> Self:
        """The same, booked for good."""
        return replace(self, state=ReservationState.BOOKED, booked_at=now)

    def hold_until(self, until: datetime) -> Self:
        """The same, held for longer, while something has to come first."""
        return replace(self, held_until=min(until, self.starts_at))

    def end(self, now: datetime) -> Self:
        """The same, given back: cancelled, or expired where its hold had run out."""
        is_over = self.standing(now) is ReservationState.EXPIRED
        state = ReservationState.EXPIRED if is_over else ReservationState.CANCELLED
        return replace(self, state=state, ended_at=self.held_until if is_over else now)
