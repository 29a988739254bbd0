"""`explain` on a store: the same as of a replay's folder, with rows and without.

Every scenario is replayed into a folder and played on a store; both are asked.
"""

from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

from nearcast.domain.ids import DecisionId
from nearcast.services.explain_live import Explanations
from tests.api.service import Service
from tests.scenarios.harness import (
    CENTER,
    CUSTOMER,
    N50,
    N110,
    N500,
    NOON,
    Outcome,
    Row,
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
from tests.services.explained import NIGHT, TENANT, numbered, of_the_folder, of_the_store, played

pytestmark = pytest.mark.e2e


class Both(NamedTuple):
    scenario: Row
    outcome: Outcome


OTHER = "cust-0002"
EVENING, LATE = berlin("2026-06-02 20:50"), berlin("2026-06-02 22:00")
GAP = {"id": "gap", "scope": "customer", "kind": "min_gap", "window_s": 14400}
FREE = {"active": {}, "dayparts": [], "re_eligibility_s": 0, "fence_cooldown_s": 0, "budget": {}, "holdout": None}
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
