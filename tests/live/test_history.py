"""A customer's past is loaded as far back as rules look, and no verdict is another for it."""

import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from nearcast.domain.case import Candidate, Send
from nearcast.domain.decision import Verdict, decide
from nearcast.domain.ids import CampaignId, CustomerId, DecisionId, GeofenceId, MessageId, ShopId, TenantId, VisitId
from nearcast.domain.message import Message, MessageStatus
from nearcast.services.catalogue import CatalogueCache
from nearcast.services.working_set import WorkingSet
from nearcast.store.sql_store import SqlStore
from tests.live.corner import ENTER, later, names, open_corner

DAY_S = 86_400
NOW = later(28 * DAY_S)  # the last of the month
IN_FLIGHT = [MessageStatus.CLAIMED, MessageStatus.SENDING]  # one of a customer's at a time
STATUSES = [
    *(status for status in MessageStatus if status not in IN_FLIGHT),
    MessageStatus.ACCEPTED,
    MessageStatus.DELIVERED,
]


SPANS: list[dict[str, Any]] = [
    {"window_s": 600},
    {"unit": "day"},
    {"window_s": DAY_S},
    {"unit": "week"},
    {"window_s": 7 * DAY_S},
    {"unit": "month"},
    {"window_s": 40 * DAY_S},
]


def some_cap(dice: random.Random, n: int, longest: int) -> dict[str, Any]:
    scope = dice.choice(["customer", "shop", "campaign", "geofence", "channel"])
    span = SPANS[dice.randint(0, longest)]
    kind = "calendar" if "unit" in span else dice.choice(["rolling", "min_gap"])
    limit = {} if kind == "min_gap" else {"limit": dice.randint(1, 4)}
    return {"id": f"cap-{n}", "scope": scope, "kind": kind, **limit, **span}


def some_campaign(dice: random.Random, n: int, longest: int) -> dict[str, Any]:
    rest = {"fence_cooldown_s": dice.choice([0, 3600, 3 * DAY_S]), "re_eligibility_s": dice.choice([0, 10 * DAY_S])}
    budget = dice.choice([{}, {"budget": {"messages": dice.randint(20, 80)}}])
    caps = [some_cap(dice, k, longest) for k in range(dice.randint(0, 2))]
    percent = dice.choice([0, 0, 100])
    return {**ENTER, "id": f"camp-{n}", **rest, **budget, "caps": caps, "holdout": {"percent": percent, "salt": "s"}}


def some_message(dice: random.Random, n: int, customer: CustomerId, until_days: float) -> Message:
    status = dice.choice(IN_FLIGHT if n < 2 else STATUSES)
    queued_at = NOW - timedelta(seconds=round(dice.uniform(-60, until_days * DAY_S)))
    was_sent = (
        status not in (MessageStatus.QUEUED, MessageStatus.CLAIMED, MessageStatus.EXPIRED) and dice.random() < 0.8
    )
    return Message(
        id=MessageId(f"m{n}"),
        decision_id=DecisionId(f"d{n}"),
        customer_id=customer,
        campaign_id=CampaignId(f"camp-{dice.randint(0, 3)}"),
        shop_id=ShopId("s1"),
        geofence_id=GeofenceId(dice.choice("fg")) if dice.random() < 0.9 else None,
        visit_id=VisitId("v"),
        channel="sms",
        text="Coffee",
        status=status,
        queued_at=queued_at,
        not_before=queued_at,
        expires_at=queued_at + timedelta(hours=1),
        sent_at=queued_at + timedelta(seconds=90) if was_sent else None,
    )


def some_other_send(dice: random.Random, until_days: float) -> Send:
    at = NOW - timedelta(seconds=round(dice.uniform(0, until_days * DAY_S)))
    return Send(
        campaign_id=CampaignId(f"camp-{dice.randint(0, 4)}"),
        at=at,
        shop_id=ShopId("s1"),
        geofence_id=GeofenceId("f") if dice.random() < 0.5 else None,
        channel="sms",
        is_ghost=dice.random() < 0.3,
        decided_at=at,
    )


def lived(store: SqlStore, dice: random.Random, messages: int, until_days: float = 120) -> TenantId:
    """A tenant with a customer who has been sent much, and another."""
    longest = dice.randrange(len(SPANS))
    tenant = open_corner(
        store,
        *(some_campaign(dice, n, longest) for n in range(4)),
        customers=names(2),
        settings={"policy": {"caps": [some_cap(dice, n, longest) for n in range(dice.randint(0, 3))]}},
    )
    with store.writing(tenant) as uow:
        uow.outbox.insert(some_message(dice, n, names(2)[n % 5 == 0], until_days) for n in range(messages))
        uow.sends.append((names(1)[0], some_other_send(dice, until_days)) for _ in range(messages // 8))
        uow.commit()
    return tenant


def verdicts(working: WorkingSet, customer: CustomerId) -> list[Verdict]:
    """Each campaign's alone, as if nobody competed, and all of them together."""
    world = working.world
    candidates = [
        Candidate(campaign=c, shop=world.shops[c.shop_id], opportunity_id="o", trigger=c.trigger, at=NOW, geofence_id=f)
        for c in world.campaigns.by_id.values()
        for f in (GeofenceId("f"), None)
    ]
    facts = world.facts(customer, world.campaigns.by_id, NOW)
    alone = [decide([candidate], facts, world.tenant.policy, NOW).verdicts[0] for candidate in candidates]
    return [*alone, *decide(candidates, facts, world.tenant.policy, NOW).verdicts]


@pytest.mark.parametrize("seed", range(40))
def test_no_verdict_is_another_for_it(store: SqlStore, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311
    tenant = lived(store, dice, messages=60)
    catalogue = CatalogueCache(tenant)
    with store.writing(tenant) as uow:
        whole = WorkingSet(uow, catalogue, names(2))
        recent = WorkingSet(uow, catalogue, names(2), NOW)
        for customer in names(2):
            expected = [replace(v, candidate=None) for v in verdicts(whole, customer)]  # type: ignore[arg-type]
            assert [replace(v, candidate=None) for v in verdicts(recent, customer)] == expected  # type: ignore[arg-type]


def test_what_is_held_in_memory_does_not_grow_with_the_years(store: SqlStore) -> None:
    tenant = lived(store, random.Random(7), messages=3000, until_days=3650)  # noqa: S311
    with store.writing(tenant) as uow:
        working = WorkingSet(uow, CatalogueCache(tenant), names(2), NOW)
        waiting = sum(message.has_not_left for message in working.world.messages.values())
        assert len(working.world.messages) - waiting < 60
        assert sum(map(len, working.world.other_sends.values())) < 40
