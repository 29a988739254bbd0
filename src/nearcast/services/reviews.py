"""What operators look at: words that may mean that somebody wants no more, and that nobody was sure of."""

from datetime import datetime
from typing import Any

from nearcast.domain.errors import Conflict, NotFound
from nearcast.domain.ids import TenantId
from nearcast.services.access import Principal
from nearcast.services.auditing import of_customer
from nearcast.services.cursors import Cursors
from nearcast.services.customers import subject_of
from nearcast.services.inbound_ports import OptOutReview, Origin, ReviewStatus
from nearcast.services.ports import Page, Store
from nearcast.services.sealed_names import REVIEWED
from nearcast.services.stops import Stops
from nearcast.services.vault import Vault


class Reviews:
    """Shows what waits for somebody to read it, and takes what they made of it."""

    def __init__(self, store: Store, vault: Vault, stops: Stops, cursors: Cursors) -> None:
        self._store, self._vault, self._stops, self._cursors = store, vault, stops, cursors

    def page(
        self, asker: Principal, status: ReviewStatus | None, *, cursor: str | None, limit: int
    ) -> Page[dict[str, Any]]:
        """Reviews with what was written, the newest first."""
        place = self._cursors.open(asker.tenant_id, cursor)
        with self._store.reading(asker.tenant_id) as uow:
            found, after = uow.reviews.page(status, cursor=place, limit=limit)
        return Page([self._shown(asker, each) for each in found], self._cursors.seal(asker.tenant_id, after))

    def decide(self, asker: Principal, review_id: str, *, opted_out: bool, now: datetime) -> dict[str, Any]:
        """Take what an operator read out of the words: an end, which is then the customer's own word, or none. NotFound
        where there is no such review, Conflict where it was decided before.
        """
        with self._store.writing(asker.tenant_id) as uow:
            asked = uow.reviews.get(review_id)
            if asked is None:
                raise NotFound(f"there is no review {review_id!r}")
            key, channel = asked.customer_id, asked.channel
            uow.customers.lock([key])
            if asked.status is not ReviewStatus.OPEN:
                raise Conflict(f"this review was decided before: {asked.status.value}")
            if opted_out:
                self._stops.end(uow, asker.tenant_id, key, channel, asked.at, now)
            else:
                uow.reviews.decide(key, channel, ReviewStatus.KEPT, now)
            uow.pauses.lift([key], channel, [Origin.REVIEW], now)
            word = "opted_out" if opted_out else "kept"
            detail = {"review": review_id, "decision": word, "channel": channel}
            uow.audit.append(of_customer(asker.actor, "reviewed", subject_of(uow, key), now, detail))
            decided = uow.reviews.get(review_id) or asked
            shown = self._shown(asker, decided)
            asker.keep(uow, shown)
            uow.commit()
        return shown

    def _shown(self, asker: Principal, review: OptOutReview) -> dict[str, Any]:
        return shown_review(self._vault, asker.tenant_id, review)


def shown_review(vault: Vault, tenant_id: TenantId, review: OptOutReview) -> dict[str, Any]:
    """A review with the words that it is about. CannotOpen where our keys are others."""
    return {
        "id": review.id,
        "customer_id": review.customer_id,
        "channel": review.channel,
        "at": review.at,
        "text": vault.open(tenant_id, review.customer_id, REVIEWED, review.sealed),
        "status": review.status.value,
        "decided_at": review.decided_at,
    }
