"""Webhooks as Meta documents them, and what is read of one thing in one."""

import json
from datetime import UTC, datetime
from typing import Any

from nearcast.channels.whatsapp.webhook import events_of
from nearcast.domain.channel_event import ChannelEvent, Unparsed
from nearcast.domain.sending import LearntKey

Json = dict[str, Any]

NUMBER_ID = "106540352242922"
ACCOUNT_ID = "102290129340398"
WAMID = "wamid.HBgLNDkxNTExMjM0NTY3OBUCABEYEjlC"
THEIRS = "wamid.HBgLNDkxNTExMjM0NTY3OBUCABIYIDBD"
TIME = 1780394400
TIMES = str(TIME)
AT = datetime.fromtimestamp(TIME, UTC)
NOW = datetime(2026, 6, 2, 12, tzinfo=UTC)

SENT: Json = {
    "id": WAMID,
    "status": "sent",
    "timestamp": TIMES,
    "recipient_id": "4915112345678",
    "recipient_user_id": "DE.134",
    "biz_opaque_callback_data": "nc1:m-1",
    "pricing": {"billable": True, "pricing_model": "PMP", "type": "regular", "category": "marketing"},
}
FAILED: Json = {
    "id": WAMID,
    "status": "failed",
    "timestamp": TIMES,
    "errors": [{"code": 131050, "title": "not shown", "error_data": {"details": "not shown"}}],
}
TEXT: Json = {
    "from": "4915112345678",
    "from_user_id": "DE.134",
    "id": THEIRS,
    "timestamp": TIMES,
    "type": "text",
    "text": {"body": "Stop"},
}
CONTACT: Json = {"profile": {"name": "Anna"}, "wa_id": "4915112345678", "user_id": "DE.134"}


def message(kind: str, **said: Any) -> Json:
    """A message of a person with other contents."""
    return {key: TEXT[key] for key in ("from", "id", "timestamp")} | {"type": kind} | said


STOP: Json = {
    "wa_id": "4915112345678",
    "category": "marketing_messages",
    "value": "stop",
    "detail": "User requested to stop marketing messages",
    "timestamp": TIME,
}
TEMPLATE: Json = {
    "message_template_id": 1689556908129832,
    "message_template_name": "coffee_nearby",
    "message_template_language": "de",
}
PAUSED: Json = TEMPLATE | {"event": "PAUSED", "reason": "NONE", "other_info": {"title": "FIRST_PAUSE"}}


def change(field: str, /, **value: Any) -> Json:
    return {"field": field, "value": value}


def messages(**value: Any) -> Json:
    metadata = {"display_phone_number": "4930123456", "phone_number_id": NUMBER_ID}
    return change("messages", messaging_product="whatsapp", metadata=metadata, **value)


def webhook(*changes: Json, **entry: Any) -> bytes:
    """One entry with these changes."""
    return body({"id": ACCOUNT_ID, "changes": list(changes), **entry})


def body(*entries: Json) -> bytes:
    return json.dumps({"object": "whatsapp_business_account", "entry": list(entries)}).encode()


def read(raw: bytes) -> ChannelEvent:
    (event,) = events_of(raw, NOW)
    return event


WA_ID = LearntKey(kind="wa_id", key="4915112345678")
BSUID = LearntKey(kind="bsuid", key="DE.134")


def unread(raw: bytes) -> str:
    event = read(raw)
    assert isinstance(event, Unparsed)
    return event.what
