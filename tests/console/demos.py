"""A demo whose clock is in the test's hands, and a real server for pages."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import shapely
import uvicorn
from fastapi import APIRouter

from nearcast.api.app import create_app
from nearcast.bootstrap import open_store
from nearcast.channels.recorder import Recorder
from nearcast.domain.geofence import Area
from nearcast.domain.position import Position
from nearcast.geo.validate import geofence_from_feature
from nearcast.services.application import Application
from nearcast.services.demo.city import TENANT, DemoCity
from nearcast.services.demo.demo import Demo
from nearcast.services.demo.seed import seed
from nearcast.services.engines import Engines
from nearcast.services.intake import Intake
from nearcast.services.live import Live
from nearcast.services.replies import Replies
from nearcast.store.sql_store import SqlStore
from tests.sealing import CONTACTS, VAULT

SPEED = 60.0


@dataclass
class SteppedClock:
    at: datetime

    def now(self) -> datetime:
        return self.at


@dataclass
class SteppedDemo:
    """A demo on SQLite that moves when the test says so."""

    demo: Demo
    city: DemoCity
    store: SqlStore
    clock: SteppedClock
    live: Live
    replies: Replies
    said: Recorder

    def step(self, **by: float) -> None:
        """Let that much time pass, in steps of a minute."""
        until = self.clock.at + timedelta(**by)
        while self.clock.at < until:
            self.clock.at = min(until, self.clock.at + timedelta(minutes=1))
            self.demo.step(self.clock.at)
            self.work()

    def pass_by(self, **by: float) -> None:
        """Let that much time pass at once, and nobody work."""
        self.clock.at += timedelta(**by)
        self.demo.step(self.clock.at)

    def work(self) -> None:
        """What a worker and a scheduler do."""
        self.live.work_pings(self.clock.at)
        self.live.work_due(self.clock.at)

    def drop(self, geofence_id: str) -> dict[str, object]:
        """Be dropped in a geofence; what the page then says of you."""
        at = middle(self.city, geofence_id)
        return self.drop_at(at.lat_deg, at.lon_deg)

    def drop_at(self, lat_deg: float, lon_deg: float) -> dict[str, object]:
        """Be dropped there; what the page then says of you."""
        self.clock.at += timedelta(seconds=1)
        self.demo.move_you(lat_deg, lon_deg)
        self.work()
        return self.you()

    def you(self) -> dict[str, object]:
        return self.demo.state(0)["you"]  # type: ignore[no-any-return]


@contextmanager
def stepped_demo(city: DemoCity, folder: Path, *, days: int = 0) -> Iterator[SteppedDemo]:
    """As many days after its first; those before have not been lived through."""
    with closing(open_store(f"sqlite:///{folder / 'nearcast.db'}")) as store:
        clock = SteppedClock(seed(store, city, CONTACTS, speed=SPEED) + timedelta(days=days))
        engines = Engines(lambda tenant_id: Live(store, tenant_id, Recorder()))
        accept = Intake(store, lambda: None).accept
        said = Recorder()
        replies = Replies(store, VAULT, lambda channel: said, dice=lambda: 0.5)
        demo = Demo(
            city, store, clock=clock, accept=accept, engines=engines, replies=replies, since=clock.at, speed=SPEED
        )
        yield SteppedDemo(demo, city, store, clock, Live(store, TENANT, Recorder()), replies, said)


@contextmanager
def served(app: Application, *pages: APIRouter) -> Iterator[str]:
    """A real server on a free loopback port."""
    with closing(socket.socket()) as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(create_app(app, pages=pages), log_config=None, access_log=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def middle(city: DemoCity, geofence_id: str) -> Position:
    """A place well inside a geofence."""
    feature = next(feature for feature in city.city.fences if feature["properties"]["id"] == geofence_id)
    geofence = geofence_from_feature(feature, place=geofence_id)
    if not isinstance(geofence.boundary, Area):
        return geofence.boundary.center
    inside = shapely.from_wkb(geofence.boundary.wkb).representative_point()
    return Position(inside.y, inside.x)
