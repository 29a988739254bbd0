"""Addresses written straight into a store, sealed as the service would."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from nearcast.domain.ids import CustomerId, TenantId
from nearcast.services.contacts import Contacts
from nearcast.services.ports import UnitOfWork
from nearcast.services.vault import Vault

VAULT = Vault(["a key of tests alone " * 2], "an index key of tests " * 2)
CONTACTS = Contacts(VAULT)


def put_customers(
    uow: UnitOfWork,
    tenant: TenantId,
    customers: Mapping[CustomerId, Mapping[str, Any]],
    at: datetime,
    *,
    contacts: Contacts = CONTACTS,
) -> None:
    """Customers as the API shows them, without their ids."""
    uow.customers.upsert(
        {key: {name: value for name, value in doc.items() if name != "contacts"} for key, doc in customers.items()}, at
    )
    contacts.write(uow, tenant, {key: doc.get("contacts") or [] for key, doc in customers.items()})
