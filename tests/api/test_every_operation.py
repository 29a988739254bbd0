"""Whatever is sent to whichever operation, it is answered, and what was taken can be worked with."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nearcast.services.access import Role
from tests.api.operations import Operation, operations
from tests.api.service import Service
from tests.api.town import agree, open_shop, ping, rows_of, send, visit, work

_EXAMPLES = 250
_TOO_LARGE = "1e400, which no float holds"  # written as a number
_WORD = hashlib.shake_256(b"a word").hexdigest(2000)  # which no index can pack
_TEXTS = [
    "", " ", "a/b", "..", "\0", "\ud800", "a\udfffb", "\n", "\x01", "\x7f", "\u202e", "é" * 128,
    _WORD[:255], _WORD[:256], _WORD, "'; DROP TABLE tenant; --", "%00", "{customer.first_name}", "{", "nan", "1e400",
    "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999-23:59", "2199-12-31T23:59:59.999999Z",
    "1970-01-01T00:00:00+14:00", "2026-02-30T00:00:00Z", "Europe/Berlin", "../../etc/passwd", "* * * * *",
    "0 0 30 2 *", "24:00", "00:00", "PH off", "location.matching", "console",
]  # fmt: skip
_NUMBERS = [0, -0.0, -1, 1, 0.5, 90, 180.0, 540, -540.1, 1e9, 1e18, 1e308, 5e-324, 2**31, 2**63, 2**64, 10**30, 10**400]
_NASTY: st.SearchStrategy[Any] = (
    st.sampled_from([*_TEXTS, *_NUMBERS, _TOO_LARGE, None, True, [], {}, [[]], [None], {"": ""}])
    | st.text(max_size=6)
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
)
_DEEP = '{"a":' * 600 + "1" + "}" * 600
_BODIES = st.sampled_from(["", "{", "null", "[]", "7", '"x"', _DEEP, "[" * 400 + "]" * 400, "\ufeff{}", "1" * 5000])


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a document."""
    if path:
        yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inside:
        yield from _places(each, (*path, key))


def _put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    found = dict(value) if isinstance(value, dict) else list(value)
    found[path[0]] = _put(found[path[0]], path[1:], new)
    return found


@st.composite
def _documents(draw: st.DrawFn, example: Any) -> str:
    """An example of a body, up to three places of it changed, as JSON."""
    found = example
    for _ in range(draw(st.integers(0, 3))):
        found = _put(found, draw(st.sampled_from([(), *_places(found)])), draw(_NASTY))
    if isinstance(found, dict) and draw(st.booleans()):
        found = {**found, draw(st.sampled_from(["id", "at", "state"]) | st.sampled_from(_TEXTS)): draw(_NASTY)}
    return _as_sent(found)


def _as_sent(document: Any) -> str:
    return json.dumps(document).replace(json.dumps(_TOO_LARGE), "1e400")


def _text(value: Any) -> str:
    return str(value).encode(errors="replace").decode()


@st.composite
def _requests(draw: st.DrawFn, asked: list[Operation], ids: list[str]) -> dict[str, Any]:
    operation, path = draw(st.sampled_from(asked)), ""
    names = st.sampled_from([*ids, *ids, *_TEXTS]) | _NASTY.map(str)
    for part in operation.path.split("/")[1:]:
        said = draw(st.sampled_from(["activate", "pause", "end", "x"]) if part == "{action}" else names)
        path += "/" + (quote(_text(said), safe="") or "%20" if part.startswith("{") else part)
    known = operation.parameters
    query = {name: _text(draw(names)) for name in known["query"] if draw(st.integers(0, 3)) == 0}
    headers = {"If-Match": draw(st.sampled_from(['"1"', "*", "W/", "9" * 40, '"é"']))} if draw(st.booleans()) else {}
    if operation.method != "GET" and draw(st.integers(0, 4)) == 0:
        headers["Idempotency-Key"] = draw(st.sampled_from(["k", "k2", "x" * 256, "é"]))
    content = None
    if operation.media:
        media, example = draw(st.sampled_from(sorted(operation.media.items())))
        headers["Content-Type"] = media
        content = example if isinstance(example, str) else draw(_BODIES | _documents(example) | _documents(example))
    return {
        "method": operation.method,
        "url": path,
        "params": query,
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "content": None if content is None else content.encode(),
    }


def test_every_request_is_answered_and_what_was_taken_can_be_worked_with(service: Service):
    open_shop(service, schedule={"cron": "0 * * * *"})
    agree(service, "ada", "bob")
    visit(service, "ada")
    operator = service.client()
    (row,) = rows_of(operator)
    asked = [each for each in operations(service) if not each.path.startswith("/v1/keys")]
    ids = ["ada", "cafe", "cafe-door", "cafe-offer", row["decision_id"], row["message_id"], "new", "id"]

    @settings(max_examples=_EXAMPLES)
    @given(request=_requests(asked, ids))
    def is_answered(request: dict[str, Any]) -> None:
        answer = operator.request(**request)
        assert answer.status_code < 500, f"{request}: {answer.text}"
        assert answer.status_code != 401
        if answer.status_code >= 400:
            _says_what_is_wrong(answer)

    is_answered()
    service.clock.step(hours=1)
    agree(service, "eve")
    send(service, [ping(service, "eve")])
    work(service)
    for path in ("shops", "geofences", "campaigns", "customers", "match-log", "messages", "settings"):
        assert operator.get(f"/v1/{path}").status_code == 200


@pytest.mark.parametrize("extreme", [_WORD, "\0", "\ud800", _TOO_LARGE, 10**400, -1], ids=lambda said: str(said)[:9])
def test_an_extreme_at_any_place_of_a_document_is_taken_or_refused(service: Service, extreme: Any):
    open_shop(service)
    agree(service, "ada")
    operator = service.client()
    for each in operations(service):
        example = each.media.get("application/json")
        path = each.path.replace("{customer_id}", "ada").replace("{shop_id}", "cafe")
        for place in _places(example):
            content = _as_sent(_put(example, place, extreme)).encode()
            answer = operator.request(each.method, path, content=content, headers={"Content-Type": "application/json"})
            assert answer.status_code < 500, f"{each} with {extreme!r:.40} at {place}: {answer.text}"


def _says_what_is_wrong(answer: httpx.Response) -> None:
    if answer.request.url.path.startswith("/unsubscribe/"):  # people are told by a page
        assert answer.headers["content-type"].startswith("text/html")
        return
    said = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert said["status"] == answer.status_code
    assert said["code"]
    assert said.get("detail") or answer.status_code in (404, 405), answer.text


def test_a_key_is_made_or_refused_whatever_it_is_to_be_called(service: Service):
    operator = service.client(Role.OPERATOR)

    @settings(max_examples=40)
    @given(body=_documents({"name": "till", "role": "owner", "shop_ids": ["cafe"]}))
    def is_answered(body: str) -> None:
        answer = operator.post("/v1/keys", content=body.encode(), headers={"Content-Type": "application/json"})
        assert answer.status_code < 500, f"{body}: {answer.text}"

    is_answered()
    assert operator.get("/v1/keys").status_code == 200
