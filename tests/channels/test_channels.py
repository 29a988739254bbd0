"""What the console does of its own, and which channel a message leaves through."""

import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from time import sleep

import pytest

from nearcast.channels.by_name import ByName
from nearcast.channels.console import Console
from nearcast.channels.recorder import Recorder
from nearcast.domain.ids import MessageId, TenantId
from nearcast.domain.sending import NotSent, Outbound, Purpose, Recipient, Text
from nearcast.services.channel_ports import way_out
from tests.store.values import NOON

SENDING = Outbound(
    id=MessageId("message-1"),
    tenant_id=TenantId("t1"),
    sender="t1",
    to=Recipient(user_id="anna"),
    content=Text(body="Coffee −20 %"),
    purpose=Purpose.MARKETING,
    not_after=NOON,
    channel="sms",
)


# --- console


def test_the_console_prints_who_gets_what() -> None:
    stream = io.StringIO()
    Console(stream).send(SENDING)
    assert stream.getvalue() == 'message "message-1" "sms" "anna" "Coffee −20 %"\n'


def test_the_console_shows_nothing_that_steers_a_terminal() -> None:
    stream = io.StringIO()
    Console(stream).send(replace(SENDING, content=Text(body="\x1b[2J\u202e\n\x9b")))
    assert stream.getvalue().removesuffix("\n").isprintable()


def test_the_console_keeps_lines_whole() -> None:
    class LetterByLetter(io.StringIO):
        def write(self, text: str) -> int:
            for letter in text:
                super().write(letter)
                sleep(0)  # now somebody else may write
            return len(text)

    stream = LetterByLetter()
    channel = Console(stream)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(channel.send, [SENDING] * 50))
    assert set(stream.getvalue().splitlines()) == {'message "message-1" "sms" "anna" "Coffee −20 %"'}


def test_the_console_is_standard_output_of_the_moment(capsys: pytest.CaptureFixture[str]) -> None:
    Console().send(SENDING)
    assert capsys.readouterr().out.startswith("message ")


def test_what_is_printed_is_seen_at_once() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="utf-8")
    Console(stream).send(SENDING)
    assert raw.getvalue() != b""


def test_a_closed_stream_takes_nothing() -> None:
    stream = io.StringIO()
    stream.close()
    assert Console(stream).send(SENDING) == NotSent(reason="stream_closed", is_final=True)


def test_a_broken_pipe_takes_nothing() -> None:
    class Broken(io.StringIO):
        def flush(self) -> None:
            raise BrokenPipeError

    assert Console(Broken()).send(SENDING) == NotSent(reason="stream_closed", is_final=True)


# --- by name


def test_a_message_leaves_through_the_channel_it_names() -> None:
    sms, email, other = Recorder(), Recorder(), Recorder()
    ways = ByName({"sms": sms, "email": email}, other)
    assert [ways.through(name) for name in ("email", "sms", "carrier pigeon")] == [email, sms, other]


def test_a_channel_that_is_not_set_up_is_no_way_out() -> None:
    assert ByName({"email": Recorder()}, None).through("sms") is None


def test_one_way_out_is_that_for_every_channel() -> None:
    recorder = Recorder()
    assert way_out(recorder, "sms") is way_out(ByName({}, recorder), "email") is recorder
