"""Vouchers: made with their messages, shown to whoever holds the code, taken once at the till."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from nearcast.domain.errors import Conflict, NotFound, OutOfSight
from nearcast.domain.voucher import Voucher, VoucherState, grouped, read_code
from nearcast.services.access import Principal
from nearcast.services.audit_ports import AuditEntry
from nearcast.services.figures import Figure
from nearcast.services.ports import Store, UnitOfWork
from nearcast.services.report import rfc3339
from nearcast.services.terms import Terms
from nearcast.services.voucher_codes import VoucherCodes

_SAME_TAP = timedelta(seconds=10)
_NONE = "there is no voucher of that code"


class VoucherOutOfSight(OutOfSight):
    """The voucher of a shop that is not the asker's, told as if it were not there; the trail names its message."""

    def __init__(self, voucher: Voucher) -> None:
        NotFound.__init__(self, _NONE)
        self.kind, self.key = "voucher", voucher.message_id


class VoucherRedeemed(Conflict):
    """It was taken before."""

    code = "voucher_redeemed"


class VoucherExpired(Conflict):
    """Its time is over."""

    code = "voucher_expired"


class VoucherVoid(Conflict):
    """Its message never reached anybody."""

    code = "voucher_void"


_REFUSED = {
    VoucherState.REDEEMED: VoucherRedeemed,
    VoucherState.EXPIRED: VoucherExpired,
    VoucherState.VOID: VoucherVoid,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A voucher as its holder sees it, with the name and the wall clock of its shop."""

    voucher: Voucher
    code: str
    url: str
    state: VoucherState
    shop_name: str
    zone: ZoneInfo


class Vouchers:
    """The vouchers of tenants. An owner sees and takes those of their shops."""

    def __init__(self, store: Store, codes: VoucherCodes, terms: Terms) -> None:
        self._store, self.codes, self._terms = store, codes, terms

    def get(self, asker: Principal, typed: str, now: datetime) -> dict[str, Any]:
        """A voucher as the API shows it; NotFound where there is none that the asker may see."""
        with self._store.reading(asker.tenant_id) as uow:
            code, voucher = self._seen(uow, asker, typed)
        return _shown(code, voucher, now)

    def redeem(self, asker: Principal, typed: str, now: datetime) -> dict[str, Any]:
        """Take a voucher, once among all tills. The same key that asks again within ten seconds gets the same answer;
        afterwards it is VoucherRedeemed. VoucherExpired from its end on, VoucherVoid where its message has ended.
        """
        with self._store.writing(asker.tenant_id) as uow:
            code, voucher = self._seen(uow, asker, typed)
            is_taken = uow.vouchers.redeem(voucher.id, now, by=asker.key_id)
            # read again: another till may have been faster
            voucher = uow.vouchers.get(voucher.id) or voucher
            if not is_taken and not _is_the_same_tap(voucher, asker, now):
                self._store.figures.add(Figure.VOUCHERS, voucher.state(now).value)  # nothing will be committed
                raise _refusal(voucher, now)
            answer = _shown(code, voucher, now)
            if is_taken:
                said = {"campaign_id": voucher.campaign_id, "shop_id": voucher.shop_id}
                entry = AuditEntry(
                    actor=asker.actor, action="redeemed", kind="voucher", id=voucher.message_id, at=now, detail=said
                )
                uow.audit.append(entry)
                uow.tell(Figure.VOUCHERS, "taken")
            asker.keep(uow, answer)
            uow.commit()
        return answer

    def held(self, typed: str, now: datetime) -> Held:
        """A voucher for whoever has its code, which is all that they have to know. NotFound for what is no code."""
        code = _read(typed)
        voucher_id = self.codes.index(code)
        tenant_id = self._store.tenant_of_voucher(voucher_id)
        if tenant_id is None:
            raise NotFound(_NONE)
        with self._store.reading(tenant_id) as uow:
            voucher = uow.vouchers.get(voucher_id)
            world = self._terms.of(tenant_id).world(uow.catalogue)
        if voucher is None:
            raise NotFound(_NONE)
        shop = world.shops.get(voucher.shop_id)
        return Held(
            voucher=voucher,
            code=code,
            url=self.codes.url(code),
            state=voucher.state(now),
            shop_name=shop.name if shop else voucher.shop_id,
            zone=shop.zone if shop else world.tenant.zone,
        )

    def _seen(self, uow: UnitOfWork, asker: Principal, typed: str) -> tuple[str, Voucher]:
        code = _read(typed)
        voucher = uow.vouchers.get(self.codes.index(code))
        if voucher is None:
            raise NotFound(_NONE)
        if not asker.may_see(voucher.shop_id):
            raise VoucherOutOfSight(voucher)
        return code, voucher


def _read(typed: str) -> str:
    code = read_code(typed)
    if code is None:
        raise NotFound(_NONE)
    return code


def _is_the_same_tap(voucher: Voucher, asker: Principal, now: datetime) -> bool:
    taken_at = voucher.redeemed_at
    return taken_at is not None and voucher.redeemed_by == asker.key_id and now - taken_at <= _SAME_TAP


def _refusal(voucher: Voucher, now: datetime) -> Conflict:
    state = voucher.state(now)
    said = {
        VoucherState.REDEEMED: f"it was redeemed at {rfc3339(voucher.redeemed_at or now)}",
        VoucherState.EXPIRED: f"it expired at {rfc3339(voucher.expires_at)}",
        VoucherState.VOID: "its message never reached the customer",
    }
    return _REFUSED[state](said[state])


def _shown(code: str, voucher: Voucher, now: datetime) -> dict[str, Any]:
    return {
        "code": grouped(code),
        "state": voucher.state(now),
        "title": voucher.title,
        "terms": voucher.terms,
        "shop_id": voucher.shop_id,
        "campaign_id": voucher.campaign_id,
        "message_id": voucher.message_id,
        "issued_at": voucher.issued_at,
        "expires_at": voucher.expires_at,
        "redeemed_at": voucher.redeemed_at,
    }
