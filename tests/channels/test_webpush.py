"""Messages to browsers, against a push service on this machine that decrypts what it gets as a browser would."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from py_vapid import Vapid02

from nearcast.channels.guarded_http import Guarded
from nearcast.channels.webpush.keys import new_key, private_key, public_key
from nearcast.channels.webpush.push import WebPush
from nearcast.channels.webpush.subscription import subscription
from nearcast.domain.errors import InvalidInput
from nearcast.domain.sending import (
    Accepted,
    Attempt,
    Choice,
    NotSent,
    Rejected,
    RetryClass,
    Scope,
    Template,
    Text,
    Unknown,
)
from nearcast.services.channel_ports import BadSignature
from tests.channels.peers import NOW, SOON, Peer, Said, outbound, peer

KEY = new_key()


@dataclass
class Browser:
    """Who alone can read what is pushed to its endpoint."""

    key: EllipticCurvePrivateKey
    auth: bytes = b"0123456789abcdef"

    def subscribed(self, endpoint: str) -> str:
        point = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        keys = {"p256dh": written(point), "auth": written(self.auth)}
        return json.dumps({"endpoint": endpoint, "expirationTime": None, "keys": keys})

    def reads(self, body: bytes) -> dict[str, Any]:
        plain = http_ece.decrypt(body, private_key=self.key, auth_secret=self.auth, version="aes128gcm")
        found: dict[str, Any] = json.loads(plain)
        return found


def written(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def pusher(
    now: Callable[[], datetime] = lambda: NOW,
    *,
    allows_private: bool = True,
    push_services: Sequence[str] = ("127.0.0.1",),
    **http: Any,
) -> WebPush:
    guarded = Guarded(allows_private=allows_private, timeout_s=http.pop("timeout_s", 5), within_s=5, **http)
    needs_tls, contact = not allows_private, "mailto:us@offers.example"
    return WebPush(KEY, contact=contact, http=guarded, now=now, needs_tls=needs_tls, push_services=push_services)


@pytest.fixture(scope="module")
def browser() -> Browser:
    return Browser(generate_private_key(SECP256R1()))


@pytest.fixture(scope="module")
def _service() -> Iterator[Peer]:
    with peer(lambda asked: Said(201)) as server:
        yield server


@pytest.fixture
def service(_service: Peer) -> Peer:
    _service.got.clear()
    _service.say = lambda asked: Said(201)
    return _service


def sent(service: Peer, browser: Browser, **changes: Any) -> Attempt:
    return pusher().send(outbound(browser.subscribed(f"{service.url}/push/1"), **changes))


@pytest.mark.enable_socket
def test_only_the_browser_reads_it_and_the_push_service_knows_how_long_it_counts(service: Peer, browser: Browser):
    content = Text(body="Kaffee −20 %", title="Café Central", url="https://offers.example/v/1")
    assert sent(service, browser, content=content, topic="camp-7") == Accepted()
    (asked,) = service.got
    assert browser.reads(asked.body) == {
        "id": "msg-1",
        "title": "Café Central",
        "body": "Kaffee −20 %",
        "url": "https://offers.example/v/1",
        "topic": asked.headers["Topic"],
        "expires_at_ms": int(SOON.timestamp() * 1000),
        "opt_out_url": "https://offers.example/unsubscribe/token",
    }
    assert b"Kaffee" not in asked.body
    assert (asked.headers["TTL"], asked.headers["Urgency"]) == ("1200", "high")
    assert asked.headers["Content-Encoding"] == "aes128gcm"
    assert len(asked.headers["Topic"]) == 32
    assert "camp-7" not in str(asked.headers)


@pytest.mark.enable_socket
def test_it_is_signed_by_us_for_that_push_service_alone(service: Peer, browser: Browser):
    sent(service, browser)
    header = service.got[0].headers["Authorization"]
    assert Vapid02.verify(header)
    said = dict(part.split("=", 1) for part in header.removeprefix("vapid ").split(","))
    assert said["k"] == public_key(KEY)
    claims = json.loads(urlsafe_b64decode(said["t"].split(".")[1] + "=="))
    assert claims["aud"] == service.url
    assert claims["sub"] == "mailto:us@offers.example"
    assert 0 < claims["exp"] - NOW.timestamp() <= 86_400


@pytest.mark.enable_socket
def test_a_signature_is_kept_for_hours_and_never_until_it_is_too_old(service: Peer, browser: Browser):
    times = [NOW, NOW + timedelta(hours=1), NOW + timedelta(hours=7), NOW + timedelta(hours=40)]
    left = iter(times)
    push = pusher(lambda: next(left))
    to = outbound(browser.subscribed(f"{service.url}/push/1"), not_after=NOW + timedelta(days=3))
    for _ in times:
        push.send(to)
    first, again, anew, last = (asked.headers["Authorization"] for asked in service.got)
    assert first == again
    assert len({first, anew, last}) == 3


@pytest.mark.enable_socket
def test_a_newer_offer_of_a_campaign_takes_the_place_of_the_one_before(service: Peer, browser: Browser):
    for topic in ("camp-7", "camp-7", "camp-8", None):
        sent(service, browser, topic=topic)
    first, second, other, none = (asked.headers["Topic"] for asked in service.got)
    assert first == second != other
    assert none is None


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    ("not_after", "ttl_s", "said"),
    [(SOON, None, "1200"), (SOON, 0, "0"), (NOW, None, "0"), (NOW - timedelta(1), None, "0"), (SOON, 1e9, "2419200")],
)
def test_the_push_service_keeps_it_for_as_long_as_it_counts(
    service: Peer, browser: Browser, not_after: datetime, ttl_s: float | None, said: str
):
    sent(service, browser, not_after=not_after, ttl_s=ttl_s)
    assert service.got[0].headers["TTL"] == said


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    ("status", "retry"),
    [
        (404, RetryClass.USER_UNREACHABLE),
        (410, RetryClass.USER_UNREACHABLE),
        (401, RetryClass.SENDER_STOP),
        (403, RetryClass.SENDER_STOP),
        (400, RetryClass.BUG),
        (413, RetryClass.BUG),
        (302, RetryClass.BUG),
        (429, RetryClass.THROTTLE),
        (503, RetryClass.RETRY),
    ],
)
def test_each_refusal_says_what_to_do_next(service: Peer, browser: Browser, status: int, retry: RetryClass):
    service.say = lambda asked: Said(status, b"gone", {"Retry-After": "17", "Location": "/elsewhere"})
    outcome = sent(service, browser)
    assert isinstance(outcome, Rejected)
    assert (outcome.error.retry, outcome.error.code, outcome.error.retry_after_s) == (retry, str(status), 17)
    assert len(service.got) == 1


@pytest.mark.enable_socket
def test_a_push_service_of_somebodys_own_stops_nobody_but_them(service: Peer, browser: Browser):
    for status, retry in (
        (401, RetryClass.USER_UNREACHABLE),
        (403, RetryClass.USER_UNREACHABLE),
        (429, RetryClass.RETRY),
    ):
        service.say = partial(lambda status, _asked: Said(status), status)
        outcome = pusher(push_services=("27.0.0.1", "push.example")).send(
            outbound(browser.subscribed(f"{service.url}/1"))
        )
        assert isinstance(outcome, Rejected)
        assert (outcome.error.retry, outcome.error.scope) == (retry, Scope.USER)


@pytest.mark.enable_socket
def test_what_nobody_can_tell_is_unknown_and_what_never_left_is_not_sent(service: Peer, browser: Browser):
    for said in (Said(500), Said(502), Said(hangs_up=True)):
        service.say = partial(lambda said, _asked: said, said)
        assert isinstance(sent(service, browser), Unknown)
    assert len(service.got) == 3
    with peer(lambda asked: Said()) as gone:
        nowhere = browser.subscribed(f"{gone.url}/push/1")
    assert pusher().send(outbound(nowhere)) == NotSent(reason="ConnectError")


def test_an_endpoint_that_leads_inside_is_not_gone_to(browser: Browser):
    inside = pusher(allows_private=False, addresses=lambda host, port: ["8.8.8.8", "10.0.0.1"])
    to = outbound(browser.subscribed("https://push.example/1"))
    assert inside.send(to) == NotSent(reason="private_network", is_final=True)
    bare = inside.send(outbound(browser.subscribed("http://push.example/1")))
    assert isinstance(bare, Rejected)
    assert bare.error.code == "not_https"


NO_POINT = json.dumps(
    {"endpoint": "https://push.example/1", "keys": {"p256dh": written(b"\x04" + bytes(64)), "auth": ""}}
)


@pytest.mark.parametrize(
    "address",
    ["", "{}", "[]", "null", '{"endpoint": 1, "keys": {}}', "https://push.example/1", NO_POINT],
)
def test_what_is_no_subscription_is_refused_without_showing_it(address: str):
    with pytest.raises(InvalidInput) as refused:
        subscription(address)
    assert str(refused.value) == "address: is not a push subscription"
    outcome = pusher().send(replace(outbound("x"), to=replace(outbound("x").to, address=address or "-")))
    assert isinstance(outcome, Rejected)
    assert outcome.error.retry is RetryClass.USER_UNREACHABLE


@pytest.mark.parametrize(
    "endpoint",
    [
        "ftp://a.example/1",
        "https:///1",
        "https://u@a.example/1",
        "https://[::1]/1",
        "https://a.example:0/1",
        "https://ä.example",
    ],
)
def test_an_endpoint_that_nobody_could_post_to_is_none(browser: Browser, endpoint: str):
    with pytest.raises(InvalidInput):
        subscription(browser.subscribed(endpoint))


def test_a_subscription_and_the_key_do_not_show_themselves(browser: Browser):
    found = subscription(browser.subscribed("https://push.example/secret"))
    assert "secret" not in repr(found)
    assert found.p256dh not in repr(found)
    with pytest.raises(InvalidInput) as refused:
        private_key("not-a-key-but-secret")
    assert "secret" not in str(refused.value)
    assert KEY not in repr(pusher())


def test_what_a_push_cannot_show_is_refused(browser: Browser):
    push = pusher()
    for content in (
        Text(body=" "),
        Text(body="x" * 601),
        Choice(body="b", label="l", rows=()),
        Template(name="n", language="de"),
    ):
        with pytest.raises(InvalidInput):
            push.render(outbound("x", content=content))
    long = outbound("x", content=Text(body="🎉" * 600, url="https://offers.example/" + "x" * 900))
    with pytest.raises(InvalidInput):
        push.render(long)
    assert (
        json.loads(push.render(outbound("x", content=Template(name="n", language="de", body="Tee"))))["body"] == "Tee"
    )
    with pytest.raises(BadSignature):
        push.verify({}, b"")


def test_every_new_key_is_another_and_one_of_the_curve():
    made = {new_key() for _ in range(50)}
    assert len(made) == 50
    assert len({public_key(each) for each in made}) == 50
    assert len(urlsafe_b64decode(public_key(KEY) + "=")) == 65
