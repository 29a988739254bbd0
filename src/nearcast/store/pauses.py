"""Who gets no marketing on a channel for other reasons than their own word, and what operators have to look at."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, exists, insert, select, update

from nearcast.domain.ids import CustomerId, TenantId
from nearcast.services.inbound_ports import OptOutReview, Origin, Pause, ReviewStatus
from nearcast.store.dialect import among, upsert
from nearcast.store.inbound_tables import channel_pause, opt_out_review
from nearcast.store.page import as_seq, chunks, page_of
from nearcast.store.pruning import delete_some

_pause, _review = channel_pause.c, opt_out_review.c


class Pauses:
    """One tenant's pauses. The last word of each origin counts, by when it was said; of two at once, the pause."""

    def __init__(self, connection: Connection, tenant: TenantId) -> None:
        self._connection, self._tenant = connection, tenant

    def note(self, customer_ids: Iterable[CustomerId], channel: str, origin: Origin, at: datetime) -> None:
        """Pause customers, whom the caller holds, from `at` on, unless that was lifted later."""
        self._write(customer_ids, channel, origin, at, is_lifted=False)

    def lift(self, customer_ids: Iterable[CustomerId], channel: str, origins: Collection[Origin], at: datetime) -> bool:
        """End the pauses of these origins that are older than `at`, of customers whom the caller holds; whether there
        were any. What a platform says comes in any order: its pause that comes later and is older has no effect.
        """
        ids = list(customer_ids)
        found = [pause for pauses in self.of(ids).values() for pause in pauses if pause.channel == channel]
        lifted = [pause for pause in found if pause.origin in origins and pause.at < at]
        for origin in origins:
            ours = ids if origin is Origin.PLATFORM else [each.customer_id for each in lifted if each.origin is origin]
            self._write(ours, channel, origin, at, is_lifted=True)
        return bool(lifted)

    def of(self, customer_ids: Iterable[CustomerId]) -> dict[CustomerId, list[Pause]]:
        """The pauses that stand; customers without any are left out."""
        found: dict[CustomerId, list[Pause]] = {}
        for ids in chunks(sorted(set(customer_ids))):
            standing = select(channel_pause).where(self._of(ids), _pause.is_lifted.is_(False))
            for row in self._connection.execute(standing.order_by(_pause.customer_id, _pause.channel, _pause.origin)):
                found.setdefault(CustomerId(row.customer_id), []).append(_as_pause(row))
        return found

    def _write(
        self, customer_ids: Iterable[CustomerId], channel: str, origin: Origin, at: datetime, *, is_lifted: bool
    ) -> None:
        ids = sorted(set(customer_ids))
        same = _pause.channel == channel, _pause.origin == origin.value
        known = {
            row.customer_id: (row.at, not row.is_lifted)
            for row in self._connection.execute(select(channel_pause).where(self._of(ids), *same))
        }
        said = at, not is_lifted
        row = {"tenant_id": self._tenant, "channel": channel, "origin": origin.value, "at": at, "is_lifted": is_lifted}
        newer = [key for key in ids if key not in known or known[key] < said]
        upsert(self._connection, channel_pause, [{**row, "customer_id": key} for key in newer])

    def _of(self, ids: Iterable[CustomerId]) -> Any:
        return (_pause.tenant_id == self._tenant) & among(_pause.customer_id, ids)


class OptOutReviews:
    """One tenant's words that may mean that somebody wants no more."""

    def __init__(self, connection: Connection, tenant: TenantId) -> None:
        self._connection, self._tenant = connection, tenant

    def insert(self, customer_id: CustomerId, channel: str, sealed: str, at: datetime) -> None:
        """Have something looked at."""
        row = {"customer_id": customer_id, "channel": channel, "sealed": sealed, "at": at}
        new = {"tenant_id": self._tenant, "status": ReviewStatus.OPEN.value, **row}
        self._connection.execute(insert(opt_out_review), new)

    def has_open(self, customer_ids: Iterable[CustomerId], channel: str) -> bool:
        """Whether something of one of them waits for an answer."""
        waiting = among(_review.customer_id, customer_ids), _review.status == ReviewStatus.OPEN.value
        found = exists().where(self._mine, *waiting, _review.channel == channel)
        return bool(self._connection.scalar(select(found)))

    def get(self, review_id: str) -> OptOutReview | None:
        if not (review_id.isascii() and review_id.isdecimal() and len(review_id) < 19):
            return None
        row = self._connection.execute(self._read().where(_review.seq == int(review_id))).one_or_none()
        return None if row is None else _as_review(row)

    def page(
        self, status: ReviewStatus | None, *, cursor: str | None, limit: int
    ) -> tuple[list[OptOutReview], str | None]:
        """Reviews, the newest first."""
        found = self._read().order_by(_review.seq.desc()).limit(limit + 1)
        if status is not None:
            found = found.where(_review.status == status.value)
        if cursor is not None:
            found = found.where(_review.seq < as_seq(cursor))
        page = page_of([(str(row.seq), _as_review(row)) for row in self._connection.execute(found)], limit)
        return page.items, page.next_cursor

    def decide(self, customer_id: CustomerId, channel: str, status: ReviewStatus, at: datetime) -> int:
        """End what is open of a customer on a channel; how many."""
        waiting = _review.customer_id == customer_id, _review.channel == channel, _review.status == "open"
        ended = update(opt_out_review).where(self._mine, *waiting).values(status=status.value, decided_at=at)
        return self._connection.execute(ended).rowcount

    def of(self, customer_id: CustomerId) -> list[OptOutReview]:
        """Those of a customer, the oldest first."""
        theirs = self._read().where(_review.customer_id == customer_id).order_by(_review.seq)
        return [_as_review(row) for row in self._connection.execute(theirs)]

    def sealed_otherwise(self, key_id: str, *, limit: int) -> list[OptOutReview]:
        """Those that are sealed with another key than that one, at most `limit`."""
        found = self._read().where(_review.sealed.not_like(f"%.{key_id}.%")).limit(limit)
        return [_as_review(row) for row in self._connection.execute(found)]

    def reseal(self, review_id: str, sealed: str) -> None:
        """Write words that were sealed anew."""
        same = self._mine, _review.seq == int(review_id)
        self._connection.execute(update(opt_out_review).where(*same).values(sealed=sealed))

    def prune(self, before: datetime, *, limit: int) -> int:
        """Delete those that were decided before an instant, at most `limit`; how many."""
        return delete_some(self._connection, opt_out_review, self._mine, _review.decided_at < before, limit=limit)

    @property
    def _mine(self) -> Any:
        return _review.tenant_id == self._tenant

    def _read(self) -> Select[Any]:
        return select(opt_out_review).where(self._mine)


def _as_pause(row: Row[Any]) -> Pause:
    return Pause(customer_id=CustomerId(row.customer_id), channel=row.channel, origin=Origin(row.origin), at=row.at)


def _as_review(row: Row[Any]) -> OptOutReview:
    return OptOutReview(
        id=str(row.seq),
        customer_id=CustomerId(row.customer_id),
        channel=row.channel,
        at=row.at,
        sealed=row.sealed,
        status=ReviewStatus(row.status),
        decided_at=row.decided_at,
    )
