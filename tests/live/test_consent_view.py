"""Whether somebody may be located is answered from memory, and never by what was true before."""

from collections.abc import Sequence
from queue import Queue
from threading import Event, Thread

import pytest

from nearcast.domain.consent import ConsentAction, ConsentEvent
from nearcast.domain.errors import Overloaded
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.domain.reason import Reason
from nearcast.services.intake import Intake, Outcome
from nearcast.services.ledger_ports import LedgerLine
from nearcast.services.live import Live
from nearcast.store.recording import recorded
from nearcast.store.sql_store import SqlStore
from nearcast.store.unit_of_work import SqlUnitOfWork
from tests.live.corner import LONG_AGO, NOON, Heard, later, names, open_corner, seen
from tests.sealing import put_customers

MISSING = Reason.CONSENT_LOCATION_MISSING


def unheard() -> None:
    """Nobody is to be woken."""


def say(uow: SqlUnitOfWork, customer: str, action: ConsentAction, second: float, until: float | None = None) -> None:
    event = ConsentEvent(
        event_id=f"{customer} {action} {second}",
        customer_id=CustomerId(customer),
        purpose="location.matching",
        action=action,
        at=later(second),
        sender=uow.tenant_id,
        valid_until=None if until is None else later(until),
    )
    uow.consents.append(LedgerLine(event=event, recorded_at=later(second)))


def refused(intake: Intake, tenant: TenantId, customers: Sequence[str], second: float) -> list[int]:
    """Whose pings of that second are refused."""
    found = intake.accept(tenant, seen(customers, later(second)), later(second))
    assert {reason for _, reason in found} <= {MISSING}
    return [row for row, _ in found]


def test_a_withdrawal_counts_from_its_commit_on_whoever_made_it(store: SqlStore) -> None:
    tenant = open_corner(store, customers=names(2))
    intakes = [Intake(store, unheard) for _ in range(2)]
    for intake in intakes:
        for second in range(3):
            assert refused(intake, tenant, names(2), second) == []
    with store.writing(tenant) as uow:
        say(uow, "cust-0000", ConsentAction.WITHDRAWN, 3)
        uow.commit()
    for intake in intakes:
        assert refused(intake, tenant, names(2), 4) == [0]
    with store.writing(tenant) as uow:
        say(uow, "cust-0000", ConsentAction.GRANTED, 5)
        uow.commit()
    for intake in intakes:
        assert refused(intake, tenant, names(2), 6) == []


def test_consents_begin_and_end_at_their_instants(store: SqlStore) -> None:
    tenant = open_corner(store)
    with store.writing(tenant) as uow:
        put_customers(uow, tenant, {CustomerId("ada"): {}}, LONG_AGO)
        say(uow, "ada", ConsentAction.GRANTED, 10, until=20)
        uow.commit()
    intake = Intake(store, unheard)
    assert [refused(intake, tenant, ["ada"], second) for second in (9, 10, 19, 20)] == [[0], [], [], [0]]


def test_who_becomes_a_customer_is_let_in_with_their_first_consent(store: SqlStore) -> None:
    tenant, intake = open_corner(store), Intake(store, unheard)
    for second in range(3):
        assert refused(intake, tenant, ["ada"], second) == [0]
    with store.writing(tenant) as uow:
        put_customers(uow, tenant, {CustomerId("ada"): {}}, LONG_AGO)
        uow.commit()
    assert refused(intake, tenant, ["ada"], 3) == [0]
    with store.writing(tenant) as uow:
        say(uow, "ada", ConsentAction.GRANTED, 4)
        uow.commit()
    assert refused(intake, tenant, ["ada"], 5) == []


def test_who_is_erased_is_not_known_any_more_and_may_come_back_as_somebody_else(store: SqlStore) -> None:
    tenant, intake = open_corner(store, customers=names(1)), Intake(store, unheard)
    (customer,) = names(1)
    for second in range(3):
        assert refused(intake, tenant, [customer], second) == []
    with store.writing(tenant) as uow:
        subject = uow.customers.subjects([customer])[customer]
        uow.consents.close(subject, later(3), actor_id="key")
        uow.erasing.erase(customer, subject)
        uow.commit()
    assert refused(intake, tenant, [customer], 4) == [0]
    with store.writing(tenant) as uow:
        put_customers(uow, tenant, {customer: {}}, LONG_AGO)
        say(uow, customer, ConsentAction.GRANTED, 5)
        uow.commit()
    assert refused(intake, tenant, [customer], 6) == []


def test_a_withdrawal_that_was_written_before_others_and_committed_after_them_is_not_overlooked(
    store: SqlStore,
) -> None:
    if store.engine.dialect.name == "sqlite":
        return  # it has one writer at a time
    tenant, intake = open_corner(store, customers=names(3)), Intake(store, unheard)
    for second in range(3):
        assert refused(intake, tenant, names(3), second) == []
    is_written, may_commit = Event(), Event()

    def slowly() -> None:
        with store.writing(tenant) as uow:
            say(uow, "cust-0000", ConsentAction.WITHDRAWN, 3)
            is_written.set()
            may_commit.wait(10)
            uow.commit()

    slow = Thread(target=slowly)
    slow.start()
    is_written.wait(10)
    for second in range(4, 8):
        with store.writing(tenant) as uow:
            say(uow, "cust-0001", ConsentAction.WITHDRAWN if second % 2 else ConsentAction.GRANTED, second)
            uow.commit()
        assert 0 not in refused(intake, tenant, names(3), second)
    may_commit.set()
    slow.join()
    assert refused(intake, tenant, names(3), 9) == [0, 1]


def test_lines_that_take_the_numbers_of_purged_ones_are_not_overlooked(store: SqlStore) -> None:
    tenant, intake = open_corner(store, customers=names(2)), Intake(store, unheard)
    gone, stays = names(2)
    with store.writing(tenant) as uow:
        subject = uow.customers.subjects([gone])[gone]
        uow.consents.close(subject, later(0), actor_id="key")
        uow.erasing.erase(gone, subject)
        say(uow, stays, ConsentAction.GRANTED, 0)
        uow.consents.close("another", later(0), actor_id="key")
        uow.commit()
    for second in range(1, 5):
        assert refused(intake, tenant, [stays], second) == []
    with store.writing(tenant) as uow:
        uow.consents.purge(["another"], later(5))
        say(uow, stays, ConsentAction.WITHDRAWN, 5)
        uow.commit()
    assert refused(intake, tenant, [stays], 6) == [0]


def test_what_is_known_is_not_asked_for_again(store: SqlStore) -> None:
    tenant, intake = open_corner(store, customers=names(5)), Intake(store, unheard)
    for second in range(3):
        refused(intake, tenant, names(5), second)
    with recorded(store) as said:
        refused(intake, tenant, names(5), 4)
    asked = [each.text for each in said if "FROM customer" in each.text or "JOIN customer" in each.text]
    assert asked == []


def test_when_too_much_waits_nothing_is_taken_until_it_is_consumed(store: SqlStore) -> None:
    tenant = open_corner(store, customers=names(4))
    intake = Intake(store, unheard, most_waiting=10)
    for second in range(3):
        assert refused(intake, tenant, names(4), second) == []
    for second in range(3, 5):
        with pytest.raises(Overloaded):
            refused(intake, tenant, names(4), second)
    with store.reading(tenant) as uow:
        assert sum(uow.pings.waiting().values()) == 12
    Live(store, tenant, Heard()).work_pings(NOON)
    assert refused(intake, tenant, names(4), 21) == []


def test_answers_come_without_waiting_for_them(store: SqlStore) -> None:
    tenant, intake = open_corner(store, customers=names(3)), Intake(store, unheard)
    coming: Queue[Outcome] = Queue()
    for customer in names(3):
        intake.take(tenant, seen([customer, "stranger"], NOON), NOON, coming.put, malformed=2)
    assert [coming.get(timeout=30) for _ in range(3)] == [[(1, MISSING)]] * 3
    with store.reading(tenant) as uow:
        assert sum(uow.pings.waiting().values()) == 3
        assert uow.counters.get("refused") == {"consent_location_missing": 3, "malformed": 6}
