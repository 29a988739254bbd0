"""The cost ledger: booked once, by whichever receipt says first what a message counts as."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest

from nearcast.domain.campaign import CampaignState, Spent
from nearcast.domain.channel_event import Price, Rank, Receipt
from nearcast.domain.ids import CampaignId, CustomerId, ShopId, TenantId
from nearcast.domain.message import Message, MessageStatus
from nearcast.domain.price import Money
from nearcast.services.cost_ports import UsageLine
from nearcast.services.costs import book_all, expect
from nearcast.services.usage import as_csv, as_document, as_page, statement
from nearcast.store.sql_store import SqlStore
from tests.store.values import NOON, at_once, later, message

BILLING: Mapping[str, Any] = {
    "plan": "Standard",
    "monthly_fee": {"value": "29", "currency": "EUR"},
    "mark_up_percent": 10,
    "mark_up_per_message": {"value": "0.002", "currency": "EUR"},
    "prices": [
        {"channel": "whatsapp", "value": "0.05", "currency": "EUR"},
        {"channel": "whatsapp", "market": "BR", "value": "0.0625", "currency": "EUR"},
        {"channel": "whatsapp", "category": "utility", "value": "0.01", "currency": "EUR"},
    ],
}


def receipt(rank: Rank, price: Price | None, *, at: datetime = NOON) -> Receipt:
    return Receipt(key=f"s:{rank}", at=at, rank=rank, price=price)


def sent(number: int = 1, **changes: Any) -> Message:
    said = {"channel": "whatsapp", "status": MessageStatus.ACCEPTED, "customer_id": CustomerId(f"c{number}")}
    return message(number, **{**said, **changes})


def regular(category: str = "marketing") -> Price:
    return Price(category=category, type="regular")


def set_up(store: SqlStore, tenant: TenantId, *messages: Message, billing: Mapping[str, Any] = BILLING) -> None:
    with store.writing(tenant) as uow:
        settings = {"tenant": {"id": tenant, "timezone": "Europe/Berlin"}, "billing": billing}
        uow.catalogue.put_settings(settings, NOON)
        uow.catalogue.shops.put("s1", {"id": "s1", "name": "Café"}, NOON)
        uow.outbox.insert(messages)
        uow.commit()


def test_a_message_is_booked_once_by_the_first_receipt_that_says_what_it_counts_as(
    store: SqlStore, tenant: TenantId
) -> None:
    one = sent()
    set_up(store, tenant, one)
    with store.writing(tenant) as uow:
        expect(uow, [(one, "BR")], NOON)
        expect(uow, [(one, "DE")], later(1))
        uow.commit()
    with store.reading(tenant) as uow:
        (cost,) = uow.costs.of([one.id]).values()
    assert (cost.market, cost.expected, cost.booked) == ("BR", Money(62_500, "EUR"), None)
    receipts = (
        receipt(Rank.SENT, None, at=later(1)),
        receipt(Rank.DELIVERED, regular("utility"), at=later(2)),
        receipt(Rank.READ, regular("marketing"), at=later(3)),
    )
    for each in receipts:
        with store.writing(tenant) as uow:
            book_all(uow, [(one, each)])
            uow.commit()
    with store.reading(tenant) as uow:
        (cost,) = uow.costs.of([one.id]).values()
    assert (cost.category, cost.booked, cost.booked_at) == ("utility", Money(10_000, "EUR"), later(2))
    assert cost.expected == Money(62_500, "EUR")


def test_a_receipt_before_our_own_note_is_booked_all_the_same(store: SqlStore, tenant: TenantId) -> None:
    one = sent()
    set_up(store, tenant, one)
    with store.writing(tenant) as uow:
        book_all(uow, [(one, receipt(Rank.SENT, regular("marketing_lite")))])
        expect(uow, [(one, "BR")], later(1))
        assert uow.costs.of([one.id])[one.id].amount == Money(50_000, "EUR")


@pytest.mark.parametrize("kind", ["free_customer_service", "free_entry_point"])
def test_what_the_provider_calls_free_costs_nothing(store: SqlStore, tenant: TenantId, kind: str) -> None:
    one = sent()
    set_up(store, tenant, one)
    with store.writing(tenant) as uow:
        expect(uow, [(one, None)], NOON)
        book_all(uow, [(one, receipt(Rank.SENT, Price(category="marketing", type=kind)))])
        assert uow.costs.of([one.id])[one.id].amount == Money(0, "EUR")


def test_of_receipts_that_come_at_once_one_books(store: SqlStore, tenant: TenantId) -> None:
    one = sent()
    set_up(store, tenant, one)

    def try_to_book(category: str) -> None:
        with store.writing(tenant) as uow:
            book_all(uow, [(one, receipt(Rank.SENT, regular(category)))])
            uow.commit()

    at_once([lambda c=c: try_to_book(c) for c in ("marketing", "utility", "marketing")])  # type: ignore[misc]
    with store.reading(tenant) as uow:
        (line,) = uow.costs.usage(ShopId("s1"), NOON, later(1))
    assert (line.messages, line.booked) == (1, 1)
    assert line.micros == (50_000 if line.category == "marketing" else 10_000)


def test_a_statement_counts_what_was_taken_in_its_month_and_did_not_fail(store: SqlStore, tenant: TenantId) -> None:
    taken = [
        sent(1),
        sent(2),
        sent(3, status=MessageStatus.FAILED, sent_at=NOON),
        sent(4, shop_id=ShopId("s2")),
        sent(5, channel="telegram"),
    ]
    set_up(store, tenant, *taken)
    with store.writing(tenant) as uow:
        expect(uow, [(each, None) for each in taken], NOON)
        book_all(uow, [(taken[0], receipt(Rank.SENT, regular("utility"), at=later(5)))])
        uow.commit()
    with store.reading(tenant) as uow:
        june, july = (statement(uow, tenant, ShopId("s1"), month) for month in ("2026-06", "2026-07"))
    told = [(each.what, each.channel, each.category, each.messages, each.booked) for each in june.items]
    assert told == [
        ("messages", "telegram", "marketing", 1, 0),
        ("messages", "whatsapp", "marketing", 1, 0),
        ("messages", "whatsapp", "utility", 1, 1),
        ("mark-up per message", "", "", 0, 0),
        ("plan", "", "", 0, 0),
    ]
    # 0.05 + 0.01, a tenth on top of each, three times 0.002 and the plan
    assert june.totals == [Money(50_000 + 10_000 + 5_000 + 1_000 + 6_000 + 29_000_000, "EUR")]
    assert june.unpriced == 1
    assert [each.what for each in july.items] == ["plan"]


def test_a_month_begins_by_the_clocks_of_the_tenant(store: SqlStore, tenant: TenantId) -> None:
    set_up(store, tenant)
    with store.reading(tenant) as uow:
        june = statement(uow, tenant, ShopId("s1"), "2026-12")
    assert (june.since.isoformat(), june.until.isoformat()) == (
        "2026-11-30T23:00:00+00:00",
        "2026-12-31T23:00:00+00:00",
    )


def test_currencies_are_not_added_up(store: SqlStore, tenant: TenantId) -> None:
    set_up(store, tenant, sent(), billing={"monthly_fee": {"value": 5, "currency": "EUR"}})
    with store.writing(tenant) as uow:
        expect(uow, [(sent(), "BR")], NOON)
        found = statement(uow, tenant, ShopId("s1"), "2026-06")
    assert found.totals == [Money(5_000_000, "EUR"), Money(62_500, "USD")]


def test_a_statement_is_written_as_json_as_rows_and_as_a_page(store: SqlStore, tenant: TenantId) -> None:
    set_up(store, tenant, sent())
    with store.writing(tenant) as uow:
        expect(uow, [(sent(), None)], NOON)
        found = statement(uow, tenant, ShopId("s1"), "2026-06")
    document = as_document(found)
    assert document["totals"] == [{"currency": "EUR", "micros": 29_057_000, "text": "29.057 EUR"}]
    header, first, *_ = as_csv(found).splitlines()
    assert header.startswith("shop_id,month,what,channel")
    assert first == "s1,2026-06,messages,whatsapp,marketing,1,0,EUR,50000,5000,55000"
    assert "<title>Usage of Café in 2026-06</title>" in as_page(found)
    assert "29.057 EUR" in as_page(found)


def test_usage_says_nothing_of_other_shops(store: SqlStore, tenant: TenantId) -> None:
    set_up(store, tenant, sent())
    with store.writing(tenant) as uow:
        expect(uow, [(sent(), None)], NOON)
        assert uow.costs.usage(ShopId("s2"), NOON, later(1)) == []
        assert uow.costs.usage(ShopId("s1"), NOON, later(1)) == [
            UsageLine(channel="whatsapp", category="marketing", currency="EUR", messages=1, booked=0, micros=50_000)
        ]
        assert uow.costs.usage(ShopId("s1"), later(1), later(2)) == []


def test_a_budget_in_money_knows_what_was_booked_once_and_in_its_own_currency(
    store: SqlStore, tenant: TenantId
) -> None:
    every = [sent(1), sent(2), sent(3, campaign_id=CampaignId("camp-8"))]
    set_up(store, tenant, *every)
    with store.writing(tenant) as uow:
        for key, currency in (("camp-7", "EUR"), ("camp-8", "USD")):
            doc = {"id": key, "budget": {"amount": {"value": "1", "currency": currency}}}
            uow.catalogue.campaigns.put_campaign(key, doc, NOON, state=CampaignState.ACTIVE)
        uow.commit()
    told = [(each, receipt(Rank.SENT, regular())) for each in every]
    for _ in range(2):
        with store.writing(tenant) as uow:
            book_all(uow, told)
            uow.commit()
    with store.reading(tenant) as uow:
        assert uow.budgets.spent() == {CampaignId("camp-7"): Spent(2, 100_000)}
        assert uow.budgets.used() == {CampaignId("camp-7"): 2, CampaignId("camp-8"): 1}
