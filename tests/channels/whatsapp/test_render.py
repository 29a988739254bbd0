"""What is posted for each kind of message, and what is refused before it is."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings

from nearcast.channels.whatsapp.render import rendered
from nearcast.domain.errors import InvalidInput
from nearcast.domain.ids import MessageId
from nearcast.domain.sending import (
    Button,
    Choice,
    Content,
    LocationRequest,
    Outbound,
    Recipient,
    Row,
    Template,
    Text,
)
from nearcast.fake_whatsapp.bodies import Fault, check_body
from tests.channels.whatsapp.judge import judge, needs_description
from tests.channels.whatsapp.values import NUMBER, TEMPLATE, TEXT, offer, outbound, outbounds

ENVELOPE = {
    "messaging_product": "whatsapp",
    "recipient_type": "individual",
    "to": NUMBER,
    "biz_opaque_callback_data": "nc1:m-1",
}


def said(content: Content = TEXT, /, *, is_marketing: bool = False, **changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(rendered(outbound(content, **changes), is_marketing=is_marketing))
    return body


def test_a_text() -> None:
    assert said() == ENVELOPE | {"type": "text", "text": {"body": "The offer is gone.", "preview_url": False}}


def test_a_texts_address_stands_below_it_unless_it_is_in_it() -> None:
    assert said(Text(body="Look", url="https://n.example/v"))["text"]["body"] == "Look\nhttps://n.example/v"
    assert said(Text(body="Look: https://n.example/v", url="https://n.example/v"))["text"]["body"] == (
        "Look: https://n.example/v"
    )


@needs_description
def test_an_address_with_a_title_is_a_button() -> None:
    found = said(Text(body="12.50 EUR until 18:00.", url="https://pay.example/c/1", url_title="Pay"))
    assert found == ENVELOPE | {
        "type": "interactive",
        "interactive": {
            "type": "cta_url",
            "body": {"text": "12.50 EUR until 18:00."},
            "action": {
                "name": "cta_url",
                "parameters": {"display_text": "Pay", "url": "https://pay.example/c/1"},
            },
        },
    }
    assert judge().errors(found) == []
    check_body(found, is_marketing=False)
    found["interactive"]["action"]["parameters"]["url"] = "pay.example"
    with pytest.raises(Fault):
        check_body(found, is_marketing=False)
    long = said(Text(body="x" * 1025, url="https://pay.example/c/1", url_title="Pay"))
    assert long["text"]["body"].endswith("\nhttps://pay.example/c/1")


def test_letters_are_sent_as_they_are() -> None:
    assert "Café −20 % 🎉".encode() in rendered(outbound(Text(body="Café −20 % 🎉")), is_marketing=False)


def test_a_text_with_buttons() -> None:
    asked = Text(body="Stop all offers?", buttons=(Button(id="stop", title="Stop"), Button(id="keep", title="Keep")))
    assert said(asked) == ENVELOPE | {
        "type": "interactive",
        "interactive": {
            "type": "button",
            "body": {"text": "Stop all offers?"},
            "action": {
                "buttons": [
                    {"type": "reply", "reply": {"id": "stop", "title": "Stop"}},
                    {"type": "reply", "reply": {"id": "keep", "title": "Keep"}},
                ]
            },
        },
    }


def test_a_list() -> None:
    rows = (Row(id="a", title="Café Central", description="120 m, until 18:00"), Row(id="b", title="Bar"))
    assert said(Choice(body="Near you:", label="Offers", rows=rows)) == ENVELOPE | {
        "type": "interactive",
        "interactive": {
            "type": "list",
            "body": {"text": "Near you:"},
            "action": {
                "button": "Offers",
                "sections": [
                    {
                        "rows": [
                            {"id": "a", "title": "Café Central", "description": "120 m, until 18:00"},
                            {"id": "b", "title": "Bar"},
                        ]
                    }
                ],
            },
        },
    }


def test_a_request_for_a_position() -> None:
    assert said(LocationRequest(body="Where are you?")) == ENVELOPE | {
        "type": "interactive",
        "interactive": {
            "type": "location_request_message",
            "body": {"text": "Where are you?"},
            "action": {"name": "send_location"},
        },
    }


def test_a_template_with_all_that_can_stand_in_it() -> None:
    template = replace(
        TEMPLATE,
        header="Café Central",
        variable_names=("name", "shop", "until"),
        code="COFFEE20",
        url_suffix="v/1",
        ends_at=datetime(2026, 6, 2, 17, 30, tzinfo=UTC),
    )
    assert said(template)["template"] == {
        "name": "coffee_nearby",
        "language": {"code": "de"},
        "components": [
            {"type": "header", "parameters": [{"type": "text", "text": "Café Central"}]},
            {
                "type": "body",
                "parameters": [
                    {"type": "text", "text": "Anna", "parameter_name": "name"},
                    {"type": "text", "text": "Café Central", "parameter_name": "shop"},
                    {"type": "text", "text": "17:30", "parameter_name": "until"},
                ],
            },
            {
                "type": "limited_time_offer",
                "parameters": [
                    {"type": "limited_time_offer", "limited_time_offer": {"expiration_time_ms": 1780421400000}}
                ],
            },
            _button("quick_reply", "0", {"type": "payload", "payload": "stop:offers"}),
            _button("copy_code", "1", {"type": "coupon_code", "coupon_code": "COFFEE20"}),
            _button("url", "2", {"type": "text", "text": "v/1"}),
        ],
    }


def _button(kind: str, index: str, parameter: dict[str, str]) -> dict[str, Any]:
    return {"type": "button", "sub_type": kind, "index": index, "parameters": [parameter]}


def test_a_templates_variables_have_their_places_where_they_have_no_names() -> None:
    body, button = said(TEMPLATE)["template"]["components"]
    assert body["parameters"][0] == {"type": "text", "text": "Anna"}
    assert button == _button("quick_reply", "0", {"type": "payload", "payload": "stop:offers"})


def test_buttons_are_those_that_the_template_has_at_their_places() -> None:
    template = replace(TEMPLATE, payloads=("a", "b"), url_suffix="v", button_indexes=(2, 3, 0))
    buttons = said(template)["template"]["components"][1:]
    assert [(each["sub_type"], each["index"]) for each in buttons] == [
        ("quick_reply", "2"),
        ("quick_reply", "3"),
        ("url", "0"),
    ]


def test_a_template_without_anything_in_it_has_no_components() -> None:
    assert said(Template(name="hello", language="en_US"))["template"] == {
        "name": "hello",
        "language": {"code": "en_US"},
    }


def test_marketing_says_that_nobody_is_to_be_watched() -> None:
    body = said(TEMPLATE, is_marketing=True)
    assert body["message_activity_sharing"] is False
    assert body["product_policy"] == "CLOUD_API_FALLBACK"
    assert body["biz_opaque_callback_data"] == "nc1:m-1"
    assert "message_activity_sharing" not in said(TEMPLATE)


def test_an_answer_names_what_it_answers() -> None:
    assert said(reply_to="wamid.HBgL")["context"] == {"message_id": "wamid.HBgL"}
    assert "context" not in said(TEMPLATE, is_marketing=True, reply_to="wamid.HBgL")


def test_whoever_shows_no_number_is_named_by_their_user_id() -> None:
    to = Recipient(user_id="US.13491208655302741918")
    body = said(to=to)
    assert (body["recipient"], "to" in body) == ("US.13491208655302741918", False)
    both = said(to=Recipient(address=NUMBER, user_id="DE.ENT.134"))
    assert (both["to"], both["recipient"]) == (NUMBER, "DE.ENT.134")


ROWS = tuple(Row(id=f"r{n}", title=f"Row {n}") for n in range(11))
YES = Button(id="yes", title="Yes")
REFUSED: dict[str, tuple[Outbound, str]] = {
    "no plus": (outbound(to=Recipient(address="4915112345678")), "to: is no number"),
    "a number as it is dialled": (outbound(to=Recipient(address="(631) 555-1234")), "to: is no number"),
    "a number that ends with a line": (outbound(to=Recipient(address=NUMBER + "\n")), "to: is no number"),
    "no user id": (outbound(to=Recipient(user_id="13491208655302741918")), "recipient: is no user id"),
    "no text": (outbound(Text(body=" \n")), "text.body: is empty"),
    "too long a text": (outbound(Text(body="x" * 4097)), "text.body: has 4097 characters"),
    "half a letter": (outbound(Text(body="\ud800")), "text: holds half a letter"),
    "too long a text over buttons": (outbound(Text(body="x" * 1025, buttons=(YES,))), "body: has 1025"),
    "four buttons": (
        outbound(Text(body="?", buttons=tuple(Button(id=str(n), title=str(n)) for n in range(4)))),
        "buttons: there are 4",
    ),
    "two buttons of one title": (outbound(Text(body="?", buttons=(YES, Button(id="y", title="Yes")))), "buttons: two"),
    "two buttons of one id": (outbound(Text(body="?", buttons=(YES, Button(id="yes", title="Y")))), "buttons: two"),
    "too long a title": (
        outbound(Text(body="?", buttons=(Button(id="y", title="x" * 21),))),
        r"buttons\[0\].title: has 21",
    ),
    "too long an id": (outbound(Text(body="?", buttons=(Button(id="x" * 257, title="y"),))), r"buttons\[0\].id: has"),
    "an id with blanks": (outbound(Text(body="?", buttons=(Button(id="y ", title="y"),))), r"buttons\[0\].id: has bl"),
    "eleven rows": (outbound(Choice(body="?", label="Offers", rows=ROWS)), "rows: there are 11"),
    "no rows": (outbound(Choice(body="?", label="Offers", rows=())), "rows: there are 0"),
    "two rows of one id": (outbound(Choice(body="?", label="Offers", rows=ROWS[:1] * 2)), "rows: two are"),
    "too long a row": (
        outbound(Choice(body="?", label="Offers", rows=(Row(id="r", title="x" * 25),))),
        r"rows\[0\].title: has 25",
    ),
    "too long a description": (
        outbound(Choice(body="?", label="Offers", rows=(Row(id="r", title="x", description="x" * 73),))),
        r"rows\[0\].description: has 73",
    ),
    "too long a label": (outbound(Choice(body="?", label="x" * 21, rows=ROWS[:1])), "label: has 21"),
    "too long a question": (outbound(LocationRequest(body="x" * 1025)), "body: has 1025"),
    "a template's name": (offer(replace(TEMPLATE, name="Coffee")), "template.name: has other letters"),
    "a language": (offer(replace(TEMPLATE, language="German")), "template.language: is no language code"),
    "an empty variable": (offer(replace(TEMPLATE, variables=("a", ""))), r"template.variables\[1\]: is empty"),
    "a line break": (offer(replace(TEMPLATE, variables=("a\nb",))), r"template.variables\[0\]: has a line break"),
    "a tab": (offer(replace(TEMPLATE, variables=("a\tb",))), r"template.variables\[0\]: has a line break"),
    "four blanks": (offer(replace(TEMPLATE, variables=("a    b",))), r"template.variables\[0\]: has a line break"),
    "a name too few": (offer(replace(TEMPLATE, variable_names=("a",))), "template.variables: each has a name"),
    "one name twice": (offer(replace(TEMPLATE, variable_names=("a", "a", "b"))), "template.variables: two are"),
    "a name's letters": (offer(replace(TEMPLATE, variable_names=("a", "b", "1"))), "template.variables: has a name"),
    "too long a heading": (offer(replace(TEMPLATE, header="x" * 61)), "template.header: has 61"),
    "a picture that anybody may change on its way": (
        offer(replace(TEMPLATE, header_image="http://cafe.example/cup.png")),
        "template.header_image: is no address",
    ),
    "too long a body": (offer(replace(TEMPLATE, body="x" * 1025)), "template.body: has 1025"),
    "too long an offer that ends": (
        offer(replace(TEMPLATE, body="x" * 601, ends_at=datetime(2026, 6, 2, tzinfo=UTC))),
        "template.body: has 601",
    ),
    "too long a code": (offer(replace(TEMPLATE, code="X" * 16)), "template.code: has 16"),
    "a code's letters": (offer(replace(TEMPLATE, code="COFFEE-20")), "template.code: has other letters"),
    "too long a payload": (offer(replace(TEMPLATE, payloads=("x" * 257,))), r"template.payloads\[0\]: has 257"),
    "too many buttons": (offer(replace(TEMPLATE, payloads=("x",) * 11)), "template.buttons: there are 11"),
    "an index too few": (offer(replace(TEMPLATE, payloads=("x", "y"), button_indexes=(0,))), "each button has an"),
    "an eleventh button": (offer(replace(TEMPLATE, button_indexes=(10,))), "template.buttons: they are 0 to 9"),
    "too long a tag": (outbound(id=MessageId("x" * 509)), "tag: has 513"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_meta_would_refuse_does_not_leave(case: str) -> None:
    refused, complaint = REFUSED[case]
    with pytest.raises(InvalidInput, match=complaint):
        rendered(refused, is_marketing=False)


def test_a_refusal_does_not_tell_what_was_said() -> None:
    for refused, _ in REFUSED.values():
        with pytest.raises(InvalidInput) as complaint:
            rendered(refused, is_marketing=False)
        assert "4915112345678" not in str(complaint.value)
        assert "xxx" not in str(complaint.value)


@needs_description
@given(sent=outbounds)
@settings(max_examples=150, deadline=None)
def test_whatever_is_rendered_is_as_meta_describes_it(sent: Outbound) -> None:
    for is_marketing in (False, True) if isinstance(sent.content, Template) else (False,):
        try:
            body = rendered(sent, is_marketing=is_marketing)
        except InvalidInput:
            continue
        assert judge().errors(json.loads(body), is_marketing=is_marketing) == []
