"""Accepted pings move visits; what that changes becomes candidates."""

from datetime import datetime

from nearcast.domain.ids import CustomerId, transition_opportunity
from nearcast.domain.ping import Fix
from nearcast.domain.rules import Candidate
from nearcast.domain.track import Advance, Change, advance, forget, pass_time
from nearcast.domain.visit import Transition, TransitionKind
from nearcast.services.deciding import transition_candidates
from nearcast.services.delivery import cancel_after_exit, cancel_opportunity
from nearcast.services.world import World, zone_of


def take_fix(world: World, customer_id: CustomerId, fix: Fix, now: datetime) -> list[Candidate]:
    """Sort a ping into its customer's track; the candidates that it gives rise to."""
    step = advance(world.track(customer_id), fix, ground=world.geofences, rules=world.tenant.presence, now=now)
    if step.refused is not None:
        counter = world.kept if step.refused == "ping_late" else world.refused
        counter[step.refused] += 1
        world.accepted += step.refused == "ping_late"
        return []
    world.accepted += 1
    zone = zone_of(fix.position)
    if zone is not None and step.track.newest is fix:
        world.last_zones[customer_id] = zone
    rules = world.tenant.policy.ping_rules
    world.kept["ping_stale"] += (now - fix.at).total_seconds() > rules.max_age_s
    world.kept["ping_inaccurate"] += fix.accuracy_m > rules.max_accuracy_m
    return _write(world, customer_id, step)


def let_time_pass(world: World, customer_id: CustomerId, now: datetime) -> list[Candidate]:
    """End the visits that have ended without a ping: silence, deleted geofences, active hours."""
    step = pass_time(world.track(customer_id), ground=world.geofences, rules=world.tenant.presence, now=now)
    return _write(world, customer_id, step)


def forget_customer(world: World, customer_id: CustomerId, now: datetime) -> None:
    """Consent to location is gone: end the visits and drop every position."""
    if customer_id in world.tracks:
        _write(world, customer_id, forget(world.tracks[customer_id], ground=world.geofences, now=now))
        del world.tracks[customer_id]
        world.last_zones.pop(customer_id, None)


def _write(world: World, customer_id: CustomerId, step: Advance) -> list[Candidate]:
    world.tracks[customer_id] = step.track
    candidates: list[Candidate] = []
    for change in step.changes:
        transition = change.transition
        key = (transition.visit_id, transition.kind)
        if change.change is Change.REMOVED:
            world.transitions.pop(key, None)
            opportunity = transition_opportunity(transition.visit_id, transition.kind)
            cancel_opportunity(world, customer_id, opportunity)
            continue
        world.transitions[key] = (customer_id, transition)
        if transition.kind is TransitionKind.EXIT:
            cancel_after_exit(world, customer_id, transition)
        if change.triggers:
            candidates += transition_candidates(world, transition)
    return candidates


def in_file_order(transition: Transition) -> tuple[datetime, int, str]:
    """How transitions are told: by event time, exits before enters, then by geofence."""
    order = (TransitionKind.EXIT, TransitionKind.ENTER, TransitionKind.DWELL, TransitionKind.CROSS)
    return (transition.at, order.index(transition.kind), transition.geofence_id)
