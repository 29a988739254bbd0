"""A server that is busy for minutes holds no more at the end than when it had warmed up."""

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import pytest

from tests.e2e.crowd import SENDERS, Walkers, city, set_up
from tests.e2e.restarts import Served

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket, pytest.mark.soak]

PEOPLE = [f"c{n}" for n in range(400)]
SAMPLES = 120
MOST_GROWTH = 0.05
MB = 1 << 20


@pytest.mark.parametrize("seconds", [600])
def test_it_holds_no_more_after_minutes_of_work(
    quick_database: str, tmp_path: Path, seconds: float, record_property: Callable[[str, object], None]
):
    with city(quick_database) as (_store, key), Served(quick_database, tmp_path) as server:
        server.start()
        set_up(server.url, key, customers=PEOPLE)
        crowd = [Walkers(server.url, key, PEOPLE[n::SENDERS], at_once=50) for n in range(SENDERS)]
        for walkers in crowd:
            walkers.start()
        held = []
        for _ in range(SAMPLES):
            time.sleep(seconds / SAMPLES)
            held.append(server.memory_bytes / MB)
        for walkers in crowd:
            walkers.stop()
    quarter = SAMPLES // 4
    warm, late = median(held[quarter : 2 * quarter]), median(held[-quarter:])
    pings = sum(len(sides) for walkers in crowd for sides in walkers.taken.values())
    record_property("figures", f"{pings:,} pings in {seconds:g} s: {warm:.0f} MB when warm, {late:.0f} MB at the end")
    assert late <= warm * (1 + MOST_GROWTH), held
