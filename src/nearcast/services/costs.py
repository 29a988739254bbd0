"""The cost ledger: what a message should cost when a provider takes it, and what it did when the provider has said.

Booked once, by the first receipt that says what a message counts as, however many say it.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from nearcast.domain.channel_event import Receipt
from nearcast.domain.message import Message
from nearcast.domain.price import Money, PriceTable, filed_as, is_free
from nearcast.domain.sending import Purpose
from nearcast.services.billing import prices_of
from nearcast.services.cost_ports import Cost
from nearcast.services.ports import UnitOfWork


def expect(uow: UnitOfWork, taken: Iterable[tuple[Message, str | None]], now: datetime) -> None:
    """Write down what messages should cost that a provider has taken, each with the market that it goes to; None where
    that is not known.
    """
    prices = prices_of(uow.catalogue)
    uow.costs.expect([_expected(prices, message, market, now) for message, market in taken])


def book(uow: UnitOfWork, message: Message, receipt: Receipt, now: datetime) -> None:
    """Write down what a message did cost, if the receipt is the first to say what it counts as."""
    said = receipt.price
    if said is None:
        return
    known = uow.costs.of([message.id]).get(message.id)
    if known is not None and known.booked_at is not None:
        return
    prices, category = prices_of(uow.catalogue), filed_as(said.category)
    cost = known or _expected(prices, message, None, receipt.at)
    price = prices.of(message.channel, category, cost.market, receipt.at)
    if is_free(said.category, said.type):
        price = Money(0, price.currency) if price is not None else None
    if price is not None and cost.expected is not None and price.currency != cost.expected.currency:
        cost = replace(cost, expected=None)  # prices were changed to another currency meanwhile
    uow.costs.book(replace(cost, category=category, booked=price, booked_at=receipt.at))


def _expected(prices: PriceTable, message: Message, market: str | None, at: datetime) -> Cost:
    category = Purpose.MARKETING.value
    return Cost(
        message_id=message.id,
        campaign_id=message.campaign_id,
        shop_id=message.shop_id,
        channel=message.channel,
        category=category,
        market=market,
        at=at,
        expected=prices.of(message.channel, category, market, at),
    )
