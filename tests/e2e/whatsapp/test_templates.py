"""Templates are asked for and read back over real sockets."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from nearcast.channels.whatsapp.graph import Graph
from nearcast.channels.whatsapp.templates import WhatsAppTemplates
from nearcast.domain.errors import Conflict, ProviderAway
from nearcast.domain.template_draft import TemplateDraft, check_draft
from tests.e2e.whatsapp.fake import ACCOUNT_ID, TOKEN, Fake

NOW = datetime(2026, 6, 2, 10, tzinfo=UTC)


def draft(name: str = "coffee_offer", **changes: Any) -> TemplateDraft:
    body = {
        "type": "BODY",
        "text": "Hello {{1}}, coffee is 20 % off at the counter until {{2}} today.",
        "example": {"body_text": [["Anna", "11:30"]]},
    }
    buttons = {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "Stop offers"}]}
    said: dict[str, Any] = {"name": name, "language": "en", "category": "MARKETING", "components": (body, buttons)}
    return TemplateDraft(**said | changes)


@pytest.fixture
def directory(rough: Fake) -> Iterator[WhatsAppTemplates]:
    graph = Graph(base_url=rough.url, version="v23.0", token=TOKEN)
    yield WhatsAppTemplates(graph, ACCOUNT_ID)
    graph.close()


def test_a_template_that_passes_our_rules_passes_theirs_and_is_read_back(directory: WhatsAppTemplates) -> None:
    asked = draft(ttl_s=43_200)
    check_draft(asked)
    made = directory.create(asked, NOW)
    (found,) = [each for each in directory.all(NOW) if each.key == asked_key(asked)]
    assert (found.status, found.category, found.quality, found.variables) == (
        "APPROVED",
        "MARKETING",
        "GREEN",
        ("1", "2"),
    )
    assert (found.provider_id, found.components, found.ttl_s) == (made.provider_id, asked.components, 43_200)
    assert found.is_usable


def asked_key(asked: TemplateDraft) -> tuple[str, str]:
    return asked.name, asked.language


def test_named_variables_are_asked_for_as_such(directory: WhatsAppTemplates) -> None:
    named = {
        "type": "BODY",
        "text": "Hello {{name}}, coffee is ready for you now",
        "example": {"body_text_named_params": [{"param_name": "name", "example": "Anna"}]},
    }
    asked = draft("named", components=(named,))
    check_draft(asked)
    assert directory.create(asked, NOW).variables == ("name",)
    (found,) = [each for each in directory.all(NOW) if each.name == "named"]
    assert found.variables == ("name",)


def test_all_pages_are_read(directory: WhatsAppTemplates, rough: Fake) -> None:
    before = len(directory.all(NOW))
    for n in range(101):
        directory.create(draft(f"many_{n}"), NOW)
    assert len({each.key for each in directory.all(NOW)}) == before + 101


def test_a_refusal_says_its_code_and_nothing_else(directory: WhatsAppTemplates) -> None:
    directory.create(draft(), NOW)
    with pytest.raises(Conflict) as refused:
        directory.create(draft(), NOW)
    assert str(refused.value) == "the provider refuses this with its code 2388024"


def test_a_provider_that_does_not_answer_is_away(rough: Fake) -> None:
    graph = Graph(base_url="http://127.0.0.1:9", version="v23.0", token=TOKEN)
    with pytest.raises(ProviderAway) as away:
        WhatsAppTemplates(graph, ACCOUNT_ID).all(NOW)
    assert TOKEN not in repr(away.value)
    graph.close()
