"""A payment by link from the till to the chat and back, on both databases, with a provider that misbehaves."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest

from nearcast.domain.errors import NotFound
from nearcast.services.channel_ports import BadSignature
from nearcast.services.figures import Figure
from nearcast.services.payment_ports import PaymentFilter
from nearcast.services.payments import NoOpenChat, NothingPaid, PaymentOver
from tests.chat.town import T1
from tests.payments.desk import ADA, NUMBER, Desk
from tests.payments.fake_stripe import OLD_SECRET

pytestmark = pytest.mark.enable_socket
PAID = "checkout.session.completed"


def test_a_link_goes_to_who_wrote_and_what_is_paid_is_told_once(desk: Desk) -> None:
    reference, session = desk.linked()
    (asked,) = desk.said()
    assert asked == f"Café near: Deposit, 12.50 EUR. Pay here until 13:00. {session['url']}"
    assert desk.town.pen.sent[0].to.address == NUMBER
    desk.fake.pay(session)
    kinds = (PAID, "payment_intent.succeeded", "payment_intent.processing")
    desk.hears(*(desk.fake.event(kind, session) for kind in kinds), seed=7)
    assert desk.said()[1:] == ["Café near: we have received 12.50 EUR for Deposit. Thank you!"]
    assert desk.shown(reference)["state"] == "paid"
    assert desk.store.figures.counts(Figure.PAYMENTS) == {("requested",): 1, ("paid",): 1}
    desk.passes(hours=2)
    desk.works()
    assert desk.shown(reference)["state"] == "paid"
    assert len(desk.said()) == 2


@pytest.mark.parametrize(("units", "currency"), [(1_249, "eur"), (1_250, "usd"), (0, "eur")])
def test_another_amount_is_not_paid_and_an_operator_hears_of_it(
    desk: Desk, caplog: pytest.LogCaptureFixture, units: int, currency: str
) -> None:
    reference, session = desk.linked()
    desk.fake.pay(session, units=units, currency=currency)
    desk.hears(desk.fake.event(PAID, session), seed=1)
    shown = desk.shown(reference)
    assert (shown["state"], shown["paid_at"]) == ("requested", None)
    assert (shown["paid_instead"]["minor"], shown["paid_instead"]["currency"]) == (units, currency.upper())
    assert len(desk.said()) == 1, "the link alone"
    assert desk.store.figures.counts(Figure.PAYMENTS)["mismatch",] == 1
    alerts = [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR]
    assert alerts == [f"payment {reference}: another amount was paid than was asked for"]
    desk.passes(hours=1)
    desk.works()
    assert (desk.shown(reference)["state"], desk.shown(reference)["reason"]) == ("expired", "mismatch")
    desk.paying.requests.refund(desk.town.owner(), reference, desk.now)
    desk.works()
    assert desk.shown(reference)["state"] == "refunded"
    assert [each["payment_intent"] for each in desk.fake.refunds] == [session["payment_intent"]]


def test_a_link_ends_with_its_time_and_nobody_can_pay_by_it(desk: Desk) -> None:
    reference, session = desk.linked(expires_in_s=600)
    desk.passes(minutes=9, seconds=59)
    desk.works()
    assert (desk.shown(reference)["state"], session["status"]) == ("requested", "open")
    desk.passes(seconds=1)
    desk.works()
    assert (desk.shown(reference)["state"], session["status"]) == ("expired", "expired")


def test_what_was_paid_at_the_last_moment_counts_though_the_news_is_late(desk: Desk) -> None:
    reference, session = desk.linked(expires_in_s=600)
    desk.fake.pay(session)
    desk.passes(minutes=10)
    desk.works()
    assert desk.shown(reference)["state"] == "paid"
    desk.hears(desk.fake.event(PAID, session), seed=3)
    assert [body.count("received") for body in desk.said()] == [0, 1]


def test_what_is_paid_after_the_end_is_given_back_and_nobody_keeps_quiet(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    reference, session = desk.linked(expires_in_s=600)
    desk.fake.pay_later(session)
    desk.passes(minutes=10)
    desk.works()
    assert (desk.shown(reference)["state"], desk.shown(reference)["reason"]) == ("expired", "processing")
    session["payment_status"] = "paid"
    desk.hears(desk.fake.event("checkout.session.async_payment_succeeded", session), seed=5)
    assert desk.shown(reference)["state"] == "refunded"
    assert len(desk.fake.refunds) == 1
    assert desk.said()[1:] == ["Café near: your payment of 12.50 EUR came too late. You get it back."]
    assert "it was paid when it was over, and is given back" in caplog.text
    desk.hears(desk.fake.event("charge.refunded", session))
    assert desk.shown(reference)["state"] == "refunded"
    with desk.store.reading(T1) as uow:
        entries = [(each.actor.name, each.action) for each in uow.audit.page().items if each.kind == "payment"]
    assert sorted(entries) == [("key", "requested"), ("system", "refunded")]


def test_that_the_provider_says_a_link_has_expired_is_looked_at(desk: Desk) -> None:
    reference, session = desk.linked()
    expired = desk.fake.event("checkout.session.expired", session)
    desk.hears(expired)
    assert desk.shown(reference)["state"] == "requested", "it is open still"
    desk.fake.expire(session)
    desk.hears(desk.fake.event("checkout.session.expired", session))
    assert desk.shown(reference)["state"] == "expired"


@pytest.mark.parametrize("fate", ["hang_up", 500, 429, 409, 401])
def test_a_provider_that_gives_no_answer_is_asked_again_for_the_same_link(desk: Desk, fate: str | int) -> None:
    desk.fake.fate += [fate, fate]
    reference = desk.ask()
    desk.works()
    assert (desk.said(), desk.shown(reference)["state"]) == ([], "requested")
    for _ in range(2):
        desk.passes(seconds=2)
        desk.works()
    assert len(desk.fake.sessions) == len(desk.said()) == 1
    keys = [key for method, path, key in desk.fake.asked if path == "/v1/checkout/sessions"]
    assert keys == [f"{reference}-link"] * 3


def test_workers_beside_each_other_make_one_link_and_hear_of_one_payment(desk: Desk) -> None:
    references = [desk.ask() for _ in range(3)]
    all_at_once(*[lambda: desk.paying.work.work_some(T1, desk.now, lambda: desk.now)] * 4)
    desk.works()
    asked = [key for _, path, key in desk.fake.asked if path == "/v1/checkout/sessions"]
    assert sorted(asked) == sorted(f"{reference}-link" for reference in references)
    session = next(iter(desk.fake.sessions.values()))
    desk.fake.pay(session)
    told = [desk.fake.event(kind, session) for kind in (PAID, PAID, "payment_intent.succeeded")]
    headers = [desk.fake.signed(raw, at=desk.now) for raw in told]
    all_at_once(
        *(partial(desk.paying.events.take, head, raw, desk.now) for head, raw in zip(headers, told, strict=True))
    )
    desk.works()
    assert sum("received" in body for body in desk.said()) == 1


def all_at_once(*works: Callable[[], object]) -> None:
    """Each in a thread of its own; none of them may fail."""
    with ThreadPoolExecutor(len(works)) as pool:
        for done in [pool.submit(each) for each in works]:
            done.result()


def test_a_provider_that_never_answers_leaves_no_payment_open(desk: Desk) -> None:
    desk.fake.fate += [503] * 20
    reference = desk.ask(expires_in_s=300)
    for _ in range(8):
        desk.passes(minutes=1)
        desk.works()
    assert desk.shown(reference)["state"] == "expired"
    assert desk.said() == []


def test_what_the_provider_refuses_is_cancelled_and_told(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.fake.fate.append(400)
    reference = desk.ask()
    desk.works()
    assert (desk.shown(reference)["state"], desk.shown(reference)["reason"]) == ("cancelled", "refused")
    assert f"payment {reference}: the provider refuses it with code fate" in caplog.text


def test_a_link_that_comes_when_the_chat_has_closed_is_not_sent(desk: Desk) -> None:
    desk.passes(hours=23, minutes=59)
    desk.fake.fate.append("hang_up")
    reference = desk.ask()
    desk.works()
    desk.passes(minutes=2)
    desk.works()
    assert desk.said() == []
    assert (desk.shown(reference)["state"], desk.shown(reference)["reason"]) == ("cancelled", "window_closed")
    assert desk.fake.only()["status"] == "expired"


def test_nothing_is_said_of_a_payment_outside_of_a_day_from_when_they_wrote(desk: Desk) -> None:
    reference, session = desk.linked(expires_in_s=82_800)
    desk.passes(hours=22)
    desk.fake.pay(session)
    paid = desk.fake.event(PAID, session)
    desk.passes(hours=3)
    desk.hears(paid)
    assert desk.shown(reference)["state"] == "paid"
    assert len(desk.said()) == 1, "the link alone"


def test_who_is_silent_or_wants_nothing_is_not_asked(desk: Desk) -> None:
    desk.passes(hours=24)
    with pytest.raises(NoOpenChat):
        desk.ask()
    desk.writes()
    assert desk.ask()
    with desk.store.writing(T1) as uow:
        uow.suppressions.add(ADA, "whatsapp", desk.now, reason="stop")
        uow.commit()
    with pytest.raises(NoOpenChat):
        desk.ask()
    with pytest.raises(NotFound):
        desk.ask(customer_id="nobody")
    with pytest.raises(NotFound):
        desk.ask(shop_id="nowhere")


def test_what_is_cancelled_is_closed_and_what_was_paid_meanwhile_given_back(desk: Desk) -> None:
    (first, open_one), (second, paid_one) = desk.linked(), desk.linked()
    desk.fake.pay(paid_one)
    for reference in (first, second):
        assert desk.paying.requests.cancel(desk.town.owner(), reference, desk.now)["state"] == "cancelled"
        with pytest.raises(PaymentOver):
            desk.paying.requests.cancel(desk.town.owner(), reference, desk.now)
    desk.works()
    assert (desk.shown(first)["state"], open_one["status"]) == ("cancelled", "expired")
    assert desk.shown(second)["state"] == "refunded"
    with pytest.raises(NothingPaid):
        desk.paying.requests.refund(desk.town.owner(), second, desk.now)


def test_only_what_is_signed_lately_with_one_of_our_secrets_is_believed(desk: Desk) -> None:
    reference, session = desk.linked()
    desk.fake.pay(session)
    raw = desk.fake.event(PAID, session)
    good = desk.fake.signed(raw, at=desk.now)
    stale, ours_before = (
        desk.fake.signed(raw, at=desk.now - timedelta(seconds=301)),
        desk.fake.signed(raw, secret=OLD_SECRET),
    )
    forged: list[dict[str, str]] = [
        {},
        stale,
        desk.fake.signed(raw, secret=f"{OLD_SECRET}!"),
        {"Stripe-Signature": "t=,v1="},
    ]
    for headers in forged:
        with pytest.raises(BadSignature):
            desk.paying.events.take(headers, raw, desk.now)
    with pytest.raises(BadSignature):
        desk.paying.events.take(good, raw + b" ", desk.now)
    assert desk.shown(reference)["state"] == "requested"
    desk.paying.events.take(ours_before, raw, desk.now)
    assert desk.shown(reference)["state"] == "paid"


def test_what_is_about_others_is_left_alone_and_what_nobody_understands_is_kept(desk: Desk) -> None:
    _, session = desk.linked()
    stranger = {**session, "client_reference_id": "order-7", "metadata": {}}
    unknown = {**session, "client_reference_id": "pay-unknown"}
    broken = {**session, "amount_total": "much", "payment_status": "paid"}
    desk.hears(*(desk.fake.event(PAID, each) for each in (stranger, unknown, broken)), b"[1]", b"\xff")
    counts = desk.store.figures.counts(Figure.PAYMENTS)
    assert (counts["unknown",], counts["unread",]) == (1, 3)
    assert "anna@example.com" not in desk.town.dump()


def test_nobody_stands_in_what_is_kept_of_payments_and_no_link(desk: Desk) -> None:
    reference, session = desk.linked()
    url = session["url"]
    desk.fake.pay(session)
    desk.hears(desk.fake.event(PAID, session))
    kept = desk.town.dump()
    for private in (NUMBER[1:], "anna@example.com", "Anna Smith", url):
        assert private not in kept
    assert reference in kept, "this test can see"


def test_whose_a_payment_was_is_forgotten_and_how_much_it_was_stays(desk: Desk) -> None:
    _, session = desk.linked()
    desk.fake.pay(session)
    desk.hears(desk.fake.event(PAID, session))
    with desk.store.writing(T1) as uow:
        assert uow.payments.forget_people(desk.now, limit=9) == 0, "it must be older"
        desk.passes(seconds=1)
        assert uow.payments.forget_people(desk.now, limit=9) == 1
        assert uow.payments.prune_events(desk.now, limit=9) == 1
        (left,) = uow.payments.page(PaymentFilter(), cursor=None, limit=9)[0]
        uow.commit()
    assert (left.customer_id, left.description, left.amount.text) == (None, "", "12.50 EUR")
