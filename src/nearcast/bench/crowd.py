"""Whom `bench ingest` sends pings of: customers of a tenant with a campaign for each geofence."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import shapely

from nearcast.bench.installation import campaign_of, consents_of, customer_of, shop_of
from nearcast.domain.campaign import CampaignState
from nearcast.domain.geofence import Circle, Geofence
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.services.access import Access, Role
from nearcast.services.audit_ports import SYSTEM
from nearcast.services.contact_ports import SealedContact
from nearcast.services.ledger_ports import LedgerLine
from nearcast.services.tenants import SAFE_DEFAULTS
from nearcast.sim.calendar import TIMEZONE
from nearcast.store.geofences import as_wkb, bounds_deg
from nearcast.store.revisions import next_catalogue_revision
from nearcast.store.sql_store import SqlStore
from nearcast.store.tables import campaign_revision, geofence_revision, shop_revision
from nearcast.store.unit_of_work import SqlUnitOfWork

TENANT = TenantId("bench")
_AT_ONCE = 1_000
_SETTINGS: dict[str, Any] = {
    "tenant": {"timezone": TIMEZONE},
    "presence": SAFE_DEFAULTS["presence"],
    "policy": {"holdout": {"percent": 5, "salt": "holdout:bench"}},  # nobody measures at night only
    "ping_rules": {"max_age_s": 86_400, "max_accuracy_m": 75, "max_future_s": 60},
}


def settle(store: SqlStore, customer_ids: Sequence[str], geofences: Sequence[Geofence], now: datetime) -> str:
    """Make the tenant in an empty database; an API key that may send its pings."""
    long_ago = now - timedelta(days=400)
    store.add_tenant(TENANT, long_ago)
    with store.writing(TENANT) as uow:
        uow.catalogue.put_settings(_SETTINGS, long_ago)
        uow.commit()
    for start in range(0, len(geofences), _AT_ONCE):
        with store.writing(TENANT) as uow:
            _draw(uow, start, geofences[start : start + _AT_ONCE], long_ago)
            uow.commit()
    for start in range(0, len(customer_ids), _AT_ONCE):
        some = {n: CustomerId(key) for n, key in enumerate(customer_ids[start : start + _AT_ONCE], start)}
        with store.writing(TENANT) as uow:
            uow.customers.upsert({key: customer_of(n, key) for n, key in some.items()}, long_ago)
            uow.contacts.replace({key: [_contact(n, key)] for n, key in some.items()})
            given = (event for key in some.values() for event in consents_of(key, long_ago))
            uow.consents.append_all(LedgerLine(event=event, recorded_at=event.at) for event in given)
            uow.commit()
    return Access(store).create(TENANT, Role.INGEST, "bench", now, by=SYSTEM).key


def _draw(uow: SqlUnitOfWork, first: int, geofences: Sequence[Geofence], at: datetime) -> None:
    """Shops, geofences and campaigns as if each had been put by itself, which would take hours."""
    rows: dict[Any, list[dict[str, Any]]] = {shop_revision: [], geofence_revision: [], campaign_revision: []}
    for n, geofence in enumerate(geofences, first):
        shop = {**shop_of(n, geofence), "opening_hours": "24/7"}
        campaign = {**campaign_of(n, geofence), "trigger": {"on": "enter"}, "dayparts": [], "fence_cooldown_s": 60}
        west, south, east, north = bounds_deg(geofence.boundary)
        ground = {
            "geom": as_wkb(geofence.boundary),
            "radius_m": geofence.boundary.radius_m if isinstance(geofence.boundary, Circle) else None,
            "min_lat_deg": south,
            "max_lat_deg": north,
            "min_lon_deg": west,
            "max_lon_deg": east,
        }
        rows[shop_revision].append({"id": shop["id"], "doc": shop})
        rows[geofence_revision].append({"id": geofence.id, "doc": _feature(geofence), **ground})
        rows[campaign_revision].append({"id": campaign["id"], "doc": campaign, "state": CampaignState.ACTIVE.value})
    for table, some in rows.items():
        edit = next_catalogue_revision(uow.connection, TENANT)
        kept = {"tenant_id": TENANT, "revision": 1, "catalogue_revision": edit, "at": at, "is_deleted": False}
        uow.connection.execute(table.insert(), [kept | row for row in some])


def _contact(n: int, customer_id: CustomerId) -> SealedContact:
    """An address that nobody opens: what is measured only asks whether there is one."""
    return SealedContact(customer_id=customer_id, channel="sms", sealed="", address_index=f"{n:064x}")


def _feature(geofence: Geofence) -> dict[str, Any]:
    boundary = geofence.boundary
    if isinstance(boundary, Circle):
        point = {"type": "Point", "coordinates": [boundary.center.lon_deg, boundary.center.lat_deg]}
        return {"type": "Feature", "properties": {"id": geofence.id, "radius_m": boundary.radius_m}, "geometry": point}
    area = json.loads(shapely.to_geojson(shapely.from_wkb(boundary.wkb)))
    return {"type": "Feature", "properties": {"id": geofence.id}, "geometry": area}
