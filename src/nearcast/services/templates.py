"""Templates: asked for, read back from their provider, and held to what it says of them."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from nearcast.domain.channel_event import TemplateChange
from nearcast.domain.errors import AlreadyExists, Conflict, InvalidInput, NotFound
from nearcast.domain.reason import Reason
from nearcast.domain.template import MessageTemplate
from nearcast.domain.template_draft import TemplateDraft, check_draft
from nearcast.domain.value import value
from nearcast.services.access import Principal
from nearcast.services.audit_ports import AuditEntry
from nearcast.services.ports import Page, Store, UnitOfWork
from nearcast.services.template_ports import TemplateDirectory, TemplateKey

CHANNEL = "whatsapp"
"""The channel whose provider has templates."""

_WAITING = (Reason.TEMPLATE_NOT_APPROVED,)
_GONE = "DELETED"


@value(kw_only=True)
class Synced:
    """How many templates the provider has, how many stand otherwise than we knew, and how many are gone there."""

    seen: int
    changed: int
    gone: int


class Templates:
    """The templates of a tenant; without a `directory` there is no provider to ask."""

    def __init__(self, store: Store, directory: TemplateDirectory | None) -> None:
        self._store, self._directory = store, directory

    def page(self, asker: Principal, *, cursor: str | None, limit: int) -> Page[MessageTemplate]:
        """By name and language; the cursor is those of the last one."""
        after = None if cursor is None else _key_of(cursor)
        with self._store.reading(asker.tenant_id) as uow:
            found = [each for each in uow.templates.all() if after is None or each.key > after]
        last = found[limit - 1].key if len(found) > limit else None
        return Page(found[:limit], None if last is None else "/".join(last))

    def get(self, asker: Principal, name: str, language: str) -> MessageTemplate:
        """NotFound where it is not known."""
        with self._store.reading(asker.tenant_id) as uow:
            found = uow.templates.get([(name, language)])
        if (name, language) not in found:
            raise NotFound(f"there is no template {name[:100]!r} in {language[:20]!r}")
        return found[name, language]

    def create(self, asker: Principal, draft: TemplateDraft, now: datetime) -> MessageTemplate:
        """Ask the provider for a template. InvalidInput for what it would refuse, Conflict for what it does."""
        check_draft(draft)
        directory = self._asked()
        with self._store.reading(asker.tenant_id) as uow:
            if uow.templates.get([(draft.name, draft.language)]):
                raise AlreadyExists(f"there is a template {draft.name!r} in {draft.language!r} already")
        made = directory.create(draft, now)
        with self._store.writing(asker.tenant_id) as uow:
            uow.templates.put([made])
            self._note(uow, asker, "created", "/".join(made.key), now)
            asker.keep(uow, made)
            uow.commit()
        return made

    def sync(self, asker: Principal, now: datetime) -> Synced:
        """Read back every template from the provider."""
        listed = self._asked().all(now)
        with self._store.writing(asker.tenant_id) as uow:
            synced = read_back(uow, listed, now)
            self._note(uow, asker, "synced", asker.tenant_id, now)
            asker.keep(uow, synced)
            uow.commit()
        return synced

    def _asked(self) -> TemplateDirectory:
        if self._directory is None:
            raise Conflict(f"channel {CHANNEL} is not set up here: there is nobody to ask for templates")
        return self._directory

    def _note(self, uow: UnitOfWork, asker: Principal, action: str, key: str, now: datetime) -> None:
        uow.audit.append(AuditEntry(actor=asker.actor, action=action, kind="template", id=key, at=now))


def read_back(uow: UnitOfWork, listed: Iterable[MessageTemplate], now: datetime) -> Synced:
    """Take over how templates stand at the provider, who listed all that there are."""
    found = {each.key: each for each in listed}
    standing = {each.key: each for each in uow.templates.all()}
    after = {key: _merged(standing[key], each) if key in standing else each for key, each in found.items()}
    gone = [each for key, each in standing.items() if key not in found and each.status != _GONE]
    ended = {each.key: each.changed(_news(each, _GONE, now)) for each in gone}
    changed = [each for key, each in (after | ended).items() if each != standing.get(key)]
    uow.templates.put(changed)
    if any(each.is_usable for each in changed):
        uow.senders.release(CHANNEL, _WAITING, now)
    return Synced(seen=len(found), changed=len(changed) - len(ended), gone=len(ended))


def apply(uow: UnitOfWork, change: TemplateChange, now: datetime) -> None:
    """Take over what the provider says of a template. One that can be used again lets what waits for it leave; one that
    is not known is read at the next sync.
    """
    standing = uow.templates.hold((change.name, change.language))
    if standing is None:
        return
    after = standing.changed(change)
    if after == standing:
        return
    uow.templates.put([after])
    if after.is_usable and not standing.is_usable:
        uow.senders.release(CHANNEL, _WAITING, now)


def _merged(standing: MessageTemplate, seen: MessageTemplate) -> MessageTemplate:
    news = TemplateChange(
        key="",
        at=seen.status_at,
        name=seen.name,
        language=seen.language,
        status=seen.status if seen.status != standing.status or standing.stopped_at is not None else None,
        category=seen.category if seen.category != standing.category else None,
        quality=seen.quality if seen.quality != standing.quality else None,
    )
    after = standing.changed(news)
    return replace(after, provider_id=seen.provider_id, components=seen.components, ttl_s=seen.ttl_s)


def _news(template: MessageTemplate, status: str, now: datetime) -> TemplateChange:
    return TemplateChange(key="", at=now, name=template.name, language=template.language, status=status)


def _key_of(cursor: str) -> TemplateKey:
    name, slash, language = cursor.partition("/")
    if not slash:
        raise InvalidInput(f"{cursor[:40]!r} is not a cursor of this list", place="cursor")
    return name, language
