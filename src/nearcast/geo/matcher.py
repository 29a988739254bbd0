"""Which geofences is each ping in? Exact, in columns.

Many geofences are compiled into cells that no edit changes. What was put, changed or deleted since lies in an overlay
or is marked as gone, until a thread aside has compiled everything anew. Small catalogues have the overlay alone: the
kernels would take longer to load than it takes to answer.
"""

import atexit
import logging
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING
from weakref import WeakSet

import numpy as np

from nearcast.domain.errors import InvalidGeofence
from nearcast.domain.geofence import MAX_RADIUS_M, Geofence
from nearcast.domain.ids import GeofenceId
from nearcast.domain.position import Position
from nearcast.geo.batch import Floats, Ints, Texts
from nearcast.geo.entries import boxes_in_view
from nearcast.geo.geodesy import Bools, canonical_points, circle_bounds_deg, straight_way
from nearcast.geo.margins import signed_distance_m
from nearcast.geo.overlay import Overlay
from nearcast.geo.pairs import Pairs

if TYPE_CHECKING:  # it loads the compiler
    from nearcast.geo.cells import CompiledFences

COMPILE_FROM = 1000  # geofences, or edits of them
_EDITED_SHARE = 1 / 50  # of a large catalogue, before compiling it anew is worth its time
_FIRST_REACH_M, _REACH_GROWTH = 50.0, 4.0

_log = logging.getLogger(__name__)
_leaving = Event()
_aside: WeakSet[Thread] = WeakSet()


def get_ready(fences: int) -> bool:
    """Have the kernels at hand that an index of so many geofences needs; whether it needs any. The first time on a
    machine they are compiled, which takes seconds.
    """
    if fences < COMPILE_FROM:
        return False
    from nearcast.geo.compiling import warm_up

    warm_up()
    return True


class FenceIndex:
    """The geofences in force, each revision in a slot of its own. Threads may match, put and delete at once.

    A slot keeps meaning the revision it was given for, even after that was replaced or deleted, so that pairs found
    earlier can still be read; the memory of old revisions is freed by building a new index.
    """

    def __init__(
        self,
        geofences: Iterable[Geofence] = (),
        *,
        threads: int | None = None,
        compile_from: int | None = COMPILE_FROM,
    ) -> None:
        """`threads` match at a time, by default as many as there are processors to use.

        So many geofences as `compile_from`, or edits of them, are compiled without being asked; None: never.
        InvalidGeofence where two geofences have the same id.
        """
        self._geofences = list(geofences)
        self._slot_of: dict[GeofenceId, int] = {}
        for slot, geofence in enumerate(self._geofences):
            if self._slot_of.setdefault(geofence.id, slot) != slot:
                raise InvalidGeofence(f"geofence id {geofence.id!r} occurs twice")
        self._threads = threads or len(os.sched_getaffinity(0))
        self._pool = ThreadPoolExecutor(self._threads, "nearcast-match") if self._threads > 1 else None
        self._compile_from = compile_from
        self._lock = Lock()
        self._base: CompiledFences | None = None
        self._gone: Bools = np.zeros(0, dtype=np.bool_)  # by slot of the base; copied to be changed
        self._retired: list[int] = []  # slots put out of force since the base was begun
        self._compiling = Lock()
        self._rebuild: Thread | None = None
        self._compile_at = compile_from
        is_many = compile_from is not None and len(self._geofences) >= compile_from
        self._overlay = Overlay() if is_many else Overlay(self._geofences, range(len(self._geofences)))
        if is_many:
            self._compile()

    def __len__(self) -> int:
        return len(self._slot_of)

    def __iter__(self) -> Iterator[Geofence]:
        """The geofences in force, by slot."""
        with self._lock:
            slots = sorted(self._slot_of.values())
        return iter([self._geofences[slot] for slot in slots])

    @property
    def memory_bytes(self) -> int:
        """Of the compiled base, without the geofences themselves; 0 where there is none."""
        base = self._base
        return base.memory_bytes if base else 0

    def geofence(self, slot: int) -> Geofence:
        return self._geofences[slot]

    def geofence_id(self, slot: Ints) -> Texts:
        """The ids of the geofences in n slots."""
        return np.array([self._geofences[number].id for number in slot.tolist()], dtype=object)

    def put(self, geofence: Geofence) -> int:
        """Bring a geofence into force in place of any earlier revision; its slot."""
        with self._lock:
            slot = len(self._geofences)
            self._overlay.put(geofence, slot)
            self._retire(geofence.id)
            self._geofences.append(geofence)
            self._slot_of[geofence.id] = slot
            self._compile_if_worth_it()
        return slot

    def delete(self, geofence_id: GeofenceId) -> Geofence | None:
        """Take a geofence out of force; what it was, or None where it was not in force."""
        with self._lock:
            slot = self._retire(geofence_id)
            self._compile_if_worth_it()
        return None if slot is None else self._geofences[slot]

    def compile(self) -> None:
        """Compile what is in force, unless it is compiled as it is; others match and edit meanwhile."""
        with self._compiling:
            if self._edits():
                self._compile()

    def match(self, lat_deg: Floats, lon_deg: Floats) -> Pairs:
        """Every pair of a point and a geofence in force that holds it; `ping_row` counts the n points given.

        A boundary is inside, a hole's too; longitudes up to ±540 wrap, and at a pole they mean nothing. InvalidInput
        names the first row that is not a place on the earth.
        """
        lat_deg, lon_deg = canonical_points(lat_deg, lon_deg)
        lat_deg = np.require(lat_deg, requirements=["C", "W"])  # a kernel is compiled anew for every kind of array
        with self._lock:
            base, gone = self._base, self._gone
            edited = self._overlay.match(lat_deg, lon_deg)
        return edited if base is None else base.match(lat_deg, lon_deg, gone, edited, self._threads, self._pool)

    def between(self, a: Position, b: Position) -> list[Geofence]:
        """The geofences in force whose boxes meet that of the straight way from a to b, by slot: maybe crossed."""
        (start_lon, start_lat), (end_lon, end_lat) = straight_way(a, b)
        (west, east), (south, north) = sorted((start_lon, end_lon)), sorted((start_lat, end_lat))
        return self.meeting(np.array([west, south, east, north]))

    def meeting(self, box_deg: Floats) -> list[Geofence]:
        """The geofences in force whose boxes meet that one (west, south, east, north), by slot.

        Its sides may run on beyond ±180 and ±90.
        """
        return [self._geofences[slot] for slot in self._meeting(box_deg[np.newaxis])]

    def nearest(self, position: Position, k: int) -> list[tuple[Geofence, float]]:
        """The k geofences in force that are nearest, or all where there are fewer, and how far each is in metres.

        The nearest first, of equals the one put first. Distances are those of `margins.signed_distance_m`, inside 0.
        """
        away_m: dict[int, float] = {}
        reach_m = _FIRST_REACH_M
        at = np.array([position.lat_deg]), np.array([position.lon_deg])
        while True:
            slots = self._meeting(circle_bounds_deg(*at, np.array([reach_m])))
            away_m.update(
                (slot, max(0.0, signed_distance_m(self._geofences[slot], position)))
                for slot in slots
                if slot not in away_m
            )
            ranked = sorted((away_m[slot], slot) for slot in slots)[:k]
            if reach_m == MAX_RADIUS_M or (len(ranked) == k and all(metres <= reach_m for metres, _ in ranked)):
                return [(self._geofences[slot], metres) for metres, slot in ranked]
            reach_m = min(reach_m * _REACH_GROWTH, MAX_RADIUS_M)

    def _meeting(self, box_deg: Floats) -> list[int]:
        """The slots in force whose boxes meet a box, rising."""
        _, _, boxes_deg = boxes_in_view(box_deg)
        with self._lock:
            base, gone = self._base, self._gone
            edited: list[int] = self._overlay.meeting(boxes_deg).tolist()
        compiled: list[int] = base.meeting(boxes_deg).tolist() if base is not None else []
        return [slot for slot in compiled if not gone[slot]] + edited

    def _retire(self, geofence_id: GeofenceId) -> int | None:
        slot = self._slot_of.pop(geofence_id, None)
        if slot is not None:
            self._retired.append(slot)
            if slot in self._overlay:
                self._overlay.remove(slot)
            else:
                self._gone = self._gone.copy()
                self._gone[slot] = True
        return slot

    def _edits(self) -> int:
        """How many geofences the base lacks, and how many it should not have."""
        return len(self._overlay) + int(np.count_nonzero(self._gone))

    def _compile_if_worth_it(self) -> None:
        if self._compile_at is None or self._rebuild is not None or self._edits() < self._compile_at:
            return
        self._rebuild = Thread(target=self._compile_aside, name="nearcast-geofences", daemon=True)
        _aside.add(self._rebuild)
        self._rebuild.start()

    def _compile_aside(self) -> None:
        try:
            self.compile()
        except Exception:
            if not _leaving.is_set():
                _log.exception("geofences could not be compiled; those edited stay in the overlay")
            with self._lock:
                self._compile_at = 2 * self._edits()
        finally:
            with self._lock:
                self._rebuild = None

    def _compile(self) -> None:
        from nearcast.geo.compiling import compiled  # here, where it is needed: it loads the compiler

        with self._lock:
            slots = np.array(sorted(self._slot_of.values()), dtype=np.int64)
            known, retired = len(self._geofences), len(self._retired)
        base = compiled(self._geofences, slots, _leaving.is_set) if len(slots) else None
        with self._lock:
            gone = np.zeros(known, dtype=np.bool_)
            self._retired = self._retired[retired:]
            gone[[slot for slot in self._retired if slot < known]] = True
            later = [slot for slot in self._overlay.slots() if slot >= known]
            self._overlay = Overlay([self._geofences[slot] for slot in later], later)
            self._base, self._gone = base, gone
            if self._compile_from is not None:
                self._compile_at = max(self._compile_from, int(len(slots) * _EDITED_SHARE))


@atexit.register
def _leave() -> None:
    """Threads aside end before the interpreter does: ended in the middle of a kernel, they could take it down."""
    _leaving.set()
    for thread in list(_aside):
        thread.join()
