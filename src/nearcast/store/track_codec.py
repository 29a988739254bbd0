"""A track as JSON and back, exactly: what is read is equal to what was written."""

from collections.abc import Iterable, Sequence
from typing import Any

from nearcast.domain.ids import CustomerId, GeofenceId, TenantId, VisitId
from nearcast.domain.ping import Fix
from nearcast.domain.position import Position
from nearcast.domain.track import Track
from nearcast.domain.visit import Transition, TransitionKind, TransitionReason, Visit
from nearcast.domain.walk import Stance
from nearcast.services.instants import as_instant, as_us

_PARTS = ("dwell", "exit", "leaving")


def track_to_json(track: Track) -> dict[str, Any]:
    """Instants are microseconds since 1970. A fix stands once in `fixes` and is named by its place there."""
    pool = _Fixes(track.fixes)
    doc = {
        "track": list(range(len(track.fixes))),
        "before": _stance(track.before, pool),
        "open_before": [_visit(visit, pool) for visit in track.open_before],
        "stance": _stance(track.stance, pool),
        "visits": [_visit(visit, pool) for visit in track.visits],
        "crossings": [_transition(crossing, pool) for crossing in track.crossings],
    }
    return {"fixes": [_fix(fix) for fix in pool.places], **doc}


def track_from_json(doc: dict[str, Any], tenant_id: TenantId, customer_id: CustomerId) -> Track:
    fixes = [_as_fix(*values) for values in doc["fixes"]]
    return Track(
        tenant_id=tenant_id,
        customer_id=customer_id,
        fixes=tuple(fixes[place] for place in doc["track"]),
        before=_as_stance(doc["before"], fixes),
        open_before=tuple(_as_visit(visit, fixes) for visit in doc["open_before"]),
        stance=_as_stance(doc["stance"], fixes),
        visits=tuple(_as_visit(visit, fixes) for visit in doc["visits"]),
        crossings=tuple(_as_transition(crossing, fixes) for crossing in doc["crossings"]),
    )


def stayed_from_json(doc: Iterable[Sequence[Any]], track: Track) -> tuple[Fix, ...]:
    """What has come after a track, of which the geofences are not written: whoever stays is in those of the visits."""
    inside = [visit.geofence_id for visit in track.open_visits]
    return tuple(_as_fix(at_us, lat, lon, accuracy_m, inside, device) for at_us, lat, lon, accuracy_m, device in doc)


class _Fixes:
    """Fixes by the place at which they stand."""

    def __init__(self, fixes: Sequence[Fix]) -> None:
        self.places = list(fixes)
        self._known = {id(fix): place for place, fix in enumerate(fixes)}  # to compare all of them takes long

    def place(self, fix: Fix | None) -> int | None:
        if fix is None:
            return None
        place = self._known.get(id(fix))
        if place is None:
            if fix not in self.places:
                self.places.append(fix)
            place = self._known[id(fix)] = self.places.index(fix)
        return place


def _fix(fix: Fix) -> list[Any]:
    place = fix.position
    return [as_us(fix.at), place.lat_deg, place.lon_deg, fix.accuracy_m, sorted(fix.inside), fix.device_id]


def _as_fix(
    at_us: int, lat_deg: float, lon_deg: float, accuracy_m: float, inside: Sequence[str], device_id: str | None
) -> Fix:
    return Fix(
        at=as_instant(at_us),
        position=Position(lat_deg, lon_deg),
        accuracy_m=accuracy_m,
        inside=frozenset(map(GeofenceId, inside)),
        device_id=device_id,
    )


def _stance(stance: Stance, pool: _Fixes) -> dict[str, Any]:
    return {
        "last": pool.place(stance.last),
        "arriving": [_transition(enter, pool) for enter in stance.arriving],
        "quarantined": pool.place(stance.quarantined),
    }


def _as_stance(doc: dict[str, Any], fixes: list[Fix]) -> Stance:
    last, quarantined = doc["last"], doc["quarantined"]
    return Stance(
        last=None if last is None else fixes[last],
        arriving=tuple(_as_transition(enter, fixes) for enter in doc["arriving"]),
        quarantined=None if quarantined is None else fixes[quarantined],
    )


def _visit(visit: Visit, pool: _Fixes) -> dict[str, Any]:
    parts = ((name, getattr(visit, name)) for name in _PARTS)
    told = {name: _transition(part, pool) for name, part in parts if part is not None}
    return {"enter": _transition(visit.enter, pool), **told, "is_silent": visit.is_silent}


def _as_visit(doc: dict[str, Any], fixes: list[Fix]) -> Visit:
    parts = {name: _as_transition(doc[name], fixes) for name in _PARTS if name in doc}
    return Visit(enter=_as_transition(doc["enter"], fixes), is_silent=doc["is_silent"], **parts)


def _transition(transition: Transition, pool: _Fixes) -> dict[str, Any]:
    decided_at = transition.decided_at
    return {
        "kind": transition.kind.value,
        "geofence_id": transition.geofence_id,
        "at": as_us(transition.at),
        "geofence_revision": transition.geofence_revision,
        "visit_id": transition.visit_id,
        "decided_at": None if decided_at is None else as_us(decided_at),
        "initial": transition.initial,
        "inferred": transition.inferred,
        "reason": transition.reason,
        "duration_s": transition.duration_s,
        "fix": pool.place(transition.fix),
        "may_trigger": transition.may_trigger,
    }


def _as_transition(doc: dict[str, Any], fixes: list[Fix]) -> Transition:
    decided_at, reason, fix = doc["decided_at"], doc["reason"], doc["fix"]
    return Transition(
        kind=TransitionKind(doc["kind"]),
        geofence_id=GeofenceId(doc["geofence_id"]),
        at=as_instant(doc["at"]),
        geofence_revision=doc["geofence_revision"],
        visit_id=VisitId(doc["visit_id"]),
        decided_at=None if decided_at is None else as_instant(decided_at),
        initial=doc["initial"],
        inferred=doc["inferred"],
        reason=None if reason is None else TransitionReason(reason),
        duration_s=doc["duration_s"],
        fix=None if fix is None else fixes[fix],
        may_trigger=doc["may_trigger"],
    )
