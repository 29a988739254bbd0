"""What messages cost, as it is kept."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Protocol

from nearcast.domain.ids import CampaignId, MessageId, ShopId
from nearcast.domain.price import Money
from nearcast.domain.value import value


@value(kw_only=True)
class Cost:
    """One message's. `expected` is what it should cost, `booked` what it did once the provider had said what it counts
    as; None for what nobody knows. `at` is when a provider took it, `booked_at` when it was said.
    """

    message_id: MessageId
    campaign_id: CampaignId
    shop_id: ShopId
    channel: str
    category: str
    market: str | None
    at: datetime
    expected: Money | None = None
    booked: Money | None = None
    booked_at: datetime | None = None

    @property
    def amount(self) -> Money | None:
        return self.booked or self.expected


@value(kw_only=True)
class UsageLine:
    """Messages of one channel and category in one currency: how many, how many of them booked, and what they cost."""

    channel: str
    category: str
    currency: str | None
    messages: int
    booked: int
    micros: int


class Costs(Protocol):
    """One tenant's cost ledger: a row for each message, named by it and by nobody."""

    def of(self, message_ids: Collection[MessageId]) -> dict[MessageId, Cost]: ...
    def expect(self, costs: Iterable[Cost]) -> None:
        """Write down what messages should cost; what is there already stays."""

    def book(self, costs: Iterable[Cost]) -> set[MessageId]:
        """Write down what messages did cost; those that were not booked before."""

    def usage(self, shop_id: ShopId, since: datetime, until: datetime) -> list[UsageLine]:
        """A shop's messages from an instant on and before another, by when they were booked, else taken."""
