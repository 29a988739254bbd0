"""What providers answer, and what becomes of the message, its sender and its customer."""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from nearcast.domain.message import Message
from nearcast.domain.price import Money
from nearcast.domain.sending import Accepted, Attempt, LearntKey, NotSent, Outbound, ProviderError, Rejected, RetryClass
from nearcast.services.channel_ports import Capability, Limits
from nearcast.services.identities import Identities
from nearcast.services.live import Live
from nearcast.services.outbound import PostRoom
from nearcast.services.sender_states import SenderStates
from nearcast.store.sql_store import SqlStore
from tests.live.corner import ENTER, NOON, arrive, later, names, open_corner
from tests.sealing import CONTACTS, VAULT

IDENTITIES = Identities(VAULT, CONTACTS)
WAMID = "wamid.HBgLNDkxNTEwMDAwMDAwMBUCABEYEjYx"
ACCEPTED = Accepted(provider_id=WAMID, learnt=(LearntKey(kind="wa_id", key="4915100000000"),))


class Provider:
    """Answers with what it was told to, the last for ever, and keeps what came."""

    capabilities = Capability.TEXT

    def __init__(self, *answers: Attempt) -> None:
        self.answers = list(answers)
        self.asked: list[Outbound] = []

    def send(self, outbound: Outbound) -> Attempt:
        self.asked.append(outbound)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def refused(retry: RetryClass, code: str = "131000") -> Rejected:
    return Rejected(error=ProviderError(provider="whatsapp", code=code, retry=retry))


Open = Callable[..., Live]


@pytest.fixture
def opened(store: SqlStore) -> Open:
    def open_one(provider: Provider, customers: int = 1, **limits: Any) -> Live:
        """An engine with a message each for some customers, which may leave at noon."""
        tenant = open_corner(store, ENTER, customers=names(customers))
        arrive(store, tenant, names(customers))
        states = SenderStates({}, {"sms": Limits(body=160, **limits)})
        room = PostRoom(contacts=CONTACTS, senders=states, identities=IDENTITIES)
        live = Live(store, tenant, provider, room=room)
        live.work_pings(NOON)
        return live

    return open_one


def kept(live: Live) -> list[Message]:
    with live.store.reading(live.tenant_id) as uow:
        return uow.outbox.page(newest_first=False).items


def told(live: Live) -> list[tuple[str, str | None]]:
    return [(message.status.value, message.reason) for message in kept(live)]


def test_what_is_taken_keeps_the_name_that_it_got_and_those_of_the_customer(opened: Open) -> None:
    live = opened(Provider(ACCEPTED))
    live.dispatch_due(NOON)
    (message,) = kept(live)
    assert (message.status.value, message.provider_id) == ("accepted", WAMID)
    with live.store.reading(live.tenant_id) as uow:
        assert uow.outbox.named([WAMID]) == {WAMID: message.id}
        assert IDENTITIES.customers(uow, ACCEPTED.learnt) == names(1)


def test_what_is_taken_is_expected_to_cost_something_and_what_is_refused_is_not(opened: Open) -> None:
    in_segments = replace(ACCEPTED, prices=3)
    live = opened(Provider(refused(RetryClass.BUG), in_segments), customers=2)
    with live.store.writing(live.tenant_id) as uow:
        standing = uow.catalogue.settings()
        prices = [{"channel": "sms", "value": "0.05", "currency": "EUR"}]
        doc = dict(standing.doc) if standing else {}
        uow.catalogue.put_settings({**doc, "billing": {"prices": prices}}, NOON)
        uow.commit()
    live.dispatch_due(NOON)
    (taken,) = [message for message in kept(live) if message.status.value == "accepted"]
    with live.store.reading(live.tenant_id) as uow:
        costs = uow.costs.of([message.id for message in kept(live)])
    assert {key: each.amount for key, each in costs.items()} == {taken.id: Money(150_000, "EUR")}


def test_a_provider_is_not_sent_to_faster_than_it_lets_through(opened: Open) -> None:
    provider = Provider(ACCEPTED)
    live = opened(provider, customers=4, per_s=2)
    live.dispatch_due(NOON)
    live.dispatch_due(later(0.4))
    assert len(provider.asked) == 1
    for seconds in (0.5, 1.0, 1.5):
        live.dispatch_due(later(seconds))
    assert len(provider.asked) == 4


def test_what_is_held_has_left(opened: Open) -> None:
    provider = Provider(Accepted(provider_id=WAMID, is_held=True))
    live = opened(provider)
    live.dispatch_due(NOON)
    live.dispatch_due(later(600))
    assert (told(live), len(provider.asked)) == ([("held", None)], 1)


def test_a_token_that_is_refused_stops_the_sender_and_leaves_the_queue_as_it_is(
    opened: Open, caplog: pytest.LogCaptureFixture
) -> None:
    provider = Provider(refused(RetryClass.SENDER_STOP, "190"), ACCEPTED)
    live = opened(provider, customers=5)
    with caplog.at_level(logging.ERROR):
        live.dispatch_due(NOON)
        live.dispatch_due(later(10))
    assert len(provider.asked) == 1
    assert told(live) == [("queued", "sender_stopped")] * 5
    assert len([line for line in caplog.messages if "190" in line]) == 1
    live.dispatch_due(later(301))  # one of them tries whether it is over
    live.dispatch_due(later(302))
    assert told(live) == [("accepted", None)] * 5
    assert kept(live)[0].error_code is None


def test_what_waits_for_a_sender_too_long_has_expired(opened: Open) -> None:
    live = opened(Provider(refused(RetryClass.SENDER_STOP, "190")), customers=2)
    live.dispatch_due(NOON)
    live.expire(later(1200))
    assert told(live) == [("expired", "expired")] * 2


def test_one_pair_waits_ever_longer_and_nobody_else(opened: Open) -> None:
    wait = refused(RetryClass.PAIR_WAIT, "131056")
    provider = Provider(wait, ACCEPTED, wait, wait, ACCEPTED)
    live = opened(provider, customers=2)
    at = NOON
    tried_at: list[float] = []
    while (due := live.next_due(at)) is not None and due < later(60):
        at = due
        before = len(provider.asked)
        live.dispatch_due(at)
        tried_at += [(at - NOON).total_seconds()] * (len(provider.asked) - before)
    assert [sent.to.address for sent in provider.asked[1:2]] != [sent.to.address for sent in provider.asked[:1]]
    assert tried_at == [0, 0, 1, 5, 21]
    assert told(live) == [("accepted", None)] * 2


def test_who_ended_marketing_at_the_provider_is_left_alone(opened: Open) -> None:
    live = opened(Provider(refused(RetryClass.USER_OPTOUT, "131050")))
    live.dispatch_due(NOON)
    assert told(live) == [("failed", "suppressed_address")]
    with live.store.reading(live.tenant_id) as uow:
        (pause,) = uow.pauses.of(names(1))[names(1)[0]]
    assert (pause.channel, pause.origin.value) == ("sms", "platform")


def test_a_refusal_for_good_says_why(opened: Open) -> None:
    live = opened(Provider(refused(RetryClass.BUG, "132000")))
    live.dispatch_due(NOON)
    (message,) = kept(live)
    assert (message.status.value, message.error_code, message.error_class) == ("failed", "132000", "bug")
    assert not message.takes_slot


def test_who_gets_no_more_today_gets_none(opened: Open) -> None:
    provider = Provider(ACCEPTED)
    live = opened(provider, customers=5, unique_recipients_24h=3)
    live.dispatch_due(NOON)
    assert len(provider.asked) == 3
    assert told(live).count(("queued", "allowance_exhausted")) == 2


def test_who_was_not_reached_does_not_count_against_the_allowance(opened: Open) -> None:
    provider = Provider(NotSent(reason="market_blocked", is_final=True))
    live = opened(provider, customers=5, unique_recipients_24h=1)
    live.dispatch_due(NOON)
    live.dispatch_due(NOON)
    assert told(live).count(("failed", "market_blocked")) >= 1
    with live.store.reading(live.tenant_id) as uow:
        assert uow.allowances.counted("sms", "default", later(-1)) == 0
