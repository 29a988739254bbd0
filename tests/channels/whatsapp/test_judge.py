"""The judge is fair: it takes Meta's own examples, and sees what is wrong."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from tests.channels.whatsapp.judge import Json, examples, judge, needs_description

pytestmark = needs_description

# a placeholder where a type should be, two without a type, and one that is no message
BAD_EXAMPLES = {
    "Send Multi-Product Message",
    "Send Reply to List Message",
    "Send Text Message with Preview URL",
    "Send typing indicator and read receipt",
}
TEXT: Json = {
    "messaging_product": "whatsapp",
    "recipient_type": "individual",
    "to": "+4915112345678",
    "type": "text",
    "text": {"body": "The offer is gone."},
}
TEMPLATE: Json = {
    "messaging_product": "whatsapp",
    "to": "+4915112345678",
    "type": "template",
    "biz_opaque_callback_data": "nc1:m-1",
    "template": {
        "name": "coffee_nearby",
        "language": {"code": "de"},
        "components": [
            {"type": "body", "parameters": [{"type": "text", "text": "Anna"}]},
            {
                "type": "button",
                "sub_type": "quick_reply",
                "index": "0",
                "parameters": [{"type": "payload", "payload": "stop"}],
            },
        ],
    },
}
ROW: Json = {"id": "row", "title": "Row"}
LIST: Json = {
    "messaging_product": "whatsapp",
    "to": "+4915112345678",
    "type": "interactive",
    "interactive": {
        "type": "list",
        "body": {"text": "Which?"},
        "action": {"button": "Choose", "sections": [{"rows": [ROW]}]},
    },
}
BUTTON: Json = {"type": "reply", "reply": {"id": "yes", "title": "Yes"}}
BUTTONS: Json = LIST | {"interactive": {"type": "button", "body": {"text": "Sure?"}, "action": {"buttons": [BUTTON]}}}


def test_it_takes_metas_own_examples() -> None:
    given = examples(judge().document, "messages")
    refused = {name for name, body in given.items() if judge().errors(body)}
    assert refused == BAD_EXAMPLES
    assert len(given) == 50


def test_it_takes_metas_own_examples_of_marketing() -> None:
    given = examples(judge().document, "marketing_messages")
    assert [judge().errors(body, is_marketing=True) for body in given.values()] == [[], [], []]


@pytest.mark.parametrize("body", [TEXT, TEMPLATE, LIST, BUTTONS], ids=["text", "template", "list", "buttons"])
def test_it_takes_what_is_right(body: Json) -> None:
    assert judge().errors(body) == []


def _first_component(body: Json) -> Json:
    found: Json = body["template"]["components"][0]
    return found


def _button(body: Json) -> Json:
    found: Json = body["template"]["components"][1]
    return found


def _sections(body: Json) -> list[Json]:
    found: list[Json] = body["interactive"]["action"]["sections"]
    return found


FAULTS: dict[str, tuple[Json, Callable[[Json], Any]]] = {
    "no product": (TEXT, lambda body: body.pop("messaging_product")),
    "another product": (TEXT, lambda body: body.update(messaging_product="messenger")),
    "nobody to send it to": (TEXT, lambda body: body.pop("to")),
    "a misspelt key": (TEXT, lambda body: body.update(recipient_typ="individual")),
    "a misspelt key of a template's": (TEMPLATE, lambda body: body.update(tepmlate={})),
    "a tag that is too long": (TEMPLATE, lambda body: body.update(biz_opaque_callback_data="x" * 513)),
    "no language": (TEMPLATE, lambda body: body["template"]["language"].pop("code")),
    "an eleventh button": (TEMPLATE, lambda body: _button(body).update(index="10")),
    "a button of no kind": (TEMPLATE, lambda body: _button(body).update(sub_type="quick_replay")),
    "parameters that are no list": (TEMPLATE, lambda body: _first_component(body).update(parameters={})),
    "a misspelt parameter": (
        TEMPLATE,
        lambda body: _first_component(body).update(parameters=[{"type": "text", "txet": "Anna"}]),
    ),
    "a parameter without its text": (
        TEMPLATE,
        lambda body: _first_component(body).update(parameters=[{"type": "text"}]),
    ),
    "eleven rows": (LIST, lambda body: _sections(body)[0].update(rows=[ROW] * 11)),
    "twelve rows in two sections": (LIST, lambda body: _sections(body).extend([{"rows": [ROW] * 6}] * 2)),
    "a row's title that is too long": (LIST, lambda body: _sections(body)[0]["rows"][0].update(title="x" * 25)),
    "four buttons": (BUTTONS, lambda body: body["interactive"]["action"].update(buttons=[BUTTON] * 4)),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_it_sees_what_is_wrong(fault: str) -> None:
    right, spoil = FAULTS[fault]
    wrong = deepcopy(right)
    spoil(wrong)
    assert judge().errors(wrong) != []
