"""Whatever fails, nothing of that step is kept, and the engine goes on as if it had not begun."""

import logging
from collections.abc import Callable
from typing import Any

import pytest

from nearcast.domain.consent import ConsentAction, ConsentEvent
from nearcast.domain.errors import InvalidInput, StoreUnavailable
from nearcast.domain.ids import CampaignId, GeofenceId, TenantId
from nearcast.domain.sending import Attempt, Outbound
from nearcast.services.catalogue import CatalogueCache
from nearcast.services.intake import Intake
from nearcast.services.ledger_ports import LedgerLine
from nearcast.services.live import Live
from nearcast.services.ports import UnitOfWork
from nearcast.store.sql_store import SqlStore
from nearcast.store.unit_of_work import SqlUnitOfWork
from tests.live.answers import UNAVAILABLE
from tests.live.corner import (
    ENTER,
    FENCE,
    INSIDE_DEG,
    NOON,
    OUTSIDE_DEG,
    Heard,
    arrive,
    later,
    messages,
    names,
    open_corner,
    runs,
    scheduled,
    seen,
    verdicts,
)


class FailingCommits(SqlStore):
    """A store that is lost at the commits with these numbers, counted from 0."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.lost_at: set[int] = set()
        self.commits = 0

    def writing(self, tenant_id: TenantId) -> "FailingUnitOfWork":
        return FailingUnitOfWork(self, tenant_id)


class FailingUnitOfWork(SqlUnitOfWork):
    def __init__(self, store: FailingCommits, tenant_id: TenantId) -> None:
        super().__init__(store.engine, tenant_id)
        self._store = store

    def commit(self) -> None:
        number, self._store.commits = self._store.commits, self._store.commits + 1
        if number in self._store.lost_at:
            raise StoreUnavailable("the cable is out")
        super().commit()


def whole_story(store: SqlStore, tenant: TenantId) -> list[Any]:
    with store.reading(tenant) as uow:
        transitions = [(key, t.kind, t.at, t.geofence_revision) for key, t in uow.transitions.every()]
    return [messages(store, tenant), verdicts(store, tenant), runs(store, tenant), sorted(transitions)]


def live_through(live: Live, again: Callable[[Callable[[], Any]], Any]) -> None:
    """A visit, an edited fence, a second visit, a run, a pause; `again` does each step."""
    wider = {**FENCE, "properties": {**FENCE["properties"], "radius_m": 120}}
    intake = Intake(live.store, lambda: None)
    for n, lat_deg in enumerate([OUTSIDE_DEG, INSIDE_DEG, OUTSIDE_DEG, INSIDE_DEG]):
        at = later(60 * n)
        again(lambda at=at, lat_deg=lat_deg: intake.accept(live.tenant_id, seen(names(2), at, lat_deg), at))  # type: ignore[misc]
        again(lambda at=at: live.work_pings(at))  # type: ignore[misc]
        again(lambda at=at: live.dispatch_due(at))  # type: ignore[misc]
        again(lambda at=at: live.put_geofence(wider, at))  # type: ignore[misc]
    again(lambda: live.work_due(later(240)))
    again(lambda: live.change_campaign(CampaignId("camp-7"), "pause", later(250)))
    again(lambda: live.delete_geofence(GeofenceId("f"), later(260)))
    again(lambda: live.work_due(later(300)))


def once(step: Callable[[], Any]) -> None:
    step()


def after_the_leases(live: Live) -> Callable[[Callable[[], Any]], None]:
    def again(step: Callable[[], Any]) -> None:
        try:
            step()
        except StoreUnavailable:
            live.rescue(later(3600))
            step()

    return again


@pytest.fixture
def failing(store_url: str, store: SqlStore) -> Any:
    failing = FailingCommits(store_url)
    yield failing
    failing.close()


@pytest.mark.parametrize("on_both", [False, pytest.param(True, marks=pytest.mark.soak)])
def test_any_commit_may_fail_and_the_story_is_the_same(store: SqlStore, failing: FailingCommits, on_both: bool) -> None:
    """But for a message that had left when its record failed: that one is unknown, and is never sent again.

    Each commit fails on one of the databases, or on both.
    """
    campaigns = ENTER, scheduled(cron="*/4 * * * *", catch_up_s=600)
    smooth = open_corner(failing, *campaigns, customers=names(2), at=NOON)
    failing.commits = 0
    live_through(Live(failing, smooth, Heard()), once)
    expected, commits = whole_story(store, smooth), failing.commits
    assert commits > 20
    first, step = (0, 1) if on_both else (int(store.is_shared), 2)
    for lost_at in range(first, commits, step):
        tenant = open_corner(store, *campaigns, customers=names(2), at=NOON, tenant=f"t-{lost_at}")
        failing.commits, failing.lost_at = 0, {lost_at}
        heard = Heard()
        live = Live(failing, tenant, heard)
        live_through(live, after_the_leases(live))
        found = whole_story(store, tenant)
        found[0] = {key: ["accepted" if s == "unknown" else s for s in told] for key, told in found[0].items()}
        assert found == expected, lost_at
        assert len({message.id for message in heard.messages}) == len(heard.messages)


def test_an_edit_that_is_refused_leaves_no_trace_in_memory(store: SqlStore) -> None:
    tenant = open_corner(store, ENTER, customers=names(1))
    live = Live(store, tenant, Heard())
    elsewhere = {**FENCE, "geometry": {"type": "Point", "coordinates": [13.6, 52.6]}}

    def refuse_after_reading(uow: UnitOfWork) -> None:
        uow.catalogue.put_settings({"tenant": {"timezone": "UTC"}}, NOON)
        live.catalogue.revision = uow.catalogue.revision  # it thinks that it has seen this edit
        raise InvalidInput("no")

    with pytest.raises(InvalidInput):
        live.put_geofence(elsewhere, NOON, may=refuse_after_reading)
    arrive(store, tenant, names(1), later(1))
    live.work_pings(later(1))
    live.dispatch_due(later(1))
    assert messages(store, tenant) == {"cust-0000": ["accepted"]}
    assert live.put_geofence(elsewhere, later(2)) == 2
    with store.reading(tenant) as uow:
        assert live.catalogue.revision == uow.catalogue.revision


def test_a_fence_that_is_edited_while_the_catalogue_is_read_counts_one_revision(store: SqlStore) -> None:
    tenant = open_corner(store, ENTER)

    class EditedMeanwhile:
        """The last edit was made right after the revision was read."""

        def __init__(self, uow: UnitOfWork) -> None:
            self._uow = uow

        @property
        def revision(self) -> int:
            return self._uow.catalogue.revision - 1

        def __getattr__(self, name: str) -> Any:
            return getattr(self._uow.catalogue, name)

    cache = CatalogueCache(tenant)
    with store.writing(tenant) as uow:
        uow.catalogue.geofences.put("f", FENCE, NOON)
        uow.commit()
    with store.reading(tenant) as uow:
        meanwhile: Any = EditedMeanwhile(uow)
        before = cache.world(meanwhile).geofences.at(GeofenceId("f"), NOON)
        after = cache.world(uow.catalogue).geofences.at(GeofenceId("f"), NOON)
    assert before is not None
    assert after is not None
    assert (before.revision, after.revision) == (1, 2)


def queued(store: SqlStore, heard: Heard, count: int) -> Live:
    tenant = open_corner(store, ENTER, customers=names(count))
    arrive(store, tenant, names(count))
    live = Live(store, tenant, heard)
    live.work_pings(NOON)
    return live


def test_a_channel_that_raises_leaves_one_message_unknown(store: SqlStore, caplog: pytest.LogCaptureFixture) -> None:
    heard = Heard(fails={"cust-0001": RuntimeError("+4915112345678 Coffee")})
    live = queued(store, heard, 3)
    with caplog.at_level(logging.ERROR):
        live.dispatch_due(NOON)
    assert messages(store, live.tenant_id) == {
        "cust-0000": ["accepted"],
        "cust-0001": ["unknown"],
        "cust-0002": ["accepted"],
    }
    assert "RuntimeError" in caplog.text
    assert "Coffee" not in caplog.text
    assert "+49" not in caplog.text


def test_a_message_that_cannot_be_decided_does_not_hold_up_the_others(store: SqlStore) -> None:
    live = queued(store, Heard(), 25)
    with store.engine.begin() as connection:  # a message of a campaign that there never was
        connection.exec_driver_sql("UPDATE message SET campaign_id = 'gone' WHERE customer_id = 'cust-0004'")
    with pytest.raises(KeyError):
        live.dispatch_due(NOON)
    live.dispatch_due(NOON)
    found = messages(store, live.tenant_id)
    assert found.pop("cust-0004") == ["claimed"]
    assert set(map(tuple, found.values())) == {("accepted",)}
    live.rescue(later(1200))
    live.dispatch_due(later(1200))
    assert messages(store, live.tenant_id)["cust-0004"] == ["expired"]


def test_a_message_without_a_channel_says_so(store: SqlStore) -> None:
    class Nowhere(Heard):
        def send(self, outbound: Outbound) -> Attempt:
            return UNAVAILABLE

    live = queued(store, Nowhere(), 1)
    live.dispatch_due(NOON)
    with store.reading(live.tenant_id) as uow:
        (message,) = uow.outbox.page().items
    assert (message.status.value, message.reason, message.takes_slot) == ("failed", "channel_unavailable", False)


def test_a_consent_that_changed_is_dealt_with_and_then_left_alone(store: SqlStore, failing: FailingCommits) -> None:
    tenant = open_corner(store, ENTER, customers=names(3), settings={"dispatch": {"delay_s": 86_400}})
    arrive(store, tenant, names(3))
    live = Live(failing, tenant, Heard())
    live.work_pings(NOON)
    with store.writing(tenant) as uow:
        for n, (name, day) in enumerate(zip(names(2), (1, 2), strict=True)):
            at = later(86_400 * day)
            uow.consents.append(
                LedgerLine(
                    event=ConsentEvent(
                        event_id=f"gone {n}",
                        customer_id=name,
                        purpose="location.matching",
                        action=ConsentAction.WITHDRAWN,
                        at=at,
                    ),
                    recorded_at=NOON,
                )
            )
        uow.commit()
    live.end_due(later(86_399))
    before = failing.commits
    live.end_due(later(2 * 86_400))
    assert failing.commits == before + 1
    live.end_due(later(2 * 86_400 + 15))
    settled = failing.commits
    live.end_due(later(2 * 86_400 + 31))
    assert failing.commits == settled
    with store.reading(tenant) as uow:
        assert list(uow.tracks.load(names(3))) == ["cust-0002"]
