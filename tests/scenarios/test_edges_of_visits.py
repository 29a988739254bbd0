"""Where visits begin and end at the edge of something: hours, boundaries, better fixes, silence, empty lists."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nearcast.domain.geofence import Circle, Geofence
from nearcast.domain.ids import CustomerId, GeofenceId, TenantId
from nearcast.domain.ping import Fix
from nearcast.domain.position import Position as Place
from nearcast.domain.track import Track, advance
from nearcast.domain.visit import PresenceRules, TransitionReason
from tests.scenarios.harness import (
    CENTER,
    N50,
    N99,
    N110,
    N150,
    N200,
    N500,
    Outcome,
    Position,
    Row,
    at,
    bare,
    berlin,
    campaign_a,
    circle,
    collection,
    only,
    ping,
    polygon,
    ring,
    rows,
    run,
    the_end,
)

SHOP_FENCE = circle("f", CENTER, 100, shop_id="s1")


def shopping(*events: Row, geofences: tuple[Row, ...] = (SHOP_FENCE,), **more: Any) -> Row:
    """A campaign on the circle F of the tables, and no rule that could stop it."""
    return bare(*events, geofences=collection(*geofences), **more)


def on_enter_and_exit(scenario: Row) -> Row:
    free = {key: value for key, value in campaign_a().items() if key not in {"active", "dayparts", "holdout"}}
    free |= {"re_eligibility_s": 0, "fence_cooldown_s": 0}
    kinds = [{**free, "id": f"on-{on}", "trigger": {"on": on}} for on in ("enter", "exit")]
    return {**scenario, "campaigns": kinds}


def late(arrives: str, recorded: str, position: Position, **more: Any) -> Row:
    return ping(at(arrives), position, recorded_at=at(recorded), **more)


def put(when: str, feature: Row) -> Row:
    return {"at": when, "geofence_put": feature}


# --- active hours that come, go and change during a visit


def open_during(hours: str | None) -> Row:
    return circle("f", CENTER, 100, shop_id="s1", **({"active_hours": hours} if hours else {}))


def inside_all_day(*edits: Row, fence: Row = SHOP_FENCE) -> Row:
    """Inside from 11:00 to 15:00 by Berlin's clocks, out at 16:00; campaigns on entering and on leaving."""
    stay = [ping(berlin(f"2026-06-02 {hour}:00"), N50) for hour in (11, 13, 14, 15)]
    away = ping(berlin("2026-06-02 16:00"), N500)
    return on_enter_and_exit(shopping(*stay, away, *edits, geofences=(fence,)))


def exits(outcome: Outcome) -> list[tuple[str, str | None]]:
    return [(row["at"], row["reason"]) for row in rows(outcome.transitions, kind="exit")]


@pytest.mark.parametrize(
    ("edits", "ends", "reason"),
    [
        pytest.param([("11:30", "08:00-12:00")], "12:00", "inactive", id="hours are added"),
        pytest.param([("12:30", "08:00-12:00")], "12:30", "inactive", id="added when they are over"),
        pytest.param([("11:30", "17:00-20:00")], "11:30", "inactive", id="added before they begin"),
        pytest.param([("11:30", "We 08:00-20:00")], "11:30", "inactive", id="added on another weekday"),
        pytest.param([("12:00", "08:00-12:00")], "12:00", "inactive", id="added as they end"),
        pytest.param([("11:20", "08:00-13:30"), ("11:40", "08:00-12:15")], "12:15", "inactive", id="made shorter"),
        pytest.param([("11:20", "08:00-12:00"), ("11:40", "08:00-14:30")], "14:30", "inactive", id="made longer"),
        pytest.param([("11:20", "08:00-12:00"), ("11:40", None)], "16:00", None, id="taken back in time"),
        pytest.param([("11:20", "08:00-12:00"), ("12:10", None)], "12:00", "inactive", id="taken back too late"),
    ],
)
def test_hours_put_during_a_visit_end_it_when_they_say(tmp_path, edits, ends, reason):
    puts = [put(berlin(f"2026-06-02 {when}"), open_during(hours)) for when, hours in edits]
    outcome = run(tmp_path, inside_all_day(*puts))
    assert exits(outcome)[0] == (berlin(f"2026-06-02 {ends}"), reason)
    assert rows(outcome.transitions, kind="exit")[0]["decided_at"] == berlin(f"2026-06-02 {ends}")


@pytest.mark.parametrize("hours", ["08:00-12:00", "17:00-20:00"])
def test_hours_put_during_a_visit_give_nobody_an_offer(tmp_path, hours):
    """Nobody left: the exit belongs to the shop."""
    outcome = run(tmp_path, inside_all_day(put(berlin("2026-06-02 11:30"), open_during(hours))))
    assert outcome.story()[1:] == [f"exit f {'00:00' if hours.startswith('08') else '-30:00'}"]
    assert rows(outcome.match_log, campaign_id="on-exit") == []
    assert [message["campaign_id"] for message in outcome.messages] == ["on-enter"]


def test_hours_changed_during_a_visit_count_from_the_change(tmp_path):
    """Drawn with hours until noon, put again with hours until two."""
    edit = put(berlin("2026-06-02 11:30"), open_during("08:00-14:00"))
    outcome = run(tmp_path, inside_all_day(edit, fence=open_during("08:00-12:00")))
    assert exits(outcome) == [(berlin("2026-06-02 14:00"), "inactive")]


# --- a better fix, and what it does to a visit that is still open


def test_a_visit_whose_first_fix_is_overruled_keeps_its_name_and_begins_later(tmp_path):
    path = [ping(at("00:00"), N500), ping(at("00:10"), N50, accuracy_m=50), ping(at("00:20"), N50)]
    better = late("00:30", "00:10", N500, accuracy_m=5)
    before = only(run(tmp_path / "before", shopping(*path)).transitions)
    outcome = run(tmp_path / "after", shopping(*path, better))
    after = only(outcome.transitions)
    assert (before["at"], after["at"]) == (at("00:10"), at("00:20"))
    assert after["visit_id"] == before["visit_id"]
    assert outcome.verdicts() == ["send"], "it is the same visit: no second opportunity"


def test_a_visit_that_began_later_is_left_under_its_name(tmp_path):
    path = [ping(at("00:00"), N500), ping(at("00:10"), N50, accuracy_m=50), ping(at("00:20"), N50)]
    better = late("00:30", "00:10", N500, accuracy_m=5)
    outcome = run(tmp_path, shopping(*path, better, ping(at("03:00"), N500)))
    assert outcome.story() == ["enter f 00:20", "exit f 03:00"]
    assert len({row["visit_id"] for row in outcome.transitions}) == 1
    assert outcome.transitions[-1]["duration_s"] == 160


# --- a fence that is gone when a ping arrives


@pytest.mark.parametrize("arrives", ["10:30", "10:10"])
def test_a_ping_from_before_the_deletion_is_logged_and_triggers_nothing(tmp_path, arrives):
    """It entered while there was a fence; when that is heard of there is no offer to give."""
    events = [ping(at("09:30"), N500), {"at": at("10:10"), "geofence_delete": "f"}, late(arrives, "10:00", N50)]
    outcome = run(tmp_path, on_enter_and_exit(shopping(*events, the_end(at("20:00")))))
    assert outcome.story() == ["enter f 10:00", "exit f 10:10"]
    assert outcome.transitions[-1]["reason"] == "fence_deleted"
    assert outcome.match_log == outcome.messages == []


# --- a fence that grows

INNER, BETWEEN = N50, N150
GROWN = circle("f", CENTER, 200, shop_id="s1")


@pytest.mark.parametrize(
    ("before", "after", "sends"),
    [
        pytest.param(BETWEEN, INNER, 1, id="walks in over the old boundary"),
        pytest.param(BETWEEN, N99, 1, id="just over it"),
        pytest.param(BETWEEN, BETWEEN, 0, id="stays"),
        pytest.param(BETWEEN, N110, 0, id="comes nearer, not over it"),
        pytest.param(N500, BETWEEN, 1, id="walks in over the new boundary alone"),
    ],
)
def test_a_fence_that_grows_triggers_for_whoever_walked_in(tmp_path, before, after, sends):
    outcome = run(tmp_path, shopping(ping(at("09:00"), before), put(at("10:00"), GROWN), ping(at("11:00"), after)))
    assert outcome.story() == ["enter f 11:00"]
    assert len(outcome.sent) == sends


# --- silence


def test_an_exit_found_again_by_silence_has_its_row_once(tmp_path):
    """Ten minutes of silence are called at 10:00; a ping that was on its way moves them to 18:00."""
    scenario = shopping(
        ping(at("00:00"), N50),
        late("10:30", "08:00", N50),
        the_end(at("40:00")),
        campaign={"trigger": {"on": "exit"}},
        presence={"gap_s": 600, "lateness_s": 300},
    )
    outcome = run(tmp_path, scenario)
    assert outcome.story() == ["enter f 00:00", "exit f 08:00"]
    assert outcome.transitions[-1]["decided_at"] == at("18:00")
    row = only(outcome.match_log)
    assert (row["outcome"], row["at"], row["decided_at"]) == ("send", at("00:00"), at("10:00"))
    assert only(outcome.messages)["sent_at"] == at("10:00")


# --- lists that say nothing


def test_a_campaign_with_no_geofence_ids_means_every_fence_of_its_shop(tmp_path):
    fences = (SHOP_FENCE, circle("also", N500, 50, shop_id="s1"), circle("other", N200, 30, shop_id="s2"))
    path = [ping(at("00:00"), N50), ping(at("01:00"), N200), ping(at("02:00"), N500)]
    shops = [{"id": shop_id, "lat": 52.52, "lon": 13.405} for shop_id in ("s1", "s2")]
    outcome = run(tmp_path, shopping(*path, geofences=fences, shops=shops, campaign={"geofence_ids": []}))
    assert [row["geofence_id"] for row in outcome.match_log] == ["f", "also"]


def test_a_run_with_no_geofence_ids_needs_nobody_inside(tmp_path):
    """As one without the key: `seen_within_s` alone decides."""
    schedule = {"cron": "30 12 * * *", "timezone": "Europe/Berlin", "seen_within_s": 3600}
    campaign = {"trigger": {"on": "schedule"}, "schedule": schedule, "geofence_ids": []}
    outcome = run(tmp_path, shopping(ping(at("00:00"), N500), the_end(at("40:00")), campaign=campaign))
    assert outcome.verdicts() == ["send"]


@pytest.mark.parametrize("day", range(1, 8))
def test_a_daypart_with_no_days_means_every_day(tmp_path, day):
    campaign = {"dayparts": [{"days": [], "from": "10:00", "until": "20:00"}]}
    inside, after = berlin(f"2026-06-0{day} 19:59"), berlin(f"2026-06-0{day} 20:00")
    assert run(tmp_path / "in", shopping(ping(inside, N50), campaign=campaign)).verdicts() == ["send"]
    verdicts = run(tmp_path / "out", shopping(ping(after, N50), campaign=campaign)).verdicts()
    assert verdicts == ["suppress outside_daypart"]


def test_a_shop_without_fences_is_no_error(tmp_path):
    fence = polygon("elsewhere", ring(13.5, 52.6, 13.51, 52.61), shop_id="s2")
    shops = [{"id": shop_id, "lat": 52.52, "lon": 13.405} for shop_id in ("s1", "s2")]
    outcome = run(tmp_path, shopping(ping(at("00:00"), N50), geofences=(fence,), shops=shops))
    assert outcome.transitions == outcome.match_log == []


# --- a long day costs no more than its pings

SOME_DAY = datetime(2026, 6, 2, tzinfo=UTC)


class CountingGround:
    """One fence for ever, and how often somebody asked about it."""

    def __init__(self) -> None:
        self.asked = 0
        self.fence = Geofence(id=GeofenceId("f"), boundary=Circle(Place(*CENTER), 100.0))

    def at(self, geofence_id: GeofenceId, instant: datetime) -> Geofence | None:
        self.asked += 1
        return self.fence

    def ended(
        self, geofence_id: GeofenceId, after: datetime, until: datetime
    ) -> tuple[datetime, TransitionReason] | None:
        self.asked += 1
        return None

    def covers(self, geofence: Geofence, position: Place) -> bool:
        return False

    def distance_m(self, start: Place, end: Place) -> float:
        self.asked += 1
        return 0.0

    def clearance_m(self, geofence: Geofence, position: Place) -> float:
        self.asked += 1
        return 500.0

    def depth_m(self, geofence: Geofence) -> float:
        self.asked += 1
        return 100.0

    def crossed(self, start: Fix, end: Fix, within_m: float) -> list[tuple[GeofenceId, float]]:
        self.asked += 1
        return []


PATTERNS: dict[str, Callable[[int], bool]] = {
    "inside all day": lambda n: True,
    "in and out": lambda n: n % 7 != 0,
    "passing by": lambda n: n % 50 == 0,
}


def questions(pings: int, is_inside: Callable[[int], bool], **more: Any) -> int:
    ground, rules = CountingGround(), PresenceRules(lateness_s=86_400, **more)
    track = Track(tenant_id=TenantId("t1"), customer_id=CustomerId("cust-0001"))
    for n in range(pings):
        when = SOME_DAY + timedelta(seconds=20 * n)
        inside = frozenset([ground.fence.id]) if is_inside(n) else frozenset()
        fix = Fix(at=when, position=Place(*(N50 if is_inside(n) else N500)), inside=inside)
        track = advance(track, fix, ground=ground, rules=rules, now=when).track
    return ground.asked


@pytest.mark.parametrize("more", [{}, {"gap_s": 7200, "dwell_s": 60}, {"cross_within_s": 60}], ids=str)
@pytest.mark.parametrize("pattern", PATTERNS)
def test_pings_in_order_are_walked_through_once_however_late_others_may_come(pattern, more):
    """None of the 2,000 is settled by the end of the day; twice the pings are twice the work."""
    half, whole = (questions(pings, PATTERNS[pattern], **more) for pings in (1000, 2000))
    assert whole <= 2.2 * half
    assert whole <= 20 * 2000
