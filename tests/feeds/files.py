"""The same three pings in every format, and how to write them."""

import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

PINGS: list[dict[str, Any]] = [
    {"customer_id": "c1", "recorded_at": "2026-06-02T10:00:00Z", "lat": 52.52, "lon": 13.405, "accuracy_m": 8.0},
    {"customer_id": "é", "recorded_at": "2026-06-02T12:00:01.5+02:00", "lat": -91.0, "lon": 539.5, "ping_id": "p"},
    {
        "customer_id": "c1",
        "recorded_at": "2026-06-02T10:00:02Z",
        "lat": 1.0,
        "lon": 2.0,
        "received_at": "2026-06-02T10:01:00Z",
    },
]
NAMES = ["customer_id", "recorded_at", "lat", "lon", "accuracy_m", "ping_id", "received_at"]


def csv_text(pings: list[dict[str, Any]]) -> str:
    rows = [",".join("" if ping.get(name) is None else str(ping[name]) for name in NAMES) for ping in pings]
    return "\n".join([",".join(NAMES), *rows]) + "\n"


def ndjson_text(pings: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(ping) + "\n" for ping in pings)


def parquet(path: Path, **columns: object) -> Path:
    """A Parquet file of two pings; columns given replace the usual ones, None leaves one out."""
    usual: dict[str, object] = {"customer_id": ["a", "b"], "recorded_at": [1, 2], "lat": [1.0, 2.0], "lon": [3.0, 4.0]}
    kept = {name: cells for name, cells in {**usual, **columns}.items() if cells is not None}
    pyarrow.parquet.write_table(pyarrow.table(kept), path)
    return path


def with_value(name: str, value: object) -> list[dict[str, Any]]:
    """The three pings, the second with another value."""
    return [PINGS[0], {**PINGS[1], name: value}, PINGS[2]]
