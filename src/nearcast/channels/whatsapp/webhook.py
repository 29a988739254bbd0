"""What Meta's webhooks report: every item of every change of every entry (messaging reference §2.2–2.5).

A reader for each kind of item gives its event. What one does not understand is told as such by itself: nothing of the
rest is lost with it.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, TypeAlias

from nearcast.channels.whatsapp.account_events import account_trouble, sender_change, template_change
from nearcast.channels.whatsapp.names import contacts_by_key
from nearcast.channels.whatsapp.people import message, preference
from nearcast.channels.whatsapp.reading import Change, NotUnderstood, instant, items, part, spoken, text
from nearcast.channels.whatsapp.receipts import receipt
from nearcast.domain.channel_event import ChannelEvent, Unparsed
from nearcast.domain.errors import InvalidInput

Read: TypeAlias = Callable[[Mapping[str, Any], Change], ChannelEvent]

_LISTS: dict[str, dict[str, Read]] = {
    "messages": {"messages": message, "statuses": receipt, "errors": account_trouble},
    "user_preferences": {"user_preferences": preference},
}
_WHOLE: dict[str, Read] = {
    "message_template_status_update": template_change,
    "message_template_quality_update": template_change,
    "template_category_update": template_change,
    "phone_number_quality_update": sender_change,
    "business_capability_update": sender_change,
    "account_update": sender_change,
    "account_alerts": sender_change,
    "account_review_update": sender_change,
    "phone_number_name_update": sender_change,
    "security": sender_change,
    "payment_configuration_update": sender_change,
}


def events_of(raw: bytes, now: datetime) -> Sequence[ChannelEvent]:
    """Everything that signed bytes report, in their order; never an exception. An item without a time of its own
    happened when its entry did, and where that has none either, `now`.
    """
    try:
        said = json.loads(raw)
    except (ValueError, RecursionError):
        said = None
    # what has no id of its own is known again by the bytes it came in
    body = _Body(sha256(raw).hexdigest()[:32], now)
    return list(body.events(said))


class _Body:
    """One webhook while it is read."""

    def __init__(self, digest: str, now: datetime) -> None:
        self._digest, self._now = digest, now
        self._unread = 0

    def events(self, said: Any) -> Iterator[ChannelEvent]:
        entries = items(said, "entry") if isinstance(said, dict) else []
        if not entries:
            yield self._unparsed("body", None)
        for entry in entries:
            changes = items(entry, "changes") if isinstance(entry, dict) else []
            if not changes:
                yield self._unparsed("entry", None)
            for each in changes:
                if isinstance(each, dict) and isinstance(each.get("value"), dict):
                    yield from self._change(_change(entry, each, self._now))
                else:
                    yield self._unparsed("change", text(entry, "id"))

    def _change(self, change: Change) -> Iterator[ChannelEvent]:
        whole = _WHOLE.get(change.field)
        if whole is not None:
            yield self._item(whole, change.said, change)
            return
        lists = _LISTS.get(change.field, {})
        found = [(read, each) for name, read in lists.items() for each in items(change.said, name)]
        if not found:
            yield self._unparsed(f"field {spoken(change.field)}", change.received_by)
        for read, each in found:
            yield self._item(read, each, change)

    def _item(self, read: Read, said: Any, change: Change) -> ChannelEvent:
        try:
            if not isinstance(said, dict):
                raise NotUnderstood("no object")
            return read(said, change)
        except NotUnderstood as why:
            return self._unparsed(f"{spoken(change.field)}: {why}", change.received_by)
        except InvalidInput:
            return self._unparsed(f"{spoken(change.field)}: a value is out of range", change.received_by)

    def _unparsed(self, what: str, received_by: str | None) -> Unparsed:
        self._unread += 1
        return Unparsed(key=f"u:{self._digest}:{self._unread}", what=what, received_by=received_by)


def _change(entry: Mapping[str, Any], change: Mapping[str, Any], now: datetime) -> Change:
    return Change(
        field=text(change, "field") or "",
        said=part(change, "value"),
        account=text(entry, "id") or "",
        at=instant(entry, "time") or now,
        time=text(entry, "time") or "",
        contacts=contacts_by_key(part(change, "value")),
    )
