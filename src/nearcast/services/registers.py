"""What owners keep: documents of one kind, seen and edited within the asker's shops, every edit a revision.

An edit is kept only if the whole catalogue still goes together with it, so that the engine can always read it.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, ClassVar

from nearcast.domain.errors import AlreadyExists, InvalidInput, NotAllowed, NotFound, OutOfSight, RevisionChanged
from nearcast.domain.ids import TenantId
from nearcast.services.access import Principal
from nearcast.services.auditing import edit_entry
from nearcast.services.catalogue import CATALOGUE, assembled, assembled_alone
from nearcast.services.ports import Catalogue, Documents, Page, Revision, Store, UnitOfWork
from nearcast.services.texts import check_id

_PLACE = re.compile(rf"{CATALOGUE}: (\w+)\[(\d+)\]\.?(.*)", re.DOTALL)
_MOST_AT_ONCE = 1000
_CAMPAIGNS = "campaigns"


class Register(ABC):
    """One kind of document. What belongs to a shop that the asker may not see does not exist for them."""

    noun: ClassVar[str]
    plural: ClassVar[str]

    def __init__(self, store: Store) -> None:
        self._store = store

    @abstractmethod
    def documents(self, catalogue: Catalogue) -> Documents:
        """Where this kind is kept."""

    @abstractmethod
    def shop_of(self, key: str, doc: Mapping[str, Any]) -> str | None:
        """The shop that a document belongs to; None for a document of the whole tenant."""

    def page(self, asker: Principal, *, cursor: str | None, limit: int) -> Page[Revision]:
        """Current documents by id."""
        with self._store.reading(asker.tenant_id) as uow:
            documents, found = self.documents(uow.catalogue), list[Revision]()
            while len(found) <= limit:
                page = documents.page(cursor=cursor, limit=_MOST_AT_ONCE if asker.shop_ids else limit + 1)
                found += [each for each in page.items if asker.may_see(self.shop_of(each.id, each.doc))]
                cursor = page.next_cursor
                if cursor is None:
                    break
        return Page(found[:limit], found[limit - 1].id if len(found) > limit else None)

    def get(self, asker: Principal, key: str) -> Revision:
        """The current revision; NotFound where there is none that the asker may see."""
        with self._store.reading(asker.tenant_id) as uow:
            return self.seen(uow, asker, key)

    def seen(self, uow: UnitOfWork, asker: Principal, key: str) -> Revision:
        """As `get`, in a transaction that is under way."""
        found = self.documents(uow.catalogue).get(key)
        if found is None:
            raise NotFound(f"there is no {self.noun} {key!r}")
        if not asker.may_see(self.shop_of(found.id, found.doc)):
            raise OutOfSight(self.noun, key)
        return found

    def note_edit(
        self,
        uow: UnitOfWork,
        asker: Principal,
        key: str,
        now: datetime,
        *,
        before: Revision | None,
        after: Mapping[str, Any] | None,
    ) -> None:
        """Write an edit into the audit trail, in the transaction that makes it."""
        standing = None if before is None else before.doc
        uow.audit.append(edit_entry(asker.actor, self.noun, key, now, before=standing, after=after))

    def may_write(
        self, uow: UnitOfWork, asker: Principal, key: str, doc: Mapping[str, Any], *, is_new: bool, expected: int | None
    ) -> Revision | None:
        """What stands there now, if the asker may write `doc` in its place.

        `is_new`: nothing may stand there. `expected` is the revision that the asker has read.
        """
        check_id(key)
        uow.catalogue.hold()
        if not asker.may_see(self.shop_of(key, doc)):
            raise NotAllowed(f"this key may edit {self.plural} of its own shops only")
        standing = self.documents(uow.catalogue).get(key)
        if standing is not None and not asker.may_see(self.shop_of(key, standing.doc)):
            raise AlreadyExists(f"the id {key!r} is taken")
        if standing is not None and is_new:
            raise AlreadyExists(f"there is a {self.noun} {key!r} already")
        check_revision(standing, expected)
        return standing

    def remove(
        self,
        asker: Principal,
        key: str,
        now: datetime,
        *,
        expected: int | None,
        may_go: Callable[[UnitOfWork, Revision], None],
    ) -> None:
        """Delete a document that `may_go`."""
        with self._store.writing(asker.tenant_id) as uow:
            uow.catalogue.hold()
            standing = self.seen(uow, asker, key)
            check_revision(standing, expected)
            may_go(uow, standing)
            self.documents(uow.catalogue).delete(key, now)
            self.note_edit(uow, asker, key, now, before=standing, after=None)
            check_catalogue(uow, asker.tenant_id, self.plural, key)
            asker.keep(uow, None)
            uow.commit()


def check_revision(standing: Revision | None, expected: int | None) -> None:
    """RevisionChanged where another revision stands than the asker has read."""
    if expected is not None and (standing is None or standing.revision != expected):
        now_at = f"revision {standing.revision}" if standing else "gone"
        raise RevisionChanged(f"revision {expected} was read, and it is {now_at} now")


def check_catalogue(uow: UnitOfWork, tenant_id: TenantId, kind: str, key: str) -> None:
    """InvalidInput where the catalogue as it stands in this transaction does not go together, placed in the document
    `key` of that kind where the fault lies there.
    """
    try:
        if kind != _CAMPAIGNS or not _fits_alone(uow.catalogue, tenant_id, key):
            assembled(uow.catalogue, tenant_id)
    except InvalidInput as error:
        raise _placed_in_document(uow.catalogue, error, kind, key) from error


def _fits_alone(catalogue: Catalogue, tenant_id: TenantId, key: str) -> bool:
    """Whether a campaign goes together with all that it asks for; False where whoever reads all says why not."""
    campaign = catalogue.campaigns.get(key)
    if campaign is None:
        return False
    try:
        assembled_alone(catalogue, tenant_id, [campaign])
    except InvalidInput:
        return False
    return True


def _placed_in_document(catalogue: Catalogue, error: InvalidInput, kind: str, key: str) -> InvalidInput:
    found = _PLACE.fullmatch(error.place)
    if found is None:
        return InvalidInput(error.message, place=error.place.removeprefix(f"{CATALOGUE}: "))
    register, n, place = found[1], int(found[2]), found[3].removeprefix(": ")
    ids = [each.id for each in (catalogue.shops if register == "shops" else catalogue.campaigns).all()]
    if (register, ids[n]) == (kind, key):
        return InvalidInput(error.message, place=place)
    where = f" at {place}" if place else ""
    return InvalidInput(f"{register.removesuffix('s')} {ids[n]!r} would not fit any more{where}: {error.message}")
