"""Experiments: first assignments stay, hold-outs come before variants, and what is new is told (campaigns ref. 5.6)."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearcast.domain.campaign import CampaignClass, Offer, Split, Variant, WhenHeld
from nearcast.domain.case import Facts
from nearcast.domain.decision import Decision, Verdict, decide
from nearcast.domain.errors import InvalidInput
from nearcast.domain.experiment import Assignment, bucket
from nearcast.domain.ids import CustomerId
from nearcast.domain.policy import Holdout, Policy
from tests.domain.builders import LONG_AGO, NOON, campaign, candidate, customer, facts, hours_ago, later, rolling, send

GLOBAL, OF_CAMP_7, VARIANTS = "holdout:global:2026Q4", "holdout:camp-7:v1", "variant:camp-7:v1"
HALVES = Split(VARIANTS, (Variant(name="a"), Variant(name="b")))


def assigned(experiment: str, arm: str, **changes: Any) -> Assignment:
    return replace(Assignment(experiment=experiment, arm=arm, percent=50.0, at=LONG_AGO), **changes)


def knowing(*assignments: Assignment, who: str = "cust-0001", **more: Any) -> Facts:
    return facts(customer=customer(id=CustomerId(who)), assignments=assignments, **more)


def decided(known: Facts, policy: Policy | None = None, **of: Any) -> Decision:
    return decide([candidate(campaign(**of))], known, policy or Policy(), NOON)


def only(decision: Decision) -> Verdict:
    (verdict,) = decision.verdicts
    return verdict


def arms(decision: Decision) -> list[tuple[str, str, float]]:
    return [(each.experiment, each.arm, each.percent) for each in decision.assignments]


# --- hold-outs


def test_whoever_was_held_out_stays_held_out_when_the_percentage_is_lowered() -> None:
    known = knowing(assigned(OF_CAMP_7, "held_out"))
    decision = decided(known, holdout=Holdout(0, OF_CAMP_7))
    assert (only(decision).outcome, only(decision).reason) == ("holdout", "holdout_campaign")
    assert only(decision).detail["holdout"]["since"] == LONG_AGO
    assert decision.assignments == ()


def test_another_salt_is_another_experiment() -> None:
    known = knowing(assigned("holdout:camp-7:v0", "held_out"))
    assert only(decided(known, holdout=Holdout(0, OF_CAMP_7))).outcome == "send"


def test_raising_the_percentage_adds_whoever_was_treated_before() -> None:
    decision = decided(knowing(assigned(OF_CAMP_7, "treated")), holdout=Holdout(62, OF_CAMP_7))  # bucket 6181
    assert only(decision).reason == "holdout_campaign"
    assert arms(decision) == [(OF_CAMP_7, "held_out", 62)]


def test_the_arms_of_an_eligible_customer_are_told_once() -> None:
    policy = Policy(holdout=Holdout(5, GLOBAL))
    first = decided(knowing(), policy, holdout=Holdout(10, OF_CAMP_7), split=HALVES)
    assert arms(first) == [(GLOBAL, "treated", 95), (OF_CAMP_7, "treated", 90), (VARIANTS, "a", 50)]
    assert {each.at for each in first.assignments} == {NOON}
    assert first.facts.assignments == first.assignments
    again = decide([candidate(campaign(split=HALVES))], first.facts, policy, later(1))
    assert again.assignments == ()


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        ("cust-0003", [(GLOBAL, "held_out", 5)]),
        ("cust-0042", [(GLOBAL, "treated", 95), (OF_CAMP_7, "held_out", 10)]),
        ("cust-0001", [(GLOBAL, "treated", 95), (OF_CAMP_7, "treated", 90), (VARIANTS, "a", 50)]),
    ],
)
def test_whom_one_hold_out_keeps_out_is_in_none_behind_it(who: str, expected: list[tuple[str, str, float]]) -> None:
    policy, of = Policy(holdout=Holdout(5, GLOBAL)), campaign(holdout=Holdout(10, OF_CAMP_7), split=HALVES)
    assert arms(decide([candidate(of)], knowing(who=who), policy, NOON)) == expected


def test_two_hold_outs_of_one_salt_are_one_experiment() -> None:
    decision = decided(knowing(), Policy(holdout=Holdout(5, GLOBAL)), holdout=Holdout(10, GLOBAL))
    assert arms(decision) == [(GLOBAL, "treated", 95)]


def test_a_service_message_is_part_of_no_hold_out() -> None:
    known = knowing(assigned(GLOBAL, "held_out"), assigned(OF_CAMP_7, "held_out"))
    service = {"klass": CampaignClass.SERVICE, "holdout": Holdout(100, OF_CAMP_7)}
    decision = decided(known, Policy(holdout=Holdout(100, GLOBAL)), **service)
    assert (only(decision).outcome, decision.assignments) == ("send", ())


def test_who_is_not_eligible_or_loses_is_assigned_to_nothing() -> None:
    everybody = Holdout(100, OF_CAMP_7)
    assert decided(knowing(), holdout=everybody, budget_messages=0).assignments == ()
    best, loser = campaign("best", priority=9), campaign("loser", holdout=everybody)
    assert decide([candidate(loser), candidate(best)], knowing(), Policy(), NOON).assignments == ()


def test_who_has_to_wait_is_eligible() -> None:
    known = knowing(sends=(send(later(-3000)),))
    decision = decided(known, caps=(rolling(1, 3600),), on_cap=WhenHeld.DEFER, holdout=Holdout(0, OF_CAMP_7))
    assert (only(decision).outcome, arms(decision)) == ("defer", [(OF_CAMP_7, "treated", 100)])


def test_held_out_shops_take_turns_as_served_ones_do() -> None:
    """Ghosts of a shop count as served for whoever is held out of its campaign."""
    one, other = campaign("one", shop_id="s1", holdout=Holdout(100, "x")), campaign("other", shop_id="s2")
    known = knowing(sends=(send(hours_ago(1), "one", shop_id="s1", is_ghost=True),))
    verdicts = decide([candidate(one), candidate(other)], known, Policy(), NOON).verdicts
    assert [verdict.outcome for verdict in verdicts] == ["suppress", "send"]


# --- variants


@pytest.mark.parametrize(("who", "variant"), [("cust-0001", "a"), ("cust-0004", "a"), ("cust-0042", "b")])
def test_variants_follow_the_published_buckets(who: str, variant: str) -> None:
    """796, 4904 and 5848."""
    assert only(decided(knowing(who=who), split=HALVES)).variant == variant


@pytest.mark.parametrize(
    ("weights", "variant"),
    [((796, 9204), "b"), ((797, 9203), "a"), ((0, 1), "b"), ((1, 0), "a"), ((9204, 0, 796), "a")],
)
def test_a_variant_takes_the_buckets_below_its_end(weights: tuple[int, ...], variant: str) -> None:
    """cust-0001 is in bucket 796."""
    variants = tuple(Variant(name=name, weight=weight) for name, weight in zip("abc", weights, strict=False))
    assert Split(VARIANTS, variants).variant_for("cust-0001").name == variant


@given(st.lists(st.integers(0, 5), min_size=1, max_size=4).filter(any), st.integers(1, 500).map("cust-{:04d}".format))
def test_every_bucket_has_one_variant_by_its_share(weights: list[int], who: str) -> None:
    split = Split(VARIANTS, tuple(Variant(name=str(n), weight=weight) for n, weight in enumerate(weights)))
    got = split.variant_for(who)
    before = sum(weights[: int(got.name)]) * 10_000
    assert before <= bucket(VARIANTS, who) * sum(weights) < before + got.weight * 10_000
    assert sum(split.percent(variant) for variant in split.variants) == pytest.approx(100)


def test_the_variant_assigned_first_stays() -> None:
    lopsided = replace(HALVES, variants=(Variant(name="a"), Variant(name="b", weight=0)))
    known = knowing(assigned(VARIANTS, "b"), assigned(VARIANTS, "a", at=NOON))
    assert only(decided(known, split=lopsided)).variant == "b"


def test_where_the_assigned_variant_is_gone_the_hash_decides() -> None:
    decision = decided(knowing(assigned(VARIANTS, "c")), split=HALVES)
    assert only(decision).variant == "a"
    assert arms(decision) == [(VARIANTS, "a", 50)]


def test_a_variant_has_its_own_offer_and_lasts_as_long_as_it_says() -> None:
    own = Variant(name="a", offer=Offer(text="Cake", expires_after_s=60))
    verdict = only(decided(knowing(), split=Split(VARIANTS, (own,))))
    assert (verdict.offer.text, verdict.expires_at) == ("Cake", later(60))
    assert verdict.detail["variant"] == {"name": "a", "salt": VARIANTS, "bucket": 796, "percent": 100}


def test_without_an_offer_a_variant_sends_the_campaigns() -> None:
    verdict = only(decided(knowing(), split=HALVES))
    assert (verdict.offer.text, verdict.expires_at) == ("Coffee −20 %", later(1200))


def test_whoever_is_held_out_gets_no_variant() -> None:
    verdict = only(decided(knowing(), holdout=Holdout(100, OF_CAMP_7), split=HALVES))
    assert (verdict.outcome, verdict.variant) == ("holdout", None)
    assert "variant" not in verdict.detail


@pytest.mark.parametrize(
    ("variants", "said"),
    [
        ((Variant(name="a"), Variant(name="a")), "each needs a name of its own"),
        ((Variant(name="a", weight=0),), "weights of 0 or more that are not all 0"),
        ((Variant(name="a", weight=2), Variant(name="b", weight=-1)), "weights of 0 or more"),
    ],
)
def test_variants_that_are_none_are_refused(variants: tuple[Variant, ...], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        Split(VARIANTS, variants)
