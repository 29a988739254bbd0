"""The consent ledger as a chain per customer: the database refuses to change it, and what was changed is seen."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, delete, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from nearcast.domain.chain import Wrong
from nearcast.domain.consent import LOCATION, NEARBY, ConsentAction, ConsentEvent
from nearcast.domain.errors import InvalidInput, NotFound
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.domain.track import Track
from nearcast.services.ledger_ports import LedgerLine
from nearcast.services.ledger_proof import LedgerProof
from nearcast.services.retention import Retention
from nearcast.services.track_ports import KeptTrack
from nearcast.store.customer_tables import consent_event, customer, ledger_head, purged_chain
from nearcast.store.dialect import may_delete
from nearcast.store.sql_store import SqlStore
from tests.store.values import ANNA, BOB, add_customers, at_once, later

LINES = (ConsentAction.GRANTED, ConsentAction.CONFIRMED, ConsentAction.WITHDRAWN, ConsentAction.GRANTED)


def line(whose: CustomerId, n: int, action: ConsentAction = ConsentAction.GRANTED) -> LedgerLine:
    event = ConsentEvent(
        event_id=f"{whose}-{n}",
        customer_id=whose,
        purpose=NEARBY,
        action=action,
        at=later(n),
        channel="sms",
        sender="café",
        valid_until=later(1e6 + 0.25),
    )
    notice = {"version": "3", "language": "de", "text_sha256": "ab"}
    proof = {"jurisdiction": "DE", "evidence": {"inbound_message_id": "m1"}}
    return LedgerLine(event=event, recorded_at=later(n + 0.5), notice=notice, source="App", proof=proof)


def write(store: SqlStore, tenant: TenantId, *whose: CustomerId) -> None:
    add_customers(store, tenant, *whose)
    with store.writing(tenant) as uow:
        uow.consents.append_all([line(key, n, action) for n, action in enumerate(LINES, 1) for key in whose])
        uow.commit()


@contextmanager
def behind_its_back(store: SqlStore) -> Iterator[Connection]:
    """A connection of somebody whom no trigger stops."""
    with store.engine.begin() as connection:
        if store.engine.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            yield connection
            return
        found = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'consent_event'"
        triggers = connection.execute(text(found)).all()
        for name, _ in triggers:
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        yield connection
        for _, sql in triggers:
            connection.exec_driver_sql(sql)


@pytest.fixture
def annas(store: SqlStore, tenant: TenantId) -> str:
    """The subject of one of two customers with four lines each."""
    write(store, tenant, ANNA, BOB)
    with store.reading(tenant) as uow:
        return uow.customers.subjects([ANNA])[ANNA]


def found_wrong(store: SqlStore, tenant: TenantId) -> list[tuple[str, int, Wrong]]:
    return [(flaw.subject, flaw.position, flaw.wrong) for flaw in LedgerProof(store).verify(tenant).flaws]


def test_a_ledger_that_nobody_touched_verifies(store: SqlStore, tenant: TenantId, annas: str) -> None:
    proof = LedgerProof(store)
    whole, one = proof.verify(tenant), proof.verify(tenant, ANNA)
    assert (whole.chains, whole.lines, whole.flaws) == (2, 8, [])
    assert (one.chains, one.lines, one.flaws) == (1, 4, [])
    with store.reading(tenant) as uow:
        assert [each.link and each.link.position for each in uow.consents.lines(ANNA)] == [1, 2, 3, 4]
    with pytest.raises(NotFound, match="no customer 'carl'"):
        proof.verify(tenant, CustomerId("carl"))


def test_a_line_that_stands_is_not_added_again(store: SqlStore, tenant: TenantId, annas: str) -> None:
    with store.writing(tenant) as uow:
        again = [line(ANNA, 4), line(ANNA, 5), line(ANNA, 5, ConsentAction.WITHDRAWN)]
        assert uow.consents.append_all(again) == {"anna-5"}
        uow.commit()
    with store.reading(tenant) as uow:
        assert [each.event.action for each in uow.consents.lines(ANNA)] == [*LINES, ConsentAction.GRANTED]
    assert found_wrong(store, tenant) == []


@pytest.mark.parametrize("change", [update(consent_event).values(action="confirmed"), delete(consent_event)])
def test_the_database_refuses_to_change_or_delete_a_line(
    store: SqlStore, tenant: TenantId, annas: str, change: Any
) -> None:
    with pytest.raises(DBAPIError, match="consent_event is insert-only"), store.writing(tenant) as uow:
        uow.connection.execute(change.where(consent_event.c.subject == annas))
    assert found_wrong(store, tenant) == []


def test_the_ledger_is_not_emptied(tenant_on_postgres: TenantId, postgres_url: str) -> None:
    store = SqlStore(postgres_url)
    with pytest.raises(DBAPIError, match="insert-only"), store.engine.begin() as connection:
        connection.execute(text("TRUNCATE consent_event"))
    store.close()


def _change(connection: Connection, mine: Any) -> None:
    connection.execute(update(consent_event).where(mine, consent_event.c.position == 3).values(action="confirmed"))


def _change_the_proof(connection: Connection, mine: Any) -> None:
    changed = update(consent_event).where(mine, consent_event.c.position == 3)
    connection.execute(changed.values(proof={"jurisdiction": "US"}))


def _delete(connection: Connection, mine: Any) -> None:
    connection.execute(delete(consent_event).where(mine, consent_event.c.position == 2))


def _cut_off(connection: Connection, mine: Any) -> None:
    connection.execute(delete(consent_event).where(mine, consent_event.c.position > 3))


def _delete_all(connection: Connection, mine: Any) -> None:
    connection.execute(delete(consent_event).where(mine))


def _insert(connection: Connection, mine: Any) -> None:
    last = connection.execute(select(consent_event).where(mine, consent_event.c.position == 4)).mappings().one()
    copied = {key: value for key, value in last.items() if key != "seq"}
    connection.execute(insert(consent_event), {**copied, "event_id": "forged", "position": 5})


def _swap(connection: Connection, mine: Any) -> None:
    for before, after in ((2, 9), (3, 2), (9, 3)):
        connection.execute(update(consent_event).where(mine, consent_event.c.position == before).values(position=after))


ATTACKS: list[tuple[Callable[[Connection, Any], None], list[tuple[int, Wrong]]]] = [
    (_change, [(3, Wrong.CHANGED)]),
    (_change_the_proof, [(3, Wrong.CHANGED)]),
    (_delete, [(2, Wrong.MISSING)]),
    (_cut_off, [(4, Wrong.CUT_OFF)]),
    (_delete_all, [(n, Wrong.CUT_OFF) for n in (1, 2, 3, 4)]),
    (_insert, [(5, Wrong.CHANGED), (5, Wrong.ADDED)]),
    (_swap, [(2, Wrong.CHANGED), (3, Wrong.CHANGED), (4, Wrong.NOT_LINKED)]),
]


@pytest.mark.parametrize(("attack", "wrong"), ATTACKS)
def test_what_was_done_behind_its_back_is_found(
    store: SqlStore,
    tenant: TenantId,
    annas: str,
    attack: Callable[[Connection, Any], None],
    wrong: list[tuple[int, Wrong]],
) -> None:
    with behind_its_back(store) as connection:
        attack(connection, (consent_event.c.tenant_id == tenant) & (consent_event.c.subject == annas))
    assert found_wrong(store, tenant) == [(annas, *each) for each in wrong]


def test_a_head_that_is_gone_or_put_back_is_found(store: SqlStore, tenant: TenantId, annas: str) -> None:
    mine = (ledger_head.c.tenant_id == tenant) & (ledger_head.c.subject == annas)
    with store.engine.begin() as connection:
        connection.execute(update(ledger_head).where(mine).values(lines=3))
    assert found_wrong(store, tenant) == [(annas, 3, Wrong.END_CHANGED), (annas, 4, Wrong.ADDED)]
    with store.engine.begin() as connection:
        connection.execute(delete(ledger_head).where(mine))
    assert found_wrong(store, tenant) == [(annas, 4, Wrong.NO_END)]


def test_what_was_recorded_elsewhere_proves_a_tail_that_was_cut_off_with_its_head(
    store: SqlStore, tenant: TenantId, annas: str, tmp_path: Path
) -> None:
    proof, recorded = LedgerProof(store), tmp_path / "heads.ndjson"
    before = proof.root(tenant, out=recorded)
    assert (before.chains, before.lines) == (2, 8)
    mine = (ledger_head.c.tenant_id == tenant) & (ledger_head.c.subject == annas)
    with store.writing(tenant) as uow:
        uow.consents.append(line(BOB, 5))
        uow.commit()
    assert proof.verify(tenant, against=recorded).flaws == []
    with behind_its_back(store) as connection:
        _cut_off(connection, (consent_event.c.tenant_id == tenant) & (consent_event.c.subject == annas))
        third = select(consent_event.c.row_hash).where(consent_event.c.subject == annas, consent_event.c.position == 3)
        connection.execute(update(ledger_head).where(mine).values(lines=3, hash=third.scalar_subquery()))
    assert found_wrong(store, tenant) == []
    told = proof.verify(tenant, ANNA, against=recorded)
    assert [(flaw.position, flaw.wrong) for flaw in told.flaws] == [(4, Wrong.NOT_AS_RECORDED)]
    assert list(told.told()) == [
        f"subject {annas}, line 4: not as it was recorded elsewhere",
        "3 lines of 1 customers: 1 are wrong",
    ]
    assert proof.root(tenant).root != before.root
    recorded.write_text(json.dumps({"subject": annas}))
    with pytest.raises(InvalidInput, match="ledger root --out"):
        proof.verify(tenant, against=recorded)


def test_writers_at_once_never_fork_a_chain(store: SqlStore, tenant: TenantId) -> None:
    add_customers(store, tenant, ANNA, BOB)

    def writer(number: int) -> Callable[[], None]:
        def write_some() -> None:
            for n in range(3):
                with store.writing(tenant) as uow:
                    both = (ANNA, BOB) if number % 2 else (BOB, ANNA)
                    uow.consents.append_all([line(key, 10 * number + n) for key in both])
                    uow.commit()

        return write_some

    at_once([writer(number) for number in range(4)])
    found = LedgerProof(store).verify(tenant)
    assert (found.chains, found.lines, found.flaws) == (2, 24, [])


def test_a_chain_of_which_only_the_head_is_left_is_missed_wherever_it_stands(store: SqlStore, tenant: TenantId) -> None:
    write(store, tenant, *(CustomerId(f"c{n}") for n in range(5)))
    with store.reading(tenant) as uow:
        subjects = sorted(subject for subject, _ in uow.consents.heads())
    gone = [subjects[0], subjects[2], subjects[4]]
    with behind_its_back(store) as connection:
        connection.execute(delete(consent_event).where(consent_event.c.subject.in_(gone)))
        connection.execute(delete(ledger_head).where(ledger_head.c.subject == subjects[3]))
    flaws = found_wrong(store, tenant)
    assert {(subject, wrong) for subject, _, wrong in flaws} == {
        *((subject, Wrong.CUT_OFF) for subject in gone),
        (subjects[3], Wrong.NO_END),
    }


def test_a_reminder_after_a_withdrawal_keeps_nobody_on_the_map(store: SqlStore, tenant: TenantId) -> None:
    add_customers(store, tenant, ANNA, BOB)
    told = [(ANNA, 1, ConsentAction.GRANTED), (ANNA, 2, ConsentAction.WITHDRAWN), (ANNA, 3, ConsentAction.REMINDED)]
    told += [(BOB, 1, ConsentAction.GRANTED), (BOB, 2, ConsentAction.REMINDED)]
    with store.writing(tenant) as uow:
        for key, n, action in told:
            said = line(key, n, action)
            uow.consents.append(
                replace(said, event=replace(said.event, purpose=LOCATION, channel=None, valid_until=None))
            )
        uow.tracks.save([KeptTrack(track=Track(tenant_id=tenant, customer_id=key)) for key in (ANNA, BOB)])
        assert uow.tracks.without_consent(later(10)) == [ANNA]


def test_a_chain_that_is_closed_verifies_and_whatever_is_written_behind_it_does_not(
    store: SqlStore, tenant: TenantId, annas: str
) -> None:
    with store.writing(tenant) as uow:
        uow.consents.close(annas, later(10), actor_id="k-1")
        uow.commit()
    proof = LedgerProof(store)
    assert (proof.verify(tenant, subject=annas).lines, found_wrong(store, tenant)) == (5, [])
    with store.writing(tenant) as uow:
        uow.consents.append(line(ANNA, 6))  # by somebody who brought the customer back under the old subject
        uow.commit()
    assert found_wrong(store, tenant) == [(annas, 6, Wrong.AFTER_ERASURE)]
    with pytest.raises(NotFound, match="no subject 'nobody'"):
        proof.verify(tenant, subject="nobody")


def test_the_ledger_of_a_customer_who_is_no_more_stays_and_verifies(
    store: SqlStore, tenant: TenantId, annas: str
) -> None:
    with store.writing(tenant) as uow:
        uow.connection.execute(delete(customer).where(customer.c.tenant_id == tenant, customer.c.id == ANNA))
        uow.commit()
    add_customers(store, tenant, ANNA)
    with store.writing(tenant) as uow:
        assert uow.consents.lines(ANNA) == []
        assert uow.consents.of([ANNA]) == {}
        mine = consent_event.c.subject == annas
        assert uow.connection.scalar(select(func.count()).select_from(consent_event).where(mine)) == 4
    assert (LedgerProof(store).verify(tenant).lines, found_wrong(store, tenant)) == (8, [])


def erased(store: SqlStore, tenant: TenantId, whose: CustomerId, subject: str, n: float) -> None:
    with store.writing(tenant) as uow:
        uow.consents.close(subject, later(n), actor_id="operator")
        uow.erasing.erase(whose, subject)
        uow.commit()


FIVE_YEARS_ON = later(100).replace(year=later(100).year + 5)
A_BIT = timedelta(microseconds=1)


def lines_of(store: SqlStore, tenant: TenantId, subject: str) -> int:
    with store.reading(tenant) as uow:
        return sum(len(chain.links) for chain in uow.consents.chains(subject))


def test_the_chain_of_who_was_erased_goes_after_five_years_and_the_root_stays(
    store: SqlStore, tenant: TenantId, annas: str, tmp_path: Path
) -> None:
    proof, retention, heads = LedgerProof(store), Retention(store), tmp_path / "heads.ndjson"
    erased(store, tenant, ANNA, annas, 100)
    before = proof.root(tenant, out=heads)
    assert retention.prune(tenant, FIVE_YEARS_ON)["consent_ledger"] == 0
    assert lines_of(store, tenant, annas) == 5
    assert retention.prune(tenant, FIVE_YEARS_ON + A_BIT)["consent_ledger"] == 1
    assert lines_of(store, tenant, annas) == 0
    assert proof.root(tenant) == before
    found = proof.verify(tenant, against=heads)
    assert (found.flaws, found.chains, found.lines, found.purged) == ([], 1, 4, 1)
    assert proof.verify(tenant, subject=annas).summary() == {
        "ok": True, "chains": 0, "lines": 0, "purged": 1, "flaws": [],
    }  # fmt: skip
    assert "1 chains of erased customers were purged when their time was over" in list(found.told())
    assert retention.prune(tenant, FIVE_YEARS_ON + 2 * A_BIT)["consent_ledger"] == 0


def test_a_purged_chain_that_ended_otherwise_than_was_recorded_is_told(
    store: SqlStore, tenant: TenantId, annas: str, tmp_path: Path
) -> None:
    heads = tmp_path / "heads.ndjson"
    erased(store, tenant, ANNA, annas, 100)
    LedgerProof(store).root(tenant, out=heads)
    rows = [json.loads(row) for row in heads.read_text().splitlines()]
    heads.write_text(
        "".join(json.dumps({**row, "lines": row["lines"] + (row["subject"] == annas)}) + "\n" for row in rows)
    )
    Retention(store).prune(tenant, FIVE_YEARS_ON + A_BIT)
    (flaw,) = LedgerProof(store).verify(tenant, against=heads).flaws
    assert (flaw.subject, flaw.wrong) == (annas, Wrong.NOT_AS_RECORDED)


def test_a_closed_chain_with_which_something_is_wrong_stays(store: SqlStore, tenant: TenantId, annas: str) -> None:
    erased(store, tenant, ANNA, annas, 100)
    with behind_its_back(store) as connection:
        mine = (consent_event.c.subject == annas) & (consent_event.c.position == 2)
        connection.execute(update(consent_event).where(mine).values(source="another"))
    assert Retention(store).prune(tenant, FIVE_YEARS_ON + A_BIT)["consent_ledger"] == 0
    assert lines_of(store, tenant, annas) == 5


def test_only_the_lines_of_purged_chains_can_be_deleted_and_what_was_purged_stays_on_record(
    store: SqlStore, tenant: TenantId, annas: str
) -> None:
    erased(store, tenant, ANNA, annas, 100)
    Retention(store).prune(tenant, FIVE_YEARS_ON + A_BIT)
    for statement in (delete(consent_event), delete(purged_chain), update(purged_chain).values(lines=0)):
        with pytest.raises(DBAPIError), store.engine.begin() as connection:
            connection.execute(statement)
    with (
        pytest.raises(DBAPIError, match="insert-only"),
        store.engine.begin() as connection,
        may_delete(connection, consent_event),
    ):
        connection.execute(delete(consent_event))
    assert LedgerProof(store).verify(tenant).lines == 4
