"""Which format a file of pings has: its content tells, and where that is like several, its ending."""

import re
from pathlib import Path

from nearcast.domain.errors import InvalidInput

_HEAD_BYTES = 1 << 18
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_ENDINGS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".json": "json",
    ".parquet": "parquet",
    ".geoparquet": "parquet",
    ".gpx": "gpx",
    ".kml": "kml",
    ".kmz": "kml",
    ".geojson": "geojson",
    ".rec": "owntracks",
}
_ROOT = re.compile(rb"<(?:[\w.-]+:)?(gpx|kml)[\s>/]")
_RECORDED = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ?\t[^\t\n]*\t")
_DOCUMENTS = (
    (re.compile(rb'"timelineObjects"\s*:\s*\['), "google-semantic"),
    (re.compile(rb'"(?:semanticSegments|rawSignals)"\s*:\s*\['), "android-timeline"),
    (re.compile(rb'"type"\s*:\s*"Feature"'), "geojson"),
    (re.compile(rb'"type"\s*:\s*"FeatureCollection"'), "geojson"),
    (re.compile(rb'"locations"\s*:\s*\['), "google-records"),
)
_IOS = re.compile(rb'"(?:timelinePath|activity|visit|endTime)"\s*:')


def format_of(path: Path) -> str:
    """One of `FORMATS`; InvalidInput where neither content nor ending tells."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    by_ending = _ENDINGS.get(path.suffix.lower())
    found = _by_content(head.removeprefix(_BYTE_ORDER_MARK).lstrip(), by_ending)
    if found is None:
        raise InvalidInput(
            f"pings are read from {', '.join(_ENDINGS)}, not {path.suffix!r}; --format says what it is", place=str(path)
        )
    return found


def _by_content(head: bytes, by_ending: str | None) -> str | None:
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(b"PK\x03\x04"):
        return "kml"
    if head.startswith(b"<"):
        root = _ROOT.search(head)
        return root[1].decode() if root else by_ending
    if _RECORDED.match(head):
        return "owntracks"
    if head.startswith(b"{"):
        return _of_object(head, by_ending)
    if head.startswith(b"["):
        return "ios-timeline" if b'"startTime"' in head and _IOS.search(head) else "json"
    return by_ending


def _of_object(head: bytes, by_ending: str | None) -> str | None:
    """One document, or one on each line."""
    if by_ending != "ndjson":
        for pattern, name in _DOCUMENTS:
            if pattern.search(head):
                return name
    return "ndjson" if by_ending in (None, "json", "csv") and _is_line(head) else by_ending


def _is_line(head: bytes) -> bool:
    """Whether the first line is an object by itself."""
    first = head.split(b"\n", 1)[0].rstrip()
    return first.endswith(b"}")
