"""Reading the match log: every opportunity, what became of it and why, as far as the asker may see."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias

from nearcast.domain.decision import Outcome
from nearcast.domain.errors import InvalidInput, NotAllowed, NotFound, OutOfSight
from nearcast.domain.ids import CampaignId, CustomerId, DecisionId, ShopId, TenantId
from nearcast.domain.position import Position
from nearcast.domain.reason import Reason
from nearcast.geo.ground import middle_of
from nearcast.geo.validate import geofence_from_feature
from nearcast.services.access import Principal, Role
from nearcast.services.audit_ports import Actor, AuditEntry
from nearcast.services.cursors import Cursors
from nearcast.services.explain_live import Explanations
from nearcast.services.ports import MatchLogFilter, Page, Store, UnitOfWork
from nearcast.services.pseudonyms import Pseudonyms, is_owner
from nearcast.services.whole_file import whole_file

COLUMNS = (
    "decision_id",
    "customer_id",
    "campaign_id",
    "geofence_id",
    "shop_id",
    "trigger",
    "at",
    "decided_at",
    "outcome",
    "reason",
    "reasons",
    "detail",
    "not_before",
    "expires_at",
    "tz_used",
    "tz_source",
    "would_have_sent",
    "winner_campaign_id",
    "message_id",
    "redeemed_at",
)
Box: TypeAlias = tuple[float, float, float, float]
"""West, south, east, north in degrees; west is above east where it spans the antimeridian."""

PlacedRows: TypeAlias = Sequence[tuple[dict[str, Any], Position | None]]
"""Rows as the asker may see them, with the middles of their geofences where they have one that still stands."""
RowsWriter: TypeAlias = Callable[[str, Iterable[PlacedRows]], Iterator[bytes]]
"""The bytes of a file of a kind, some rows at a time."""

_PLACED = ("parquet", "geojson")
FILE_KINDS = ("csv", "ndjson", *_PLACED)

_ROWS_AT_ONCE = 1_000
_MOST_GEOFENCES = 30_000  # what both databases take in one list


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which rows; None takes all. `since` and `until` bound `decided_at`, half-open."""

    campaign_id: CampaignId | None = None
    shop_id: ShopId | None = None
    customer_id: CustomerId | None = None
    outcome: Outcome | None = None
    reason: Reason | None = None
    since: datetime | None = None
    until: datetime | None = None
    box: Box | None = None


class Decisions:
    """What was decided. Owners see the rows of their shops, their customers by daily pseudonyms."""

    def __init__(
        self, store: Store, pseudonyms: Pseudonyms, cursors: Cursors, explanations: Explanations, write: RowsWriter
    ) -> None:
        self._store, self._pseudonyms, self._cursors = store, pseudonyms, cursors
        self._explanations, self._write = explanations, write

    def get(self, asker: Principal, decision_id: DecisionId) -> dict[str, Any]:
        """One row; NotFound where there is none that the asker may see."""
        with self._store.reading(asker.tenant_id) as uow:
            row = _with_vouchers(uow, [_seen(uow, asker, decision_id)])[0]
            return self._pseudonyms.row(asker, row, _strangers(uow, asker, [row]))

    def explain(self, asker: Principal, decision_id: DecisionId) -> dict[str, Any]:
        """Every rule in order for one row; NotFound as `get`."""
        with self._store.reading(asker.tenant_id) as uow:
            row = _seen(uow, asker, decision_id)
            strangers = _strangers(uow, asker, [row])
        said = self._explanations.by_decision(asker.tenant_id, decision_id)
        return self._pseudonyms.explanation(asker, said, row, strangers)

    def page(
        self, asker: Principal, wanted: Wanted, *, cursor: str | None, limit: int, newest_first: bool
    ) -> Page[dict[str, Any]]:
        """A cursor page in the order of deciding. NotAllowed for an owner who asks for one customer."""
        with self._store.reading(asker.tenant_id) as uow:
            chosen = _chosen(uow, asker, wanted)
            return self._page(uow, asker, chosen, cursor=cursor, limit=limit, newest_first=newest_first)

    def every(
        self, asker: Principal, wanted: Wanted, *, cursor: str | None, newest_first: bool
    ) -> Iterator[Sequence[dict[str, Any]]]:
        """All pages from the cursor's on; what is decided after the first does not join in."""
        with self._store.reading(asker.tenant_id) as uow:
            chosen = replace(_chosen(uow, asker, wanted), up_to=uow.match_log.newest())
        while True:
            with self._store.reading(asker.tenant_id) as uow:
                page = self._page(uow, asker, chosen, cursor=cursor, limit=_ROWS_AT_ONCE, newest_first=newest_first)
            yield page.items
            cursor = page.next_cursor
            if cursor is None:
                return

    def download(
        self,
        asker: Principal,
        wanted: Wanted,
        kind: str,
        *,
        cursor: str | None = None,
        limit: int | None = None,
        newest_first: bool = True,
    ) -> Iterator[bytes]:
        """A file of all rows from the cursor's on, or of `limit`, piece by piece; `kind` is one of FILE_KINDS. What is
        wrong with what is asked for is said before the first piece.
        """
        if limit is None:
            parts = self.every(asker, wanted, cursor=cursor, newest_first=newest_first)
        else:
            parts = iter([self.page(asker, wanted, cursor=cursor, limit=limit, newest_first=newest_first).items])
        first = next(parts)
        rows_of, is_placed = chain([first], parts), kind in _PLACED
        return self._write(kind, (self._placed(asker, rows, is_placed=is_placed) for rows in rows_of))

    def write(self, path: Path, tenant_id: TenantId, wanted: Wanted, now: datetime, *, actor: Actor) -> None:
        """Write a file of rows, the oldest first, with the customers' ids; its ending is its kind. That it was done is
        written down first. InvalidInput for another ending, or where the file cannot be written.
        """
        kind = path.suffix.lower().removeprefix(".")
        if kind not in FILE_KINDS:
            said = f"the match log is written to .{', .'.join(FILE_KINDS)}, not {path.suffix!r}"
            raise InvalidInput(said, place=str(path))
        asker = Principal(tenant_id=tenant_id, key_id=actor.name, role=Role.OPERATOR)
        with self._store.writing(tenant_id) as uow:
            uow.audit.append(AuditEntry(actor=actor, action="exported", kind="match_log", id=tenant_id, at=now))
            uow.commit()
        with whole_file(path) as unfinished, unfinished.open("wb") as file:
            file.writelines(self.download(asker, wanted, kind, newest_first=False))

    def _placed(self, asker: Principal, rows: Sequence[dict[str, Any]], *, is_placed: bool) -> PlacedRows:
        if not is_placed:
            return [(row, None) for row in rows]
        with self._store.reading(asker.tenant_id) as uow:
            found = {key: _middle(uow, key) for key in {row["geofence_id"] for row in rows} - {None}}
        return [(row, found.get(row["geofence_id"])) for row in rows]

    def _page(
        self,
        uow: UnitOfWork,
        asker: Principal,
        chosen: MatchLogFilter,
        *,
        cursor: str | None,
        limit: int,
        newest_first: bool,
    ) -> Page[dict[str, Any]]:
        place = self._cursors.open(asker.tenant_id, cursor)
        found = uow.match_log.page(chosen, cursor=place, limit=limit, newest_first=newest_first)
        strangers = _strangers(uow, asker, found.items)
        shown = [self._pseudonyms.row(asker, row, strangers) for row in _with_vouchers(uow, found.items)]
        return Page(shown, self._cursors.seal(asker.tenant_id, found.next_cursor))


def _seen(uow: UnitOfWork, asker: Principal, decision_id: DecisionId) -> dict[str, Any]:
    row = uow.match_log.get(decision_id)
    if row is None:
        raise NotFound(f"there is no decision {decision_id!r}")
    if not asker.may_see(row["shop_id"]):
        raise OutOfSight("decision", decision_id)
    return row


def _middle(uow: UnitOfWork, geofence_id: str) -> Position | None:
    kept = uow.catalogue.geofences.get(geofence_id)
    return None if kept is None else middle_of(geofence_from_feature(kept.doc, place=geofence_id))


def _with_vouchers(uow: UnitOfWork, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with when the vouchers of their messages were taken."""
    taken = uow.vouchers.redeemed(row["message_id"] for row in rows if row["message_id"] is not None)
    return [{**row, "redeemed_at": taken.get(row["message_id"])} for row in rows]


def _strangers(uow: UnitOfWork, asker: Principal, rows: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """The campaigns that won over these rows and are of shops that the asker may not see."""
    if asker.shop_ids is None:
        return frozenset()
    winners = {row["winner_campaign_id"] for row in rows} - {None}
    found = {key: uow.catalogue.campaigns.get(key) for key in winners}
    return frozenset(key for key, each in found.items() if each is None or not asker.may_see(each.doc["shop_id"]))


def shops_seen(asker: Principal, shop_id: ShopId | None) -> list[ShopId] | None:
    """The shops that an asker who names one, or none, is shown; None for all of the tenant. OutOfSight for a shop that
    is not theirs, be it there or not.
    """
    if shop_id is None:
        return None if asker.shop_ids is None else sorted(asker.shop_ids)
    if not asker.may_see(shop_id):
        raise OutOfSight("shop", shop_id)
    return [shop_id]


def check_customer_filter(asker: Principal, customer_id: CustomerId | None) -> None:
    """NotAllowed for an owner who asks for one customer: pseudonyms hold for a day, and ids are not theirs to know."""
    if customer_id is not None and is_owner(asker):
        raise NotAllowed("owners see customers by daily pseudonyms and may not ask for one of them")


def _chosen(uow: UnitOfWork, asker: Principal, wanted: Wanted) -> MatchLogFilter:
    check_customer_filter(asker, wanted.customer_id)
    geofence_ids = None if wanted.box is None else uow.catalogue.geofences.ids_within(*wanted.box)
    if geofence_ids is not None and len(geofence_ids) > _MOST_GEOFENCES:
        raise InvalidInput(f"the box meets more than {_MOST_GEOFENCES} geofences: take a smaller one", place="bbox")
    return MatchLogFilter(
        campaign_id=wanted.campaign_id,
        shop_ids=shops_seen(asker, wanted.shop_id),
        customer_id=wanted.customer_id,
        geofence_ids=geofence_ids,
        outcome=wanted.outcome,
        reason=wanted.reason,
        since=wanted.since,
        until=wanted.until,
    )
