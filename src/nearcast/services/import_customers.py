"""Files of customers, and the consents that come with them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from nearcast.domain.errors import InvalidInput
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.services.consents import ledger_line
from nearcast.services.customers import CustomerDocument, whole
from nearcast.services.engine import take_consent
from nearcast.services.engines import Engines
from nearcast.services.import_report import Taken
from nearcast.services.import_rows import checked, checked_consents, column_of
from nearcast.services.ledger_ports import LedgerLine
from nearcast.services.ports import UnitOfWork
from nearcast.services.rows import Row, readable
from nearcast.services.suppressing import suppress
from nearcast.services.working_set import WorkingSet

_Said: TypeAlias = tuple[CustomerDocument, dict[str, Any], list[LedgerLine]]
BATCH = 500


def import_customers(
    engines: Engines, tenant_id: TenantId, taken: Taken, rows: Sequence[Row], now: datetime, *, is_csv: bool
) -> None:
    """Write the customers that are new or changed, and what they said; a row whole or not at all."""

    def read(row: Row) -> tuple[str, _Said]:
        try:
            return _read(row, tenant_id, now)
        except InvalidInput as fault:
            place = column_of(fault.place, row.value) if is_csv else fault.place
            raise InvalidInput(fault.message, place=place) from fault

    good = [said for _, said in taken.good(rows, read)]
    for start in range(0, len(good), BATCH):
        taken.counts.update(_write(engines, tenant_id, good[start : start + BATCH], now))


def _read(row: Row, tenant_id: TenantId, now: datetime) -> tuple[str, _Said]:
    said = readable(row)
    consents: object = []
    if isinstance(said, dict):
        consents = said.get("consents", [])
        said = {key: value for key, value in said.items() if key != "consents"}
    customer = checked(CustomerDocument, said)
    lines = [
        ledger_line(tenant_id, CustomerId(customer.id), consent, now, place=place)
        for place, consent in checked_consents(customer.id, consents)
    ]
    return customer.id, (customer, customer.document(), lines)


def _write(engines: Engines, tenant_id: TenantId, batch: Sequence[_Said], now: datetime) -> Counter[str]:
    docs = {CustomerId(customer.id): doc for customer, doc, _ in batch}
    with engines.of(tenant_id) as engine, engine.store.writing(tenant_id) as uow:
        counts = _write_documents(uow, docs, now)
        speaking = [customer.id for customer, _, lines in batch if lines or customer.suppressed]
        working = WorkingSet(uow, engine.catalogue, map(CustomerId, speaking))
        for customer, _, lines in batch:
            for line in lines:
                if uow.consents.append(line):
                    take_consent(working.world, line.event, now)
                    counts["consents"] += 1
            for channel in customer.suppressed:
                suppress(uow, working, CustomerId(customer.id), channel, now)
        working.save()
        uow.commit()
    return counts


def _write_documents(uow: UnitOfWork, docs: Mapping[CustomerId, Mapping[str, Any]], now: datetime) -> Counter[str]:
    uow.customers.lock(docs)
    standing = uow.customers.documents(docs)
    new = {key: doc for key, doc in docs.items() if key not in standing}
    changed = {key: doc for key, doc in docs.items() if key in standing and whole(standing[key]) != doc}
    uow.customers.upsert({**new, **changed}, now)
    unchanged = len(docs) - len(new) - len(changed)
    return Counter({"new": len(new), "changed": len(changed), "unchanged": unchanged, "consents": 0})
