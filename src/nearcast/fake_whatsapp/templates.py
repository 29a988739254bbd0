"""Templates: written, approved, paused, filled in."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from nearcast.fake_whatsapp.bodies import Fault

PLACE = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}")
_CATEGORIES = ("MARKETING", "UTILITY", "AUTHENTICATION")
_LONGEST = {"BODY": 1024, "HEADER": 60, "FOOTER": 60}
_FEWEST_WORDS_A_PLACE = 2
_TTL_S = {"MARKETING": (43_200, 2_592_000), "UTILITY": (30, 43_200), "AUTHENTICATION": (30, 900)}
_STOPPED = {"PAUSED": 132015, "DISABLED": 132016}


@dataclass
class FakeTemplate:
    """`components` are as they were written."""

    id: str
    name: str
    language: str
    category: str
    components: list[dict[str, Any]]
    written_at: datetime
    status: str = "APPROVED"
    quality: str = "GREEN"
    format: str = "POSITIONAL"
    extra: dict[str, Any] = field(default_factory=dict)

    def part(self, kind: str) -> dict[str, Any]:
        """The component of that kind, an empty one where there is none."""
        return next((each for each in self.components if each["type"].upper() == kind), {})

    @property
    def buttons(self) -> list[dict[str, Any]]:
        return list(self.part("BUTTONS").get("buttons", []))

    def doc(self) -> dict[str, Any]:
        """As it is read back."""
        return {
            "id": self.id,
            "name": self.name,
            "language": self.language,
            "category": self.category,
            "status": self.status,
            "parameter_format": self.format,
            "quality_score": {"score": self.quality, "date": int(self.written_at.timestamp())},
            "components": self.components,
            **self.extra,
        }

    def filled(self, template: Mapping[str, Any]) -> str:
        """What its reader sees of the body; Fault where it is not to be sent, or not with these parameters."""
        if self.status != "APPROVED":
            raise Fault(_STOPPED.get(self.status, 132001), f"template is {self.status.lower()}")
        given = {each["type"].lower(): each for each in template.get("components", []) if each["type"] != "button"}
        self._check_buttons([each for each in template.get("components", []) if each["type"].lower() == "button"])
        header = self.part("HEADER").get("text", "")
        self._fill(header, given.get("header", {}), "header")
        offer = self.part("LIMITED_TIME_OFFER").get("limited_time_offer", {})
        if bool(offer.get("has_expiration")) != ("limited_time_offer" in given):
            raise Fault(132012, "limited_time_offer: parameters do not match the template")
        body = self._fill(self.part("BODY").get("text", ""), given.get("body", {}), "body")
        if len(body) > _LONGEST["BODY"]:
            raise Fault(132005, "body is longer than 1024 characters")
        return "\n".join(filter(None, (header, body, self.part("FOOTER").get("text"))))

    def _fill(self, text: str, component: Mapping[str, Any], what: str) -> str:
        parameters = [each for each in component.get("parameters", []) if each["type"] == "text"]
        places = list(dict.fromkeys(PLACE.findall(text)))
        if len(parameters) != len(places):
            raise Fault(132000, f"{what}: {len(parameters)} parameters for {len(places)} places")
        named = self.format == "NAMED"
        if named != all("parameter_name" in each for each in parameters) and places:
            raise Fault(132012, f"{what}: parameters are to be {self.format.lower()}")
        keys = [each["parameter_name"] if named else str(n) for n, each in enumerate(parameters, 1)]
        values = dict(zip(keys, (each["text"] for each in parameters), strict=True))
        if missing := [place for place in places if place not in values]:
            raise Fault(132000, f"{what}: nothing for {missing[0]}")
        return PLACE.sub(lambda found: values[found[1]], text)

    def _check_buttons(self, given: list[dict[str, Any]]) -> None:
        said = {int(each.get("index", 0)): each for each in given}
        for n, button in enumerate(self.buttons):
            kind, component = button["type"].upper(), said.pop(n, None)
            if component is not None and str(component.get("sub_type", "")).upper() != kind:
                raise Fault(132012, f"button {n} is {kind}")
            needs = kind == "COPY_CODE" or (kind == "URL" and PLACE.search(button["url"]) is not None)
            if needs and component is None:
                raise Fault(131008, f"button {n} needs a parameter")
            if kind == "URL" and not needs and component is not None:
                raise Fault(132000, f"button {n} takes no parameter")
        if said:
            raise Fault(132000, f"there is no button {min(said)}")


def written_template(id_: str, said: Any, now: datetime, *, status: str) -> FakeTemplate:
    """A new template; Fault where the provider would not even review it."""
    if not isinstance(said, dict) or not isinstance(said.get("components"), list):
        raise Fault(100, "a template needs a name, a language, a category and components")
    name, language, category = (said.get(each) for each in ("name", "language", "category"))
    if not (isinstance(name, str) and re.fullmatch(r"[a-z0-9_]{1,512}", name)):
        raise Fault(100, "name has small letters, digits and underscores")
    if not isinstance(language, str) or category not in _CATEGORIES:
        raise Fault(100, "language and category are needed")
    form = str(said.get("parameter_format", "positional")).upper()
    extra = {key: said[key] for key in ("message_send_ttl_seconds",) if key in said}
    _check_ttl(extra.get("message_send_ttl_seconds"), category)
    made = FakeTemplate(id_, name, language, category, said["components"], now, status=status, format=form, extra=extra)
    for component in made.components:
        _check_component(component)
    if not made.part("BODY").get("text"):
        raise Fault(100, "a template needs a body")
    if made.part("LIMITED_TIME_OFFER"):
        _check_limited_offer(made)
    return made


def _check_ttl(ttl_s: Any, category: str) -> None:
    shortest, longest = _TTL_S[category]
    if ttl_s is not None and not (isinstance(ttl_s, int) and shortest <= ttl_s <= longest):
        raise Fault(100, f"message_send_ttl_seconds is {shortest} to {longest}")


def _check_component(component: Any) -> None:
    if not isinstance(component, dict) or not isinstance(component.get("type"), str):
        raise Fault(100, "each component has a type")
    kind, text = component["type"].upper(), component.get("text", "")
    if len(text) > _LONGEST.get(kind, 1024):
        raise Fault(100, f"{kind} has at most {_LONGEST[kind]} characters")
    if kind == "BUTTONS" and len(component.get("buttons", [])) > 10:
        raise Fault(100, "there are at most 10 buttons")
    places = PLACE.findall(text)
    if not places:
        return
    if "example" not in component:
        raise Fault(100, f"{kind} has variables without examples")
    if kind == "BODY":
        for fault in _faults_of_places(text.strip(), len(places)):
            raise fault


def _faults_of_places(text: str, places: int) -> Iterator[Fault]:
    if text.startswith("{{") or text.endswith("}}"):
        yield Fault(2388299, "variables stand neither first nor last")
    if re.search(r"\}\}\s*\{\{", text):
        yield Fault(100, "variables do not stand side by side")
    if len(PLACE.sub("", text).split()) <= _FEWEST_WORDS_A_PLACE * places:
        yield Fault(2388293, "too many variables for so few words")


def _check_limited_offer(made: FakeTemplate) -> None:
    if made.part("FOOTER"):
        raise Fault(100, "a limited-time offer has no footer")
    offer = made.part("LIMITED_TIME_OFFER").get("limited_time_offer", {})
    if len(offer.get("text", "")) > 16 or len(made.part("BODY")["text"]) > 600:
        raise Fault(100, "a limited-time offer has 16 characters and its body 600")
