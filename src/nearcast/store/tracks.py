"""Where customers are: their tracks, which fences they are inside, and when that ends if nothing more is heard."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Delete, Select, delete, exists, func, select

from nearcast.domain.consent import LOCATION, ConsentAction
from nearcast.domain.ids import CustomerId, GeofenceId, TenantId
from nearcast.domain.local_time import zone
from nearcast.services.instants import as_instant, as_us
from nearcast.services.track_ports import KeptTrack, Stay, StayedFix
from nearcast.store.customer_tables import consent_event, customer
from nearcast.store.dialect import insert_all, upsert
from nearcast.store.page import chunks
from nearcast.store.tables import track, visiting
from nearcast.store.theirs import mine, rows_of, theirs
from nearcast.store.track_codec import stayed_from_json, track_from_json, track_to_json

_here = track.c
_KEPT = select(_here.customer_id, _here.doc, _here.stayed, _here.last_zone, _here.ends_at, _here.upto).where(
    theirs(track)
)
_STAYS = select(_here.customer_id, _here.stayed, _here.newest_at, _here.last_zone, _here.ends_at, _here.upto).where(
    theirs(track)
)
_NEXT_END = select(func.min(_here.ends_at)).where(mine(track))
_NO_TRACKS, _NO_VISITS = (delete(table).where(theirs(table)) for table in (track, visiting))


class Tracks:
    """One tenant's tracks, read and written for many customers at once."""

    def __init__(self, connection: Connection, tenant: TenantId) -> None:
        self._connection, self._tenant = connection, tenant

    def load(self, customer_ids: Iterable[CustomerId]) -> dict[CustomerId, KeptTrack]:
        """The tracks of customers; those without one are left out."""
        found: dict[CustomerId, KeptTrack] = {}
        for key, doc, stayed, last_zone, ends_at, upto in rows_of(self._connection, _KEPT, self._tenant, customer_ids):
            kept = track_from_json(doc, self._tenant, key)
            found[key] = KeptTrack(
                track=kept,
                stayed=stayed_from_json(stayed or (), kept),
                last_zone=zone(last_zone) if last_zone else None,
                ends_at=ends_at,
                upto=upto,
            )
        return found

    def save(self, tracks: Iterable[KeptTrack]) -> None:
        """Write tracks, new or changed."""
        kept = {item.track.customer_id: item for item in tracks}
        rows = [
            {
                "tenant_id": self._tenant,
                "customer_id": key,
                "doc": track_to_json(item.track),
                "stayed": None,
                "newest_at": item.track.newest.at if item.track.newest else None,
                "ends_at": item.ends_at,
                "last_zone": item.last_zone.key if item.last_zone else None,
                "upto": item.upto,
            }
            for key, item in sorted(kept.items())
        ]
        upsert(self._connection, track, rows)
        self._delete(_NO_VISITS, kept)
        inside = [
            {"tenant_id": self._tenant, "customer_id": key, "geofence_id": geofence_id}
            for key, item in sorted(kept.items())
            for geofence_id in sorted({visit.geofence_id for visit in item.track.open_visits})
        ]
        insert_all(self._connection, visiting, inside)

    def stays(self, customer_ids: Iterable[CustomerId]) -> dict[CustomerId, Stay]:
        """What has come after the tracks of customers; those without a track are left out."""
        return {
            key: Stay(
                fixes=list(map(StayedFix._make, stayed or ())),
                newest_us=as_us(newest_at) if newest_at else None,
                last_zone=zone(last_zone) if last_zone else None,
                ends_at=ends_at,
                upto=upto,
            )
            for key, stayed, newest_at, last_zone, ends_at, upto in rows_of(
                self._connection, _STAYS, self._tenant, customer_ids
            )
        }

    def stay(self, stays: Mapping[CustomerId, Stay]) -> None:
        """Write what has come after the tracks of customers who have one, in place of what was written of that
        before.
        """
        rows: list[dict[str, Any]] = [
            {
                "tenant_id": self._tenant,
                "customer_id": key,
                "doc": {},  # for a new row, which there is none of
                "stayed": stay.fixes,
                "newest_at": as_instant(stay.newest_us) if stay.newest_us is not None else None,
                "ends_at": stay.ends_at,
                "last_zone": stay.last_zone.key if stay.last_zone else None,
                "upto": stay.upto,
            }
            for key, stay in sorted(stays.items())
        ]
        upsert(self._connection, track, rows, keep=["doc"])

    def delete(self, customer_ids: Iterable[CustomerId]) -> None:
        """Forget where customers were."""
        ids = list(customer_ids)
        self._delete(_NO_TRACKS, ids)
        self._delete(_NO_VISITS, ids)

    def ended(self, now: datetime, *, limit: int = 1000) -> list[tuple[datetime, CustomerId]]:
        """Customers whose open visits end by `now` if nothing more is heard, and when; the earliest first."""
        due = select(track.c.ends_at, track.c.customer_id).where(track.c.tenant_id == self._tenant)
        due = due.where(track.c.ends_at <= now).order_by(track.c.ends_at, track.c.customer_id).limit(limit)
        return [(row.ends_at, CustomerId(row.customer_id)) for row in self._connection.execute(due)]

    def next_end(self) -> datetime | None:
        """When the next open visit ends if nothing more is heard."""
        found: datetime | None = self._connection.scalar(_NEXT_END, {"tenant": self._tenant})
        return found

    def visiting(self, geofence_id: GeofenceId) -> list[CustomerId]:
        """Customers with an open visit there, by id."""
        inside = select(visiting.c.customer_id).where(
            visiting.c.tenant_id == self._tenant, visiting.c.geofence_id == geofence_id
        )
        return self._ids(inside.order_by(visiting.c.customer_id))

    def seen_since(self, at: datetime | None) -> list[CustomerId]:
        """Customers whose newest ping is not older than `at`, by id; without it all that have one."""
        seen = select(track.c.customer_id).where(track.c.tenant_id == self._tenant)
        seen = seen.where(track.c.newest_at.is_not(None) if at is None else track.c.newest_at >= at)
        return self._ids(seen.order_by(track.c.customer_id))

    def without_consent(self, now: datetime) -> list[CustomerId]:
        """Customers with a track whose last word on location, by its own date, is no consent that holds at `now`."""
        given, after = consent_event.alias("given"), consent_event.alias("after")
        said = [
            (line.c.tenant_id == self._tenant)
            & (line.c.purpose == LOCATION)
            & (line.c.action != ConsentAction.REMINDED.value)
            & (line.c.at <= now)
            for line in (given, after)
        ]
        withdrawn = ConsentAction.WITHDRAWN.value
        is_last = ~exists().where(
            said[1],
            after.c.subject == given.c.subject,
            (after.c.at > given.c.at) | ((after.c.at == given.c.at) & (after.c.action == withdrawn)),
        )
        holds = (given.c.action != withdrawn) & (given.c.valid_until.is_(None) | (given.c.valid_until > now))
        owner = (customer.c.tenant_id == track.c.tenant_id) & (customer.c.id == track.c.customer_id)
        mine = select(track.c.customer_id).outerjoin(customer, owner).where(track.c.tenant_id == self._tenant)
        may_be_located = exists().where(said[0], given.c.subject == customer.c.subject, holds, is_last)
        return self._ids(mine.where(~may_be_located).order_by(track.c.customer_id))

    def _ids(self, statement: Select[Any]) -> list[CustomerId]:
        return [CustomerId(key) for key in self._connection.scalars(statement)]

    def _delete(self, gone: Delete, customer_ids: Iterable[CustomerId]) -> None:
        for ids in chunks(sorted(set(customer_ids))):
            self._connection.execute(gone, {"tenant": self._tenant, "customers": ids})
