"""What was put off leaves when it may, if it still holds: quiet hours, full caps."""

from typing import Any

import pytest

from nearcast.domain.ids import TenantId
from nearcast.services.live import Live
from nearcast.store.sql_store import SqlStore
from tests.live.corner import (
    ENTER,
    INSIDE_DEG,
    LON_DEG,
    NOON,
    OUTSIDE_DEG,
    Heard,
    arrive,
    later,
    messages,
    names,
    open_corner,
    scheduled,
)

HOUR = 3600.0
QUIET_UNTIL_TWO = {"quiet_hours": [{"from": "11:00", "until": "14:00"}]}  # it is noon in Berlin
PATIENT = {**ENTER, "on_quiet": "defer", "offer": {"text": "Coffee −20 %", "expires_after_s": 4 * HOUR}}
(CUSTOMER,) = names(1)


def opened(store: SqlStore, campaign: dict[str, Any], policy: dict[str, Any], **presence: Any) -> tuple[TenantId, Live]:
    settings = {"policy": policy, "presence": {"profile": "raw", **presence}}
    tenant = open_corner(store, campaign, customers=names(1), settings=settings)
    arrive(store, tenant, names(1))
    live = Live(store, tenant, Heard())
    live.work_pings(NOON)
    return tenant, live


def test_it_leaves_when_quiet_ends_and_not_before(store: SqlStore) -> None:
    tenant, live = opened(store, PATIENT, QUIET_UNTIL_TWO)
    live.work_due(later(2 * HOUR - 1))
    assert messages(store, tenant) == {CUSTOMER: ["queued"]}
    assert live.next_due(later(2 * HOUR - 1)) == later(2 * HOUR)
    live.work_due(later(2 * HOUR))
    assert messages(store, tenant) == {CUSTOMER: ["accepted"]}


def test_it_expires_where_nobody_sends_in_time(store: SqlStore) -> None:
    tenant, live = opened(store, PATIENT, QUIET_UNTIL_TWO)
    live.work_due(later(4 * HOUR))
    assert messages(store, tenant) == {CUSTOMER: ["expired"]}


def test_it_does_not_leave_for_a_customer_who_has_left(store: SqlStore) -> None:
    tenant, live = opened(store, PATIENT, QUIET_UNTIL_TWO)
    arrive(store, tenant, names(1), later(HOUR), OUTSIDE_DEG)
    live.work_pings(later(HOUR))
    assert messages(store, tenant) == {CUSTOMER: ["cancelled"]}


@pytest.mark.parametrize("gap_s", [HOUR, None])
def test_a_dispatcher_that_is_first_does_not_take_a_visit_that_is_over_for_an_open_one(
    store: SqlStore, gap_s: float | None
) -> None:
    """After a stop the dispatcher may come before whoever ends the visits of the night."""
    tenant, live = opened(store, PATIENT, QUIET_UNTIL_TWO, gap_s=gap_s)
    live.dispatch_due(later(2 * HOUR))
    assert messages(store, tenant) == {CUSTOMER: ["cancelled" if gap_s else "accepted"]}


def test_what_waits_for_a_slot_leaves_when_there_is_one(store: SqlStore) -> None:
    cap = {"id": "gap", "scope": "customer", "kind": "min_gap", "window_s": 600}
    patient = {**ENTER, "on_cap": "hold", "offer": {"text": "Coffee", "expires_after_s": HOUR}}
    tenant, live = opened(store, patient, {"caps": [cap]})
    live.dispatch_due(NOON)
    for at_s, lat_deg in ((10.0, OUTSIDE_DEG), (20.0, INSIDE_DEG)):
        arrive(store, tenant, names(1), later(at_s), lat_deg)
        live.work_pings(later(at_s))
    live.work_due(later(599))
    assert sorted(messages(store, tenant)[CUSTOMER]) == ["accepted", "queued"]
    live.work_due(later(600))
    assert messages(store, tenant)[CUSTOMER] == ["accepted"] * 2


def test_two_that_are_due_at_once_keep_the_gap_between_them(store: SqlStore) -> None:
    """Queued long ago and put off: what counts is when the first begins to be sent, not when it was queued."""
    gap = {"id": "gap", "scope": "customer", "kind": "min_gap", "window_s": 20}
    later_offer = {**ENTER, "id": "later", "on_cap": "hold"}
    settings = {"policy": {"caps": [gap]}}
    tenant = open_corner(store, ENTER, later_offer, customers=names(1), settings=settings)
    heard = Heard()
    live = Live(store, tenant, heard)
    for seconds, lat_deg in ((0, INSIDE_DEG), (1, OUTSIDE_DEG), (2, INSIDE_DEG)):
        arrive(store, tenant, names(1), later(seconds), lat_deg)
        live.work_pings(later(seconds))
    assert messages(store, tenant) == {"cust-0000": ["queued", "queued"]}
    live.dispatch_due(later(30))
    assert len(heard.messages) == 1


EDGE_DEG = 52.5209  # the fence ends at 52.5209, and nobody was there
PATIENT_RUN = {**scheduled("0 10 * * *", seen_within_s=HOUR), "on_quiet": "defer", "offer": PATIENT["offer"]}
AT_THE_FENCE = {**PATIENT_RUN, "geofence_ids": ["f"]}


@pytest.mark.parametrize(
    ("campaign", "lat_deg", "expected"),
    [
        (PATIENT_RUN, INSIDE_DEG, ("cancelled", "sensitive_location")),
        (PATIENT_RUN, EDGE_DEG, ("accepted", None)),
        (AT_THE_FENCE, EDGE_DEG, ("cancelled", "sensitive_location")),
        (AT_THE_FENCE, OUTSIDE_DEG, ("accepted", None)),
    ],
    ids=["a clinic where they are", "a clinic elsewhere", "a clinic under the fence", "a clinic off the fence"],
)
def test_a_runs_message_that_waits_is_not_sent_about_a_place_that_was_listed_meanwhile(
    store: SqlStore, campaign: dict[str, Any], lat_deg: float, expected: tuple[str, str | None]
) -> None:
    settings = {"policy": QUIET_UNTIL_TWO, "presence": {"profile": "raw"}}
    tenant = open_corner(store, campaign, customers=names(1), settings=settings, at=later(-HOUR))
    live = Live(store, tenant, Heard())
    arrive(store, tenant, names(1), later(-60))
    live.work_pings(later(-60))
    live.work_due(NOON)
    assert messages(store, tenant) == {CUSTOMER: ["queued"]}
    clinic = {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [LON_DEG, lat_deg]},
        "properties": {"id": "clinic-7", "radius_m": 20, "category": "clinic"},
    }
    with store.writing(tenant) as uow:
        uow.catalogue.sensitive_places.put("clinic-7", clinic, later(HOUR))
        uow.commit()
    live.work_due(later(2 * HOUR))
    with store.reading(tenant) as uow:
        assert [(message.status, message.reason) for message in uow.outbox.page().items] == [expected]
