"""The provider's side of a message: whether it is taken, and what is told of it afterwards."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from nearcast.fake_whatsapp.bodies import Fault, check_body
from nearcast.fake_whatsapp.emitting import Emitter
from nearcast.fake_whatsapp.errors import LATE, Refusal
from nearcast.fake_whatsapp.limits import Pairs, Reach, Throughput
from nearcast.fake_whatsapp.people import Bubble, People, Person
from nearcast.fake_whatsapp.scripts import Scripts
from nearcast.fake_whatsapp.settings import FakeSettings
from nearcast.fake_whatsapp.templates import FakeTemplate
from nearcast.fake_whatsapp.updates import status_update, wamid


@dataclass
class Sent:
    """A message that has been taken."""

    id: str
    person: Person
    tag: str | None
    category: str
    bubble: Bubble
    is_held: bool = False


class Cloud:
    """Everything that is remembered. To be used by one thread."""

    def __init__(self, settings: FakeSettings, clock: Callable[[], datetime]) -> None:
        self._clock, self._at_first = clock, settings
        self.numbers = count(1)
        self.emitter = Emitter(lambda: self.settings, self.now)
        self.begin()

    def begin(self) -> None:
        """Be as at first, but for names: none is given twice."""
        self.settings, self._ahead = self._at_first, timedelta()
        self.people, self.scripts = People(), Scripts()
        self.templates: dict[tuple[str, str], FakeTemplate] = {}
        self.bodies: list[dict[str, Any]] = []
        self.requests, self.accepted = Counter[str](), Counter[str]()
        self.sent: dict[str, Sent] = {}
        self.throughput, self._pairs, self._reach = Throughput(), Pairs(), Reach()
        self.emitter.forget()

    def now(self) -> datetime:
        return self._clock() + self._ahead

    def advance(self, seconds: float) -> None:
        """Let time pass for all that is measured by the clock."""
        self._ahead += timedelta(seconds=seconds)

    def template(self, said: Mapping[str, Any]) -> FakeTemplate:
        """What a body names; Fault where there is none."""
        found = self.templates.get((said["name"], said["language"]["code"]))
        if found is None:
            raise Fault(132001, f"template {said['name']} does not exist in {said['language']['code']}")
        return found

    def note(self, api: str, body: Any) -> None:
        """Remember what was asked for, whatever comes of it."""
        self.bodies.append({"api": api, "body": body})
        if isinstance(body, dict):
            self.requests[str(body.get("biz_opaque_callback_data"))] += 1

    def refusal_of(self, body: Any, *, is_marketing: bool) -> Refusal | None:
        """Why a message is not taken; None where it is. What is counted by limits is counted then."""
        try:
            check_body(body, is_marketing=is_marketing)
            self._check_limits(body)
            if body["type"] == "template":
                self._check_route(self.template(body["template"]), is_marketing=is_marketing)
                self.template(body["template"]).filled(body["template"])
        except Fault as fault:
            return fault.refusal
        found = self._personal_refusal(body)
        return None if found is None or (found.code in LATE and self.settings.refuses_late) else found

    def accept(self, body: Mapping[str, Any], *, is_marketing: bool, held: bool, ends_with: Refusal | None) -> Sent:
        """Take a message that nothing stands in the way of, and tell what becomes of it."""
        person, now = self.person_of(body), self.now()
        id_ = wamid(person.number, next(self.numbers), self.settings.seed)
        text, buttons, category = self._rendered(body)
        tag = body.get("biz_opaque_callback_data")
        bubble = Bubble(id=id_, is_ours=True, text=text, at=now, buttons=buttons)
        sent = Sent(id_, person, tag, "marketing_lite" if is_marketing else category, bubble, is_held=held)
        self.sent[id_] = sent
        self.accepted[str(tag)] += 1
        refusal = ends_with or self._personal_refusal(body)
        if refusal is not None:
            self.fail(sent, refusal)
        elif not held:
            self.deliver(sent)
        return sent

    def deliver(self, sent: Sent) -> None:
        """It reaches the phone; receipts follow."""
        settings = self.settings
        sent.is_held = False
        sent.bubble.status = "delivered"
        sent.person.bubbles.append(sent.bubble)
        times = {"sent": settings.sent_ms, "delivered": settings.delivered_ms, "read": settings.read_ms}
        for status, after_ms in times.items():
            if after_ms is not None:
                self.tell(sent, status, after_ms=after_ms)

    def fail(self, sent: Sent, refusal: Refusal) -> None:
        """It never reaches the phone."""
        sent.is_held, sent.bubble.status = False, "failed"
        self.tell(sent, "failed", refusal=refusal, after_ms=self.settings.sent_ms or 0)

    def tell(self, sent: Sent, status: str, *, refusal: Refusal | None = None, after_ms: float = 0) -> None:
        """A receipt on its way."""
        at = self.now() + timedelta(milliseconds=after_ms)
        update = status_update(
            self.settings,
            sent.person,
            id_=sent.id,
            status=status,
            at=at,
            tag=sent.tag,
            category=sent.category,
            refusal=refusal,
        )
        self.emitter.emit(update, after_ms)

    def person_of(self, body: Mapping[str, Any]) -> Person:
        """Whom a body is for; a number wins over an id."""
        if "to" in body:
            return self.people.of_number(body["to"])
        return self.people.of_user_id(body["recipient"]) or self.people.of_number("0000000")

    def _check_limits(self, body: Mapping[str, Any]) -> None:
        settings, now, person = self.settings, self.now(), self.person_of(body)
        if not self.throughput.takes(now, settings.per_s):
            raise Fault(130429, "Message failed to send because there were too many messages sent from this number")
        if not self._pairs.takes(person.user_id, now, settings.pair_interval_s, settings.pair_burst):
            raise Fault(131056, "Too many messages sent from this number to the same person in a short time")
        is_open = person.window_is_open(now, settings.window_s)
        if not is_open and not self._reach.takes(person.user_id, now, settings.recipients_24h):
            raise Fault(131064, "Messaging limit reached")

    def _check_route(self, template: FakeTemplate, *, is_marketing: bool) -> None:
        if is_marketing and template.category != "MARKETING":
            raise Fault(134100, "Only marketing templates are supported")
        if not is_marketing and template.category == "MARKETING" and not self.settings.marketing_on_messages:
            raise Fault(131063, "Marketing messages are to be sent by the Marketing Messages API")

    def _personal_refusal(self, body: Mapping[str, Any]) -> Refusal | None:
        person = self.person_of(body)
        if not person.is_reachable:
            return Refusal(code=131026, details="Message undeliverable")
        if body["type"] != "template":
            if not person.window_is_open(self.now(), self.settings.window_s):
                details = (
                    "Message failed to send because more than 24 hours have passed since the customer last replied"
                )
                return Refusal(code=131047, details=details)
        elif self.template(body["template"]).category == "MARKETING" and not person.wants_marketing:
            return Refusal(code=131050, details="User has stopped receiving marketing messages from this business")
        return None

    def _rendered(self, body: Mapping[str, Any]) -> tuple[str, list[dict[str, Any]], str]:
        """What the person sees, what can be tapped, and what the message counts as."""
        kind = body["type"]
        if kind == "text":
            return body["text"]["body"], [], "service"
        if kind == "interactive":
            return body["interactive"]["body"]["text"], _taps(body["interactive"]), "service"
        template = self.template(body["template"])
        given = {
            int(each.get("index", 0)): each["parameters"][0]
            for each in body["template"].get("components", [])
            if each["type"].lower() == "button"
        }
        buttons = [_template_button(each, given.get(n, {})) for n, each in enumerate(template.buttons)]
        return template.filled(body["template"]), buttons, template.category.lower()


def _taps(interactive: Mapping[str, Any]) -> list[dict[str, Any]]:
    kind, action = interactive["type"], interactive["action"]
    if kind == "location_request_message":
        return [{"title": "Send location", "tap": None}]
    if kind == "cta_url":
        link = action["parameters"]
        return [{"title": link["display_text"], "url": link["url"], "tap": None}]
    if kind == "button":
        replies = [each["reply"] for each in action["buttons"]]
        return [{"title": each["title"], "tap": _reply("button_reply", each)} for each in replies]
    rows = [row for section in action["sections"] for row in section["rows"]]
    return [
        {"title": row["title"], "about": row.get("description", ""), "tap": _reply("list_reply", row)} for row in rows
    ]


def _reply(kind: str, said: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "interactive", "interactive": {"type": kind, kind: dict(said)}}


def _template_button(button: Mapping[str, Any], parameter: Mapping[str, Any]) -> dict[str, Any]:
    kind, title = button["type"].upper(), button.get("text", "")
    if kind == "QUICK_REPLY":
        payload = parameter.get("payload", title)
        return {"title": title, "tap": {"type": "button", "button": {"payload": payload, "text": title}}}
    if kind == "URL":
        return {"title": title, "url": button["url"].replace("{{1}}", parameter.get("text", "")), "tap": None}
    return {"title": f"Copy {parameter.get('coupon_code', '')}".strip(), "tap": None}
