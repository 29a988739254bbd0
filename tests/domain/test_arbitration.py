"""Who goes first: what only an operator gives comes before what shops write themselves (campaigns reference, 5.4)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearcast.domain.arbitration import DecidedBy, Entry, foreseen
from nearcast.domain.campaign import Campaign, CampaignClass
from nearcast.domain.case import Candidate
from nearcast.domain.decision import decide
from nearcast.domain.ids import CampaignId, ShopId
from nearcast.domain.policy import Policy, PriorityScope
from tests.domain.builders import NOON, campaign, candidate, facts, hours_ago, send, shop

ACROSS, WITHIN = PriorityScope.ACROSS_SHOPS, PriorityScope.WITHIN_SHOP


def of_shop(campaign_id: str, shop_id: str, rank: int = 0, distance_m: float = 10.0, **of: Any) -> Candidate:
    owned = campaign(campaign_id, shop_id=ShopId(shop_id), **of)
    return candidate(owned, shop=shop(id=ShopId(shop_id), rank=rank), distance_m=distance_m)


def winner(*candidates: Candidate, priorities: PriorityScope = ACROSS, **known: Any) -> CampaignId:
    verdicts = decide(candidates, facts(**known), Policy(priorities=priorities), NOON).verdicts
    (won,) = (verdict.candidate.campaign.id for verdict in verdicts if verdict.outcome == "send")
    return won


@pytest.mark.parametrize("priorities", PriorityScope)
def test_class_comes_before_the_rank_of_the_shop_and_rank_before_priority(priorities: PriorityScope) -> None:
    loyal = of_shop("loyal", "s1", klass=CampaignClass.LOYALTY)
    ranked, loud = of_shop("ranked", "s2", rank=1), of_shop("loud", "s3", priority=100, distance_m=1.0)
    assert winner(loyal, ranked, loud, priorities=priorities) == "loyal"
    assert winner(ranked, loud, priorities=priorities) == "ranked"


def test_within_shops_no_number_gets_past_another_shop() -> None:
    modest, loud = of_shop("modest", "s1", priority=1), of_shop("loud", "s2", priority=100, distance_m=11.0)
    assert winner(modest, loud, priorities=ACROSS) == "loud"
    assert winner(modest, loud, priorities=WITHIN) == "modest"


def test_within_shops_those_at_one_distance_take_turns_whatever_their_numbers() -> None:
    modest, loud = of_shop("modest", "s1", priority=1), of_shop("loud", "s2", priority=100)
    served_loud, served_modest = send(hours_ago(1), shop_id="s2"), send(hours_ago(2), shop_id="s1")
    assert winner(modest, loud, priorities=WITHIN, sends=(served_loud, served_modest)) == "modest"
    assert winner(modest, loud, priorities=WITHIN, sends=(served_loud,)) == "modest"
    assert winner(modest, loud, priorities=WITHIN, sends=(served_modest,)) == "loud"


def test_within_its_shop_the_higher_number_wins() -> None:
    low, high = of_shop("a", "s1", priority=1), of_shop("b", "s1", priority=2)
    assert winner(low, high, priorities=WITHIN) == "b"


entries = st.builds(
    lambda campaign_id, shop_id, klass, priority: campaign(
        campaign_id, shop_id=shop_id, klass=klass, priority=priority
    ),
    st.sampled_from("abcd"),
    st.sampled_from(["s1", "s2"]),
    st.sampled_from(CampaignClass),
    st.integers(0, 2),
)


@given(
    st.tuples(entries, entries).filter(lambda both: both[0].id != both[1].id),
    st.tuples(st.integers(0, 1), st.integers(0, 1)),
    st.tuples(st.sampled_from([10.0, 20.0]), st.sampled_from([10.0, 20.0])),
    st.sampled_from(["s1", "s2", None]),
    st.sampled_from(PriorityScope),
)
def test_what_is_foreseen_comes_true_wherever_the_customer_is(
    both: tuple[Campaign, Campaign],
    ranks: tuple[int, int],
    distances_m: tuple[float, float],
    served: str | None,
    priorities: PriorityScope,
) -> None:
    shops = {key: shop(id=ShopId(key), rank=rank) for key, rank in zip(("s1", "s2"), ranks, strict=True)}
    away_m = dict(zip(("s1", "s2"), distances_m, strict=True))
    one, other = (Entry(each, shops[each.shop_id]) for each in both)
    expected, by = foreseen(one, other, priorities)
    assert foreseen(other, one, priorities) == (expected, by)
    rivals = [candidate(each, shop=shops[each.shop_id], distance_m=away_m[each.shop_id]) for each in both]
    sends = () if served is None else (send(hours_ago(1), shop_id=served),)
    won = winner(*rivals, priorities=priorities, sends=sends)
    if expected is None:
        assert by is DecidedBy.DISTANCE
        nearer = min(both, key=lambda each: away_m[each.shop_id])
        assert away_m["s1"] == away_m["s2"] or won == nearer.id
    else:
        assert won == expected
