"""What becomes of an attempt that a channel cannot take, or that nobody knows the end of."""

from datetime import datetime
from typing import Any

import pytest

from nearcast.domain.ids import TenantId
from nearcast.domain.message import Message
from nearcast.domain.sending import Attempt, Outbound
from nearcast.services.channel_ports import Capability
from nearcast.services.live import Live
from nearcast.store.sql_store import SqlStore
from tests.live.answers import ACCEPTED, NOT_NOW, UNKNOWN
from tests.live.corner import ENTER, NOON, Heard, arrive, later, messages, names, open_corner
from tests.live.test_races import withdrawal


class Killed(BaseException):
    """The process ends here."""


class Provider:
    """Takes messages under their ids, and shows each once; `replies` are what its channel answers, the last for ever.

    With `ttl_s` it recognises a message for so long.
    """

    capabilities = Capability.OWN_NAMES

    def __init__(self, *replies: Attempt | BaseException, ttl_s: float = 0.0) -> None:
        self.replies, self.ttl_s = list(replies), ttl_s
        self.attempts: list[str] = []
        self.shown: list[str] = []

    def repeatable_s(self, message: Message) -> float:
        return self.ttl_s

    def send(self, outbound: Outbound) -> Attempt:
        self.attempts.append(outbound.id)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if reply != NOT_NOW and not (self.ttl_s and outbound.id in self.shown):
            self.shown.append(outbound.id)
        if isinstance(reply, BaseException):
            raise reply
        return reply


def queued(store: SqlStore, channel: Any, owner: str = "first", **settings: Any) -> Live:
    """An engine with one message that may leave at noon; its offer holds for 20 minutes."""
    tenant = open_corner(store, ENTER, customers=names(1), settings=settings)
    arrive(store, tenant, names(1))
    live = Live(store, tenant, channel, owner=owner, lease_s=60)
    live.work_pings(NOON)
    return live


def status(store: SqlStore, tenant: TenantId) -> str:
    (found,) = messages(store, tenant)["cust-0000"]
    return found


def rescued(live: Live, channel: Any, at: datetime) -> Live:
    """Another dispatcher, when the lease of the first has ended."""
    other = Live(live.store, live.tenant_id, channel, owner="second", lease_s=60)
    other.rescue(at)
    other.dispatch_due(at)
    return other


def test_d30_a_killed_after_the_claim_it_is_queued_again_after_the_lease_and_sent_once(store: SqlStore) -> None:
    heard = Heard()
    live = queued(store, heard)
    with store.writing(live.tenant_id) as uow:
        (claim,) = uow.outbox.claim_due(NOON, owner="killed", lease_s=60, limit=1)
        uow.commit()
    rescued(live, heard, later(59))
    assert (status(store, live.tenant_id), heard.messages) == ("claimed", [])
    rescued(live, heard, later(60))
    assert (status(store, live.tenant_id), len(heard.messages)) == ("accepted", 1)
    with store.writing(live.tenant_id) as uow:  # the zombie wakes up
        assert not uow.outbox.proceed([claim])


@pytest.mark.parametrize(
    ("ttl_s", "expected", "attempts"),
    [pytest.param(86_400, "accepted", 2, id="b"), pytest.param(0, "unknown", 1, id="c")],
)
def test_d30_killed_after_the_provider_accepted(store: SqlStore, ttl_s: float, expected: str, attempts: int) -> None:
    """(b) an idempotent adapter is asked again with the same key; (c) of another one nobody knows, and it rests."""
    provider = Provider(Killed(), ACCEPTED, ttl_s=ttl_s)
    live = queued(store, provider)
    with pytest.raises(Killed):
        live.dispatch_due(NOON)
    assert status(store, live.tenant_id) == "sending"
    other = rescued(live, provider, later(60))
    other.dispatch_due(later(600))
    assert status(store, live.tenant_id) == expected
    assert len(provider.attempts) == attempts
    assert len(provider.shown) == 1


def test_a_provider_that_would_not_recognise_it_any_more_is_not_asked(store: SqlStore) -> None:
    provider = Provider(Killed(), ACCEPTED, ttl_s=30)
    live = queued(store, provider)
    with pytest.raises(Killed):
        live.dispatch_due(NOON)
    rescued(live, provider, later(60))
    assert (status(store, live.tenant_id), len(provider.attempts)) == ("unknown", 1)


@pytest.mark.parametrize(("ttl_s", "expected", "attempts"), [(300, "accepted", 2), (0, "unknown", 1)])
def test_an_outcome_that_nobody_knows_is_asked_for_again_where_that_is_safe(
    store: SqlStore, ttl_s: float, expected: str, attempts: int
) -> None:
    provider = Provider(UNKNOWN, ACCEPTED, ttl_s=ttl_s)
    live = queued(store, provider)
    live.dispatch_due(NOON)
    live.dispatch_due(later(10))
    assert (status(store, live.tenant_id), len(provider.attempts)) == (expected, attempts)


def test_what_may_have_arrived_is_not_cancelled_as_if_it_had_not(store: SqlStore) -> None:
    provider = Provider(UNKNOWN, ACCEPTED, ttl_s=300)
    live = queued(store, provider)
    live.dispatch_due(NOON)
    live.take_consent(withdrawal(names(1)[0], later(1)), later(1))
    live.dispatch_due(later(10))
    assert (status(store, live.tenant_id), len(provider.attempts)) == ("unknown", 1)


def test_a_busy_provider_is_tried_again_ever_later_while_the_offer_holds(store: SqlStore) -> None:
    """The dice say the longest pause each time: 2, 4, 8 … seconds."""
    provider = Provider(NOT_NOW)
    live = queued(store, provider)
    tried_at: list[datetime] = []
    while (at := live.next_due(NOON)) is not None:
        before = len(provider.attempts)
        live.dispatch_due(at)
        tried_at += [at] * (len(provider.attempts) - before)
    assert tried_at == [later(seconds) for seconds in (0, 2, 6, 14, 30, 62, 126, 254, 510, 810, 1110)]
    with store.reading(live.tenant_id) as uow:
        (message,) = uow.outbox.page().items
    assert (message.status.value, message.reason, message.takes_slot) == ("failed", "retry_exhausted", False)


def test_a_busy_provider_that_recovers_gets_it_once(store: SqlStore) -> None:
    provider = Provider(NOT_NOW, NOT_NOW, ACCEPTED)
    live = queued(store, provider)
    for at_s in (0, 1, 2, 5, 6, 60):
        live.dispatch_due(later(at_s))
    assert (status(store, live.tenant_id), len(provider.attempts), len(provider.shown)) == ("accepted", 3, 1)


def test_throttled_messages_wait_and_none_is_lost(store: SqlStore) -> None:
    heard, customers = Heard(), names(12)
    limits = [{"channel": "sms", "per_s": 4, "burst": 1}, {"channel": "email", "per_min": 1}]
    tenant = open_corner(store, ENTER, customers=customers, settings={"throttles": limits})
    arrive(store, tenant, customers)
    live = Live(store, tenant, heard)
    live.work_pings(NOON)
    at, sent = NOON, []
    while len(heard.messages) < 12:
        before = len(heard.messages)
        live.dispatch_due(at)
        sent += [at] * (len(heard.messages) - before)
        at = live.resumes_at or at
    assert sent == [later(n / 4) for n in range(12)]
    assert heard.customers == customers
