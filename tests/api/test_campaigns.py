"""Campaigns over HTTP: written, activated, paused, ended."""

from dataclasses import replace
from datetime import timedelta
from threading import Event
from typing import Any

import pytest

from nearcast.domain.ids import CampaignId, TenantId
from nearcast.services.access import Role
from nearcast.services.campaigns import Campaigns
from nearcast.services.ports import RunStatus, Store
from tests.api.service import NOON, Service
from tests.store.values import at_once

DOOR = {
    "type": "Feature",
    "id": "door",
    "geometry": {"type": "Point", "coordinates": [13.405, 52.52]},
    "properties": {"shop_id": "cafe", "radius_m": 60},
}
COFFEE: dict[str, Any] = {
    "id": "coffee",
    "shop_id": "cafe",
    "geofence_ids": ["door"],
    "trigger": {"on": "enter"},
    "channel": "console",
    "offer": {"text": "Coffee −20 % until {expires_at}"},
}


def _owner(service: Service) -> Any:
    owner = service.client(Role.OWNER)
    owner.put("/v1/shops/cafe", json={"id": "cafe", "timezone": "Europe/Berlin"})
    owner.put("/v1/geofences/door", json=DOOR)
    return owner


def test_a_campaign_goes_through_its_life(service: Service):
    owner = _owner(service)
    made = owner.post("/v1/campaigns", json=COFFEE)
    assert (made.status_code, made.json()) == (201, {**COFFEE, "state": "draft"})
    steps = [
        ("activate", "active"),
        ("activate", "active"),
        ("pause", "paused"),
        ("activate", "active"),
        ("end", "ended"),
    ]
    for action, state in steps:
        assert owner.post(f"/v1/campaigns/coffee/{action}").json()["state"] == state
    revived = owner.post("/v1/campaigns/coffee/activate")
    assert (revived.status_code, revived.json()["code"]) == (409, "conflict")
    assert owner.get("/v1/campaigns/coffee").json()["state"] == "ended"


@pytest.mark.enable_socket
def test_a_changed_campaign_keeps_its_state(sqlite_service: Service):
    owner = _owner(sqlite_service)
    owner.post("/v1/campaigns", json={**COFFEE, "state": "active"})
    changed = {**COFFEE, "priority": 7}
    assert owner.put("/v1/campaigns/coffee", json=changed).json() == {**changed, "state": "active"}
    assert owner.put("/v1/campaigns/coffee", json={**changed, "state": "active"}).status_code == 200
    wrong = owner.put("/v1/campaigns/coffee", json={**changed, "state": "ended"})
    assert (wrong.status_code, wrong.json()["path"], wrong.json()["value"]) == (422, "state", "ended")


@pytest.mark.enable_socket
def test_repeating_a_step_of_a_campaign_changes_nothing(sqlite_service: Service):
    owner = _owner(sqlite_service)
    owner.post("/v1/campaigns", json=COFFEE)
    first, again = (owner.post("/v1/campaigns/coffee/activate") for _ in range(2))
    assert (first.headers["ETag"], again.headers["ETag"]) == ('"2"', '"2"')
    assert again.json() == first.json()


@pytest.mark.enable_socket
def test_runs_come_in_pages_newest_first(sqlite_service: Service):
    owner = _owner(sqlite_service)
    owner.post("/v1/campaigns", json={**COFFEE, "trigger": {"on": "schedule"}, "schedule": {"cron": "0 * * * *"}})
    due = [NOON - timedelta(hours=n) for n in range(5)]
    with sqlite_service.store.writing(TenantId("t1")) as uow:
        for at in due:
            uow.runs.insert(CampaignId("coffee"), at, status=RunStatus.DONE, at=at)
        uow.commit()
    found, cursor = [], None
    while True:
        page = owner.get("/v1/campaigns/coffee/runs", params={"limit": 2, **({"cursor": cursor} if cursor else {})})
        found.append([each["due_at"] for each in page.json()["items"]])
        cursor = page.json()["next_cursor"]
        if cursor is None:
            break
    assert found == [[f"2026-06-02T{hour:02}:00:00Z" for hour in hours] for hours in ((10, 9), (8, 7), (6,))]
    refused = owner.get("/v1/campaigns/coffee/runs", params={"cursor": "before"})
    assert (refused.status_code, refused.json()["path"]) == (422, "cursor")


@pytest.mark.enable_socket
def test_only_a_draft_can_be_deleted(sqlite_service: Service):
    owner = _owner(sqlite_service)
    owner.post("/v1/campaigns", json=COFFEE)
    assert owner.delete("/v1/campaigns/coffee").status_code == 204
    owner.post("/v1/campaigns", json={**COFFEE, "id": "tea", "state": "active"})
    owner.post("/v1/campaigns/tea/end")
    assert owner.delete("/v1/campaigns/tea").status_code == 409
    assert [each["id"] for each in owner.get("/v1/campaigns").json()["items"]] == ["tea"]


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    ("change", "path", "value"),
    [
        ({"shop_id": "nowhere"}, "shop_id", "nowhere"),
        ({"geofence_ids": ["door", "gate"]}, "geofence_ids[1]", "gate"),
        ({"trigger": {"on": "teleport"}}, "trigger.on", "teleport"),
        ({"offer": {"text": "Hi", "expires_after_s": 0}}, "offer.expires_after_s", 0),
        ({"offer": {"text": "Hi {weather}"}}, None, None),
        ({"trigger": {"on": "schedule"}, "schedule": {"cron": "61 * * * *"}}, "schedule.cron", "61 * * * *"),
        ({"dayparts": [{"from": "25:00", "until": "20:00"}]}, None, None),
        ({"holdout": {"percent": 101, "salt": "s"}}, None, None),
        ({"budget": {"messages": -1}}, "budget.messages", -1),
        ({"state": "ended"}, "state", "ended"),
        ({"weather": "fine"}, "weather", "fine"),
    ],
)
def test_what_is_wrong_with_a_campaign_is_named_with_path_and_value(sqlite_service: Service, change, path, value):
    owner = _owner(sqlite_service)
    refused = owner.post("/v1/campaigns", json={**COFFEE, **change})
    said = refused.json()
    assert (refused.status_code, said["code"]) == (422, "invalid_input"), said
    if path is not None:
        assert (said["path"], said["value"]) == (path, value)
    assert owner.get("/v1/campaigns").json()["items"] == []


@pytest.mark.enable_socket
def test_a_shop_keeps_what_its_campaigns_rest_on(sqlite_service: Service):
    owner = _owner(sqlite_service)
    owner.put("/v1/shops/cafe", json={"id": "cafe", "lat": 52.52, "lon": 13.405})
    scheduled = {"trigger": {"on": "schedule"}, "schedule": {"cron": "30 11 * * *", "within_m": 500}}
    assert owner.post("/v1/campaigns", json={**COFFEE, **scheduled}).status_code == 201
    moved = owner.put("/v1/shops/cafe", json={"id": "cafe"})
    assert moved.status_code == 422
    assert "'coffee'" in moved.json()["detail"]
    assert owner.get("/v1/shops/cafe").json()["lat"] == 52.52
    assert owner.delete("/v1/shops/cafe").json()["code"] == "in_use"


@pytest.mark.enable_socket
def test_a_key_for_one_shop_runs_campaigns_of_that_shop_alone(sqlite_service: Service):
    owner = _owner(sqlite_service)
    owner.post("/v1/campaigns", json=COFFEE)
    owner.put("/v1/shops/bar", json={"id": "bar"})
    barkeeper = sqlite_service.client(Role.OWNER, shops=["bar"])
    assert barkeeper.get("/v1/campaigns").json()["items"] == []
    for action in ("activate", "pause", "end"):
        assert barkeeper.post(f"/v1/campaigns/coffee/{action}").status_code == 404
    assert barkeeper.get("/v1/campaigns/coffee/runs").status_code == 404
    beer = {**COFFEE, "id": "beer", "shop_id": "bar"}
    neighbours = barkeeper.post("/v1/campaigns", json=beer)
    assert (neighbours.status_code, neighbours.json()["path"]) == (422, "geofence_ids[0]")
    assert barkeeper.post("/v1/campaigns", json={**COFFEE, "id": "x"}).json()["code"] == "not_allowed"
    del beer["geofence_ids"]
    assert barkeeper.post("/v1/campaigns", json=beer).status_code == 201


@pytest.mark.enable_socket
@pytest.mark.parametrize("role", [Role.ANALYST, Role.INGEST])
def test_only_owners_and_operators_edit(sqlite_service: Service, role):
    other = sqlite_service.client(role)
    for path in ("/v1/campaigns", "/v1/geofences", "/v1/shops"):
        refused = other.get(path)
        assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")


@pytest.mark.enable_socket
def test_only_an_operator_gives_a_class_and_an_owner_keeps_it(sqlite_service: Service):
    owner, operator = _owner(sqlite_service), sqlite_service.client(Role.OPERATOR)
    refused = owner.post("/v1/campaigns", json={**COFFEE, "klass": "service"})
    assert (refused.status_code, refused.json()["detail"]) == (
        403,
        "klass is for an operator to set: it is 'promo' and stays so",
    )
    assert owner.post("/v1/campaigns", json={**COFFEE, "klass": "promo"}).status_code == 201
    assert operator.put("/v1/campaigns/coffee", json={**COFFEE, "klass": "loyalty"}).json()["klass"] == "loyalty"
    assert owner.put("/v1/campaigns/coffee", json={**COFFEE, "priority": 7}).json()["klass"] == "loyalty"
    assert owner.put("/v1/campaigns/coffee", json={**COFFEE, "klass": "promo"}).status_code == 403
    assert "klass" not in operator.put("/v1/campaigns/coffee", json=COFFEE).json()


@pytest.mark.enable_socket
def test_only_an_operator_ranks_shops(sqlite_service: Service):
    owner, operator = _owner(sqlite_service), sqlite_service.client(Role.OPERATOR)
    assert owner.put("/v1/shops/cafe", json={"id": "cafe", "rank": 1}).status_code == 403
    assert operator.put("/v1/shops/cafe", json={"id": "cafe", "rank": 3}).json()["rank"] == 3
    assert owner.put("/v1/shops/cafe", json={"id": "cafe", "name": "Café"}).json()["rank"] == 3


@pytest.mark.enable_socket
@pytest.mark.parametrize("priority", [-1, 101])
def test_a_priority_is_bounded(sqlite_service: Service, priority: int):
    answer = _owner(sqlite_service).post("/v1/campaigns", json={**COFFEE, "priority": priority})
    assert (answer.status_code, answer.json()["path"]) == (422, "priority")


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    ("variants", "path"),
    [
        ([{"name": "a"}, {"name": "a"}], "variants"),
        ([{"name": "a", "weight": 0}], "variants"),
        ([{"name": "a"}, {"name": "b", "offer": {"text": "{surname}"}}], "variants[1].offer"),
    ],
)
def test_variants_that_are_none_are_refused(sqlite_service: Service, variants: list[Any], path: str):
    answer = _owner(sqlite_service).post("/v1/campaigns", json={**COFFEE, "variants": variants})
    assert (answer.status_code, answer.json()["path"]) == (422, path)


class _Slow(Campaigns):
    """Takes a campaign, and writes it when it may."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.begun, self.may_go_on = Event(), Event()

    def put(self, *args: Any, **kwargs: Any) -> Any:
        self.begun.set()
        assert self.may_go_on.wait(20)
        return super().put(*args, **kwargs)


def test_x09_a_campaign_that_is_sent_again_under_its_key(service: Service):
    """While the first is running, with the same body, with another one."""
    owner, slow = _owner(service), _Slow(service.store)
    service.server.state.application = replace(service.app, campaigns=slow)
    other = {**COFFEE, "priority": 7}

    def send(campaign: dict[str, Any]) -> Any:
        return owner.post("/v1/campaigns", json=campaign, headers={"Idempotency-Key": "k1"})

    def meanwhile() -> Any:
        assert slow.begun.wait(20)
        answers = [send(COFFEE), send(other)]
        slow.may_go_on.set()
        return answers

    first, (running, reused) = at_once([lambda: send(COFFEE), meanwhile])
    assert (running.status_code, running.json()["code"]) == (409, "still_running")
    assert int(running.headers["retry-after"]) > 0
    assert (first.status_code, "idempotency-replay" in first.headers) == (201, False)
    again = send(COFFEE)
    assert (again.status_code, again.headers["idempotency-replay"], again.json()) == (201, "true", first.json())
    for refused in (reused, send(other)):
        assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    assert owner.get("/v1/campaigns").json()["items"] == [first.json()]
