"""Every channel with its other side on this machine: what the conformance suite asks of each."""

import hmac
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, replace
from time import monotonic
from urllib.parse import urlencode

from aiosmtpd.controller import Controller
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from nearcast.channels.console import Console
from nearcast.channels.provider_http import Login, Provider
from nearcast.channels.recorder import Recorder
from nearcast.channels.sms import twilio as twilio_channel
from nearcast.channels.telegram.bot import Telegram
from nearcast.channels.whatsapp.adapter import WhatsApp
from nearcast.services.channel_ports import Adapter
from tests.channels import test_email, test_sms, test_telegram, test_webpush
from tests.channels.peers import NOW, Asked, Peer, Said, peer
from tests.channels.whatsapp.values import ACCOUNT, BEARER, PHONE_ID
from tests.channels.whatsapp.webhooks import FAILED, SENT, TEXT, messages, webhook

Say = Callable[[Asked], Said]
Report = tuple[Mapping[str, str], bytes]
"""Headers and bytes of a webhook, as its provider signs it."""

NOBODY = "http://127.0.0.1:9"


@dataclass
class Case:
    """An adapter, whom it writes to, and how many messages have come to the other side. `peer` is that side where it
    speaks HTTP; `deaf` the same adapter with nobody there; `hidden` must never be shown.
    """

    adapter: Adapter
    to: str
    left: Callable[[], int]
    deaf: Adapter
    hidden: Sequence[str] = ()
    peer: Peer | None = None
    reports: Sequence[Report] = ()
    takes_any_text: bool = False


@contextmanager
def recorder() -> Iterator[Case]:
    made = Recorder()
    yield Case(made, "anna", lambda: len(made.sent), made, takes_any_text=True)


@contextmanager
def console() -> Iterator[Case]:
    stream = io.StringIO()
    yield _printing(stream, lambda: stream.getvalue().count("\n"))


@contextmanager
def console_of_few_letters() -> Iterator[Case]:
    raw = io.BytesIO()
    yield _printing(io.TextIOWrapper(raw, encoding="ascii", newline="\n"), lambda: raw.getvalue().count(b"\n"))


def _printing(stream: io.TextIOBase, left: Callable[[], int]) -> Case:
    closed = io.StringIO()
    closed.close()
    return Case(Console(stream), "+4915112345678", left, Console(closed), takes_any_text=True)  # type: ignore[arg-type]


@contextmanager
def whatsapp() -> Iterator[Case]:
    def meta(asked: Asked) -> Said:
        if asked.path != f"/v23.0/{PHONE_ID}/messages" or asked.headers["Authorization"] != f"Bearer {BEARER}":
            return Said(404)
        json.loads(asked.body)
        return Said(200, json.dumps({"messages": [{"id": "wamid.1"}]}).encode())

    def adapter(url: str) -> WhatsApp:
        return WhatsApp(replace(ACCOUNT, base_url=url), now=lambda: NOW)

    with peer(meta) as other, closing(adapter(other.url)) as made, closing(adapter(NOBODY)) as deaf:
        raws = [webhook(messages(statuses=[SENT, FAILED])), webhook(messages(messages=[TEXT]))]
        to, hidden = "+4915112345678", ("4915112345678", BEARER, *ACCOUNT.app_secrets)
        yield Case(made, to, _count(other), deaf, hidden, other, [_by_meta(raw) for raw in raws])


def _by_meta(raw: bytes) -> Report:
    signature = hmac.new(ACCOUNT.app_secrets[0].encode(), raw, "sha256").hexdigest()
    return {"X-Hub-Signature-256": f"sha256={signature}"}, raw


@contextmanager
def sms() -> Iterator[Case]:
    account = twilio_channel.Account(
        sid=test_sms.SID, tokens=[test_sms.TOKEN], sender=test_sms.NUMBER, webhook_url=test_sms.URL
    )
    login = Login(user=test_sms.SID, password=test_sms.TOKEN)

    def provider(url: str) -> Provider:
        return Provider(url, monotonic_s=monotonic, login=login)

    with peer(test_sms.twilio) as other, closing(provider(other.url)) as there, closing(provider(NOBODY)) as nowhere:
        forms = [test_sms.STATUS, test_sms.WRITTEN]
        yield Case(
            twilio_channel.Sms(account, there, now=lambda: NOW),
            test_sms.TO,
            _count(other),
            twilio_channel.Sms(account, nowhere, now=lambda: NOW),
            (test_sms.TO[1:], test_sms.TOKEN),
            other,
            [(test_sms.signed(form), urlencode(form).encode()) for form in forms],
        )


@contextmanager
def telegram() -> Iterator[Case]:
    def provider(url: str) -> Provider:
        return Provider(url, monotonic_s=monotonic)

    said = {"message_id": 1, "date": 1, "chat": {"id": 99887766, "type": "private"}, "text": "Stop"}
    raw = json.dumps({"update_id": 1, "message": {**said, "from": {"id": 99887766}}}).encode()
    with (
        peer(test_telegram.telegram) as other,
        closing(provider(other.url)) as there,
        closing(provider(NOBODY)) as nowhere,
    ):
        yield Case(
            Telegram(test_telegram.BOT, there, now=lambda: NOW),
            test_telegram.CHAT,
            _count(other),
            Telegram(test_telegram.BOT, nowhere, now=lambda: NOW),
            (test_telegram.CHAT, "hidden"),
            other,
            [({"X-Telegram-Bot-Api-Secret-Token": test_telegram.BOT.secrets[0]}, raw)],
        )


@contextmanager
def webpush() -> Iterator[Case]:
    browser = test_webpush.Browser(generate_private_key(SECP256R1()))
    with peer(lambda asked: Said(201)) as other:
        endpoint = f"{other.url}/push/endpoint"
        to, made = browser.subscribed(endpoint), test_webpush.pusher()
        gone = test_webpush.pusher(addresses=lambda _host, _port: ["127.0.0.2"])
        yield Case(made, to, _count(other), gone, ("push/endpoint", test_webpush.KEY), other)


@contextmanager
def email() -> Iterator[Case]:
    box = test_email.Box()
    server = Controller(
        box,
        hostname="127.0.0.1",
        port=test_email.free_port(),
        authenticator=test_email.let_in,
        auth_require_tls=False,
        server_hostname="here",
    )
    server.start()
    try:
        made, deaf = test_email.mailer(server.port), test_email.mailer(9)
        yield Case(made, "ada.lovelace@example.org", lambda: len(box.got), deaf, ("ada.lovelace",))
    finally:
        server.stop()


def _count(other: Peer) -> Callable[[], int]:
    return lambda: len([asked for asked in other.got if asked.body])


CASES: Mapping[str, Callable[[], AbstractContextManager[Case]]] = {
    "recorder": recorder,
    "console": console,
    "console of few letters": console_of_few_letters,
    "whatsapp": whatsapp,
    "sms": sms,
    "telegram": telegram,
    "webpush": webpush,
    "email": email,
}
OVER_HTTP = ["whatsapp", "sms", "telegram", "webpush"]
WITH_REPORTS = ["whatsapp", "sms", "telegram"]
ELSEWHERE = ["whatsapp", "sms", "telegram", "webpush", "email"]
"""Those whose other side may be away."""
