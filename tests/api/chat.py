"""WhatsApp as a service here hears it: Meta's webhooks, signed, and what is answered, on a wire that keeps it."""

import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import httpx
from pydantic import SecretStr

from nearcast.bootstrap import application
from nearcast.channels.by_name import ByName
from nearcast.channels.whatsapp.adapter import Account, WhatsApp
from nearcast.domain.ids import TenantId
from nearcast.domain.sending import Accepted, Attempt, Button, Outbound, Text
from nearcast.providers import inbox
from nearcast.services.application import Application
from nearcast.services.chat import chat_handlers
from nearcast.services.conversation import Heard, Question
from nearcast.services.cursors import Cursors
from nearcast.services.inbox import InboxParts
from nearcast.services.ports import UnitOfWork
from nearcast.services.reservations import Booking
from nearcast.services.row_tokens import RowTokens
from nearcast.services.sender_states import SenderStates
from nearcast.services.tap_ids import TapIds
from nearcast.services.terms import Terms
from nearcast.services.vault_keys import open_vault
from nearcast.settings import Settings
from tests.api.service import NOON, Service
from tests.loopback import LOOPBACK

NUMBER, PHONE, WABA = "+4915112345678", "106540352242922", "102290129340398"
SECRETS = ("new secret", "old secret")
TOKEN, AGREED = "a-token", "agreed on"
WA_ID = NUMBER[1:]
BSUID = "DE.13491208655302741918"


def settings(**changes: Any) -> Settings:
    return Settings(
        whatsapp_base_url="http://127.0.0.1:9",
        whatsapp_token=SecretStr(TOKEN),
        whatsapp_phone_number_id=PHONE,
        whatsapp_business_account_id=WABA,
        whatsapp_app_secrets=SecretStr(",".join(SECRETS)),
        whatsapp_verify_token=SecretStr(AGREED),
        **changes,
    )


class Wire(WhatsApp):
    """Takes everything, or comes to what a test says next."""

    def __init__(self) -> None:
        account = Account(
            base_url="http://127.0.0.1:9",
            version="v23.0",
            phone_number_id=PHONE,
            token=TOKEN,
            app_secrets=SECRETS,
            verify_token=AGREED,
        )
        super().__init__(account, now=lambda: NOON)
        self.sent: list[Outbound] = []
        self.attempts: list[Attempt] = []

    def send(self, outbound: Outbound) -> Attempt:
        self.sent.append(outbound)
        return self.attempts.pop(0) if self.attempts else Accepted(provider_id=f"wamid.answer.{len(self.sent)}")


class Asked:
    """A question that is always open."""

    def is_open(self, uow: UnitOfWork, heard: Heard, now: datetime) -> bool:
        return True


@dataclass
class Chat:
    service: Service
    wire: Wire = field(default_factory=Wire)

    def post(self, *changes: dict[str, Any], secret: str = SECRETS[0], **headers: str) -> httpx.Response:
        """A webhook with these changes in one entry."""
        return self.post_raw(json.dumps(body(*changes)).encode(), secret=secret, **headers)

    def post_raw(self, raw: bytes, *, secret: str = SECRETS[0], **headers: str) -> httpx.Response:
        signed = {"X-Hub-Signature-256": signature(raw, secret), "Content-Type": "application/json", **headers}
        with httpx.Client(base_url=self.service.url, **LOOPBACK) as meta:
            return meta.post("/v1/webhooks/whatsapp", content=raw, headers=signed)

    def hears(self, *changes: dict[str, Any]) -> None:
        assert self.post(*changes).status_code == 200

    def works(self, tenant: str = "t1") -> int:
        """What a worker does with what came in, until nothing is left."""
        clock, inbox_, done = self.service.clock, self.service.app.inbox, 0
        for _ in range(20):
            some = inbox_.work_some(TenantId(tenant), clock.now(), clock.now)
            done += some
            if not some:
                return done
        raise AssertionError("there is always more to do")

    def says(self, text: str, **changes: Any) -> None:
        """A person writes, and is answered."""
        self.hears(messages(written(text, at=self.service.clock.now(), **changes)))
        self.works()

    def buttons(self) -> tuple[Button, ...]:
        """Those under the last answer."""
        content = self.wire.sent[-1].content
        assert isinstance(content, Text)
        return content.buttons

    def answers(self) -> list[str]:
        return [getattr(each.content, "body", "") for each in self.wire.sent]


def opened(service: Service, *questions: Question, **changes: Any) -> Chat:
    """The service with WhatsApp set up, where these questions may be open."""
    said, chat = settings(**changes), Chat(service)
    app = application(said, service.store, clock=service.clock, is_narrow=True)
    made = inbox(said, service.store.for_api(), service.store, _parts(service, app, chat.wire, questions))
    service.server.state.application = replace(app, inbox=made)
    return chat


def _parts(service: Service, app: Application, wire: Wire, questions: Sequence[Question]) -> InboxParts:
    return InboxParts(
        vault=open_vault(service.store, (), service.clock.now()),
        contacts=app.contacts,
        terms=Terms(),
        cursors=Cursors("a secret of more than 32 characters"),
        ways=ByName({"whatsapp": wire}, None),
        adapters={"whatsapp": wire},
        senders=SenderStates({}, {"whatsapp": wire.limits}),
        dice=lambda: 0.5,
        handlers=chat_handlers(
            app.staff,
            app.inbox.identities,
            Terms(),
            RowTokens("a secret of tests"),
            TapIds(b"a key of tests"),
            Booking(),
            lambda channel: wire,
        ),
        questions=questions,
    )


def signature(raw: bytes, secret: str = SECRETS[0]) -> str:
    return "sha256=" + hmac.new(secret.encode(), raw, "sha256").hexdigest()


def body(*changes: dict[str, Any]) -> dict[str, Any]:
    return {"object": "whatsapp_business_account", "entry": [{"id": WABA, "changes": list(changes)}]}


def _value(**said: Any) -> dict[str, Any]:
    metadata = {"display_phone_number": "4930123456", "phone_number_id": PHONE}
    return {"messaging_product": "whatsapp", "metadata": metadata, **said}


def messages(*said: dict[str, Any], phone: str = PHONE) -> dict[str, Any]:
    value = _value(messages=list(said), contacts=[{"wa_id": each["from"]} for each in said if "from" in each])
    value["metadata"]["phone_number_id"] = phone
    return {"field": "messages", "value": value}


def statuses(*said: dict[str, Any]) -> dict[str, Any]:
    return {"field": "messages", "value": _value(statuses=list(said))}


def preferences(*said: dict[str, Any]) -> dict[str, Any]:
    return {"field": "user_preferences", "value": _value(user_preferences=list(said))}


def _seconds(at: datetime) -> str:
    return str(int(at.timestamp()))


_count = iter(range(1, 1_000_000))


def written(text: str, *, at: datetime, wamid: str | None = None, sender: str = WA_ID) -> dict[str, Any]:
    name = wamid or f"wamid.in.{next(_count)}"
    return {"id": name, "from": sender, "timestamp": _seconds(at), "type": "text", "text": {"body": text}}


def pinned(lat: float, lon: float, *, at: datetime, sender: str = WA_ID) -> dict[str, Any]:
    name, place = f"wamid.in.{next(_count)}", {"latitude": lat, "longitude": lon}
    return {"id": name, "from": sender, "timestamp": _seconds(at), "type": "location", "location": place}


def chosen(payload: str, title: str, *, at: datetime, sender: str = WA_ID) -> dict[str, Any]:
    reply = {"type": "list_reply", "list_reply": {"id": payload, "title": title}}
    name = f"wamid.in.{next(_count)}"
    return {"id": name, "from": sender, "timestamp": _seconds(at), "type": "interactive", "interactive": reply}


def tapped(payload: str, title: str, *, at: datetime, sender: str = WA_ID) -> dict[str, Any]:
    reply = {"type": "button_reply", "button_reply": {"id": payload, "title": title}}
    name = f"wamid.in.{next(_count)}"
    return {"id": name, "from": sender, "timestamp": _seconds(at), "type": "interactive", "interactive": reply}


def status(what: str, wamid: str, *, at: datetime, tag: str | None = None, **more: Any) -> dict[str, Any]:
    tagged = {} if tag is None else {"biz_opaque_callback_data": tag}
    return {"id": wamid, "status": what, "timestamp": _seconds(at), "recipient_id": WA_ID, **tagged, **more}


def failed(code: int, wamid: str, *, at: datetime, tag: str | None = None) -> dict[str, Any]:
    return status("failed", wamid, at=at, tag=tag, errors=[{"code": code, "title": "refused"}])


def preference(value: str, *, at: datetime, **who: str) -> dict[str, Any]:
    said = {"category": "marketing_messages", "value": value, "detail": "…", "timestamp": int(at.timestamp())}
    return {**said, **(who or {"wa_id": WA_ID})}
