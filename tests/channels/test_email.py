"""Mail through a real mail server on this machine, and through some that behave badly."""

import email
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import default
from typing import Any, cast

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP as Server
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session

from nearcast.channels.email.smtp import Email, MailServer
from nearcast.domain.errors import InvalidInput
from nearcast.domain.sending import (
    Accepted,
    Attempt,
    Choice,
    NotSent,
    Purpose,
    Rejected,
    RetryClass,
    Scope,
    Text,
    Unknown,
)
from nearcast.services.channel_ports import BadSignature
from tests.channels.peers import NOW, SOON, outbound

SENDER = Address("Café Central", "offers", "offers.example")
HIDDEN, WRONG = "hidden", "wrong"
OVER = "https://offers.example/unsubscribe/token"


class Box:
    """What came in; `refuses` are replies to RCPT by address."""

    def __init__(self) -> None:
        self.got: list[Envelope] = []
        self.refuses: dict[str, str] = {}
        self.last = "250 taken"

    async def handle_RCPT(self, _server: Server, _session: Session, envelope: Envelope, to: str, _options: Any) -> str:
        if to in self.refuses:
            return self.refuses[to]
        envelope.rcpt_tos.append(to)
        return "250 OK"

    async def handle_DATA(self, _server: Server, _session: Session, envelope: Envelope) -> str:
        self.got.append(envelope)
        return self.last


def let_in(_server: Server, _session: Session, _envelope: Envelope, _mechanism: str, said: Any) -> AuthResult:
    return AuthResult(handled=False, success=said == LoginPassword(b"us", b"hidden"))


@pytest.fixture(scope="module")
def server() -> Iterator[Controller]:
    made = Controller(
        Box(), hostname="127.0.0.1", port=0, authenticator=let_in, auth_require_tls=False, server_hostname="here"
    )
    made.port = free_port()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def box(server: Controller) -> Box:
    server.handler.__init__()
    return cast("Box", server.handler)


@pytest.fixture
def mail(server: Controller, box: Box) -> Email:
    return mailer(server.port)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def mailer(port: int, **changes: Any) -> Email:
    said = {"host": "127.0.0.1", "port": port, "sender": SENDER, "tls": "none", "timeout_s": 2.0, "within_s": 4.0}
    return Email(MailServer(**{**said, **changes}), now=lambda: NOW)


def read(raw: Any) -> EmailMessage:
    found = email.message_from_bytes(raw, policy=default)
    assert isinstance(found, EmailMessage)
    return found


@pytest.mark.enable_socket
def test_an_offer_arrives_as_it_was_written_and_ends_with_one_click(mail: Email, box: Box):
    content = Text(body="Kaffee −20 %\n.\n..bis 12:20", title="Café Central", url="https://offers.example/v/1")
    assert mail.send(outbound("Ada.Lovelace@example.org", content=content)) == Accepted()
    (envelope,) = box.got
    assert (envelope.mail_from, envelope.rcpt_tos) == ("offers@offers.example", ["Ada.Lovelace@example.org"])
    got = read(envelope.content)
    assert got.get_content().splitlines() == [
        "Kaffee −20 %",
        ".",
        "..bis 12:20",
        "",
        "https://offers.example/v/1",
        "",
        "-- ",
        f"STOP: {OVER}",
    ]
    assert got["List-Unsubscribe"] == f"<{OVER}>"
    assert got["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert (str(got["From"]), str(got["Subject"])) == ("Café Central <offers@offers.example>", "Café Central")
    assert (got["Message-ID"], got["Date"].datetime, got["Expires"]) == (
        "<msg-1@offers.example>",
        NOW,
        "Tue, 02 Jun 2026 10:20:00 +0000",
    )
    assert got["Date"].datetime < SOON


def test_no_text_becomes_a_header_and_long_ones_end_at_a_word():
    made = mailer(1)
    evil = Text(body="x", title="Tea\r\nBcc: all@example.org\u2028now")
    got = read(made.render(outbound("a@example.org", content=evil)))
    assert got["Bcc"] is None
    assert got["Subject"] == "Tea Bcc: all@example.org now"
    long = read(made.render(outbound("a@example.org", content=Text(body="many words " * 30))))
    assert str(long["Subject"]).endswith("words many …")
    assert len(long["Subject"]) <= 122


def test_an_offer_without_a_way_out_is_refused_and_an_answer_needs_none():
    with pytest.raises(InvalidInput):
        mailer(1).render(outbound("a@example.org", opt_out_url=None))
    answer = read(mailer(1).render(outbound("a@example.org", opt_out_url=None, purpose=Purpose.SERVICE)))
    assert answer["List-Unsubscribe"] is None
    for content in (Text(body=""), Text(body="x" * 10_001), Choice(body="b", label="l", rows=())):
        with pytest.raises(InvalidInput):
            mailer(1).render(outbound("a@example.org", content=content))


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    ("reply", "retry", "scope"),
    [
        ("550 5.1.1 nobody of that name", RetryClass.USER_UNREACHABLE, Scope.USER),
        ("450 4.2.0 come again", RetryClass.RETRY, Scope.REQUEST),
        ("550 5.7.1 we relay nothing", RetryClass.BUG, Scope.REQUEST),
    ],
)
def test_a_refused_recipient_says_what_to_do_next(mail: Email, box: Box, reply: str, retry: RetryClass, scope: Scope):
    box.refuses["ada@example.org"] = reply
    outcome = mail.send(outbound("ada@example.org"))
    assert isinstance(outcome, Rejected)
    assert (outcome.error.retry, outcome.error.scope, outcome.error.code) == (retry, scope, reply[:3])
    assert box.got == []


@pytest.mark.enable_socket
def test_a_mail_refused_at_its_end_did_not_arrive(mail: Email, box: Box):
    for box.last, retry in (("554 looks like spam", RetryClass.BUG), ("451 later", RetryClass.RETRY)):
        outcome = mail.send(outbound("ada@example.org"))
        assert isinstance(outcome, Rejected)
        assert outcome.error.retry is retry


@pytest.mark.enable_socket
def test_who_must_log_in_does_and_a_wrong_password_stops_the_sender(server: Controller, box: Box):
    assert mailer(server.port, user="us", password=HIDDEN).send(outbound("ada@example.org")) == Accepted()
    wrong = mailer(server.port, user="us", password=WRONG)
    outcome = wrong.send(outbound("ada@example.org"))
    assert isinstance(outcome, Rejected)
    assert outcome.error.retry is RetryClass.SENDER_STOP
    assert not wrong.probe().is_ready
    assert mailer(server.port).probe().is_ready
    assert "wrong" not in repr(wrong._server) + repr(outcome)


@pytest.mark.enable_socket
def test_nothing_leaves_where_nobody_listens_or_tls_cannot_be_had(server: Controller, box: Box):
    assert mailer(free_port()).send(outbound("ada@example.org")) == NotSent(reason="ConnectionRefusedError")
    bare = mailer(server.port, tls="starttls").send(outbound("ada@example.org"))
    assert bare == NotSent(reason="SMTPNotSupportedError")
    assert isinstance(mailer(server.port, tls="always").send(outbound("ada@example.org")), NotSent)
    assert box.got == []


@contextmanager
def breaking_off(after: str, *, by: Callable[[socket.socket], None] = socket.socket.close) -> Iterator[int]:
    """A mail server that says all the right things until a line of that beginning, and then goes."""
    replies = {"EHLO": "250 here", "MAIL": "250 OK", "RCPT": "250 OK", "DATA": "354 go on", ".": "250 taken"}

    def serve() -> None:
        with listening.accept()[0] as client, client.makefile("rb") as lines:
            client.sendall(b"220 here\r\n")
            is_text = False
            for line in lines:
                verb = line.decode().strip().upper() if is_text else line.decode()[:4].strip().upper()
                if is_text and verb != ".":
                    continue
                if verb == after:
                    by(client)
                    return
                is_text = verb == "DATA"
                client.sendall(f"{replies.get(verb, '500 what')}\r\n".encode())

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield int(listening.getsockname()[1])
        thread.join(5)


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    ("after", "is_known"), [("EHLO", True), ("MAIL", True), ("RCPT", True), ("DATA", True), (".", False)]
)
def test_only_what_breaks_off_behind_the_last_line_is_unknown(after: str, is_known: bool):
    with breaking_off(after, by=lambda client: client.shutdown(socket.SHUT_RDWR)) as port:
        outcome: Attempt = mailer(port).send(outbound("ada@example.org"))
    assert isinstance(outcome, NotSent if is_known else Unknown)


@pytest.mark.enable_socket
def test_a_silent_server_is_left_in_time():
    with breaking_off(".", by=lambda client: (threading.Event().wait(0.5) and None) or None) as port:
        assert isinstance(mailer(port, timeout_s=0.1).send(outbound("ada@example.org")), Unknown)


@pytest.mark.parametrize(
    "address",
    ["ada", "@example.org", "ada@", "a b@example.org", "ada@example.org\r\nRSET", "ädä@example.org", "a@b@c\n"],
)
def test_what_is_no_address_reaches_nobody(address: str):
    outcome = mailer(1).send(outbound(address))
    assert isinstance(outcome, Rejected)
    assert (outcome.error.retry, outcome.error.code) == (RetryClass.USER_UNREACHABLE, "address")
    with pytest.raises(InvalidInput) as refused:
        mailer(1).render(outbound(address))
    assert address.strip() not in str(refused.value)


def test_mail_servers_report_nothing():
    with pytest.raises(BadSignature):
        mailer(1).verify({}, b"")
    assert mailer(1).parse(b"") == ()
