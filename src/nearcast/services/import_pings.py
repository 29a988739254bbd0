"""Pings of the past, from files. They are kept for analysis and for nothing else: no worker reads them, so that no
visit, no decision and no message ever comes of them.
"""

from collections import Counter
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np

from nearcast.domain.errors import InvalidInput
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.domain.position import MAX_LON_DEG
from nearcast.domain.reason import Reason
from nearcast.geo.batch import Ints, PingBatch
from nearcast.services.catalogue import assembled
from nearcast.services.import_report import Taken, most_frequent
from nearcast.services.ingest import Arrivals, Door, Ledgers
from nearcast.services.instants import as_instant, as_us
from nearcast.services.intake import unstorable
from nearcast.services.ping_files import PingRows
from nearcast.services.ports import Store
from nearcast.services.report import rfc3339
from nearcast.services.roster import Roster
from nearcast.services.rows import Row
from nearcast.services.world import World

_PINGS_AT_ONCE = 10_000
_FIRST_ROWS = 5


def import_pings(store: Store, tenant_id: TenantId, taken: Taken, found: PingRows, now: datetime) -> None:
    """Keep the pings of a file that the door lets in: who has no live consent to location now, or had none when a ping
    was recorded, has none of it stored. What is there already is counted as `duplicate`.
    """
    taken.left_out.update(found.left_out)
    for row, fault in found.bad:
        taken.refuse(Row(row.number, _by_customer(row.value)), fault)
    with store.reading(tenant_id) as uow:
        rules = assembled(uow.catalogue, tenant_id)
    for start in range(0, len(found.batch), _PINGS_AT_ONCE):
        rows = np.arange(start, min(start + _PINGS_AT_ONCE, len(found.batch)))
        _take(store, tenant_id, taken, found, rows, replace(rules, refused=Counter(), roster=Roster()), now)


def _take(
    store: Store, tenant_id: TenantId, taken: Taken, found: PingRows, rows: Ints, world: World, now: datetime
) -> None:
    batch = found.batch.take(rows)
    batch = replace(batch, received_at_us=np.full(len(rows), as_us(now)))
    malformed = unstorable(batch)
    customer_ids = {CustomerId(key) for key in np.delete(batch.customer_id, malformed)}
    with store.writing(tenant_id) as uow:
        uow.customers.lock(sorted(customer_ids))  # who withdraws at this moment comes before, or after
        uow.pings.admit()  # after the customers, as who erases one does
        world.consents = uow.consents.of(customer_ids)
        door = Door(world, Ledgers(world))
        arrivals = Arrivals.of(batch, world.tenant.policy.ping_rules, world.roster)
        arrivals.fault[malformed] = Reason.MALFORMED
        let_in = door.let_in(arrivals, np.arange(len(rows)), np.full(len(rows), as_us(now)))
        new = uow.past_pings.add(batch.take(let_in), now)
        uow.counters.add("refused", world.refused)
        uow.commit()
    duplicates = len(let_in) - new
    for n, reason in door.turned_away:
        if reason is Reason.DUPLICATE_PING:
            duplicates += 1
        else:
            row = Row(found.numbers[int(rows[n])], {"id": batch.customer_id[n]})
            taken.refuse(row, InvalidInput(reason.value))
    taken.counts["accepted"] += new
    taken.counts["duplicate"] += duplicates


def _by_customer(ping: object) -> dict[str, object]:
    """A report names a ping by its customer."""
    return {"id": ping.get("customer_id") if isinstance(ping, dict) else None}


def preview(found: PingRows) -> dict[str, Any]:
    """What a file holds, before any of it is taken: its format, the columns and what is only guessed of them, counts,
    the span of time, the bounding box (west, south, east, north in degrees) and the first pings.
    """
    batch = found.batch
    lies = (np.abs(batch.lat_deg) <= 90) & (np.abs(batch.lon_deg) <= MAX_LON_DEG)
    lies &= (batch.lat_deg != 0) | (batch.lon_deg != 0)
    lat, lon = batch.lat_deg[lies], batch.lon_deg[lies]
    return {
        "format": found.format,
        "columns": dict(found.columns),
        "guesses": list(found.guesses),
        "rows": len(batch) + len(found.bad),
        "pings": len(batch),
        "customers": len(set(batch.customer_id)),
        "no_place": int((~lies).sum()),
        "bad": len(found.bad),
        "reasons": most_frequent(f"{fault.place} {fault.message}".strip() for _, fault in found.bad),
        "left_out": dict(found.left_out),
        "from": as_instant(int(batch.recorded_at_us.min())) if len(batch) else None,
        "until": as_instant(int(batch.recorded_at_us.max())) if len(batch) else None,
        "bbox": [float(lon.min()), float(lat.min()), float(lon.max()), float(lat.max())] if lies.any() else None,
        "first": [_shown(batch, row) for row in range(min(len(batch), _FIRST_ROWS))],
    }


def _shown(batch: PingBatch, row: int) -> dict[str, Any]:
    accuracy_m = float(batch.accuracy_m[row])
    return {
        "customer_id": batch.customer_id[row],
        "recorded_at": as_instant(int(batch.recorded_at_us[row])),
        "lat": float(batch.lat_deg[row]),
        "lon": float(batch.lon_deg[row]),
        "accuracy_m": None if np.isnan(accuracy_m) else accuracy_m,
    }


def told_preview(seen: dict[str, Any]) -> list[str]:
    """A preview in lines."""
    lines = [f"format   {seen['format']}", f"rows     {seen['rows']:,}: {seen['pings']:,} pings, {seen['bad']:,} bad"]
    lines += [f"column   {theirs} is {ours}" for ours, theirs in seen["columns"].items()]
    lines += [f"guessed  {guess}" for guess in seen["guesses"]]
    lines += [f"no ping  {count:,} {kind}" for kind, count in seen["left_out"].items()]
    lines += [f"bad      {count:,} {reason}" for reason, count in seen["reasons"].items()]
    if seen["pings"]:
        lines.append(f"time     {rfc3339(seen['from'])} to {rfc3339(seen['until'])}")
        lines.append(f"people   {seen['customers']:,}")
    if seen["bbox"]:
        west, south, east, north = seen["bbox"]
        lines.append(f"place    {south:.5f} to {north:.5f} north, {west:.5f} to {east:.5f} east")
    for ping in seen["first"]:
        radius = "" if ping["accuracy_m"] is None else f"  ±{ping['accuracy_m']:g} m"
        at = rfc3339(ping["recorded_at"])
        lines.append(f"         {ping['customer_id']}  {at}  {ping['lat']:.6f} {ping['lon']:.6f}{radius}")
    return lines
