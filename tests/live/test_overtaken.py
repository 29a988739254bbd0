"""A step takes for granted that nobody is faster; where somebody is, it is done again and knows it."""

from contextlib import closing
from typing import Self

import pytest
from sqlalchemy import delete, update

from nearcast.domain.campaign import CampaignState
from nearcast.domain.errors import Overtaken, StoreUnavailable
from nearcast.domain.ids import CampaignId, DecisionId, TenantId
from nearcast.services.live import Live
from nearcast.services.ports import UnitOfWork
from nearcast.services.steps import Known, Steps
from nearcast.store.sql_store import SqlStore
from nearcast.store.tables import log_position, match_log, track
from nearcast.store.unit_of_work import SqlUnitOfWork
from tests.live.corner import ENTER, NOON, Heard, arrive, later, messages, names, open_corner, verdicts
from tests.store.values import at_once


def test_an_opportunity_that_was_decided_before_gives_no_second_row(store: SqlStore) -> None:
    """The log is read again from its beginning, by an engine that has forgotten where everybody was."""
    customers, another = names(3), {**ENTER, "id": "camp-8"}
    tenant = open_corner(store, ENTER, another, customers=customers)
    arrive(store, tenant, customers)
    live = Live(store, tenant, Heard())
    live.work_pings(NOON)
    before = sorted(verdicts(store, tenant), key=str)
    with store.engine.begin() as connection:
        connection.execute(update(log_position).values(position=0, settled=0))
        connection.execute(delete(track))
        connection.execute(delete(match_log).where(match_log.c.customer_id == customers[0]))
    assert live.work_pings(later(60)) == 3
    with store.reading(tenant) as uow:
        rows = uow.match_log.page().items
        assert not uow.pings.waiting()
    assert sorted(((row["customer_id"], row["reason"]) for row in rows), key=str) == before
    assert {row["customer_id"] for row in rows if row["decided_at"] > NOON} == {customers[0]}
    assert messages(store, tenant) == {customer: ["queued"] for customer in customers}


def test_the_last_of_a_budget_goes_to_one_of_two_workers(store: SqlStore) -> None:
    customers, limited = names(40), {**ENTER, "budget": {"messages": 30}}
    tenant = open_corner(store, limited, customers=customers)
    arrive(store, tenant, customers)
    lives = [Live(store, tenant, Heard(), owner=owner, pings_at_once=1) for owner in "abcd"]

    def work(live: Live) -> None:
        while any(live.work_some_pings(NOON) for _ in range(16)):
            pass

    at_once([lambda live=live: work(live) for live in lives])  # type: ignore[misc]
    lives[0].work_pings(NOON)
    reasons = [reason for _, reason in verdicts(store, tenant)]
    assert (reasons.count(None), reasons.count("budget_exhausted")) == (30, 10)
    with store.reading(tenant) as uow:
        assert uow.budgets.used() == {CampaignId("camp-7"): 30}


def test_a_step_that_was_overtaken_knows_why_when_it_is_done_again(store: SqlStore) -> None:
    tenant = open_corner(store, ENTER, customers=names(1))
    steps, heard = Steps(store, tenant), list[Known]()

    def step(uow: UnitOfWork, known: Known) -> str:
        heard.append(known)
        steps.catalogue.world(uow.catalogue)
        if len(heard) < 3:
            raise Overtaken("others were faster", decided=[DecisionId(f"d{len(heard)}")])
        return "done"

    assert steps.decide(step) == "done"
    assert [(sorted(known.decided), known.holds_budgets) for known in heard] == [
        ([], False),
        (["d1"], True),
        (["d1", "d2"], True),
    ]


def test_a_step_that_is_overtaken_although_it_knows_why_ends(store: SqlStore) -> None:
    tenant = open_corner(store, ENTER, customers=names(1))
    heard = list[Known]()

    def step(uow: UnitOfWork, known: Known) -> str:
        heard.append(known)
        raise Overtaken("an opportunity was decided before", decided=[DecisionId("d")])

    with pytest.raises(Overtaken):
        Steps(store, tenant).decide(step)
    assert heard == [Known(), Known(frozenset({DecisionId("d")}), holds_budgets=True)]


def test_what_an_overtaken_step_has_read_of_its_own_edit_is_forgotten(store: SqlStore) -> None:
    tenant = open_corner(store, ENTER, customers=names(1))
    steps, tries = Steps(store, tenant), list[int]()

    def edit(uow: UnitOfWork, known: Known) -> None:
        tries.append(len(tries))
        assert steps.catalogue.world(uow.catalogue).campaigns.by_id[CampaignId("camp-7")].priority == 0
        uow.catalogue.campaigns.put_campaign("camp-7", {**ENTER, "priority": 60}, NOON, state=CampaignState.ACTIVE)
        assert steps.catalogue.world(uow.catalogue).campaigns.by_id[CampaignId("camp-7")].priority == 60
        if len(tries) == 1:
            raise Overtaken("others were faster")

    steps.decide(edit)
    assert tries == [0, 1]


class Shut(SqlUnitOfWork):
    """Never begins."""

    def __enter__(self) -> Self:
        raise StoreUnavailable("another one writes")


class Shutting(SqlStore):
    def writing(self, tenant_id: TenantId) -> SqlUnitOfWork:
        return Shut(self.engine, tenant_id)


def test_a_step_that_cannot_begin_forgets_nothing(store: SqlStore, store_url: str) -> None:
    tenant = open_corner(store, ENTER, customers=names(1))
    with closing(Shutting(store_url)) as shutting:
        steps = Steps(shutting, tenant)
        steps.read_catalogue()
        known = steps.catalogue
        with pytest.raises(StoreUnavailable), steps.writing():
            pass
        assert steps.catalogue is known
