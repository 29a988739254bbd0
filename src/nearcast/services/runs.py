"""Scheduled runs: when they are due and who is near enough.

Due instants come from cronsim, which treats clock changes as Debian's cron does: a local time that is skipped runs
once when the gap ends, one that happens twice runs once.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cronsim import CronSim, CronSimError

from nearcast.domain.campaign import Campaign, CampaignState, Schedule
from nearcast.domain.case import Candidate
from nearcast.domain.errors import InvalidInput
from nearcast.domain.ids import CustomerId, GeofenceId
from nearcast.domain.ping import Fix
from nearcast.domain.position import Position
from nearcast.domain.sensitive import Sensitive
from nearcast.services.deciding import distances_m, run_candidate
from nearcast.services.ports import Revision
from nearcast.services.world import World

_FIELDS = 5
_REPEATED = timedelta(hours=3)  # longer than any clock is set back
MISSED_AT_MOST = 1_000
_FIRST_LOOK, _FURTHER = timedelta(days=1), 4


@dataclass(frozen=True, slots=True)
class DueRun:
    """`is_missed`: it was found out too late to be made up for; it is recorded and nothing is sent."""

    due_at: datetime
    is_missed: bool


def check_cron(expression: str) -> None:
    """InvalidInput for a cron expression that is none; one with seconds is none."""
    try:
        if len(expression.split()) != _FIELDS:
            raise CronSimError(f"it has {len(expression.split())} fields instead of {_FIELDS}")
        CronSim(expression, datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        raise InvalidInput(f"{expression!r} is not a cron expression: {error}") from error


def next_due(schedule: Schedule, after: datetime) -> datetime | None:
    """The first due instant later than `after`, in UTC; None for a rule that never comes."""
    local = after.astimezone(schedule.zone)
    # within an hour that happens twice, what was due at its first time is over: look from before it
    start = (after - _REPEATED).astimezone(schedule.zone) if local.fold else local
    instants = (due.astimezone(UTC) for due in CronSim(schedule.cron, start))
    return next((due for due in instants if due > after), None)


def due_runs(schedule: Schedule, after: datetime, now: datetime, *, on_time_s: float = 0.0) -> Iterator[DueRun]:
    """The runs due in (after, now], oldest first; those older than `catch_up_s` are missed.

    Of the missed ones no more than the newest `MISSED_AT_MOST` are told, however long nobody looked. What is found out
    within `on_time_s` is on time whatever the schedule says.
    """
    made_up_for = timedelta(seconds=max(schedule.catch_up_s, on_time_s))
    if now - after > made_up_for:
        until = now - made_up_for
        for due_at in _newest_between(schedule, after, until):
            yield DueRun(due_at, is_missed=True)
        after = until - timedelta(microseconds=1)
    for due_at in _between(schedule, after, now):
        yield DueRun(due_at, is_missed=False)


def _newest_between(schedule: Schedule, after: datetime, until: datetime) -> list[datetime]:
    """The newest due instants in (after, until), looking back only as far as it takes to find enough of them."""
    look_back = _FIRST_LOOK
    while True:
        is_all = until - after <= look_back
        found = list(_between(schedule, after if is_all else until - look_back, until - timedelta(microseconds=1)))
        if is_all or len(found) >= MISSED_AT_MOST:
            return found[-MISSED_AT_MOST:]
        look_back *= _FURTHER


def _between(schedule: Schedule, after: datetime, until: datetime) -> Iterator[datetime]:
    due_at = next_due(schedule, after)
    while due_at is not None and due_at <= until:
        yield due_at
        due_at = next_due(schedule, due_at)


def scheduled_since(history: Sequence[Revision]) -> datetime:
    """Since when a campaign stands in its present state under its present schedule, by its revisions, oldest first.

    What was due before that was due to no such campaign: it was a draft, paused, or due at other times.
    """
    newest = history[-1]
    since = newest.at
    for earlier in reversed(history[:-1]):
        if earlier.is_deleted or earlier.state != newest.state or _when(earlier) != _when(newest):
            break
        since = earlier.at
    return since


def _when(revision: Revision) -> tuple[object, object]:
    return revision.doc.get("trigger"), revision.doc.get("schedule")


def run_candidates(world: World, campaign: Campaign, due_at: datetime) -> list[tuple[CustomerId, Candidate]]:
    """An entry for every customer seen recently enough and near enough, in id order.

    Without `within_m`, a campaign that names its geofences takes those whose visit there is open.
    """
    schedule = campaign.schedule
    if schedule is None or campaign.state is CampaignState.DRAFT:
        return []
    seen: list[tuple[CustomerId, Fix]] = []
    sensitive: dict[CustomerId, Sensitive | None] = {}
    for customer_id, track in sorted(world.tracks.items()):
        newest = track.stance.last
        if newest is None:
            continue
        age_s = (due_at - newest.at).total_seconds()
        if schedule.seen_within_s is not None and age_s > schedule.seen_within_s:
            continue
        visiting = {visit.geofence_id for visit in track.open_visits}
        if schedule.within_m is None and campaign.geofence_ids is not None and not visiting & campaign.geofence_ids:
            continue
        seen.append((customer_id, newest))
        sensitive[customer_id] = _sensitive(world, campaign, visiting, newest.position, due_at)
    origin = world.shops[campaign.shop_id].position
    far = distances_m(origin, [fix.position for _, fix in seen]) if origin is not None else [None] * len(seen)
    return [
        (customer_id, run_candidate(world, campaign, customer_id, due_at, fix, distance, sensitive[customer_id]))
        for (customer_id, fix), distance in zip(seen, far, strict=True)
        if schedule.within_m is None or (distance is not None and distance <= schedule.within_m)
    ]


def sensitive_since(world: World, campaign: Campaign, customer_id: CustomerId, now: datetime) -> Sensitive | None:
    """The sensitive place that stands in the way of a run's message which has waited: the list may have grown. By where
    the customer was seen last; once their visits are over, one of the campaign's geofences is enough.
    """
    track = world.track(customer_id)
    last, visiting = track.stance.last, {visit.geofence_id for visit in track.open_visits}
    if last is not None and (found := _sensitive(world, campaign, visiting, last.position, now)) is not None:
        return found
    named = campaign.geofence_ids or frozenset()
    return None if visiting & named else next(filter(None, _over(world, campaign, named, now)), None)


def _sensitive(
    world: World, campaign: Campaign, visiting: Collection[GeofenceId], position: Position, due_at: datetime
) -> Sensitive | None:
    """The sensitive place that a customer is in, or that every one of the campaign's geofences about them lies over."""
    here = world.sensitive.at(position)
    if here is not None:
        return here
    over = _over(world, campaign, (campaign.geofence_ids or frozenset()).intersection(visiting), due_at)
    return over[0] if over and all(over) else None


def _over(world: World, campaign: Campaign, geofence_ids: Iterable[GeofenceId], at: datetime) -> list[Sensitive | None]:
    """The sensitive place under each of these geofences, where the campaign's run goes by geofences."""
    if campaign.schedule is None or campaign.schedule.within_m is not None:
        return []
    drawn = (world.geofences.at(key, at) for key in sorted(geofence_ids))
    return [world.sensitive.over(geofence) for geofence in drawn if geofence is not None]
