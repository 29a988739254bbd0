"""What holds of every decision, whatever the campaigns, the limits and the past (properties P1, P2, P4)."""

from dataclasses import replace
from datetime import date
from itertools import permutations
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from nearcast.domain.campaign import Campaign, CampaignClass, Offer, WhenHeld
from nearcast.domain.case import Candidate, Facts, Gate, Send
from nearcast.domain.decision import Outcome, Verdict, decide, earliest_send, judge
from nearcast.domain.local_time import LocalHours, LocalWindow
from nearcast.domain.opening_hours import OpeningHours
from nearcast.domain.policy import CapScope, FrequencyCap, Holdout, Policy
from nearcast.domain.quiet_hours import QuietHours, QuietRule, QuietSource
from tests.domain.builders import (
    BERLIN,
    NOON,
    TOKYO,
    calendar,
    campaign,
    candidate,
    case,
    customer,
    evidence,
    facts,
    hours,
    later,
    local,
    min_gap,
    quiet_rule,
    rolling,
    send,
    shop,
    window,
)

HOUR_S = 3600
SHOPS, FENCES = ["s1", "s2", "s3"], ["f1", "f2"]

hours_long = st.integers(1, 60).map(lambda n: n * HOUR_S)
scopes = st.sampled_from(CapScope)
caps = st.one_of(
    st.builds(rolling, st.integers(0, 3), hours_long, scopes),
    st.builds(calendar, st.integers(1, 3), st.sampled_from(["day", "week"]), scopes),
    st.builds(min_gap, hours_long, scopes),
)
cap_lists = st.lists(caps, max_size=2).map(tuple)
windows = st.builds(
    lambda start, length: LocalWindow(start * HOUR_S, (start + length) * HOUR_S),
    st.integers(0, 23),
    st.integers(1, 9),
)
quiet_rules = st.builds(
    lambda window, source, channels: quiet_rule(window, source=source, channels=channels),
    windows,
    st.sampled_from(QuietSource),
    st.sampled_from([None, frozenset({"sms"}), frozenset({"email"})]),
)
quiet_hours = st.builds(
    lambda everywhere, here, elsewhere: QuietHours(tuple(everywhere), {"Europe/Berlin": tuple(here)}, tuple(elsewhere)),
    st.lists(quiet_rules, max_size=2),
    st.lists(quiet_rules, max_size=1),
    st.lists(quiet_rules, max_size=1),
)
holdouts = st.sampled_from([None, None, Holdout(100, "all"), Holdout(0, "none")])
policies = st.builds(Policy, quiet_hours=quiet_hours, caps=cap_lists, holdout=holdouts)
past_sends = st.builds(
    lambda ago_s, campaign_id, shop_id, fence, ghost: send(
        later(-ago_s), campaign_id, shop_id=shop_id, geofence_id=fence, is_ghost=ghost
    ),
    st.integers(1, 200 * HOUR_S),
    st.sampled_from("abc"),
    st.sampled_from(SHOPS),
    st.sampled_from(FENCES),
    st.booleans(),
)
knowledge = st.builds(
    lambda sends, used, zone: facts(
        sends=tuple(sends), budget_used=dict(zip("abc", used, strict=True)), customer=customer(zone=zone)
    ),
    st.lists(past_sends, max_size=5),
    st.tuples(*[st.integers(0, 2)] * 3),
    st.sampled_from([BERLIN, TOKYO, None]),
)
campaigns = st.builds(
    lambda campaign_id, shop_id, lasts_s, **more: campaign(
        campaign_id, shop_id=shop_id, offer=Offer(text="", expires_after_s=lasts_s), **more
    ),
    st.sampled_from("abc"),
    st.sampled_from(SHOPS),
    hours_long,
    klass=st.sampled_from(CampaignClass),
    priority=st.integers(0, 2),
    caps=cap_lists,
    holdout=holdouts,
    budget_messages=st.sampled_from([None, 2]),
    re_eligibility_s=st.sampled_from([0.0, 24.0 * HOUR_S]),
    re_eligibility_days=st.sampled_from([0, 0, 1, 3]),
    fence_cooldown_s=st.sampled_from([0.0, 24.0 * HOUR_S]),
    on_cap=st.sampled_from(WhenHeld),
    on_quiet=st.sampled_from(WhenHeld),
)


def opportunity(of: Campaign, ping: int, fence: str, distance_m: float | None) -> Candidate:
    return candidate(
        of,
        ping=evidence(key=f"ping-{ping}"),
        geofence_id=fence,
        distance_m=distance_m,
        opportunity_id=f"{ping} {fence}",
        shop=shop(id=of.shop_id),
    )


candidates = st.builds(
    opportunity, campaigns, st.integers(1, 2), st.sampled_from(FENCES), st.sampled_from([None, 10.0, 20.0])
)
competitions = st.lists(candidates, min_size=1, max_size=3, unique_by=lambda c: (c.campaign.id, c.opportunity_id))


def told(verdict: Verdict) -> tuple[Any, ...]:
    of = verdict.candidate
    return (
        (of.campaign.id, of.opportunity_id),
        (verdict.outcome, verdict.reason, tuple(verdict.reasons)),
        (verdict.not_before, verdict.expires_at, verdict.would_have_sent, verdict.winner_campaign_id),
    )


@settings(max_examples=60)
@given(competitions, knowledge, policies)
def test_the_order_of_the_candidates_does_not_matter(competing: list[Candidate], known: Facts, policy: Policy) -> None:
    decisions = [decide(order, known, policy, NOON) for order in permutations(competing)]
    assert len({tuple(sorted(map(told, decision.verdicts), key=str)) for decision in decisions}) == 1
    assert all(decision.facts == decisions[0].facts for decision in decisions)


@settings(max_examples=100)
@given(competitions, knowledge, policies)
def test_one_outcome_each_and_at_most_one_winner(competing: list[Candidate], known: Facts, policy: Policy) -> None:
    decision = decide(competing, known, policy, NOON)
    assert [verdict.candidate for verdict in decision.verdicts] == competing
    winners = [verdict for verdict in decision.verdicts if verdict.outcome is not Outcome.SUPPRESS]
    assert len(winners) <= 1
    assert len(decision.facts.sends) == len(known.sends) + len(winners)
    assert {verdict.winner_campaign_id for verdict in decision.verdicts} <= {
        None,
        *(verdict.candidate.campaign.id for verdict in winners),
    }
    for verdict in decision.verdicts:
        assert (verdict.reason is None) == (verdict.outcome is Outcome.SEND) == (not verdict.reasons)
        assert verdict.reason is None or verdict.reason in verdict.reasons


@settings(max_examples=100)
@given(candidates, knowledge, policies)
def test_what_is_put_off_goes_while_the_offer_holds(of: Candidate, known: Facts, policy: Policy) -> None:
    (verdict,) = decide([of], known, policy, NOON).verdicts
    assert (verdict.not_before is not None) == (verdict.outcome is Outcome.DEFER)
    if verdict.not_before is not None:
        assert NOON < verdict.not_before < verdict.expires_at


@settings(max_examples=100)
@given(candidates, knowledge, policies)
def test_ghosts_are_exactly_those_who_would_have_been_sent_something(
    of: Candidate, known: Facts, policy: Policy
) -> None:
    no_ghosts = replace(known, sends=tuple(replace(earlier, is_ghost=False) for earlier in known.sends))
    open_to_all = replace(of, campaign=replace(of.campaign, holdout=None))
    (verdict,) = decide([of], no_ghosts, policy, NOON).verdicts
    (without,) = decide([open_to_all], no_ghosts, replace(policy, holdout=None), NOON).verdicts
    is_ghost = verdict.outcome is Outcome.HOLDOUT
    assert verdict.would_have_sent == without.would_have_sent == (without.outcome is not Outcome.SUPPRESS)
    assert is_ghost or (verdict.outcome, verdict.reason) == (without.outcome, without.reason)
    assert not is_ghost or without.would_have_sent


# --- P2: a restriction more never turns a non-send into a send

PERMISSION = (Outcome.SUPPRESS, Outcome.HOLDOUT, Outcome.DEFER, Outcome.SEND)


def permission(of: Candidate, known: Facts, policy: Policy, gate: Gate) -> int:
    (verdict,) = decide([of], known, policy, NOON, gate).verdicts
    return PERMISSION.index(verdict.outcome)


gates = st.sampled_from(Gate)


@settings(max_examples=100)
@given(candidates, knowledge, policies, caps, st.booleans(), gates)
def test_p2_another_cap_never_permits(
    of: Candidate, known: Facts, policy: Policy, cap: FrequencyCap, is_campaigns: bool, gate: Gate
) -> None:
    capped = replace(of, campaign=replace(of.campaign, caps=(*of.campaign.caps, cap))) if is_campaigns else of
    stricter = policy if is_campaigns else replace(policy, caps=(cap, *policy.caps))
    assert permission(capped, known, stricter, gate) <= permission(of, known, policy, gate)


@settings(max_examples=100)
@given(candidates, knowledge, policies, quiet_rules, st.sampled_from(["everywhere", "by_zone", "elsewhere"]), gates)
def test_p2_another_quiet_window_never_permits(
    of: Candidate, known: Facts, policy: Policy, rule: QuietRule, where: str, gate: Gate
) -> None:
    hours = policy.quiet_hours
    by_zone = {zone: (*rules, rule) for zone, rules in hours.by_zone.items()}
    longer: dict[str, Any] = {
        "everywhere": {"everywhere": (rule, *hours.everywhere)},
        "by_zone": {"by_zone": by_zone},
        "elsewhere": {"elsewhere": (rule, *hours.elsewhere)},
    }
    stricter = replace(policy, quiet_hours=replace(hours, **longer[where]))
    assert permission(of, known, stricter, gate) <= permission(of, known, policy, gate)


@settings(max_examples=100)
@given(candidates, knowledge, policies, quiet_rules, st.dates(date(2026, 5, 25), date(2026, 6, 10)), gates)
def test_p2_what_a_customer_asks_for_never_permits(
    of: Candidate, known: Facts, policy: Policy, rule: QuietRule, paused_until: date, gate: Gate
) -> None:
    for asks in ({"quiet_hours": QuietHours((rule,))}, {"paused_until": paused_until}):
        stricter = replace(known, customer=replace(known.customer, **asks))
        assert permission(of, stricter, policy, gate) <= permission(of, known, policy, gate)


@settings(max_examples=100)
@given(candidates, knowledge, policies, past_sends, gates)
def test_p2_another_message_in_the_past_never_permits(
    of: Candidate, known: Facts, policy: Policy, earlier: Send, gate: Gate
) -> None:
    busier = replace(known, sends=(earlier, *known.sends))
    assert permission(of, busier, policy, gate) <= permission(of, known, policy, gate)


# --- the earliest possible send

dayparts = st.sampled_from(
    [None, hours("10:00-20:00"), hours(window("09:00-17:00", "mon tue")), hours("22:00-03:00"), hours("00:30-02:30")]
)
opening_hours = st.sampled_from(["24/7", "Mo-Sa 08:00-20:00", "18:00-02:00; Mo off", "Su 11:00-15:00"])
ping_zones = st.sampled_from([None, TOKYO])
dates = st.sampled_from(
    [
        {},
        {"active_from": local("2026-10-27 12:00")},
        {"active_until": local("2026-10-26 09:00")},
        {"budget_messages": 0},
    ]
)


@settings(max_examples=50)
@given(
    campaigns, knowledge, policies, dayparts, opening_hours, dates, st.integers(0, 96), st.sampled_from([None, TOKYO])
)
def test_the_earliest_send_is_the_first_instant_at_which_nothing_is_against_it(
    of: Campaign,
    known: Facts,
    policy: Policy,
    parts: LocalHours | None,
    opens: str,
    limits: dict[str, Any],
    half_hours: int,
    here: ZoneInfo | None,
) -> None:
    now = later(half_hours * 1800, local("2026-10-24 00:00"))
    to_now = now - NOON
    moved = replace(known, sends=tuple(replace(earlier, at=earlier.at + to_now) for earlier in known.sends))
    open_then = replace(of, dayparts=parts, **limits)
    there = shop(id=of.shop_id, opening_hours=OpeningHours.parse(opens))
    asked = case(candidate(open_then, shop=there, ping=evidence(zone=here)), facts_=moved, policy=policy, now=now)

    def is_free(seconds: float) -> bool:
        at = later(seconds, now)
        just_seen = replace(asked.candidate, ping=evidence(recorded_at=at, zone=here))
        return not judge(replace(asked, candidate=just_seen, now=at)).reasons

    earliest = earliest_send(asked)

    if asked.held_out_by is not None:
        assert earliest is None
    elif earliest is None:
        assert not any(is_free(hour * HOUR_S) for hour in range(0, 200, 21))
    else:
        wait_s = (earliest - now).total_seconds()
        assert is_free(wait_s)
        assert wait_s == 0 or not is_free(wait_s - 1)
        assert not any(is_free(wait_s * part / 5) for part in range(5) if wait_s)
