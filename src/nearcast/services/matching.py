"""Accepted pings move visits; what that changes becomes candidates."""

from collections.abc import Iterable
from datetime import datetime

from nearcast.domain.case import Candidate
from nearcast.domain.ids import CustomerId, transition_opportunity
from nearcast.domain.ping import Fix
from nearcast.domain.track import Advance, Change, advance, forget, pass_time
from nearcast.domain.visit import Transition, TransitionKind
from nearcast.geo.batch import Floats, Ints
from nearcast.geo.zones import zone_of
from nearcast.services.deciding import transition_candidates, with_distances
from nearcast.services.delivery import cancel_left_behind, cancel_opportunity
from nearcast.services.instants import US_PER_S
from nearcast.services.world import TransitionKey, World


def take_fix(world: World, customer_id: CustomerId, fix: Fix, now: datetime) -> list[TransitionKey]:
    """Sort a ping into its customer's track; the transitions that it gives rise to and that may give offers."""
    step = advance(world.track(customer_id), fix, ground=world.geofences, rules=world.tenant.presence, now=now)
    if step.refused is not None:
        counter = world.kept if step.refused == "ping_late" else world.refused
        counter[step.refused] += 1
        world.accepted += step.refused == "ping_late"
        return []
    world.accepted += 1
    zone = zone_of(fix.position)
    if zone is not None and step.track.stance.last is fix:
        world.last_zones[customer_id] = zone
    rules = world.tenant.policy.ping_rules
    world.kept["ping_stale"] += (now - fix.at).total_seconds() > rules.max_age_s
    world.kept["ping_quarantined"] += step.track.stance.quarantined is fix
    world.kept["ping_inaccurate"] += fix.accuracy_m > rules.max_accuracy_m
    return _write(world, customer_id, step, now)


def count_calm(world: World, age_us: Ints, accuracy_m: Floats) -> None:
    """Count n pings that change nothing as `take_fix` counts one; an accuracy that nobody tells is NaN."""
    rules = world.tenant.policy.ping_rules
    world.accepted += len(age_us)
    world.kept["ping_stale"] += int((age_us > rules.max_age_s * US_PER_S).sum())
    world.kept["ping_inaccurate"] += int((accuracy_m > rules.max_accuracy_m).sum())


def let_time_pass(world: World, customer_id: CustomerId, now: datetime) -> list[TransitionKey]:
    """End the visits that have ended without a ping: silence, deleted geofences, active hours."""
    step = pass_time(world.track(customer_id), ground=world.geofences, rules=world.tenant.presence, now=now)
    return _write(world, customer_id, step, now)


def forget_customer(world: World, customer_id: CustomerId, now: datetime) -> None:
    """Consent to location is gone: end the visits and drop every position."""
    if customer_id in world.tracks:
        _write(world, customer_id, forget(world.tracks[customer_id], ground=world.geofences, now=now), now)
        del world.tracks[customer_id]
        world.last_zones.pop(customer_id, None)


def _write(world: World, customer_id: CustomerId, step: Advance, now: datetime) -> list[TransitionKey]:
    world.tracks[customer_id] = step.track
    triggers: list[TransitionKey] = []
    for change in step.changes:
        transition = change.transition
        key = (transition.visit_id, transition.kind)
        if change.change is Change.REMOVED:
            world.transitions.pop(key, None)
            world.taken_back.add(key)
            opportunity = transition_opportunity(transition.visit_id, transition.kind)
            cancel_opportunity(world, customer_id, opportunity, now)
            continue
        world.transitions[key] = (customer_id, transition)
        world.taken_back.discard(key)
        if change.triggers:
            triggers.append(key)
    if step.changes:
        cancel_left_behind(world, customer_id, now)
    return triggers


def candidates_of(world: World, triggers: Iterable[TransitionKey], now: datetime) -> list[Candidate]:
    """The candidates of those transitions that still stand after all of an instant's pings."""
    standing = (world.transitions.get(key) for key in triggers)
    told = [transition for _, transition in filter(None, standing)]
    return with_distances([(each, by.fix) for by in told for each in transition_candidates(world, by, now)])


def in_file_order(transition: Transition) -> tuple[datetime, int, str]:
    """How transitions are told: by event time, exits before enters, then by geofence."""
    order = (TransitionKind.EXIT, TransitionKind.ENTER, TransitionKind.DWELL, TransitionKind.CROSS)
    return (transition.at, order.index(transition.kind), transition.geofence_id)
