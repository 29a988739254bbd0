"""Tracks that a worker kept in memory are written down, by itself or, from the ping log, by whoever comes after it."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np

from nearcast.domain.ids import CustomerId
from nearcast.domain.ping import Fix
from nearcast.domain.track import stay
from nearcast.geo.zones import zone_of
from nearcast.services.at_rest import AtRest
from nearcast.services.consent_view import ConsentView
from nearcast.services.engine import visits_end_at
from nearcast.services.ingest import faults_of, fix_of, is_said
from nearcast.services.instants import as_us
from nearcast.services.ping_ports import PingSlice
from nearcast.services.ports import KeptTrack, UnitOfWork
from nearcast.services.world import World

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
        world.tracks[customer_id] = stay(track, fresh, ground=world.geofences, rules=world.tenant.presence)
        zone = next(filter(None, (zone_of(fix.position) for fix in reversed(fresh))), None)
        if zone is not None:
            world.last_zones[customer_id] = zone
    return bool(fresh)


def settle_some(
    uow: UnitOfWork, world: World, at_rest: AtRest, agreed: ConsentView, now: datetime
) -> Sequence[CustomerId] | None:
    """Write down some of the tracks that are remembered: whose, nobody's where all are. None where a partition is
    another's by now, and nothing may be committed.
    """
    customer_ids = at_rest.some(_CUSTOMERS_AT_ONCE)
    found = {key: at_rest.fixes(key) for key in uow.customers.lock(customer_ids)}
    at_rest.doubt(agreed.refresh(uow))  # behind the locks: none of these withdraws any more before this commits
    _write(uow, world, agreed, found, {key: at_rest.position_of(key) for key in found}, now)
    moves = at_rest.round_moves()
    if customer_ids:  # others are still to be written
        moves = {partition: (settled, settled) for partition, (settled, _) in moves.items()}
    return customer_ids if uow.pings.settle(moves, at_rest.tokens()) else None


def catch_up(uow: UnitOfWork, world: World, agreed: ConsentView, tokens: Mapping[int, int], now: datetime) -> bool:
    """Write down what others remembered of these partitions, from the log; False as above."""
    again = uow.pings.read(tokens, limit=_PINGS_AT_ONCE, again=True)
    customer_ids = uow.customers.lock({CustomerId(key) for key in again.batch.customer_id})
    agreed.refresh(uow)
    _write(uow, world, agreed, *_forgotten(uow, world, again, customer_ids), now)
    return uow.pings.settle(again.moves, tokens)


def _forgotten(
    uow: UnitOfWork, world: World, again: PingSlice, customer_ids: Sequence[CustomerId]
) -> tuple[dict[CustomerId, list[Fix]], dict[CustomerId, int]]:
    """Of each customer the pings that are not in their track, and the last of their numbers. Whoever consumed them has
    found that they change nothing, or refuses them still.
    """
    batch, found, uptos = again.batch, dict[CustomerId, list[Fix]](), dict[CustomerId, int]()
    known = {key: kept.upto for key, kept in uow.tracks.load(customer_ids).items()}
    held = frozenset(customer_ids)
    inside = world.geofences.inside(
        batch.lat_deg, batch.lon_deg, np.minimum(batch.recorded_at_us, batch.received_at_us)
    )
    is_bare = ~is_said(faults_of(batch, world.tenant.policy.ping_rules)) & ~is_said(batch.ping_id)
    by_arrival = np.lexsort((batch.recorded_at_us, batch.received_at_us))
    for row in by_arrival[is_bare[by_arrival]].tolist():
        key, seq = CustomerId(batch.customer_id[row]), int(again.seq[row])
        if key in held and seq > known.get(key, 0):
            found.setdefault(key, []).append(fix_of(batch, row, inside.get(row, frozenset())))
            uptos[key] = max(seq, uptos.get(key, 0))
    return {key: _one_way(fixes) for key, fixes in found.items()}, uptos


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
    found: Mapping[CustomerId, Sequence[Fix]],
    uptos: Mapping[CustomerId, int],
    now: datetime,
) -> None:
    names = [key for key, fixes in found.items() if fixes]
    if not names:
        return
    for key, kept in uow.tracks.load(names).items():
        world.tracks[key] = kept.track
        if kept.last_zone is not None:
            world.last_zones[key] = kept.last_zone
    since_us = agreed.live_since_us(uow, np.array(names, dtype=object), np.full(len(names), as_us(now))).tolist()
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
