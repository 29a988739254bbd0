"""The engine's steps: what one thing that happens does to the world at one instant.

Each gives the messages that it queued, or changes only what is kept. A replay's clock and a live worker call the same.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from nearcast.domain.case import Candidate, Send
from nearcast.domain.consent import LOCATION, ConsentEvent, consent_state, in_ledger_order
from nearcast.domain.errors import NotFound
from nearcast.domain.geofence import Geofence
from nearcast.domain.ids import CampaignId, CustomerId, GeofenceId
from nearcast.domain.message import Message
from nearcast.domain.ping import Fix
from nearcast.domain.visit import END
from nearcast.services.deciding import decide_and_keep
from nearcast.services.delivery import cancel_for_geofence, cancel_left_behind, cancel_without_consent
from nearcast.services.matching import candidates_of, forget_customer, let_time_pass, take_fix
from nearcast.services.runs import run_candidates
from nearcast.services.world import World


def take_pings(world: World, customer_id: CustomerId, fixes: Iterable[Fix], now: datetime) -> list[Message]:
    """One customer's pings of one instant, oldest first: their candidates compete."""
    triggers = [key for fix in fixes for key in take_fix(world, customer_id, fix, now)]
    if not triggers:
        return []
    return _decide(world, customer_id, candidates_of(world, triggers, now), now)


def end_visits(world: World, customer_id: CustomerId, now: datetime) -> list[Message]:
    """End the visits that are over without a ping."""
    if customer_id not in world.tracks:
        return []
    triggers = let_time_pass(world, customer_id, now)
    return _decide(world, customer_id, candidates_of(world, triggers, now), now)


def visits_end_at(world: World, customer_id: CustomerId) -> datetime | None:
    """When the first of the customer's open visits ends if nothing more is heard; None where none does."""
    track = world.track(customer_id)
    if track.newest is None:
        return None
    return stays_until(world, {visit.geofence_id for visit in track.open_visits}, track.newest.at)


def stays_until(world: World, geofence_ids: Collection[GeofenceId], last_at: datetime) -> datetime | None:
    """When the first of the visits of somebody in these geofences ends if nothing more is heard than at `last_at`; None
    where none does.
    """
    gap_s = world.tenant.presence.gap_s
    ended = (world.geofences.ended(geofence_id, last_at, END) for geofence_id in geofence_ids)
    ends = [at for at, _ in filter(None, ended)]
    if geofence_ids and gap_s is not None:
        ends.append(last_at + timedelta(seconds=gap_s))
    return min(ends, default=None)


def put_geofence(world: World, geofence: Geofence, now: datetime) -> list[CustomerId]:
    """Bring a revision into force; whose open visits there may now end at another time."""
    world.geofences.put(geofence, now)
    world.tracks.ground_changed()
    return _inside(world, geofence.id)


def take_consent(world: World, given: ConsentEvent, now: datetime) -> None:
    """A line for the ledger, and what follows from it at once."""
    ledger = world.consents.setdefault(given.customer_id, [])
    ledger[:] = in_ledger_order([*ledger, given])
    apply_consent(world, given.customer_id, now)


def apply_consent(world: World, customer_id: CustomerId, now: datetime) -> None:
    """Forget whoever may not be located any more; cancel what is queued and no longer agreed to."""
    cancel_without_consent(world, customer_id, now)
    if not consent_state(world.consents.get(customer_id, ()), LOCATION, now=now).is_live:
        forget_customer(world, customer_id, now)


def delete_geofence(world: World, geofence_id: GeofenceId, now: datetime) -> list[CustomerId]:
    """End the visits there and cancel what is queued for it; who was inside. NotFound where there is none."""
    if not world.geofences.delete(geofence_id, now):
        raise NotFound(f"there is no geofence {geofence_id!r}")
    world.tracks.ground_changed()
    inside = _inside(world, geofence_id)
    for customer_id in inside:
        end_visits(world, customer_id, now)
    cancel_for_geofence(world, geofence_id, now)
    return inside


def _inside(world: World, geofence_id: GeofenceId) -> list[CustomerId]:
    return [
        customer_id
        for customer_id, track in sorted(world.tracks.items())
        if any(visit.geofence_id == geofence_id for visit in track.open_visits)
    ]


def note_other_send(world: World, customer_id: CustomerId, send: Send) -> None:
    """A message that nearcast did not decide: it takes up caps, and its campaign's budget."""
    world.other_sends[customer_id].append(send)
    world.other_budget[send.campaign_id] += not send.is_ghost


def run_campaigns(world: World, campaign_ids: Sequence[CampaignId], due_at: datetime, now: datetime) -> list[Message]:
    """The runs due at one instant together, so that their campaigns compete for each customer."""
    entries: dict[CustomerId, list[Candidate]] = {}
    for campaign_id in campaign_ids:
        found = run_candidates(world, world.campaigns.by_id[campaign_id], due_at)
        world.runs.append({"campaign_id": campaign_id, "due_at": due_at, "entries": len(found)})
        for customer_id, candidate in found:
            entries.setdefault(customer_id, []).append(candidate)
    return [
        message
        for customer_id, candidates in sorted(entries.items())
        for message in _decide(world, customer_id, candidates, now)
    ]


def _decide(world: World, customer_id: CustomerId, candidates: Sequence[Candidate], now: datetime) -> list[Message]:
    queued = decide_and_keep(world, customer_id, candidates, now)
    if queued:
        cancel_left_behind(world, customer_id, now)
    return queued
