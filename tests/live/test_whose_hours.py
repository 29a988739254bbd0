"""Quiet hours of the platform and of customers on a store: nobody loosens them, and they hold when a message leaves."""

from typing import Any

import pytest

from nearcast.domain.ids import CampaignId, CustomerId, TenantId
from nearcast.services.explain_live import Explanations
from nearcast.services.live import Live
from nearcast.services.ports import MatchLogFilter
from nearcast.services.steps import Steps
from nearcast.store.sql_store import SqlStore
from tests.live.corner import ENTER, NOON, Heard, arrive, later, messages, names, open_corner

(CUSTOMER,) = names(1)
NIGHT = {"policy": {"quiet_hours": [{"from": "21:00", "until": "08:00"}]}, "presence": {"profile": "raw"}}
MIDDAY = {"quiet_hours": [{"from": "11:00", "until": "13:00"}]}  # it is noon in Berlin


def arrived(store: SqlStore, campaign: dict[str, Any] = ENTER) -> TenantId:
    tenant = open_corner(store, campaign, customers=names(1), settings=NIGHT)
    arrive(store, tenant, names(1))
    return tenant


def row(store: SqlStore, tenant: TenantId) -> dict[str, Any]:
    with store.reading(tenant) as uow:
        (found,) = uow.match_log.page(MatchLogFilter()).items
    return dict(found)


def asks(store: SqlStore, tenant: TenantId, **asked: Any) -> None:
    with store.writing(tenant) as uow:
        doc = uow.customers.get(CustomerId(CUSTOMER)) or {}
        uow.customers.upsert({CustomerId(CUSTOMER): {**doc, **asked}}, NOON)
        uow.commit()


def test_the_platforms_hours_hold_for_every_tenant(store: SqlStore) -> None:
    tenant = arrived(store)
    live = Live(store, tenant, Heard(), platform=MIDDAY)
    live.work_pings(NOON)
    written = row(store, tenant)
    assert written["reason"] == "quiet_hours"
    assert [one["source"] for one in written["detail"]["quiet_hours"]["by"]] == ["platform"]

    told = Explanations(store, MIDDAY).at(tenant, CustomerId(CUSTOMER), CampaignId(ENTER["id"]), later(60))
    assert "quiet_hours" in told[0]["reasons"]
    assert told[0]["earliest_send"] == "2026-06-02T11:00:00Z"


def test_after_a_step_that_failed_the_platforms_hours_hold_on(store: SqlStore) -> None:
    steps = Steps(store, arrived(store), MIDDAY)
    with pytest.raises(ZeroDivisionError), steps.reading():
        raise ZeroDivisionError
    with steps.reading() as uow:
        policy = steps.catalogue.world(uow.catalogue).tenant.policy
    assert [rule.source for rule in policy.quiet_hours.everywhere] == ["platform", "tenant"]


def test_what_a_customer_asks_for_holds(store: SqlStore) -> None:
    tenant = arrived(store)
    asks(store, tenant, quiet_hours=[{"from": "11:00", "until": "13:00"}])
    Live(store, tenant, Heard()).work_pings(NOON)
    assert [one["source"] for one in row(store, tenant)["detail"]["quiet_hours"]["by"]] == ["customer"]


def test_a_message_does_not_leave_after_its_customer_has_paused(store: SqlStore) -> None:
    tenant = arrived(store)
    heard = Heard()
    live = Live(store, tenant, heard)
    live.work_pings(NOON)
    assert messages(store, tenant) == {CUSTOMER: ["queued"]}
    asks(store, tenant, paused_until="2026-06-08")
    live.dispatch_due(later(1))
    assert messages(store, tenant) == {CUSTOMER: ["cancelled"]}
    assert heard.messages == []
