"""The devices of customers: each has secrets of its own, which name the customer and end when the consent does.

A token is `<device id>.<secret>`; the user name is the device id. Secrets have 192 random bits, which nobody guesses.
"""

import hmac
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from nearcast.domain.errors import NotFound, StoreUnavailable
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.services.access import Principal, hash_of
from nearcast.services.audit_ports import AuditEntry
from nearcast.services.customers import known, subject_of
from nearcast.services.device_ports import Device
from nearcast.services.ports import Page, Store

FeedName = Literal["owntracks", "overland", "traccar", "osmand", "gpslogger", "colota", "homeassistant", "checkin"]
_NAMELESS = ("traccar", "osmand")  # these clients send one id and nothing else
_SECRET_BYTES = 24  # in base64 32 letters: as many as OwnTracks takes for a key
_SEEN_IS_NOTED_EVERY = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDevice:
    """A device as it is shown once."""

    device_id: str
    username: str
    password: str
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Phone:
    """Who a request speaks for, by its credential alone. `secret` is what it brought, and what it seals with."""

    tenant_id: TenantId
    customer_id: CustomerId
    device_id: str | None
    secret: str | None = None


class Devices:
    """Devices of all tenants."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(self, asker: Principal, key: str, feed: FeedName, now: datetime) -> NewDevice:
        """Make a device for a customer and keep the hashes of its secrets. NotFound for an unknown customer.

        What it sends is refused until the customer agrees to location.
        """
        device_id = f"dev-{secrets.token_hex(8)}"
        password, token = (secrets.token_urlsafe(_SECRET_BYTES) for _ in range(2))
        with self._store.writing(asker.tenant_id) as uow:
            uow.customers.lock([CustomerId(key)])
            customer_id = known(uow, key)
            made = Device(
                id=device_id,
                tenant_id=asker.tenant_id,
                customer_id=customer_id,
                feed=feed,
                password_hash=hash_of(password),
                token_hash=hash_of(token),
                created_at=now,
            )
            uow.devices.insert(made)
            subject = subject_of(uow, customer_id)
            uow.audit.append(_entry(asker, "created", device_id, now, subject=subject, feed=feed))
            uow.commit()
        whole = f"{device_id}.{token}"
        return NewDevice(
            device_id=device_id,
            username=whole if feed in _NAMELESS else device_id,
            password=password,
            token=whole,
        )

    def page(
        self, asker: Principal, *, customer_id: str | None = None, cursor: str | None = None, limit: int = 100
    ) -> Page[Device]:
        """Devices by id, revoked ones too; of one customer all at once, oldest first. NotFound for an unknown one."""
        with self._store.reading(asker.tenant_id) as uow:
            if customer_id is not None:
                return Page(uow.devices.of(known(uow, customer_id)))
            return uow.devices.page(cursor=cursor, limit=limit)

    def revoke(self, asker: Principal, device_id: str, now: datetime) -> None:
        """End a device at once; NotFound where there is none that has not been revoked."""
        with self._store.writing(asker.tenant_id) as uow:
            ended = uow.devices.revoke(device_id, now)
            if ended is None:
                raise NotFound(f"there is no live device {device_id!r}")
            subject = subject_of(uow, ended.customer_id)
            uow.audit.append(_entry(asker, "revoked", device_id, now, subject=subject))
            asker.keep(uow, None)
            uow.commit()

    def with_password(self, username: str, password: str, now: datetime) -> Phone | None:
        """Whose device that is; None for one that is unknown, wrong or revoked. A token in place of the name is one."""
        name, _, token = username.partition(".")
        return self._found(name, token or password, is_token=bool(token), now=now)

    def with_token(self, token: str, now: datetime) -> Phone | None:
        """As `with_password`, of a token."""
        name, _, secret = token.partition(".")
        return self._found(name, secret, is_token=True, now=now)

    def _found(self, name: str, secret: str, *, is_token: bool, now: datetime) -> Phone | None:
        said = hash_of(secret) if _is_plain(name) and _is_plain(secret) else ""
        kept = self._store.find_device(name) if said else None
        # compared even for a device that is not there, so that time does not tell which there are
        good = hash_of("") if kept is None else kept.token_hash if is_token else kept.password_hash
        is_right = hmac.compare_digest(said, good) and bool(secret)
        if kept is None or not is_right or kept.revoked_at is not None:
            return None
        self._note_seen(kept, now)
        return Phone(tenant_id=kept.tenant_id, customer_id=kept.customer_id, device_id=kept.id, secret=secret)

    def _note_seen(self, kept: Device, now: datetime) -> None:
        if kept.last_seen_at is not None and now - kept.last_seen_at < _SEEN_IS_NOTED_EVERY:
            return
        with suppress(StoreUnavailable), self._store.writing(kept.tenant_id) as uow:
            uow.devices.touch(kept.id, now, not_since=now - _SEEN_IS_NOTED_EVERY)
            uow.commit()


def _is_plain(said: str) -> bool:
    return said.isascii() and said.isprintable() and len(said) <= 200


def _entry(asker: Principal, action: str, device_id: str, now: datetime, **detail: str) -> AuditEntry:
    return AuditEntry(actor=asker.actor, action=action, kind="device", id=device_id, at=now, detail=detail)
