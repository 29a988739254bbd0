"""Text messages through a Twilio on this machine, which checks every form that it gets."""

import json
from base64 import b64encode
from collections.abc import Iterator
from hmac import digest
from time import monotonic, sleep
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest

from nearcast.channels.provider_http import Limit, Login, Provider
from nearcast.channels.sms.refusals import refusal
from nearcast.channels.sms.twilio import Account, Sms
from nearcast.domain.channel_event import Inbound, Preference, Rank, Receipt, Unparsed
from nearcast.domain.errors import InvalidInput
from nearcast.domain.sending import (
    Accepted,
    LocationRequest,
    NotSent,
    Purpose,
    Rejected,
    RetryClass,
    Scope,
    Text,
    Unknown,
)
from nearcast.services.channel_ports import BadSignature, Capability
from tests.channels.peers import NOW, Asked, Peer, Said, outbound, peer

SID, TOKEN, NUMBER = "AC" + "0" * 32, "auth-token", "+15005550006"
URL = "https://offers.example/v1/webhooks/sms"
TO = "+4915112345678"


def twilio(asked: Asked) -> Said:
    """Takes what Twilio's reference asks for, and nothing else."""
    login = b64encode(f"{SID}:{TOKEN}".encode()).decode()
    if asked.headers["Authorization"] != f"Basic {login}":
        return refusing(401, 20003)
    if asked.path == f"/2010-04-01/Accounts/{SID}.json":
        return Said(200, json.dumps({"status": "active"}).encode())
    form = {name: value for name, (value,) in parse_qs(asked.body.decode(), strict_parsing=True).items()}
    known = {"To", "Body", "ValidityPeriod", "StatusCallback", "From", "MessagingServiceSid"}
    is_whole = (
        asked.path == f"/2010-04-01/Accounts/{SID}/Messages.json"
        and set(form) <= known
        and form["To"].startswith("+")
        and 0 < len(form["Body"]) <= 1600
        and ("From" in form) != ("MessagingServiceSid" in form)
        and 1 <= int(form["ValidityPeriod"]) <= 36_000
    )
    return Said(201, json.dumps({"sid": "SM1", "status": "queued"}).encode()) if is_whole else refusing(400, 21602)


def refusing(status: int, code: int | None, **headers: str) -> Said:
    return Said(status, json.dumps({"code": code, "message": f"no {TO}", "status": status}).encode(), headers)


@pytest.fixture(scope="module")
def _provider() -> Iterator[Peer]:
    with peer(twilio) as server:
        yield server


@pytest.fixture
def provider(_provider: Peer) -> Peer:
    _provider.got.clear()
    _provider.say = twilio
    return _provider


_OPEN: list[Provider] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while _OPEN:
        _OPEN.pop().close()


def sms(url: str = "http://127.0.0.1:9", *, key: str = TOKEN, limit: Limit | None = None, **changes: Any) -> Sms:
    said: dict[str, Any] = {"sid": SID, "tokens": [key], "sender": NUMBER, "webhook_url": URL}
    made = Provider(url, monotonic_s=monotonic, login=Login(user=SID, password=key), limit=limit)
    _OPEN.append(made)
    return Sms(Account(**{**said, **changes}), made, now=lambda: NOW)


def form_of(provider: Peer) -> dict[str, str]:
    return {name: value for name, (value,) in parse_qs(provider.got[-1].body.decode()).items()}


@pytest.mark.enable_socket
def test_an_offer_leaves_once_and_counts_for_what_is_left_of_it(provider: Peer):
    assert sms(provider.url).send(outbound(TO)) == Accepted(provider_id="SM1")
    assert form_of(provider) == {
        "To": TO,
        "Body": "Coffee −20 % until 12:20",
        "From": NUMBER,
        "StatusCallback": URL,
        "ValidityPeriod": "1200",
    }
    assert len(provider.got) == 1


@pytest.mark.enable_socket
def test_a_message_costs_as_many_prices_as_it_has_segments_its_link_among_them(provider: Peer):
    text = Text(body="Coffee -20 % " * 12)
    assert sms(provider.url).send(outbound(TO, content=text)) == Accepted(provider_id="SM1", prices=1)
    assert sms(provider.url, sender="CAFE").send(outbound(TO, content=text)) == Accepted(provider_id="SM1", prices=2)


@pytest.mark.enable_socket
def test_a_messaging_service_takes_the_place_of_a_number(provider: Peer):
    channel = sms(provider.url, sender=None, service_sid="MG1", webhook_url=None)
    assert isinstance(channel.send(outbound(TO, ttl_s=1e6)), Accepted)
    form = form_of(provider)
    assert (form["MessagingServiceSid"], form["ValidityPeriod"]) == ("MG1", "36000")
    assert not {"From", "StatusCallback"} & set(form)
    with pytest.raises(InvalidInput):
        Account(sid=SID, tokens=[TOKEN])


@pytest.mark.enable_socket
def test_who_cannot_answer_gets_a_link_to_stop(provider: Peer):
    channel = sms(provider.url, sender="CAFE")
    assert isinstance(channel.send(outbound(TO)), Accepted)
    assert form_of(provider)["Body"].endswith("\nSTOP: https://offers.example/unsubscribe/token")
    assert Capability.INBOUND not in channel.capabilities
    assert Capability.INBOUND in sms().capabilities
    with pytest.raises(InvalidInput):
        channel.render(outbound(TO, opt_out_url=None))
    assert b"STOP" not in channel.render(outbound(TO, purpose=Purpose.SERVICE))


@pytest.mark.enable_socket
def test_what_is_over_does_not_leave(provider: Peer):
    assert sms(provider.url).send(outbound(TO, not_after=NOW)) == NotSent(reason="over", is_final=True)
    assert provider.got == []


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    ("said", "retry", "scope"),
    [
        (refusing(400, 21610), RetryClass.USER_OPTOUT, Scope.USER),
        (refusing(400, 21211), RetryClass.USER_UNREACHABLE, Scope.USER),
        (refusing(400, 21614), RetryClass.USER_UNREACHABLE, Scope.USER),
        (refusing(429, 20429), RetryClass.THROTTLE, Scope.SENDER),
        (Said(429, b"slow down"), RetryClass.THROTTLE, Scope.SENDER),
        (refusing(401, 20003), RetryClass.SENDER_STOP, Scope.SENDER),
        (Said(401, b"<html>"), RetryClass.SENDER_STOP, Scope.SENDER),
        (refusing(400, 21408), RetryClass.REPLAN, Scope.MARKET),
        (refusing(503, 20503), RetryClass.RETRY, Scope.REQUEST),
        (refusing(400, 99999), RetryClass.BUG, Scope.REQUEST),
        (Said(302, b"", {"Location": "/elsewhere"}), RetryClass.BUG, Scope.REQUEST),
    ],
)
def test_each_refusal_says_what_to_do_next(provider: Peer, said: Said, retry: RetryClass, scope: Scope):
    provider.say = lambda asked: said
    outcome = sms(provider.url).send(outbound(TO))
    assert isinstance(outcome, Rejected)
    assert (outcome.error.retry, outcome.error.scope) == (retry, scope)
    assert TO not in repr(outcome)
    assert len(provider.got) == 1


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    "said", [Said(500, b"<html>"), Said(201, b"{}"), Said(201, b"x" * 70_000), Said(200, b"[1"), Said(hangs_up=True)]
)
def test_what_nobody_can_tell_is_unknown_and_is_asked_once(provider: Peer, said: Said):
    provider.say = lambda asked: said
    assert isinstance(sms(provider.url).send(outbound(TO)), Unknown)
    assert len(provider.got) == 1


@pytest.mark.enable_socket
def test_nothing_left_where_nobody_listens_and_a_silent_provider_is_left_in_time():
    with peer(twilio) as gone:
        url = gone.url
    assert sms(url).send(outbound(TO)) == NotSent(reason="ConnectError")
    with peer(slow_twilio) as slow:
        assert isinstance(sms(slow.url, limit=Limit(timeout_s=0.05)).send(outbound(TO)), Unknown)
    assert len(slow.got) == 1


def slow_twilio(asked: Asked) -> Said:
    sleep(0.3)
    return twilio(asked)


@pytest.mark.enable_socket
def test_the_account_is_asked_whether_it_may_send(provider: Peer):
    assert sms(provider.url).probe().is_ready
    assert not sms(provider.url, key="another").probe().is_ready
    provider.say = lambda asked: Said(200, b'{"status": "suspended"}')
    assert not sms(provider.url).probe().is_ready


def signed(form: dict[str, str], url: str = URL, key: str = TOKEN) -> dict[str, str]:
    text = url + "".join(name + form[name] for name in sorted(form))
    return {"X-Twilio-Signature": b64encode(digest(key.encode(), text.encode(), "sha1")).decode()}


STATUS = {"AccountSid": SID, "MessageSid": "SM1", "MessageStatus": "delivered", "From": NUMBER, "To": TO}
WRITTEN = {"AccountSid": SID, "MessageSid": "SM2", "From": TO, "To": NUMBER, "Body": "Stop & Ende +", "NumMedia": "0"}


def test_what_twilio_has_signed_is_taken_and_nothing_else():
    channel, raw = sms(tokens=["newer", TOKEN]), urlencode(WRITTEN).encode()
    channel.verify(signed(WRITTEN), raw)
    channel.verify(signed(WRITTEN, key="newer"), raw)
    channel.verify(signed(WRITTEN, "https://offers.example:443/v1/webhooks/sms"), raw)
    lower = {name.lower(): value for name, value in signed(WRITTEN).items()}
    channel.verify(lower, raw)
    wrong: list[tuple[dict[str, str], bytes]] = [
        ({}, raw),
        ({"X-Twilio-Signature": "ä\udc80"}, raw),
        (signed(WRITTEN), raw + b"&Body=more"),
        (signed(WRITTEN), raw.replace(b"Stop", b"Start")),
        (signed(WRITTEN, "https://elsewhere.example/v1/webhooks/sms"), raw),
        (signed(WRITTEN, key="forged"), raw),
    ]
    for headers, body in wrong:
        with pytest.raises(BadSignature):
            channel.verify(headers, body)
    with pytest.raises(BadSignature):
        sms(webhook_url=None).verify(signed(WRITTEN, ""), raw)


def test_the_signature_of_twilios_own_example_is_found_right():
    form = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+12349013030",
        "Digits": "1234",
        "From": "+12349013030",
        "To": "+18005551212",
    }
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    channel = sms(tokens=["12345"], webhook_url=url)
    channel.verify({"X-Twilio-Signature": "0/KCTR6DLpKmkAf8muzZqo1nDgQ="}, urlencode(form).encode())


@pytest.mark.parametrize(
    ("status", "rank"),
    [("queued", Rank.ACCEPTED), ("sent", Rank.SENT), ("delivered", Rank.DELIVERED), ("read", Rank.READ)],
)
def test_a_status_says_how_far_a_message_came(status: str, rank: Rank):
    (event,) = sms().parse(urlencode({**STATUS, "MessageStatus": status}).encode())
    assert isinstance(event, Receipt)
    assert (event.key, event.provider_id, event.rank, event.error) == (f"s:SM1:{status}", "SM1", rank, None)
    assert TO not in repr(event)


def test_a_failed_status_says_why():
    failed = {**STATUS, "MessageStatus": "undelivered", "ErrorCode": "30005"}
    (event,) = sms().parse(urlencode(failed).encode())
    assert isinstance(event, Receipt)
    assert event.rank is None
    assert event.error == refusal(30005)
    assert refusal(30005).retry is RetryClass.USER_UNREACHABLE
    (bare,) = sms().parse(urlencode({**STATUS, "MessageStatus": "failed", "ErrorCode": "soon"}).encode())
    assert isinstance(bare, Receipt)
    assert bare.error is not None


def test_what_a_person_writes_is_heard_and_stop_is_what_twilio_keeps_too():
    (written,) = sms().parse(urlencode(WRITTEN).encode())
    assert isinstance(written, Inbound)
    assert (written.text, written.received_by, written.sender_keys[0].key) == ("Stop & Ende +", NUMBER, TO)
    preference, again = sms().parse(urlencode({**WRITTEN, "OptOutType": "STOP"}).encode())
    assert isinstance(preference, Preference)
    assert (preference.wants_marketing, again) == (False, written)
    (help_asked,) = sms().parse(urlencode({**WRITTEN, "OptOutType": "HELP"}).encode())
    assert isinstance(help_asked, Inbound)


@pytest.mark.parametrize("raw", [b"", b"{}", b"\xff\xfe", b"MessageSid=SM1", b"MessageStatus=sent", b"a=b&a=c;&&=="])
def test_whatever_else_comes_is_kept_as_not_understood(raw: bytes):
    (event,) = sms().parse(raw)
    assert isinstance(event, Unparsed)


def test_what_a_text_message_cannot_say_is_refused_and_no_secret_shows_itself():
    for content in (Text(body=""), Text(body="x" * 1601), LocationRequest(body="where?")):
        with pytest.raises(InvalidInput):
            sms().render(outbound(TO, content=content))
    assert "auth-token" not in repr(sms()._account)
    assert "auth-token" not in repr(Login(user=SID, password=TOKEN))
