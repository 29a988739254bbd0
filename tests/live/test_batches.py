"""How workers batch changes nothing (CONTRACT, "Order")."""

from collections import Counter

import pytest

from nearcast.channels.recorder import Recorder
from nearcast.domain.ids import TenantId
from nearcast.services.intake import Intake
from nearcast.services.live import Live
from nearcast.store.sql_store import SqlStore
from tests.live.corner import ENTER, INSIDE_DEG, OUTSIDE_DEG, arrive, later, names, open_corner, seen


def _decided(store: SqlStore, tenant: TenantId) -> Counter[tuple[str, str | None]]:
    with store.reading(tenant) as uow:
        return Counter((row["outcome"], row["reason"]) for row in uow.match_log.page().items)


@pytest.mark.parametrize("at_once", [True, False])
def test_pings_that_waited_together_are_decided_as_if_each_had_come_alone(store: SqlStore, at_once: bool):
    (customer,) = names(1)
    tenant = open_corner(store, ENTER, customers=[customer])
    live, intake = Live(store, tenant, Recorder()), Intake(store, lambda: None)
    for n in range(6):
        at = later(n)
        intake.accept(tenant, seen([customer], at, OUTSIDE_DEG if n % 2 else INSIDE_DEG), at)
        if not at_once:
            live.work_pings(later(60 + n))
    live.work_pings(later(90))
    assert _decided(store, tenant) == {("send", None): 3}


def test_pings_of_one_arrival_compete_even_if_they_waited(store: SqlStore):
    (customer,) = names(1)
    tenant = open_corner(store, ENTER, {**ENTER, "id": "camp-8"}, customers=[customer])
    arrive(store, tenant, [customer])
    Live(store, tenant, Recorder()).work_pings(later(60))
    assert _decided(store, tenant) == {("send", None): 1, ("suppress", "lost_arbitration"): 1}
