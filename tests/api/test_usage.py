"""Owners see what their shops used in a month, and each message what it costs."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from nearcast.domain.channel_event import Price, Rank, Receipt
from nearcast.domain.errors import InvalidInput
from nearcast.domain.ids import CampaignId, CustomerId, MessageId, ShopId, TenantId
from nearcast.domain.voucher import Voucher
from nearcast.services.access import Role
from nearcast.services.costs import book_all, expect
from tests.api.service import Service
from tests.api.town import agree, open_shop, visit

pytestmark = pytest.mark.enable_socket
JUNE = {"shop_id": "cafe", "month": "2026-06"}
BILLING: dict[str, Any] = {
    "monthly_fee": {"value": "29.00", "currency": "EUR"},
    "mark_up_percent": 10,
    "prices": [{"channel": "console", "value": 0.05, "currency": "EUR"}],
}


def sent(service: Service) -> str:
    """A message that was sent and said to be delivered; its id."""
    operator = service.client()
    settings = operator.get("/v1/settings").json()
    assert operator.put("/v1/settings", json={**settings, "billing": BILLING}).status_code == 200
    open_shop(service)
    agree(service, "ada")
    visit(service, "ada")
    (shown,) = operator.get("/v1/messages").json()["items"]
    with service.store.writing(TenantId("t1")) as uow:
        message = uow.outbox.get(shown["message_id"])
        assert message is not None
        expect(uow, [(message, None)], service.clock.at)
        uow.commit()
    assert operator.get("/v1/messages").json()["items"][0]["cost"]["is_booked"] is False
    with service.store.writing(TenantId("t1")) as uow:
        price = Price(category="marketing", type="regular")
        book_all(uow, [(message, Receipt(key="r", at=service.clock.at, rank=Rank.SENT, price=price))])
        uow.commit()
    return message.id


def test_a_message_says_what_it_costs_and_its_shop_is_charged_for_it(service: Service):
    message_id = sent(service)
    owner = service.client(Role.OWNER, shops=["cafe"])
    cost = owner.get(f"/v1/messages/{message_id}").json()["cost"]
    assert cost == {"micros": 50_000, "currency": "EUR", "category": "marketing", "is_booked": True}
    told = owner.get("/v1/usage", params=JUNE).json()
    assert [(each["what"], each["messages"], each["total_micros"]) for each in told["items"]] == [
        ("messages", 1, 55_000),
        ("plan", 0, 29_000_000),
    ]
    assert told["totals"] == [{"currency": "EUR", "micros": 29_055_000, "text": "29.055 EUR"}]
    rows = owner.get("/v1/usage", params={**JUNE, "format": "csv"})
    assert rows.headers["content-type"].startswith("text/csv")
    assert rows.text.splitlines()[1] == "cafe,2026-06,messages,console,marketing,1,1,EUR,50000,5000,55000"
    page = owner.get("/v1/usage", params={**JUNE, "format": "html"})
    assert "29.055 EUR" in page.text


def _taken(n: int, shop_id: str, redeemed_at: datetime | None) -> Voucher:
    return Voucher(
        id=f"v{n}",
        message_id=MessageId(f"m{n}"),
        customer_id=CustomerId("ada"),
        campaign_id=CampaignId("c"),
        shop_id=ShopId(shop_id),
        title="One espresso",
        terms="",
        issued_at=datetime(2026, 5, 1, tzinfo=UTC),
        expires_at=datetime(2026, 7, 1, tzinfo=UTC),
        redeemed_at=redeemed_at,
    )


def test_what_is_owed_is_shared_out_among_the_vouchers_that_were_taken(service: Service):
    sent(service)
    at, june_begins = service.clock.at, datetime(2026, 5, 31, 22, tzinfo=UTC)
    taken = [
        ("cafe", june_begins),
        *6 * [("cafe", at)],
        ("cafe", june_begins - timedelta(seconds=1)),
        ("cafe", None),
        ("bar", at),
    ]
    with service.store.writing(TenantId("t1")) as uow:
        uow.vouchers.insert(_taken(n, shop_id, redeemed_at) for n, (shop_id, redeemed_at) in enumerate(taken))
        uow.commit()
    owner = service.client(Role.OWNER)
    told = owner.get("/v1/usage", params=JUNE).json()
    assert (told["redemptions"], told["per_redemption"]) == (
        7,
        [{"currency": "EUR", "micros": "29055000/7", "text": "4.150714 EUR"}],
    )
    rows = owner.get("/v1/usage", params={**JUNE, "format": "csv"}).text.splitlines()
    assert rows[-1] == "cafe,2026-06,redemptions,,,0,0,EUR,0,0,0,7,29055000/7"
    assert "4.150714 EUR" in owner.get("/v1/usage", params={**JUNE, "format": "html"}).text


def test_what_another_shop_used_is_not_told(sqlite_service: Service):
    sent(sqlite_service)
    assert sqlite_service.client().put("/v1/shops/bar", json={}).is_success
    other = sqlite_service.client(Role.OWNER, shops=["bar"])
    assert other.get("/v1/usage", params=JUNE).status_code == 404
    assert sqlite_service.client(Role.ANALYST).get("/v1/usage", params=JUNE).status_code == 403


@pytest.mark.parametrize("month", ["2026-13", "2026", "june", "2026-6"])
def test_a_month_that_is_none_is_refused(sqlite_service: Service, month: str):
    open_shop(sqlite_service)
    answer = sqlite_service.client().get("/v1/usage", params={**JUNE, "month": month})
    assert (answer.status_code, answer.json()["path"]) == (422, "month")


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ({"monthly_fee": {"value": "1.0000001", "currency": "EUR"}}, "billing.monthly_fee.value"),
        ({"monthly_fee": {"value": -1, "currency": "EUR"}}, "billing.monthly_fee.value"),
        ({"monthly_fee": {"value": 1, "currency": "euro"}}, "billing.monthly_fee.currency"),
        ({"prices": [{"channel": "sms", "value": "cheap", "currency": "EUR"}]}, "billing.prices[0].value"),
        ({"mark_up": 3}, "billing.mark_up"),
    ],
)
def test_amounts_that_are_none_are_refused_with_their_place(sqlite_service: Service, said: Any, place: str):
    answer = sqlite_service.client().put("/v1/settings", json={"tenant": {"id": "t1"}, "billing": said})
    assert (answer.status_code, answer.json()["path"]) == (422, place)


def test_a_month_is_written_into_a_file(sqlite_service: Service, tmp_path: Path):
    sent(sqlite_service)
    usage = sqlite_service.app.usage
    for name, inside in (("june.json", '"29.055 EUR"'), ("june.csv", "50000"), ("june.html", "<table>")):
        usage.write(tmp_path / name, TenantId("t1"), "cafe", "2026-06")
        assert inside in (tmp_path / name).read_text("utf-8")
    with pytest.raises(InvalidInput):
        usage.write(tmp_path / "june.pdf", TenantId("t1"), "cafe", "2026-06")
