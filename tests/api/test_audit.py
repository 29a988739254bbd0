"""The audit trail over HTTP: what was changed by whom, and who was refused."""

from typing import Any

import httpx
import pytest

from nearcast.services.access import Role
from tests.api.people import LOCATION, known
from tests.api.service import Service
from tests.api.town import agree, open_shop, rows_of, visit

pytestmark = pytest.mark.enable_socket


def _key_id(client: httpx.Client) -> str:
    return client.headers["Authorization"].split("_")[1]


def _told(operator: httpx.Client, **wanted: Any) -> list[tuple[str, str, str]]:
    """What was done to which thing, the first first."""
    items = operator.get("/v1/audit", params={"limit": 1000, **wanted}).json()["items"]
    return [(each["action"], each["kind"], each["id"]) for each in items[::-1]]


def test_every_edit_is_told_with_who_made_it(service: Service):
    operator = service.client()
    owner = service.client(Role.OWNER)
    owner_id = _key_id(owner)
    open_shop(service)
    feature = owner.get("/v1/geofences/cafe-door").json()
    edits = [
        owner.put("/v1/shops/cafe", json={"name": "Café"}),
        owner.put("/v1/geofences/cafe-door", json={key: feature[key] for key in ("type", "geometry", "properties")}),
        owner.post("/v1/campaigns/cafe-offer/pause"),
        owner.post("/v1/campaigns/cafe-offer/end"),
        owner.delete("/v1/geofences/cafe-door"),
    ]
    assert all(answer.is_success for answer in edits), [answer.text for answer in edits]
    assert _told(operator, actor=owner_id) == [
        ("changed", "shop", "cafe"),
        ("changed", "geofence", "cafe-door"),
        ("pause", "campaign", "cafe-offer"),
        ("end", "campaign", "cafe-offer"),
        ("deleted", "geofence", "cafe-door"),
    ]
    assert _told(operator, kind="shop", id="cafe") == [("created", "shop", "cafe"), ("changed", "shop", "cafe")]
    changed, created = operator.get("/v1/audit", params={"kind": "shop"}).json()["items"]
    assert (changed["actor"], changed["role"], changed["at"]) == (owner_id, "owner", "2026-06-02T10:00:00Z")
    assert created["before_sha256"] is None
    assert changed["before_sha256"] == created["after_sha256"] != changed["after_sha256"]


def test_settings_and_keys_are_told(sqlite_service: Service):
    operator = sqlite_service.client()
    made = operator.post("/v1/keys", json={"name": "Anna's till", "role": "owner", "expires_in_days": 3}).json()
    operator.post(f"/v1/keys/{made['id']}/rotate", json={})
    operator.delete(f"/v1/keys/{made['id']}")
    operator.put("/v1/settings", json={"tenant": {"timezone": "Europe/Paris"}})
    assert _told(operator, id=made["id"]) == [(did, "key", made["id"]) for did in ("created", "rotated", "revoked")]
    assert _told(operator, kind="settings") == [("created", "settings", "t1"), ("changed", "settings", "t1")]
    text = operator.get("/v1/audit").text
    assert not any(secret in text for secret in (made["key"].split("_")[2], "Anna"))


def test_what_is_written_into_the_ledger_and_handed_out_of_it_is_told_by_subject(service: Service):
    operator = known(service)
    first = operator.post("/v1/customers/anna/consents", json=LOCATION).json()
    operator.post("/v1/customers/anna/consents", json=LOCATION)
    pack = operator.get("/v1/customers/anna/evidence").json()
    (recorded,) = operator.get("/v1/audit", params={"kind": "consent"}).json()["items"]
    assert (recorded["action"], recorded["id"]) == ("recorded", first["event_id"])
    assert recorded["detail"]["subject"] == pack["subject"]
    exported = operator.get("/v1/audit", params={"kind": "customer", "id": pack["subject"]}).json()["items"][0]
    assert (exported["action"], exported["actor"]) == ("exported", _key_id(operator))
    assert "anna" not in operator.get("/v1/audit").text.lower()


def test_what_is_done_to_a_customer_is_told_by_subject_and_what_changes_nothing_is_not(service: Service):
    operator = known(service)
    grant = {**LOCATION, "purpose": "marketing.nearby", "channel": "console"}
    line = operator.post("/v1/customers/anna/consents", json=grant).json()
    moved = {"timezone": "Asia/Tokyo", "suppressed": ["email"]}
    answers = [
        operator.post(f"/v1/customers/anna/consents/{line['event_id']}/confirmation"),
        *(operator.put("/v1/customers/anna", json=moved) for _ in range(2)),
        *(operator.post("/v1/customers/anna/suppressions", json={"channel": "sms"}) for _ in range(2)),
        operator.post("/v1/customers/anna/suppressions/sms/lift", json={"reason": "asked for it"}),
        *(
            operator.post("/v1/customers/anna/sends", json={"campaign_id": "c", "status": s})
            for s in ("sent", "failed")
        ),
    ]
    assert all(answer.is_success for answer in answers), [answer.text for answer in answers]
    told = operator.get("/v1/audit", params={"kind": "customer"}).json()["items"][::-1]
    assert [(each["action"], each["detail"]) for each in told] == [
        ("created", None),
        ("asked", {"what": "confirmation", "event_id": line["event_id"]}),
        ("changed", None),
        ("suppressed", {"channel": "email"}),
        ("suppressed", {"channel": "sms"}),
        ("unsuppressed", {"channel": "sms", "reason": "asked for it"}),
        ("noted", {"what": "send", "campaign_id": "c"}),
    ]
    subject = operator.get("/v1/customers/anna/evidence").json()["subject"]
    assert {(each["id"], each["actor"]) for each in told} == {(subject, _key_id(operator))}
    assert "anna" not in operator.get("/v1/audit").text.lower()


def test_what_was_refused_was_not_done_and_is_not_told_as_done(sqlite_service: Service):
    operator = sqlite_service.client()
    open_shop(sqlite_service)
    before = _told(operator)
    assert operator.post("/v1/shops", json={"id": "cafe"}).status_code == 409
    assert operator.put("/v1/shops/cafe", json={"opening_hours": "Mo-Su 8-25"}).status_code == 422
    assert operator.put("/v1/shops/cafe", json={}, headers={"If-Match": '"7"'}).status_code == 412
    assert operator.delete("/v1/shops/cafe").status_code == 409
    assert _told(operator) == before


def test_an_owner_who_asks_for_another_shops_log_gets_404_and_is_written_down(service: Service):
    operator = service.client()
    open_shop(service)
    agree(service, "ada")
    visit(service, "ada")
    (row,) = rows_of(operator)
    operator.put("/v1/shops/bar", json={})
    barkeeper = service.client(Role.OWNER, shops=["bar"])
    barkeeper_id = _key_id(barkeeper)
    asked = {
        "/v1/match-log?shop_id=cafe": ("shop", "cafe"),
        "/v1/match-log?shop_id=cafe&format=csv": ("shop", "cafe"),
        f"/v1/match-log/{row['decision_id']}": ("decision", row["decision_id"]),
        f"/v1/explain?decision_id={row['decision_id']}": ("decision", row["decision_id"]),
        "/v1/messages?shop_id=cafe": ("shop", "cafe"),
        f"/v1/messages/{row['message_id']}": ("message", row["message_id"]),
        "/v1/shops/cafe": ("shop", "cafe"),
        "/v1/geofences/cafe-door": ("geofence", "cafe-door"),
        "/v1/campaigns/cafe-offer/runs": ("campaign", "cafe-offer"),
    }
    for path in asked:
        refused = barkeeper.get(path)
        assert (refused.status_code, refused.json()["code"]) == (404, "not_found"), path
    denied = operator.get("/v1/audit", params={"actor": barkeeper_id}).json()["items"][::-1]
    assert [(each["action"], each["kind"], each["id"]) for each in denied] == [
        ("denied", *what) for what in asked.values()
    ]
    assert denied[2]["detail"] == {"route": "GET /v1/match-log/{decision_id}"}
    assert rows_of(barkeeper, shop_id="bar") == rows_of(barkeeper) == []


def test_whoever_may_not_do_it_is_written_down(sqlite_service: Service):
    operator, analyst = sqlite_service.client(), sqlite_service.client(Role.ANALYST)
    analyst_id = _key_id(analyst)
    assert analyst.delete("/v1/customers/ada").status_code in (403, 405)
    assert analyst.get("/v1/audit").status_code == 403
    assert ("denied", "route", "GET /v1/audit") in _told(operator, actor=analyst_id)


def test_what_never_was_is_nobody_elses_and_not_written_down(sqlite_service: Service):
    operator = sqlite_service.client()
    operator.put("/v1/shops/bar", json={})
    barkeeper = sqlite_service.client(Role.OWNER, shops=["bar"])
    before = _told(operator)
    assert barkeeper.get("/v1/shops/never-was").status_code == 404
    assert _told(operator) == before


def test_pages_and_bounds(sqlite_service: Service):
    operator = sqlite_service.client()
    for n in range(3):
        sqlite_service.clock.step(hours=1)
        operator.put(f"/v1/shops/s{n}", json={})
    within = {"from": "2026-06-02T11:00:00Z", "until": "2026-06-02T13:00:00Z", "kind": "shop"}
    assert [key for _, _, key in _told(operator, **within)] == ["s0", "s1"]
    first = operator.get("/v1/audit", params={**within, "limit": 1}).json()
    second = operator.get("/v1/audit", params={**within, "limit": 1, "cursor": first["next_cursor"]}).json()
    assert [page["items"][0]["id"] for page in (first, second)] == ["s1", "s0"]
    assert second["next_cursor"] is None
    refused = operator.get("/v1/audit", params={"cursor": "1"})
    assert (refused.status_code, refused.json()["path"]) == (422, "cursor")
