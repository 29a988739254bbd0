"""What people do with their phones."""

from collections.abc import Mapping
from typing import Any

from nearcast.domain.errors import InvalidInput
from nearcast.fake_whatsapp.cloud import Cloud
from nearcast.fake_whatsapp.people import Bubble, Person
from nearcast.fake_whatsapp.updates import Update, message_update, preference_update, wamid


class Phones:
    """Acts for people: each act becomes a webhook."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def say(self, person: Person, text: str) -> str:
        """Write a text; its name."""
        return self._send(person, {"type": "text", "text": {"body": text}}, text)

    def tap(self, person: Person, bubble_id: str, n: int) -> str:
        """Tap the button in that place, counted from 0, of a message; InvalidInput where there is none."""
        bubble = next((each for each in person.bubbles if each.id == bubble_id), None)
        if bubble is None or not 0 <= n < len(bubble.buttons) or bubble.buttons[n].get("tap") is None:
            raise InvalidInput("there is no such button", place="button")
        button = bubble.buttons[n]
        return self._send(person, button["tap"], button["title"], answers=bubble_id)

    def pin(self, person: Person, lat: float, lon: float, *, answers: str | None = None) -> str:
        """Send a position."""
        content = {"type": "location", "location": {"latitude": lat, "longitude": lon}}
        return self._send(person, content, "📍", answers=answers)

    def send(self, person: Person, content: Mapping[str, Any]) -> str:
        """Any content that the provider has: `type` and the object of that name."""
        return self._send(person, content, f"({content.get('type')})")

    def prefer(self, person: Person, *, wants: bool) -> None:
        """Turn WhatsApp's own switch for marketing."""
        person.wants_marketing = wants
        cloud = self._cloud
        cloud.emitter.emit(preference_update(cloud.settings, person, at=cloud.now(), wants=wants))

    def renumber(self, person: Person, number: str) -> None:
        """Get another number, of which the business is told by a message of the system."""
        cloud, before, was = self._cloud, person.number, person.keys(self._cloud.settings.names)
        cloud.people.renumber(person, number)
        words = f"User {person.name} changed from {before} to {person.number}"
        said = {"type": "user_changed_number", "wa_id": person.number, "user_id": person.user_id, "body": words}
        named = {"from": was.get("wa_id"), "from_user_id": was.get("user_id")}
        content = {"type": "system", "system": said, **named}
        id_ = wamid(before, next(cloud.numbers), cloud.settings.seed, is_ours=False)
        cloud.emitter.emit(message_update(cloud.settings, person, id_=id_, at=cloud.now(), content=content))

    def look(self, person: Person) -> None:
        """Read what has come."""
        for bubble in person.bubbles:
            if bubble.is_ours and bubble.status == "delivered":
                bubble.status = "read"
                self._cloud.tell(self._cloud.sent[bubble.id], "read")

    def tell_template(self, field: str, value: Mapping[str, Any]) -> None:
        """A change that is about no person."""
        self._cloud.emitter.emit(Update(field=field, kind=None, item=dict(value)))

    def _send(self, person: Person, content: Mapping[str, Any], text: str, *, answers: str | None = None) -> str:
        cloud, now = self._cloud, self._cloud.now()
        id_ = wamid(person.number, next(cloud.numbers), cloud.settings.seed, is_ours=False)
        said = dict(content)
        if answers is not None:
            said["context"] = {"from": cloud.settings.display_number, "id": answers}
        person.wrote_at = now
        person.bubbles.append(Bubble(id=id_, is_ours=False, text=text, at=now))
        cloud.emitter.emit(message_update(cloud.settings, person, id_=id_, at=now, content=said))
        return id_
