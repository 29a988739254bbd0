"""The tracks of KML and KMZ: `gx:Track`, with a `when` and a `gx:coord` for each place."""

import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO

from nearcast.domain.errors import InvalidInput
from nearcast.feeds.spellings import instant_text
from nearcast.feeds.xml_leaves import Readable, elements
from nearcast.services.rows import Row

_MOST_BYTES = 1 << 30


def kml_rows(file: BinaryIO, place: str, left_out: Counter[str]) -> Iterator[Row]:
    """The places of all tracks of a KML, or of the one in a KMZ, in their order, counted from 1. Shapes without times
    are no pings.
    """
    is_zip = file.read(2) == b"PK"
    file.seek(0)
    return _of_zip(file, place, left_out) if is_zip else _tracks(file, place, left_out)


def _tracks(file: Readable, place: str, left_out: Counter[str]) -> Iterator[Row]:
    number = 0
    for element in elements(file, place, ("Track", "Point", "LineString", "Polygon")):
        if element.name != "Track":
            left_out["shapes without times"] += 1
            continue
        whens = [text for name, text in element.leaves if name == "when"]
        coords = [text for name, text in element.leaves if name == "coord"]
        if len(whens) != len(coords):
            number += 1
            yield Row(number, fault=f"a track has {len(whens)} times for {len(coords)} places")
            continue
        for when, coord in zip(whens, coords, strict=True):
            number += 1
            lon, lat = [*coord.split(), "", ""][:2]
            yield Row(number, {"recorded_at": instant_text(when or None, None), "lat": lat, "lon": lon})


def _of_zip(file: BinaryIO, place: str, left_out: Counter[str]) -> Iterator[Row]:
    try:
        with zipfile.ZipFile(file) as archive:
            names = [name for name in archive.namelist() if name.lower().endswith(".kml")]
            if not names:
                raise InvalidInput("the zip holds no .kml; what else it holds is to be unpacked first", place=place)
            with archive.open(min(names, key=lambda name: (name.count("/"), names.index(name)))) as inside:
                yield from _tracks(_Bounded(inside, place), place, left_out)
    except (zipfile.BadZipFile, EOFError, RuntimeError, NotImplementedError, ValueError, zlib.error) as error:
        raise InvalidInput(f"not a usable zip: {error}", place=place) from None


class _Bounded:
    """A file that ends with an error where it would not end."""

    def __init__(self, file: Readable, place: str) -> None:
        self._file, self._place, self._left = file, place, _MOST_BYTES

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise InvalidInput(f"is longer than {_MOST_BYTES:,} bytes", place=self._place)
        return data
