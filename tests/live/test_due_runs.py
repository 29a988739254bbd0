"""Runs that were found out late, and runs of campaigns that were not active."""

from datetime import timedelta
from time import perf_counter
from typing import Any

import pytest

from nearcast.domain.campaign import CampaignState
from nearcast.domain.ids import CampaignId, TenantId
from nearcast.services.live import Live
from nearcast.services.runs import MISSED_AT_MOST
from nearcast.store.sql_store import SqlStore
from tests.live.corner import (
    NOON,
    Heard,
    arrive,
    later,
    names,
    open_corner,
    runs,
    scheduled,
    verdicts,
)

CAMPAIGN = CampaignId("camp-8")


def engine(store: SqlStore, heard: Heard, made_s: float, state: str = "active", **schedule: Any) -> Live:
    """A minutely campaign made so many seconds from noon; its one customer was seen an hour before noon."""
    tenant = open_corner(store, scheduled(**schedule), customers=names(1), at=later(made_s), state=CampaignState(state))
    arrive(store, tenant, names(1), later(-3600))
    live = Live(store, tenant, heard)
    live.work_pings(later(-3600))
    return live


def told(store: SqlStore, tenant: TenantId) -> list[str]:
    """Each run as minutes from noon and its status."""
    return [f"{(run.due_at - NOON).total_seconds() / 60:g} {run.status.value}" for run in runs(store, tenant)]


def test_what_is_within_catch_up_s_runs_once_and_the_rest_was_missed(store: SqlStore) -> None:
    live = engine(store, Heard(), made_s=-299, catch_up_s=120)
    for _ in range(2):
        live.work_due(NOON)
        assert told(store, live.tenant_id) == ["-4 missed", "-3 missed", "-2 done", "-1 done", "0 done"]
    assert len(verdicts(store, live.tenant_id)) == 3


@pytest.mark.parametrize(("late_s", "status"), [(0.4, "done"), (60, "done"), (60.4, "missed")])
def test_a_worker_that_is_a_little_late_has_missed_nothing(store: SqlStore, late_s: float, status: str) -> None:
    live = engine(store, Heard(), made_s=0, cron="0 10 * * *")
    live.work_due(later(late_s))
    assert told(store, live.tenant_id) == [f"0 {status}"]


def test_after_a_year_the_newest_missed_runs_are_recorded_and_no_more(store: SqlStore) -> None:
    live = engine(store, Heard(), made_s=-365 * 86_400, catch_up_s=600)
    began = perf_counter()
    live.work_due(NOON)
    assert perf_counter() - began < 20
    found = [run.status.value for run in runs(store, live.tenant_id)]
    assert found == ["missed"] * MISSED_AT_MOST + ["done"] * 11
    assert runs(store, live.tenant_id)[0].due_at == later(-600 - 60 * MISSED_AT_MOST)


def test_after_a_year_all_missed_days_are_recorded(store: SqlStore) -> None:
    live = engine(store, Heard(), made_s=-365 * 86_400, cron="0 6 * * *")
    live.work_due(NOON)
    found = runs(store, live.tenant_id)
    assert [run.due_at for run in found] == [NOON - timedelta(hours=4, days=364 - day) for day in range(365)]


def test_many_runs_to_make_up_for_are_done_in_portions(store: SqlStore) -> None:
    live = engine(store, Heard(), made_s=-59 * 60, catch_up_s=86_400)
    assert live.run_due(NOON)
    assert len(runs(store, live.tenant_id)) == 50
    assert not live.run_due(NOON)
    assert told(store, live.tenant_id) == [f"{minute} done" for minute in range(-59, 1)]


def test_a_campaign_that_was_paused_makes_up_for_nothing(store: SqlStore) -> None:
    live = engine(store, Heard(), made_s=-600, catch_up_s=3600)
    live.work_due(later(-590))
    live.change_campaign(CAMPAIGN, "pause", later(-330))
    live.change_campaign(CAMPAIGN, "activate", later(-90))
    live.work_due(NOON)
    assert told(store, live.tenant_id) == ["-10 done", "-1 done", "0 done"]


def test_a_paused_campaign_sends_nothing_and_says_why(store: SqlStore) -> None:
    heard = Heard()
    live = engine(store, heard, made_s=-600)
    live.change_campaign(CAMPAIGN, "pause", later(-30))
    live.work_due(NOON)
    assert heard.messages == []
    assert verdicts(store, live.tenant_id) == [("cust-0000", "campaign_inactive")]


def test_a_draft_has_no_runs_and_makes_up_for_none_when_it_is_activated(store: SqlStore) -> None:
    live = engine(store, Heard(), made_s=-600, state="draft", catch_up_s=3600)
    assert live.next_due(later(-600)) is None
    live.work_due(later(-300))
    assert told(store, live.tenant_id) == []
    live.change_campaign(CAMPAIGN, "activate", later(-90))
    live.work_due(NOON)
    assert told(store, live.tenant_id) == ["-1 done", "0 done"]


def test_a_new_schedule_does_not_reach_into_the_past(store: SqlStore) -> None:
    live = engine(store, Heard(), made_s=-600, cron="0 5 * * *", catch_up_s=3600)
    with store.writing(live.tenant_id) as uow:
        changed = scheduled(catch_up_s=3600)
        uow.catalogue.campaigns.put_campaign(CAMPAIGN, changed, later(-90), state=CampaignState.ACTIVE)
        renamed = {**changed, "priority": 7}
        uow.catalogue.campaigns.put_campaign(CAMPAIGN, renamed, later(-30), state=CampaignState.ACTIVE)
        uow.commit()
    live.work_due(NOON)
    assert told(store, live.tenant_id) == ["-1 done", "0 done"]
