"""Tile38 as a peer: every geofence a hook, every ping a SET that its hooks hear of.

It decides circles on a sphere. The time is that of the SETs; what the hooks send is counted afterwards.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from time import monotonic, sleep
from uuid import uuid4

import shapely

from nearcast.bench.grounds import Grounds
from nearcast.bench.resp import Resp, command
from nearcast.bench.stopwatch import Count, Run
from nearcast.geo.batch import Floats

_QUIET_S, _PATIENCE_S = 1.0, 60.0


@contextmanager
def hooks(grounds: Grounds, host: str, port: int) -> Iterator["Hooks"]:
    """The geofences as hooks under names of their own, which are deleted at the end with what was set."""
    with Resp(host, port) as tile38, _listening(tile38.own_host) as heard:
        name = f"nearcast-bench-{uuid4().hex}"
        try:
            yield Hooks(tile38, name, heard, grounds)
        finally:
            tile38.ask("PDELHOOK", f"{name}-*")
            tile38.ask("DROP", name)


class Hooks:
    def __init__(self, tile38: Resp, name: str, heard: "_Heard", grounds: Grounds) -> None:
        self._tile38, self._name, self._heard = tile38, name, heard
        for _ in tile38.ask_all(command("SETHOOK", *words) for words in self._hooks(grounds)):
            pass

    def _hooks(self, grounds: Grounds) -> Iterator[tuple[str, ...]]:
        inside = (self._name, "FENCE", "DETECT", "inside", "COMMANDS", "set")
        to = self._heard.url
        for slot, area in zip(grounds.area_slot.tolist(), shapely.to_geojson(grounds.areas), strict=True):
            yield (f"{self._name}-{slot}", to, "INTERSECTS", *inside, "OBJECT", area)
        circles = (grounds.circle_slot, grounds.circle_lat_deg, grounds.circle_lon_deg, grounds.circle_radius_m)
        for slot, *circle in zip(*(column.tolist() for column in circles), strict=True):
            yield (f"{self._name}-{slot}", to, "NEARBY", *inside, "POINT", *map(repr, circle))

    def ready(self, lat_deg: Floats, lon_deg: Floats) -> Run:
        places = zip(lat_deg.tolist(), lon_deg.tolist(), strict=True)
        commands = [
            command("SET", self._name, f"ping-{n}", "POINT", repr(y), repr(x)) for n, (y, x) in enumerate(places)
        ]
        return lambda: self._set(commands)

    def _set(self, commands: list[bytes]) -> Count:
        before = self._heard.count
        for _ in self._tile38.ask_all(commands):
            pass
        return lambda: self._heard.settled() - before


class _Heard:
    """How many messages of hooks have come in."""

    def __init__(self, url: str) -> None:
        self.url, self.count, self._lock = url, 0, Lock()

    def one_more(self) -> None:
        with self._lock:
            self.count += 1

    def settled(self) -> int:
        """The count when nothing more has come for a while."""
        deadline = monotonic() + _PATIENCE_S
        quiet_since, known = monotonic(), self.count
        while monotonic() < min(deadline, quiet_since + _QUIET_S):
            sleep(0.05)
            if self.count != known:
                quiet_since, known = monotonic(), self.count
        return known


@contextmanager
def _listening(host: str) -> Iterator[_Heard]:
    """An HTTP server that counts what it is sent."""

    class Ear(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            heard.one_more()
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """A line a message would drown what is measured."""

    with ThreadingHTTPServer((host, 0), Ear) as server:
        server.daemon_threads = True
        heard = _Heard(f"http://{host}:{server.server_port}/")
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield heard
        finally:
            server.shutdown()
