"""Who speaks for a shop in a chat: numbers that its owner registers, and that show that they are theirs.

A number is shown to be somebody's by a code that is told to the owner alone, and comes back from that number. Until
then it can only make things quieter: pause, and nothing else.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from nearcast.domain.ids import CustomerId, ShopId, TenantId
from nearcast.domain.voucher import code_from
from nearcast.services.access import Principal
from nearcast.services.audit_ports import AuditEntry
from nearcast.services.ports import Store, UnitOfWork
from nearcast.services.shops import Shops
from nearcast.services.staff_ports import Member
from nearcast.services.vault import Vault

_CODE_LETTERS = 8


def reseal_staff(store: Store, vault: Vault) -> None:
    """Seal with the first key the addresses of all staff that are sealed with another."""
    for tenant_id in store.tenants():
        with store.writing(tenant_id) as uow:
            for member in uow.staff.sealed_otherwise(vault.key_id):
                address = vault.open(tenant_id, _holder(member.id), member.channel, member.sealed)
                uow.staff.reseal(member, vault.seal(tenant_id, _holder(member.id), member.channel, address))
            uow.commit()


class Staff:
    """The staff of the shops of a tenant."""

    def __init__(self, store: Store, shops: Shops, vault: Vault) -> None:
        self._store, self._shops, self._vault = store, shops, vault

    def of(self, asker: Principal, shop_id: str) -> list[dict[str, Any]]:
        """The staff of a shop as its owner sees them; NotFound for a shop that is not theirs."""
        with self._store.reading(asker.tenant_id) as uow:
            self._shops.seen(uow, asker, shop_id)
            return self._shown(asker.tenant_id, uow.staff.of(ShopId(shop_id)))

    def put(
        self, asker: Principal, shop_id: str, said: Iterable[Mapping[str, str]], now: datetime
    ) -> list[dict[str, Any]]:
        """Write all staff of a shop, each `{"name", "channel", "address"}`; whose address stays is known as before."""
        with self._store.writing(asker.tenant_id) as uow:
            self._shops.seen(uow, asker, shop_id)
            known = {(each.channel, each.address_index): each for each in uow.staff.of(ShopId(shop_id))}
            members = {
                key: replace(known[key], name=each["name"]) if key in known else self._new(asker, shop_id, each, now)
                for each in said
                for key in [(each["channel"], self._vault.blind_index("", each["address"]))]
            }
            uow.staff.replace(ShopId(shop_id), list(members.values()))
            told = {"members": len(members), "were": len(known)}
            entry = AuditEntry(actor=asker.actor, action="changed", kind="shop_staff", id=shop_id, at=now, detail=told)
            uow.audit.append(entry)
            shown = self._shown(asker.tenant_id, uow.staff.of(ShopId(shop_id)))
            asker.keep(uow, shown)
            uow.commit()
        return shown

    def code(self, member: Member) -> str:
        """The code that a member sends from their number to show that it is theirs."""
        said = f"staff {member.id} {member.registered_at.isoformat()}"
        return code_from(hmac.new(self._vault.voucher_key, said.encode(), hashlib.sha256).digest())[:_CODE_LETTERS]

    def address(self, tenant_id: TenantId, member: Member) -> str:
        """Where a member is reached. CannotOpen where our keys are others."""
        return self._vault.open(tenant_id, _holder(member.id), member.channel, member.sealed)

    def verify(self, uow: UnitOfWork, members: Sequence[Member], typed: str, now: datetime) -> Member | None:
        """The member whose code that is, from now on known to have that number; None for no such code."""
        said = typed.strip().upper().encode(errors="replace")
        found = next((each for each in members if hmac.compare_digest(self.code(each).encode(), said)), None)
        if found is not None and found.verified_at is None:
            uow.staff.verify(found, now)
        return found

    def _new(self, asker: Principal, shop_id: str, said: Mapping[str, str], now: datetime) -> Member:
        member_id, channel, address = secrets.token_hex(8), said["channel"], said["address"]
        return Member(
            id=member_id,
            shop_id=ShopId(shop_id),
            name=said["name"],
            channel=channel,
            sealed=self._vault.seal(asker.tenant_id, _holder(member_id), channel, address),
            address_index=self._vault.blind_index("", address),
            registered_at=now,
        )

    def _shown(self, tenant_id: TenantId, members: Iterable[Member]) -> list[dict[str, Any]]:
        return [
            {
                "name": each.name,
                "channel": each.channel,
                "address": self.address(tenant_id, each),
                "verified_at": each.verified_at,
                "code": None if each.verified_at else self.code(each),
            }
            for each in members
        ]


def _holder(member_id: str) -> CustomerId:
    """Whose address it is as the vault has it: nobody's who is a customer."""
    return CustomerId(f"staff {member_id}")
