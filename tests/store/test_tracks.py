"""Who is where: the questions that due work asks."""

from dataclasses import replace
from zoneinfo import ZoneInfo

from nearcast.domain.ids import CustomerId, GeofenceId, TenantId, VisitId
from nearcast.domain.ping import Fix
from nearcast.domain.position import Position
from nearcast.domain.track import Track
from nearcast.domain.visit import Transition, TransitionKind, Visit
from nearcast.services.instants import as_us
from nearcast.services.track_ports import KeptTrack, Stay, StayedFix
from nearcast.store.sql_store import SqlStore
from tests.store.values import ANNA, BOB, NOON, later

HERE = Position(52.52, 13.405)


def told(kind: TransitionKind, fence: str, at_s: float) -> Transition:
    return Transition(
        kind=kind,
        geofence_id=GeofenceId(fence),
        at=later(at_s),
        geofence_revision=1,
        visit_id=VisitId(f"visit {fence}"),
        decided_at=later(at_s),
    )


def visit(fence: str, *, is_over: bool = False) -> Visit:
    leave = told(TransitionKind.EXIT, fence, 10) if is_over else None
    return Visit(enter=told(TransitionKind.ENTER, fence, 0), exit=leave)


def kept(tenant: TenantId, customer_id: CustomerId, *visits: Visit, seen_s: float, ends_s: float | None) -> KeptTrack:
    track = Track(
        tenant_id=tenant, customer_id=customer_id, fixes=(Fix(at=later(seen_s), position=HERE),), visits=visits
    )
    return KeptTrack(track=track, ends_at=None if ends_s is None else later(ends_s))


def test_due_work_finds_its_customers(store: SqlStore, tenant: TenantId) -> None:
    with store.writing(tenant) as uow:
        anna = kept(tenant, ANNA, visit("f1"), visit("f2", is_over=True), seen_s=5, ends_s=100)
        bob = kept(tenant, BOB, visit("f2"), visit("f1"), seen_s=50, ends_s=60)
        uow.tracks.save([bob, anna])
        uow.commit()
    with store.writing(tenant) as uow:
        tracks = uow.tracks
        assert tracks.load([ANNA, BOB, CustomerId("nobody")]) == {ANNA: anna, BOB: bob}
        assert tracks.ended(later(99)) == [(later(60), BOB)]
        assert tracks.ended(later(100)) == [(later(60), BOB), (later(100), ANNA)]
        assert tracks.next_end() == later(60)
        assert tracks.visiting(GeofenceId("f1")) == [ANNA, BOB]
        assert tracks.visiting(GeofenceId("f2")) == [BOB]
        assert tracks.seen_since(later(5)) == [ANNA, BOB]
        assert tracks.seen_since(later(6)) == [BOB]
        assert tracks.seen_since(None) == [ANNA, BOB]
        tracks.save([replace(bob, track=replace(bob.track, visits=(visit("f2"),)), ends_at=None)])
        assert tracks.visiting(GeofenceId("f1")) == [ANNA]
        assert tracks.ended(later(1000)) == [(later(100), ANNA)]
        tracks.delete([ANNA])
        assert tracks.load([ANNA]) == {}
        assert tracks.visiting(GeofenceId("f1")) == []


def test_a_track_without_pings_is_seen_by_nobody(store: SqlStore, tenant: TenantId) -> None:
    with store.writing(tenant) as uow:
        uow.tracks.save([KeptTrack(track=Track(tenant_id=tenant, customer_id=ANNA))])
        assert uow.tracks.seen_since(None) == []


def test_a_transition_moves_or_is_taken_back(store: SqlStore, tenant: TenantId) -> None:
    enter, leave = told(TransitionKind.ENTER, "f1", 0), told(TransitionKind.EXIT, "f1", 10)
    with store.writing(tenant) as uow:
        uow.transitions.upsert([(ANNA, leave), (ANNA, enter), (BOB, told(TransitionKind.ENTER, "f2", 5))])
        uow.transitions.upsert([(ANNA, replace(leave, at=later(20), reason=None))])
        uow.commit()
    with store.writing(tenant) as uow:
        assert [transition.at for _, transition in uow.transitions.of([ANNA])] == [NOON, later(20)]
        assert [who for who, _ in uow.transitions.every()] == [ANNA, BOB, ANNA]
        assert [who for who, _ in uow.transitions.every(since=later(5), until=later(20))] == [BOB]
        uow.transitions.delete([(enter.visit_id, TransitionKind.ENTER)])
        assert [transition.kind for _, transition in uow.transitions.of([ANNA])] == [TransitionKind.EXIT]


def test_what_comes_after_a_track_stands_beside_it_until_the_track_is_written(
    store: SqlStore, tenant: TenantId
) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    fixes = [StayedFix(as_us(later(n)), 52.52, 13.4 + n, 5.0, device) for n, device in ((7, None), (9, "phone"))]
    stay = Stay(fixes=fixes, newest_us=as_us(later(9)), last_zone=berlin, upto=12)
    with store.writing(tenant) as uow:
        anna = kept(tenant, ANNA, seen_s=5, ends_s=None)
        uow.tracks.save([anna])
        assert uow.tracks.stays([ANNA, BOB]) == {ANNA: Stay(fixes=[], newest_us=as_us(later(5)))}
        uow.tracks.stay({ANNA: stay})
        uow.commit()
    with store.writing(tenant) as uow:
        assert uow.tracks.stays([ANNA]) == {ANNA: stay}
        found = uow.tracks.load([ANNA])[ANNA]
        assert (found.track, found.last_zone, found.upto) == (anna.track, berlin, 12)
        assert [(fix.at, fix.position.lon_deg, fix.device_id, fix.inside) for fix in found.fixes] == [
            (later(5), HERE.lon_deg, None, frozenset()),
            (later(7), 20.4, None, frozenset()),
            (later(9), 22.4, "phone", frozenset()),
        ]
        assert uow.tracks.seen_since(later(9)) == [ANNA]
        uow.tracks.save([anna])
        assert uow.tracks.load([ANNA]) == {ANNA: anna}
