"""Templates: what may be asked for, and what news of them make of them."""

from contextlib import suppress
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearcast.domain.channel_event import TemplateChange
from nearcast.domain.errors import InvalidInput
from nearcast.domain.reason import Reason
from nearcast.domain.template import MessageTemplate
from nearcast.domain.template_draft import TemplateDraft, check_draft

NOON = datetime(2026, 6, 2, 10, tzinfo=UTC)
BODY: dict[str, Any] = {
    "type": "BODY",
    "text": "Hello {{1}}, coffee is 20 % off at the counter until {{2}} today.",
    "example": {"body_text": [["Anna", "11:30"]]},
}
STOP = {"type": "QUICK_REPLY", "text": "Stop offers"}
LINK = {"type": "URL", "text": "Map", "url": "https://example.com/{{1}}", "example": ["x"]}


def draft(*components: dict[str, Any], **changes: Any) -> TemplateDraft:
    said: dict[str, Any] = {"name": "coffee_offer", "language": "pt_BR", "category": "MARKETING", **changes}
    return TemplateDraft(**said, components=components or (BODY,))


def body(text: str, *examples: str) -> dict[str, Any]:
    return {"type": "BODY", "text": text, "example": {"body_text": [list(examples)]}}


def kept(**changes: Any) -> MessageTemplate:
    said: dict[str, Any] = {
        "name": "coffee_offer",
        "language": "en",
        "status": "APPROVED",
        "category": "MARKETING",
        "components": (BODY, {"type": "BUTTONS", "buttons": [STOP, LINK]}),
        "status_at": NOON,
        "category_at": NOON,
    }
    return MessageTemplate(**said | changes)


def news(at_s: float = 0, **changes: Any) -> TemplateChange:
    return TemplateChange(key="t", at=NOON + timedelta(seconds=at_s), name="coffee_offer", language="en", **changes)


def test_a_template_as_the_provider_wants_it_may_be_asked_for() -> None:
    named = {"param_name": "name", "example": "Anna"}
    check_draft(draft(BODY, {"type": "HEADER", "format": "TEXT", "text": "Coffee"}, {"type": "FOOTER", "text": "bye"}))
    check_draft(
        draft(
            {
                "type": "BODY",
                "text": "Hello {{name}}, how are you today?",
                "example": {"body_text_named_params": [named]},
            },
            ttl_s=43_200,
        )
    )


@pytest.mark.parametrize(
    ("asked", "place"),
    [
        (draft(name="Coffee-Offer"), "name"),
        (draft(language="German"), "language"),
        (draft(category="OFFER"), "category"),
        (draft(ttl_s=43_199), "ttl_s"),
        (draft(ttl_s=60 * 60 * 12 * 61), "ttl_s"),
        (draft({"type": "FOOTER", "text": "bye"}), "components"),
        (draft(BODY, BODY), "components[1]"),
        (draft(body("x" * 1025)), "components[0].text"),
        (draft(body("{{1}} likes coffee with us today", "Anna")), "components[0].text"),
        (draft(body("Coffee with us today for {{1}} ", "Anna")), "components[0].text"),
        (draft(body("Hello dear {{1}} {{2}} you are always welcome here", "a", "b")), "components[0].text"),
        (draft(body("Hello {{1}} again", "Anna")), "components[0].text"),
        (draft(body("Hello {{2}}, coffee is ready for you", "Anna")), "components[0].text"),
        (draft(body("Hello {{1}}, coffee is ready for you")), "components[0].example"),
        (draft({"type": "BODY", "text": "Hello {{1}}, coffee is ready for you"}), "components[0].example"),
        (draft(BODY, {"type": "HEADER", "text": "x" * 61}), "components[1].text"),
        (draft(BODY, {"type": "FOOTER", "text": "for {{1}}"}), "components[1].text"),
        (draft(BODY, {"type": "BUTTONS", "buttons": [STOP] * 11}), "components"),
        (draft(BODY, {"type": "BUTTONS", "buttons": [{"type": "COPY_CODE", "example": "x" * 16}]}), "components"),
        (draft(BODY, {"type": "BUTTONS", "buttons": "none"}), "components"),
        (
            draft(
                BODY,
                {"type": "LIMITED_TIME_OFFER", "limited_time_offer": {"text": "now"}},
                {"type": "FOOTER", "text": "bye"},
            ),
            "components",
        ),
    ],
)
def test_what_the_provider_would_refuse_is_refused_with_its_place(asked: TemplateDraft, place: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_draft(asked)
    assert refused.value.place == place


_ODD: tuple[Any, ...] = (None, True, -1, "", "{{1}}", "x" * 3000, [], [None], [["a"]], {}, {"buttons": 1})


@given(
    odd=st.sampled_from(_ODD),
    where=st.integers(0, 2),
    key=st.sampled_from(["type", "text", "example", "buttons", "url", "limited_time_offer"]),
)
def test_whatever_is_written_as_a_template_is_taken_or_refused(odd: Any, where: int, key: str) -> None:
    components = deepcopy([BODY, {"type": "BUTTONS", "buttons": [STOP]}])
    (*components, components[1]["buttons"][0])[where][key] = odd
    with suppress(InvalidInput):
        check_draft(draft(*components))


def test_a_template_says_what_an_offer_has_to_fill_in() -> None:
    assert kept().variables == ("1", "2")
    assert kept().is_positional
    assert kept(components=(body("{{b}} before {{a}} and {{b}}"),)).variables == ("b", "a")
    assert (kept().buttons("QUICK_REPLY"), kept().buttons("URL"), kept().buttons("COPY_CODE")) == ((0,), (1,), ())


@pytest.mark.parametrize(
    ("changes", "may", "waits"),
    [
        ({}, True, False),
        ({"status": "PAUSED"}, False, True),
        ({"status": "PENDING"}, False, True),
        ({"status": "DISABLED"}, False, False),
        ({"quality": "RED"}, False, True),
        ({"quality": "YELLOW"}, True, False),
        ({"stopped_at": NOON}, False, True),
    ],
)
def test_only_what_is_approved_and_of_no_bad_quality_is_sent(changes: Any, may: bool, waits: bool) -> None:
    blocked = kept(**changes).blocks(NOON)
    assert (blocked is None) == may
    assert blocked is None or (blocked.reason, blocked.until is not None) == (Reason.TEMPLATE_NOT_APPROVED, waits)


def test_older_news_change_nothing() -> None:
    paused = kept().changed(news(10, status="PAUSED", quality="YELLOW"))
    assert paused.changed(news(9, status="APPROVED", quality="GREEN", category="UTILITY")) == kept(
        status="PAUSED", status_at=NOON + timedelta(seconds=10), quality="YELLOW",
        quality_at=NOON + timedelta(seconds=10), category="UTILITY", category_at=NOON + timedelta(seconds=9),
    )  # fmt: skip
    assert paused.changed(news(11, status="APPROVED")).is_usable


def test_a_template_that_was_refused_is_back_when_the_provider_says_so_later() -> None:
    stopped = kept().stopped("132015", NOON + timedelta(seconds=60))
    assert not stopped.changed(news(59, status="APPROVED")).is_usable
    assert stopped.changed(news(60, status="APPROVED")).is_usable


@pytest.mark.parametrize("known_s", [0.0, 0.9])
def test_news_of_the_second_in_which_it_was_last_known_are_taken(known_s: float) -> None:
    at = NOON + timedelta(seconds=known_s)
    read = kept(status_at=at, category_at=at, quality="GREEN", quality_at=at)
    after = read.changed(news(0, status="PAUSED", category="UTILITY", quality="YELLOW"))
    assert (after.status, after.category, after.quality) == ("PAUSED", "UTILITY", "YELLOW")
    assert kept().stopped("132015", at).changed(news(0, status="APPROVED")).is_usable


def test_a_refusal_of_what_left_before_the_provider_approved_it_again_stops_nothing() -> None:
    back = kept(status="PAUSED").changed(news(60, status="APPROVED"))
    assert back.stopped("132015", NOON + timedelta(seconds=59)) == back
    assert not back.stopped("132015", NOON + timedelta(seconds=60)).is_usable


def test_an_older_refusal_does_not_take_the_place_of_a_newer_one() -> None:
    stopped = kept().stopped("132015", NOON + timedelta(seconds=60))
    assert stopped.stopped("132016", NOON + timedelta(seconds=50)) == stopped
