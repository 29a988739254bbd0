"""A message as Meta's Cloud API takes it, or InvalidInput that names what it would refuse, never the text itself."""

import json
from typing import Any, TypeAlias

from nearcast.channels.whatsapp import limits
from nearcast.domain.errors import InvalidInput
from nearcast.domain.sending import Choice, LocationRequest, Outbound, Recipient, Template, Text

Json: TypeAlias = dict[str, Any]

_MARKETING = {
    "product_policy": "CLOUD_API_FALLBACK",
    "message_activity_sharing": False,  # left out, the account's own setting would hold
}


def rendered(outbound: Outbound, *, is_marketing: bool) -> bytes:
    """The body of a request to /messages, or to /marketing_messages."""
    body = _envelope(outbound) | _content(outbound.content) | (_MARKETING if is_marketing else _quoted(outbound))
    try:
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        raise InvalidInput("holds half a letter", place="text") from None


def _envelope(outbound: Outbound) -> Json:
    tag = limits.at_most(outbound.tag, limits.TAG, "tag")
    said = {"messaging_product": "whatsapp", "recipient_type": "individual", "biz_opaque_callback_data": tag}
    return said | _recipient(outbound.to)


def _quoted(outbound: Outbound) -> Json:
    """What is answered is shown above the answer. Marketing answers nothing."""
    return {} if outbound.reply_to is None else {"context": {"message_id": outbound.reply_to}}


def _recipient(to: Recipient) -> Json:
    """Where both are known, the number counts."""
    said: Json = {}
    if to.address is not None:
        said["to"] = limits.number(to.address)
    if to.user_id is not None:
        said["recipient"] = limits.user_id(to.user_id)
    return said


def _content(content: Text | Choice | LocationRequest | Template) -> Json:
    match content:
        case Text():
            return _text(content)
        case Choice():
            return _interactive("list", content.body, _list(content))
        case LocationRequest():
            return _interactive("location_request_message", content.body, {"name": "send_location"})
        case Template():
            return {"type": "template", "template": _template(content)}


def _text(content: Text) -> Json:
    """An address that the words do not name stands below them, or is a button where it has a title."""
    is_button = content.url_title is not None and not content.buttons and len(content.body) <= limits.INTERACTIVE_BODY
    if content.url is not None and content.url_title is not None and is_button:
        return _interactive("cta_url", content.body, _link(content.url, content.url_title))
    is_named = content.url is None or content.url in content.body
    body = content.body if is_named else f"{content.body}\n{content.url}"
    if content.buttons:
        return _interactive("button", body, _buttons(content))
    said = limits.text(body, limits.BODY, "text.body")
    return {"type": "text", "text": {"body": said, "preview_url": False}}


def _interactive(kind: str, body: str, action: Json) -> Json:
    said = limits.text(body, limits.INTERACTIVE_BODY, "body")
    return {"type": "interactive", "interactive": {"type": kind, "body": {"text": said}, "action": action}}


def _link(url: str, title: str) -> Json:
    said = {
        "display_text": limits.text(title, limits.BUTTON_TITLE, "url_title"),
        "url": limits.name(url, limits.LINK, "url"),
    }
    return {"name": "cta_url", "parameters": said}


def _buttons(content: Text) -> Json:
    limits.count(len(content.buttons), limits.BUTTONS, "buttons")
    limits.different([each.id for each in content.buttons], "buttons")
    limits.different([each.title for each in content.buttons], "buttons")
    replies = [
        {
            "id": limits.name(each.id, limits.BUTTON_ID, f"buttons[{n}].id"),
            "title": limits.text(each.title, limits.BUTTON_TITLE, f"buttons[{n}].title"),
        }
        for n, each in enumerate(content.buttons)
    ]
    return {"buttons": [{"type": "reply", "reply": reply} for reply in replies]}


def _list(content: Choice) -> Json:
    limits.count(len(content.rows), limits.ROWS, "rows")
    limits.different([each.id for each in content.rows], "rows")
    rows: list[Json] = []
    for n, each in enumerate(content.rows):
        row = {
            "id": limits.name(each.id, limits.ROW_ID, f"rows[{n}].id"),
            "title": limits.text(each.title, limits.ROW_TITLE, f"rows[{n}].title"),
        }
        if each.description:
            row["description"] = limits.text(each.description, limits.ROW_DESCRIPTION, f"rows[{n}].description")
        rows.append(row)
    return {"button": limits.text(content.label, limits.LIST_LABEL, "label"), "sections": [{"rows": rows}]}


def _template(template: Template) -> Json:
    most = limits.TEMPLATE_BODY if template.ends_at is None else limits.TIMED_OFFER_BODY
    limits.at_most(template.body, most, "template.body")
    components = [*_header(template), *_body(template), *_timed_offer(template), *_template_buttons(template)]
    said: Json = {
        "name": limits.template_name(template.name),
        "language": {"code": limits.language(template.language)},
    }
    return said | ({"components": components} if components else {})


def _header(template: Template) -> list[Json]:
    """A text, or a picture that the provider fetches itself."""
    if template.header_image is not None:
        link = limits.link(template.header_image, "template.header_image")
        return [{"type": "header", "parameters": [{"type": "image", "image": {"link": link}}]}]
    if template.header is None:
        return []
    said = limits.one_line(template.header, limits.HEADER, "template.header")
    return [{"type": "header", "parameters": [{"type": "text", "text": said}]}]


def _body(template: Template) -> list[Json]:
    """Variables by their names, or, where they have none, by their places."""
    if not template.variables:
        return []
    texts: list[Json] = [
        {"type": "text", "text": limits.one_line(said, limits.VARIABLE, f"template.variables[{n}]")}
        for n, said in enumerate(template.variables)
    ]
    if template.variable_names:
        if len(template.variable_names) != len(texts):
            raise InvalidInput("each has a name, or none has", place="template.variables")
        limits.different(list(template.variable_names), "template.variables")
        for said, name in zip(texts, template.variable_names, strict=True):
            said["parameter_name"] = limits.variable_name(name)
    return [{"type": "body", "parameters": texts}]


def _timed_offer(template: Template) -> list[Json]:
    if template.ends_at is None:
        return []
    ends: Json = {"expiration_time_ms": round(template.ends_at.timestamp() * 1000)}
    return [{"type": "limited_time_offer", "parameters": [{"type": "limited_time_offer", "limited_time_offer": ends}]}]


def _template_buttons(template: Template) -> list[Json]:
    tapped: list[tuple[str, Json]] = [
        ("quick_reply", {"type": "payload", "payload": limits.name(said, limits.PAYLOAD, f"template.payloads[{n}]")})
        for n, said in enumerate(template.payloads)
    ]
    if template.code is not None:
        tapped.append(("copy_code", {"type": "coupon_code", "coupon_code": limits.code(template.code)}))
    if template.url_suffix is not None:
        suffix = limits.name(template.url_suffix, limits.URL_SUFFIX, "template.url_suffix")
        tapped.append(("url", {"type": "text", "text": suffix}))
    return [
        {"type": "button", "sub_type": kind, "index": str(index), "parameters": [said]}
        for index, (kind, said) in zip(_indexes(template, len(tapped)), tapped, strict=True)
    ]


def _indexes(template: Template, buttons: int) -> list[int]:
    if buttons > limits.TEMPLATE_BUTTONS:
        raise InvalidInput(f"there are {buttons}, and {limits.TEMPLATE_BUTTONS} are taken", place="template.buttons")
    indexes = list(template.button_indexes or range(buttons))
    if len(indexes) != buttons or len(set(indexes)) < buttons:
        raise InvalidInput("each button has an index of its own", place="template.buttons")
    if not all(0 <= index < limits.TEMPLATE_BUTTONS for index in indexes):
        raise InvalidInput(f"they are 0 to {limits.TEMPLATE_BUTTONS - 1}", place="template.buttons")
    return indexes
