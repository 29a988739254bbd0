"""Regions in the words of OwnTracks: commands in the answer to a phone
(https://owntracks.org/booklet/tech/json, `cmd`).

Android keeps what it knows until all of it is cleared, and tells regions apart by `tst`; an iPhone forgets one whose
position is none, and tells them apart by `rid`.
"""

from typing import Any

from nearcast.services.region_push import Region, RegionChange

_NOWHERE = -1_000_000.0


def most_regions(user_agent: str) -> int:
    """How many regions the phone watches at most."""
    return 100 if _is_android(user_agent) else 20


def region_commands(change: RegionChange, user_agent: str) -> list[dict[str, Any]]:
    """The commands that leave a phone with these regions."""
    wanted = [_waypoint(region, region.lat, region.lon) for region in change.regions]
    if not _is_android(user_agent):
        forgotten = [_waypoint(region, _NOWHERE, _NOWHERE) for region in change.gone or ()]
        return [_set(forgotten + wanted)]  # in this order: older ones tell regions apart by name
    cleared = [{"_type": "cmd", "action": "clearWaypoints"}] if change.gone or change.gone is None else []
    return cleared + ([_set(wanted)] if wanted else [])


def _set(waypoints: list[dict[str, Any]]) -> dict[str, Any]:
    said = {"_type": "waypoints", "waypoints": waypoints}
    return {"_type": "cmd", "action": "setWaypoints", "waypoints": said}


def _waypoint(region: Region, lat: float, lon: float) -> dict[str, Any]:
    return {
        "_type": "waypoint",
        "tst": region.number,
        "rid": region.id,
        "desc": region.name,
        "lat": lat,
        "lon": lon,
        "rad": region.radius_m,
    }


def _is_android(user_agent: str) -> bool:
    return "android" in user_agent.lower()
