"""Who asks, and what they may ask for. A key is `nc_<id>_<secret>`: shown once, kept as a hash.

The secret has 256 random bits, which nobody guesses: a plain SHA-256 of it is as good as a slow hash.
"""

import hashlib
import hmac
import secrets
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TypeAlias

from nearcast.domain.errors import InvalidInput, NotAllowed, NotFound, StoreUnavailable
from nearcast.domain.ids import ShopId, TenantId
from nearcast.services.answering import Keep, nobody_asks_again
from nearcast.services.audit_ports import Actor, AuditEntry
from nearcast.services.key_ports import ApiKey
from nearcast.services.ports import Store

OVERLAP = timedelta(hours=24)
"""For how long the secret before opens a key whose secret was replaced."""

_PREFIX = "nc"
_USE_IS_NOTED_EVERY = timedelta(hours=1)
_RECENT, _MOST_RECENT = timedelta(seconds=1), 10_000


class Role(StrEnum):
    """Owners edit shops, geofences and campaigns; analysts read the match log; ingest posts pings; a till redeems the
    vouchers of its shops, and does nothing else; operators all.
    """

    OWNER = "owner"
    ANALYST = "analyst"
    INGEST = "ingest"
    TILL = "till"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who is asking. `shop_ids` None means every shop of the tenant. Every write calls `keep` before it commits."""

    tenant_id: TenantId
    key_id: str
    role: Role
    shop_ids: frozenset[ShopId] | None = None
    keep: Keep = field(default=nobody_asks_again, compare=False, repr=False)

    @property
    def actor(self) -> Actor:
        """As the audit trail names them."""
        return Actor(self.key_id, self.role.value)

    def may_see(self, shop_id: str | None) -> bool:
        """Whether something of that shop, or of none, is theirs to see."""
        return self.shop_ids is None or shop_id in self.shop_ids

    def require(self, roles: Collection[Role]) -> None:
        """NotAllowed for a role that is none of these; an operator is always one of them."""
        if self.role not in roles and self.role is not Role.OPERATOR:
            raise NotAllowed(f"a key of role {self.role.value} may not do this; {_listed(roles)} may")


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key as it is shown once."""

    id: str
    key: str
    role: Role
    expires_at: datetime | None = None
    previous_until: datetime | None = None


_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_Recent: TypeAlias = tuple[Principal | None, datetime, datetime, datetime]
"""Who that is; since when, from when on somebody should ask again, and until when that holds."""
_UNKNOWN: _Recent = (None, _LONG_AGO, _LONG_AGO, _LONG_AGO)


class Access:
    """API keys."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._recent: dict[str, _Recent] = {}  # by the hash of a whole token

    def create(
        self,
        tenant_id: TenantId,
        role: Role,
        name: str,
        now: datetime,
        *,
        by: Actor,
        shop_ids: Sequence[ShopId] | None = None,
        expires_in: timedelta | None = None,
    ) -> NewKey:
        """Make a key and keep its hash. InvalidInput for shops that are not there, for a role that has none, or
        for a till without any.
        """
        if shop_ids is not None and role not in (Role.OWNER, Role.TILL):
            raise InvalidInput(f"a key of role {role.value} is not for single shops", place="shop_ids")
        if shop_ids is None and role is Role.TILL:
            raise InvalidInput("a till is that of a shop: say which", place="shop_ids")
        key_id, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
        kept = ApiKey(
            id=key_id,
            tenant_id=tenant_id,
            name=name,
            role=role.value,
            key_hash=hash_of(secret),
            shop_ids=shop_ids,
            created_at=now,
            expires_at=None if expires_in is None else now + expires_in,
        )
        with self._store.writing(tenant_id) as uow:
            for n, shop_id in enumerate(shop_ids or ()):
                if uow.catalogue.shops.get(shop_id) is None:
                    raise InvalidInput(f"there is no shop {shop_id!r}", place=f"shop_ids[{n}]")
            uow.keys.insert(kept)
            said = {"role": kept.role, "shop_ids": shop_ids, "expires_at": kept.expires_at}
            uow.audit.append(_entry(by, "created", key_id, now, said))
            uow.commit()
        return NewKey(key_id, _shown(key_id, secret), role, kept.expires_at)

    def rotate(
        self, tenant_id: TenantId, key_id: str, now: datetime, *, by: Actor, overlap: timedelta = OVERLAP
    ) -> NewKey:
        """Give a key another secret; the one before opens it for as long as they overlap. NotFound where there is no
        live key.
        """
        secret, until = secrets.token_urlsafe(32), now + overlap
        with self._store.writing(tenant_id) as uow:
            kept = uow.keys.rotate(key_id, hash_of(secret), now, previous_until=until)
            if kept is None:
                raise NotFound(f"there is no live key {key_id!r}")
            uow.audit.append(_entry(by, "rotated", key_id, now, {"previous_until": until}))
            uow.commit()
        self._recent.clear()
        return NewKey(key_id, _shown(key_id, secret), Role(kept.role), kept.expires_at, until)

    def all(self, tenant_id: TenantId) -> list[ApiKey]:
        """All keys of a tenant, revoked and expired ones too, oldest first."""
        with self._store.reading(tenant_id) as uow:
            return uow.keys.all()

    def revoke(
        self, tenant_id: TenantId, key_id: str, now: datetime, *, by: Actor, keep: Keep = nobody_asks_again
    ) -> None:
        """End a key at once; NotFound where there is none that has not been revoked."""
        with self._store.writing(tenant_id) as uow:
            if not uow.keys.revoke(key_id, now):
                raise NotFound(f"there is no live key {key_id!r}")
            uow.audit.append(_entry(by, "revoked", key_id, now))
            keep(uow, None)
            uow.commit()
        self._recent.clear()

    def authenticate(self, token: str, now: datetime) -> Principal | None:
        """Whose key that is; None for one that is unknown, wrong, revoked or expired."""
        prefix, _, rest = token.partition("_")
        key_id, _, secret = rest.partition("_")
        if prefix != _PREFIX or not key_id or not token.isascii():
            return None
        kept = self._store.find_key(key_id)
        # compared even for a key that is not there, so that time does not tell which ids exist
        said, good = hash_of(secret), kept.hashes(now) if kept else [hash_of("")]
        is_right = sum(hmac.compare_digest(said, each) for each in good) > 0
        if kept is None or not is_right or not kept.is_live(now):
            return None
        self._note_use(kept, now)
        found = Principal(
            tenant_id=kept.tenant_id,
            key_id=kept.id,
            role=Role(kept.role),
            shop_ids=None if kept.shop_ids is None else frozenset(kept.shop_ids),
        )
        self._keep(token, found, kept, now)
        return found

    def recall(self, token: str, now: datetime) -> Principal | None:
        """Whose key that is, where that was found out in the last second: a key that was revoked elsewhere opens no
        longer than that. Asks nobody.
        """
        name = hash_of(token)
        found, since, renewed_from, until = self._recent.get(name, _UNKNOWN)
        if not since <= now < until:
            return None
        if now >= renewed_from:  # one of them asks before all have to
            self._recent[name] = found, since, until, until
            return None
        return found

    def _keep(self, token: str, found: Principal, kept: ApiKey, now: datetime) -> None:
        if len(self._recent) >= _MOST_RECENT:
            self._recent.clear()
        ends = [at for at in (kept.expires_at, kept.previous_until) if at is not None and at > now]
        self._recent[hash_of(token)] = found, now, now + _RECENT / 2, min([now + _RECENT, *ends])

    def _note_use(self, kept: ApiKey, now: datetime) -> None:
        if kept.last_used_at is not None and now - kept.last_used_at < _USE_IS_NOTED_EVERY:
            return
        # who only reads need not wait until something can be written
        with suppress(StoreUnavailable), self._store.writing(kept.tenant_id) as uow:
            uow.keys.touch(kept.id, now, not_since=now - _USE_IS_NOTED_EVERY)
            uow.commit()


def _entry(
    by: Actor, action: str, key_id: str, now: datetime, detail: Mapping[str, object] | None = None
) -> AuditEntry:
    return AuditEntry(actor=by, action=action, kind="key", id=key_id, at=now, detail=detail)


def _shown(key_id: str, secret: str) -> str:
    return f"{_PREFIX}_{key_id}_{secret}"


def hash_of(secret: str) -> str:
    """What is kept of a secret that nobody guesses."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _listed(roles: Collection[Role]) -> str:
    return ", ".join(sorted({*(role.value for role in roles), Role.OPERATOR.value}))
