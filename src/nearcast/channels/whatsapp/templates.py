"""The templates of a business account at Meta (messaging reference §1.4): all of them by pages, and new ones."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from nearcast.channels.attempts import Answered
from nearcast.channels.whatsapp.errors import code_of
from nearcast.channels.whatsapp.graph import Graph, Lost, NotReached
from nearcast.channels.whatsapp.reading import objects, part, text
from nearcast.domain.errors import Conflict, ProviderAway
from nearcast.domain.template import MessageTemplate, part_of, places
from nearcast.domain.template_draft import TemplateDraft

_FIELDS = "id,name,language,status,category,quality_score,components,message_send_ttl_seconds"
_PAGE, _MOST_PAGES = 100, 100


class WhatsAppTemplates:
    """One account's."""

    def __init__(self, graph: Graph, account_id: str) -> None:
        self._graph, self._path = graph, f"{account_id}/message_templates"

    def close(self) -> None:
        """End what is open; nothing can be asked afterwards."""
        self._graph.close()

    def all(self, now: datetime) -> Sequence[MessageTemplate]:
        """Every one, as it stands at `now`. ProviderAway, Conflict."""
        return [each for page in self._pages() for each in _templates(page, now)]

    def create(self, draft: TemplateDraft, now: datetime) -> MessageTemplate:
        """Ask for one. ProviderAway where nobody can tell whether it was made: the next `all` does; Conflict."""
        body = str(part_of(draft.components, "BODY").get("text", ""))
        is_named = any(not name.isdigit() for name in places(body))
        asked: dict[str, Any] = {
            "name": draft.name,
            "language": draft.language,
            "category": draft.category,
            "parameter_format": "NAMED" if is_named else "POSITIONAL",
            "components": list(draft.components),
        }
        if draft.ttl_s is not None:
            asked["message_send_ttl_seconds"] = draft.ttl_s
        said = _understood(lambda: self._graph.post(self._path, json.dumps(asked).encode()))
        return MessageTemplate(
            name=draft.name,
            language=draft.language,
            provider_id=text(said, "id"),
            status=text(said, "status") or "PENDING",
            category=text(said, "category") or draft.category,
            components=draft.components,
            ttl_s=draft.ttl_s,
            status_at=now,
            category_at=now,
        )

    def _pages(self) -> Iterator[Mapping[str, Any]]:
        """By cursor: an address that an answer gives is not followed."""
        asked = {"fields": _FIELDS, "limit": str(_PAGE)}
        for _ in range(_MOST_PAGES):
            said = _understood(lambda: self._graph.get(self._path, asked))  # noqa: B023 - called at once
            yield said
            paging = part(said, "paging")
            after = text(part(paging, "cursors"), "after")
            if after is None or text(paging, "next") is None:
                return
            asked = {**asked, "after": after}
        raise ProviderAway("it has no end of templates")


def _templates(said: Mapping[str, Any], now: datetime) -> Iterator[MessageTemplate]:
    for each in objects(said, "data"):
        name, language = text(each, "name"), text(each, "language")
        status, category = text(each, "status"), text(each, "category")
        if name is None or language is None or status is None or category is None:
            continue
        ttl_s = each.get("message_send_ttl_seconds")
        yield MessageTemplate(
            name=name,
            language=language,
            provider_id=text(each, "id"),
            status=status,
            category=category,
            quality=text(part(each, "quality_score"), "score"),
            components=tuple(objects(each, "components")),
            ttl_s=ttl_s if isinstance(ttl_s, int) else None,
            status_at=now,
            category_at=now,
            quality_at=now,
        )


def _understood(ask: Any) -> Mapping[str, Any]:
    try:
        answer: Answered = ask()
    except (NotReached, Lost) as trouble:
        raise ProviderAway(f"no answer: {trouble}") from None
    said = answer.said
    code = code_of(part(said, "error"))
    if code is not None:
        raise Conflict(f"the provider refuses this with its code {code}")
    if answer.status != 200 or not said:
        raise ProviderAway(f"it answers {answer.status}, which says nothing")
    return said
