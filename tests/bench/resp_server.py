"""Small servers that speak RESP on loopback, as Redis and Tile38 do for the few commands that a benchmark needs."""

import json
import math
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import shapely

EARTH_M = 6_372_797.560856


def haversine_m(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    a, b, c, d = map(math.radians, (lat1, lon1, lat2, lon2))
    chord = math.sin((c - a) / 2) ** 2 + math.cos(a) * math.cos(c) * math.sin((d - b) / 2) ** 2
    return 2 * EARTH_M * math.asin(math.sqrt(chord))


def circle(center_lat: float, center_lon: float, radius_m: float) -> Callable[[float, float], bool]:
    return lambda lat, lon: haversine_m(lat, lon, center_lat, center_lon) <= radius_m


def polygon(geojson: str) -> Callable[[float, float], bool]:
    ground = shapely.from_geojson(geojson)
    return lambda lat, lon: bool(shapely.intersects_xy(ground, lon, lat))


class FakeRedis:
    """GEOADD, GEOSEARCH and DEL."""

    def __init__(self) -> None:
        self.keys: dict[str, dict[str, tuple[float, float]]] = {}

    def answer(self, name: str, key: str, *words: str) -> Any:
        if name == "GEOADD":
            places = zip(*(iter(words),) * 3, strict=True)
            self.keys.setdefault(key, {}).update({member: (float(lat), float(lon)) for lon, lat, member in places})
            return len(words) // 3
        if name == "DEL":
            return int(self.keys.pop(key, None) is not None)
        if name != "GEOSEARCH":
            raise ValueError(f"unknown command '{name}'")
        assert (words[0], words[3], *words[5:]) == ("FROMLONLAT", "BYRADIUS", "m", "WITHDIST")
        lon, lat, reach_m = float(words[1]), float(words[2]), float(words[4])
        away_m = {member: haversine_m(lat, lon, *place) for member, place in self.keys[key].items()}
        return [[member, f"{metres:.4f}"] for member, metres in away_m.items() if metres <= reach_m]


class FakeTile38:
    """SETHOOK with NEARBY and INTERSECTS, SET, PDELHOOK and DROP; hooks are told over HTTP."""

    def __init__(self) -> None:
        self.hooks: dict[str, tuple[str, str, Callable[[float, float], bool]]] = {}
        self.collections: set[str] = set()

    def answer(self, name: str, key: str, *words: str) -> Any:
        if name == "SETHOOK":
            endpoint, search, collection, *rest = words
            assert rest[:5] == ["FENCE", "DETECT", "inside", "COMMANDS", "set"]
            assert (search, rest[5]) in (("NEARBY", "POINT"), ("INTERSECTS", "OBJECT"))
            ground = circle(*map(float, rest[6:])) if search == "NEARBY" else polygon(*rest[6:])
            self.hooks[key] = (endpoint, collection, ground)
        elif name == "SET":
            self.collections.add(key)
            self._tell(key, float(words[2]), float(words[3]))
        elif name == "PDELHOOK":
            self.hooks = {hook: what for hook, what in self.hooks.items() if not hook.startswith(key.rstrip("*"))}
        elif name == "DROP":
            self.collections.discard(key)
        else:
            raise ValueError(f"unknown command '{name}'")
        return 1

    def _tell(self, collection: str, lat: float, lon: float) -> None:
        for hook, (endpoint, watched, holds) in self.hooks.items():
            if watched == collection and holds(lat, lon):
                address = urlsplit(endpoint)
                telling = HTTPConnection(str(address.hostname), address.port, timeout=10)
                telling.request("POST", address.path, json.dumps({"hook": hook, "detect": "inside"}))
                assert telling.getresponse().status == 200
                telling.close()


@contextmanager
def speaking(answer: Callable[..., Any]) -> Iterator[int]:
    """The port on loopback at which commands are answered."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while line := self.rfile.readline():
                words = [self._word() for _ in range(int(line[1:]))]
                try:
                    self.wfile.write(encoded(answer(*words)))
                except ValueError as error:
                    self.wfile.write(f"-ERR {error}\r\n".encode())

        def _word(self) -> str:
            length = int(self.rfile.readline()[1:])
            return self.rfile.read(length + 2)[:-2].decode()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def encoded(value: Any) -> bytes:
    if isinstance(value, int):
        return b":%d\r\n" % value
    if isinstance(value, str):
        return b"$%d\r\n%b\r\n" % (len(value.encode()), value.encode())
    return b"*%d\r\n" % len(value) + b"".join(map(encoded, value))
