"""Redis as a peer: the centres of circles in a sorted set, and GEOSEARCH for each ping.

It decides by a haversine on a sphere and by coordinates rounded to 52 bits, so a few pairs near an edge differ. It asks
with the largest radius and keeps what is near enough: one command a ping is faster than one a radius.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from nearcast.bench.grounds import Grounds
from nearcast.bench.resp import Reply, Resp, command
from nearcast.bench.stopwatch import Run, counted
from nearcast.geo.batch import Floats

_CENTERS_AT_ONCE = 500


@contextmanager
def geosearch(grounds: Grounds, host: str, port: int) -> Iterator["Geosearch"]:
    """The circles under a key of their own, which is deleted at the end."""
    with Resp(host, port) as redis:
        key = f"nearcast-bench-{uuid4().hex}"
        try:
            yield Geosearch(redis, key, grounds)
        finally:
            redis.ask("DEL", key)


class Geosearch:
    def __init__(self, redis: Resp, key: str, grounds: Grounds) -> None:
        self._redis, self._key = redis, key
        self._radius_m = grounds.circle_radius_m.tolist()
        places = list(zip(grounds.circle_lon_deg.tolist(), grounds.circle_lat_deg.tolist(), strict=True))
        words = [word for n, (lon_deg, lat_deg) in enumerate(places) for word in (repr(lon_deg), repr(lat_deg), str(n))]
        step = 3 * _CENTERS_AT_ONCE
        slices = (words[start : start + step] for start in range(0, len(words), step))
        for _ in redis.ask_all(command("GEOADD", key, *some) for some in slices):
            pass

    def ready(self, lat_deg: Floats, lon_deg: Floats) -> Run:
        reach = ("BYRADIUS", repr(max(self._radius_m)), "m", "WITHDIST")
        places = zip(lon_deg.tolist(), lat_deg.tolist(), strict=True)
        commands = [command("GEOSEARCH", self._key, "FROMLONLAT", repr(x), repr(y), *reach) for x, y in places]
        return lambda: counted(sum(map(self._near_enough, self._redis.ask_all(commands))))

    def _near_enough(self, found: Reply) -> int:
        """How many of the circles, each with its distance, are no farther than their radius."""
        if not isinstance(found, list):
            raise TypeError(f"GEOSEARCH answers with a list, not with {type(found).__name__}")
        radius_m = self._radius_m
        return sum(float(away_m) <= radius_m[int(n)] for n, away_m in found)  # type: ignore[misc, arg-type]
