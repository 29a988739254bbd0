"""What a body must be for the provider to take it at all, whoever it is for: its documented shapes and sizes."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from nearcast.fake_whatsapp.errors import Refusal

_NAME = re.compile(r"[a-z0-9_]{1,512}")
_NUMBER = re.compile(r"\+?[0-9]{7,15}")
_USER_ID = re.compile(r"[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(_[A-Z]{2})?")
_ADDRESS = re.compile(r"https?://[^\s/]+\S*")
_UNSENDABLE = re.compile(r"[\n\t]| {5,}")
_ENVELOPE = {"messaging_product", "recipient_type", "to", "recipient", "type", "context", "biz_opaque_callback_data"}
_MARKETING = {"product_policy", "message_activity_sharing"}
_MOST_BUTTONS, _MOST_ROWS, _MOST_SECTIONS = 3, 10, 10


class Fault(Exception):
    """A body that is refused."""

    def __init__(self, code: int, details: str) -> None:
        super().__init__(details)
        self.refusal = Refusal(code=code, details=details)


def check_body(body: Any, *, is_marketing: bool) -> None:
    """Fault for a body that `/messages`, or `/marketing_messages`, refuses."""
    if not isinstance(body, dict):
        raise Fault(100, "the body is no JSON object")
    if body.get("messaging_product") != "whatsapp":
        raise Fault(100, "messaging_product is to be whatsapp")
    kind = body.get("type", "text")
    rules = _RULES.get(kind)
    if rules is None or (is_marketing and kind != "template"):
        raise Fault(131051, f"type {kind!r} cannot be sent here")
    _known(body, _ENVELOPE | {kind} | (_MARKETING if is_marketing else set()), "")
    _check_envelope(body)
    content = body.get(kind)
    if not isinstance(content, dict):
        raise Fault(131008, f"{kind} is missing")
    rules(content)


def _check_envelope(body: Mapping[str, Any]) -> None:
    if "to" not in body and "recipient" not in body:
        raise Fault(131008, "to or recipient is missing")
    if body.get("recipient_type", "individual") != "individual":
        raise Fault(131009, "recipient_type is to be individual")
    for name, pattern in (("to", _NUMBER), ("recipient", _USER_ID)):
        if name in body and not (isinstance(body[name], str) and pattern.fullmatch(body[name])):
            raise Fault(131009, f"{name} names nobody")
    _text(body, "biz_opaque_callback_data", 512, "", required=False)
    if "context" in body:
        _known(_object(body, "context", ""), {"message_id"}, "context")
        _text(body["context"], "message_id", 512, "context")
    if body.get("product_policy", "STRICT") not in ("STRICT", "CLOUD_API_FALLBACK"):
        raise Fault(131009, "product_policy is to be STRICT or CLOUD_API_FALLBACK")
    if not isinstance(body.get("message_activity_sharing", False), bool):
        raise Fault(131009, "message_activity_sharing is to be a boolean")


def _check_text(text: dict[str, Any]) -> None:
    _known(text, {"body", "preview_url"}, "text")
    _text(text, "body", 4096, "text")


def _check_template(template: dict[str, Any]) -> None:
    _known(template, {"name", "language", "components"}, "template")
    if not _NAME.fullmatch(_text(template, "name", 512, "template")):
        raise Fault(132001, "a template's name has small letters, digits and underscores")
    language = _object(template, "language", "template")
    _known(language, {"code", "policy"}, "language")
    if not _LANGUAGE.fullmatch(_text(language, "code", 15, "language")):
        raise Fault(131009, "language.code is none")
    for component in _objects(template, "components", 20, "template", required=False):
        _check_component(component)


def _check_component(component: dict[str, Any]) -> None:
    kind = _text(component, "type", 30, "component").lower()
    if kind not in ("header", "body", "button", "limited_time_offer"):
        raise Fault(131009, f"component type {kind!r} is unknown")
    extra = {"sub_type", "index"} if kind == "button" else set()
    _known(component, {"type", "parameters"} | extra, kind)
    if kind == "button" and str(component.get("index", "0")) not in "0123456789":
        raise Fault(131009, "a button's index is 0 to 9")
    for parameter in _objects(component, "parameters", 1024, kind):
        _check_parameter(parameter, kind)


def _check_parameter(parameter: dict[str, Any], of: str) -> None:
    kind = parameter.get("type")
    fields = _PARAMETERS.get(str(kind))
    if fields is None:
        raise Fault(131009, f"parameter type {kind!r} is unknown")
    _known(parameter, {"type", *fields}, of)
    if kind == "text" and _UNSENDABLE.search(_text(parameter, "text", 1024, of)):
        raise Fault(132012, "a parameter has no line breaks, tabs, or more than four spaces in a row")
    if kind == "payload":
        _text(parameter, "payload", 256, of)
    elif kind == "coupon_code":
        _text(parameter, "coupon_code", 15, of)
    elif kind == "limited_time_offer":
        offer = _object(parameter, "limited_time_offer", of)
        if not isinstance(offer.get("expiration_time_ms"), int):
            raise Fault(132012, "limited_time_offer.expiration_time_ms is to be an integer")


_PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "text": ("text", "parameter_name"),
    "payload": ("payload",),
    "coupon_code": ("coupon_code",),
    "limited_time_offer": ("limited_time_offer",),
    "image": ("image", "parameter_name"),
}


def _check_interactive(content: dict[str, Any]) -> None:
    _known(content, {"type", "header", "body", "footer", "action"}, "interactive")
    kind, action = content.get("type"), _object(content, "action", "interactive")
    longest = 4096 if kind == "list" else 1024
    _text(_object(content, "body", "interactive"), "text", longest, "body")
    if "footer" in content:
        _text(_object(content, "footer", "interactive"), "text", 60, "footer")
    if kind == "button":
        _check_buttons(action)
    elif kind == "list":
        _check_list(action)
    elif kind == "location_request_message":
        if action != {"name": "send_location"}:
            raise Fault(131009, "action.name is to be send_location")
    elif kind == "cta_url":
        _check_link(action)
    else:
        raise Fault(131009, f"interactive type {kind!r} is unknown")


def _check_buttons(action: dict[str, Any]) -> None:
    replies = [_object(each, "reply", "button") for each in _objects(action, "buttons", _MOST_BUTTONS, "action")]
    for reply in replies:
        _text(reply, "id", 256, "reply")
        _text(reply, "title", 20, "reply")
    _distinct([reply["title"] for reply in replies], "titles of buttons")
    _distinct([reply["id"] for reply in replies], "ids of buttons")


def _check_link(action: dict[str, Any]) -> None:
    _known(action, {"name", "parameters"}, "action")
    if action.get("name") != "cta_url":
        raise Fault(131009, "action.name is to be cta_url")
    parameters = _object(action, "parameters", "action")
    _known(parameters, {"display_text", "url"}, "parameters")
    _text(parameters, "display_text", 20, "parameters")
    if not _ADDRESS.fullmatch(_text(parameters, "url", 2000, "parameters")):
        raise Fault(131009, "parameters.url is no address")


def _check_list(action: dict[str, Any]) -> None:
    _text(action, "button", 20, "action")
    sections = list(_objects(action, "sections", _MOST_SECTIONS, "action"))
    rows = [row for section in sections for row in _objects(section, "rows", _MOST_ROWS, "section")]
    if len(rows) > _MOST_ROWS:
        raise Fault(131009, f"a list has at most {_MOST_ROWS} rows in all")
    for section in sections:
        _text(section, "title", 24, "section", required=len(sections) > 1)
    for row in rows:
        _text(row, "id", 200, "row")
        _text(row, "title", 24, "row")
        _text(row, "description", 72, "row", required=False)
    _distinct([row["id"] for row in rows], "ids of rows")


_RULES: Mapping[str, Callable[[dict[str, Any]], None]] = {
    "text": _check_text,
    "template": _check_template,
    "interactive": _check_interactive,
}


def _known(held: Mapping[str, Any], names: set[str], place: str) -> None:
    for name in held:
        if name not in names:
            raise Fault(100, f"unexpected key {name!r} in {place or 'the body'}")


def _text(held: Mapping[str, Any], name: str, longest: int, place: str, *, required: bool = True) -> str:
    said = held.get(name, None if required else "")
    where = f"{place}.{name}" if place else name
    if not isinstance(said, str):
        raise Fault(131008, f"{where} is missing")
    if (required and not said) or len(said) > longest:
        raise Fault(131009, f"{where} has 1 to {longest} characters")
    return said


def _object(held: Mapping[str, Any], name: str, place: str) -> dict[str, Any]:
    said = held.get(name)
    if not isinstance(said, dict):
        raise Fault(131008, f"{place}.{name} is missing" if place else f"{name} is missing")
    return said


def _objects(
    held: Mapping[str, Any], name: str, most: int, place: str, *, required: bool = True
) -> Iterator[dict[str, Any]]:
    said = held.get(name, None if required else [])
    if not isinstance(said, list) or not all(isinstance(each, dict) for each in said):
        raise Fault(131008, f"{place}.{name} is to be a list of objects")
    if (required and not said) or len(said) > most:
        raise Fault(131009, f"{place}.{name} has 1 to {most} members")
    yield from said


def _distinct(said: list[str], what: str) -> None:
    if len(set(said)) < len(said):
        raise Fault(131009, f"{what} are to differ")
