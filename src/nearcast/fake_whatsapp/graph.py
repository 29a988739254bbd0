"""The routes that a business asks: messages, templates, health."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

from nearcast.fake_whatsapp.bodies import Fault
from nearcast.fake_whatsapp.cloud import Cloud, Sent
from nearcast.fake_whatsapp.errors import Refusal
from nearcast.fake_whatsapp.http import Answer, Request
from nearcast.fake_whatsapp.scripts import BEFORE, Script
from nearcast.fake_whatsapp.templates import FakeTemplate, written_template
from nearcast.fake_whatsapp.updates import Update

_HUGE = 8 << 20
_PATH = re.compile(r"/v\d+\.\d+/(\w+)(?:/(\w+))?")
_SENDS = {"messages": False, "marketing_messages": True}
_PAGE = 25
Route = Callable[[Request], Awaitable[Answer | None]]


class Graph:
    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    async def handle(self, request: Request) -> Answer | None:
        """What Meta would answer to a request; None to break off."""
        settings = self._cloud.settings
        if settings.answer_ms:
            await asyncio.sleep(settings.answer_ms / 1_000)
        found = _PATH.fullmatch(request.path.rstrip("/"))
        if found is None:
            return Refusal(code=2500, details="unknown path").answer()
        if request.headers.get("authorization") != f"Bearer {settings.token}":
            return Refusal(code=190, details="the token is not valid").answer()
        node, edge = found.groups()
        if edge in _SENDS and request.method == "POST" and node == settings.phone_number_id:
            return await self._send(request, edge)
        if edge == "message_templates" and node == settings.account_id:
            return self._written(request) if request.method == "POST" else self._listed(request)
        if edge == "unpause" and request.method == "POST":
            return self._unpaused(node)
        if edge is None and request.method == "GET":
            return self._node(node)
        return Refusal(code=100, details=f"no node {node} with {edge}").answer()

    async def _send(self, request: Request, edge: str) -> Answer | None:
        cloud, is_marketing = self._cloud, _SENDS[edge]
        try:
            body = json.loads(request.body)
        except ValueError:
            return Refusal(code=100, details="the body is no JSON").answer()
        if isinstance(body, dict) and body.get("status") == "read":
            return _json({"success": True})
        cloud.note(edge, body)
        script = cloud.scripts.next_for(body) if isinstance(body, dict) else None
        if script is not None and script.do in BEFORE:
            return _before(script)
        refusal = cloud.refusal_of(body, is_marketing=is_marketing)
        if refusal is not None:
            return refusal.answer()
        held = script is not None and script.do == "hold"
        ends = Refusal(code=script.code) if script is not None and script.do == "fail_later" else None
        sent = cloud.accept(body, is_marketing=is_marketing, held=held, ends_with=ends)
        return await _after(script, _taken(sent, body, cloud.settings.names))

    def _written(self, request: Request) -> Answer:
        cloud = self._cloud
        review_ms = cloud.settings.review_ms
        status = "APPROVED" if review_ms == 0 else "PENDING"
        id_ = f"{7_000_000_000 + next(cloud.numbers)}"
        try:
            made = written_template(id_, json.loads(request.body), cloud.now(), status=status)
        except ValueError:
            return Refusal(code=100, details="the body is no JSON").answer()
        except Fault as fault:
            return fault.refusal.answer()
        if (made.name, made.language) in cloud.templates:
            return Refusal(code=2388024, details="there is content in this language already").answer()
        cloud.templates[made.name, made.language] = made
        if review_ms:
            asyncio.get_running_loop().call_later(review_ms / 1_000, self.change_template, made, "APPROVED")
        return _json({"id": made.id, "status": made.status, "category": made.category})

    def change_template(self, template: FakeTemplate, status: str, title: str | None = None) -> None:
        """Give a template another status, and say so."""
        template.status = status
        event = "APPROVED" if status == "APPROVED" else status
        value: dict[str, Any] = {
            "event": event,
            "message_template_id": int(template.id),
            "message_template_name": template.name,
            "message_template_language": template.language,
            "reason": "NONE",
        }
        if title is not None:
            value["other_info"] = {"title": title}
        self._cloud.emitter.emit(Update(field="message_template_status_update", kind=None, item=value))

    def _listed(self, request: Request) -> Answer:
        query = request.query
        found = [
            each.doc()
            for each in self._cloud.templates.values()
            if query.get("name") in (None, each.name) and query.get("status") in (None, each.status)
        ]
        start, size = int(query.get("after", "0") or 0), int(query.get("limit", _PAGE))
        page, end = found[start : start + size], start + size
        paging: dict[str, Any] = {"cursors": {"before": str(start), "after": str(end)}}
        if end < len(found):
            paging["next"] = f"http://{request.headers.get('host', '')}{request.path}?limit={size}&after={end}"
        return _json({"data": page, "paging": paging})

    def _unpaused(self, node: str) -> Answer:
        template = self._template_of(node)
        if template is None:
            return Refusal(code=100, details=f"no template {node}").answer()
        if template.status != "PAUSED":
            return _json({"success": False, "reason": "the template is not paused"})
        self.change_template(template, "APPROVED", "UNPAUSE")
        return _json({"success": True})

    def _node(self, node: str) -> Answer:
        settings, template = self._cloud.settings, self._template_of(node)
        if template is not None:
            return _json(template.doc())
        if node not in (settings.phone_number_id, settings.account_id):
            return Refusal(code=100, details=f"no node {node}").answer()
        kind = "PHONE_NUMBER" if node == settings.phone_number_id else "WABA"
        entities = [{"entity_type": kind, "id": node, "can_send_message": "AVAILABLE"}]
        return _json(
            {
                "id": node,
                "display_phone_number": settings.display_number,
                "quality_rating": "GREEN",
                "health_status": {"can_send_message": "AVAILABLE", "entities": entities},
            }
        )

    def _template_of(self, node: str) -> FakeTemplate | None:
        return next((each for each in self._cloud.templates.values() if each.id == node), None)


def _before(script: Script) -> Answer | None:
    """What nothing was taken for."""
    if script.do == "error":
        return Refusal(code=script.code, is_transient=script.is_transient, status=script.status).answer()
    if script.do == "html":
        return Answer(
            status=script.status or 500, body=b"<html>Sorry, something went wrong.</html>", media_type="text/html"
        )
    if script.do == "redirect":
        return Answer(status=script.status or 302, headers=(("Location", "http://127.0.0.1:9/elsewhere"),))
    return None


async def _after(script: Script | None, taken: Answer) -> Answer | None:
    """How a message that was taken is answered."""
    do = None if script is None else script.do
    if do == "hang":
        await asyncio.Event().wait()
    if script is not None and do == "slow":
        await asyncio.sleep(script.ms / 1_000)
    if do == "html_accepted":
        return Answer(status=502, body=b"<html>Bad gateway</html>", media_type="text/html")
    if do == "no_id":
        return _json({"messaging_product": "whatsapp", "contacts": [], "messages": []})
    if do == "huge":
        return Answer(body=b"[" + b" " * _HUGE + b"]")
    return None if do == "close" else taken


def _taken(sent: Sent, body: dict[str, Any], names: str) -> Answer:
    contact: dict[str, Any] = {"input": body.get("to", body.get("recipient"))}
    contact |= sent.person.keys("id" if "to" not in body else names)
    message = {"id": sent.id, "message_status": "held_for_quality_assessment" if sent.is_held else "accepted"}
    if body["type"] != "template" and not sent.is_held:
        del message["message_status"]
    return _json({"messaging_product": "whatsapp", "contacts": [contact], "messages": [message]})


def _json(said: Any) -> Answer:
    return Answer(body=json.dumps(said).encode())
