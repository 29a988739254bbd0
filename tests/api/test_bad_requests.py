"""What the README's table of bad requests says, row by row."""

import asyncio
import json
import socket
import time
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from nearcast.api import problems
from nearcast.api.patience import Patience
from nearcast.services.access import Role
from nearcast.services.figures import Figure
from tests.api.service import Service, running
from tests.api.town import agree, leave, open_shop, ping, rows_of, send, visit, work
from tests.loopback import LOOPBACK

pytestmark = pytest.mark.enable_socket
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"{", JSON, 400, "malformed"),
        (b'{"id": NaN}', JSON, 400, "malformed"),
        (b'{"id": "a", "id": "b"}', JSON, 400, "malformed"),
        (b'{"id": "\xff"}', JSON, 400, "malformed"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, JSON, 400, "malformed"),
        (b'{"lat": "52"}', JSON, 422, "invalid_input"),
        (b"[]", JSON, 422, "invalid_input"),
        (b"x" * ((1 << 20) + 1), JSON, 413, "too_large"),
        (b"id=a", {"Content-Type": "application/x-www-form-urlencoded"}, 415, "unsupported_media_type"),
        (b"{}", {**JSON, "Content-Encoding": "gzip"}, 415, "unsupported_media_type"),
        (b"{}", {**JSON, "Authorization": "Bearer nc_0_0"}, 401, "unauthorized"),
        (b"{}", {**JSON, "Authorization": "Basic bmM6bmM="}, 401, "unauthorized"),
    ],
    ids=lambda said: repr(said)[:20],
)
def test_what_cannot_be_read_is_answered_as_the_table_says(
    sqlite_service: Service, content: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    answer = sqlite_service.client().post("/v1/shops", content=content, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"lat": 0, "lon": 0}, "ping_null_island"),
        ({"lat": 91}, "ping_out_of_range"),
        ({"lon": 541}, "ping_out_of_range"),
        ({"lat": "52"}, "malformed"),
        ({"recorded_at": "2026-06-02T12:00:00"}, "malformed"),
        ({"recorded_at": 1780394400 * 1_000_000}, "malformed"),
        ({"recorded_at": "2026-06-02T10:02:00Z"}, "ping_from_future"),
        ({"customer_id": "nobody"}, "consent_location_missing"),
        ({"customer_id": "a" * 256}, "malformed"),
    ],
    ids=lambda said: str(said)[:30],
)
def test_a_ping_that_cannot_be_is_refused_by_name_and_the_others_are_taken(
    sqlite_service: Service, changes: dict[str, Any], reason: str
) -> None:
    agree(sqlite_service, "ada")
    answer = send(sqlite_service, [{**ping(sqlite_service), **changes}, ping(sqlite_service)])
    said = answer.json()
    assert (answer.status_code, said["accepted"]) == (202, 1), answer.text
    assert [(each["index"], each["reason"]) for each in said["rejected"]] == [(0, reason)]


def test_milliseconds_are_understood_as_such(sqlite_service: Service) -> None:
    agree(sqlite_service, "ada")
    at_s = round(sqlite_service.clock.now().timestamp())
    pings = [ping(sqlite_service, recorded_at=at) for at in (at_s, at_s * 1000)]
    assert send(sqlite_service, pings).json() == {"accepted": 2, "rejected": []}


def test_a_batch_that_comes_again_or_backwards_changes_nothing(sqlite_service: Service) -> None:
    service = sqlite_service
    open_shop(service)
    agree(service, "ada")
    first = ping(service, ping_id="a")
    visit(service, "ada")
    leave(service, "ada")
    before = rows_of(service.client())
    batch = [ping(service, ping_id="b", lat=52.6), first]
    for _ in range(2):
        assert send(service, batch).is_success
        work(service)
    assert rows_of(service.client()) == before


@pytest.mark.parametrize(("path", "status"), [("/slow", 408), ("/v1/feeds/slow", 503)])
def test_a_body_that_trickles_in_is_given_up(sqlite_service: Service, path: str, status: int) -> None:
    app = FastAPI()
    problems.install(app)
    app.add_middleware(Patience, within_s=0.3)

    @app.post(path)
    async def slow(request: Request) -> Response:
        return Response(await request.body())

    with running(app) as url:
        whole = httpx.post(f"{url}{path}", content=b"all of it", **LOOPBACK)
        assert (whole.status_code, whole.content) == (200, b"all of it")
        at = urlsplit(url)
        began_s = time.monotonic()
        with socket.create_connection((at.hostname, at.port), timeout=10) as client:
            client.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nall".encode())
            answer = client.makefile("rb").read()
        assert time.monotonic() - began_s < 8
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"connection: close" in head.lower()
    assert json.loads(body)["code"] == "too_slow"


@pytest.mark.parametrize("path", ["/v1/shops", "/v1/pings", "/v1/feeds/owntracks"])
def test_a_body_that_breaks_off_is_no_fault_of_ours(
    sqlite_service: Service, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    client, figures = sqlite_service.client(), sqlite_service.store.figures
    assert client.post("/v1/pings", json=[]).status_code == 202  # from now on the key is known
    at, key = client.base_url, client.headers["Authorization"]
    before = figures.counts(Figure.REQUESTS).get(("POST", path, "400"), 0)
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {key}\r\nContent-Type: application/json\r\n"
    with socket.create_connection((at.host, at.port), timeout=10) as connection:
        connection.sendall(f"{head}Content-Length: 9\r\n\r\n[".encode())
        time.sleep(0.2)
    until_s, broken_off = time.monotonic() + 5, ("POST", path, "400")
    while (count := figures.counts(Figure.REQUESTS).get(broken_off, 0)) == before and time.monotonic() < until_s:
        time.sleep(0.01)
    assert count == before + 1
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_an_answer_that_takes_long_is_waited_for() -> None:
    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        told.append(await receive())

    async def receive() -> dict[str, Any]:
        if not told and asked:
            await asyncio.sleep(0.2)
            return {"type": "http.disconnect"}
        asked.append(1)
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        raise AssertionError

    asked: list[int] = []
    told: list[Any] = []
    asyncio.run(Patience(slow, within_s=0.05)({"type": "http"}, receive, send))
    assert told == [{"type": "http.disconnect"}]


def test_a_key_of_another_role_is_told_so(sqlite_service: Service) -> None:
    answer = sqlite_service.client(Role.INGEST).get("/v1/shops")
    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
