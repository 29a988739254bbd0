"""The short cut for pings answers, counts and waits as the long way does."""

import asyncio
import json
from typing import Any, Never

import pytest
from starlette.types import Message, Receive, Scope, Send

from nearcast.api.short_cut import ShortCut
from nearcast.services.access import Role
from nearcast.services.figures import Figure
from tests.api.service import Service
from tests.api.town import agree, ping

pytestmark = pytest.mark.enable_socket


async def no_long_way(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError("this request was to take the short cut")


def known_key(service: Service) -> str:
    """A key that was asked for a moment ago, as it stands in a request."""
    client = service.client(Role.INGEST)
    assert client.post("/v1/pings", json=[]).status_code == 202
    return client.headers["authorization"]


def scope_of(service: Service, body: bytes, **more: str) -> Scope:
    said = {
        "authorization": known_key(service),
        "content-type": "application/json",
        "content-length": str(len(body)),
        **more,
    }
    headers = [(name.encode(), value.encode()) for name, value in said.items()]
    request = {"type": "http", "method": "POST", "path": "/v1/pings", "raw_path": b"/v1/pings", "query_string": b""}
    return {**request, "app": service.server, "headers": headers}


def answered(cut: ShortCut, scope: Scope, receive: Receive) -> tuple[int, dict[bytes, bytes], Any]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(cut(scope, receive, send))
    start, body = sent
    return start["status"], dict(start["headers"]), json.loads(body["body"])


def posted(parts: list[bytes], *waits_s: float) -> Receive:
    left = list(parts)

    async def receive() -> Message:
        for wait_s in waits_s:
            await asyncio.sleep(wait_s)
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    return receive


def requests_counted(service: Service, status: str) -> int:
    return service.app.figures.counts(Figure.REQUESTS).get(("POST", "/v1/pings", status), 0)


def test_a_body_in_pieces_is_taken_and_counted_under_its_id(sqlite_service: Service):
    agree(sqlite_service, "ada")
    body = json.dumps([ping(sqlite_service, "ada"), ping(sqlite_service, "stranger")]).encode()
    scope = scope_of(sqlite_service, body, **{"x-request-id": "mine-1"})
    before = requests_counted(sqlite_service, "202")
    status, headers, said = answered(ShortCut(no_long_way), scope, posted([body[:7], body[7:]]))
    assert (status, said) == (202, {"accepted": 1, "rejected": [{"index": 1, "reason": "consent_location_missing"}]})
    assert (headers[b"x-request-id"], headers[b"content-type"]) == (b"mine-1", b"application/json")
    assert requests_counted(sqlite_service, "202") == before + 1


@pytest.mark.parametrize("parts", [[b"[]"], [b"[", b"]"]])
def test_a_body_that_comes_later_is_waited_for(sqlite_service: Service, parts: list[bytes]):
    scope = scope_of(sqlite_service, b"[]")
    found = answered(ShortCut(no_long_way), scope, posted(parts, 0, 0.001, 0))
    assert (found[0], found[2]) == (202, {"accepted": 0, "rejected": []})


def test_a_body_that_does_not_come_is_not_waited_for(sqlite_service: Service):

    async def never() -> Never:
        await asyncio.sleep(60)
        raise AssertionError

    found = answered(ShortCut(no_long_way, within_s=0.02), scope_of(sqlite_service, b"[]"), never)
    assert (found[0], found[2]["code"], found[1][b"connection"]) == (408, "too_slow", b"close")
    assert requests_counted(sqlite_service, "408") >= 1


def test_a_body_that_breaks_off_is_no_fault_of_ours(sqlite_service: Service):

    async def gone() -> Message:
        return {"type": "http.disconnect"}

    assert answered(ShortCut(no_long_way), scope_of(sqlite_service, b"[]"), gone)[0] == 400


@pytest.mark.parametrize("more", [{"idempotency-key": "k"}, {"content-encoding": "gzip"}, {"content-type": "text/csv"}])
def test_what_is_out_of_the_ordinary_takes_the_long_way(sqlite_service: Service, more: dict[str, str]):
    with pytest.raises(AssertionError, match="short cut"):
        answered(ShortCut(no_long_way), scope_of(sqlite_service, b"[]", **more), posted([b"[]"]))
