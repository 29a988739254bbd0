"""The cost ledger: what a message should cost when a provider takes it, and what it did when the provider has said.

Booked once, by the first receipt that says what a message counts as, however many say it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from nearcast.domain.campaign import NOTHING_SPENT, Spent
from nearcast.domain.channel_event import Receipt
from nearcast.domain.ids import CampaignId, MessageId
from nearcast.domain.message import Message
from nearcast.domain.price import Money, PriceTable, filed_as, is_free
from nearcast.domain.sending import Purpose
from nearcast.services.billing import prices_of
from nearcast.services.cost_ports import Cost
from nearcast.services.ports import UnitOfWork

_ONE_EACH: Mapping[MessageId, int] = {}


def expect(
    uow: UnitOfWork,
    taken: Sequence[tuple[Message, str | None]],
    now: datetime,
    *,
    counts: Mapping[MessageId, int] = _ONE_EACH,
) -> None:
    """Write down what messages should cost that a provider has taken, each with the market that it goes to; None where
    that is not known. `counts` says how many prices a message costs, of those that cost more than one.
    """
    if taken:
        prices = prices_of(uow.catalogue)
        uow.costs.expect([_expected(prices, each, market, now, counts.get(each.id, 1)) for each, market in taken])


def book_all(uow: UnitOfWork, reported: Sequence[tuple[Message, Receipt]]) -> None:
    """Write down what messages did cost, each by the first receipt that says what it counts as."""
    first: dict[MessageId, tuple[Message, Receipt]] = {}
    for message, receipt in reported:
        if receipt.price is not None:
            first.setdefault(message.id, (message, receipt))
    if not first:
        return
    known, prices = uow.costs.of(first), prices_of(uow.catalogue)
    costs = [_booked(prices, message, receipt, known.get(key)) for key, (message, receipt) in first.items()]
    new = uow.costs.book(each for each in costs if known.get(each.message_id, each).booked_at in (None, each.booked_at))
    _tell_budgets(uow, [each for each in costs if each.message_id in new])


def _booked(prices: PriceTable, message: Message, receipt: Receipt, known: Cost | None) -> Cost:
    said = receipt.price
    assert said is not None  # noqa: S101 - asked above
    category = filed_as(said.category)
    cost = known or _expected(prices, message, None, receipt.at)
    price = prices.of(message.channel, category, cost.market, receipt.at)
    if price is not None and is_free(said.category, said.type):
        price = Money(0, price.currency)
    if price is not None and cost.expected is not None and price.currency != cost.expected.currency:
        cost = replace(cost, expected=None)  # prices were changed to another currency meanwhile
    return replace(cost, category=category, booked=price, booked_at=receipt.at)


def _tell_budgets(uow: UnitOfWork, booked: Iterable[Cost]) -> None:
    """What was booked is known of budgets in money; in another currency it counts as much as it was reserved with."""
    spent: dict[CampaignId, Spent] = {}
    currencies: dict[CampaignId, str | None] = {}
    for cost in booked:
        key, price = cost.campaign_id, cost.booked
        if key not in currencies:
            campaign = uow.catalogue.campaigns.get(key)
            amount = ((campaign.doc if campaign else {}).get("budget") or {}).get("amount") or {}
            currencies[key] = amount.get("currency")
        if price is not None and price.currency == currencies[key]:
            before = spent.get(key, NOTHING_SPENT)
            spent[key] = Spent(before.messages + 1, before.micros + price.micros)
    uow.budgets.book(spent)


def _expected(prices: PriceTable, message: Message, market: str | None, at: datetime, count: int = 1) -> Cost:
    category = Purpose.MARKETING.value
    price = prices.of(message.channel, category, market, at)
    return Cost(
        message_id=message.id,
        campaign_id=message.campaign_id,
        shop_id=message.shop_id,
        channel=message.channel,
        category=category,
        market=market,
        at=at,
        expected=None if price is None else price.times(count),
    )
