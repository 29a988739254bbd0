"""Requests with pings, in each of the formats that the service reads."""

import io
from collections.abc import Mapping

import msgspec
import numpy as np
import pyarrow
import pyarrow.ipc

from nearcast.geo.batch import PingBatch
from nearcast.services.ping_request import ARROW, NDJSON

FORMS: Mapping[str, str] = {"json": "application/json", "ndjson": NDJSON[0], "arrow": ARROW}
"""Their media types."""


def bodies_of(pings: PingBatch, size: int, form: str) -> list[bytes]:
    """All pings, so many in each body."""
    starts = range(0, len(pings), size)
    if form == "arrow":
        return [_stream(pings.take(np.arange(start, min(start + size, len(pings))))) for start in starts]
    columns = _columns(pings)
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    encoder = msgspec.json.Encoder()
    encode = encoder.encode_lines if form == "ndjson" else encoder.encode
    return [encode(rows[start : start + size]) for start in starts]


def _columns(pings: PingBatch) -> dict[str, list[object]]:
    return {
        "customer_id": pings.customer_id.tolist(),
        "recorded_at": (pings.recorded_at_us // 1000).tolist(),
        "lat": pings.lat_deg.tolist(),
        "lon": pings.lon_deg.tolist(),
        "accuracy_m": pings.accuracy_m.tolist(),
    }


def _stream(pings: PingBatch) -> bytes:
    table, sink = pyarrow.table(_columns(pings)), io.BytesIO()
    with pyarrow.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()
