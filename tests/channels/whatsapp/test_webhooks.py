"""What is read of each thing that Meta reports."""

import json
from typing import Any

import pytest

from nearcast.channels.whatsapp.webhook import events_of
from nearcast.domain.channel_event import (
    IdentityChange,
    Inbound,
    InboundKind,
    Preference,
    Receipt,
    SenderChange,
    Unparsed,
)
from nearcast.domain.position import Position
from nearcast.domain.sending import LearntKey
from tests.channels.whatsapp.judge import judge, needs_description
from tests.channels.whatsapp.webhooks import (
    ACCOUNT_ID,
    AT,
    BSUID,
    CONTACT,
    FAILED,
    NOW,
    NUMBER_ID,
    SENT,
    STOP,
    TEXT,
    THEIRS,
    TIME,
    WA_ID,
    WAMID,
    Json,
    body,
    change,
    message,
    messages,
    read,
    unread,
    webhook,
)


def inbound(said: Json, **value: Any) -> Inbound:
    event = read(webhook(messages(messages=[said], **value)))
    assert isinstance(event, Inbound)
    return event


def _form(name: str, **said: Any) -> dict[str, Any]:
    return {"type": "nfm_reply", "nfm_reply": {"name": name, "body": "Sent", **said}}


def test_a_text() -> None:
    assert inbound(TEXT, contacts=[CONTACT]) == Inbound(
        key=f"m:{THEIRS}",
        at=AT,
        kind=InboundKind.TEXT,
        sender_keys=(WA_ID, BSUID),
        received_by=NUMBER_ID,
        provider_id=THEIRS,
        text="Stop",
    )


@pytest.mark.parametrize(
    ("said", "kind", "text", "payload"),
    [
        (
            message("button", button={"payload": "stop", "text": "Stop offers"}),
            InboundKind.BUTTON,
            "Stop offers",
            "stop",
        ),
        (
            message("interactive", interactive={"type": "button_reply", "button_reply": {"id": "yes", "title": "Yes"}}),
            InboundKind.BUTTON,
            "Yes",
            "yes",
        ),
        (
            message("interactive", interactive={"type": "list_reply", "list_reply": {"id": "r1", "title": "Café"}}),
            InboundKind.CHOICE,
            "Café",
            "r1",
        ),
        (message("interactive", interactive=_form("flow", response_json="{}")), InboundKind.FORM, "Sent", "{}"),
        (message("interactive", interactive=_form("flow", response_json={"a": 1})), InboundKind.FORM, "Sent", None),
        (message("interactive", interactive=_form("address_message")), InboundKind.OTHER, "Sent", None),
        (message("image", image={"id": "1", "caption": "Stop"}), InboundKind.OTHER, "Stop", None),
        (message("reaction", reaction={"message_id": WAMID, "emoji": "👍"}), InboundKind.OTHER, "👍", None),
        (
            message("edit", edit={"message": {"type": "text", "text": {"body": "Stop"}}}),
            InboundKind.OTHER,
            "Stop",
            None,
        ),
        (message("unsupported", errors=[{"code": 131051}]), InboundKind.OTHER, "", None),
        (message("audio", audio=None), InboundKind.OTHER, "", None),
    ],
    ids=lambda said: said["type"] if isinstance(said, dict) else "",
)
def test_what_is_seen_of_a_message_and_what_comes_back_with_a_tap(
    said: Json, kind: InboundKind, text: str, payload: str | None
) -> None:
    event = inbound(said)
    assert (event.kind, event.text, event.payload) == (kind, text, payload)


def test_a_tap_names_the_message_that_was_answered() -> None:
    said = message("button", button={"payload": "stop"}, context={"from": "4930123456", "id": WAMID})
    assert inbound(said).in_reply_to == WAMID


@pytest.mark.parametrize(("lat", "lon"), [(52.52, 13.405), ("52.52", "13.405")])
def test_a_pin(lat: Any, lon: Any) -> None:
    event = inbound(message("location", location={"latitude": lat, "longitude": lon, "name": "Here"}))
    assert (event.kind, event.position, event.text) == (InboundKind.LOCATION, Position(52.52, 13.405), "Here")


def test_whoever_shows_no_number_is_known_by_their_user_id() -> None:
    unseen = {key: value for key, value in TEXT.items() if key != "from"}
    assert inbound(unseen).sender_keys == (BSUID,)
    assert inbound(unseen, contacts=[CONTACT]).sender_keys == (BSUID, WA_ID)
    named_nowhere = {key: value for key, value in unseen.items() if key != "from_user_id"}
    assert inbound(named_nowhere, contacts=[CONTACT]).sender_keys == (WA_ID, BSUID)


@pytest.mark.parametrize(
    ("said", "what"),
    [
        (message("hologram"), "messages: message of type hologram"),
        (message("text", text={}), "messages: no body"),
        (message("interactive", interactive={"type": "call"}), "messages: interactive call"),
        (message("button", button={}), "messages: button without a payload"),
        (message("location", location={"latitude": 91, "longitude": 0}), "messages: a value is out of range"),
        (message("location", location={"latitude": "north", "longitude": 0}), "messages: location without a latitude"),
        (message("location", location={"latitude": True, "longitude": 0}), "messages: location without a latitude"),
        (message("system", system={"type": "group_left"}), "messages: system message group_left"),
        ({"id": THEIRS, "type": "text", "text": {"body": "Stop"}}, "messages: message from nobody"),
        (TEXT | {"id": None}, "messages: no id"),
        (TEXT | {"type": None}, "messages: no type"),
    ],
)
def test_a_message_that_is_not_understood_is_told(said: Json, what: str) -> None:
    assert unread(webhook(messages(messages=[said]))) == what


@pytest.mark.parametrize(
    ("system", "after"),
    [
        (
            {"type": "user_changed_number", "wa_id": "4915100000000", "user_id": "DE.200"},
            (LearntKey(kind="wa_id", key="4915100000000"), LearntKey(kind="bsuid", key="DE.200")),
        ),
        (
            {"type": "customer_changed_number", "new_wa_id": "4915100000000"},
            (LearntKey(kind="wa_id", key="4915100000000"),),
        ),
        ({"type": "user_changed_user_id", "user_id": "DE.200"}, (LearntKey(kind="bsuid", key="DE.200"),)),
        ({"type": "customer_identity_changed"}, (WA_ID,)),
    ],
)
def test_somebody_has_another_number_or_identity(system: Json, after: tuple[LearntKey, ...]) -> None:
    event = read(webhook(messages(messages=[message("system", system=system | {"body": "not shown"})])))
    assert event == IdentityChange(key=f"m:{THEIRS}", at=AT, received_by=NUMBER_ID, before=(WA_ID,), after=after)


@pytest.mark.parametrize(("value", "wants"), [("stop", False), ("resume", True), ("signup", True)])
def test_somebody_tells_whatsapp_whether_they_want_marketing(value: str, wants: bool) -> None:
    event = read(webhook(change("user_preferences", user_preferences=[STOP | {"value": value}], contacts=[{}])))
    assert event == Preference(
        key=f"p:4915112345678:marketing_messages:{value}:{TIME}",
        at=AT,
        sender_keys=(WA_ID,),
        received_by=ACCOUNT_ID,
        wants_marketing=wants,
    )


def test_a_preference_may_come_with_a_user_id_alone() -> None:
    said = {key: value for key, value in STOP.items() if key != "wa_id"} | {"user_id": "DE.134"}
    event = read(webhook(change("user_preferences", metadata={"phone_number_id": "7"}, user_preferences=[said])))
    assert isinstance(event, Preference)
    assert (event.sender_keys, event.received_by) == ((BSUID,), "7")


@pytest.mark.parametrize(
    "said", [STOP | {"category": "utility"}, STOP | {"value": "maybe"}, STOP | {"wa_id": None}, STOP | {"wa_id": ""}]
)
def test_another_preference_is_told(said: Json) -> None:
    assert unread(webhook(change("user_preferences", user_preferences=[said]))).startswith("user_preferences: pref")


def test_every_item_of_every_change_of_every_entry_is_read() -> None:
    def statuses(name: str) -> Json:
        return messages(statuses=[SENT | {"id": f"wamid.{name}-{n}"} for n in range(250)])

    raw = body(*({"id": str(n), "changes": [statuses(f"{n}a"), statuses(f"{n}b")]} for n in range(2)))
    events = events_of(raw, NOW)
    assert len({event.key for event in events if isinstance(event, Receipt)}) == 1_000


def test_each_of_many_has_the_names_of_their_own_contact() -> None:
    people = [{"wa_id": str(n), "user_id": f"DE.{n}"} for n in range(1_000)]
    said = [{"id": f"wamid.{n}", "status": "read", "timestamp": "1", "recipient_id": str(n)} for n in range(1_000)]
    events = events_of(webhook(messages(statuses=said, contacts=people)), NOW)
    assert [event.learnt[1].key for event in events if isinstance(event, Receipt)] == [f"DE.{n}" for n in range(1_000)]


def test_messages_and_statuses_of_one_change_are_read() -> None:
    events = events_of(webhook(messages(messages=[TEXT], statuses=[SENT], errors=[{"code": 1}])), NOW)
    assert [type(event) for event in events] == [Inbound, Receipt, SenderChange]


def test_what_is_not_understood_takes_nothing_with_it() -> None:
    raw = webhook(
        change("flows", event="x"),
        messages(messages=[message("hologram"), TEXT], statuses=[None, SENT]),
        messages(messages=None, statuses=None),
        {"field": "messages"},
    )
    events = events_of(raw, NOW)
    assert [type(event) for event in events] == [Unparsed, Unparsed, Inbound, Unparsed, Receipt, Unparsed, Unparsed]
    assert len({event.key for event in events}) == 7


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"\xff",
        b"null",
        b"[]",
        b'"entry"',
        b"{}",
        b'{"entry": null}',
        b'{"entry": []}',
        b'{"entry": [null]}',
        b'{"entry": [{"changes": {}}]}',
        b"[" * 200_000,
        b'{"entry": ' + b"9" * 5_000 + b"}",
    ],
)
def test_a_body_of_nothing_known_is_one_thing_that_is_not_understood(raw: bytes) -> None:
    assert unread(raw) in ("body", "entry")


def test_the_same_bytes_have_the_same_keys() -> None:
    raw = webhook(messages(messages=[message("hologram"), TEXT], statuses=[SENT, FAILED]), change("flows"))
    later = NOW.replace(hour=13)
    assert [event.key for event in events_of(raw, NOW)] == [event.key for event in events_of(raw, later)]


def test_half_letters_and_nulls_are_no_trouble_for_a_database() -> None:
    raw = webhook(messages(messages=[TEXT | {"text": {"body": "St\0op \ud83d"}}]))
    event = read(raw)
    assert isinstance(event, Inbound)
    assert event.text == "Stop ?"


def test_what_is_told_of_the_unknown_holds_no_words_of_people() -> None:
    raw = webhook(change("call 4915112345678", body="Stop"), messages(messages=[message("my number is 49151")]))
    assert [event.what for event in events_of(raw, NOW) if isinstance(event, Unparsed)] == [
        "field ?",
        "messages: message of type ?",
    ]


@needs_description
def test_metas_own_examples_are_understood_but_for_groups() -> None:
    post = judge().document["paths"]["/whatsapp/webhooks"]["post"]["requestBody"]
    examples = post["content"]["application/json"]["examples"]
    kinds = {
        name: [type(e) for e in events_of(json.dumps(said["value"]).encode(), NOW)] for name, said in examples.items()
    }
    assert {name for name, found in kinds.items() if found != [Inbound]} == {
        "System Message",
        "Group Create Message",
        "Group Settings Update",
        "Group Remove Participants",
    }
    assert kinds["System Message"] == [IdentityChange]
    assert len(kinds) == 16
