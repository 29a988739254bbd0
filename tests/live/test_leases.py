"""Dispatchers that are slow, or hang: what they claimed is neither lost nor sent twice."""

from datetime import datetime
from threading import Event

import pytest
from sqlalchemy import text

from nearcast.domain.ids import TenantId
from nearcast.domain.sending import Attempt, Outbound
from nearcast.services.channel_ports import Capability
from nearcast.services.live import Live
from nearcast.store.sql_store import SqlStore
from tests.live.corner import ENTER, NOON, Heard, arrive, later, messages, names, open_corner
from tests.store.values import at_once


class SlowClock:
    """A channel that takes its time, and the clock by which it does."""

    capabilities = Capability.OWN_NAMES

    def __init__(self, send_s: float) -> None:
        self.at, self.send_s, self.heard = NOON, send_s, Heard()

    def send(self, outbound: Outbound) -> Attempt:
        self.at = later(self.send_s, self.at)
        return self.heard.send(outbound)

    def now(self) -> datetime:
        return self.at


def queued(store: SqlStore, count: int, **offer: object) -> TenantId:
    """A tenant with so many messages that may leave at noon."""
    campaign = {**ENTER, "offer": {**ENTER["offer"], **offer}}
    tenant = open_corner(store, campaign, customers=names(count))
    arrive(store, tenant, names(count))
    Live(store, tenant, Heard()).work_pings(NOON)
    return tenant


def test_a_dispatcher_that_hangs_loses_its_claim_and_what_it_says_later(store: SqlStore) -> None:
    class Hanging(Heard):
        begun, may_end = Event(), Event()

        def send(self, outbound: Outbound) -> Attempt:
            self.begun.set()
            assert self.may_end.wait(20)
            return super().send(outbound)

    hanging, tenant = Hanging(), queued(store, 1)
    hung, alive = Live(store, tenant, hanging, owner="hung"), Live(store, tenant, Heard(), owner="alive")

    def rescue() -> None:
        assert hanging.begun.wait(20)
        alive.rescue(later(60))
        assert messages(store, tenant) == {"cust-0000": ["unknown"]}
        hanging.may_end.set()

    at_once([lambda: hung.dispatch_due(NOON), rescue])
    assert messages(store, tenant) == {"cust-0000": ["unknown"]}
    for live in (hung, alive):
        live.rescue(later(1000))
        live.dispatch_due(later(1000))
    assert len(hanging.messages) == 1


def test_what_a_slow_dispatcher_does_not_come_to_within_its_lease_is_sent_by_another(store: SqlStore) -> None:
    slow, tenant = SlowClock(send_s=25), queued(store, 6)
    live, other = (Live(store, tenant, slow, owner=owner, lease_s=60) for owner in ("slow", "other"))
    live.dispatch_some(NOON, slow.now)
    told = [status for (status,) in messages(store, tenant).values()]
    assert sorted(told) == ["accepted"] * 3 + ["claimed"] * 3
    other.rescue(slow.at)
    other.dispatch_some(slow.at, slow.now)
    assert slow.heard.customers == names(6)
    assert {status for (status,) in messages(store, tenant).values()} == {"accepted"}


class Stumbling(SlowClock):
    """Answers at once, but for one message, which takes ten seconds."""

    def send(self, outbound: Outbound) -> Attempt:
        self.send_s = 10 if len(self.heard.messages) == 10 else 0
        return super().send(outbound)


def test_a_channel_that_becomes_slow_gives_back_what_was_marked_and_had_not_left(store: SqlStore) -> None:
    stumbling, tenant = Stumbling(send_s=0), queued(store, 20)
    live = Live(store, tenant, stumbling)
    live.dispatch_some(NOON, stumbling.now)  # one, two, four, and three of eight
    live.dispatch_some(NOON, stumbling.now)
    told = [status for (status,) in messages(store, tenant).values()]
    assert len(stumbling.heard.messages) == told.count("accepted")
    assert told.count("queued") == 20 - told.count("accepted") > 0
    while live.dispatch_some(stumbling.at, stumbling.now):
        pass
    assert stumbling.heard.customers == names(20)
    assert {status for (status,) in messages(store, tenant).values()} == {"accepted"}


def test_what_has_left_is_written_down_though_the_next_cannot_be_marked(store: SqlStore) -> None:
    tenant = queued(store, 3)

    class Closing(Heard):
        def send(self, outbound: Outbound) -> Attempt:
            with store.engine.begin() as connection:  # the next are marked after this
                connection.execute(text("UPDATE customer SET doc = '[' WHERE id <> :id"), {"id": outbound.to.user_id})
            return super().send(outbound)

    closing = Closing()
    with pytest.raises(ValueError, match="Expecting"):
        Live(store, tenant, closing).dispatch_some(NOON)
    assert sorted(status for (status,) in messages(store, tenant).values()) == ["accepted", "claimed", "claimed"]
    assert len(closing.messages) == 1


def test_each_message_is_decided_when_its_turn_comes(store: SqlStore) -> None:
    """The offers hold for half a minute: the third comes too late, though it was claimed in time."""
    slow, tenant = SlowClock(send_s=15), queued(store, 3, expires_after_s=30)
    Live(store, tenant, slow).dispatch_some(NOON, slow.now)
    assert [status for (status,) in messages(store, tenant).values()].count("expired") == 1
    with store.reading(tenant) as uow:
        sent_at = sorted(message.sent_at for message in uow.outbox.page().items if message.sent_at is not None)
    assert sent_at == [later(15), later(30)]
