"""Where the engine's time goes, by looking at its stack a hundred times a second: the engine itself is left alone."""

import sys
import threading
from collections import Counter
from types import FrameType, TracebackType

_EVERY_S = 0.01
_ROOMS = {
    "rest": (),
    "batch": ("nearcast.services.batches",),
    "door": ("nearcast.services.ingest",),
    "match": ("nearcast.services.geofences", "nearcast.geo.matcher"),
    "visits": ("nearcast.services.matching",),
    "decide": ("nearcast.services.deciding", "nearcast.services.delivery"),
}
_PHASES = tuple(_ROOMS)
_RANK_OF = {module: rank for rank, modules in enumerate(_ROOMS.values()) for module in modules}


class Phases:
    """Looks at the thread that entered it. A moment belongs to the last of the phases above that is on its stack: what
    visits ask of geometry is theirs.
    """

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()
        self._watched = 0
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Phases":
        self._watched = threading.get_ident()
        self._watcher.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._watcher.join()

    def seconds(self, total_s: float) -> dict[str, float]:
        """The time spent in all, dealt by how often each phase was seen."""
        looks = max(self._seen.total(), 1)
        return {phase: round(total_s * self._seen[phase] / looks, 3) for phase in _PHASES}

    def _watch(self) -> None:
        while not self._over.wait(_EVERY_S):
            frame = sys._current_frames().get(self._watched)
            self._seen[_phase(frame)] += 1


def _phase(frame: FrameType | None) -> str:
    rank = 0
    while frame is not None:
        rank = max(rank, _RANK_OF.get(frame.f_globals.get("__name__", ""), 0))
        frame = frame.f_back
    return _PHASES[rank]
