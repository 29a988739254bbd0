"""The answer to OwnTracks tells the phone which shops to watch: the nearest, by public names, for who agreed to it."""

from dataclasses import replace
from typing import Any

import pytest

from nearcast.channels.recorder import Recorder
from nearcast.domain.geofence import Geofence
from nearcast.domain.position import Position
from nearcast.feeds.by_name import PHONE_FEEDS
from nearcast.services.access import Role
from nearcast.services.engines import Engines
from nearcast.services.geofences import GeofenceBook
from nearcast.services.live import Live
from nearcast.services.phones import Phones
from nearcast.services.region_push import RegionPush
from nearcast.services.world import World
from tests.api.phones import Handset, handset, located
from tests.api.service import Service
from tests.api.town import LAT, LON, agree, open_shop

pytestmark = pytest.mark.enable_socket
ANDROID, IPHONE = "Owntracks-Android/gms/420500002", "OwnTracks/17.2 CFNetwork/1410 Darwin/22.6.0"


class Unfenced(GeofenceBook):
    """No fences, and who looked for them."""

    def __init__(self, looked: list[Position], like: GeofenceBook) -> None:
        super().__init__([], like.zone_of_shop)
        self._looked = looked

    def nearest(self, position: Position, count: int) -> list[tuple[Geofence, float]]:
        self._looked.append(position)
        return super().nearest(position, count)


class Somewhere(Live):
    """An engine in a world without fences."""

    def __init__(self, looked: list[Position], *made_of: Any) -> None:
        super().__init__(*made_of)
        self._looked = looked

    def world(self) -> World:
        world = super().world()
        return replace(world, geofences=Unfenced(self._looked, world.geofences))


def told(phone: Handset, agent: str = ANDROID, **changes: Any) -> list[dict[str, Any]]:
    """The commands in the answer to a position of this instant, a second later."""
    phone.service.clock.step(seconds=1)
    answer = phone.post("owntracks", located(phone.service, **changes), headers={"User-Agent": agent})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


def names(commands: list[dict[str, Any]]) -> list[str]:
    """What the phone is to watch after these commands, by name."""
    return [each["desc"] for each in waypoints(commands) if abs(each["lat"]) <= 90]


def waypoints(commands: list[dict[str, Any]]) -> list[dict[str, Any]]:
    wanted = [command for command in commands if command["action"] == "setWaypoints"]
    return [each for command in wanted for each in command["waypoints"]["waypoints"]]


def doors(commands: list[dict[str, Any]]) -> list[int]:
    """Which doors the phone is to watch, by how many hundredths of a degree they are off."""
    return sorted(round((each["lon"] - LON) * 100) for each in waypoints(commands) if abs(each["lat"]) <= 90)


def named_shop(service: Service, shop: str, name: str, *, lon: float = LON, **campaign: Any) -> None:
    open_shop(service, shop, lon=lon, **campaign)
    document = {"id": shop, "name": name, "lat": LAT, "lon": lon}
    assert service.client(Role.OWNER).put(f"/v1/shops/{shop}", json=document).is_success


def test_a_phone_is_told_the_circle_of_a_shop_once(sqlite_service: Service):
    named_shop(sqlite_service, "cafe", "Café: Central\n(old)")
    agree(sqlite_service, "ada")
    phone = handset(sqlite_service)
    cleared, wanted = told(phone)
    assert cleared == {"_type": "cmd", "action": "clearWaypoints"}
    (waypoint,) = waypoints([wanted])
    assert {key: waypoint[key] for key in ("_type", "desc", "lat", "lon")} == {
        "_type": "waypoint",
        "desc": "Café Central (old)",
        "lat": LAT,
        "lon": LON,
    }
    assert 60 <= waypoint["rad"] <= 62
    assert all(isinstance(waypoint[key], int) for key in ("tst", "rad"))
    assert told(phone) == []
    sqlite_service.clock.step(minutes=20)
    assert told(phone) == []
    sqlite_service.clock.step(hours=6)
    assert names(told(phone)) == ["Café Central (old)"]


def test_the_set_goes_with_the_phone(sqlite_service: Service):
    open_shop(sqlite_service, "cafe")
    owner = sqlite_service.client(Role.OWNER)
    for n in range(1, 22):
        door = {"type": "Point", "coordinates": [round(LON + n / 100, 6), LAT]}
        feature = {"type": "Feature", "geometry": door, "properties": {"shop_id": "cafe", "radius_m": 60}}
        assert owner.post("/v1/geofences", json={**feature, "id": f"door-{n}"}).status_code == 201
    agree(sqlite_service, "ada")
    phone = handset(sqlite_service)
    assert doors(told(phone, IPHONE)) == list(range(20))
    assert told(phone, IPHONE, lon=LON + 0.002) == []
    there = told(phone, IPHONE, lon=LON + 0.21)
    assert doors(there) == list(range(2, 22))
    assert len([each for each in waypoints(there) if abs(each["lat"]) > 90]) == 2
    for key in ("tst", "rid"):
        assert len({each[key] for each in waypoints(there)}) == 22, key
    assert len(doors(told(handset(sqlite_service)))) == 22


def test_an_area_is_covered_by_its_circle_and_names_of_one_shop_differ(sqlite_service: Service):
    named_shop(sqlite_service, "cafe", "Cafe")
    corners = [[LON, LAT], [LON + 0.01, LAT], [LON + 0.01, LAT + 0.002], [LON, LAT + 0.002], [LON, LAT]]
    area = {
        "type": "Feature",
        "id": "yard",
        "geometry": {"type": "Polygon", "coordinates": [corners]},
        "properties": {"shop_id": "cafe", "name": "storage of the boss"},
    }
    assert sqlite_service.client(Role.OWNER).post("/v1/geofences", json=area).status_code == 201
    agree(sqlite_service, "ada")
    shown = waypoints(told(handset(sqlite_service)))
    assert [each["desc"] for each in shown] == ["Cafe", "Cafe (2)"]
    assert 356 <= shown[1]["rad"] <= 362


def test_only_shops_of_running_campaigns_are_told(sqlite_service: Service):
    ended = {"from": "2026-05-01T00:00:00Z", "until": "2026-06-02T10:00:00Z"}
    named_shop(sqlite_service, "draft", "Draft", state="draft")
    named_shop(sqlite_service, "ended", "Ended", lon=LON + 0.01, active=ended)
    named_shop(sqlite_service, "far", "Far", lon=LON + 1)
    named_shop(sqlite_service, "sms", "Sms", lon=LON + 0.02, channel="sms")
    named_shop(sqlite_service, "open", "Open", lon=LON + 0.03)
    agree(sqlite_service, "ada")
    phone = handset(sqlite_service)
    assert names(told(phone)) == ["Open"]
    operator = sqlite_service.client()
    assert operator.post("/v1/campaigns/open-offer/pause").is_success
    sqlite_service.clock.step(minutes=15)
    assert told(phone) == [{"_type": "cmd", "action": "clearWaypoints"}]


def test_who_agreed_to_no_offers_or_tells_of_the_past_is_told_nothing(sqlite_service: Service):
    named_shop(sqlite_service, "cafe", "Cafe")
    agree(sqlite_service, "ada", marketing=False)
    agree(sqlite_service, "bob")
    assert told(handset(sqlite_service)) == []
    bobs = handset(sqlite_service, "bob")
    assert told(bobs, tst=int(sqlite_service.clock.now().timestamp()) - 3600) == []
    assert told(bobs, lat=0, lon=0) == []
    assert bobs.post("owntracks", {"_type": "lwt", "tst": 1}).json() == []
    assert names(told(bobs)) == ["Cafe"]


def test_no_fence_is_looked_at_for_who_agreed_to_no_offers(sqlite_service: Service):
    named_shop(sqlite_service, "cafe", "Cafe")
    agree(sqlite_service, "ada", marketing=False)
    agree(sqlite_service, "bob")
    looked: list[Position] = []
    store, app = sqlite_service.store, sqlite_service.app
    engines = Engines(lambda tenant_id: Somewhere(looked, store.for_api(), tenant_id, Recorder()))
    phones = Phones(store.for_api(), app.intake, RegionPush(engines), PHONE_FEEDS)
    sqlite_service.server.state.application = replace(app, phones=phones)
    assert told(handset(sqlite_service)) == []
    assert looked == []
    told(handset(sqlite_service, "bob"))
    assert looked == [Position(LAT, LON)]


def test_phones_of_the_same_name_are_told_apart_by_their_customer(sqlite_service: Service):
    named_shop(sqlite_service, "cafe", "Cafe")
    agree(sqlite_service, "ada", "bob")
    ingest = sqlite_service.client(Role.INGEST)
    for customer in ("ada", "bob"):
        whose = {"customer_id": customer, "device_id": "phone"}
        said = located(sqlite_service)
        answer = ingest.post("/v1/feeds/owntracks", params=whose, json=said, headers={"User-Agent": ANDROID})
        assert names(answer.json()) == ["Cafe"], customer
