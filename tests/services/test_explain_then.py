"""`explain` on a store of what stood then, and what it owns up to not knowing."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from nearcast.channels.recorder import Recorder
from nearcast.domain.campaign import CampaignState
from nearcast.domain.case import Send
from nearcast.domain.consent import NEARBY, ConsentAction, ConsentEvent
from nearcast.domain.errors import NotFound
from nearcast.domain.ids import CampaignId, CustomerId, DecisionId, TenantId
from nearcast.services.explain_live import Explanations
from nearcast.services.ledger_ports import LedgerLine
from nearcast.services.live import Live
from tests.api.service import Service
from tests.scenarios.harness import (
    NOON,
    arrive,
    bare,
    berlin,
    instant,
    later,
    only,
    the_end,
)
from tests.sealing import put_customers
from tests.services.explained import CAMPAIGN, ME, NIGHT, TENANT, of_the_store, played, rule

pytestmark = pytest.mark.e2e

# --- what stood then, where the store knows better than a folder


def test_what_was_edited_later_is_told_as_it_was(tmp_path: Path, service: Service) -> None:
    """Settings, shop and campaign are all changed an hour after noon."""
    played(tmp_path, service, bare(*arrive(), the_end(later(NOON, 60))))
    then = of_the_store(service, later(NOON, 60))
    with service.store.writing(TENANT) as uow:
        at = instant(later(NOON, 3600))
        settings, shop = uow.catalogue.settings(), uow.catalogue.shops.get("s1")
        campaign = uow.catalogue.campaigns.get("camp-7")
        assert settings is not None
        assert shop is not None
        assert campaign is not None
        uow.catalogue.put_settings(
            {**settings.doc, "policy": {"quiet_hours": [{"from": "00:00", "until": "24:00"}]}}, at
        )
        uow.catalogue.shops.put("s1", {**shop.doc, "opening_hours": "off"}, at)
        changed = {**campaign.doc, "audience": {"tags_any": ["vip"]}}
        uow.catalogue.campaigns.put_campaign("camp-7", changed, at, state=CampaignState.PAUSED)
        uow.commit()
    assert of_the_store(service, later(NOON, 60)) == then
    now = only(of_the_store(service, later(NOON, 3600)))
    assert now["reasons"] == ["campaign_inactive", "shop_closed", "not_in_audience", "quiet_hours"]
    assert now["caveats"] == []


def test_a_line_that_was_taken_down_later_was_not_known_then(tmp_path: Path, service: Service) -> None:
    """Withdrawn by letter at noon, read an hour later: until then nobody could know."""
    played(tmp_path, service, bare(*arrive(), the_end(later(NOON, 60))))
    event = ConsentEvent(
        event_id="letter",
        customer_id=ME,
        purpose=NEARBY,
        channel="sms",
        action=ConsentAction.WITHDRAWN,
        at=instant(NOON),
    )
    with service.store.writing(TENANT) as uow:
        uow.consents.append(LedgerLine(event=event, recorded_at=instant(later(NOON, 3600))))
        uow.commit()
    before, after = (only(of_the_store(service, later(NOON, s))) for s in (3599, 3600))
    assert rule(before, "marketing_consent")["passed"]
    assert rule(after, "marketing_consent")["reason"] == "consent_withdrawn"


def test_an_instant_to_come_is_judged_on_what_is_known(tmp_path: Path, service: Service) -> None:
    played(tmp_path, service, bare(*arrive(), policy={"quiet_hours": [NIGHT]}))
    told = only(of_the_store(service, berlin("2030-06-02 22:00")))
    assert "quiet_hours" in told["reasons"]
    assert told["earliest_send"] == berlin("2030-06-03 08:00")


# --- what is not known is owned up to


def test_a_customer_who_was_changed_since_may_have_been_another(tmp_path: Path, service: Service) -> None:
    played(tmp_path, service, bare(*arrive(), the_end(later(NOON, 60))))
    with service.store.writing(TENANT) as uow:
        put_customers(uow, TENANT, {ME: {"timezone": "Asia/Tokyo"}}, instant(later(NOON, 3600)))
        uow.commit()
    before, after = (only(of_the_store(service, later(NOON, s))) for s in (3599, 3600))
    assert "2026-06-02T11:00:00Z" in only(before["caveats"])
    assert after["caveats"] == []
    assert rule(after, "address")["reason"] == "no_address"


def test_what_the_platform_asked_for_then_is_not_known(tmp_path: Path, service: Service) -> None:
    played(tmp_path, service, bare(*arrive(), the_end(later(NOON, 60))))
    always = Explanations(service.store, {"quiet_hours": [{"from": "00:00", "until": "24:00"}]})
    told = only(always.at(TENANT, ME, CAMPAIGN, instant(later(NOON, 60))))
    assert rule(told, "quiet_hours")["reason"] == "quiet_hours"
    assert "platform" in only(told["caveats"])


def test_a_suppression_since_then_is_owned_up_to(tmp_path: Path, service: Service) -> None:
    played(tmp_path, service, bare(*arrive(), the_end(later(NOON, 60))))
    with service.store.writing(TENANT) as uow:
        uow.suppressions.add(ME, "sms", instant(later(NOON, 3600)))
        uow.commit()
    assert "suppression" in only(only(of_the_store(service, later(NOON, 60)))["caveats"])


def test_a_campaign_is_a_draft_before_it_is_made_and_has_ended_when_it_is_deleted(
    tmp_path: Path, service: Service
) -> None:
    played(tmp_path, service, bare(*arrive(), the_end(later(NOON, 60))))
    with service.store.writing(TENANT) as uow:
        uow.catalogue.campaigns.delete("camp-7", instant(later(NOON, 3600)))
        uow.commit()
    before, during, after = (
        only(of_the_store(service, when)) for when in (later(NOON, -3600), later(NOON, 3599), later(NOON, 3600))
    )
    assert [rule(one, "campaign_state")["state"] for one in (before, during, after)] == ["draft", "active", "ended"]
    assert [len(one["caveats"]) for one in (before, during, after)] == [1, 0, 1]
    assert before["earliest_send"] is None
    assert after["earliest_send"] is None


def test_messages_of_other_systems_to_others_count_in_a_budget_with_a_caveat(tmp_path: Path, service: Service) -> None:
    """Nothing says when: the answer errs on the side of no message."""
    played(tmp_path, service, bare(*arrive(), the_end(later(NOON, 60)), campaign={"budget": {"messages": 2}}))
    send = Send(campaign_id=CAMPAIGN, at=instant(later(NOON, 9999)))
    with service.store.writing(TENANT) as uow:
        uow.sends.append([(CustomerId("somebody"), send), (ME, replace(send, at=instant(later(NOON, 50))))])
        uow.commit()
    used = {s: rule(only(of_the_store(service, later(NOON, s))), "budget")["used"] for s in (-1, 49, 50)}
    assert used == {-1: 1, 49: 2, 50: 3}
    assert "of other systems" in only(only(of_the_store(service, later(NOON, 49)))["caveats"])


# --- addresses


def test_a_contact_that_goes_before_dispatch_takes_the_message_with_it(tmp_path: Path, service: Service) -> None:
    """Put off in the evening; in the morning there is nobody to send to, and explaining says so."""
    morning = instant(berlin("2026-06-03 08:00"))
    put_off = {"on_quiet": "defer", "offer": {"expires_after_s": 86_400}}
    late = berlin("2026-06-02 22:00")
    played(tmp_path, service, bare(*arrive(late), campaign=put_off, policy={"quiet_hours": [NIGHT]}))
    with service.store.writing(TENANT) as uow:
        put_customers(uow, TENANT, {ME: {"contacts": [{"channel": "email", "address": "anna@example.org"}]}}, morning)
        uow.commit()
    Live(service.store, TENANT, Recorder()).dispatch_due(morning)
    with service.store.reading(TENANT) as uow:
        message = only(uow.outbox.page().items)
    assert (message.status, message.reason) == ("cancelled", "no_address")
    told = only(of_the_store(service, later(berlin("2026-06-03 08:00"), 1)))
    assert rule(told, "address")["reason"] == "no_address"
    assert told["earliest_send"] is None


def test_a_contact_without_an_address_reaches_nobody(tmp_path: Path, service: Service) -> None:
    played(tmp_path, service, bare(*arrive()))
    with service.store.writing(TENANT) as uow:
        put_customers(uow, TENANT, {ME: {"contacts": [{"channel": "sms", "address": ""}]}}, instant(NOON))
        uow.commit()
    assert "no_address" in only(of_the_store(service, later(NOON, 60)))["reasons"]


# --- what is not there


def test_unknown_names_are_told(tmp_path: Path, service: Service) -> None:
    played(tmp_path, service, bare(*arrive()))
    explanations, at = Explanations(service.store), datetime(2026, 6, 2, tzinfo=UTC)
    with pytest.raises(NotFound, match="no customer 'nobody'"):
        explanations.at(TENANT, CustomerId("nobody"), CAMPAIGN, at)
    with pytest.raises(NotFound, match="no campaign 'nothing'"):
        explanations.at(TENANT, ME, CampaignId("nothing"), at)
    with pytest.raises(NotFound, match="no decision 'none'"):
        explanations.by_decision(TENANT, DecisionId("none"))


def test_another_tenants_decision_is_not_there(tmp_path: Path, service: Service) -> None:
    outcome = played(tmp_path, service, bare(*arrive()))
    theirs: Any = only(outcome.match_log)["decision_id"]
    service.store.add_tenant(TenantId("t2"), datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(NotFound):
        Explanations(service.store).by_decision(TenantId("t2"), theirs)
