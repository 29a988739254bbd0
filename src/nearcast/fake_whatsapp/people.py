"""People and their phones: what they see, and what they let through."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import phonenumbers


@dataclass
class Bubble:
    """One message on a phone. A button is `{"title", "tap": {…}}`, of which `tap` is sent when it is tapped."""

    id: str
    is_ours: bool
    text: str
    at: datetime
    buttons: list[dict[str, Any]] = field(default_factory=list)
    status: str = ""

    def doc(self) -> dict[str, Any]:
        side = "business" if self.is_ours else "person"
        at = self.at.strftime("%H:%M")
        return {
            "id": self.id,
            "from": side,
            "text": self.text,
            "at": at,
            "buttons": self.buttons,
            "status": self.status,
        }


@dataclass
class Person:
    """`number` has its country code and no plus. `wants_marketing` is WhatsApp's own switch."""

    number: str
    user_id: str
    name: str
    wants_marketing: bool = True
    is_reachable: bool = True
    hides_number: bool = False
    wrote_at: datetime | None = None
    bubbles: list[Bubble] = field(default_factory=list)

    def window_is_open(self, now: datetime, window_s: float | None) -> bool:
        """Whether free words may be sent."""
        if window_s is None:
            return True
        return self.wrote_at is not None and now - self.wrote_at < timedelta(seconds=window_s)

    def keys(self, names: str, prefix: str = "") -> dict[str, str]:
        """What a webhook calls them by: `wa_id` or `…recipient_id`, and `user_id`."""
        said = {}
        if names != "id" and not self.hides_number:
            said["recipient_id" if prefix else "wa_id"] = self.number
        if names != "number" or self.hides_number:
            said[f"{prefix}user_id"] = self.user_id
        return said


class People:
    """Everybody who has ever been named; there is nobody whom it does not know."""

    def __init__(self) -> None:
        self._by_number: dict[str, Person] = {}
        self._by_user_id: dict[str, Person] = {}

    def of_number(self, number: str) -> Person:
        digits = number.removeprefix("+")
        person = self._by_number.get(digits)
        if person is None:
            person = Person(digits, _user_id(digits), f"Person {digits[-4:]}")
            self._by_number[digits] = self._by_user_id[person.user_id] = person
        return person

    def of_user_id(self, user_id: str) -> Person | None:
        return self._by_user_id.get(user_id)

    def renumber(self, person: Person, number: str) -> None:
        """Somebody goes by another number, and so by another user id, from now on."""
        digits = number.removeprefix("+")
        self._by_number.pop(person.number, None)
        self._by_user_id.pop(person.user_id, None)
        person.number, person.user_id = digits, _user_id(digits)
        self._by_number[digits] = self._by_user_id[person.user_id] = person

    def all(self) -> list[Person]:
        return [*self._by_number.values()]


def _user_id(digits: str) -> str:
    """A business-scoped id: a country and digits that lead back to nobody."""
    try:
        country = phonenumbers.region_code_for_number(phonenumbers.parse(f"+{digits}"))
    except phonenumbers.NumberParseException:
        country = None
    return f"{country or 'US'}.{int(sha256(digits.encode()).hexdigest()[:13], 16)}"
