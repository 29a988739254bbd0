"""Slots of a shop over HTTP: its owner writes them, and sees who reserved them without learning who that is."""

from typing import Any

import pytest

from nearcast.domain.ids import TenantId
from nearcast.services.access import Role
from tests.api.promises import reservation
from tests.api.service import Service
from tests.api.town import open_shop

pytestmark = pytest.mark.enable_socket
SLOTS = "/v1/shops/cafe/slots"
EVENING: dict[str, Any] = {"starts_at": "2026-06-05T17:00:00Z", "ends_at": "2026-06-05T19:00:00Z", "capacity": 2}


def later(hour: int, **changes: Any) -> dict[str, Any]:
    times = {"starts_at": f"2026-06-05T{hour}:00:00Z", "ends_at": f"2026-06-05T{hour + 1}:00:00Z"}
    return {**EVENING, **times, **changes}


def put(client: Any, *slots: dict[str, Any]) -> Any:
    return client.put(SLOTS, json={"slots": list(slots)})


def test_an_owner_writes_slots_changes_them_and_takes_them_out(service: Service):
    open_shop(service)
    owner = service.client(Role.OWNER, shops=["cafe"])
    (first, second) = put(owner, EVENING, later(20)).json()["items"]
    assert first == {**EVENING, "slot_id": first["slot_id"], "shop_id": "cafe", "taken": 0}
    assert put(owner, later(17, capacity=5, ends_at=EVENING["ends_at"])).json()["items"][0]["capacity"] == 5
    page = owner.get(SLOTS, params={"limit": 1}).json()
    assert [each["capacity"] for each in page["items"]] == [5]
    rest = owner.get(SLOTS, params={"limit": 1, "cursor": page["next_cursor"]}).json()
    assert [each["slot_id"] for each in rest["items"]] == [second["slot_id"]]
    assert rest["next_cursor"] is None
    assert owner.delete(f"{SLOTS}/{first['slot_id']}").status_code == 204
    assert owner.delete(f"{SLOTS}/{first['slot_id']}").status_code == 404
    assert [each["slot_id"] for each in owner.get(SLOTS).json()["items"]] == [second["slot_id"]]
    trail = service.client().get("/v1/audit", params={"kind": "slot"}).json()["items"]
    assert sorted(each["action"] for each in trail) == ["changed", "created", "created", "deleted"]


def test_a_shop_stays_while_it_has_slots(sqlite_service: Service):
    operator = sqlite_service.client()
    operator.post("/v1/shops", json={"id": "cafe", "name": "Café"})
    put(operator, EVENING)
    assert operator.delete("/v1/shops/cafe").json()["code"] == "in_use"
    sqlite_service.clock.step(days=4)
    assert operator.delete("/v1/shops/cafe").status_code == 204


def test_what_customers_have_is_not_taken_from_them(service: Service):
    open_shop(service)
    owner = service.client(Role.OWNER, shops=["cafe"])
    (slot,) = put(owner, EVENING).json()["items"]
    for customer in ("ada", "ben"):
        reservation(service, customer=customer)
    assert owner.get(SLOTS).json()["items"][0]["taken"] == 2
    for change in (later(17, capacity=1, ends_at=EVENING["ends_at"]), later(17)):
        refused = put(owner, later(20), change)
        assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
        assert "slots[1]" in refused.json()["detail"]
    assert owner.delete(f"{SLOTS}/{slot['slot_id']}").json()["code"] == "in_use"
    assert [each["starts_at"] for each in owner.get(SLOTS).json()["items"]] == [EVENING["starts_at"]], "all or none"
    service.clock.step(seconds=300)
    assert owner.delete(f"{SLOTS}/{slot['slot_id']}").status_code == 204, "nobody has confirmed"


@pytest.mark.parametrize(
    ("slots", "path"),
    [
        ([later(17, ends_at="2026-06-05T17:00:00Z")], "slots[0].ends_at"),
        ([EVENING, later(18, ends_at="2026-07-07T18:00:00Z")], "slots[1].ends_at"),
        ([EVENING, later(17, capacity=1)], "slots[1].starts_at"),
        ([{**EVENING, "starts_at": "2026-06-02T09:59:00Z"}], "slots[0].starts_at"),
        ([{**EVENING, "capacity": 0}], "slots[0].capacity"),
        ([{**EVENING, "capacity": "2"}], "slots[0].capacity"),
        ([], "slots"),
    ],
)
def test_a_slot_that_cannot_be_is_refused_with_its_place(sqlite_service: Service, slots: Any, path: str):
    open_shop(sqlite_service)
    refused = put(sqlite_service.client(Role.OWNER), *slots)
    assert (refused.status_code, refused.json()["path"]) == (422, path)
    assert sqlite_service.client().get(SLOTS).json()["items"] == []


def test_owners_see_the_reservations_of_their_shops_and_no_names(service: Service):
    open_shop(service)
    owner, operator = service.client(Role.OWNER, shops=["cafe"]), service.client()
    put(owner, {**EVENING, "capacity": 3})
    made = [reservation(service, customer=name) for name in ("ada", "ben", "cleo")]
    page = owner.get("/v1/reservations", params={"limit": 2}).json()
    assert [each["reference"] for each in page["items"]] == [each.reference for each in made[:0:-1]]
    assert all(each["customer_id"].startswith("p-") for each in page["items"])
    rest = owner.get("/v1/reservations", params={"limit": 2, "cursor": page["next_cursor"]}).json()
    assert [each["reservation_id"] for each in rest["items"]] == ["of-ada"]
    (told,) = operator.get("/v1/reservations", params={"from": EVENING["starts_at"], "limit": 1}).json()["items"]
    assert (told["customer_id"], told["state"]) == ("cleo", "held")
    for nothing in ({"until": EVENING["starts_at"]}, {"state": "booked"}):
        assert operator.get("/v1/reservations", params=nothing).json()["items"] == []
    service.clock.step(seconds=300)
    assert service.app.reservations.expire(TenantId("t1"), service.clock.now()) == 3
    assert len(operator.get("/v1/reservations", params={"state": "expired"}).json()["items"]) == 3


def test_slots_and_reservations_of_other_shops_are_not_there(service: Service):
    open_shop(service)
    service.client().post("/v1/shops", json={"id": "bar", "name": "Bar"})
    put(service.client(), EVENING)
    reservation(service)
    stranger, outsider = service.client(Role.OWNER, shops=["bar"]), service.client(tenant="t2")
    for client in (stranger, outsider):
        assert [client.get(SLOTS).status_code, put(client, EVENING).status_code] == [404, 404]
        assert client.get("/v1/reservations").json()["items"] == []
    assert stranger.get("/v1/reservations", params={"shop_id": "cafe"}).status_code == 404
