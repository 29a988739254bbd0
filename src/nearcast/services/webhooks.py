"""Webhooks: who outside hears of transitions. Only operators keep them: their events name customers."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from nearcast.domain.errors import Conflict, InvalidInput, NotFound
from nearcast.domain.networks import as_address, is_public
from nearcast.domain.webhook import DeliveryStatus
from nearcast.services.access import Principal
from nearcast.services.audit_ports import AuditEntry
from nearcast.services.cursors import Cursors
from nearcast.services.event_ports import Delivery
from nearcast.services.ports import Catalogue, Documents, Page, Revision, Store, UnitOfWork
from nearcast.services.registers import Register
from nearcast.services.webhook_secrets import WebhookSecrets
from nearcast.services.webhook_shape import WebhookShape

MOST_WEBHOOKS = 20
"""A tenant's; each of them adds to what every transition costs."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A webhook with a secret that is shown this once."""

    revision: Revision
    secret: str


class Webhooks(Register):
    """The webhooks of a tenant. `allows_private`: they may lead into networks of one's own, too."""

    noun, plural = "webhook", "webhooks"

    def __init__(self, store: Store, made: WebhookSecrets, cursors: Cursors, *, allows_private: bool) -> None:
        super().__init__(store)
        self._secrets, self._cursors, self._allows_private = made, cursors, allows_private

    def documents(self, catalogue: Catalogue) -> Documents:
        return catalogue.webhooks

    def shop_of(self, key: str, doc: Mapping[str, Any]) -> str | None:
        return None

    def create(self, asker: Principal, said: WebhookShape, now: datetime) -> Opened:
        """Make a webhook: it hears of every transition from now on. Conflict where there are too many."""
        self._check_network(said.url)
        key = f"wh_{secrets.token_hex(8)}"
        doc = {**said.model_dump(mode="json"), "generation": 1, "previous_until": None}
        with self._store.writing(asker.tenant_id) as uow:
            self.may_write(uow, asker, key, doc, is_new=True, expected=None)
            if len(uow.catalogue.webhooks.all()) >= MOST_WEBHOOKS:
                raise Conflict(f"there are {MOST_WEBHOOKS} webhooks already, which is as many as a tenant has")
            written = uow.catalogue.webhooks.put(key, doc, now)
            self.note_edit(uow, asker, key, now, before=None, after=doc)
            uow.commit()
        return Opened(written, self._secrets.of(asker.tenant_id, key, 1))

    def put(
        self, asker: Principal, key: str, said: WebhookShape, now: datetime, *, expected: int | None = None
    ) -> Revision:
        """Change a webhook; its secret stays. What waits goes to the new address. NotFound where there is none."""
        self._check_network(said.url)
        with self._store.writing(asker.tenant_id) as uow:
            standing = self.may_write(uow, asker, key, {}, is_new=False, expected=expected)
            if standing is None:
                raise NotFound(f"there is no {self.noun} {key!r}")
            doc = {**standing.doc, **said.model_dump(mode="json", exclude={"id"})}
            written = uow.catalogue.webhooks.put(key, doc, now)
            self.note_edit(uow, asker, key, now, before=standing, after=doc)
            asker.keep(uow, written)
            uow.commit()
        return written

    def rotate(self, asker: Principal, key: str, now: datetime, *, overlap: timedelta) -> Opened:
        """Give a webhook another secret; the one before signs beside it for `overlap`."""
        with self._store.writing(asker.tenant_id) as uow:
            uow.catalogue.hold()
            standing = self.seen(uow, asker, key)
            doc = {
                **standing.doc,
                "generation": standing.doc["generation"] + 1,
                "previous_until": now + overlap if overlap else None,
            }
            written = uow.catalogue.webhooks.put(key, doc, now)
            uow.audit.append(AuditEntry(actor=asker.actor, action="rotated", kind=self.noun, id=key, at=now))
            uow.commit()
        return Opened(written, self._secrets.of(asker.tenant_id, key, doc["generation"]))

    def delete(self, asker: Principal, key: str, now: datetime, *, expected: int | None = None) -> None:
        """End a webhook; what waits for it is cancelled."""

        def cancel(uow: UnitOfWork, _standing: Revision) -> None:
            uow.events.cancel(key, now)

        self.remove(asker, key, now, expected=expected, may_go=cancel)

    def deliveries(
        self, asker: Principal, key: str, status: DeliveryStatus | None, *, cursor: str | None, limit: int
    ) -> Page[Delivery]:
        """What became of a webhook's events, the newest first."""
        with self._store.reading(asker.tenant_id) as uow:
            self.seen(uow, asker, key)
            place = self._cursors.open(asker.tenant_id, cursor)
            items, next_place = uow.events.page(key, status, cursor=place, limit=limit)
        return Page(items, self._cursors.seal(asker.tenant_id, next_place))

    def redeliver(self, asker: Principal, key: str, delivery_id: str, now: datetime) -> Delivery:
        """Try a dead event again from the beginning; NotFound where there is no such one."""
        with self._store.writing(asker.tenant_id) as uow:
            self.seen(uow, asker, key)
            found = uow.events.requeue(key, delivery_id, now)
            if found is None:
                raise NotFound(f"there is no dead delivery {delivery_id[:40]!r}")
            detail = {"event_id": found.event_id}
            uow.audit.append(
                AuditEntry(actor=asker.actor, action="redelivered", kind=self.noun, id=key, at=now, detail=detail)
            )
            asker.keep(uow, found)
            uow.commit()
        return found

    def _check_network(self, url: str) -> None:
        """What a name leads to is looked at whenever something is sent; an address, here as well."""
        host = urlsplit(url).hostname or ""
        address = as_address(host)
        if not self._allows_private and (host == "localhost" or (address is not None and not is_public(str(address)))):
            raise InvalidInput(
                "leads into a private network, which NEARCAST_WEBHOOK_NETWORKS does not allow", place="url"
            )
