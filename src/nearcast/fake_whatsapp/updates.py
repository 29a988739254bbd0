"""What webhooks say, item by item, and how many of them make a POST."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from nearcast.domain.value import value
from nearcast.fake_whatsapp.errors import Refusal
from nearcast.fake_whatsapp.people import Person
from nearcast.fake_whatsapp.settings import FakeSettings

_OURS, _THEIRS = b"\x15\x02\x00\x11\x18\x12", b"\x15\x02\x00\x12\x18\x14"


@value(kw_only=True)
class Update:
    """One thing to tell: `items` of one `kind` within a change of `field`; `contacts` go with it."""

    field: str
    kind: str | None
    item: Any
    contacts: tuple[Mapping[str, Any], ...] = ()


def wamid(number: str, n: int, seed: int, *, is_ours: bool = True) -> str:
    """A message's name. Like the real ones it holds the phone number, for whoever can read base64."""
    unique = hashlib.sha256(f"{seed}/{n}/{is_ours}".encode()).hexdigest()[: 18 if is_ours else 20].upper()
    digits = number.encode()
    raw = b"\x1c\x18" + bytes([len(digits)]) + digits + (_OURS if is_ours else _THEIRS) + unique.encode() + b"\x00"
    return "wamid." + base64.b64encode(raw).decode()


def status_update(
    settings: FakeSettings,
    person: Person,
    *,
    id_: str,
    status: str,
    at: datetime,
    tag: str | None,
    category: str,
    refusal: Refusal | None = None,
) -> Update:
    """A receipt. Prices stand in `sent` and in the first of delivered and read; `failed` has no contacts."""
    item: dict[str, Any] = {"id": id_, "status": status, "timestamp": _seconds(settings, at)}
    item |= person.keys(settings.names, "recipient_")
    if tag is not None:
        item["biz_opaque_callback_data"] = tag
    if refusal is not None:
        item["errors"] = [refusal.in_receipt()]
    elif settings.has_pricing and status != "read":
        item["pricing"] = {"billable": True, "pricing_model": "PMP", "type": "regular", "category": category}
    contacts = (_contact(settings, person),) if settings.has_contacts and refusal is None else ()
    return Update(field="messages", kind="statuses", item=item, contacts=contacts)


def message_update(
    settings: FakeSettings, person: Person, *, id_: str, at: datetime, content: Mapping[str, Any]
) -> Update:
    """What somebody wrote, tapped or sent."""
    sender = person.keys(settings.names)
    named = {"from": sender.get("wa_id"), "from_user_id": sender.get("user_id")}
    item = {key: said for key, said in {**named, **content}.items() if said is not None}
    item |= {"id": id_, "timestamp": _seconds(settings, at)}
    contacts = () if content["type"] == "system" else (_contact(settings, person, with_profile=True),)
    return Update(field="messages", kind="messages", item=item, contacts=contacts)


def preference_update(settings: FakeSettings, person: Person, *, at: datetime, wants: bool) -> Update:
    """WhatsApp's own switch for marketing."""
    keys = person.keys(settings.names)
    item = {
        **keys,
        "category": "marketing_messages",
        "value": "resume" if wants else "stop",
        "detail": f"User requested to {'resume' if wants else 'stop'} marketing messages",
        "timestamp": int(at.timestamp()),
    }
    return Update(field="user_preferences", kind="user_preferences", item=item, contacts=({**keys},))


def packed(settings: FakeSettings, updates: Sequence[Update], at: datetime) -> bytes:
    """One POST: the updates over as many entries and changes as there are to be, some of them merged."""
    entries = []
    for some in _parts(updates, settings.entries):
        changes = [change for part in _parts(some, settings.changes) for change in _changes(settings, part)]
        entries.append({"id": settings.account_id, "time": int(at.timestamp()), "changes": changes})
    return json.dumps({"object": "whatsapp_business_account", "entry": entries}).encode()


def signature(secret: str, raw: bytes) -> str:
    return "sha256=" + hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()


def _changes(settings: FakeSettings, updates: Sequence[Update]) -> list[dict[str, Any]]:
    """Those of one kind stand in one change."""
    values: dict[tuple[str, str | None], dict[str, Any]] = {}
    whole = []
    for update in updates:
        if update.kind is None:
            whole.append({"field": update.field, "value": update.item})
            continue
        value = values.setdefault((update.field, update.kind), _empty(settings))
        value.setdefault(update.kind, []).append(update.item)
        known = value.setdefault("contacts", [])
        known += [contact for contact in update.contacts if contact not in known]
    for value in values.values():
        if not value["contacts"]:
            del value["contacts"]
    return [*({"field": field, "value": value} for (field, _), value in values.items()), *whole]


def _empty(settings: FakeSettings) -> dict[str, Any]:
    metadata = {"display_phone_number": settings.display_number, "phone_number_id": settings.phone_number_id}
    return {"messaging_product": "whatsapp", "metadata": metadata}


def _parts(updates: Sequence[Update], count: int) -> list[Sequence[Update]]:
    """As even as can be, none of them empty."""
    size = max(1, -(-len(updates) // max(1, count)))
    return [updates[n : n + size] for n in range(0, len(updates), size)]


def _contact(settings: FakeSettings, person: Person, *, with_profile: bool = False) -> dict[str, Any]:
    return {**person.keys(settings.names), **({"profile": {"name": person.name}} if with_profile else {})}


def _seconds(settings: FakeSettings, at: datetime) -> str | int:
    seconds = int(at.timestamp())
    return seconds if settings.has_whole_times else str(seconds)
