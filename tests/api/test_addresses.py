"""How a request may be written: its address, its method, its headers, the names of what it puts."""

import gzip
import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from nearcast.services.access import Role
from tests.api.service import Service
from tests.api.town import agree, open_shop, ping, rows_of, visit

pytestmark = pytest.mark.enable_socket
CIRCLE: dict[str, Any] = {
    "type": "Feature",
    "geometry": {"type": "Point", "coordinates": [13.405, 52.52]},
    "properties": {"radius_m": 60},
}
OFFER: dict[str, Any] = {
    "shop_id": "cafe",
    "trigger": {"on": "enter"},
    "channel": "console",
    "offer": {"text": "Hi"},
}
DOCUMENTS: list[tuple[str, dict[str, Any]]] = [
    ("shops", {"name": "Café"}),
    ("geofences", CIRCLE),
    ("customers", {"tags": ["vip"]}),
    ("campaigns", OFFER),
]


def _operator(service: Service) -> httpx.Client:
    operator = service.client()
    operator.put("/v1/shops/cafe", json={})
    return operator


@pytest.mark.parametrize("key", ["way/4967431", "ü/ß", "a?b", "a#b", "50%", "%2F", "+1", "a b", "漢字", "x" * 255])
@pytest.mark.parametrize(("plural", "document"), DOCUMENTS)
def test_what_has_an_id_is_found_under_it(service: Service, plural: str, document: dict[str, Any], key: str):
    operator, address = _operator(service), f"/v1/{plural}/{quote(key, safe='')}"
    made = operator.post(f"/v1/{plural}", json={**document, "id": key})
    assert (made.status_code, made.json()["id"]) == (201, key)
    assert operator.get(address).json().items() <= made.json().items()
    assert operator.put(address, json={**document, "id": key}).status_code == 200
    if plural == "campaigns":
        assert operator.post(f"{address}/activate").json()["state"] == "active"
    if plural == "customers":
        said = {"purpose": "location.matching", "action": "granted"}
        assert operator.post(f"{address}/consents", json=said).status_code == 201


@pytest.mark.parametrize("key", ["x" * 256, "é" * 128, "a\nb", "\x01", ".", ".."])
@pytest.mark.parametrize(("plural", "document"), DOCUMENTS)
def test_an_id_that_nothing_could_be_found_under_is_refused(
    sqlite_service: Service, plural: str, document: dict[str, Any], key: str
):
    operator = _operator(sqlite_service)
    refused = operator.post(f"/v1/{plural}", json={**document, "id": key})
    assert (refused.status_code, refused.json()["path"]) == (422, "id")


@pytest.mark.parametrize(("plural", "document"), DOCUMENTS)
def test_what_is_put_without_an_id_takes_that_of_its_address(
    sqlite_service: Service, plural: str, document: dict[str, Any]
):
    operator = _operator(sqlite_service)
    for status in (201, 200):
        put = operator.put(f"/v1/{plural}/way%2F7", json=document)
        assert (put.status_code, put.json()["id"]) == (status, "way/7")
    other = operator.put(f"/v1/{plural}/way%2F7", json={**document, "id": "way"})
    assert (other.status_code, other.json()["path"]) == (422, "id")


def test_a_slash_at_the_end_says_nothing(sqlite_service: Service):
    operator = _operator(sqlite_service)
    assert operator.get("/v1/shops/").json() == operator.get("/v1/shops").json()
    assert operator.post("/v1/customers/", json={"id": "ada"}).status_code == 201
    assert operator.get("/v1/customers/ada/").json()["id"] == "ada"
    for path in ("/v1/shops//", "//v1/shops", "/"):
        assert operator.get(f"{sqlite_service.url}{path}").status_code == 404


def test_head_is_the_head_of_get(sqlite_service: Service):
    operator = _operator(sqlite_service)
    for path in ("/healthz", "/readyz", "/v1/shops", "/v1/shops/cafe"):
        got, head = operator.get(path), operator.head(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == got.headers["content-length"]
    assert operator.head("/v1/shops/nowhere").status_code == 404
    assert httpx.head(f"{sqlite_service.url}/v1/shops", trust_env=False).status_code == 401


@pytest.mark.parametrize("media", ["application/json; charset=utf-8", "Application/JSON", "application/geo+json"])
def test_a_media_type_may_be_written_in_its_ways(sqlite_service: Service, media: str):
    made = sqlite_service.client().post("/v1/shops", content=b'{"id": "cafe"}', headers={"Content-Type": media})
    assert made.status_code == 201


def test_a_packed_body_is_refused_by_name(sqlite_service: Service):
    client = sqlite_service.client()
    for packed, status in (("gzip", 415), ("br", 415), ("identity", 202)):
        content = gzip.compress(b"[]") if packed == "gzip" else b"[]"
        headers = {"Content-Type": "application/json", "Content-Encoding": packed}
        answer = client.post("/v1/pings", content=content, headers=headers)
        assert answer.status_code == status
        assert status == 202 or packed in answer.json()["detail"]


@pytest.mark.parametrize("media", ["application/x-ndjson", "application/ndjson", "application/jsonl; charset=utf-8"])
def test_a_ping_on_each_line_goes_by_several_names(sqlite_service: Service, media: str):
    agree(sqlite_service, "ada")
    lines = "\n".join(json.dumps(ping(sqlite_service, "ada", ping_id=str(n))) for n in range(2))
    sent = sqlite_service.client(Role.INGEST).post("/v1/pings", content=lines, headers={"Content-Type": media})
    assert sent.json() == {"accepted": 2, "rejected": []}


def test_a_plus_in_a_query_may_stand_as_it_is(sqlite_service: Service):
    open_shop(sqlite_service)
    agree(sqlite_service, "ada")
    visit(sqlite_service, "ada")
    analyst = sqlite_service.client(Role.ANALYST)
    (row,) = rows_of(analyst)
    for offset in ("+02:00", "%2B02:00"):
        answer = analyst.get(f"/v1/match-log?from=2026-06-02T12:00:00{offset}&until=2026-06-02T12:00:02{offset}")
        assert answer.json()["items"] == [row]
        assert analyst.get(f"/v1/match-log?from=2026-06-02T12:00:02{offset}").json()["items"] == []


@pytest.mark.parametrize(
    ("body", "path", "said"),
    [
        ("[]", "body", "is not a JSON object"),
        ("null", "body", "is not a JSON object"),
        ("", "body", "is missing"),
        ('{"shop_id": "cafe"}', "trigger", "is missing"),
        ('{"trigger": "enter"}', "shop_id", "is missing"),
        ('{"id": 1, "shop_id": "cafe", "trigger": "enter"}', "trigger", "is not a JSON object"),
    ],
)
def test_a_fault_is_said_in_plain_words(sqlite_service: Service, body: str, path: str, said: str):
    refused = _operator(sqlite_service).post(
        "/v1/campaigns", content=body.encode(), headers={"Content-Type": "application/json"}
    )
    assert refused.status_code == 422
    assert (refused.json()["path"], refused.json()["detail"]) == (path, f"{path}: {said}")
