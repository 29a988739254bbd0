"""Files of customers, and the consents that come with them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from nearcast.domain.errors import InvalidInput
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.services.audit_ports import COMMAND_LINE, AuditEntry
from nearcast.services.consent_lines import ledger_line, named, with_address, with_state
from nearcast.services.contacts import Addresses, Contacts
from nearcast.services.customers import CustomerDocument, whole
from nearcast.services.engine import take_consent
from nearcast.services.engines import Engines
from nearcast.services.import_report import Taken
from nearcast.services.import_rows import checked, checked_consents, column_of
from nearcast.services.ledger_ports import LedgerLine
from nearcast.services.ports import UnitOfWork
from nearcast.services.rows import Row, readable
from nearcast.services.suppressing import suppress
from nearcast.services.taken_lines import end_location
from nearcast.services.working_set import WorkingSet

_Kept: TypeAlias = tuple[dict[str, Any], Addresses]
BATCH = 500
_ACTOR = "file import"
_CLAIMED = "was kept as unconfirmed: nothing shows that it was confirmed"


@dataclass(frozen=True, slots=True)
class _Said:
    """A row: the customer, and what they said. `claims` are the places of confirmations without a proof."""

    customer: CustomerDocument
    doc: dict[str, Any]
    addresses: Addresses
    lines: list[LedgerLine]
    claims: list[str]


def import_customers(
    engines: Engines,
    contacts: Contacts,
    tenant_id: TenantId,
    taken: Taken,
    rows: Sequence[Row],
    now: datetime,
    *,
    is_csv: bool,
) -> None:
    """Write the customers that are new or changed, and what they said; a row whole or not at all."""

    def read(row: Row) -> tuple[str, _Said]:
        try:
            return _read(row, tenant_id, now)
        except InvalidInput as fault:
            place = column_of(fault.place, row.value) if is_csv else fault.place
            raise InvalidInput(fault.message, place=place) from fault

    found = taken.good(rows, read)
    for row, said in found:
        for place in said.claims:
            taken.note(row, place, _CLAIMED)
    good = [said for _, said in found]
    for start in range(0, len(good), BATCH):
        taken.counts.update(_write(engines, contacts, tenant_id, good[start : start + BATCH], now))


def _read(row: Row, tenant_id: TenantId, now: datetime) -> tuple[str, _Said]:
    said = readable(row)
    consents: object = []
    if isinstance(said, dict):
        consents = said.get("consents", [])
        said = {key: value for key, value in said.items() if key != "consents"}
    customer = checked(CustomerDocument, said)
    lines, claims = [], []
    for place, consent in checked_consents(customer.id, consents):
        if consent.is_claim:
            claims.append(f"{place}.{consent.lacks_proof}")
        lines.append(ledger_line(tenant_id, CustomerId(customer.id), consent.provable(), now, place=place))
    return customer.id, _Said(customer, customer.document(), customer.addresses(), lines, claims)


def _write(
    engines: Engines, contacts: Contacts, tenant_id: TenantId, batch: Sequence[_Said], now: datetime
) -> Counter[str]:
    docs = {CustomerId(said.customer.id): (said.doc, said.addresses) for said in batch}
    with engines.of(tenant_id) as engine, engine.store.writing(tenant_id) as uow:
        counts = _write_documents(uow, contacts, tenant_id, docs, now)
        speaking = [said.customer.id for said in batch if said.lines or said.customer.suppressed]
        working = WorkingSet(uow, engine.catalogue, map(CustomerId, speaking))
        counts["consents"] += _write_lines(
            uow, working, tenant_id, [line for said in batch for line in said.lines], now
        )
        for said in batch:
            for channel in said.customer.suppressed:
                suppress(uow, working, CustomerId(said.customer.id), channel, now)
        working.save()
        if counts["new"] + counts["changed"] + counts["consents"]:
            uow.audit.append(_told(counts, now))
        uow.commit()
    return counts


def _told(counts: Counter[str], now: datetime) -> AuditEntry:
    """An import in the audit trail: how many, and no name."""
    return AuditEntry(actor=COMMAND_LINE, action="imported", kind="customers", id="import", at=now, detail=dict(counts))


def _write_lines(
    uow: UnitOfWork, working: WorkingSet, tenant_id: TenantId, lines: Sequence[LedgerLine], now: datetime
) -> int:
    """Add lines to the ledgers of the working set, and do what follows from them; how many were new."""
    subjects = uow.customers.subjects(line.event.customer_id for line in lines)
    addresses = uow.contacts.of(subjects)
    standing = {key: list(working.world.consents.get(key, ())) for key in subjects}
    wanted: list[LedgerLine] = []
    for line in lines:
        key = line.event.customer_id
        addressed = with_address(line, addresses.get(key, ()))
        wanted.append(with_state(named(addressed, tenant_id, subjects[key], actor_id=_ACTOR), standing[key], now))
        standing[key].append(wanted[-1].event)
    new = uow.consents.append_all(wanted)
    taken = {line.event.event_id: line.event for line in wanted if line.event.event_id in new}
    for event in taken.values():
        take_consent(working.world, event, now)
    end_location(uow, working.world, taken.values(), now)
    return len(new)


def _write_documents(
    uow: UnitOfWork,
    contacts: Contacts,
    tenant_id: TenantId,
    said: Mapping[CustomerId, _Kept],
    now: datetime,
) -> Counter[str]:
    uow.customers.lock(said)
    standing, had = uow.customers.documents(said), contacts.read(uow, tenant_id, said)
    new = {key: kept for key, kept in said.items() if key not in standing}
    changed = {
        key: kept for key, kept in said.items() if key in standing and (whole(standing[key]), had.get(key, [])) != kept
    }
    written = {**new, **changed}
    uow.customers.upsert({key: doc for key, (doc, _) in written.items()}, now)
    contacts.write(uow, tenant_id, {key: addresses for key, (_, addresses) in written.items()})
    unchanged = len(said) - len(new) - len(changed)
    return Counter({"new": len(new), "changed": len(changed), "unchanged": unchanged, "consents": 0})
