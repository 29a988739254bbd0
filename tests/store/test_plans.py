"""Each question that is asked often has an index, on either database, however large its table grows."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeAlias

import pytest

from nearcast.domain.consent import NEARBY, ConsentAction, ConsentEvent
from nearcast.domain.ids import CampaignId, CustomerId, DecisionId, GeofenceId, MessageId, ShopId, TenantId
from nearcast.domain.message import Message, MessageStatus
from nearcast.services.ledger_ports import LedgerLine, LedgerMark
from nearcast.services.ports import MatchLogFilter, MessageFilter
from nearcast.store.plans import explained
from nearcast.store.recording import recorded
from nearcast.store.sql_store import SqlStore
from nearcast.store.unit_of_work import SqlUnitOfWork
from tests.store.values import NOON, later, message, new_tenant, row

Ask: TypeAlias = Callable[[SqlUnitOfWork], object]
# a table of a few rows is read through, whatever indexes it has
ONLY_BY_INDEX = tuple(f"SET LOCAL {name} = off" for name in ("enable_seqscan", "enable_sort", "enable_bitmapscan"))
CAMPAIGN, ANNA, BOB = CampaignId("camp-7"), CustomerId("customer-7"), CustomerId("customer-8")
SHOPS, FENCES = [ShopId("s1"), ShopId("s2")], [GeofenceId("f1"), GeofenceId("f2")]
DEEP = "0" * 34
DEEPEST = "9" * 15
NEWEST = 10**9


@pytest.fixture(scope="module")
def town(store: SqlStore) -> TenantId:
    tenant = new_tenant(store)
    with store.writing(tenant) as uow:
        uow.match_log.append(map(_row, range(2_000)))
        uow.outbox.insert(map(_message, range(1_000)))
        subjects = [CustomerId(f"customer-{n}") for n in range(1_000)]
        uow.customers.upsert({key: {} for key in subjects}, NOON)
        uow.consents.append_all([_line(key) for key in subjects])
        uow.commit()
    if store.engine.dialect.name == "postgresql":
        with store.engine.begin() as connection:
            connection.exec_driver_sql("ANALYZE match_log, message, consent_event")
    return tenant


def _row(n: int) -> dict[str, Any]:
    where = {"campaign_id": f"camp-{n % 20}", "shop_id": f"s{n % 20}", "geofence_id": f"f{n % 20}"}
    outcome = ("send", "holdout", "defer", *7 * ("suppress",))[n % 10]
    return row(
        n, customer_id=f"customer-{n % 500}", decided_at=later(n), outcome=outcome, reason=f"why-{n % 30}", **where
    )


def _line(whose: CustomerId) -> LedgerLine:
    granted: dict[str, Any] = {
        "purpose": NEARBY,
        "action": ConsentAction.GRANTED,
        "at": NOON,
        "channel": "sms",
        "sender": "café",
    }
    return LedgerLine(event=ConsentEvent(event_id=f"event-{whose}", customer_id=whose, **granted), recorded_at=NOON)


def _message(n: int) -> Message:
    status = MessageStatus.DELIVERED if n % 10 else MessageStatus.QUEUED
    about = {"campaign_id": CampaignId(f"camp-{n % 20}"), "customer_id": CustomerId(f"customer-{n}")}
    return message(n, status=status, queued_at=later(n), **about)


def page(**said: Any) -> Ask:
    return lambda uow: uow.match_log.page(MatchLogFilter(**said), cursor=DEEP, newest_first=False)


LOG: dict[str, tuple[Ask, str]] = {
    "everything": (page(), "ix_match_log_at"),
    "a span": (page(since=NOON, until=later(60)), "ix_match_log_at"),
    "what is suppressed": (page(outcome="suppress"), "ix_match_log_at"),
    "another outcome": (page(outcome="holdout"), "ix_match_log_outcome"),
    "a reason": (page(reason="why-7"), "ix_match_log_reason"),
    "a campaign": (page(campaign_id=CAMPAIGN), "ix_match_log_campaign"),
    "a campaign's suppressed": (page(campaign_id=CAMPAIGN, outcome="suppress"), "ix_match_log_campaign"),
    "a shop": (page(shop_ids=SHOPS[:1]), "ix_match_log_shop"),
    "a reason in two shops": (page(shop_ids=SHOPS, reason="why-7"), "ix_match_log_shop"),
    "a box": (page(geofence_ids=FENCES), "ix_match_log_geofence"),
    "a box in a span": (page(geofence_ids=FENCES, since=NOON, until=later(60)), "ix_match_log_geofence"),
    "a customer": (page(customer_id=ANNA), "ix_match_log_customer"),
    "a customer in a box": (page(customer_id=ANNA, geofence_ids=FENCES), "ix_match_log_customer"),
    "the newest": (lambda uow: uow.match_log.newest(), "ix_match_log_at"),
    "what is old": (lambda uow: uow.match_log.prune(NOON - timedelta(days=1), limit=10), "ix_match_log_at"),
    "one decision": (lambda uow: uow.match_log.get(DecisionId("decision-1")), "uq_match_log_tenant_id_decision_id"),
    "known ones": (lambda uow: uow.match_log.known([DecisionId("d")]), "uq_match_log_tenant_id_decision_id"),
}
OUTBOX: dict[str, tuple[Ask, str]] = {
    "when the next is due": (lambda uow: uow.outbox.next_due(), "ix_message_due"),
    "what is over": (lambda uow: uow.outbox.expire(NOON), "ix_message_expiring"),
    # either has what is in flight, and nothing else
    "lost leases": (lambda uow: uow.outbox.rescue(NOON), "ix_message_leased or uq_message_in_flight"),
    "some customers'": (lambda uow: uow.outbox.recent([ANNA, BOB], NOON), "ix_message_tenant_id_customer_id"),
    "those of a status": (
        lambda uow: uow.outbox.page(MessageFilter(status=MessageStatus.FAILED), cursor=DEEPEST),
        "ix_message_tenant_id_status_seq",
    ),
    "what becomes of some": (
        lambda uow: uow.outbox.report([(_message(7), replace(_message(7), read_at=NOON))]),
        "uq_message_tenant_id_id",
    ),
    "one": (lambda uow: uow.outbox.get(MessageId("message-1")), "uq_message_tenant_id_id"),
    "a budget": (
        lambda uow: uow.outbox.taken_at(CAMPAIGN, NOON),
        "ix_message_tenant_id_campaign_id_queued_at_freed_at",
    ),
}
LEDGER: dict[str, tuple[Ask, str]] = {
    "what is new": (
        lambda uow: uow.consents.changes_since(LedgerMark(NEWEST, NEWEST, 7, None)),
        "ix_consent_event_tenant_id_seq",
    ),
}
CASES = [
    pytest.param(*case, id=f"{kind}: {name}")
    for kind, of in (("log", LOG), ("outbox", OUTBOX), ("ledger", LEDGER))
    for name, case in of.items()
]


BY_CUSTOMER: dict[str, Ask] = {
    "who they are": lambda uow: uow.customers.load([ANNA, BOB]),
    "what they agreed to": lambda uow: uow.consents.of([ANNA, BOB]),
    "their tracks": lambda uow: uow.tracks.load([ANNA, BOB]),
    "their messages": lambda uow: uow.outbox.of([ANNA, BOB]),
    "their last messages": lambda uow: uow.outbox.recent([ANNA, BOB], NOON),
    "what others sent": lambda uow: uow.sends.of([ANNA, BOB]),
    "what others sent last": lambda uow: uow.sends.recent([ANNA, BOB], NOON),
    "their arms": lambda uow: uow.assignments.of([ANNA, BOB]),
    "their pings": lambda uow: uow.pings.seen([(ANNA, None, "ping-7"), (BOB, "phone", "ping-8")]),
    "what was decided": lambda uow: uow.match_log.known([DecisionId("d"), DecisionId("e")]),
}


def asked(store: SqlStore, tenant: TenantId, ask: Ask) -> None:
    with store.writing(tenant) as uow:  # nothing of it is kept
        ask(uow)


def read_on_postgresql(store: SqlStore, tenant: TenantId, ask: Ask) -> tuple[set[str], set[str]]:
    with explained(store, settings=ONLY_BY_INDEX) as plans:
        asked(store, tenant, ask)
    return {name for each in plans for name in each.indexes}, {name for each in plans for name in each.read_through}


def steps_on_sqlite(store: SqlStore, tenant: TenantId, ask: Ask) -> list[str]:
    with recorded(store) as said:
        asked(store, tenant, ask)
    steps: list[str] = []
    with store.engine.connect() as connection:
        for each in said:
            if not each.is_end:
                said_once = each.parameters[0] if isinstance(each.parameters, list) else each.parameters
                found = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {each.text}", said_once)
                steps += [step for *_, step in found]
    return steps


def read_on_sqlite(store: SqlStore, tenant: TenantId, ask: Ask) -> tuple[set[str], set[str]]:
    steps = steps_on_sqlite(store, tenant, ask)
    through = {step for step in steps if re.match(r"SCAN (match_log|message)\b(?!.* USING (COVERING )?INDEX)", step)}
    return {name for step in steps for name in re.findall(r"INDEX (\w+)", step)}, through


@pytest.mark.parametrize(("ask", "index"), CASES)
def test_it_is_found_through_its_index(store: SqlStore, town: TenantId, ask: Ask, index: str) -> None:
    is_sqlite = store.engine.dialect.name == "sqlite"
    indexes, through = (read_on_sqlite if is_sqlite else read_on_postgresql)(store, town, ask)
    own = {
        "uq_match_log_tenant_id_decision_id": "sqlite_autoindex_match_log_1",
        "uq_message_tenant_id_id": "sqlite_autoindex_message_1",
    }
    assert indexes.intersection(own.get(name, name) if is_sqlite else name for name in index.split(" or "))
    assert not through


@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)  # SQLite sorts what is queued
def test_the_next_messages_are_found_in_their_order(store: SqlStore, town: TenantId) -> None:
    claim: Ask = lambda uow: uow.outbox.claim_due(NOON, owner="a", lease_s=9, limit=5)  # noqa: E731
    indexes, through = read_on_postgresql(store, town, claim)
    assert ("ix_message_next" in indexes, through) == (True, set())


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)  # PostgreSQL knows how many rows a tenant has
@pytest.mark.parametrize("ask", BY_CUSTOMER.values(), ids=BY_CUSTOMER)
def test_no_more_is_read_than_was_asked_for(store: SqlStore, town: TenantId, ask: Ask) -> None:
    steps = steps_on_sqlite(store, town, ask)
    of_tables = [step for step in steps if not re.search(r"SCAN (json_each|anon_|whose|\(subquery)", step)]
    assert any("=? AND " in step for step in of_tables)
    assert not [step for step in of_tables if re.match("SCAN|SEARCH", step) and "=? AND " not in step]
