"""Who outside hears of transitions, and of which."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from nearcast.domain.ids import ShopId
from nearcast.domain.visit import TransitionKind

MOST_ATTEMPTS = 14
"""An event that has failed so often is dead: with the pauses below, after some eight hours."""

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 4.0, 3600.0


class DeliveryStatus(StrEnum):
    """What became of one event for one webhook. `cancelled`: its customer does not agree any more, or the webhook is
    gone.
    """

    QUEUED = "queued"
    DELIVERED = "delivered"
    DEAD = "dead"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """An address that hears of transitions. `shop_ids` None means every geofence, also those of no shop.

    `generation` counts its secrets; the one before signs beside it until `previous_until`.
    """

    id: str
    url: str
    kinds: frozenset[TransitionKind]
    shop_ids: frozenset[ShopId] | None = None
    with_position: bool = False
    generation: int = 1
    previous_until: datetime | None = None

    def hears_of(self, kind: TransitionKind, shop_id: ShopId | None) -> bool:
        return kind in self.kinds and (self.shop_ids is None or shop_id in self.shop_ids)

    def generations(self, now: datetime) -> tuple[int, ...]:
        """The secrets that sign at `now`, the newest first."""
        is_beside = self.previous_until is not None and now < self.previous_until
        return (self.generation, self.generation - 1) if is_beside else (self.generation,)


def next_delivery_at(now: datetime, attempt: int, dice: float) -> datetime | None:
    """When to try again after the `attempt`-th attempt, the first being 1; None where that was the last. Pauses double
    up to an hour; by `dice`, from [0, 1), each is up to half shorter, so that what failed together comes back apart.
    """
    if attempt >= MOST_ATTEMPTS:
        return None
    pause_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** (attempt - 1))
    return now + timedelta(seconds=pause_s * (1 - dice / 2))
