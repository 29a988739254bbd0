"""Scenario 30 of the messaging reference, over HTTP on every side: shop, phone and payment provider."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from nearcast.store.sql_store import SqlStore
from tests.e2e.whatsapp.fake import ANNA, Fake
from tests.e2e.whatsapp.street import ShiftedClock, Street, open_street
from tests.loopback import LOOPBACK
from tests.payments.fake_stripe import KEY, OLD_SECRET, RETURN_URL, SECRET, FakeStripe, fake_stripe

PATH, COMPLETED = "/v1/payment-requests", "checkout.session.completed"


@dataclass
class Counter:
    """A café that takes deposits of Anna, who wrote just now."""

    street: Street
    fake: Fake
    provider: FakeStripe

    def asks(self, **said: Any) -> tuple[str, dict[str, Any]]:
        """A payment by its reference, and the provider's session, once Anna has the link."""
        whole = {"customer_id": "anna", "shop_id": "cafe", "amount": {"minor": 1250, "currency": "EUR"}}
        made = self.street.done("POST", PATH, {**whole, "description": "Deposit", **said})
        self.street.until(lambda: self.shown(made["reference"])["sent_at"] is not None, "the link")
        sessions = self.provider.sessions.values()
        (session,) = [each for each in sessions if each["client_reference_id"] == made["reference"]]
        self.street.until(lambda: any(session["url"] in said for said in self.read()), "the bubble with the link")
        return made["reference"], session

    def shown(self, reference: str) -> dict[str, Any]:
        found: dict[str, Any] = self.street.done("GET", f"{PATH}/{reference}")
        return found

    def read(self) -> list[str]:
        """What Anna was told, with where its buttons lead."""
        told = [each for each in self.fake.bubbles(ANNA) if each["from"] == "business"]
        return [" ".join([each["text"], *(button["url"] for button in each["buttons"])]) for each in told]

    def tells(self, session: dict[str, Any], *kinds: str, seed: int = 0) -> None:
        """The provider tells these of a session, each twice and in any order."""
        told = [self.provider.event(kind, session) for kind in kinds] * 2
        random.Random(seed).shuffle(told)  # noqa: S311 - the same for every run
        for n, raw in enumerate(told):
            headers = self.provider.signed(raw, secret=(SECRET, OLD_SECRET)[n % 2], at=self.street.clock.now())
            answer = httpx.post(f"{self.street.url}/v1/webhooks/payments", content=raw, headers=headers, **LOOPBACK)
            assert answer.status_code == 200, answer.text

    def metric(self, result: str) -> bool:
        return f'nearcast_payments_total{{result="{result}"}}' in self.street.operator.get("/metrics").text


@pytest.fixture
def counter(street_store: SqlStore, fake: Fake) -> Iterator[Counter]:
    with fake_stripe(ShiftedClock().now) as provider:
        said: dict[str, Any] = {
            "payments_base_url": provider.url,
            "payments_secret_key": SecretStr(KEY),
            "payments_webhook_secrets": SecretStr(f"{SECRET},{OLD_SECRET}"),
            "payments_return_url": RETURN_URL,
        }
        with open_street(street_store, fake, **said) as street:
            provider.now = street.clock.now
            street.shop("cafe")
            street.person("anna", ANNA)
            fake.person(ANNA, say="hello")
            street.settles()
            yield Counter(street, fake, provider)


def test_a_payment_told_twice_and_out_of_order_is_paid_once_with_one_receipt(counter: Counter) -> None:
    reference, session = counter.asks()
    counter.provider.pay(session)
    counter.tells(session, COMPLETED, "payment_intent.processing", "payment_intent.succeeded", seed=4)
    counter.tells(session, "payment_intent.processing")
    assert counter.shown(reference)["state"] == "paid"
    counter.street.until(lambda: len(counter.read()) == 2, "the receipt")
    counter.street.settles()
    (link, receipt) = counter.read()
    assert "12.50 EUR" in link
    assert receipt == "Cafe: we have received 12.50 EUR for Deposit. Thank you!"
    month = f"{counter.street.clock.now():%Y-%m}"
    usage = counter.street.done("GET", f"/v1/usage?shop_id=cafe&month={month}")
    assert [(each["payments"], each["minor"]) for each in usage["payments"]] == [(1, 1250)]


def test_another_amount_is_not_paid_and_the_operator_is_told(counter: Counter) -> None:
    reference, session = counter.asks()
    counter.provider.pay(session, units=1_000)
    counter.tells(session, COMPLETED, "payment_intent.succeeded")
    shown = counter.shown(reference)
    assert (shown["state"], shown["paid_instead"]["text"]) == ("requested", "10.00 EUR")
    assert counter.metric("mismatch")
    counter.street.settles()
    assert len(counter.read()) == 1, "the link alone"


def test_an_order_ends_with_its_link_and_money_that_comes_later_goes_back(counter: Counter) -> None:
    (first, open_one), (second, late_one) = counter.asks(expires_in_s=300), counter.asks(expires_in_s=300)
    counter.provider.pay_later(late_one)
    counter.street.passes(301)
    ended = {"expired"}
    counter.street.until(lambda: {counter.shown(each)["state"] for each in (first, second)} == ended, "both ends")
    assert open_one["status"] == "expired", "nobody can pay by the link any more"
    late_one["payment_status"] = "paid"
    counter.tells(late_one, "checkout.session.async_payment_succeeded", "payment_intent.succeeded", seed=2)
    counter.street.until(lambda: counter.shown(second)["state"] == "refunded", "the money's way back")
    assert [each["payment_intent"] for each in counter.provider.refunds] == [late_one["payment_intent"]]
    assert counter.metric("late")
    assert counter.shown(first)["state"] == "expired"
