"""Phones of customers, as their apps speak to the service."""

from dataclasses import dataclass
from typing import Any

import httpx

from tests.api.service import Service
from tests.api.town import LAT, LON
from tests.loopback import LOOPBACK


@dataclass(frozen=True)
class Handset:
    """A device with its secrets, as `POST /v1/devices` shows them once."""

    service: Service
    device_id: str
    username: str
    password: str
    token: str
    onboarding_url: str

    @property
    def basic(self) -> httpx.Auth:
        return httpx.BasicAuth(self.username, self.password)

    def post(self, feed: str, message: Any, **more: Any) -> httpx.Response:
        """One request to a feed, with user and password."""
        content = {"content": message} if isinstance(message, bytes) else {"json": message}
        return ask(self.service, "POST", feed, **content, **{"auth": self.basic, **more})


def handset(service: Service, customer: str = "ada", feed: str = "owntracks", tenant: str = "t1") -> Handset:
    """A new device of a customer."""
    made = service.client(tenant=tenant).post("/v1/devices", json={"customer_id": customer, "feed": feed})
    assert made.status_code == 201, made.text
    return Handset(service, **made.json())


def ask(service: Service, method: str, feed: str, **said: Any) -> httpx.Response:
    """A request of somebody without any credential, unless it is said."""
    return httpx.request(method, f"{service.url}/v1/feeds/{feed}", **LOOPBACK, **said)


def located(service: Service, **changes: Any) -> dict[str, Any]:
    """What OwnTracks sends of this instant, in the middle of the geofence."""
    tst = int(service.clock.now().timestamp())
    return {"_type": "location", "lat": LAT, "lon": LON, "tst": tst, "acc": 8, "tid": "aa", **changes}
