"""What every route has in common: keys, bodies, problems, and writes that count once."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from nearcast.domain.errors import StoreUnavailable
from nearcast.domain.ids import TenantId
from nearcast.file_formats import match_log_file
from nearcast.services.access import Role
from nearcast.services.audit_ports import SYSTEM
from nearcast.services.cursors import Cursors
from nearcast.services.customers import Customers
from nearcast.services.match_log import Decisions
from nearcast.services.once import Once, Request
from nearcast.services.pseudonyms import Pseudonyms
from nearcast.services.terms import Terms
from tests.api.service import Service
from tests.loopback import LOOPBACK
from tests.sealing import VAULT

pytestmark = pytest.mark.enable_socket
SHOP = {"id": "cafe", "name": "Café"}
FENCE = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [13.4, 52.5]}, "properties": {"radius_m": 60}}


def _key_id(client: httpx.Client) -> str:
    return client.headers["Authorization"].split("_")[1]


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer nonsense",
        "Bearer nc_0000000000000000_secret",
        "Basic bmM6bmM=",
        "Bearer nc__",
        "Bearer ncé_1_2",
    ],
)
def test_without_a_key_nothing_is_told(sqlite_service: Service, header: str | None):
    headers = [] if header is None else [(b"Authorization", header.encode("latin-1"))]
    with httpx.Client(base_url=sqlite_service.url, **LOOPBACK) as stranger:
        refused = stranger.get("/v1/shops", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")
    assert refused.headers["www-authenticate"] == "Bearer"


def test_a_key_with_another_secret_is_none(service: Service):
    owner = service.client(Role.OWNER)
    assert owner.get("/v1/shops").status_code == 200
    owner.headers["Authorization"] += "x"
    assert owner.get("/v1/shops").status_code == 401


def test_a_revoked_key_is_none(service: Service):
    owner = service.client(Role.OWNER)
    service.app.access.revoke(TenantId("t1"), _key_id(owner), service.clock.now(), by=SYSTEM)
    assert owner.get("/v1/shops").status_code == 401


def test_an_unauthorized_body_is_not_read(sqlite_service: Service):
    with httpx.Client(base_url=sqlite_service.url, **LOOPBACK) as stranger:
        refused = stranger.post("/v1/shops", content=b"{", headers={"Content-Type": "application/json"})
    assert refused.status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/nothing", 404, "not_found"),
        ("PATCH", "/v1/shops", 405, "method_not_allowed"),
        ("GET", "/docs", 404, "not_found"),
    ],
)
def test_what_is_not_there_is_a_problem_too(sqlite_service: Service, method, path, status, code):
    answer = sqlite_service.client().request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_parameter_that_a_route_does_not_have_is_refused(sqlite_service: Service):
    refused = sqlite_service.client().get("/v1/shops", params={"limt": 5})
    assert (refused.status_code, refused.json()["code"]) == (400, "malformed")
    assert "limt" in refused.json()["detail"]


@pytest.mark.parametrize("path", ["/v1/shops/%00", "/v1/shops?cursor=%00", "/v1/match-log?campaign_id=a%00"])
def test_nul_stands_in_no_name(service: Service, path: str):
    refused = service.client().get(path)
    assert (refused.status_code, refused.json()["code"]) == (400, "malformed")


@pytest.mark.parametrize("limit", ["0", "1001", "many", "-1"])
def test_a_page_has_at_least_one_item_and_at_most_a_thousand(sqlite_service: Service, limit: str):
    refused = sqlite_service.client().get("/v1/shops", params={"limit": limit})
    assert (refused.status_code, refused.json()["path"], refused.json()["value"]) == (422, "limit", limit)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"",
        b'{"id": "a", "id": "b"}',
        b'{"lat": NaN}',
        b'{"lat": Infinity}',
        b'{"lat": 1e999}',
        b'{"name": "\\u0000"}',
        b'{"name": ["\\ud800"]}',
        b'{"\\udfff": 1}',
        b'"\xff"',
        b"[" * 100_000,
        b"1" * 5_000,
    ],
)
def test_a_body_that_is_not_json_is_refused(sqlite_service: Service, body: bytes):
    owner = sqlite_service.client(Role.OWNER)
    refused = owner.post("/v1/shops", content=body, headers={"Content-Type": "application/json"})
    assert refused.status_code in (400, 422), refused.text
    assert refused.json()["code"] in ("malformed", "invalid_input")
    assert owner.get("/v1/shops").json()["items"] == []


def test_another_media_type_is_refused_by_name(sqlite_service: Service):
    refused = sqlite_service.client().post("/v1/shops", data=SHOP)
    assert (refused.status_code, refused.json()["code"]) == (415, "unsupported_media_type")
    assert "application/x-www-form-urlencoded" in refused.json()["detail"]


@pytest.mark.parametrize("is_announced", [True, False])
def test_a_body_over_the_limit_is_refused(sqlite_service: Service, is_announced: bool):
    whole = b'{"id": "cafe", "name": "' + b"x" * (1 << 20) + b'"}'
    owner = sqlite_service.client(Role.OWNER)
    content: Any = whole if is_announced else iter([whole[:600_000], whole[600_000:]])
    refused = owner.post("/v1/shops", content=content, headers={"Content-Type": "application/json"})
    assert (refused.status_code, refused.json()["code"]) == (413, "too_large")
    assert owner.get("/v1/shops").json()["items"] == []


def test_the_same_write_under_the_same_key_counts_once(service: Service):
    owner = service.client(Role.OWNER)
    first = owner.post("/v1/shops", json={"name": "Nameless"}, headers={"Idempotency-Key": "k1"})
    again = owner.post("/v1/shops", json={"name": "Nameless"}, headers={"Idempotency-Key": "k1"})
    assert (first.status_code, again.status_code, first.json()) == (201, 201, again.json())
    assert "idempotency-replay" not in first.headers
    assert again.headers["idempotency-replay"] == "true"
    assert len(owner.get("/v1/shops").json()["items"]) == 1
    gone = [owner.delete(f"/v1/shops/{first.json()['id']}", headers={"Idempotency-Key": "k2"}) for _ in range(2)]
    assert [each.status_code for each in gone] == [204, 204]


def test_an_answer_that_is_given_again_has_its_revision(sqlite_service: Service):
    owner = sqlite_service.client(Role.OWNER)
    first, again = (owner.put("/v1/shops/cafe", json=SHOP, headers={"Idempotency-Key": "k1"}) for _ in range(2))
    assert again.headers["idempotency-replay"] == "true"
    assert (first.headers["etag"], again.headers["etag"]) == ('"1"', '"1"')


class _Forgetful(Once):
    """Loses its database when a request is done that has written nothing."""

    def finish(self, *args: Any, **kwargs: Any) -> None:
        raise StoreUnavailable("the database is gone")


def test_what_writes_nothing_is_answered_though_the_answer_cannot_be_kept(
    sqlite_service: Service, caplog: pytest.LogCaptureFixture
):
    service = sqlite_service
    service.server.state.application = replace(service.app, once=_Forgetful(service.store, VAULT))
    owner, key = service.client(Role.OWNER), {"Idempotency-Key": "k1"}
    assert owner.post("/v1/geofences/check", json=FENCE, headers=key).status_code == 200
    assert owner.post("/v1/geofences/check", json=FENCE, headers=key).json()["code"] == "still_running"
    assert "could not be kept" in caplog.text


ADDRESS = "+4915112345678"


class _Broken(Customers):
    """Fails as a database does, with all that it was given in its words."""

    def put(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(f"INSERT INTO customer … {args} {ADDRESS}") from ValueError(ADDRESS)


def test_no_word_of_a_fault_reaches_the_log(sqlite_service: Service, caplog: pytest.LogCaptureFixture):
    service = sqlite_service
    service.server.state.application = replace(
        service.app, customers=_Broken(service.store, Terms(), service.app.contacts)
    )
    customer = {"id": "ada-secret", "contacts": [{"channel": "sms", "address": ADDRESS}]}
    answer = service.client().put("/v1/customers/ada-secret", json=customer, headers={"Idempotency-Key": "k"})
    assert (answer.status_code, answer.json()["code"]) == (500, "fault")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "RuntimeError in PUT /v1/customers/{customer_id}" in caplog.text
    for private in (ADDRESS, "ada-secret"):
        assert private not in answer.text
        assert private not in caplog.text
    assert [record.name for record in caplog.records if record.levelname == "ERROR"] == ["nearcast.api.problems"]


class _CutShort(Decisions):
    """Fails when a part of the download has left."""

    def every(self, *args: Any, **kwargs: Any) -> Iterator[Sequence[dict[str, Any]]]:
        yield []
        raise RuntimeError(ADDRESS)


def test_no_word_of_a_fault_in_the_middle_of_an_answer_reaches_the_log(
    sqlite_service: Service, caplog: pytest.LogCaptureFixture
):
    app = sqlite_service.app
    cut_short = _CutShort(sqlite_service.store, Pseudonyms("s"), Cursors("s"), app.explanations, match_log_file)
    sqlite_service.server.state.application = replace(app, decisions=cut_short)
    with pytest.raises(httpx.RemoteProtocolError):
        sqlite_service.client().get("/v1/match-log", params={"format": "csv"})
    assert "RuntimeError in GET /v1/match-log" in caplog.text
    assert ADDRESS not in caplog.text


def _no_engine(_tenant_id: TenantId) -> Any:
    raise AssertionError


def test_another_write_under_the_same_key_is_refused(sqlite_service: Service):
    owner = sqlite_service.client(Role.OWNER)
    key = {"Idempotency-Key": "k1"}
    owner.put("/v1/shops/cafe", json=SHOP, headers=key)
    for answer in (
        owner.put("/v1/shops/cafe", json={**SHOP, "name": "Other"}, headers=key),
        owner.put("/v1/shops/bar", json=SHOP, headers=key),
        owner.post("/v1/shops", json=SHOP, headers=key),
    ):
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert owner.get("/v1/shops/cafe").json() == SHOP


def test_two_clients_may_use_the_same_key(sqlite_service: Service):
    for tenant in ("t1", "t2"):
        for _ in range(2):
            client = sqlite_service.client(Role.OWNER, tenant=tenant)
            answer = client.put("/v1/shops/cafe", json=SHOP, headers={"Idempotency-Key": "1"})
            assert "idempotency-replay" not in answer.headers


def test_a_write_that_failed_can_be_tried_again_under_its_key(sqlite_service: Service):
    owner = sqlite_service.client(Role.OWNER)
    key = {"Idempotency-Key": "k1"}
    assert owner.post("/v1/geofences", json={"type": "nothing"}, headers=key).status_code == 422
    assert owner.put("/v1/shops/cafe", json=SHOP, headers=key).status_code == 201


def _running(service: Service, owner: httpx.Client) -> Request:
    """The write of SHOP under k1 has begun in a process that has not answered."""
    asker = service.app.access.authenticate(owner.headers["Authorization"].removeprefix("Bearer "), service.clock.now())
    assert asker is not None
    body = b"/v1/shops/cafe?\n" + httpx.Request("PUT", "http://x", json=SHOP).content
    route = "PUT /v1/shops/{shop_id}"
    return Request(asker=asker, key="k1", route=route, body_sha256=hashlib.sha256(body).hexdigest())


def test_a_write_that_is_still_running_is_not_begun_again_until_it_must_have_died(service: Service):
    owner = service.client(Role.OWNER)
    service.app.once.begin(_running(service, owner), service.clock.now())
    busy = owner.put("/v1/shops/cafe", json=SHOP, headers={"Idempotency-Key": "k1"})
    assert (busy.status_code, busy.json()["code"]) == (409, "still_running")
    assert int(busy.headers["retry-after"]) > 0
    service.clock.at += timedelta(seconds=61)
    assert owner.put("/v1/shops/cafe", json=SHOP, headers={"Idempotency-Key": "k1"}).status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\tin", "é"])
def test_an_idempotency_key_is_short_and_printable(sqlite_service: Service, key: str):
    owner = sqlite_service.client(Role.OWNER)
    refused = owner.put("/v1/shops/cafe", json=SHOP, headers=[(b"Idempotency-Key", key.encode("latin-1"))])
    assert (refused.status_code, refused.json()["path"]) == (422, "Idempotency-Key")
