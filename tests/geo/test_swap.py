"""Edits are seen at once and everything is compiled anew aside, while others match (reference scenario S35)."""

import logging
import subprocess
import sys
from threading import Event, Thread
from time import monotonic, sleep

import numpy as np
import pytest

from nearcast.domain.geofence import Area, Geofence
from nearcast.domain.ids import GeofenceId
from nearcast.geo.compiling import Abandoned, compiled
from nearcast.geo.matcher import FenceIndex
from tests.geo.shapes import area_of, box, circle, polygon


def row_of_squares(n: int) -> list[Geofence]:
    """One for every tenth of a degree along the equator, a bit wider than that."""
    return [polygon(box(lon / 10, 0.0, lon / 10 + 0.11, 0.1), geofence_id=f"f{lon}") for lon in range(n)]


def wait_until_compiled(index: FenceIndex, memory_bytes: int = 0) -> None:
    until = monotonic() + 60.0
    while index.memory_bytes == memory_bytes:
        assert monotonic() < until, "nothing was compiled"
        sleep(0.005)


def ids(index: FenceIndex, lat: float, lon: float) -> list[str]:
    return list(index.geofence_id(index.match(np.array([lat]), np.array([lon])).slot))


def test_many_geofences_are_compiled_and_few_are_not() -> None:
    squares = row_of_squares(20)
    assert FenceIndex(squares, compile_from=21).memory_bytes == 0
    assert FenceIndex(squares, compile_from=20).memory_bytes > 0
    assert FenceIndex(squares, compile_from=None).memory_bytes == 0


def test_an_edit_of_a_compiled_geofence_is_seen_by_the_next_match() -> None:
    index = FenceIndex(row_of_squares(20), compile_from=20)
    assert ids(index, 0.05, 0.55) == ["f5"]
    index.put(polygon(box(0.5, 1.0, 0.6, 1.1), geofence_id="f5"))
    assert (ids(index, 0.05, 0.55), ids(index, 1.05, 0.55)) == ([], ["f5"])
    index.delete(GeofenceId("f5"))
    assert (ids(index, 0.05, 0.55), ids(index, 1.05, 0.55)) == ([], [])
    index.put(circle(0.05, 0.55, 1.0, "new"))
    assert ids(index, 0.05, 0.55) == ["new"]


def test_enough_edits_are_compiled_aside() -> None:
    index = FenceIndex(compile_from=10)
    for square in row_of_squares(9):
        index.put(square)
    assert index.memory_bytes == 0
    index.put(circle(0.05, 0.95, 10.0, "tenth"))
    wait_until_compiled(index)
    assert ids(index, 0.05, 0.95) == ["tenth"]
    assert ids(index, 0.05, 0.05) == ["f0"]


def test_few_geofences_edited_often_stay_few() -> None:
    index = FenceIndex(compile_from=10)
    for _ in range(5):
        for square in row_of_squares(9):
            index.put(square)
    assert index._rebuild is None
    assert index.memory_bytes == 0


def test_what_is_compiled_as_it_stands_is_not_compiled_again() -> None:
    index = FenceIndex(row_of_squares(3))
    index.compile()
    base = index._base
    index.compile()
    assert index._base is base
    index.delete(GeofenceId("f1"))
    index.compile()
    assert ids(index, 0.05, 0.15) == []
    assert index._base is not base


class _ReadOnlySoOften(Area):
    """A geofence's ground on a failing disk, so to say."""

    reads_left = 1

    def __getattribute__(self, name: str) -> object:
        if name == "wkb":
            if not _ReadOnlySoOften.reads_left:
                raise OSError("cannot be read")
            _ReadOnlySoOften.reads_left -= 1
        return super().__getattribute__(name)


def test_where_compiling_fails_it_is_said_and_matching_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    index = FenceIndex(row_of_squares(9), compile_from=10)
    bad = _ReadOnlySoOften(shapely_box_wkb())
    with caplog.at_level(logging.ERROR):
        index.put(Geofence(id=GeofenceId("bad"), boundary=bad))
        while index._rebuild is not None:
            sleep(0.005)
    assert "could not be compiled" in caplog.text
    assert ids(index, 0.05, 0.05) == ["f0"]
    assert ids(index, 5.5, 5.5) == ["bad"]
    index.delete(GeofenceId("bad"))
    index.compile()
    assert index.memory_bytes > 0
    assert ids(index, 5.5, 5.5) == []


class _EditsWhenRead(Area):
    """Ground that somebody edits other geofences over, as soon as it is read."""

    index: FenceIndex | None = None

    def __getattribute__(self, name: str) -> object:
        index = _EditsWhenRead.index
        if name == "wkb" and index is not None:
            _EditsWhenRead.index = None
            index.delete(GeofenceId("f1"))
            index.put(circle(0.05, 0.25, 10.0, "f2"))
            index.put(circle(7.0, 7.0, 10.0, "new"))
        return super().__getattribute__(name)


def test_edits_made_while_others_are_compiled_are_kept() -> None:
    index = FenceIndex([*row_of_squares(4), Geofence(id=GeofenceId("x"), boundary=_EditsWhenRead(shapely_box_wkb()))])
    _EditsWhenRead.index = index
    index.compile()
    for lat, lon, expected in ((0.05, 0.05, "f0"), (0.05, 0.25, "f2"), (7.0, 7.0, "new"), (5.5, 5.5, "x")):
        assert ids(index, lat, lon) == [expected]
    assert (ids(index, 0.05, 0.15), ids(index, 0.05, 0.28)) == ([], [])
    assert len(index) == 5


def shapely_box_wkb() -> bytes:
    return bytes(area_of(polygon(box(5.0, 5.0, 6.0, 6.0))).wkb)


def test_threads_match_beside_a_writer_while_bases_are_swapped() -> None:
    """Every square is always there but for those that come and go, and each revision says which ground is its own."""
    squares = row_of_squares(200)
    index = FenceIndex(squares, threads=2, compile_from=20)
    lat, lon = np.full(5000, 0.05), np.linspace(0.0, 19.99, 5000)
    steady = np.flatnonzero((lon * 10).astype(int) % 2 == 0)
    wrong: list[str] = []
    done = Event()

    def read() -> None:
        while not done.is_set():
            found = index.match(lat, lon)
            west = np.array([area_of(index.geofence(slot)).bounds[0] for slot in np.unique(found.slot).tolist()])
            west_of = dict(zip(np.unique(found.slot).tolist(), west.tolist(), strict=True))
            for row, slot in zip(found.ping_row.tolist(), found.slot.tolist(), strict=True):
                if not west_of[slot] <= lon[row] <= west_of[slot] + 0.1101:
                    wrong.append(f"row {row} in slot {slot}")
            if not np.isin(steady, found.ping_row).all():
                wrong.append("a steady square was missed")

    readers = [Thread(target=read), Thread(target=read)]
    for reader in readers:
        reader.start()
    bases = {id(index._base)}
    for number in range(1, 1200, 2):
        index.delete(squares[number % 200].id)
        index.put(squares[number % 200])
        bases.add(id(index._base))
    done.set()
    for reader in readers:
        reader.join()
    assert wrong == []
    assert len(bases) > 2
    index.compile()
    assert len(index) == 200
    assert len(np.unique(index.match(lat, lon).slot)) == 200


def test_an_edit_among_many_holds_at_once() -> None:
    rng = np.random.default_rng(1)
    places = rng.uniform([47.0, 6.0], [55.0, 15.0], (20_000, 2))
    index = FenceIndex([circle(lat, lon, 100.0, f"f{n}") for n, (lat, lon) in enumerate(places.tolist())])
    for n in range(5):
        index.put(circle(10.0, 10.0 + n, 100.0, f"f{n}"))
        assert ids(index, 10.0, 10.0 + n) == [f"f{n}"]


def test_compiling_ends_when_it_is_no_longer_wanted() -> None:
    with pytest.raises(Abandoned):
        compiled(row_of_squares(1), np.array([0]), lambda: True)


def test_a_program_ends_well_while_geofences_are_compiled_aside() -> None:
    program = """
from nearcast.domain.geofence import Circle, Geofence
from nearcast.domain.position import Position
from nearcast.geo.matcher import FenceIndex
many = [Geofence(id=str(n), boundary=Circle(Position(n / 200, n / 100), 1000.0)) for n in range(10_000)]
index = FenceIndex(many[1:], compile_from=10_000)
index.put(many[0])
assert index._rebuild is not None
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_few_geofences_are_matched_without_loading_the_compiler() -> None:
    program = """
import sys
from nearcast.domain.geofence import Circle, Geofence
from nearcast.domain.position import Position
from nearcast.geo.matcher import FenceIndex
import numpy as np
index = FenceIndex([Geofence(id="a", boundary=Circle(Position(0.0, 0.0), 1000.0))])
assert len(index.match(np.zeros(1), np.zeros(1))) == 1
assert "numba" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], timeout=60, check=True)
