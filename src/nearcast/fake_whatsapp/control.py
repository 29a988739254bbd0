"""The fake's own routes: for tests that make it misbehave, and for the page of a phone."""

import json
from collections.abc import Callable, Mapping
from importlib.resources import files
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from nearcast.domain.errors import InvalidInput
from nearcast.fake_whatsapp.cloud import Cloud
from nearcast.fake_whatsapp.errors import Refusal
from nearcast.fake_whatsapp.graph import Graph
from nearcast.fake_whatsapp.http import Answer, Request
from nearcast.fake_whatsapp.people import Person
from nearcast.fake_whatsapp.phones import Phones

_TYPES = {"html": "text/html; charset=utf-8", "js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
_CLOSED = (("Content-Security-Policy", "default-src 'self'; base-uri 'none'; form-action 'none'"),)


class Control:
    """Answers for `/_control/…` and `/phone/…`, on this machine alone."""

    def __init__(self, cloud: Cloud, graph: Graph) -> None:
        self._cloud, self._graph, self._phones = cloud, graph, Phones(cloud)
        self._asked: Mapping[str, Callable[[], Any]] = {
            "settings": self._settings,
            "counts": self._counts,
            "bodies": lambda: cloud.bodies,
            "deliveries": lambda: [each.doc() for each in cloud.emitter.deliveries],
            "sent": self._sent,
            "people": lambda: [_told(each) for each in cloud.people.all()],
            "templates": lambda: [each.doc() for each in cloud.templates.values()],
        }
        self._told: Mapping[str, Callable[[Any], Any]] = {
            "settings": self._set,
            "scripts": self._script,
            "clock": lambda said: cloud.advance(float(said["advance_s"])),
            "webhooks": lambda said: self._phones.tell_template(said["field"], said["value"]),
            "held": self._end_holding,
            "beginning": lambda _: cloud.begin(),
        }

    def handle(self, request: Request) -> Answer | None:
        """The answer; 4xx with `error` for what makes no sense."""
        if not _is_here(request.headers.get("host", "")):
            return _refused(403, "this is asked by an address of this machine")
        parts = [part for part in request.path.split("/") if part]
        try:
            if request.method == "GET":
                return self._page(parts[1:]) if parts[0] == "phone" else self._look(parts[1:])
            if request.headers.get("content-type", "").partition(";")[0] != "application/json":
                return _refused(415, "what is told is JSON")
            return _json(self._do(parts[1:], json.loads(request.body or b"{}")))
        except InvalidInput as error:
            return _refused(422, str(error))
        except (KeyError, ValueError, TypeError) as error:
            return _refused(422, f"{type(error).__name__}: {error}")

    def _look(self, parts: list[str]) -> Answer:
        if len(parts) == 1 and parts[0] in self._asked:
            return _json(self._asked[parts[0]]())
        if len(parts) == 2 and parts[0] == "people":
            return _json(_told(self._cloud.people.of_number(parts[1])))
        return _refused(404, "there is nothing here")

    def _do(self, parts: list[str], said: Any) -> Any:
        if len(parts) == 1 and parts[0] in self._told:
            return self._told[parts[0]](said)
        if len(parts) == 2 and parts[0] == "people":
            return self._act(self._cloud.people.of_number(parts[1]), said)
        if len(parts) == 3 and parts[0] == "templates":
            return self._change_template((parts[1], parts[2]), said)
        raise InvalidInput("there is nothing here", place="/".join(parts))

    def _page(self, parts: list[str]) -> Answer:
        if len(parts) == 1 and parts[0].rpartition(".")[2] in ("js", "css", "svg"):
            return _file(parts[0])
        if len(parts) == 2 and parts[1] == "bubbles":
            person = self._cloud.people.of_number(parts[0])
            self._phones.look(person)
            return _json(_told(person))
        return _file("phone.html" if parts else "phones.html")

    def _act(self, person: Person, said: Mapping[str, Any]) -> Any:
        """What a person does, or what they are; the name of what they sent."""
        for name in ("is_reachable", "hides_number", "name"):
            if name in said:
                setattr(person, name, said[name])
        if "say" in said:
            return {"id": self._phones.say(person, str(said["say"]))}
        if "tap" in said:
            return {"id": self._phones.tap(person, said["tap"]["message"], int(said["tap"]["button"]))}
        if "pin" in said:
            pin = said["pin"]
            return {"id": self._phones.pin(person, float(pin["lat"]), float(pin["lon"]), answers=pin.get("answers"))}
        if "send" in said:
            return {"id": self._phones.send(person, said["send"])}
        if "prefer" in said:
            self._phones.prefer(person, wants=bool(said["prefer"]))
        if "renumber" in said:
            self._phones.renumber(person, str(said["renumber"]))
        if "look" in said:
            self._phones.look(person)
        return _told(person)

    def _change_template(self, name: tuple[str, str], said: Mapping[str, Any]) -> Any:
        template = self._cloud.templates.get(name)
        if template is None:
            raise InvalidInput("there is no such template", place="/".join(name))
        template.category = said.get("category", template.category)
        template.quality = said.get("quality", template.quality)
        if "status" in said:
            self._graph.change_template(template, said["status"], said.get("title"))
        return template.doc()

    def _set(self, said: Mapping[str, Any]) -> Any:
        self._cloud.settings = self._cloud.settings.changed(said)
        self._cloud.emitter.wake()
        return self._settings()

    def _script(self, said: Any) -> None:
        if said == []:
            self._cloud.scripts.clear()
        for each in said if isinstance(said, list) else [said]:
            self._cloud.scripts.write(each)

    def _end_holding(self, said: Mapping[str, Any]) -> None:
        sent = self._cloud.sent[said["message"]]
        if said["arrives"]:
            self._cloud.deliver(sent)
        else:
            self._cloud.fail(sent, Refusal(code=132015, details="Template is paused"))

    def _settings(self) -> dict[str, Any]:
        return self._cloud.settings.model_dump()

    def _counts(self) -> dict[str, Any]:
        cloud = self._cloud
        return {
            "requests": dict(cloud.requests),
            "accepted": dict(cloud.accepted),
            "most_in_a_second": cloud.throughput.most_in_a_second,
            "waiting_updates": cloud.emitter.waiting,
        }

    def _sent(self) -> list[dict[str, Any]]:
        return [
            {
                "id": each.id,
                "tag": each.tag,
                "to": each.person.number,
                "status": each.bubble.status,
                "held": each.is_held,
            }
            for each in self._cloud.sent.values()
        ]


def _told(person: Person) -> dict[str, Any]:
    return {
        "number": person.number,
        "user_id": person.user_id,
        "name": person.name,
        "wants_marketing": person.wants_marketing,
        "bubbles": [each.doc() for each in person.bubbles],
    }


def _is_here(host: str) -> bool:
    """Whether a request was made by the name of this machine: no other site's page can do that."""
    name = urlsplit(f"//{host}").hostname or ""
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def _file(name: str) -> Answer:
    found = files("nearcast.fake_whatsapp").joinpath("static", name)
    if "/" in name or not found.is_file():
        return _refused(404, "there is no such file")
    return Answer(body=found.read_bytes(), media_type=_TYPES[name.rpartition(".")[2]], headers=_CLOSED)


def _refused(status: int, why: str) -> Answer:
    return Answer(status=status, body=json.dumps({"error": why}).encode())


def _json(said: Any) -> Answer:
    return Answer(body=json.dumps(said).encode())
