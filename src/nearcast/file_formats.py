"""The formats of files, loaded when the first file comes: they take as long to load as all else, and most commands read
and write none.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nearcast.geo.batch import PingBatch
    from nearcast.geo.fence_file import Choice, FenceFile
    from nearcast.services.match_log import PlacedRows
    from nearcast.services.ping_files import PingFile, PingRows


def read_ping_rows(path: Path, said: "PingFile") -> "PingRows":
    """As `feeds.ping_rows`."""
    from nearcast.feeds import ping_rows

    return ping_rows.read_ping_rows(path, said)


def read_features(path: Path, choice: "Choice", *, note: Callable[[str], None] | None = None) -> "FenceFile":
    """As `geo.frames`."""
    from nearcast.geo import frames

    return frames.read_features(path, choice, note=note)


def write_fence_file(path: Path, features: Sequence[Mapping[str, Any]], note: Callable[[str], None]) -> None:
    """As `geo.export`."""
    from nearcast.geo import export

    export.write_fence_file(path, features, note)


def write_pings(path: Path, batches: "Iterable[PingBatch]") -> None:
    """As `feeds.pings_out`."""
    from nearcast.feeds import pings_out

    pings_out.write_pings(path, batches)


def match_log_file(kind: str, parts: "Iterable[PlacedRows]") -> Iterator[bytes]:
    """As `feeds.match_log_out`."""
    from nearcast.feeds import match_log_out

    return match_log_out.match_log_file(kind, parts)
