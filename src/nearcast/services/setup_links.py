"""How a phone's app is set up for a device: a link that it opens, which carries the device's secrets."""

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import quote, urlencode

from nearcast.services.devices import NewDevice


@dataclass(frozen=True, slots=True)
class Setup:
    """`link` opens the app `named` so, or is to be copied into it where it `is_typed`."""

    named: str
    link: str
    is_typed: bool = False


_Maker: TypeAlias = Callable[[str, NewDevice], Setup]


def setup_of(feed: str, public_url: str, device: NewDevice) -> Setup:
    """The set-up of a device for that feed on the service at `public_url`, which ends without a slash."""
    return _MAKERS[feed](public_url, device)


def _owntracks(public_url: str, device: NewDevice) -> Setup:
    """https://owntracks.org/booklet/features/remoteconfig: both switches are what an iPhone asks for before it takes
    the shops' regions from us.
    """
    configuration = {
        "_type": "configuration",
        "mode": 3,
        "url": f"{public_url}/v1/feeds/owntracks",
        "auth": True,
        "username": device.username,
        "password": device.password,
        "deviceId": "phone",
        "tid": device.device_id[-2:],
        "monitoring": 1,
        "extendedData": False,
        "cmd": True,
        "remoteConfiguration": True,
    }
    return Setup("OwnTracks", f"owntracks:///config?{urlencode({'inline': _base64(configuration)})}")


def _overland(public_url: str, device: NewDevice) -> Setup:
    said = {"url": f"{public_url}/v1/feeds/overland", "token": device.token, "device_id": "phone"}
    return Setup("Overland", f"overland://setup?{urlencode(said)}")


def _colota(public_url: str, device: NewDevice) -> Setup:
    """https://colota.app/docs: the set-up is JSON in base64."""
    configuration = {
        "endpoint": f"{public_url}/v1/feeds/colota",
        "isOfflineMode": False,
        "apiTemplate": "custom",
        "httpMethod": "POST",
        "auth": {"type": "bearer", "bearerToken": device.token},
    }
    return Setup("Colota", f"colota://setup?{urlencode({'config': _base64(configuration)})}")


def _traccar(public_url: str, device: NewDevice) -> Setup:
    url = f"{public_url}/v1/feeds/traccar"
    return Setup("Traccar Client", f"{url}?{urlencode({'url': url, 'id': device.token})}")


def _osmand(public_url: str, device: NewDevice) -> Setup:
    fields = "lat={0}&lon={1}&timestamp={2}&hdop={3}"
    return Setup("OsmAnd", f"{public_url}/v1/feeds/osmand?id={quote(device.token)}&{fields}", is_typed=True)


def _gpslogger(public_url: str, device: NewDevice) -> Setup:
    fields = "lat=%LAT&lon=%LON&timestamp=%TIMESTAMP&acc=%ACC&spd=%SPD"
    return Setup("GPSLogger", f"{public_url}/v1/feeds/gpslogger?token={quote(device.token)}&{fields}", is_typed=True)


def _homeassistant(public_url: str, device: NewDevice) -> Setup:
    address = f"{public_url}/v1/feeds/homeassistant?token={quote(device.token)}"
    return Setup("Home Assistant", address, is_typed=True)


def _checkin(public_url: str, device: NewDevice) -> Setup:
    return Setup("", f"{public_url}/checkin#{device.token}")


def _base64(document: Mapping[str, Any]) -> str:
    return b64encode(json.dumps(document, separators=(",", ":")).encode()).decode()


_MAKERS: Mapping[str, _Maker] = {
    "owntracks": _owntracks,
    "overland": _overland,
    "colota": _colota,
    "traccar": _traccar,
    "osmand": _osmand,
    "gpslogger": _gpslogger,
    "homeassistant": _homeassistant,
    "checkin": _checkin,
}
