"""Whatever is signed is read: never an exception, and nothing taken along by what is broken beside it."""

import json
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from nearcast.channels.whatsapp.webhook import events_of
from nearcast.domain.channel_event import Receipt
from tests.channels.whatsapp.webhooks import (
    CONTACT,
    FAILED,
    PAUSED,
    SENT,
    STOP,
    TEMPLATE,
    TEXT,
    body,
    change,
    message,
    messages,
)

NOW = datetime(2026, 6, 2, 12, tzinfo=UTC)
CHANGES = [
    messages(messages=[TEXT], contacts=[CONTACT]),
    messages(messages=[message("button", button={"payload": "stop", "text": "Stop"}, context={"id": "wamid.x"})]),
    messages(messages=[message("interactive", interactive={"list_reply": {"id": "r", "title": "R"}})]),
    messages(messages=[message("location", location={"latitude": 52.5, "longitude": 13.4})]),
    messages(messages=[message("system", system={"type": "user_changed_number", "wa_id": "49"})]),
    messages(statuses=[SENT], contacts=[CONTACT]),
    messages(statuses=[FAILED]),
    messages(errors=[{"code": 130429, "error_data": {"details": "x"}}]),
    change("user_preferences", user_preferences=[STOP], contacts=[CONTACT]),
    change("message_template_status_update", **PAUSED),
    change("template_category_update", **TEMPLATE, new_category="MARKETING"),
    change("account_update", event="DISABLED_UPDATE", ban_info={"waba_ban_state": "DISABLE"}),
    change("business_capability_update", max_daily_conversations_per_business=250),
]
_leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["stop", "sent", "failed", "text", "system", "1780394400", "\ud800", "9" * 400]),
)
_json = st.recursive(
    _leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from([*TEXT, *SENT, "errors", "code"]), inner, max_size=4),
    ),
    max_leaves=8,
)
INTACT = messages(statuses=[SENT | {"id": "wamid.intact"}])


def places(said: Any) -> Iterator[tuple[Any, Any]]:
    """Everything within: what holds it, and where."""
    keys: Any = list(said) if isinstance(said, dict) else range(len(said)) if isinstance(said, list) else []
    for key in keys:
        yield said, key
        yield from places(said[key])


@given(said=_json)
@settings(max_examples=100, deadline=None)
def test_any_json_is_read(said: Any) -> None:
    for raw in (said, {"entry": said}, {"entry": [{"changes": said}]}, {"entry": [{"changes": [{"value": said}]}]}):
        assert events_of(json.dumps(raw).encode(), NOW) != []


@given(raw=st.binary(max_size=200))
@settings(max_examples=50, deadline=None)
def test_any_bytes_are_read(raw: bytes) -> None:
    assert events_of(raw, NOW) != []


@given(data=st.data(), each=st.sampled_from(CHANGES), times=st.integers(1, 3))
@settings(max_examples=150, deadline=None)
def test_a_spoilt_change_takes_no_other_along(data: st.DataObject, each: dict[str, Any], times: int) -> None:
    spoilt = {"it": deepcopy(each)}
    for _ in range(times):
        holder, key = data.draw(st.sampled_from(list(places(spoilt))), label="place")
        if isinstance(holder, dict) and data.draw(st.booleans(), label="is gone"):
            del holder[key]
            if not spoilt:
                break
        else:
            holder[key] = data.draw(_json, label="instead")
    entry = {"id": "1", "changes": [*spoilt.values(), INTACT]}
    *others, last = events_of(body(entry, {"id": "2", "changes": [INTACT]}), NOW)
    assert isinstance(last, Receipt)
    assert [event for event in others if isinstance(event, Receipt) and event.provider_id == "wamid.intact"]
