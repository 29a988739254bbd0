"""What came in and is kept for long is sealed anew, when there is a new key."""

from dataclasses import replace

from nearcast.domain.ids import CustomerId, TenantId
from nearcast.services.ports import Store, UnitOfWork
from nearcast.services.vault import Vault

REVIEWED = "opt-out review"
"""What words that wait for a review are sealed as."""

_AT_ONCE = 500


def sealed_as(kind: str) -> str:
    """What a provider's name for somebody is sealed as."""
    return f"key {kind}"


def reseal_names(store: Store, vault: Vault) -> int:
    """Seal with the first key what providers call customers, and what waits for a review, in portions; how many.
    Broken off, it goes on where it stood.
    """
    return sum(_reseal(store, vault, tenant_id) for tenant_id in store.tenants())


def _reseal(store: Store, vault: Vault, tenant_id: TenantId) -> int:
    done = 0
    while True:
        with store.writing(tenant_id) as uow:
            some = _some(uow, vault, tenant_id)
            uow.commit()
        done += some
        if some < _AT_ONCE:
            return done


def _some(uow: UnitOfWork, vault: Vault, tenant_id: TenantId) -> int:
    def anew(customer: CustomerId, what: str, sealed: str) -> str:
        return vault.seal(tenant_id, customer, what, vault.open(tenant_id, customer, what, sealed))

    names = uow.contact_keys.sealed_otherwise(vault.key_id, limit=_AT_ONCE)
    uow.contact_keys.reseal(
        replace(each, sealed=anew(each.customer_id, sealed_as(each.kind), each.sealed)) for each in names
    )
    reviews = uow.reviews.sealed_otherwise(vault.key_id, limit=_AT_ONCE)
    for each in reviews:
        uow.reviews.reseal(each.id, anew(each.customer_id, REVIEWED, each.sealed))
    return max(len(names), len(reviews))
