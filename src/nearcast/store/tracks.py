"""Where customers are: their tracks, which fences they are inside, and when that ends if nothing more is heard."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, delete, exists, func, select

from nearcast.domain.consent import LOCATION, ConsentAction
from nearcast.domain.ids import CustomerId, GeofenceId, TenantId
from nearcast.domain.local_time import zone
from nearcast.services.ports import KeptTrack
from nearcast.store.customer_tables import consent_event, customer
from nearcast.store.dialect import among, insert_all, upsert
from nearcast.store.page import chunks
from nearcast.store.tables import track, visiting
from nearcast.store.track_codec import track_from_json, track_to_json


class Tracks:
    """One tenant's tracks, read and written for many customers at once."""

    def __init__(self, connection: Connection, tenant: TenantId) -> None:
        self._connection, self._tenant = connection, tenant

    def load(self, customer_ids: Iterable[CustomerId]) -> dict[CustomerId, KeptTrack]:
        """The tracks of customers; those without one are left out."""
        found: dict[CustomerId, KeptTrack] = {}
        for ids in chunks(sorted(set(customer_ids))):
            mine = (track.c.tenant_id == self._tenant) & among(track.c.customer_id, ids)
            for row in self._connection.execute(select(track).where(mine)).all():
                key = CustomerId(row.customer_id)
                found[key] = KeptTrack(
                    track=track_from_json(row.doc, self._tenant, key),
                    last_zone=zone(row.last_zone) if row.last_zone else None,
                    ends_at=row.ends_at,
                    upto=row.upto,
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
                "newest_at": item.track.newest.at if item.track.newest else None,
                "ends_at": item.ends_at,
                "last_zone": item.last_zone.key if item.last_zone else None,
                "upto": item.upto,
            }
            for key, item in sorted(kept.items())
        ]
        upsert(self._connection, track, rows)
        self._delete(visiting, kept)
        inside = [
            {"tenant_id": self._tenant, "customer_id": key, "geofence_id": geofence_id}
            for key, item in sorted(kept.items())
            for geofence_id in sorted({visit.geofence_id for visit in item.track.open_visits})
        ]
        insert_all(self._connection, visiting, inside)

    def delete(self, customer_ids: Iterable[CustomerId]) -> None:
        """Forget where customers were."""
        ids = list(customer_ids)
        self._delete(track, ids)
        self._delete(visiting, ids)

    def ended(self, now: datetime, *, limit: int = 1000) -> list[tuple[datetime, CustomerId]]:
        """Customers whose open visits end by `now` if nothing more is heard, and when; the earliest first."""
        due = select(track.c.ends_at, track.c.customer_id).where(track.c.tenant_id == self._tenant)
        due = due.where(track.c.ends_at <= now).order_by(track.c.ends_at, track.c.customer_id).limit(limit)
        return [(row.ends_at, CustomerId(row.customer_id)) for row in self._connection.execute(due)]

    def next_end(self) -> datetime | None:
        """When the next open visit ends if nothing more is heard."""
        found: datetime | None = self._connection.scalar(
            select(func.min(track.c.ends_at)).where(track.c.tenant_id == self._tenant)
        )
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

    def _delete(self, table: Any, customer_ids: Iterable[CustomerId]) -> None:
        for ids in chunks(sorted(set(customer_ids))):
            mine = (table.c.tenant_id == self._tenant) & among(table.c.customer_id, ids)
            self._connection.execute(delete(table).where(mine))
