"""A payment comes to the same end in whatever order its provider tells, and however often."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearcast.domain.errors import InvalidInput
from nearcast.domain.ids import CustomerId, ShopId
from nearcast.domain.payment import Amount, Payment, PaymentEvent, PaymentState, Step, Told

NOON = datetime(2026, 6, 2, 10, 0, tzinfo=UTC)
PRICE = Amount(1_250, "EUR")


def later(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def asked() -> Payment:
    return Payment(
        reference="pay-1",
        shop_id=ShopId("cafe"),
        customer_id=CustomerId("ada"),
        amount=PRICE,
        description="Deposit",
        created_at=NOON,
        expires_at=later(30),
    ).goes_on(NOON)


def linked() -> Payment:
    return asked().linked("cs-1", later(1))


def told(what: Told, minutes: float = 2, amount: Amount | None = None) -> PaymentEvent:
    amount = PRICE if amount is None and what is Told.SUCCEEDED else amount
    return PaymentEvent(id=f"{what}{minutes}", reference="pay-1", what=what, at=later(minutes), amount=amount)


def heard(payment: Payment, *events: PaymentEvent) -> tuple[Payment, int]:
    """How it stands after these, and how many receipts that gave."""
    receipts = 0
    for event in events:
        after = payment.told(event, later(10))
        receipts += after.owes_receipt(payment)
        payment = after
    return payment, receipts


EVENTS = [
    told(Told.PROCESSING, 1),
    told(Told.SUCCEEDED, 3),
    told(Told.SUCCEEDED, 2),
    told(Told.FAILED, 4),
    told(Told.EXPIRED, 5),
    told(Told.SUCCEEDED, 6, Amount(1, "EUR")),
    told(Told.SUCCEEDED, 7, Amount(1_250, "USD")),
]
REFUNDS = [told(Told.REFUNDED, 8), told(Told.REFUNDED, 9)]


@given(
    st.permutations(EVENTS).flatmap(lambda all_of: st.tuples(st.just(all_of), st.permutations([*all_of, *all_of[:4]])))
)
def test_any_order_and_repetition_ends_in_the_same_state_with_one_receipt(
    orders: tuple[list[PaymentEvent], list[PaymentEvent]],
) -> None:
    once, again = (heard(linked(), *order) for order in orders)
    assert once == again == heard(linked(), *EVENTS)
    payment, receipts = once
    assert (payment.state, payment.paid_at, receipts) == (PaymentState.PAID, later(2), 1)
    assert (payment.odd, payment.step, payment.due_at) == (Amount(1, "EUR"), None, None)


@given(st.permutations([*EVENTS, *REFUNDS, *EVENTS[:3]]), st.booleans())
def test_what_was_given_back_stays_so_in_any_order(events: list[PaymentEvent], is_over: bool) -> None:
    before = linked().closed(later(30)) if is_over else linked()
    payment, receipts = heard(before, *events)
    assert (payment.state, payment.refunded_at, payment.paid_at) == (PaymentState.REFUNDED, later(8), later(2))
    assert (payment.step, payment.due_at) == (None, None)
    assert receipts <= 1


@pytest.mark.parametrize("what", [Told.PROCESSING, Told.FAILED, Told.EXPIRED])
def test_nothing_that_comes_after_success_changes_anything(what: Told) -> None:
    paid, _ = heard(linked(), told(Told.SUCCEEDED))
    assert heard(paid, told(what, 9)) == (paid, 0)


@pytest.mark.parametrize("odd", [Amount(1_249, "EUR"), Amount(1_251, "EUR"), Amount(1_250, "USD"), Amount(0, "EUR")])
def test_another_amount_or_currency_pays_nothing_and_is_kept(odd: Amount) -> None:
    payment, receipts = heard(linked(), told(Told.SUCCEEDED, amount=odd))
    assert (payment.state, payment.odd, payment.paid_at, receipts) == (PaymentState.REQUESTED, odd, None, 0)
    assert payment.holds_money
    assert payment.returning(later(3), "by_shop").step is Step.REFUND


@pytest.mark.parametrize("over", [Payment.closed, lambda payment, now: payment.cancelled(now, "by_shop")])
def test_what_is_paid_after_the_end_is_to_be_given_back(over: object) -> None:
    assert callable(over)
    ended: Payment = over(linked(), later(30))
    payment, receipts = heard(ended, told(Told.SUCCEEDED, 31))
    assert (payment.state, payment.step, payment.due_at, receipts) == (ended.state, Step.REFUND, later(10), 0)
    assert payment.returned(later(32)).state is PaymentState.REFUNDED


def test_it_is_due_for_its_link_then_for_its_end_and_then_for_nothing() -> None:
    assert (asked().step, asked().due_at) == (Step.LINK, NOON)
    assert (linked().step, linked().due_at) == (Step.CLOSE, later(30))
    ended = linked().closed(later(30))
    assert (ended.state, ended.step, ended.due_at) == (PaymentState.EXPIRED, None, None)
    without_link = asked().over(later(30))
    assert (without_link.state, without_link.step, without_link.due_at) == (PaymentState.EXPIRED, None, None)
    cancelled = linked().cancelled(later(5), "by_shop")
    assert (cancelled.step, cancelled.due_at) == (Step.CLOSE, later(5))
    assert cancelled.closed(later(6)).state is PaymentState.CANCELLED


def test_that_a_link_has_expired_is_looked_at_and_not_believed() -> None:
    payment, _ = heard(linked(), told(Told.EXPIRED))
    assert (payment.state, payment.due_at) == (PaymentState.REQUESTED, later(10))


def test_a_provider_that_does_not_answer_is_asked_less_and_less_often() -> None:
    payment, waits = asked(), list[float]()
    for _ in range(12):
        payment = payment.in_vain(NOON)
        assert payment.due_at is not None
        waits.append((payment.due_at - NOON).total_seconds())
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]


def test_no_amount_is_less_than_nothing() -> None:
    with pytest.raises(InvalidInput):
        Amount(-1, "EUR")
