"""Erasure (GDPR Art. 17): the person goes; that they must not be written to, and what was agreed to, stays."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nearcast.domain.ids import CustomerId
from nearcast.domain.message import MessageStatus
from nearcast.domain.reason import Reason
from nearcast.services.access import Principal
from nearcast.services.auditing import of_customer
from nearcast.services.customers import known, subject_of
from nearcast.services.ports import Store
from nearcast.services.terms import Terms
from nearcast.services.working_set import WorkingSet

REASON = "erased"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What an erasure did. `subject` is the name under which figures and the ledger stay; `rows` are those deleted or
    made nameless, by table; `suppressed` addresses must not be written to any more.
    """

    subject: str
    erased_at: datetime
    cancelled: int
    suppressed: int
    rows: Mapping[str, int]

    def shown(self) -> dict[str, Any]:
        """As the API shows it."""
        return {
            "subject": self.subject,
            "erased_at": self.erased_at,
            "cancelled": self.cancelled,
            "suppressed": self.suppressed,
            "rows": dict(self.rows),
        }


class Erasure:
    """Erases customers of a tenant."""

    def __init__(self, store: Store, terms: Terms) -> None:
        self._store, self._terms = store, terms

    def erase(self, asker: Principal, key: str, now: datetime) -> Receipt:
        """Erase a customer in one commit: what is queued is cancelled, every address goes on the suppression list, the
        ledger gets its last line, and nothing that tells who they were is left. NotFound where there is none, or none
        any more.

        A message that is on its way to its provider at this moment arrives, as after a withdrawal.
        """
        customer_id = CustomerId(key)
        with self._store.writing(asker.tenant_id) as uow:
            working = WorkingSet(uow, self._terms.of(asker.tenant_id), [customer_id])
            known(uow, key)
            subject = subject_of(uow, customer_id)
            queued = working.world.queued(customer_id)
            for message in queued:
                ended = message.to(MessageStatus.CANCELLED, reason=Reason.CANCELLED_CONSENT, freed_at=now)
                working.world.keep(ended)
            working.save()
            suppressed = uow.suppressions.outlive(customer_id, now, reason=REASON)
            uow.consents.close(subject, now, actor_id=asker.key_id)
            rows = uow.erasing.erase(customer_id, subject)
            receipt = Receipt(subject=subject, erased_at=now, cancelled=len(queued), suppressed=suppressed, rows=rows)
            told = {"cancelled": len(queued), "suppressed": suppressed, "rows": dict(rows)}
            uow.audit.append(of_customer(asker.actor, "erased", subject, now, told))
            asker.keep(uow, receipt)
            uow.commit()
        return receipt
