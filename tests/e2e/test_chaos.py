"""Many processes on one PostGIS, a worker killed every few seconds, customers at their caps, withdrawals meanwhile:
what was promised is counted afterwards, in what the database and the processes themselves wrote down.
"""

import random
import re
import time
from collections import Counter
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import count, pairwise
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import pytest
from sqlalchemy import func, select

from nearcast.bootstrap import application, open_store
from nearcast.domain.ids import TenantId
from nearcast.services.access import Role
from nearcast.services.audit_ports import SYSTEM
from nearcast.settings import Settings
from nearcast.store.sql_store import SqlStore
from nearcast.store.tables import log_position, match_log, message, run, transition
from tests.e2e.chaos import Client, Crowd, Plant, Size
from tests.e2e.diary import Entry, keep_diary, read_diary, withdrawals
from tests.e2e.processes import eventually
from tests.live.corner import ENTER, LONG_AGO, names, open_corner, scheduled

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

SIZES = [
    pytest.param(Size(3, 1, 1, customers=200, withdrawals=100, seconds=12, kill_every_s=4), id="small"),
    pytest.param(
        Size(8, 3, 2, customers=2000, withdrawals=1000, seconds=120, kill_every_s=5), id="full", marks=pytest.mark.soak
    ),
]
LIMIT, BUDGET = 2, 150
LONGEST_S = 180.0  # beyond what a run is to last, on a machine that is busy with other things
SETTINGS = {
    "ping_rules": {"max_age_s": 86_400},
    "policy": {"caps": [{"id": "two", "scope": "customer", "kind": "rolling", "window_s": 86_400, "limit": LIMIT}]},
}
OFFER = {"text": "Coffee", "expires_after_s": 3600}
PLENTY = {**ENTER, "offer": OFFER}
SCARCE = {**ENTER, "id": "camp-9", "priority": 90, "offer": OFFER, "budget": {"messages": BUDGET}}
HOURLY = {**scheduled(catch_up_s=3600), "offer": OFFER}
SECOND = {
    "type": "Feature",
    "id": "g",
    "geometry": {"type": "Point", "coordinates": [13.405, 52.5209]},
    "properties": {"shop_id": "s1", "radius_m": 100},
}


@dataclass(frozen=True)
class Evidence:
    """What was written down."""

    diary: list[Entry]
    withdrawn: dict[str, Any]
    messages: dict[str, Any]
    rows: list[Any]
    transitions: list[Any]
    runs: list[Any]
    printed: Counter[str]

    @classmethod
    def of(cls, store: SqlStore, plant: Plant) -> "Evidence":
        with store.engine.connect() as connection:
            return cls(
                diary=read_diary(connection),
                withdrawn=withdrawals(connection),
                messages={row.id: row for row in connection.execute(select(message))},
                rows=list(connection.execute(select(match_log))),
                transitions=list(connection.execute(select(transition))),
                runs=list(connection.execute(select(run))),
                printed=plant.printed(),
            )


def sending_now(store: SqlStore, within_s: float) -> set[int]:
    """The process numbers of who is sending, as soon as somebody is."""
    until_s, owners = time.monotonic() + within_s, set[str]()
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while not owners and time.monotonic() < until_s:
            owners = set(connection.scalars(select(message.c.lease_owner).where(message.c.status == "sending")))
    return {pid for owner in owners for pid in pids_of(owner)}


def pids_of(owner: str | None) -> list[int]:
    return [int(part) for part in re.findall(r"(?<=:)\d+(?=:)", owner or "")]


def is_quiet(store: SqlStore) -> bool:
    """Whether no ping waits and no message is on its way."""
    on_its_way = message.c.status.in_(["queued", "claimed", "sending"])
    with store.engine.connect() as connection:
        waiting = connection.scalar(select(func.sum(log_position.c.head - log_position.c.position)))
        return not waiting and not connection.scalar(select(func.count()).where(on_its_way))


def entered(places: list[str], geofence_id: str) -> int:
    inside = [False, *(geofence_id in place for place in places)]
    return sum(now and not was for was, now in pairwise(inside))


def figures(found: Evidence, crowd: Crowd, plant: Plant) -> dict[str, int]:
    """By name; those whose name says that something is wrong must be 0."""
    starts = {entry.message_id: entry for entry in found.diary if entry.became == "sending"}
    ends = {entry.message_id: entry for entry in found.diary if entry.became in ("accepted", "unknown", "failed")}
    told = [start for start in starts.values() if start.customer_id in found.withdrawn]
    unknown = {key for key, row in found.messages.items() if row.status == "unknown"}
    took = [row for row in found.messages.values() if row.status not in ("cancelled", "expired", "failed")]
    per_customer = Counter(row.customer_id for row in took)
    decisions = Counter((row.customer_id, row.campaign_id, row.geofence_id) for row in found.rows if row.geofence_id)
    enters = Counter((row.customer_id, row.geofence_id) for row in found.transitions if row.kind == "enter")
    stayed = [key for key in crowd.taken if crowd.withdrew.get(key) != "location.matching"]
    walked = {(key, fence): entered(crowd.taken[key], fence) for key in stayed for fence in "fg"}
    accepted = {key for key, row in found.messages.items() if row.status == "accepted"}
    return {
        "pings taken in": crowd.pings,
        "decisions": len(found.rows),
        "messages queued": len(found.messages),
        "messages sent": len(found.printed),
        "workers killed": len(plant.killed),
        "withdrawals": len(found.withdrawn),
        "customers at their cap": sum(times == LIMIT for times in per_customer.values()),
        "ms that one took": round(1000 * median(crowd.took_s)),
        "ms that 99 of 100 took at most": round(1000 * quantiles(crowd.took_s, n=100)[-1]),
        "ms that the slowest took": round(1000 * max(crowd.took_s)),
        "cancelled by a withdrawal": sum(row.reason == "cancelled_consent" for row in found.messages.values()),
        "overtaken on the wire": sum(
            start.at <= found.withdrawn[start.customer_id] <= ends[start.message_id].at for start in told
        ),
        "unknown": len(unknown),
        "unknown, and it had left": len(unknown & found.printed.keys()),
        "DUPLICATES": sum(times - 1 for times in found.printed.values()),
        "LOST entries": sum(enters[key] != times for key, times in walked.items()),
        "LOST decisions": sum(
            decisions[key, campaign, fence] != times
            for (key, fence), times in walked.items()
            for campaign in ("camp-7", "camp-9")
        ),
        "LOST messages": len(accepted - found.printed.keys()) + len(found.printed.keys() - found.messages.keys()),
        "FUNNEL does not add up by": abs(
            len(found.messages) - sum(row.outcome in ("send", "defer") for row in found.rows)
        ),
        "CAPS exceeded": sum(times > LIMIT for times in per_customer.values()),
        "SLOTS left free": sum(
            per_customer[key] < min(LIMIT, walked[key, "f"]) for key in stayed if key not in found.withdrawn
        ),
        "BUDGETS exceeded": sum(row.campaign_id == "camp-9" for row in took) - BUDGET,
        "SENT after a withdrawal": sum(start.has_withdrawn for start in starts.values()),
        "UNKNOWN unexplained": sum(not was_killed(starts[key], plant) for key in unknown),
        "RUNS beside the due instants": sum(row.due_at.second != 0 for row in found.runs),
    }


def was_killed(start: Entry, plant: Plant) -> bool:
    """Whether the process that began to send was killed after that."""
    return any(pid in plant.killed and start.at <= plant.killed[pid] for pid in pids_of(start.owner))


@pytest.mark.parametrize("size", SIZES)
def test_no_promise_is_broken_while_workers_are_killed(
    own_postgres_url: str, tmp_path: Path, size: Size, record_property: Any
) -> None:
    with ExitStack() as stack, closing(open_store(own_postgres_url)) as store:
        customers = names(size.customers)
        tenant = open_corner(store, PLENTY, SCARCE, customers=customers, settings=SETTINGS)
        key = key_of(own_postgres_url, store, tenant)
        plant = Plant(own_postgres_url, tmp_path, stack)
        urls = plant.start(size)
        with store.engine.begin() as connection:
            keep_diary(connection)
        with closing(Client(urls, key)) as operator:
            operator.post("/v1/geofences", SECOND)
            operator.post("/v1/campaigns", {**HOURLY, "state": "active"})
        crowd = Crowd(customers, size.withdrawals, lambda: Client(urls, key))
        crowd.start()
        dice, kills, begun_s = random.Random(5), count(1), time.monotonic()  # noqa: S311
        while time.monotonic() < begun_s + size.seconds or crowd.has_more_to_say:
            assert time.monotonic() < begun_s + size.seconds + LONGEST_S, "withdrawals take too long"
            time.sleep(max(0.0, begun_s + next(kills) * size.kill_every_s - time.monotonic()))
            plant.kill_one(dice, sending_now(store, within_s=1))
        took_s = time.monotonic() - begun_s
        crowd.stop()
        eventually(lambda: is_quiet(store), lambda: "it is never quiet", within_s=240)
        found = Evidence.of(store, plant)
    counted = {"seconds": round(took_s), **figures(found, crowd, plant)}
    record_property("figures", "\n".join(f"{count:>9,}  {name}" for name, count in counted.items()))
    broken = {name: count for name, count in counted.items() if name.split()[0].isupper() and count > 0}
    assert broken == {}
    assert counted["withdrawals"] == len(crowd.withdrew) == size.withdrawals
    assert counted["workers killed"] > 0
    assert counted["customers at their cap"] > 0


def key_of(url: str, store: SqlStore, tenant: TenantId) -> str:
    access = application(Settings(database_url=url), store).access
    return access.create(tenant, Role.OPERATOR, "chaos", LONG_AGO, by=SYSTEM).key
