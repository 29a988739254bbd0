"""Meta's own description of its API as a judge of what we send.

As it is published it refuses its own examples: it says twice over that nothing else may stand in a message, each half
without knowing of the other, and forgets what its pages name. It is mended in memory, before it judges; a checksum
holds the file to the one that the mends are for.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import yaml
from jsonschema import Draft202012Validator

Json: TypeAlias = dict[str, Any]

DESCRIPTION = Path(__file__).parents[4] / "shared" / "contracts" / "whatsapp_business_messaging_v23.yaml"
needs_description = pytest.mark.skipif(
    not DESCRIPTION.is_file(), reason="Meta's description of its API in ../shared/contracts is not here"
)

_SHA256 = "c7148d5e2aeff32f2effc3d3557795d7eddd07abf8b017c9e40e86bb3312c116"
_MARKETING = "#/components/schemas/MarketingMessageRequestPayload"
_PARAMETERS: Mapping[str, str] = {
    "text": "text",
    "payload": "payload",
    "coupon_code": "coupon_code",
    "limited_time_offer": "limited_time_offer",
    "image": "image",
    "video": "video",
    "document": "document",
    "currency": "currency",
    "date_time": "date_time",
    "action": "action",
    "location": "location",
}
_SUB_TYPES = ["quick_reply", "url", "catalog", "flow", "copy_code", "mpm", "voice_call"]
_COMPONENTS = ["header", "body", "button", "limited_time_offer", "carousel"]


class Judge:
    """Says what is wrong with the body of a request; an empty list for one that Meta would take."""

    def __init__(self) -> None:
        raw = DESCRIPTION.read_bytes()
        assert sha256(raw).hexdigest() == _SHA256, "another edition of the description: look at each mend again"
        self.document: Json = yaml.load(raw, Loader=yaml.CSafeLoader)
        _mend(self.document["components"]["schemas"])
        kinds = self.document["components"]["schemas"]["Message"]["discriminator"]["mapping"]
        self._kinds = {kind: self._validator(reference) for kind, reference in kinds.items()}
        self._marketing = self._validator(_MARKETING)

    def errors(self, body: Json, *, is_marketing: bool = False) -> list[str]:
        """A body for /messages, or for /marketing_messages."""
        validator = self._marketing if is_marketing else self._kinds.get(str(body.get("type")))
        if validator is None:
            return [f"there is no message of type {body.get('type')!r}"]
        found = [f"{list(error.absolute_path)}: {error.message[:120]}" for error in validator.iter_errors(body)]
        return found or [*_parameter_errors(body), *_row_errors(body)]

    def _validator(self, reference: str) -> Draft202012Validator:
        return Draft202012Validator({"components": self.document["components"], "$ref": reference})


@cache
def judge() -> Judge:
    """One for all tests: reading the description takes a second."""
    return Judge()


def _mend(schemas: Json) -> None:
    _close_whole_messages(schemas)
    _open_the_envelope(schemas)
    schemas["LanguageObject"]["required"] = ["code"]
    for name in ("TemplateComponent", "ButtonComponent"):
        for each in _objects(schemas[name]):
            _mend_component(each)
    _mend_interactive(schemas)
    for each in _objects(schemas["LocationMessage"]):
        for key in ("latitude", "longitude"):
            if key in each.get("properties", {}):
                each["properties"][key]["type"] = ["string", "number"]
    marketing = schemas["MarketingMessageRequestPayload"]
    base = schemas["BaseMessageProperties"]["properties"]
    marketing["properties"] |= {key: base[key] for key in ("biz_opaque_callback_data", "recipient")}
    marketing["required"] = [key for key in marketing["required"] if key not in ("to", "recipient_type")]
    marketing["anyOf"] = [{"required": ["to"]}, {"required": ["recipient"]}]


def _close_whole_messages(schemas: Json) -> None:
    """What closes one half of a message closes the whole instead."""
    for name, schema in schemas.items():
        halves = [half for half in schema.get("allOf", []) if half.get("additionalProperties") is False]
        for half in halves:
            del half["additionalProperties"]
        if halves or name == "TemplateMessage":
            schema["unevaluatedProperties"] = False


def _open_the_envelope(schemas: Json) -> None:
    base = schemas["BaseMessageProperties"]
    base["required"] = ["messaging_product", "type"]
    base["anyOf"] = [{"required": ["to"]}, {"required": ["recipient"]}]
    base["properties"] |= {
        "messaging_product": {"const": "whatsapp"},
        "recipient": {"type": "string"},
        "biz_opaque_callback_data": {"type": "string", "maxLength": 512},
    }


def _mend_component(each: Json) -> None:
    """A footnote's mark has come into the pattern of an index, and half of the words are missing."""
    properties = each.get("properties", {})
    if "index" in properties:
        properties["index"] = {"type": ["string", "integer"], "pattern": "^[0-9]$", "minimum": 0, "maximum": 9}
    if "sub_type" in properties:
        properties["sub_type"] = {"enum": _either_case(_SUB_TYPES)}
    kinds = properties.get("type", {}).get("enum")
    if kinds is not None:
        properties["type"] = {"enum": _either_case(["button"] if kinds == ["button"] else _COMPONENTS)}


def _mend_interactive(schemas: Json) -> None:
    schemas["InteractiveObject"]["properties"]["type"]["enum"] += [
        "order_details",
        "order_status",
        "location_request_message",
        "cta_url",
        "address_message",
    ]
    action = schemas["ActionObject"]
    named = {"enum": ["review_and_pay", "review_order", "cta_url"]}
    action["anyOf"] = [
        *action.pop("oneOf"),
        {"required": ["name"], "properties": {"name": {"const": "send_location"}}, "additionalProperties": False},
        {
            "required": ["name", "parameters"],
            "properties": {"name": named, "parameters": {"type": "object"}},
            "additionalProperties": False,
        },
    ]


def _either_case(words: list[str]) -> list[str]:
    return [*words, *(word.upper() for word in words)]


def _objects(schema: Any) -> Iterator[Json]:
    """A schema and every object within."""
    if isinstance(schema, dict):
        yield schema
        for each in list(schema.values()):
            yield from _objects(each)
    elif isinstance(schema, list):
        for each in schema:
            yield from _objects(each)


def _parameter_errors(body: Json) -> Iterator[str]:
    """The description tells parameters apart by a discriminator, which JSON Schema does not know."""
    for component in body.get("template", {}).get("components", []):
        for parameter in component.get("parameters", []):
            said = _PARAMETERS.get(parameter.get("type", ""))
            keys = parameter.keys() - {"type"}
            if said is None or not {said} <= keys <= {said, "parameter_name"}:
                yield f"no parameter: {sorted(parameter)}"


def _row_errors(body: Json) -> Iterator[str]:
    """Ten rows are all that a list has: the description counts each section by itself."""
    sections = body.get("interactive", {}).get("action", {}).get("sections", [])
    if sum(len(section.get("rows", [])) for section in sections) > 10:
        yield "more than ten rows"


def examples(document: Json, way: str) -> dict[str, Json]:
    """Meta's own example bodies for `messages` or `marketing_messages`, by their names."""
    body = document["paths"][f"/{{Version}}/{{Phone-Number-ID}}/{way}"]["post"]["requestBody"]
    return {name: each["value"] for name, each in body["content"]["application/json"]["examples"].items()}
