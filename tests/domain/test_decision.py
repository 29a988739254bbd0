"""Which reason is given, who wins, who is held out."""

from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest

from nearcast.domain.campaign import CampaignClass, CampaignState, WhenHeld
from nearcast.domain.case import Candidate
from nearcast.domain.decision import Outcome, decide
from nearcast.domain.opening_hours import OpeningHours
from nearcast.domain.policy import Holdout, Policy
from nearcast.domain.reason import Reason
from tests.domain.builders import (
    FENCE,
    NOON,
    WITHDRAWN,
    against,
    campaign,
    candidate,
    consent,
    customer,
    evidence,
    facts,
    hours,
    hours_ago,
    later,
    location_consent,
    quiet,
    rolling,
    send,
    shop,
)

EVERYBODY, NOBODY = Holdout(100, "all"), Holdout(0, "none")
ONE_A_DAY = Policy(caps=(rolling(1, 86_400),))
MY_SEND = send(hours_ago(1), "camp-7", geofence_id=FENCE)

# in stage order: what makes the default case fail there, and for that reason alone
FAILURES: dict[Reason, dict[str, dict[str, Any]]] = {
    Reason.CONSENT_LOCATION_MISSING: {"consents": {"location": WITHDRAWN}},
    Reason.PING_STALE: {"ping": {"recorded_at": hours_ago(1)}},
    Reason.PING_INACCURATE: {"ping": {"accuracy_m": 400.0}},
    Reason.CAMPAIGN_INACTIVE: {"campaign": {"state": CampaignState.PAUSED}},
    Reason.OUTSIDE_WINDOW: {"campaign": {"active_until": NOON}},
    Reason.OUTSIDE_DAYPART: {"campaign": {"dayparts": hours("18:00-20:00")}},
    Reason.SHOP_CLOSED: {"shop": {"opening_hours": OpeningHours.parse("off")}},
    Reason.SUPPRESSED_ADDRESS: {"customer": {"suppressed": frozenset({"sms"})}},
    Reason.CONSENT_WITHDRAWN: {"consents": {"marketing": WITHDRAWN}},
    Reason.NO_ADDRESS: {"customer": {"reachable": frozenset({"email"})}},
    Reason.NOT_IN_AUDIENCE: {"campaign": {"audience_any": frozenset({"vip"})}},
    Reason.FENCE_COOLDOWN: {"campaign": {"fence_cooldown_s": 7200.0}, "facts": {"sends": (MY_SEND,)}},
    Reason.RE_ELIGIBILITY: {"campaign": {"re_eligibility_s": 7200.0}, "facts": {"sends": (MY_SEND,)}},
    Reason.QUIET_HOURS: {"policy": {"quiet_hours": quiet("10:00-14:00")}},
    Reason.CAP_ROLLING: {"policy": {"caps": (rolling(1, 86_400),)}, "facts": {"sends": (MY_SEND,)}},
    Reason.BUDGET_EXHAUSTED: {"campaign": {"budget_messages": 0}},
}


def failing(*reasons: Reason) -> list[str]:
    """The reasons given where all of these rules are against it."""
    changes: dict[str, dict[str, Any]] = {}
    for reason in reasons:
        for part, change in FAILURES[reason].items():
            changes[part] = changes.get(part, {}) | change
    of = candidate(
        campaign(**changes.get("campaign", {})),
        shop=shop(**changes.get("shop", {})),
        ping=evidence(**changes.get("ping", {})),
        **changes.get("candidate", {}),
    )
    ledger = changes.get("consents", {})
    known = {
        "customer": customer(**changes.get("customer", {})),
        "consents": (
            *facts().consents,
            *([location_consent(WITHDRAWN)] if "location" in ledger else []),
            *([consent(WITHDRAWN)] if "marketing" in ledger else []),
        ),
        **changes.get("facts", {}),
    }
    return against(of, policy=Policy(**changes.get("policy", {})), **known)


@pytest.mark.parametrize("reason", FAILURES)
def test_each_failure_alone(reason: Reason) -> None:
    assert failing(reason) == [reason]


@pytest.mark.parametrize(("first", "second"), list(combinations(FAILURES, 2)))
def test_the_earlier_stage_gives_the_reason_and_both_are_listed(first: Reason, second: Reason) -> None:
    assert failing(second, first) == [first, second]


def test_all_failures_are_listed_in_stage_order() -> None:
    assert failing(*FAILURES) == list(FAILURES)


def test_a_refusal_outweighs_what_could_wait() -> None:
    of = campaign(on_quiet=WhenHeld.DEFER, offer=replace(campaign().offer, expires_after_s=86_400))
    noisy = Policy(quiet_hours=quiet("10:00-14:00"))
    (waits,) = decide([candidate(of)], facts(), noisy, NOON).verdicts
    (refused,) = decide([candidate(replace(of, budget_messages=0))], facts(), noisy, NOON).verdicts
    assert (waits.outcome, waits.reason, waits.not_before) == ("defer", "quiet_hours", later(7200))
    assert (refused.outcome, refused.reason, refused.not_before) == ("suppress", "budget_exhausted", None)
    assert refused.reasons == ["quiet_hours", "budget_exhausted"]


def test_what_waits_for_two_rules_waits_for_the_later() -> None:
    of = campaign(
        on_quiet=WhenHeld.DEFER, on_cap=WhenHeld.DEFER, offer=replace(campaign().offer, expires_after_s=86_400)
    )
    both = Policy(quiet_hours=quiet("10:00-14:00"), caps=(rolling(1, 4 * 3600),))
    (verdict,) = decide([candidate(of)], facts(sends=(send(hours_ago(1)),)), both, NOON).verdicts
    assert (verdict.outcome, verdict.reason, verdict.not_before) == ("defer", "quiet_hours", later(3 * 3600))


# --- arbitration


OF_THE_CANDIDATE = ("distance_m", "geofence_id", "opportunity_id")


def rival(campaign_id: str, **changes: Any) -> Candidate:
    """A candidate, changed in itself or in its campaign."""
    own = {key: changes.pop(key) for key in OF_THE_CANDIDATE if key in changes}
    return candidate(campaign(changes.pop("id", campaign_id), **changes), **own)


def rivals(better: dict[str, Any], worse: dict[str, Any]) -> tuple[Candidate, Candidate]:
    """Two candidates of one ping; the better one has the later id, so that it wins by what is said alone."""
    return rival("z", **better), rival("a", **worse)


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"klass": CampaignClass.SERVICE}, {"klass": CampaignClass.LOYALTY, "priority": 100}),
        ({"klass": CampaignClass.LOYALTY}, {"klass": CampaignClass.PROMO, "priority": 100}),
        ({"priority": 51}, {"priority": 50, "distance_m": 1.0}),
        ({"priority": 0}, {"priority": -1}),
        ({"distance_m": 99.999}, {"distance_m": 100.0}),
        ({"distance_m": 1e6}, {"distance_m": None}),
        ({"shop_id": "never"}, {"shop_id": "yesterday"}),
        ({"shop_id": "last-week"}, {"shop_id": "yesterday"}),
        ({"shop_id": "yesterday"}, {"shop_id": "last-month-and-today"}),
        ({"shop_id": "never", "distance_m": 100.0001}, {"shop_id": "yesterday"}),  # nearer by less than a millimetre
        ({"id": "camp-1"}, {"id": "camp-2"}),
        ({"id": "same", "geofence_id": "f1"}, {"id": "same", "geofence_id": "f2"}),
        ({"id": "same", "opportunity_id": "o1"}, {"id": "same", "opportunity_id": "o2"}),
    ],
)
def test_the_better_one_wins_in_either_order(better: dict[str, Any], worse: dict[str, Any]) -> None:
    served = (
        send(hours_ago(24 * 7), shop_id="last-week"),
        send(hours_ago(24), shop_id="yesterday"),
        send(hours_ago(24 * 30), shop_id="last-month-and-today"),
        send(hours_ago(2), shop_id="last-month-and-today"),
        send(hours_ago(1), shop_id="never", is_ghost=True),
    )
    winner, loser = rivals(better, worse)
    for order in ([winner, loser], [loser, winner]):
        verdicts = decide(order, facts(sends=served), Policy(), NOON).verdicts
        by_candidate = {id(verdict.candidate): verdict for verdict in verdicts}
        won, lost = by_candidate[id(winner)], by_candidate[id(loser)]
        assert (won.outcome, won.reason, won.winner_campaign_id) == ("send", None, None)
        assert (lost.outcome, lost.reason) == ("suppress", "lost_arbitration")
        assert lost.winner_campaign_id == winner.campaign.id
        assert (won.would_have_sent, lost.would_have_sent) == (True, False)


def test_whoever_is_refused_does_not_compete() -> None:
    best, next_best = rivals({"klass": CampaignClass.SERVICE, "budget_messages": 0}, {})
    refused, won = decide([best, next_best], facts(), Policy(), NOON).verdicts
    assert (refused.outcome, refused.reason, refused.winner_campaign_id) == ("suppress", "budget_exhausted", None)
    assert won.outcome is Outcome.SEND


def test_one_that_has_to_wait_can_win() -> None:
    waits, ready = rivals({"priority": 9, "on_cap": WhenHeld.DEFER}, {})
    held = replace(waits, campaign=replace(waits.campaign, caps=(rolling(1, 3600),)))
    verdicts = decide([held, ready], facts(sends=(send(later(-3000)),)), Policy(), NOON).verdicts
    assert [verdict.outcome for verdict in verdicts] == ["defer", "suppress"]


def test_the_slot_of_an_instant_is_given_once() -> None:
    first = decide([candidate(campaign("first"))], facts(), Policy(), NOON)
    (second,) = decide([candidate(campaign("second", priority=100))], first.facts, Policy(), NOON).verdicts
    (later_one,) = decide([candidate(campaign("second"))], first.facts, Policy(), later(1)).verdicts
    assert (second.reason, second.winner_campaign_id) == ("lost_arbitration", "first")
    assert later_one.outcome is Outcome.SEND


def test_of_another_ping_the_winners_reservation_is_met_first() -> None:
    winner, same_ping = candidate(campaign("a")), candidate(campaign("b"))
    other_ping = candidate(campaign("c"), ping=evidence(key="ping-2"))
    _, beside, after = decide([winner, same_ping, other_ping], facts(), ONE_A_DAY, NOON).verdicts
    assert (beside.reason, beside.reasons) == ("lost_arbitration", ["lost_arbitration"])
    assert (after.reason, after.reasons) == ("cap_rolling", ["cap_rolling", "lost_arbitration"])


def test_nobody_to_decide_on() -> None:
    assert decide([], facts(), Policy(), NOON).verdicts == ()


def test_the_winner_is_reserved() -> None:
    known = facts(sends=(MY_SEND,), budget_used={"camp-7": 3, "camp-8": 5})
    after = decide([candidate()], known, Policy(), NOON).facts
    assert after.sends == (
        MY_SEND,
        send(NOON, "camp-7", shop_id="s1", geofence_id=FENCE, decided_at=NOON),
    )
    assert after.budget_used == {"camp-7": 4, "camp-8": 5}


def test_where_nobody_wins_nothing_is_reserved() -> None:
    known = facts()
    assert decide([candidate(campaign(budget_messages=0))], known, Policy(), NOON).facts == known


# --- hold-out


@pytest.mark.parametrize(
    ("globally", "here", "reason"),
    [
        (NOBODY, NOBODY, None),
        (EVERYBODY, None, "holdout_global"),
        (None, EVERYBODY, "holdout_campaign"),
        (EVERYBODY, EVERYBODY, "holdout_global"),
    ],
)
def test_the_holdout_comes_last(globally: Holdout | None, here: Holdout | None, reason: str | None) -> None:
    of = candidate(campaign(holdout=here))
    decision = decide([of], facts(budget_used={"camp-7": 1}), Policy(holdout=globally), NOON)
    (verdict,) = decision.verdicts
    assert (verdict.outcome, verdict.reason) == ("holdout" if reason else "send", reason)
    assert verdict.would_have_sent
    (reserved,) = decision.facts.sends
    assert reserved.is_ghost is bool(reason)
    assert decision.facts.budget_used == {"camp-7": 1 if reason else 2}


def test_what_would_have_waited_is_a_ghost_too() -> None:
    of = candidate(campaign(on_cap=WhenHeld.DEFER, caps=(rolling(1, 3600),)))
    known = facts(sends=(send(later(-3000), "camp-7"),))
    (waits,) = decide([of], known, Policy(), NOON).verdicts
    (ghost,) = decide([of], known, Policy(holdout=EVERYBODY), NOON).verdicts
    assert (waits.outcome, waits.not_before, waits.would_have_sent) == ("defer", later(600), True)
    assert (ghost.outcome, ghost.not_before, ghost.would_have_sent) == ("holdout", None, True)
    assert ghost.reasons == ["cap_rolling", "holdout_global"]


def test_a_refusal_is_told_rather_than_the_holdout() -> None:
    (verdict,) = decide([candidate(campaign(budget_messages=0))], facts(), Policy(holdout=EVERYBODY), NOON).verdicts
    assert (verdict.outcome, verdict.reason, verdict.would_have_sent) == ("suppress", "budget_exhausted", False)


def test_a_winner_that_is_held_out_leaves_the_slot_empty() -> None:
    best, next_best = rivals({"priority": 9, "holdout": EVERYBODY}, {})
    decision = decide([best, next_best], facts(), Policy(), NOON)
    assert [verdict.outcome for verdict in decision.verdicts] == ["holdout", "suppress"]
    assert decision.verdicts[1].reason is Reason.LOST_ARBITRATION
    (after,) = decide([candidate(campaign("late"))], decision.facts, Policy(), NOON).verdicts
    assert after.reason is Reason.LOST_ARBITRATION


def test_a_loser_is_not_held_out() -> None:
    best, held_out = rivals({"priority": 9}, {"holdout": EVERYBODY})
    verdicts = decide([best, held_out], facts(), Policy(), NOON).verdicts
    assert [verdict.outcome for verdict in verdicts] == ["send", "suppress"]


def test_service_messages_are_never_held_out() -> None:
    service = candidate(campaign(klass=CampaignClass.SERVICE, holdout=EVERYBODY))
    (verdict,) = decide([service], facts(), Policy(holdout=EVERYBODY), NOON).verdicts
    assert verdict.outcome is Outcome.SEND


@pytest.mark.parametrize(
    ("holdout", "klass", "reason"),
    [
        (NOBODY, CampaignClass.PROMO, None),
        (EVERYBODY, CampaignClass.PROMO, "cap_rolling"),
        (EVERYBODY, CampaignClass.SERVICE, None),
    ],
)
def test_ghosts_count_only_for_whoever_is_held_out(holdout: Holdout, klass: CampaignClass, reason: str | None) -> None:
    ghost = send(hours_ago(1), is_ghost=True)
    of = candidate(campaign(klass=klass, holdout=holdout))
    assert against(of, policy=ONE_A_DAY, sends=(ghost,)) == ([reason] if reason else [])
