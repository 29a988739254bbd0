"""A bot's messages through a Telegram on this machine, which checks every message that it gets."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from time import monotonic
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nearcast.channels.provider_http import Provider
from nearcast.channels.telegram.bot import Bot, Telegram
from nearcast.channels.telegram.updates import events
from nearcast.domain.channel_event import Inbound, InboundKind, Preference, Unparsed
from nearcast.domain.errors import InvalidInput
from nearcast.domain.position import Position
from nearcast.domain.sending import (
    Accepted,
    Button,
    Choice,
    LocationRequest,
    NotSent,
    Rejected,
    RetryClass,
    Row,
    Scope,
    Text,
    Unknown,
)
from nearcast.services.channel_ports import BadSignature
from tests.channels.peers import NOW, Asked, Peer, Said, outbound, peer

WHOLE = "4711:hidden"
BOT = Bot(token=WHOLE, secrets=["newer", "older"])
CHAT = "99887766"
OVER = "https://offers.example/unsubscribe/token"


def telegram(asked: Asked) -> Said:
    """Takes what the reference of the Bot API asks for, and nothing else."""
    if asked.path == f"/bot{BOT.token}/getMe":
        return answer(200, ok=True, result={"id": 4711, "is_bot": True})
    if asked.path != f"/bot{BOT.token}/sendMessage":
        return answer(404, ok=False, error_code=404, description="Not Found")
    said = json.loads(asked.body)
    rows = said.get("reply_markup", {}).get("inline_keyboard", [])
    buttons = [button for row in rows for button in row]
    is_whole = (
        set(said) <= {"chat_id", "text", "reply_markup", "reply_parameters"}
        and 1 <= len(said["text"]) <= 4096
        and all(button["text"] and len(button.get("callback_data", "x").encode()) <= 64 for button in buttons)
        and all(("url" in button) != ("callback_data" in button) for button in buttons)
    )
    if not is_whole:
        return answer(400, ok=False, error_code=400, description="Bad Request: can't parse")
    sent = {"message_id": 17, "date": 1, "chat": {"id": int(said["chat_id"]), "type": "private"}, "text": said["text"]}
    return answer(200, ok=True, result=sent)


def answer(status: int, **said: Any) -> Said:
    return Said(status, json.dumps(said).encode())


@pytest.fixture(scope="module")
def _provider() -> Iterator[Peer]:
    with peer(telegram) as server:
        yield server


@pytest.fixture
def provider(_provider: Peer) -> Peer:
    _provider.got.clear()
    _provider.say = telegram
    return _provider


@pytest.fixture
def bot(provider: Peer) -> Iterator[Telegram]:
    made = Provider(provider.url, monotonic_s=monotonic)
    yield Telegram(BOT, made, now=lambda: NOW)
    made.close()


@pytest.fixture(scope="module")
def deaf() -> Iterator[Telegram]:
    """A bot that only listens."""
    made = Provider("http://127.0.0.1:9", monotonic_s=monotonic)
    yield Telegram(BOT, made, now=lambda: NOW)
    made.close()


def body_of(provider: Peer) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(provider.got[-1].body)
    return found


@pytest.mark.enable_socket
def test_an_offer_leaves_once_with_its_buttons_and_a_way_out(provider: Peer, bot: Telegram):
    content = Text(body="Tee −20 %", buttons=(Button(id="nc1:more:1", title="Mehr"),), url="https://offers.example/v")
    assert bot.send(outbound(CHAT, content=content)) == Accepted(provider_id="99887766:17")
    assert body_of(provider) == {
        "chat_id": CHAT,
        "text": "Tee −20 %",
        "reply_markup": {
            "inline_keyboard": [
                [{"text": "Mehr", "callback_data": "nc1:more:1"}],
                [{"text": "↗", "url": "https://offers.example/v"}],
                [{"text": "STOP", "url": OVER}],
            ]
        },
    }
    assert len(provider.got) == 1


@pytest.mark.enable_socket
def test_a_choice_is_buttons_and_a_position_is_asked_for_with_one(provider: Peer, bot: Telegram):
    rows = (Row(id="a", title="9:00"), Row(id="b", title="10:00"))
    assert isinstance(bot.send(outbound(CHAT, content=Choice(body="When?", label="Times", rows=rows))), Accepted)
    keyboard = body_of(provider)["reply_markup"]["inline_keyboard"]
    assert [row[0]["callback_data"] for row in keyboard] == ["a", "b"]
    asked = outbound(CHAT, content=LocationRequest(body="Where are you?"), reply_to="99887766:5")
    assert isinstance(bot.send(asked), Accepted)
    said = body_of(provider)
    assert said["reply_markup"]["keyboard"][0][0]["request_location"] is True
    assert said["reply_parameters"]["message_id"] == 5


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    ("code", "words", "retry", "scope"),
    [
        (403, "Forbidden: bot was blocked by the user", RetryClass.USER_OPTOUT, Scope.USER),
        (403, "Forbidden: user is deactivated", RetryClass.USER_UNREACHABLE, Scope.USER),
        (403, "Forbidden: bot can't initiate conversation with a user", RetryClass.USER_UNREACHABLE, Scope.USER),
        (400, "Bad Request: chat not found", RetryClass.USER_UNREACHABLE, Scope.USER),
        (400, "Bad Request: message is too long", RetryClass.BUG, Scope.REQUEST),
        (401, "Unauthorized", RetryClass.SENDER_STOP, Scope.SENDER),
        (404, "Not Found", RetryClass.SENDER_STOP, Scope.SENDER),
        (429, "Too Many Requests: retry after 7", RetryClass.THROTTLE, Scope.SENDER),
        (502, "Bad Gateway", RetryClass.RETRY, Scope.REQUEST),
    ],
)
def test_each_refusal_says_what_to_do_next(
    provider: Peer, bot: Telegram, code: int, words: str, retry: RetryClass, scope: Scope
):
    said = {"ok": False, "error_code": code, "description": words, "parameters": {"retry_after": 7}}
    provider.say = lambda asked: answer(code, **said)
    outcome = bot.send(outbound(CHAT))
    assert isinstance(outcome, Rejected)
    assert (outcome.error.retry, outcome.error.scope, outcome.error.retry_after_s) == (retry, scope, 7)
    assert len(provider.got) == 1


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    "said", [Said(502, b"<html>"), Said(200, b'{"ok": true}'), Said(200, b'{"ok": 1}'), Said(hangs_up=True)]
)
def test_what_nobody_can_tell_is_unknown(provider: Peer, bot: Telegram, said: Said):
    provider.say = lambda asked: said
    assert isinstance(bot.send(outbound(CHAT)), Unknown)
    assert len(provider.got) == 1


@pytest.mark.enable_socket
def test_telegram_is_asked_who_the_bot_is_and_its_token_is_told_to_nobody(
    provider: Peer, bot: Telegram, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level("INFO"):
        assert bot.probe().is_ready
        provider.say = lambda asked: answer(401, ok=False, error_code=401, description="Unauthorized")
        assert not bot.probe().is_ready
        assert isinstance(bot.send(outbound(CHAT)), Rejected)
    assert "hidden" not in caplog.text + repr(BOT)


@pytest.mark.enable_socket
def test_nothing_left_where_nobody_listens(deaf: Telegram):
    assert deaf.send(outbound(CHAT)) == NotSent(reason="ConnectError")
    assert not deaf.probe().is_ready


def test_only_who_knows_the_secret_is_believed(deaf: Telegram):
    for name in ("X-Telegram-Bot-Api-Secret-Token", "x-telegram-bot-api-secret-token"):
        for secret in BOT.secrets:
            deaf.verify({name: secret}, b"{}")
        for wrong in ("", "old", "older ", "ä\udc80"):
            with pytest.raises(BadSignature):
                deaf.verify({name: wrong}, b"{}")
    with pytest.raises(BadSignature):
        deaf.verify({}, b"{}")


def update(**said: Any) -> bytes:
    return json.dumps({"update_id": 10, **said}).encode()


def message(**said: Any) -> dict[str, Any]:
    chat = {"id": int(CHAT), "type": "private", "first_name": "Ada"}
    return {"message_id": 5, "date": 1_780_394_400, "chat": chat, "from": {"id": int(CHAT)}, **said}


def test_what_a_person_writes_taps_and_sends_is_heard(deaf: Telegram):
    (written,) = deaf.parse(update(message=message(text="/start dev-1", reply_to_message=message(message_id=4))))
    assert isinstance(written, Inbound)
    assert (written.kind, written.text, written.received_by) == (InboundKind.TEXT, "/start dev-1", "4711")
    assert (written.provider_id, written.in_reply_to) == (f"{CHAT}:5", f"{CHAT}:4")
    assert [(key.kind, key.key) for key in written.sender_keys] == [("tg_chat", CHAT)]
    assert written.at == datetime.fromtimestamp(1_780_394_400, UTC)
    tap = {"id": "77", "from": {"id": 1}, "message": message(), "data": "nc1:stop"}
    (tapped,) = deaf.parse(update(callback_query=tap))
    assert isinstance(tapped, Inbound)
    assert (tapped.kind, tapped.payload, tapped.in_reply_to, tapped.at) == (
        InboundKind.BUTTON,
        "nc1:stop",
        f"{CHAT}:5",
        NOW,
    )
    (pin,) = deaf.parse(update(message=message(location={"latitude": 52.5, "longitude": 13.4})))
    assert isinstance(pin, Inbound)
    assert (pin.kind, pin.position) == (InboundKind.LOCATION, Position(52.5, 13.4))
    (photo,) = deaf.parse(update(message=message(photo=[])))
    assert isinstance(photo, Inbound)
    assert photo.kind is InboundKind.OTHER


@pytest.mark.parametrize(("status", "wants"), [("kicked", False), ("member", True)])
def test_who_blocks_the_bot_wants_nothing_more_of_it(deaf: Telegram, status: str, wants: bool):
    member = {"chat": message()["chat"], "date": 1_780_394_400, "new_chat_member": {"status": status, "user": {}}}
    (event,) = deaf.parse(update(my_chat_member=member))
    assert isinstance(event, Preference)
    assert event.wants_marketing is wants


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        update(message=None),
        update(message=message(date=10**30)),
        update(message=message(date="soon")),
        update(message=message(location={"latitude": 91, "longitude": 0})),
        update(message=message(chat={"id": -100, "type": "supergroup"}, text="stop")),
        update(poll={"id": "1"}),
        update(callback_query={"id": "1", "data": "x"}),
    ],
)
def test_whatever_else_comes_is_kept_as_not_understood(deaf: Telegram, raw: bytes):
    (event,) = deaf.parse(raw)
    assert isinstance(event, Unparsed)
    assert event.received_by == "4711"


_ODD: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.just({}) | st.just([])
)


@settings(max_examples=50)
@given(
    st.sampled_from(["message", "callback_query", "my_chat_member"]),
    st.dictionaries(st.sampled_from(["id", "chat", "date", "text", "message", "location", "message_id"]), _ODD),
)
def test_no_update_is_too_odd(kind: str, said: Any):
    for each in (said, message(**said), {**message(**said), "chat": {"id": said.get("id")}}):
        assert len(events({"update_id": 1, kind: each}, "4711", NOW)) == 1


def test_what_telegram_would_not_take_is_refused(deaf: Telegram):
    long_id = Text(body="x", buttons=(Button(id="x" * 65, title="x"),))
    many = Choice(body="x", label="x", rows=tuple(Row(id=str(n), title="x") for n in range(11)))
    for content in (Text(body=" "), Text(body="x" * 4097), long_id, many, LocationRequest(body="")):
        with pytest.raises(InvalidInput):
            deaf.render(outbound(CHAT, content=content))
