"""What becomes of one attempt, for everything that can come of it."""

import gzip
import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import httpx
import pytest

from nearcast.channels.whatsapp.adapter import WhatsApp
from nearcast.domain.sending import (
    Accepted,
    Attempt,
    LearntKey,
    NotSent,
    Outbound,
    ProviderError,
    Purpose,
    Recipient,
    Rejected,
    RetryClass,
    Scope,
    Text,
    Unknown,
)
from tests.channels.whatsapp.values import ACCOUNT, BEARER, NOW, NUMBER, PHONE_ID, TEMPLATE, TEXT, offer, outbound

WAMID = "wamid.HBgLNDkxNTExMjM0NTY3OBUCABEYEjlC"
TAKEN = {
    "messaging_product": "whatsapp",
    "contacts": [{"input": NUMBER, "wa_id": "4915112345678", "user_id": "DE.134"}],
    "messages": [{"id": WAMID}],
}
Answer = Callable[[httpx.Request], httpx.Response]


@contextmanager
def meta(answer: Answer, **changes: Any) -> Iterator[WhatsApp]:
    with closing(WhatsApp(replace(ACCOUNT, **changes), now=lambda: NOW, transport=httpx.MockTransport(answer))) as made:
        yield made


def sent(answer: Answer, message: Outbound | None = None, **changes: Any) -> Attempt:
    with meta(answer, **changes) as channel:
        return channel.send(message or outbound())


def answered(status: int, said: Any = None, **headers: str) -> Attempt:
    return sent(lambda _request: httpx.Response(status, json=said, headers=headers))


def refused(code: int, **more: Any) -> dict[str, Any]:
    return {"error": {"message": "not shown", "type": "OAuthException", "code": code, "fbtrace_id": "A", **more}}


def broken(error: Exception) -> Attempt:
    def answer(_request: httpx.Request) -> httpx.Response:
        raise error

    return sent(answer)


def test_what_is_taken_has_an_id_and_tells_other_names() -> None:
    learnt = (LearntKey(kind="wa_id", key="4915112345678"), LearntKey(kind="bsuid", key="DE.134"))
    assert answered(200, TAKEN) == Accepted(provider_id=WAMID, learnt=learnt)


@pytest.mark.parametrize(
    ("status", "is_held"), [("accepted", False), ("held_for_quality_assessment", True), ("paused", True)]
)
def test_what_is_taken_may_be_held_back(status: str, is_held: bool) -> None:
    taken = answered(200, {"messages": [{"id": WAMID, "message_status": status}]})
    assert taken == Accepted(provider_id=WAMID, is_held=is_held)


def test_one_request_goes_to_the_numbers_messages() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=TAKEN)

    with meta(answer) as channel:
        channel.send(outbound())
        (request,) = seen
        assert (request.method, str(request.url)) == ("POST", f"https://graph.example/v23.0/{PHONE_ID}/messages")
        assert request.headers["Authorization"] == f"Bearer {BEARER}"
        assert request.headers["Content-Type"] == "application/json"
        assert request.content == channel.render(outbound())


@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectError("refused"),
        httpx.ConnectError(str(ssl.SSLCertVerificationError("name"))),
        httpx.ConnectTimeout("slow"),
        httpx.PoolTimeout("busy"),
    ],
)
def test_without_a_connection_nothing_has_left(error: Exception) -> None:
    assert broken(error) == NotSent(reason="channel_busy")


@pytest.mark.parametrize(
    "error",
    [
        httpx.ReadTimeout("silent"),
        httpx.WriteTimeout("stuck"),
        httpx.WriteError("reset"),
        httpx.ReadError("reset"),
        httpx.RemoteProtocolError("closed"),
        httpx.DecodingError("packed"),
    ],
)
def test_nobody_can_tell_what_became_of_a_request_that_had_begun(error: Exception) -> None:
    assert broken(error) == Unknown(reason=type(error).__name__)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (500, None),
        (502, "<html>"),
        (503, {"error": "away"}),
        (500, {"error": {"message": "no code"}}),
        (301, None),
        (307, TAKEN),
        (400, None),
        (200, None),
        (200, []),
        (200, {}),
        (200, {"messages": []}),
        (200, {"messages": [{}]}),
        (200, {"messages": [{"id": ""}]}),
        (200, {"messages": [{"id": 7}]}),
        (200, {"messages": "wamid"}),
        (200, TAKEN | refused(131000)),
        (500, TAKEN),
    ],
)
def test_nobody_can_tell_what_an_answer_means_that_says_neither(status: int, said: Any) -> None:
    assert answered(status, said) == Unknown(reason=f"status_{status}")


def test_an_answer_that_is_no_json_says_nothing() -> None:
    for body in (b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"messages":[{"id":"' + b"9" * 10):
        assert sent(partial(_said, body)) == Unknown(reason="status_200")


def _said(body: bytes, _request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, content=body)


def test_an_answer_without_end_is_not_read_to_its_end() -> None:
    class Endless(httpx.SyncByteStream):
        parts = 0

        def __iter__(self) -> Iterator[bytes]:
            while True:
                self.parts += 1
                yield b"x" * (1 << 16)

    stream = Endless()
    assert sent(lambda _request: httpx.Response(200, stream=stream)) == Unknown(reason="ReadTimeout")
    assert stream.parts < 32


def test_an_answer_that_is_packed_is_not_unpacked() -> None:
    packed = gzip.compress(json.dumps(TAKEN).encode())
    headers = {"Content-Encoding": "gzip"}
    assert sent(lambda _request: httpx.Response(200, content=packed, headers=headers)) == Unknown(
        reason="DecodingError"
    )


def test_no_redirect_is_followed() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(302, headers={"Location": "https://elsewhere.example/"})

    assert sent(answer) == Unknown(reason="status_302")
    assert len(seen) == 1


def test_a_refusal_is_told_by_its_code_whatever_the_status() -> None:
    error = ProviderError(
        provider="whatsapp", code="131056", retry=RetryClass.PAIR_WAIT, scope=Scope.PAIR, retry_after_s=None
    )
    for status in (400, 429, 500, 503):
        assert answered(status, refused(131056)) == Rejected(error=error)


def test_a_refusal_may_say_how_long_to_wait() -> None:
    attempt = answered(429, refused(130429), **{"Retry-After": "7"})
    assert isinstance(attempt, Rejected)
    assert (attempt.error.retry, attempt.error.retry_after_s) == (RetryClass.THROTTLE, 7)
    for said in ("Wed, 21 Oct 2026 07:28:00 GMT", "-1", "1"):
        attempt = answered(429, refused(130429), **{"Retry-After": said})
        assert isinstance(attempt, Rejected)
        assert attempt.error.retry_after_s == 2


def test_what_meta_would_refuse_is_not_sent() -> None:
    def answer(_request: httpx.Request) -> httpx.Response:
        raise AssertionError

    assert sent(answer, outbound(Text(body=""))) == NotSent(reason="content_refused", is_final=True)
    assert sent(answer, outbound(to=Recipient(address="015112345678"))) == NotSent(
        reason="content_refused", is_final=True
    )


@pytest.mark.parametrize("to", [Recipient(address="+12125550123"), Recipient(user_id="US.134")])
def test_marketing_to_the_united_states_is_not_sent(to: Recipient) -> None:
    def answer(_request: httpx.Request) -> httpx.Response:
        raise AssertionError

    assert sent(answer, offer(to=to)) == NotSent(reason="market_blocked", is_final=True)
    assert sent(answer, offer(TEXT, to=to)) == NotSent(reason="market_blocked", is_final=True)


def test_other_messages_to_the_united_states_are_sent_and_marketing_to_canada_is() -> None:
    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=TAKEN)

    american = Recipient(address="+12125550123")
    for message in (
        outbound(to=american),
        outbound(TEMPLATE, purpose=Purpose.UTILITY, to=american),
        offer(to=Recipient(address="+14165550123")),
    ):
        assert isinstance(sent(answer, message), Accepted)


def test_before_the_rule_marketing_to_the_united_states_was_sent() -> None:
    transport = httpx.MockTransport(lambda _request: httpx.Response(200, json=TAKEN))
    then = datetime(2025, 3, 31, tzinfo=UTC)
    with closing(WhatsApp(ACCOUNT, now=lambda: then, transport=transport)) as channel:
        assert isinstance(channel.send(offer(to=Recipient(address="+12125550123"))), Accepted)


# --- the two ways


class Ways:
    """Answers each way with what it is told, and keeps the bodies."""

    def __init__(self, **answers: dict[str, Any]) -> None:
        self.answers, self.seen = answers, list[tuple[str, dict[str, Any]]]()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        way = request.url.path.rpartition("/")[2]
        self.seen.append((way, json.loads(request.content)))
        said = self.answers.get(way, TAKEN)
        return httpx.Response(400 if "error" in said else 200, json=said)

    @property
    def taken(self) -> list[str]:
        return [way for way, _ in self.seen]


def test_marketing_goes_its_own_way_where_the_number_may() -> None:
    ways = Ways()
    with meta(ways, marketing_api=True) as channel:
        for message in (
            offer(),
            outbound(TEMPLATE, purpose=Purpose.UTILITY),
            offer(TEXT),
            offer(replace(TEMPLATE, is_marketing=False)),
            outbound(replace(TEMPLATE, is_marketing=True), purpose=Purpose.UTILITY),
        ):
            channel.send(message)
    assert ways.taken == ["marketing_messages", "messages", "messages", "messages", "marketing_messages"]
    assert [body.get("message_activity_sharing") for _, body in ways.seen] == [False, None, None, None, False]


def test_marketing_goes_with_all_else_where_the_number_may_not() -> None:
    ways = Ways()
    sent(ways, offer())
    assert ways.taken == ["messages"]


def test_a_number_that_may_not_send_marketing_with_all_else_learns_it() -> None:
    ways = Ways(messages=refused(131063))
    with meta(ways) as channel:
        first, second = channel.send(offer()), channel.send(offer())
        channel.send(outbound())
    assert isinstance(first, Rejected)
    assert first.error.retry is RetryClass.REPLAN
    assert isinstance(second, Accepted)
    assert ways.taken == ["messages", "marketing_messages", "messages"]


def test_a_template_that_is_no_marketing_after_all_goes_with_all_else() -> None:
    for code in (134100, 131055):
        ways = Ways(marketing_messages=refused(code))
        with meta(ways, marketing_api=True) as channel:
            channel.send(offer())
            channel.send(offer())
            channel.send(offer(replace(TEMPLATE, name="another")))
        assert ways.taken == ["marketing_messages", "messages", "marketing_messages"]


def test_a_number_that_may_not_go_the_other_way_goes_with_all_else() -> None:
    ways = Ways(marketing_messages=refused(134102))
    with meta(ways, marketing_api=True) as channel:
        channel.send(offer())
        channel.send(offer(replace(TEMPLATE, name="another")))
    assert ways.taken == ["marketing_messages", "messages"]


# --- what is shown


def test_neither_the_token_nor_a_number_is_printed() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError(f"{request.headers} {request.content!r}", request=request)

    with meta(answer) as channel:
        printed = f"{channel!r} {channel} {channel.send(outbound())!r} {channel.probe()!r} {ACCOUNT!r}"
    for secret in (BEARER, NUMBER[1:], *ACCOUNT.app_secrets, ACCOUNT.verify_token):
        assert secret not in printed


# --- how the number is


def probed(status: int, said: Any) -> tuple[bool, str]:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(f"{request.method} {request.url.path}?{request.url.query.decode()}")
        return httpx.Response(status, json=said)

    with meta(answer) as channel:
        health = channel.probe()
    assert seen == [f"GET /v23.0/{PHONE_ID}?fields=health_status"]
    return health.is_ready, health.what


def _able(can: str) -> dict[str, Any]:
    return {"health_status": {"can_send_message": can, "entities": []}, "id": PHONE_ID}


@pytest.mark.parametrize(
    ("status", "said", "health"),
    [
        (200, _able("AVAILABLE"), (True, "ready")),
        (200, _able("LIMITED"), (True, "ready, and limited")),
        (200, _able("BLOCKED"), (False, "blocked")),
        (200, _able("AVAILED"), (False, "not understood")),
        (200, {}, (False, "not understood, status 200")),
        (502, None, (False, "not understood, status 502")),
        (400, refused(190), (False, "refused with code 190")),
    ],
)
def test_a_number_is_ready_where_meta_says_so(status: int, said: Any, health: tuple[bool, str]) -> None:
    assert probed(status, said) == health


def test_a_number_is_not_ready_where_nobody_answers() -> None:
    def answer(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with meta(answer) as channel:
        assert (channel.probe().is_ready, channel.probe().what) == (False, "no answer: ConnectError")
