"""Behaviour table of geofencing, S37: how requests and workers share out a stream changes nothing, both profiles."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import count

import numpy as np
import pytest

from nearcast.channels.recorder import Recorder
from nearcast.domain.ids import TenantId
from nearcast.geo.batch import PingBatch
from nearcast.services.intake import Intake
from nearcast.services.live import Live
from nearcast.services.report import transition_row
from nearcast.store.migrate import upgrade
from nearcast.store.sql_store import SqlStore
from tests.live.corner import ENTER, later, names, open_corner, seen
from tests.scenarios.harness import Row, beside
from tests.store.values import at_once

pytestmark = [pytest.mark.e2e, pytest.mark.parametrize("engine", ["memory"], indirect=True)]
CUSTOMERS = names(6)
STEPS_M = [500, 90, 110, 95, 150, 160, 50, 5000, 40, 0, 5000, 5010, 5020, 4000, 3000, 400, 0, 130, 140]
"""Round the border, a glitch of five kilometres, a jump that was one, and back; twenty seconds apart."""


def arrivals() -> list[tuple[datetime, PingBatch]]:
    """Everybody's ping of each instant; each customer is a few steps behind the one before."""
    found = []
    for n in range(len(STEPS_M)):
        at = later(20 * n)
        places = [beside(STEPS_M[(n - behind) % len(STEPS_M)]) for behind in range(len(CUSTOMERS))]
        lat, lon = np.array(places).T
        accuracy = np.array([[8.0, 120.0][(n + behind) % 5 == 0] for behind in range(len(CUSTOMERS))])
        found.append((at, replace(seen(CUSTOMERS, at), lat_deg=lat, lon_deg=lon, accuracy_m=accuracy)))
    return found


def one_by_one(store: SqlStore, tenant: TenantId) -> None:
    """Each ping a request of its own, decided before the next comes."""
    live, intake = Live(store, tenant, Recorder()), Intake(store, lambda: None)
    for at, batch in arrivals():
        for row in range(len(CUSTOMERS)):
            intake.accept(tenant, batch.take(np.array([row])), at)
            live.work_pings(at)


def together(store: SqlStore, tenant: TenantId, workers: int) -> None:
    """One request for each instant, all decided at the end."""
    intake = Intake(store, lambda: None)
    for at, batch in arrivals():
        intake.accept(tenant, batch, at)
    end = arrivals()[-1][0]
    lives = [Live(store, tenant, Recorder(), owner=f"worker {n}") for n in range(workers)]
    at_once([lambda live=live: live.work_pings(end) for live in lives])  # type: ignore[misc]
    lives[0].work_pings(end)


def written(url: str, profile: str, play: Callable[[SqlStore, TenantId], None]) -> list[list[Row]]:
    upgrade(url)
    with closing(SqlStore(url)) as store:
        settings = {"presence": {"profile": profile, "dwell_s": 20}, "ping_rules": {"max_age_s": 3600}}
        tenant = open_corner(store, ENTER, customers=CUSTOMERS, settings=settings)
        play(store, tenant)
        with store.reading(tenant) as uow:
            transitions = [transition_row(*told) for told in uow.transitions.every()]
            log = uow.match_log.page(limit=1000, newest_first=False).items
    assert {row["kind"] for row in transitions} == {"enter", "dwell", "exit"}
    assert log
    return [sorted((timeless(row) for row in rows), key=str) for rows in (transitions, log)]


def timeless(row: Row) -> Row:
    """Without what says when a worker came to it."""
    return {key: value for key, value in row.items() if key not in {"decided_at", "expires_at", "detail"}}


@pytest.mark.parametrize("profile", ["raw", "robust"])
def test_s37_the_log_is_the_same_however_the_stream_is_shared_out(quick_folder, profile):
    databases = (f"sqlite:///{quick_folder / f'shared-out-{profile}-{n}.db'}" for n in count())
    alone = written(next(databases), profile, one_by_one)
    for workers in (1, 8):
        assert written(next(databases), profile, partial(together, workers=workers)) == alone
