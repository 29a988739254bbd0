"""What is read of templates, numbers and accounts that change on Meta's side."""

from typing import Any

import pytest

from nearcast.domain.channel_event import UNLIMITED, SenderChange, TemplateChange
from tests.channels.whatsapp.webhooks import (
    ACCOUNT_ID,
    AT,
    NUMBER_ID,
    PAUSED,
    TEMPLATE,
    TIME,
    Json,
    change,
    messages,
    read,
    webhook,
)


def template(field: str, /, **said: Any) -> TemplateChange:
    event = read(webhook(change(field, **TEMPLATE | said), time=TIME))
    assert isinstance(event, TemplateChange)
    assert (event.name, event.language, event.at, event.received_by) == ("coffee_nearby", "de", AT, ACCOUNT_ID)
    return event


def test_a_template_is_paused_and_comes_back() -> None:
    field = "message_template_status_update"
    paused = read(webhook(change(field, **PAUSED), time=TIME))
    assert isinstance(paused, TemplateChange)
    assert (paused.status, paused.reason) == ("PAUSED", "FIRST_PAUSE")
    assert paused.key == f"t:1689556908129832:PAUSED:{TIME}"
    assert template(field, event="REINSTATED").status == "APPROVED"
    assert template(field, event="PAUSED", other_info={"title": "UNPAUSE"}).status == "APPROVED"
    assert template(field, event="REJECTED", reason="INVALID_FORMAT").reason == "INVALID_FORMAT"


@pytest.mark.parametrize("field", ["message_template_quality_update", "message_template_status_update"])
def test_quality_is_told_by_what_is_there_and_not_by_its_field(field: str) -> None:
    event = template(field, previous_quality_score="GREEN", new_quality_score="RED")
    assert (event.quality, event.status, event.category) == ("RED", None, None)


def test_a_category_is_the_one_that_holds_and_not_the_one_that_may_come() -> None:
    event = template("template_category_update", new_category="UTILITY", correct_category="MARKETING")
    assert event.category == "UTILITY"


@pytest.mark.parametrize(
    ("said", "people"),
    [
        ({"max_daily_conversations_per_business": 250}, 250),
        ({"max_daily_conversations_per_business": "TIER_2K"}, 2_000),
        ({"max_daily_conversations_per_business": -1}, UNLIMITED),
        ({"max_daily_conversations_per_business": "TIER_UNLIMITED"}, UNLIMITED),
        ({"event": "ONBOARDING", "current_limit": "TIER_100K"}, 100_000),
        ({"event": "THROUGHPUT_UPGRADE", "current_limit": "TIER_UNLIMITED"}, None),
        ({"event": "ONBOARDING", "current_limit": "TIER_NOT_SET"}, None),
        ({}, None),
    ],
)
def test_how_many_people_a_number_may_reach(said: Json, people: int | None) -> None:
    for field in ("phone_number_quality_update", "business_capability_update"):
        event = read(webhook(change(field, **said), time=TIME))
        assert isinstance(event, SenderChange)
        assert (event.unique_recipients_24h, event.sender, event.is_stopped) == (people, ACCOUNT_ID, False)


@pytest.mark.parametrize(
    ("said", "what", "is_stopped"),
    [
        ({"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "DISABLE"}}, "DISABLED_UPDATE:DISABLE", True),
        (
            {"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "SCHEDULE_FOR_DISABLE"}},
            "DISABLED_UPDATE:SCHEDULE_FOR_DISABLE",
            False,
        ),
        ({"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "REINSTATE"}}, "DISABLED_UPDATE:REINSTATE", False),
        ({"event": "ACCOUNT_DELETED"}, "ACCOUNT_DELETED", True),
        ({"event": "ACCOUNT_VIOLATION", "violation_info": {"violation_type": "SPAM"}}, "ACCOUNT_VIOLATION", False),
        (
            {
                "event": "ACCOUNT_RESTRICTION",
                "restriction_info": [{"restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING"}],
            },
            "ACCOUNT_RESTRICTION",
            True,
        ),
        (
            {"event": "ACCOUNT_RESTRICTION", "restriction_info": [{"restriction_type": "RESTRICTED_ADD_PHONE_NUMBER"}]},
            "ACCOUNT_RESTRICTION",
            False,
        ),
        ({"event": "MM_LITE_TERMS_SIGNED"}, "MM_LITE_TERMS_SIGNED", False),
        ({}, "account_update", False),
    ],
)
def test_what_becomes_of_an_account(said: Json, what: str, is_stopped: bool) -> None:
    event = read(webhook(change("account_update", **said), time=TIME))
    assert isinstance(event, SenderChange)
    assert (event.what, event.is_stopped, event.at) == (what, is_stopped, AT)


@pytest.mark.parametrize(("code", "is_stopped"), [(130429, False), (131031, True), ("131042", True)])
def test_an_error_about_no_message_is_about_the_number(code: int | str, is_stopped: bool) -> None:
    event = read(webhook(messages(errors=[{"code": code, "title": "not shown"}])))
    assert isinstance(event, SenderChange)
    assert (event.sender, event.what, event.is_stopped) == (NUMBER_ID, str(code), is_stopped)
