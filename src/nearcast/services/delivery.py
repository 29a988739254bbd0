"""Queued messages leave, wait on, or are cancelled; each is decided again, on fresh facts, just before it is sent."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from nearcast.domain.campaign import Campaign, Trigger
from nearcast.domain.case import Candidate, Gate
from nearcast.domain.consent import LOCATION, NEARBY, consent_state
from nearcast.domain.decision import Outcome, decide
from nearcast.domain.ids import CustomerId, GeofenceId, MessageId, VisitId, decision_id
from nearcast.domain.message import Message, MessageStatus
from nearcast.domain.reason import Reason, at_dispatch
from nearcast.domain.sending import Recipient
from nearcast.domain.sensitive import Sensitive
from nearcast.domain.track import pass_time
from nearcast.services.channel_ports import WayOut
from nearcast.services.outbound import outbound
from nearcast.services.outcomes import settled
from nearcast.services.runs import sensitive_since
from nearcast.services.world import World


def dispatch(world: World, channel: WayOut, message_id: MessageId, now: datetime) -> Message:
    """Send a due message, or put it off, or end it; the message as it is then.

    A message that is no longer queued, or not due yet, is left alone. Its customer goes by their name here.
    """
    message = world.messages[message_id]
    if message.status is not MessageStatus.QUEUED or message.not_before > now:
        return message
    ready = decide_again(world, message.to(MessageStatus.CLAIMED), now)
    if ready.status is MessageStatus.SENDING:
        to = Recipient(user_id=ready.customer_id)
        ready = settled(ready, channel.send(outbound(ready, world.tenant.id, to, now)), now)
    return _keep(world, ready)


def decide_again(world: World, message: Message, now: datetime) -> Message:
    """What becomes of a claimed message on fresh facts: it goes on to sending, is put off, or ends. Keeps nothing."""
    if now >= message.expires_at:
        return message.to(MessageStatus.EXPIRED, reason=Reason.EXPIRED, freed_at=now)
    campaign = world.campaigns.by_id[message.campaign_id]
    if message.channel != campaign.channel:
        campaign = replace(campaign, channel=message.channel)
    candidate = Candidate(
        campaign=campaign,
        shop=world.shops[campaign.shop_id],
        opportunity_id=message.decision_id,
        trigger=campaign.trigger,
        at=message.queued_at,
        geofence_id=message.geofence_id,
        visit_id=message.visit_id,
        message_id=message.id,
        expires_at=message.expires_at,
        sensitive=sensitive_of(world, message.geofence_id, campaign, message.customer_id, now),
    )
    facts = world.facts(message.customer_id, [campaign.id], now)
    (verdict,) = decide([candidate], facts, world.tenant.policy, now, Gate.DISPATCH).verdicts
    if verdict.outcome is Outcome.DEFER:
        return message.to(MessageStatus.QUEUED, reason=verdict.reason, not_before=verdict.not_before)
    if verdict.reason is not None:
        return message.to(MessageStatus.CANCELLED, reason=at_dispatch(verdict.reason), freed_at=now)
    if _is_left_behind(world, message, _open_visits(world, message.customer_id, now)):
        return message.to(MessageStatus.CANCELLED, reason=Reason.CANCELLED_LEFT, freed_at=now)
    return message.to(MessageStatus.SENDING, sent_at=now, consent_event_ids=verdict.consent_event_ids)


def sensitive_of(
    world: World, geofence_id: GeofenceId | None, campaign: Campaign, customer_id: CustomerId, now: datetime
) -> Sensitive | None:
    """The sensitive place that stands in the way of a message about that geofence, or of a run's about none."""
    if geofence_id is None:
        return sensitive_since(world, campaign, customer_id, now)
    geofence = world.geofences.at(geofence_id, now)
    return None if geofence is None else world.sensitive.over(geofence)


def cancel_without_consent(world: World, customer_id: CustomerId, now: datetime) -> None:
    """Cancel what is queued for a customer and no longer agreed to."""
    events = world.consents.get(customer_id, ())
    may_locate = consent_state(events, LOCATION, now=now).is_live
    for message in world.queued(customer_id):
        sender = world.campaigns.by_id[message.campaign_id].sender
        may_send = consent_state(events, NEARBY, channel=message.channel, sender=sender, now=now).is_live
        if not (may_locate and may_send):
            _cancel(world, message, Reason.CANCELLED_CONSENT, now)


def cancel_left_behind(world: World, customer_id: CustomerId, now: datetime) -> None:
    """Cancel what was put off for a visit that is over; an offer for having left is none of it."""
    open_visits = {visit.enter.visit_id for visit in world.track(customer_id).open_visits}
    for message in world.queued(customer_id):
        if _is_left_behind(world, message, open_visits):
            _cancel(world, message, Reason.CANCELLED_LEFT, now)


def _is_left_behind(world: World, message: Message, open_visits: Collection[VisitId]) -> bool:
    if not message.is_deferred or message.visit_id is None or message.visit_id in open_visits:
        return False
    return world.campaigns.by_id[message.campaign_id].trigger is not Trigger.EXIT


def _open_visits(world: World, customer_id: CustomerId, now: datetime) -> set[VisitId]:
    """Those that have not ended by `now`, whether anybody has written that down or not."""
    track = world.track(customer_id)
    passed = (
        pass_time(track, ground=world.geofences, rules=world.tenant.presence, now=now).track if track.fixes else track
    )
    return {visit.enter.visit_id for visit in passed.open_visits}


def cancel_opportunity(world: World, customer_id: CustomerId, opportunity_id: str, now: datetime) -> None:
    """Cancel what is queued on a transition that has been taken back."""
    for message in world.queued(customer_id):
        if message.decision_id == decision_id(opportunity_id, message.campaign_id):
            _cancel(world, message, Reason.CANCELLED_NO_TRANSITION, now)


def cancel_for_geofence(world: World, geofence_id: GeofenceId, now: datetime) -> None:
    """Cancel what is queued for a geofence that is gone."""
    queued = [message for waiting in world.waiting.values() for message in waiting.values()]
    for message in queued:
        if message.geofence_id == geofence_id:
            _cancel(world, message, Reason.CANCELLED_LEFT, now)


def _cancel(world: World, message: Message, reason: Reason, now: datetime) -> Message:
    return _keep(world, message.to(MessageStatus.CANCELLED, reason=reason, freed_at=now))


def _keep(world: World, message: Message) -> Message:
    world.keep(message)
    return message
