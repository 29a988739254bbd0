"""How fixes reach the engine: mostly at once, sometimes late, twice, or nonsense. Ends in the table of pings."""

from typing import TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nearcast.sim.calendar import MIDNIGHT
from nearcast.sim.noise import Fixes
from nearcast.sim.people import Customer
from nearcast.sim.plane import Floats, lat_deg, lon_deg

Columns: TypeAlias = dict[str, NDArray[np.generic]]

_MIDNIGHT_MS = int(MIDNIGHT.timestamp()) * 1000
_LATE_SHARE = 0.02  # fixes held up for 5 to 55 s: they arrive after younger ones
_TUNNEL_SHARE = 0.14  # customers who lose the net once, for 4 to 22 minutes, and then upload all at once
_DUPLICATES = 40


def upload(customers: list[Customer], fixes: list[Fixes], rng: np.random.Generator) -> pa.Table:
    """All customers' fixes as one table, ordered by arrival; some of it wrong on purpose."""
    parts = [_phone(n, seen, rng) for n, seen in enumerate(fixes)]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    columns = _repeated(columns, rng)
    _break_some(columns, rng)
    order = np.lexsort((columns["number"], columns["customer"], columns["recorded_ms"], columns["received_ms"]))
    return _table({name: column[order] for name, column in columns.items()}, customers)


def _phone(customer: int, fixes: Fixes, rng: np.random.Generator) -> Columns:
    """One phone's fixes with the instants of their arrival; a fix without a net waits for one."""
    n = len(fixes.at_s)
    latency_s = 0.3 + 2.2 * rng.random(n) ** 2
    late = rng.random(n) < _LATE_SHARE
    latency_s[late] = 5 + 50 * rng.random(int(late.sum()))
    received_s = fixes.at_s + latency_s
    if n and rng.random() < _TUNNEL_SHARE:
        start_s = float(fixes.at_s[rng.integers(n)])
        end_s = start_s + 240 + 1080 * float(rng.random())
        cut_off = (fixes.at_s >= start_s) & (fixes.at_s < end_s)
        received_s[cut_off] = end_s
    return {
        "customer": np.full(n, customer, dtype=np.int32),
        "number": np.arange(1, n + 1, dtype=np.int32),
        "recorded_ms": _MIDNIGHT_MS + np.round(fixes.at_s * 1000).astype(np.int64),
        "received_ms": _MIDNIGHT_MS + np.round(received_s * 1000).astype(np.int64),
        "lat": lat_deg(fixes.at_m[:, 1]),
        "lon": lon_deg(fixes.at_m[:, 0]),
        "accuracy_m": fixes.accuracy_m,
        "speed_mps": fixes.speed_mps,
    }


def _repeated(columns: Columns, rng: np.random.Generator) -> Columns:
    """The same with some rows twice: half of them byte for byte, half sent again within a minute and a half."""
    twice = rng.choice(len(columns["lat"]), _DUPLICATES, replace=False)
    again = {name: column[twice].copy() for name, column in columns.items()}
    later_ms = np.round(1000 * (3 + 87 * rng.random(_DUPLICATES))).astype(np.int64)
    again["received_ms"] = again["received_ms"] + np.where(np.arange(_DUPLICATES) % 2 == 0, 0, later_ms)
    return {name: np.concatenate([column, again[name]]) for name, column in columns.items()}


def _break_some(columns: Columns, rng: np.random.Generator) -> None:
    """Two pings at latitude 0, longitude 0, and two from phones whose clocks are ahead, in place."""
    null, ahead = rng.choice(len(columns["lat"]) - _DUPLICATES, (2, 2), replace=False)
    columns["lat"][null] = 0.0
    columns["lon"][null] = 0.0
    columns["recorded_ms"][ahead] = columns["recorded_ms"][ahead] + np.array([3_600_000, 172_800_000])


def _table(columns: Columns, customers: list[Customer]) -> pa.Table:
    customer, number = columns["customer"], columns["number"]
    numbers = [f"{c + 1:04d}-{n:04d}" for c, n in zip(customer.tolist(), number.tolist(), strict=True)]
    speed_mps: Floats = columns["speed_mps"].astype(np.float64)
    return pa.table(
        {
            "customer_id": _coded(customer, [c.id for c in customers]),
            "recorded_at": pa.array(columns["recorded_ms"], pa.timestamp("ms", tz="UTC")),
            "lat": pa.array(columns["lat"], pa.float64()),
            "lon": pa.array(columns["lon"], pa.float64()),
            "accuracy_m": pa.array(columns["accuracy_m"], pa.float64()),
            "received_at": pa.array(columns["received_ms"], pa.timestamp("ms", tz="UTC")),
            "ping_id": pa.array([f"p-{number}" for number in numbers], pa.string()),
            "device_id": _coded(customer, [c.id.replace("cust", "phone") for c in customers]),
            "speed_mps": pa.array(speed_mps, pa.float64(), mask=np.isnan(speed_mps)),
        }
    )


def _coded(codes: NDArray[np.generic], names: list[str]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(names)).cast(pa.string())
