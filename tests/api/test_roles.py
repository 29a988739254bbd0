"""Who may ask what: every operation for every role, for other tenants, for owners of other shops."""

from typing import Any

import pytest

from nearcast.services.access import Role
from tests.api.operations import Operation, operations
from tests.api.payers import owed
from tests.api.phones import handset
from tests.api.promises import reservation, review, voucher
from tests.api.provider import of_the_first, stopped, with_provider
from tests.api.service import Service
from tests.api.test_senders import ASKED
from tests.api.test_webhooks import deliveries, webhook
from tests.api.town import agree, open_shop, rows_of, visit

pytestmark = pytest.mark.enable_socket
OWNERS, READERS = {Role.OWNER}, {Role.OWNER, Role.ANALYST}
MAY: dict[str, set[Role]] = {
    "shops": OWNERS,
    "geofences": OWNERS,
    "campaigns": OWNERS,
    "messages": OWNERS,
    "match-log": READERS,
    "explain": READERS,
    "pings": {Role.INGEST},
    "customers": set(),
    "devices": set(),
    "reminders": set(),
    "evidence": set(),
    "retention": {Role.ANALYST},
    "settings": set(),
    "keys": set(),
    "audit": set(),
    "compliance": set(),
    "sensitive-places": set(),
    "conflicts": set(),
    "webhooks": set(),
    "vouchers": OWNERS,
    "payment-requests": OWNERS,
    "reservations": OWNERS,
    "senders": set(),
    "templates": OWNERS,
    "usage": OWNERS,
    "opt-out-reviews": set(),
}
"""Besides operators, who may everything."""

READ_ALONE = {"templates"}
"""Of a whole tenant: which others than operators may only read."""


def _keyed(service: Service) -> list[Operation]:
    """Those that ask for a key and for nothing beside it: a feed asks for a device, or for a customer, too."""
    keyed = [each for each in operations(service) if each.path.startswith("/v1/") and each.roles]
    return [each for each in keyed if not each.path.startswith("/v1/feeds/")]


REDEEM = "POST /v1/vouchers/{code}/redeem"


@pytest.mark.parametrize("role", list(Role))
def test_each_role_may_do_its_own_and_nothing_else(sqlite_service: Service, role: Role):
    open_shop(sqlite_service)
    client = sqlite_service.client(role, shops=["cafe"] if role is Role.TILL else None)
    for each in _keyed(sqlite_service):
        kind = each.path.split("/")[2]
        others = set() if kind in READ_ALONE and each.method != "GET" else MAY[kind]
        may = others | {Role.OPERATOR} | ({Role.TILL} if str(each) == REDEEM else set())
        assert each.roles == sorted(may), each
        path = each.path.format(**dict.fromkeys(each.parameters["path"], "nothing"))
        body: dict[str, str] | None = None if each.method == "GET" else {}
        answer = client.request(each.method, path, json=body)
        assert (answer.status_code == 403) == (role not in may), f"{each}: {answer.text}"
        assert answer.status_code != 401


NEVER = "never-was"
OF_EVERY_TENANT = (
    "/v1/retention",
    "/v1/settings",
    "/v1/senders",
    "/v1/keys",
    "/v1/audit",
    "/v1/compliance/record-of-processing",
    "/v1/compliance/dpia",
)


def _told(client: Any, each: Operation, names: dict[str, str]) -> tuple[int, str]:
    """What is answered, without the name that was asked for."""
    path = each.path.format_map(names)
    body: dict[str, str] | None = None
    if each.path == "/v1/usage":
        path += f"?shop_id={names['shop_id']}&month=2026-06"
    elif each.path == "/v1/explain":
        path += f"?decision_id={names['decision_id']}"
    elif each.method == "POST":
        body = {"channel": "sms"} if "suppressions" in path else {"campaign_id": "c", "status": "sent"}
        body = {} if path.endswith("/test") else body
        body = {"reason": "said so"} if path.endswith("/lift") else body
        body = {"purpose": "location.matching", "action": "granted"} if "consents" in path else body
        body = {"decision": "kept"} if "opt-out-reviews" in path else body
        body = {} if path.startswith(("/v1/keys/", "/v1/webhooks/")) else body
    answer = client.request(each.method, path, json=body)
    text: str = answer.text
    for name in names.values():
        text = text.replace(f"'{name}'", "it")
    return answer.status_code, text


def _names(service: Service) -> dict[str, str]:
    """A shop with all that belongs to one."""
    open_shop(service)
    agree(service, "ada")
    webhook_id = webhook(service.client())["id"]
    visit(service, "ada")
    (delivery,) = deliveries(service.client(), webhook_id)
    (row,) = rows_of(service.client(Role.ANALYST))
    clinic = {"type": "Point", "coordinates": [20.0, 50.0]}
    place = {"type": "Feature", "geometry": clinic, "properties": {"radius_m": 60, "category": "clinic"}}
    assert service.client().put("/v1/sensitive-places/clinic", json=place).is_success
    key_id = service.key(Role.INGEST).split("_")[1]
    stopped(service, "sms")
    of_the_first(service)
    with_provider(service)
    assert service.client().post("/v1/templates", json=ASKED).status_code == 201
    return {
        "shop_id": "cafe",
        "geofence_id": "cafe-door",
        "campaign_id": "cafe-offer",
        "customer_id": "ada",
        "subject": service.client().get("/v1/customers/ada/export").json()["subject"],
        "event_id": "ada-0",
        "channel": "sms",
        "sender": "555",
        "name": "coffee",
        "language": "en",
        "decision_id": row["decision_id"],
        "message_id": row["message_id"],
        "key_id": key_id,
        "review_id": review(service, "ada"),
        "device_id": handset(service).device_id,
        "place_id": "clinic",
        "webhook_id": webhook_id,
        "delivery_id": delivery["id"],
        "code": voucher(service),
        "reference": owed(service),
        "slot_id": _slot(service),
    }


def _slot(service: Service) -> str:
    said = {"starts_at": "2026-06-05T17:00:00Z", "ends_at": "2026-06-05T19:00:00Z", "capacity": 1}
    kept = service.client().put("/v1/shops/cafe/slots", json={"slots": [said]}).json()["items"]
    reservation(service)
    slot_id: str = kept[0]["slot_id"]
    return slot_id


def _check_nothing_is_there(client: Any, asked: list[Operation], names: dict[str, str]) -> None:
    """What is there and not theirs is answered as what never was."""
    for each in asked:
        if each.path in ("/v1/explain", "/v1/usage") or (each.parameters["path"] and each.method != "PUT"):
            for action in ("activate", "pause", "end") if "{action}" in each.path else ("",):
                there = _told(client, each, {**names, "action": action})
                never = _told(client, each, {**dict.fromkeys(names, NEVER), "action": action})
                assert there == never, each
                assert there[0] == 404, each
        elif each.method == "GET" and each.path not in OF_EVERY_TENANT:
            assert client.get(each.path).json() == {"items": [], "next_cursor": None}, each


def test_what_is_another_tenants_never_was(service: Service):
    names = _names(service)
    stranger = service.client(tenant="t2")
    _check_nothing_is_there(stranger, _keyed(service), names)
    (own,) = stranger.get("/v1/keys").json()["items"]
    assert own["role"] == "operator"
    assert {each["id"] for each in stranger.get("/v1/audit").json()["items"]} == {"t2", own["id"]}
    before = rows_of(service.client())
    open_shop(service, tenant="t2")
    agree(service, "ada", tenant="t2")
    assert service.client().get("/v1/customers/ada").status_code == 200
    assert rows_of(service.client()) == before


def test_what_is_another_shops_never_was(service: Service):
    names = _names(service)
    service.client().put("/v1/shops/bar", json={})
    barkeeper = service.client(Role.OWNER, shops=["bar"])
    of_shops = [each for each in _keyed(service) if each.path.split("/")[2] not in READ_ALONE]
    mine = [each for each in of_shops if "owner" in each.roles and each.path != "/v1/shops"]
    _check_nothing_is_there(barkeeper, mine, names)
    assert [each["id"] for each in barkeeper.get("/v1/shops").json()["items"]] == ["bar"]
    for shop in ("cafe", NEVER):
        refused = barkeeper.put(f"/v1/shops/{shop}", json={})
        assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")


def test_an_idempotency_key_of_another_tenant_is_ones_own(sqlite_service: Service):
    key = {"Idempotency-Key": "1"}
    for tenant in ("t1", "t2"):
        client = sqlite_service.client(tenant=tenant)
        answer = client.post("/v1/shops", json={"name": tenant}, headers=key)
        assert answer.status_code == 201
        assert "idempotency-replay" not in answer.headers


def test_a_cursor_tells_nothing_and_is_of_no_use_to_others(service: Service):
    open_shop(service)
    agree(service, "ada", "bob", "eve")
    visit(service, "ada", "bob", "eve")
    for path in ("/v1/match-log", "/v1/messages"):
        cursors = []
        client = service.client()
        answer = client.get(path, params={"limit": 1}).json()
        while answer["next_cursor"] is not None:
            cursors.append(answer["next_cursor"])
            answer = client.get(path, params={"limit": 1, "cursor": cursors[-1]}).json()
        assert len(cursors) == 2
        assert all(len(each) == 64 for each in cursors)
        assert abs(int(cursors[0], 16) - int(cursors[1], 16)) > 10**6
        changed = cursors[0][:-1] + ("0" if cursors[0][-1] != "0" else "1")
        for other, cursor in ((service.client(tenant="t2"), cursors[0]), (client, changed), (client, "1")):
            refused = other.get(path, params={"cursor": cursor})
            assert (refused.status_code, refused.json()["path"]) == (422, "cursor")
