"""Rows of the behaviour tables whose point is who is first: campaigns D02, D10 and D25, extras X01, X02 and X03.

Each is done by as many engines at once as the row names, on the store that decides between them.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial

import numpy as np
import pytest

from nearcast.domain.campaign import CampaignState
from nearcast.domain.case import Send
from nearcast.domain.consent import ConsentAction, ConsentEvent
from nearcast.domain.ids import CampaignId, CustomerId, TenantId
from nearcast.domain.message import Message
from nearcast.geo.validate import geofence_from_feature
from nearcast.services.intake import Intake
from nearcast.services.ledger_ports import LedgerLine
from nearcast.services.live import Live
from nearcast.store.sql_store import SqlStore
from tests.live.corner import (
    ENTER,
    LON_DEG,
    LONG_AGO,
    NOON,
    OUTSIDE_DEG,
    Heard,
    arrive,
    later,
    messages,
    names,
    open_corner,
    runs,
    scheduled,
    seen,
    verdicts,
)
from tests.live.test_races import withdrawal
from tests.store.values import at_once

CAMPAIGN = CampaignId("camp-7")
ONE_LEFT = {"id": "G2", "scope": "customer", "kind": "rolling", "window_s": 604_800, "limit": 3}
DAY_S = 86_400.0
WEST_DEG = 13.2


def message(store: SqlStore, tenant: TenantId) -> Message:
    """The only one."""
    with store.reading(tenant) as uow:
        (only,) = uow.outbox.page().items
    return only


def used(store: SqlStore, tenant: TenantId) -> int:
    with store.reading(tenant) as uow:
        return uow.budgets.used().get(CAMPAIGN, 0)


def agree_again(live: Live, customer: CustomerId, at: datetime) -> None:
    for action in (ConsentAction.GRANTED, ConsentAction.CONFIRMED):
        event = ConsentEvent(
            event_id=f"{customer} {action.value} again",
            customer_id=customer,
            purpose="marketing.nearby",
            action=action,
            at=at,
            channel="sms",
            sender=live.tenant_id,
            valid_until=None,
        )
        assert live.take_consent(LedgerLine(event=event, recorded_at=at), at)


def test_d02_the_same_ping_four_times_more_and_all_at_once(store: SqlStore) -> None:
    tenant, heard = open_corner(store, ENTER, customers=names(1)), Heard()
    lives = [Live(store, tenant, heard, owner=str(n)) for n in range(2)]
    arrive(store, tenant, names(1), NOON, ping_id=["p-1"])
    lives[0].work_pings(NOON)
    (first,) = verdict_ids(store, tenant)

    def again() -> None:
        arrive(store, tenant, names(1), later(5), recorded_at_us=seen(names(1), NOON).recorded_at_us, ping_id=["p-1"])

    working: list[Callable[[], object]] = [partial(live.work_pings, later(5)) for live in lives]
    at_once([*[again] * 4, *working])
    lives[0].work_pings(later(5))
    assert verdict_ids(store, tenant) == [first]
    assert messages(store, tenant) == {"cust-0000": ["queued"]}
    with store.reading(tenant) as uow:
        assert uow.counters.get("refused") == {"duplicate_ping": 4}
        assert not uow.pings.waiting()


def verdict_ids(store: SqlStore, tenant: TenantId) -> list[str]:
    with store.reading(tenant) as uow:
        return [row["decision_id"] for row in uow.match_log.page().items]


@pytest.mark.parametrize("is_claimed", [False, True], ids=["queued", "claimed"])
def test_d10_stop_five_seconds_after_the_queueing_and_the_dispatcher_two_after_that(
    store: SqlStore, is_claimed: bool
) -> None:
    """The STOP commits while nobody has the row in hand, or between its claim and its turn."""
    cap = {"id": "one", "scope": "customer", "kind": "rolling", "window_s": DAY_S, "limit": 1}
    limited = {**ENTER, "budget": {"messages": 1}}
    tenant, heard = open_corner(store, limited, customers=names(1), settings={"policy": {"caps": [cap]}}), Heard()
    dispatcher, other = (Live(store, tenant, heard, owner=owner) for owner in ("dispatcher", "other"))
    arrive(store, tenant, names(1), NOON)
    other.work_pings(NOON)
    assert (messages(store, tenant), used(store, tenant)) == ({"cust-0000": ["queued"]}, 1)

    def stop() -> None:
        assert messages(store, tenant) == {"cust-0000": ["claimed" if is_claimed else "queued"]}
        assert other.take_consent(withdrawal(names(1)[0], later(5)), later(5))

    def turn() -> datetime:
        if is_claimed and message(store, tenant).status == "claimed":
            stop()
        return later(7)

    if not is_claimed:
        stop()
    dispatcher.dispatch_some(later(7 if not is_claimed else 4), turn)
    assert heard.messages == []
    assert (message(store, tenant).status, message(store, tenant).reason) == ("cancelled", "cancelled_consent")
    assert used(store, tenant) == 0
    agree_again(other, names(1)[0], later(60))
    for n, lat_deg in enumerate([{"lat_deg": OUTSIDE_DEG}, {}]):
        arrive(store, tenant, names(1), later(120 + n), **lat_deg)
    other.work_pings(later(121))
    assert verdicts(store, tenant) == [("cust-0000", None), ("cust-0000", None)], "cap and budget are free again"


def two_fences(store: SqlStore, customers: list[CustomerId]) -> TenantId:
    """Two shops a walk of hours apart, a campaign each; of three messages a week each customer has had two."""
    there = {"id": "f2", "radius_m": 100, "shop_id": "s2"}
    feature = {"type": "Feature", "properties": there, "geometry": {"type": "Point", "coordinates": [WEST_DEG, 52.52]}}
    tenant = open_corner(store, ENTER, customers=customers, settings={"policy": {"caps": [ONE_LEFT]}})
    with store.writing(tenant) as uow:
        uow.catalogue.shops.put("s2", {"id": "s2", "lat": 52.52, "lon": WEST_DEG}, LONG_AGO)
        uow.catalogue.geofences.put_geofence(geofence_from_feature(feature, place=""), feature, LONG_AGO)
        there_too = {**ENTER, "id": "camp-8", "shop_id": "s2"}
        uow.catalogue.campaigns.put_campaign("camp-8", there_too, LONG_AGO, state=CampaignState.ACTIVE)
        before = [Send(campaign_id=CampaignId("other"), at=later(-days * DAY_S)) for days in (2, 3)]
        uow.sends.append((customer, send) for customer in customers for send in before)
        uow.commit()
    return tenant


@pytest.mark.parametrize(
    ("rounds", "workers"), [(20, 2), pytest.param(1_000, 8, marks=pytest.mark.soak)], ids=["short", "long"]
)
def test_d25_one_slot_two_devices_two_workers_at_once(store: SqlStore, rounds: int, workers: int) -> None:
    customers, heard = names(rounds), Heard()
    tenant = two_fences(store, customers)
    lives = [Live(store, tenant, heard, owner=str(n)) for n in range(workers)]

    def post(half: int) -> None:
        for customer in customers[half::2]:
            for device, lon_deg in (("phone", LON_DEG), ("watch", WEST_DEG)):
                ping = seen([customer], NOON, lon_deg=np.array([lon_deg]))
                of_device = replace(ping, device_id=np.array([device], dtype=object))
                Intake(store, lambda: None).accept(tenant, of_device, NOON)
        posted.append(half)

    def work(live: Live) -> None:
        while len(posted) < 2 or live.work_some_pings(NOON):
            live.work_some_pings(NOON)
            live.dispatch_some(NOON)

    posted: list[int] = []
    at_once([partial(post, 0), partial(post, 1), *(partial(work, live) for live in lives)])
    lives[0].work_pings(NOON)
    lives[0].dispatch_due(NOON)
    assert Counter(verdicts(store, tenant)) == {(key, why): 1 for key in customers for why in (None, "cap_rolling")}
    assert heard.customers == sorted(customers)


def test_x01_the_last_of_a_budget_two_customers_at_once_and_the_winner_cancelled(store: SqlStore) -> None:
    customers, heard = names(3), Heard()
    tenant = open_corner(store, {**ENTER, "budget": {"messages": 1}}, customers=customers)
    lives = [Live(store, tenant, heard, owner=str(n), pings_at_once=1) for n in range(2)]
    at_once([partial(arrive, store, tenant, [key], NOON) for key in customers[:2]])
    at_once([partial(live.work_some_pings, NOON) for live in lives])
    lives[0].work_pings(NOON)
    decided = {reason: customer for customer, reason in verdicts(store, tenant)}
    assert sorted(decided.values()) == customers[:2]
    assert (set(decided), used(store, tenant)) == ({None, "budget_exhausted"}, 1)
    winner = CustomerId(decided[None])

    def turn() -> datetime:
        if messages(store, tenant) == {winner: ["claimed"]}:
            assert lives[1].take_consent(withdrawal(winner, later(5)), later(5))
        return later(7)

    lives[0].dispatch_some(later(4), turn)
    assert (messages(store, tenant), used(store, tenant)) == ({winner: ["cancelled"]}, 0)
    arrive(store, tenant, customers[2:], later(60))
    lives[1].work_pings(later(60))
    lives[1].dispatch_due(later(60))
    assert heard.customers == customers[2:]
    assert used(store, tenant) == 1


@pytest.mark.parametrize(
    ("dispatched_s", "status", "reason"), [(7, "cancelled", "cancelled_campaign"), (1_300, "expired", "expired")]
)
def test_x02_paused_between_queue_and_dispatch_and_never_resurrected(
    store: SqlStore, dispatched_s: float, status: str, reason: str
) -> None:
    """The dispatcher comes while the campaign is paused, or when the offer is over and it is active again."""
    tenant, heard = open_corner(store, ENTER, customers=names(1)), Heard()
    live = Live(store, tenant, heard)
    arrive(store, tenant, names(1), NOON)
    live.work_pings(NOON)
    live.change_campaign(CAMPAIGN, "pause", later(5))
    if dispatched_s > 600:
        live.change_campaign(CAMPAIGN, "activate", later(600))
    live.dispatch_due(later(dispatched_s))
    assert (message(store, tenant).status, message(store, tenant).reason) == (status, reason)
    if dispatched_s < 600:
        live.change_campaign(CAMPAIGN, "activate", later(600))
    for seconds in (601, 2_000):
        live.work_due(later(seconds))
    assert (messages(store, tenant), heard.messages) == ({"cust-0000": [status]}, [])


@pytest.mark.parametrize(
    ("back_s", "expected", "sent"), [(4 * 3_600, ("missed", 0), 0), (20 * 60, ("done", 1), 1)], ids=["12:00", "08:20"]
)
def test_x03_all_down_when_a_run_was_due_and_three_schedulers_start(
    store: SqlStore, back_s: float, expected: tuple[str, int], sent: int
) -> None:
    """Due at 08:00 in Berlin, made up for within half an hour."""
    due = later(-4 * 3_600)
    daily = scheduled("0 8 * * *", timezone="Europe/Berlin", catch_up_s=1_800)
    tenant, heard = open_corner(store, daily, customers=names(1), at=later(-3_600, due)), Heard()
    arrive(store, tenant, names(1), later(-300, due))
    Live(store, tenant, heard).work_pings(later(-300, due))
    now = later(back_s, due)
    starting = [Live(store, tenant, heard, owner=str(n)) for n in range(3)]
    at_once([partial(live.work_due, now) for live in starting])
    starting[0].work_due(now)
    assert [(run.due_at, (run.status.value, run.entries)) for run in runs(store, tenant)] == [(due, expected)]
    assert len(heard.messages) == sent
