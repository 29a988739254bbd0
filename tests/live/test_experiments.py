"""Experiments on a store: whoever was first in an arm is found there again, whatever is edited afterwards."""

from datetime import datetime
from typing import Any

from nearcast.domain.campaign import CampaignState
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.services.live import Live
from nearcast.store.sql_store import SqlStore
from tests.live.corner import ENTER, NOON, OUTSIDE_DEG, Heard, later, open_corner, seen

ANN, BEN = CustomerId("cust-0001"), CustomerId("cust-0042")  # buckets 796 and 5848 of the variants
HALVES = {"variants": [{"name": "a", "offer": {"text": "Cake"}}, {"name": "b"}]}


def settings(percent: float) -> dict[str, Any]:
    return {
        "tenant": {"timezone": "Europe/Berlin"},
        "presence": {"profile": "raw"},
        "policy": {"holdout": {"percent": percent, "salt": "all"}},
    }


def visit(store: SqlStore, live: Live, at: datetime, *customers: CustomerId) -> None:
    """They come and go."""
    for seconds, where in ((0, {}), (60, {"lat_deg": OUTSIDE_DEG})):
        with store.writing(live.tenant_id) as uow:
            uow.pings.append(seen(customers, later(seconds, at), **where))
            uow.commit()
        live.work_pings(later(seconds, at))
        live.dispatch_due(later(seconds, at))


def told(store: SqlStore, tenant: TenantId, customer: CustomerId) -> list[tuple[str, str | None]]:
    with store.reading(tenant) as uow:
        rows = uow.match_log.page(limit=100, newest_first=False).items
    return [(row["outcome"], row["reason"]) for row in rows if row["customer_id"] == customer]


def test_the_held_out_stay_held_out_when_fewer_are_and_others_are_not(store: SqlStore) -> None:
    tenant = open_corner(store, ENTER, customers=[ANN, BEN], settings=settings(100))
    live = Live(store, tenant, Heard())
    visit(store, live, NOON, ANN)
    with store.writing(tenant) as uow:
        uow.catalogue.put_settings(settings(0), later(600))
        uow.commit()
    visit(store, Live(store, tenant, Heard()), later(900), ANN, BEN)
    assert told(store, tenant, ANN) == [("holdout", "holdout_global")] * 2
    assert told(store, tenant, BEN) == [("send", None)]
    with store.reading(tenant) as uow:
        kept = uow.assignments.of([ANN, BEN])
    assert {who: [(each.arm, each.percent, each.at) for each in arms] for who, arms in kept.items()} == {
        ANN: [("held_out", 100.0, NOON)],
        BEN: [("treated", 100.0, later(900))],
    }


def test_a_variant_stays_when_the_shares_change(store: SqlStore) -> None:
    tenant, heard = open_corner(store, {**ENTER, **HALVES}, customers=[ANN, BEN]), Heard()
    live = Live(store, tenant, heard)
    visit(store, live, NOON, ANN, BEN)
    with store.writing(tenant) as uow:
        shares = {"variants": [{"name": "a", "weight": 0}, {"name": "b", "offer": {"text": "Tea"}}]}
        uow.catalogue.campaigns.put_campaign("camp-7", {**ENTER, **shares}, later(600), state=CampaignState.ACTIVE)
        uow.commit()
    visit(store, live, later(900), ANN, BEN)
    said = {who: [m.content.body for m in heard.messages if m.to.user_id == who] for who in (ANN, BEN)}
    assert said == {ANN: ["Cake", "Coffee −20 %"], BEN: ["Coffee −20 %", "Tea"]}
    with store.reading(tenant) as uow:
        (row, *_) = uow.match_log.page(limit=10, newest_first=False).items
        kept = {who: [message.variant for message in sent] for who, sent in uow.outbox.of([ANN, BEN]).items()}
    assert row["detail"]["variant"]["name"] in "ab"
    assert kept == {ANN: ["a", "a"], BEN: ["b", "b"]}
