"""`explain` on a store: the same as of a replay's folder, with rows and without; and what it owns up to.

Every scenario is replayed into a folder and played on a store; both are asked.
"""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

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
from nearcast.store.migrate import upgrade
from nearcast.store.sql_store import SqlStore
from tests.api.service import Service, serving
from tests.scenarios.harness import (
    CENTER,
    CUSTOMER,
    N50,
    N110,
    N500,
    NOON,
    Outcome,
    Row,
    also_played_on,
    application,
    arrive,
    bare,
    berlin,
    campaign_a,
    circle,
    collection,
    consent_event,
    f0,
    instant,
    later,
    only,
    opted_in,
    ping,
    prior_send,
    run,
    the_end,
)
from tests.sealing import put_customers

pytestmark = pytest.mark.e2e
T = TypeVar("T")


class Both(NamedTuple):
    scenario: Row
    outcome: Outcome


TENANT, ME, CAMPAIGN = TenantId("t1"), CustomerId(CUSTOMER), CampaignId("camp-7")
OTHER = "cust-0002"
NIGHT = {"from": "21:00", "until": "08:00"}
EVENING, LATE = berlin("2026-06-02 20:50"), berlin("2026-06-02 22:00")
GAP = {"id": "gap", "scope": "customer", "kind": "min_gap", "window_s": 14400}
FREE = {"active": {}, "dayparts": [], "re_eligibility_s": 0, "fence_cooldown_s": 0, "budget": {}, "holdout": None}


@pytest.fixture(
    scope="session",  # one database after the other
    params=[
        pytest.param("sqlite", marks=[pytest.mark.enable_socket]),
        pytest.param("postgresql", marks=[pytest.mark.enable_socket]),
    ],
)
def service(request: pytest.FixtureRequest, quick_folder: Path) -> Iterator[Service]:
    if request.param == "sqlite":
        url = f"sqlite:///{quick_folder / 'explain.db'}"
    else:
        url = request.getfixturevalue("postgres_url")
    upgrade(url)
    with closing(SqlStore(url)) as store, serving(store) as service:
        yield service


def played(tmp_path: Path, service: Service, scenario: Row) -> Outcome:
    with also_played_on(service):
        return run(tmp_path, scenario)


def of_the_store(service: Service, when: str, *, customer: str = CUSTOMER, campaign: str = "camp-7") -> list[Row]:
    found = Explanations(service.store).at(TENANT, CustomerId(customer), CampaignId(campaign), instant(when))
    return numbered(service, found)


def numbered(service: Service, found: T) -> T:
    """With the ledger's lines as a replay numbers them."""
    text = json.dumps(found)
    for ours, theirs in service.ledger_numbers.items():
        text = text.replace(ours, theirs)
    told: T = json.loads(text)
    return told


def of_the_folder(outcome: Outcome, when: str, *, customer: str = CUSTOMER, campaign: str = "camp-7") -> list[Row]:
    found: list[Row] = application().explain(out=outcome.folder, customer=customer, campaign=campaign, at=instant(when))
    return found


def rule(explanation: Row, name: str) -> Row:
    return only([rule for rule in explanation["rules"] if rule["rule"] == name])


# --- the same from both

AN_EVENING = [
    *arrive(EVENING),
    ping(later(EVENING, 1800), N500),
    ping(later(EVENING, 3600), N50),
    the_end(later(EVENING, 50_000)),
]
TWO_FENCES = collection(circle("outer", CENTER, 200, shop_id="s1"), circle("inner", CENTER, 60, shop_id="s1"))
WALK = [ping(NOON, N50), ping(later(NOON, 60), N110), ping(later(NOON, 600), N500), ping(later(NOON, 900), N50)]
DWELL = {"trigger": {"on": "dwell"}}
RUN = {"trigger": {"on": "schedule"}, "schedule": {"cron": "5 12 * * *", "timezone": "Europe/Berlin"}}
PAUSED = [
    {"at": later(NOON, s), "campaign": {"id": "camp-7", "action": a}} for s, a in ((30, "pause"), (300, "activate"))
]
WITHDRAWN = consent_event(later(NOON, 60), action="withdrawn")
UNLOCATED = consent_event(later(NOON, 60), "location.matching", "withdrawn")
OUT_AND_BACK = [*arrive(), ping(later(NOON, 120), N500), ping(later(NOON, 600), N50), the_end(later(NOON, 7200))]
RIVAL = campaign_a(**FREE, id="camp-8", priority=90)
TOGETHER = sorted(
    [*arrive(), *arrive(later(NOON, 5), customer=OTHER), *OUT_AND_BACK[2:]], key=lambda event: event["at"]
)

SCENARIOS: dict[str, Row] = {
    "every rule": f0(*OUT_AND_BACK),
    "no rule": bare(*OUT_AND_BACK),
    "quiet hours": bare(*AN_EVENING, policy={"quiet_hours": [NIGHT]}),
    "put off and sent": bare(
        *AN_EVENING,
        campaign={"on_quiet": "defer", "offer": {"expires_after_s": 46_800}},
        policy={"quiet_hours": [NIGHT]},
    ),
    "put off and cancelled": bare(
        *arrive(LATE),
        ping(later(LATE, 10_800), N500),
        the_end(later(LATE, 50_000)),
        campaign={"on_quiet": "defer", "offer": {"expires_after_s": 43_200}},
        policy={"quiet_hours": [NIGHT], "caps": [{**GAP, "window_s": 86_400}]},
    ),
    "a cap": bare(*OUT_AND_BACK, policy={"caps": [GAP]}),
    "earlier messages": bare(prior_send(later(NOON, -50)), *OUT_AND_BACK, policy={"caps": [GAP]}),
    "a budget that another used up": bare(*TOGETHER, customers=[CUSTOMER, OTHER], campaign={"budget": {"messages": 2}}),
    "a rival": bare(*OUT_AND_BACK, others=[RIVAL]),
    "held out": bare(*OUT_AND_BACK, campaign={"holdout": {"percent": 100, "salt": "all"}}, policy={"caps": [GAP]}),
    "consent withdrawn": bare(*OUT_AND_BACK, WITHDRAWN),
    "not to be located any more": bare(*OUT_AND_BACK, UNLOCATED),
    "no consent": bare(*OUT_AND_BACK, consents=opted_in()[:1]),
    "paused for a while": bare(*OUT_AND_BACK, *PAUSED),
    "two fences": bare(*WALK, geofences=TWO_FENCES, campaign={"geofence_ids": ["inner"]}),
    "a shop's fences": bare(*WALK, geofences=TWO_FENCES),
    "dwell": bare(*WALK, ping(later(NOON, 1500), N50), campaign=DWELL, presence={"dwell_s": 120}),
    "a run": bare(*OUT_AND_BACK, campaign=RUN),
    "a fence that goes": bare(*OUT_AND_BACK, {"at": later(NOON, 60), "geofence_delete": "f1"}),
    "suppressed": bare(*OUT_AND_BACK, customers=[{"id": CUSTOMER, "suppressed": ["sms"]}]),
}


def instants_of(scenario: Row) -> list[str]:
    """From the first ping on: each event, a second after it, and halfway to the next."""
    first = min(event["at"] for event in scenario["events"] if "ping" in event)
    at = sorted({event["at"] for event in scenario["events"] if event["at"] >= first})
    halfway = [later(a, int((instant(b) - instant(a)).total_seconds()) // 2) for a, b in pairwise(at)]
    return sorted({*at, *(later(when, 1) for when in at), *halfway})


@pytest.fixture(scope="module", params=SCENARIOS)
def both(request: pytest.FixtureRequest, service: Service, tmp_path_factory: pytest.TempPathFactory) -> Both:
    """A scenario that is on the store now, and was replayed into a folder."""
    scenario = SCENARIOS[request.param]
    return Both(scenario, played(tmp_path_factory.mktemp("explain"), service, scenario))


def test_a_store_explains_as_a_folder_does(both: Both, service: Service) -> None:
    scenario, outcome = both
    customers = [customer["id"] for customer in scenario["customers"] if customer["id"] != "stranger"]
    sources = set()
    for customer in customers:
        for campaign in (campaign["id"] for campaign in scenario["campaigns"]):
            about = {"customer": customer, "campaign": campaign}
            for when in instants_of(scenario):
                told = of_the_folder(outcome, when, **about)
                assert of_the_store(service, when, **about) == told, (about, when)
                sources |= {one["source"] for one in told}
    assert sources >= {"facts"}


def test_every_row_is_explained_alike_by_its_decision(both: Both, service: Service) -> None:
    for row in both.outcome.match_log:
        about = {"customer": row["customer_id"], "campaign": row["campaign_id"]}
        for when in (row["at"], row["decided_at"]):
            assert of_the_store(service, when, **about) == of_the_folder(both.outcome, when, **about)
        told = numbered(service, Explanations(service.store).by_decision(TENANT, DecisionId(row["decision_id"])))
        assert told in of_the_folder(both.outcome, row["decided_at"], **about)
        assert told["decision_id"] == row["decision_id"]
        assert told["rules"]


def test_these_scenarios_leave_rows_of_many_kinds(tmp_path: Path) -> None:
    """Else the two tests above would compare little."""
    verdicts = {verdict for name, one in SCENARIOS.items() for verdict in run(tmp_path / name, one).verdicts()}
    assert verdicts >= {
        "send",
        "defer quiet_hours",
        "holdout holdout_campaign",
        "suppress budget_exhausted",
        "suppress cap_min_gap",
        "suppress consent_withdrawn",
        "suppress lost_arbitration",
        "suppress quiet_hours",
        "suppress suppressed_address",
    }


def test_all_that_was_against_it_is_told_and_when_it_could_have_been_sent(tmp_path: Path, service: Service) -> None:
    """At night, with the week's three messages sent: the first falls out of the week in the night after next."""
    weekly = {"id": "G2", "scope": "customer", "kind": "rolling", "window_s": 604_800, "limit": 3}
    sent = [prior_send(later(LATE, -days * 86_400)) for days in (5, 4, 3)]
    night = bare(*sent, *arrive(LATE), the_end(later(LATE, 60)), policy={"quiet_hours": [NIGHT], "caps": [weekly]})
    outcome = played(tmp_path, service, night)
    for told in (only(of_the_store(service, LATE)), only(of_the_folder(outcome, LATE))):
        assert (told["source"], told["outcome"]) == ("match_log", "suppress")
        assert told["reason"] == "quiet_hours"
        assert told["reasons"] == ["quiet_hours", "cap_rolling"]
        assert [one["rule"] for one in told["rules"] if not one["passed"]] == ["quiet_hours", "cap G2"]
        assert told["earliest_send"] == berlin("2026-06-05 08:00")


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
    assert (message.status, message.reason) == ("cancelled", "cancelled_consent")
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
