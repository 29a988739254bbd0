"""Tracks that a worker kept in memory are written down, by itself or, from the ping log, by whoever comes after it."""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import TypeAlias

import numpy as np

from nearcast.domain.ids import CustomerId, GeofenceId
from nearcast.domain.ping import Fix
from nearcast.domain.position import Position
from nearcast.geo.zones import zone_of
from nearcast.services.at_rest import AtRest
from nearcast.services.consent_view import ConsentView
from nearcast.services.engine import stays_until, visits_end_at
from nearcast.services.ingest import by_arrival, faults_of, fix_of, is_said, taken_us
from nearcast.services.instants import US_PER_S, as_instant, as_us
from nearcast.services.ping_ports import PingSlice
from nearcast.services.ports import UnitOfWork
from nearcast.services.track_ports import KeptTrack, Stay, StayedFix
from nearcast.services.world import World

Hear: TypeAlias = Callable[[UnitOfWork], None]
"""Learns what was said of consents by now."""

_CUSTOMERS_AT_ONCE = 250
_PINGS_AT_ONCE = 5_000


def recall(world: World, customer_id: CustomerId, fixes: Sequence[Fix], since_us: int) -> bool:
    """Take fixes into a customer's track that change nothing else, of a time since when they may be located; whether
    there were any. Where a visit was ended since, those that were inside are left out.
    """
    track = world.track(customer_id)
    after_us = since_us if track.newest is None else max(since_us, as_us(track.newest.at) + 1)
    here = {visit.geofence_id for visit in track.open_visits}
    fresh = [fix for fix in fixes if as_us(fix.at) >= after_us and fix.inside == here]
    if fresh:
        world.tracks.stay(customer_id, fresh)
    return bool(fresh)


def settle_some(
    uow: UnitOfWork, world: World, at_rest: AtRest, agreed: ConsentView, hear: Hear, now: datetime
) -> Sequence[CustomerId] | None:
    """Write down some of the tracks that are remembered: whose, nobody's where all are. None where a partition is
    another's by now, and nothing may be committed.
    """
    customer_ids = at_rest.some(_CUSTOMERS_AT_ONCE)
    held = uow.customers.lock(customer_ids)
    hear(uow)  # behind the locks: none of these withdraws any more before this commits
    uptos = {key: at_rest.position_of(key) for key in held}
    stayed = at_rest.stayed(held)
    _write_stays(uow, world, agreed, stayed, uptos, now)
    others = {key: at_rest.fixes(key) for key in held if key not in stayed}
    if others:
        _write(uow, world, agreed, uow.tracks.load(others), others, uptos, now)
    moves = at_rest.round_moves()
    if customer_ids:  # others are still to be written
        moves = {partition: (settled, settled) for partition, (settled, _) in moves.items()}
    return customer_ids if uow.pings.settle(moves, at_rest.tokens()) else None


def _write_stays(
    uow: UnitOfWork,
    world: World,
    agreed: ConsentView,
    found: Mapping[CustomerId, tuple[frozenset[GeofenceId], Sequence[StayedFix]]],
    uptos: Mapping[CustomerId, int],
    now: datetime,
) -> None:
    """As `_write`, of those of whom it is known where they rest: their tracks need not be read."""
    names, stays = [key for key, (_, fixes) in found.items() if fixes], dict[CustomerId, Stay]()
    since_us, before = agreed.since_us_of(uow, names, now), uow.tracks.stays(names)
    lateness_us = round(world.tenant.presence.lateness_s * US_PER_S)
    for key, since in zip(names, since_us, strict=True):
        if (stay := before.get(key)) is not None:
            after_us = since if stay.newest_us is None else max(since, stay.newest_us + 1)
            inside, fixes = found[key]
            fresh = [fix for fix in fixes if fix.at_us >= after_us]
            if fresh:
                ends_at = stays_until(world, inside, as_instant(fresh[-1].at_us))
                stays[key] = _stay_with(stay, fresh, lateness_us, ends_at=ends_at, upto=uptos[key])
    uow.tracks.stay(stays)


def _stay_with(
    stay: Stay, fresh: Sequence[StayedFix], lateness_us: int, *, ends_at: datetime | None, upto: int
) -> Stay:
    """Of the fixes that no later ping can come before, the last is enough."""
    fixes, newest_us = [*stay.fixes, *fresh], fresh[-1].at_us
    gone = bisect_left(fixes, newest_us - lateness_us, key=attrgetter("at_us"))
    zones = (zone_of(Position(fix.lat_deg, fix.lon_deg)) for fix in reversed(fresh))
    last_zone = next(filter(None, zones), stay.last_zone)
    return Stay(fixes=fixes[max(0, gone - 1) :], newest_us=newest_us, last_zone=last_zone, ends_at=ends_at, upto=upto)


def catch_up(
    uow: UnitOfWork, world: World, agreed: ConsentView, hear: Hear, tokens: Mapping[int, int], now: datetime
) -> bool:
    """Write down, from the log, some of what others remembered of these partitions; False where nothing is left, or as
    above.
    """
    again = uow.pings.read(tokens, limit=_PINGS_AT_ONCE, again=True)
    customer_ids = uow.customers.lock({CustomerId(key) for key in again.batch.customer_id})
    hear(uow)
    kept = uow.tracks.load(customer_ids)
    uptos = dict.fromkeys(customer_ids, 0) | {key: each.upto for key, each in kept.items()}
    found = _forgotten(world, again, uptos)
    _write(uow, world, agreed, kept, found, uptos, now)
    return bool(len(again.batch)) and uow.pings.settle(again.moves, tokens)


def _forgotten(world: World, again: PingSlice, uptos: dict[CustomerId, int]) -> dict[CustomerId, list[Fix]]:
    """The pings that are not in the tracks of these customers, which have all up to a number: that is moved on. Whoever
    consumed them has found that they change nothing, or refuses them still.
    """
    batch, found, known = again.batch, dict[CustomerId, list[Fix]](), dict(uptos)
    rows = by_arrival(batch)
    inside = world.geofences.inside(batch.lat_deg, batch.lon_deg, taken_us(batch, np.arange(len(batch))))
    is_bare = ~is_said(faults_of(batch, world.tenant.policy.ping_rules)) & ~is_said(batch.ping_id)
    for row in rows[is_bare[rows]].tolist():
        key, seq = CustomerId(batch.customer_id[row]), int(again.seq[row])
        if key in known and seq > known[key]:
            found.setdefault(key, []).append(fix_of(batch, row, inside.get(row, frozenset())))
            uptos[key] = max(seq, uptos[key])
    return {key: _one_way(fixes) for key, fixes in found.items()}


def _one_way(fixes: Sequence[Fix]) -> list[Fix]:
    """Without those that go back in time."""
    found: list[Fix] = []
    for fix in fixes:
        if not found or fix.at > found[-1].at:
            found.append(fix)
    return found


def _write(
    uow: UnitOfWork,
    world: World,
    agreed: ConsentView,
    kept: Mapping[CustomerId, KeptTrack],
    found: Mapping[CustomerId, Sequence[Fix]],
    uptos: Mapping[CustomerId, int],
    now: datetime,
) -> None:
    names = [key for key, fixes in found.items() if fixes]
    for key, each in kept.items():
        world.tracks.take_up(key, each)
    since_us = agreed.since_us_of(uow, names, now)
    changed = [key for key, since in zip(names, since_us, strict=True) if recall(world, key, found[key], since)]
    uow.tracks.save(
        KeptTrack(
            track=world.tracks[key],
            last_zone=world.last_zones.get(key),
            ends_at=visits_end_at(world, key),
            upto=uptos[key],
        )
        for key in changed
    )
