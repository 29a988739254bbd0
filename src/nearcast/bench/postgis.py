"""PostGIS as a peer: GiST indexes, ST_Intersects for polygons, ST_DWithin on geography for circles.

Everything is in temporary tables, which go with the connection. Pings are loaded before the clock runs.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
import shapely

from nearcast.bench.grounds import Grounds
from nearcast.bench.stopwatch import Run, counted
from nearcast.domain.errors import InvalidInput
from nearcast.geo.batch import Floats

# ST_DWithin's own index search needs one radius for all, so circles are found by the boxes that hold them
_IN_AREAS: LiteralString = "SELECT count(*) FROM ping JOIN area ON ST_Intersects(ground, at)"
_IN_CIRCLES: LiteralString = (
    "SELECT count(*) FROM ping JOIN circle ON box && at AND ST_DWithin(center, place, radius_m)"
)


@contextmanager
def postgis(grounds: Grounds, url: str) -> Iterator["PostGIS"]:
    """InvalidInput where nothing answers or PostGIS is missing, without the URL: it may hold a password."""
    try:
        with psycopg.connect(url.replace("+psycopg", "", 1), autocommit=True, connect_timeout=10) as connection:
            yield PostGIS(connection, grounds)
    except psycopg.OperationalError as error:
        raise InvalidInput("no PostgreSQL answers there", place="--postgis") from error
    except psycopg.Error as error:
        raise InvalidInput(f"{error.diag.message_primary or type(error).__name__}", place="--postgis") from error


class PostGIS:
    def __init__(self, connection: "psycopg.Connection[Any]", grounds: Grounds) -> None:
        self._connection, self._grounds = connection, grounds
        for setting in ("SET temp_buffers = '512MB'", "SET work_mem = '256MB'", "SET jit = off"):
            connection.execute(setting)
        connection.execute("CREATE TEMP TABLE area (ground geometry)")
        connection.execute("CREATE TEMP TABLE circle (center geography, radius_m float8, box geometry)")
        self._copy("COPY area FROM STDIN", ((wkb,) for wkb in shapely.to_wkb(grounds.areas, hex=True)))
        centers = shapely.points(grounds.circle_lon_deg, grounds.circle_lat_deg)
        columns = shapely.to_wkb(centers, hex=True), grounds.circle_radius_m.tolist()
        boxes = shapely.to_wkb(grounds.circle_boxes(), hex=True)
        self._copy("COPY circle FROM STDIN", zip(*columns, boxes, strict=True))
        connection.execute("CREATE INDEX ON area USING gist (ground)")
        connection.execute("CREATE INDEX ON circle USING gist (box)")
        connection.execute("ANALYZE area")
        connection.execute("ANALYZE circle")

    def ready(self, lat_deg: Floats, lon_deg: Floats) -> Run:
        connection = self._connection
        connection.execute("DROP TABLE IF EXISTS pg_temp.ping")
        connection.execute("CREATE TEMP TABLE ping (at geometry, place geography)")
        points = shapely.to_wkb(shapely.points(lon_deg, lat_deg), hex=True)
        self._copy("COPY ping FROM STDIN", zip(points, points, strict=True))
        connection.execute("ANALYZE ping")
        return lambda: counted(self._counted(_IN_AREAS) + self._counted(_IN_CIRCLES))

    def _copy(self, statement: LiteralString, rows: Iterable[tuple[object, ...]]) -> None:
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)

    def _counted(self, query: LiteralString) -> int:
        row = self._connection.execute(query).fetchone()
        return 0 if row is None else int(row[0])
