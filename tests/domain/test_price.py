"""Prices by date, half-open, in whole millionths."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearcast.domain.errors import InvalidInput
from nearcast.domain.price import EVERYWHERE, Money, PriceRow, PriceTable, filed_as, is_free
from nearcast.services.prices import known_prices, known_table

JUNE, JULY = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)


def row(since: datetime, micros: int, market: str = EVERYWHERE, currency: str = "USD") -> PriceRow:
    price = Money(micros, currency)
    return PriceRow(channel="whatsapp", category="marketing", market=market, since=since, price=price)


def micros(table: PriceTable, at: datetime, market: str | None = None) -> int | None:
    price = table.of("whatsapp", "marketing", market, at)
    return None if price is None else price.micros


def test_a_price_holds_from_its_instant_on_until_that_of_the_next_one() -> None:
    table = PriceTable([row(JULY, 7), row(JUNE, 6)])
    assert [micros(table, at) for at in (JUNE - INSTANT, JUNE, JULY - INSTANT, JULY)] == [None, 6, 6, 7]


def test_a_market_of_its_own_goes_before_everywhere_once_it_has_a_price() -> None:
    table = PriceTable([row(JUNE, 6), row(JULY, 1, "BR")])
    assert [micros(table, at, "BR") for at in (JULY - INSTANT, JULY)] == [6, 1]
    assert [micros(table, JULY, market) for market in ("DE", None)] == [6, 6]
    assert table.of("sms", "marketing", "BR", JULY) is None


def test_the_highest_price_is_that_of_any_market_at_any_time_in_one_currency() -> None:
    table = PriceTable([row(JUNE, 6), row(JULY, 9, "BR"), row(JULY, 7)])
    assert table.highest("whatsapp", "marketing", "USD") == Money(9, "USD")
    assert table.highest("whatsapp", "marketing", "EUR") is None
    assert table.highest("sms", "marketing", "USD") is None
    assert PriceTable([row(JUNE, 6), row(JUNE, 9, "DE", "EUR")]).highest("whatsapp", "marketing", "USD") is None


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 10**6)), max_size=20, unique_by=lambda each: each[0]))
def test_the_newest_price_that_has_begun_holds(days: list[tuple[int, int]]) -> None:
    table = PriceTable(row(JUNE + timedelta(days=day), price) for day, price in days)
    for day in (0, 100, 399, 400):
        begun = [each for each in days if each[0] <= day]
        assert micros(table, JUNE + timedelta(days=day)) == (max(begun)[1] if begun else None)


@pytest.mark.parametrize(
    ("amount", "text"), [(0, "0.00"), (1, "0.000001"), (62_500, "0.0625"), (1_500_000, "1.50"), (10**9, "1000.00")]
)
def test_money_is_written_with_the_digits_it_needs(amount: int, text: str) -> None:
    assert Money(amount, "EUR").text == f"{text} EUR"


def test_money_is_never_less_than_nothing() -> None:
    with pytest.raises(InvalidInput):
        Money(-1, "EUR")


def test_a_receipt_says_what_a_message_counts_as() -> None:
    assert [filed_as(each) for each in ("marketing_lite", "MARKETING", "utility")] == [
        "marketing",
        "marketing",
        "utility",
    ]
    assert (is_free("utility", "free_customer_service"), is_free("marketing", "regular")) == (True, False)
    assert is_free("referral_conversion", "regular")


def test_the_prices_that_come_with_nearcast_cover_every_market_and_say_each_thing_once() -> None:
    keys = [(each.channel, each.category, each.market, each.since) for each in known_prices()]
    assert len(set(keys)) == len(keys)
    for category in ("marketing", "utility", "service"):
        assert known_table().of("whatsapp", category, "ZZ", JULY) is not None
    october = datetime(2026, 10, 1, tzinfo=UTC)
    assert known_table().of("whatsapp", "service", "BR", october - INSTANT) == Money(0, "USD")
    assert known_table().of("whatsapp", "service", "BR", october) == Money(6_800, "USD")
