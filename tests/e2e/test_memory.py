"""A server that is busy for minutes holds no more at the end than when it had warmed up."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import pytest

from tests.e2e.crowd import SENDERS, Walkers, city, set_up, undecided
from tests.e2e.restarts import Served

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket, pytest.mark.soak]

PEOPLE = [f"c{n}" for n in range(1000)]
AT_ONCE, EVERY_S, PINGS_PER_TURN = 100, 0.8, 50
"""Each sends every other second, and goes in or out every hundred seconds: as many as are decided as they come, for
what waits in the log takes no memory.
"""
MOST_BEHIND_S = 10
SAMPLES = 120
MOST_GROWTH = 0.05
MB = 1 << 20


@pytest.mark.parametrize("seconds", [600])
def test_it_holds_no_more_after_minutes_of_work(
    quick_database: str, tmp_path: Path, seconds: float, record_property: Callable[[str, object], None]
):
    with city(quick_database) as (store, key), Served(quick_database, tmp_path) as server:
        server.start()
        set_up(server.url, key, customers=PEOPLE)
        walking = partial(Walkers, server.url, key, at_once=AT_ONCE, every_s=EVERY_S, pings_per_turn=PINGS_PER_TURN)
        crowd = [walking(PEOPLE[n::SENDERS]) for n in range(SENDERS)]
        for walkers in crowd:
            walkers.start()
        held = []
        for _ in range(SAMPLES):
            time.sleep(seconds / SAMPLES)
            held.append(server.memory_bytes / MB)
        for walkers in crowd:
            walkers.stop()
        waiting = undecided(store)
    quarter = SAMPLES // 4
    warm, late = median(held[quarter : 2 * quarter]), median(held[-quarter:])
    pings = sum(len(sides) for walkers in crowd for sides in walkers.taken.values())
    grown = f"{warm:.1f} MB when warm, {late:.1f} MB at the end"
    record_property("figures", f"{pings:,} pings in {seconds:g} s, of which {waiting:,} waited at the end: {grown}")
    assert waiting <= MOST_BEHIND_S * pings / seconds
    assert late <= warm * (1 + MOST_GROWTH), held
