"""The server is killed again and again while pings come in and messages leave: every accepted ping has its effect once,
and no message leaves twice.
"""

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.crowd import CUSTOMERS, SENDERS, Walkers, city, each_has_its_effect_once, set_up, wait_until_quiet
from tests.e2e.restarts import Served

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

KILLS = [3, pytest.param(50, marks=pytest.mark.soak)]


@pytest.mark.parametrize("kills", KILLS)
def test_a_server_that_is_killed_loses_nothing_and_sends_nothing_twice(
    quick_database: str, tmp_path: Path, kills: int, record_property: Callable[[str, object], None]
):
    with city(quick_database) as (store, key), Served(quick_database, tmp_path) as server:
        server.start()
        set_up(server.url, key)
        crowd = [Walkers(server.url, key, CUSTOMERS[n::SENDERS]) for n in range(SENDERS)]
        for walkers in crowd:
            walkers.start()
        dice = random.Random(2)  # noqa: S311
        for _ in range(kills):
            crowd[0].await_more(dice.randint(2, 10))
            time.sleep(dice.uniform(0, 0.05))
            server.kill()
            server.start()
        for walkers in crowd:
            walkers.await_more(5)
            walkers.stop()
        wait_until_quiet(store)
        server.kill()
        came = each_has_its_effect_once(store, crowd, server.printed)
    record_property("figures", f"killed {kills} times: {came}")
