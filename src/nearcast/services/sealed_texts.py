"""What messages say is sealed as it is written; here, what was written before that, or with a key of before."""

from nearcast.domain.ids import TenantId
from nearcast.services.ports import Store
from nearcast.services.secret_ports import Sealing

_AT_ONCE = 500


def seal_texts(whole: Store, narrow: Store, sealing: Sealing) -> int:
    """Have the store seal texts from now on, for all who use it, and those of messages that were written before, in
    portions; how many messages. Broken off, it goes on where it stood.
    """
    whole.seal_with(sealing)
    narrow.seal_with(sealing)
    return sum(_reseal(whole, tenant_id, is_bare=True) for tenant_id in whole.tenants_with_bare_texts())


def reseal_texts(store: Store) -> int:
    """Seal with the first key what messages say, and what their providers call them, where that is sealed with another;
    as `seal_texts`.
    """
    return sum(_reseal(store, tenant_id, is_bare=False) for tenant_id in store.tenants())


def _reseal(store: Store, tenant_id: TenantId, *, is_bare: bool) -> int:
    done, place = 0, 0
    while True:
        with store.writing(tenant_id) as uow:
            some, place = uow.outbox.reseal(after=place, limit=_AT_ONCE, is_bare=is_bare)
            uow.commit()
        done += some
        if some < _AT_ONCE:
            return done
