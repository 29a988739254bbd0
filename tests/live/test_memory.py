"""What a step has worked with goes with the step."""

import gc

from nearcast.domain.track import Track
from nearcast.services.intake import Intake
from nearcast.services.live import Live
from nearcast.store.sql_store import SqlStore
from tests.live.corner import ENTER, NOON, Heard, names, open_corner, seen


def test_no_customer_of_a_step_waits_for_the_collector(store: SqlStore) -> None:
    customers = names(3)
    here = open_corner(store, ENTER, customers=customers)
    Intake(store, lambda: None).accept(here, seen(customers, NOON), NOON)
    gc.collect()
    gc.disable()
    try:
        assert Live(store, here, Heard()).work_pings(NOON) == 3
        left = [each for each in gc.get_objects() if isinstance(each, Track) and each.tenant_id == here]
    finally:
        gc.enable()
    assert left == []
