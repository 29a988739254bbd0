"""Builders: a scenario in a few words, replayed, and what came out as lists of dicts.

Positions are (lat, lon). Circle F and the offsets north of its centre (N50 is 50 m) are those of the behaviour tables.
Tables that count in mm:ss start at 10:00Z on Tuesday 2026-06-02: `at("01:30")` is 10:01:30Z.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from pyproj import Geod

from tests.api.service import Service
from tests.live.through_http import Played, play

Row = dict[str, Any]
Position = tuple[float, float]
T = TypeVar("T")

_WGS84 = Geod(ellps="WGS84")
CENTER: Position = (52.520000, 13.405000)
N50: Position = (52.5204497, 13.405)
N99: Position = (52.5208903, 13.405)
N101: Position = (52.5209083, 13.405)
N110: Position = (52.5209893, 13.405)
N125: Position = (52.5211242, 13.405)
N150: Position = (52.5213490, 13.405)
N200: Position = (52.5217986, 13.405)
N300: Position = (52.5226980, 13.405)
N500: Position = (52.5244966, 13.405)
N1000: Position = (52.5289932, 13.405)
N5000: Position = (52.5649660, 13.405)
S200: Position = (52.5182014, 13.405)

CUSTOMER = "cust-0001"
NOON = "2026-06-02T10:00:00Z"  # 12:00 in Berlin
LONG_AGO = "2026-01-01T09:00:00Z"
G1: Row = {"id": "G1", "scope": "customer", "kind": "calendar", "unit": "day", "limit": 2}
G2: Row = {"id": "G2", "scope": "customer", "kind": "rolling", "window_s": 604800, "limit": 3}
G3: Row = {"id": "G3", "scope": "customer", "kind": "min_gap", "window_s": 14400}


class _Absent:
    """Takes a key out of a built scenario."""


ABSENT = _Absent()


# --- time


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def later(text: str, seconds: float) -> str:
    return iso(instant(text) + timedelta(seconds=seconds))


def at(mmss: str) -> str:
    minutes, seconds = mmss.split(":")
    return later(NOON, 60 * int(minutes) + int(seconds))


def berlin(wall: str) -> str:
    """The instant at which clocks in Berlin show this; for times that exist exactly once."""
    return iso(datetime.fromisoformat(wall).replace(tzinfo=ZoneInfo("Europe/Berlin")))


def mmss(text: str) -> str:
    passed = (instant(text) - instant(NOON)).total_seconds()
    assert passed == int(passed), text
    return f"{int(passed) // 60:02d}:{int(passed) % 60:02d}"


def beside(north_m: float, east_m: float = 0.0, origin: Position = CENTER) -> Position:
    """The place that is exactly so far away on WGS 84."""
    bearing_deg, distance_m = math.degrees(math.atan2(east_m, north_m)), math.hypot(north_m, east_m)
    lon, lat, _ = _WGS84.fwd(origin[1], origin[0], bearing_deg, distance_m)
    return lat, lon


def distance_m(start: Position, end: Position) -> float:
    return float(_WGS84.inv(start[1], start[0], end[1], end[0])[2])


# --- geofences


def feature(geofence_id: str, geometry: Row, **properties: Any) -> Row:
    return {"type": "Feature", "properties": {"id": geofence_id, **properties}, "geometry": geometry}


def circle(geofence_id: str, center: Position, radius_m: float, **properties: Any) -> Row:
    lat, lon = center
    return feature(geofence_id, {"type": "Point", "coordinates": [lon, lat]}, radius_m=radius_m, **properties)


def ring(west: float, south: float, east: float, north: float) -> list[list[float]]:
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


def polygon(geofence_id: str, *rings: list[list[float]], **properties: Any) -> Row:
    return feature(geofence_id, {"type": "Polygon", "coordinates": list(rings)}, **properties)


def multipolygon(geofence_id: str, *polygons: list[list[list[float]]], **properties: Any) -> Row:
    return feature(geofence_id, {"type": "MultiPolygon", "coordinates": list(polygons)}, **properties)


def collection(*features: Row) -> Row:
    return {"type": "FeatureCollection", "features": list(features)}


F = circle("f", CENTER, 100)


# --- events


def ping(when: str, position: Position, *, customer: str = CUSTOMER, **more: Any) -> Row:
    """A ping that arrives at `when`; `recorded_at`, `accuracy_m`, `ping_id`, `device_id` as wanted."""
    lat, lon = position
    return {"at": when, "ping": {"customer_id": customer, "lat": lat, "lon": lon, **more}}


def consent(
    when: str,
    purpose: str = "marketing.nearby",
    action: str = "confirmed",
    *,
    customer: str = CUSTOMER,
    channel: str | None = "sms",
    **more: Any,
) -> Row:
    """One line of the consent ledger; location consent has no channel."""
    with_channel = {"channel": channel} if channel and purpose.startswith("marketing.") else {}
    return {"customer_id": customer, "purpose": purpose, **with_channel, "action": action, "at": when, **more}


def consent_event(when: str, *args: Any, **more: Any) -> Row:
    return {"at": when, "consent": consent(when, *args, **more)}


def prior_send(when: str, status: str = "accepted", campaign_id: str = "other", customer: str = CUSTOMER) -> Row:
    return {"at": when, "prior_send": {"customer_id": customer, "campaign_id": campaign_id, "status": status}}


def the_end(when: str) -> Row:
    """Moves the clock to `when`: a stranger without consent pings, and is refused."""
    return ping(when, N5000, customer="stranger")


def arrive(when: str = NOON, position: Position = N50, *, customer: str = CUSTOMER, **more: Any) -> list[Row]:
    """A customer far outside a minute before, then at `position`: the default event of fixture F0."""
    more = {"accuracy_m": 15, **more}
    return [
        ping(later(when, -60), (position[0] + 0.05, position[1]), customer=customer, accuracy_m=15),
        ping(when, position, customer=customer, **more),
    ]


# --- scenarios


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> Row:
    """`over` laid on `base`, dict by dict; lists are replaced whole; ABSENT takes a key out."""
    result = dict(base)
    for key, value in over.items():
        if value is ABSENT:
            result.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result


def walk(*pings: Row | tuple[str, Position], geofences: Sequence[Row] = (F,), **overrides: Any) -> Row:
    """A scenario of visits alone, profile RAW: fences, pings as (mm:ss, position), everyone's location consent."""
    events = [ping(at(item[0]), item[1]) if isinstance(item, tuple) else item for item in pings]
    customers = sorted({event["ping"]["customer_id"] for event in events if "ping" in event} - {"stranger"})
    scenario = {
        "tenant": {"id": "t1", "timezone": "Europe/Berlin"},
        "presence": {"profile": "raw"},
        "geofences": collection(*geofences),
        "customers": [{"id": customer} for customer in [*customers, "stranger"]],
        "consents": [consent(LONG_AGO, "location.matching", "granted", customer=customer) for customer in customers],
        "events": events,
    }
    return merged(scenario, overrides)


def robust(*pings: Row | tuple[str, Position], geofences: Sequence[Row] = (F,), **overrides: Any) -> Row:
    """The same under profile ROBUST."""
    return walk(*pings, geofences=geofences, **merged({"presence": {"profile": "robust"}}, overrides))


def opted_in(customer: str = CUSTOMER, **more: Any) -> list[Row]:
    """Location consent, and marketing consent given on a form and confirmed five minutes later."""
    return [
        consent("2026-01-01T09:00:00Z", "location.matching", "granted", customer=customer),
        consent("2026-01-01T09:00:00Z", action="granted", customer=customer, **more),
        consent("2026-01-01T09:05:00Z", action="confirmed", customer=customer, **more),
    ]


def campaign_a(**overrides: Any) -> Row:
    """Campaign A of fixture F0."""
    base = {
        "id": "camp-7",
        "shop_id": "s1",
        "trigger": {"on": "enter"},
        "active": {"from": "2026-06-01T00:00:00+02:00", "until": "2026-07-01T00:00:00+02:00"},
        "dayparts": [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "from": "10:00", "until": "20:00"}],
        "channel": "sms",
        "offer": {"text": "Coffee −20 % until {expires_at}", "expires_after_s": 1200},
        "priority": 50,
        "klass": "promo",
        "re_eligibility_s": 259200,
        "fence_cooldown_s": 21600,
        "budget": {"messages": 1000},
        "holdout": {"percent": 10, "salt": "holdout:camp-7:v1"},
    }
    return merged(base, overrides)


def shop(shop_id: str = "s1", position: Position = CENTER, **more: Any) -> Row:
    lat, lon = position
    return {"id": shop_id, "name": f"Shop {shop_id}", "lat": lat, "lon": lon, "timezone": "Europe/Berlin", **more}


def f0(
    *events: Row,
    campaign: Mapping[str, Any] | None = None,
    others: Sequence[Row] = (),
    customers: Iterable[str | Row] = (CUSTOMER,),
    **overrides: Any,
) -> Row:
    """Fixture F0 with `events`; `campaign` changes campaign A, `others` compete with it, the rest is merged in.

    A customer named by an id alone lives in Berlin; all have consented to everything that campaign A needs.
    """
    people = [{"id": who, "timezone": "Europe/Berlin"} if isinstance(who, str) else who for who in customers]
    scenario = {
        "tenant": {"id": "t1", "timezone": "Europe/Berlin"},
        "presence": {"profile": "raw"},
        "ping_rules": {"max_age_s": 300, "max_accuracy_m": 75, "max_future_s": 60},
        "policy": {
            "quiet_hours": [{"from": "21:00", "until": "08:00"}],
            "caps": [G1, G2, G3],
            "holdout": {"percent": 5, "salt": "holdout:global:2026Q4"},
        },
        "shops": [shop()],
        "geofences": collection(circle("f1", CENTER, 150, shop_id="s1")),
        "customers": [*people, {"id": "stranger", "timezone": "Europe/Berlin"}],
        "consents": [line for person in people for line in opted_in(person["id"])],
        "campaigns": [campaign_a(**(campaign or {})), *others],
        "events": list(events),
    }
    return merged(scenario, overrides)


def bare(*events: Row, campaign: Mapping[str, Any] | None = None, **more: Any) -> Row:
    """F0 without its rules, so that one rule alone can be put back and watched."""
    free = {
        "active": ABSENT,
        "dayparts": [],
        "re_eligibility_s": ABSENT,
        "fence_cooldown_s": ABSENT,
        "budget": ABSENT,
        "holdout": ABSENT,
    }
    policy = {"quiet_hours": [], "caps": [], "holdout": ABSENT, **more.pop("policy", {})}
    return f0(*events, campaign=merged(free, campaign or {}), policy=policy, **more)


# --- outcomes


@dataclass(frozen=True)
class Outcome:
    folder: Path
    transitions: list[Row]
    match_log: list[Row]
    messages: list[Row]
    summary: Row

    def story(self, customer: str = CUSTOMER) -> list[str]:
        """The customer's transitions as `kind fence mm:ss`, in the file's order."""
        return [
            f"{row['kind']} {row['geofence_id']} {mmss(row['at'])}"
            for row in self.transitions
            if row["customer_id"] == customer
        ]

    def counted(self, what: str) -> dict[str, int]:
        """A table of summary.json without its zeros."""
        return {name: count for name, count in self.summary[what].items() if count}

    def verdicts(self, **which: Any) -> list[str]:
        """The log's rows as `outcome` or `outcome reason`, those with the given values, in the file's order."""
        return [verdict(row) for row in rows(self.match_log, **which)]

    @property
    def refused(self) -> dict[str, int]:
        """Pings refused at the door, by reason."""
        return self.counted("pings_refused")

    @property
    def sent(self) -> list[Row]:
        return [message for message in self.messages if message["sent_at"] is not None]


def verdict(row: Row) -> str:
    return "send" if row["outcome"] == "send" else f"{row['outcome']} {row['reason']}"


def rows(lines: Iterable[Row], **which: Any) -> list[Row]:
    return [row for row in lines if all(row[key] == value for key, value in which.items())]


def only(lines: Sequence[T]) -> T:
    assert len(lines) == 1, lines
    return lines[0]


@cache
def application() -> Any:
    from nearcast.bootstrap import workbench

    return workbench()


def write_scenario(folder: Path, scenario: Row) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "scenario.json"
    path.write_text(json.dumps(scenario, ensure_ascii=False, indent=1), encoding="utf-8")
    return path


def ndjson(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def read_outcome(folder: Path) -> Outcome:
    return Outcome(
        folder,
        ndjson(folder / "transitions.ndjson"),
        ndjson(folder / "match_log.ndjson"),
        ndjson(folder / "messages.ndjson"),
        json.loads((folder / "summary.json").read_text(encoding="utf-8")),
    )


_service: list[Service] = []


@contextmanager
def also_played_on(service: Service | None) -> Iterator[None]:
    """Within it, every run is played through that service as well."""
    _service[:] = [service] if service is not None else []
    yield
    _service.clear()


def run(folder: Path, scenario: Row, *, pings: Sequence[Path] = (), out: str = "out") -> Outcome:
    """Replays the scenario in this process and reads the four files."""
    path = write_scenario(folder, scenario)
    application().replay(scenario=path, pings=list(pings), out=folder / out)
    outcome = read_outcome(folder / out)
    for service in _service:
        assert_the_same(outcome, play(service, path, list(pings)))
    return outcome


def assert_the_same(replayed: Outcome, played: Played) -> None:
    """The live engine wrote the rows that the replay wrote, whatever order they were written in."""
    for name, key in (
        ("transitions", ("visit_id", "kind")),
        ("match_log", ("decision_id",)),
        ("messages", ("message_id",)),
    ):
        theirs, ours = (
            {tuple(row[k] for k in key): row for row in getattr(source, name)} for source in (replayed, played)
        )
        assert ours == theirs, name
    assert dict(played.refused) == replayed.summary["pings_refused"]
