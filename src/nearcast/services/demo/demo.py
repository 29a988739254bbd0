"""The demo: a city that lives on the service, its people, you, and what a page shows of it."""

import logging
import traceback
from datetime import datetime
from threading import Event, Lock, Thread
from typing import Any

from nearcast.domain.position import Position
from nearcast.services.demo.city import TENANT, DemoCity
from nearcast.services.demo.offers import Offers, drawn
from nearcast.services.demo.people import Accept, People
from nearcast.services.demo.watch import Watch
from nearcast.services.demo.you import You
from nearcast.services.engines import Engines
from nearcast.services.ports import Clock, Store
from nearcast.services.replies import Replies
from nearcast.services.report import rfc3339
from nearcast.sim.plane import lon_lats

_log = logging.getLogger(__name__)
_STEP_S = 0.5  # as often as the page asks: each step is a transaction for every partition with a ping in it
_STOP_S = 10.0


class Demo:
    """`since` is what `seed` gave. Between `start` and `stop` people move, some steps a second. `phone_url` is a
    page that shows your WhatsApp.
    """

    def __init__(
        self,
        city: DemoCity,
        store: Store,
        *,
        clock: Clock,
        accept: Accept,
        engines: Engines,
        replies: Replies,
        since: datetime,
        speed: float,
        phone_url: str | None = None,
    ) -> None:
        self._phone_url = phone_url
        self._city, self._store, self._clock, self._speed = city, store, clock, speed
        self._people = People(city, accept=accept, engines=engines, since=since)
        self._you = You(city, store, accept=accept, engines=engines, replies=replies)
        self._offers = Offers()
        self._watch = Watch(city.you, self._last_seen)
        self._reading = Lock()
        self._stopping = Event()
        self._thread = Thread(target=self._live, name="demo", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Let the step in hand end; nobody moves after that."""
        self._stopping.set()
        self._thread.join(_STOP_S)

    def move_you(self, lat_deg: float, lon_deg: float) -> None:
        """Be there; InvalidInput for what is not on the earth."""
        self._you.move(Position(lat_deg, lon_deg), self._clock.now())

    def stop_you(self) -> None:
        """No more offers for you."""
        self._you.stop(self._clock.now())

    def map(self) -> dict[str, Any]:
        """Streets, geofences and shops; coordinates are [lon, lat]. `revision` grows with every edit."""
        with self._reading, self._store.reading(TENANT) as uow:
            self._offers.read(uow)
            shops = [shop.doc for shop in uow.catalogue.shops.all()]
            features = [geofence.doc for geofence in uow.catalogue.geofences.all()]
            revision = self._offers.revision
        names = {shop["id"]: shop["name"] for shop in shops}
        return {
            "revision": revision,
            "streets": [{"kind": street.kind, "line": lon_lats(street.line_m)} for street in self._city.city.streets],
            "fences": [_fence(feature, names) for feature in features],
            "shops": [{"id": shop["id"], "name": shop["name"], "at": [shop["lon"], shop["lat"]]} for shop in shops],
            "home": [self._city.home.lon_deg, self._city.home.lat_deg],
            "phone_url": self._phone_url,
        }

    def state(self, cursor: int) -> dict[str, Any]:
        """Everything that changes; `ticker` holds the verdicts after `cursor`, the next call's is in the answer."""
        now = self._clock.now()
        with self._reading, self._store.reading(TENANT) as uow:
            self._offers.read(uow)
            self._watch.read(uow, self._offers)
            newest, rows = self._watch.since(cursor)
            return {
                "clock": {"at": rfc3339(now), "day": self._offers.day(now), "time": self._offers.clock(now)},
                "speed": self._speed,
                "revision": self._offers.revision,
                "people": {
                    key: [round(at.lon_deg, 6), round(at.lat_deg, 6)] for key, at in self._people.seen(now).items()
                },
                "running": self._offers.running(now),
                "counts": self._watch.counts(uow),
                "cursor": newest,
                "ticker": rows,
                "you": self._you.shown(uow, self._offers, now),
            }

    def step(self, now: datetime) -> None:
        """Everything that people and phones do up to `now`."""
        self._people.step(now)
        self._you.step(now)

    def _live(self) -> None:
        is_waiting = False
        while not self._stopping.wait(_STEP_S):
            try:
                self.step(self._clock.now())
            except Exception as error:  # whatever it was, the city goes on where it stood
                if not is_waiting:
                    _log.warning("the demo's people wait: %s %s", type(error).__name__, _raised_in(error))
                is_waiting = True
            else:
                is_waiting = False

    def _last_seen(self, customer_id: Any) -> Position | None:
        return self._you.position if customer_id == self._you.id else self._people.last_seen(customer_id)


def _raised_in(error: Exception) -> str:
    """Where, without the text, which may hold positions."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"in {frame.name}, line {frame.lineno}"


def _fence(feature: dict[str, Any], shop_names: dict[str, str]) -> dict[str, Any]:
    said = feature["properties"]
    shop = shop_names.get(said.get("shop_id"), "")
    return {"id": said["id"], "name": said.get("name", said["id"]), "shop": shop, **drawn(feature)}
