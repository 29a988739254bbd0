"""What holds for every channel, with its other side on this machine.

Whatever is sent comes to it once or not at all, and the attempt says which, or that nobody can tell.
"""

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nearcast.domain.channel_event import Unparsed
from nearcast.domain.errors import InvalidInput
from nearcast.domain.ids import MessageId
from nearcast.domain.sending import (
    Accepted,
    Button,
    Choice,
    Content,
    LocationRequest,
    NotSent,
    Outbound,
    Purpose,
    Recipient,
    Rejected,
    Row,
    Template,
    Text,
    Unknown,
)
from nearcast.services.channel_ports import BadSignature, Capability
from tests.channels.cases import CASES, ELSEWHERE, OVER_HTTP, WITH_REPORTS, Case
from tests.channels.peers import Said, outbound

pytestmark = pytest.mark.enable_socket

ODD_TEXTS = [
    "",
    "two\nlines\r\n",
    "\x1b[2J\x9b31m\0",
    'a "quoted" \\ text',
    "Café −20 % 🎉",
    "\u2028\u202e\ud800",
    "x" * 100_000,
]
CONTENTS: list[Content] = [
    Text(body="Coffee", buttons=(Button(id="stop", title="Stop"), Button(id="go", title="Go"))),
    Text(body="Coffee", title="Café Central", url="https://n.example/v/1"),
    Choice(body="Near you", label="Offers", rows=(Row(id="a", title="A", description="120 m"), Row(id="b", title="B"))),
    LocationRequest(body="Where are you?"),
    Template(name="coffee", language="de", variables=("Anna",), payloads=("stop",), body="Coffee for Anna"),
    Choice(body="", label="", rows=()),
]


@pytest.fixture(scope="module")
def _running() -> Iterator[dict[str, Case]]:
    """Each is set up when it is first asked for, once for all tests."""
    with ExitStack() as stack:

        class Running(dict[str, Case]):
            def __missing__(self, name: str) -> Case:
                self[name] = stack.enter_context(CASES[name]())
                return self[name]

        yield Running()


@pytest.fixture
def case(_running: dict[str, Case], request: pytest.FixtureRequest) -> Iterator[Case]:
    found = _running[request.param]
    said = found.peer.say if found.peer else None
    yield found
    if found.peer and said:
        found.peer.say = said


every = pytest.mark.parametrize("case", CASES, indirect=True)
over_http = pytest.mark.parametrize("case", OVER_HTTP, indirect=True)
with_reports = pytest.mark.parametrize("case", WITH_REPORTS, indirect=True)
elsewhere = pytest.mark.parametrize("case", ELSEWHERE, indirect=True)


def message(case: Case, content: Content | None = None, number: int = 1) -> Outbound:
    return outbound(
        case.to, content=content or Text(body="Coffee −20 %"), id=MessageId(f"m-{number}"), purpose=Purpose.SERVICE
    )


@every
def test_it_takes_a_message_once_and_says_so(case: Case) -> None:
    before = case.left()
    assert isinstance(case.adapter.send(message(case)), Accepted)
    assert case.left() == before + 1


@every
@pytest.mark.parametrize("text", ODD_TEXTS, ids=range(len(ODD_TEXTS)))
def test_an_odd_text_is_one_message_or_none(case: Case, text: str) -> None:
    before = case.left()
    attempt = case.adapter.send(message(case, Text(body=text)))
    assert isinstance(attempt, Accepted | NotSent | Rejected)
    if isinstance(attempt, NotSent):
        assert attempt.is_final
        assert not case.takes_any_text
    assert case.left() - before == isinstance(attempt, Accepted)


@every
@pytest.mark.parametrize("content", CONTENTS, ids=lambda content: type(content).__name__)
def test_any_content_is_one_message_or_none(case: Case, content: Content) -> None:
    before = case.left()
    attempt = case.adapter.send(message(case, content))
    assert isinstance(attempt, Accepted | NotSent | Rejected)
    assert case.left() - before == isinstance(attempt, Accepted)


@every
def test_many_threads_may_send_at_once(case: Case) -> None:
    before, many = case.left(), 200 if case.takes_any_text else 40
    with ThreadPoolExecutor(8) as pool:
        sent = list(pool.map(case.adapter.send, [message(case, number=n) for n in range(many)]))
    assert [type(attempt) for attempt in sent] == [Accepted] * many
    assert case.left() == before + many


@every
@pytest.mark.parametrize("text", ["Coffee", *ODD_TEXTS], ids=range(len(ODD_TEXTS) + 1))
def test_what_would_be_sent_is_always_the_same_or_names_what_is_wrong(case: Case, text: str) -> None:
    def rendered() -> bytes | str:
        try:
            return case.adapter.render(message(case, Text(body=text)))
        except InvalidInput as error:
            return str(error)

    first = rendered()
    assert first == rendered()
    assert isinstance(first, bytes) or case.to not in first


@elsewhere
def test_where_nobody_is_there_nothing_has_left(case: Case) -> None:
    attempt = case.deaf.send(message(case))
    assert isinstance(attempt, NotSent)
    assert not attempt.is_final


@pytest.mark.parametrize("case", ["whatsapp", "sms", "telegram", "email"], indirect=True)
def test_where_nobody_is_there_it_is_not_ready(case: Case) -> None:
    assert not case.deaf.probe().is_ready


@over_http
def test_what_was_taken_without_an_answer_is_unknown_and_not_sent_again(case: Case) -> None:
    assert case.peer
    case.peer.say = lambda _asked: Said(hangs_up=True)
    before = case.left()
    assert isinstance(case.adapter.send(message(case)), Unknown)
    assert case.left() == before + 1


@over_http
@pytest.mark.parametrize("status", [302, 307, 308])
def test_no_other_address_is_followed(case: Case, status: int) -> None:
    assert case.peer
    case.peer.say = lambda _asked: Said(status, headers={"Location": "/elsewhere"})
    before = case.left()
    assert not isinstance(case.adapter.send(message(case)), Accepted)
    assert case.left() == before + 1


@over_http
@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_server_that_has_fallen_over_says_nothing_of_the_message(case: Case, status: int) -> None:
    assert case.peer
    case.peer.say = lambda _asked: Said(status, b"<html>")
    assert isinstance(case.adapter.send(message(case)), Unknown | Rejected)


@pytest.mark.parametrize("case", ["whatsapp", "sms", "telegram"], indirect=True)
def test_an_answer_that_nobody_can_read_is_unknown(case: Case) -> None:
    assert case.peer
    for body in (b"", b"<html>", b"{", b"[]", b"null", b"\xff", b"x" * (1 << 21)):
        case.peer.say = lambda _asked, body=body: Said(200, body)  # type: ignore[misc]
        assert isinstance(case.adapter.send(message(case)), Unknown), body[:8]


@every
def test_nothing_personal_and_no_secret_is_shown(case: Case, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        shown = [case.adapter, case.adapter.send(message(case)), case.deaf.send(message(case)), case.deaf.probe()]
        if case.peer:
            case.peer.say = lambda _asked: Said(hangs_up=True)
            shown.append(case.adapter.send(message(case)))
            case.peer.say = lambda _asked: Said(400, f'{{"message": "{case.hidden[0]}"}}'.encode())
            shown.append(case.adapter.send(message(case)))
    kept = [each for each in caplog.records if each.name.startswith("nearcast") or each.levelno >= logging.WARNING]
    logged = [each.getMessage() for each in kept]
    for hidden in case.hidden:
        assert hidden not in f"{shown!r} {shown[0]} {logged}"


@every
def test_whatever_nobody_has_signed_is_refused(case: Case) -> None:
    for headers in ({}, {"X-Hub-Signature-256": "sha256=ü\udc80"}, {"X-Twilio-Signature": ""}):
        with pytest.raises(BadSignature):
            case.adapter.verify(headers, b"{}")


@with_reports
def test_what_the_provider_has_signed_is_read_and_known_again(case: Case) -> None:
    for headers, raw in case.reports:
        case.adapter.verify(headers, raw)
        events = case.adapter.parse(raw)
        assert events
        assert not [event for event in events if isinstance(event, Unparsed)]
        assert [event.key for event in case.adapter.parse(raw)] == [event.key for event in events]
        assert len({event.key for event in events}) == len(events)
        assert not any(hidden in repr(events) for hidden in case.hidden)


@with_reports
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=st.binary(max_size=60) | st.sampled_from([b"{}", b"null", b"[" * 100_000, b'{"entry": [1]}']))
def test_whatever_comes_is_read_without_a_fault(case: Case, raw: bytes) -> None:
    for event in case.adapter.parse(raw):
        assert event.key


@every
def test_it_says_what_it_can_do(case: Case) -> None:
    adapter, can = case.adapter, case.adapter.capabilities
    assert adapter.name == adapter.name.lower()
    assert adapter.limits.body > 0
    assert Capability.TEXT in can
    assert (Capability.REPLY_BUTTONS in can) == (adapter.limits.buttons > 0)
    if Capability.RECEIPT_READ in can:
        assert Capability.RECEIPT_DELIVERED in can


@every
def test_whom_it_cannot_name_it_does_not_reach(case: Case) -> None:
    if Capability.OWN_NAMES in case.adapter.capabilities:
        return
    before = case.left()
    attempt = case.adapter.send(replace(message(case), to=Recipient(user_id="no user id")))
    assert isinstance(attempt, NotSent | Rejected)
    assert case.left() == before
