"""A message that is cancelled at dispatch leaves its opportunity empty, but for who lost it to its campaign and is a
fall-back (campaigns reference §5.4).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from nearcast.domain.campaign import Trigger
from nearcast.domain.case import Candidate
from nearcast.domain.decision import Outcome, decide
from nearcast.domain.message import Message, MessageStatus
from nearcast.services.deciding import message_of
from nearcast.services.delivery import sensitive_of
from nearcast.services.world import World


def fall_back(world: World, cancelled: Message, now: datetime) -> Message | None:
    """The message that takes the place of one that was cancelled at dispatch; kept, and yet to be decided again before
    it leaves. None where nobody does: a hold-out leaves the place empty, too.

    The losers are asked in the order of their arbitration, each on the facts of now; the row of the match log that says
    that it lost stays, and its message refers to it. An offer holds until the instant that was said then.
    """
    if cancelled.status is not MessageStatus.CANCELLED or not world.campaigns.has_fallbacks:
        return None
    for row in _next_in_line(world, cancelled):
        campaign = world.campaigns.by_id.get(row["campaign_id"])
        if campaign is None or not campaign.is_fallback or now >= row["expires_at"]:
            continue
        candidate = Candidate(
            campaign=campaign,
            shop=world.shops[campaign.shop_id],
            opportunity_id=row["decision_id"],
            trigger=Trigger(row["trigger"]),
            at=row["at"],
            geofence_id=row["geofence_id"],
            visit_id=cancelled.visit_id if row["geofence_id"] == cancelled.geofence_id else None,
            expires_at=row["expires_at"],
            sensitive=sensitive_of(world, row["geofence_id"], campaign, cancelled.customer_id, now),
        )
        customer_id = cancelled.customer_id
        facts = world.facts(customer_id, [campaign.id], now)
        decision = decide([candidate], facts, world.tenant.policy, now)
        (verdict,) = decision.verdicts
        world.assignments[customer_id] += decision.assignments
        if verdict.outcome is Outcome.HOLDOUT:
            world.other_sends[customer_id].append(candidate.as_send(now, is_ghost=True))
            return None
        if verdict.outcome in (Outcome.SEND, Outcome.DEFER):
            message = message_of(world, customer_id, row["decision_id"], verdict, now)
            world.keep(message)
            return message
    return None


def _next_in_line(world: World, cancelled: Message) -> list[Mapping[str, Any]]:
    """The rows of those that lost against the same winner and come after the one whose message was cancelled."""
    of = cancelled.customer_id, cancelled.decision_id
    rows = [row for row in (*world.rows, *world.rows_before(*of)) if row["customer_id"] == cancelled.customer_id]
    own = next((row for row in rows if row["decision_id"] == cancelled.decision_id), None)
    if own is None:
        return []
    winner, place = own["winner_campaign_id"] or own["campaign_id"], _place(own)
    beside = [row for row in rows if row["decided_at"] == own["decided_at"] and row["winner_campaign_id"] == winner]
    return sorted((row for row in beside if _place(row) > place), key=_place)


def _place(row: Mapping[str, Any]) -> int:
    place: int = row["detail"].get("arbitration", {}).get("fallback", 0)
    return place
