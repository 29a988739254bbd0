"""A step asks the database as often for two hundred customers as for one."""

from nearcast.services.intake import Intake
from nearcast.services.live import Live
from nearcast.store.recording import COMMIT, recorded
from nearcast.store.sql_store import SqlStore
from tests.live.corner import ENTER, INSIDE_DEG, NOON, OUTSIDE_DEG, Heard, later, names, open_corner, seen, verdicts

ANOTHER = {**ENTER, "id": "camp-8", "priority": 60, "budget": {"messages": 1_000_000}}
EXIT = {**ENTER, "id": "camp-9", "trigger": {"on": "exit"}, "budget": {"messages": 1_000_000}}
RULES = {
    "policy": {
        "caps": [{"id": "G2", "scope": "customer", "kind": "rolling", "window_s": 604_800, "limit": 3}],
    }
}


def statements_of_a_step(store: SqlStore, count: int) -> int:
    """So many customers enter, and leave again; how many statements that second step has, its reading included."""
    tenant, customers = f"t-{count}", names(count)
    here = open_corner(store, ENTER, ANOTHER, EXIT, customers=customers, tenant=tenant, settings=RULES)
    live, intake = Live(store, here, Heard()), Intake(store, lambda: None)
    intake.accept(here, seen(customers, NOON, INSIDE_DEG), NOON)
    live.work_pings(NOON)
    intake.accept(here, seen(customers, later(1), OUTSIDE_DEG), later(1))
    with recorded(store) as said:
        assert live.work_some_pings(later(1)) == count
    assert len(verdicts(store, here)) == 3 * count
    assert [each.text for each in said].count(COMMIT) == 1
    # one for each partition that has a position to move
    return sum(not each.text.startswith("UPDATE log_position") for each in said)


def test_a_step_has_as_many_statements_for_many_customers_as_for_one(store: SqlStore) -> None:
    counts = {count: statements_of_a_step(store, count) for count in (1, 10, 200)}
    assert len(set(counts.values())) == 1, counts


def statements_of_a_dispatch(store: SqlStore, count: int) -> list[str]:
    """What is said to send so many messages, of which the channel takes as many in a moment."""
    customers = names(count + 100)
    here = open_corner(store, ANOTHER, customers=customers, settings=RULES)
    live, intake = Live(store, here, Heard()), Intake(store, lambda: None)

    intake.accept(here, seen(customers[count:], NOON), NOON)
    live.work_pings(NOON)
    live.dispatch_due(NOON)
    intake.accept(here, seen(customers[:count], later(1)), later(1))
    live.work_pings(later(1))
    with recorded(store) as said:
        live.dispatch_due(later(1))
    return [each.text for each in said]


def test_a_message_costs_less_than_a_statement_where_the_channel_answers_at_once(store: SqlStore) -> None:
    said = statements_of_a_dispatch(store, 100)
    assert said.count(COMMIT) == 4, "a claim, two halves that also write what came of those before, the last outcomes"
    assert len(said) < 60
