"""Shops, campaigns, geofences and settings: current ones, and everything they ever were."""

import pytest
import shapely

from nearcast.domain.campaign import CampaignState
from nearcast.domain.errors import NotFound
from nearcast.domain.geofence import Area, Circle, Geofence
from nearcast.domain.ids import GeofenceId, ShopId, TenantId
from nearcast.domain.position import Position
from nearcast.store.sql_store import SqlStore
from tests.store.values import NOON, at_once, later


def circle(fence_id: str, lat_deg: float, lon_deg: float) -> Geofence:
    return Geofence(id=GeofenceId(fence_id), boundary=Circle(Position(lat_deg, lon_deg), 100.0), shop_id=ShopId("s1"))


def test_edits_are_revisions_and_none_is_lost(store: SqlStore, tenant: TenantId) -> None:
    with store.writing(tenant) as uow:
        shops = uow.catalogue.shops
        assert shops.put("s1", {"name": "Café"}, NOON).revision == 1
        assert shops.put("s1", {"name": "Bar"}, later(1)).revision == 2
        assert shops.delete("s1", later(2))
        assert not shops.delete("s1", later(3))
        assert shops.get("s1") is None
        assert shops.put("s1", {"name": "Club"}, later(4)).revision == 4
        uow.commit()
    with store.reading(tenant) as uow:
        told = [(r.revision, r.doc["name"], r.at, r.is_deleted) for r in uow.catalogue.shops.history("s1")]
        current = uow.catalogue.shops.get("s1")
    assert told == [
        (1, "Café", NOON, False),
        (2, "Bar", later(1), False),
        (3, "Bar", later(2), True),
        (4, "Club", later(4), False),
    ]
    assert current is not None
    assert current.doc == {"name": "Club"}


def test_the_catalogue_revision_grows_with_every_edit(store: SqlStore, tenant: TenantId) -> None:
    with store.writing(tenant) as uow:
        uow.catalogue.put_settings({"id": "t"}, NOON)
        uow.catalogue.shops.put("s1", {}, NOON)
        uow.catalogue.geofences.put_geofence(circle("f1", 52.52, 13.405), {"type": "Feature"}, NOON)
        uow.catalogue.campaigns.put_campaign("camp", {"id": "camp"}, NOON, state=CampaignState.DRAFT)
        uow.catalogue.geofences.delete("f1", later(1))
        uow.commit()
    with store.reading(tenant) as uow:
        assert uow.catalogue.revision == 5
        assert [r.catalogue_revision for r in uow.catalogue.geofences.every()] == [3, 5]
        assert [r.is_deleted for r in uow.catalogue.geofences.every(since=3)] == [True]
    with store.reading(TenantId("nobody")) as uow, pytest.raises(NotFound):
        _ = uow.catalogue.revision


def test_the_state_of_a_campaign_is_kept_beside_its_document(store: SqlStore, tenant: TenantId) -> None:
    with store.writing(tenant) as uow:
        campaigns = uow.catalogue.campaigns
        campaigns.put_campaign("camp", {"id": "camp"}, NOON, state=CampaignState.DRAFT)
        campaigns.put_campaign("camp", {"id": "camp"}, later(1), state=CampaignState.ACTIVE)
        assert [r.state for r in campaigns.history("camp")] == ["draft", "active"]
        campaigns.delete("camp", later(2))
        assert campaigns.all() == []


def test_pages_go_through_all_current_documents_once(store: SqlStore, tenant: TenantId) -> None:
    ids = [f"s{n:02}" for n in range(7)] + ["Z", "a", "ä", "é"]
    with store.writing(tenant) as uow:
        for key in ids:
            uow.catalogue.shops.put(key, {"first": True}, NOON)
            uow.catalogue.shops.put(key, {"first": False}, later(1))
        uow.catalogue.shops.delete("s03", later(2))
        uow.commit()
    found, cursor = [], None
    with store.reading(tenant) as uow:
        while True:
            page = uow.catalogue.shops.page(cursor=cursor, limit=3)
            found += page.items
            if (cursor := page.next_cursor) is None:
                break
        assert found == uow.catalogue.shops.all()
    assert [r.id for r in found] == sorted(set(ids) - {"s03"})
    assert not any(r.doc["first"] for r in found)


def test_editors_at_the_same_time_come_one_after_the_other(store: SqlStore, tenant: TenantId) -> None:
    def edit(n: int) -> int:
        with store.writing(tenant) as uow:
            revision = uow.catalogue.shops.put("s1", {"by": n}, NOON).revision
            uow.commit()
        return revision

    assert sorted(at_once([lambda n=n: edit(n) for n in range(4)])) == [1, 2, 3, 4]  # type: ignore[misc]


def test_fences_are_found_by_their_boxes(store: SqlStore, tenant: TenantId) -> None:
    fiji = Area(shapely.box(179.0, -18.0, 181.0, -16.0).normalize().wkb)  # runs on beyond the antimeridian
    with store.writing(tenant) as uow:
        fences = uow.catalogue.geofences
        fences.put_geofence(circle("berlin", 52.52, 13.405), {}, NOON)
        fences.put_geofence(circle("moved", 52.52, 13.405), {}, NOON)
        fences.put_geofence(circle("moved", 48.1, 11.6), {}, later(1))
        fences.put_geofence(circle("gone", 52.52, 13.405), {}, NOON)
        fences.delete("gone", later(1))
        fences.put_geofence(Geofence(id=GeofenceId("fiji"), boundary=fiji), {}, NOON)
        assert fences.ids_within(13.4, 52.5, 13.5, 52.6) == ["berlin"]
        assert fences.ids_within(-180.0, -90.0, 180.0, 90.0) == ["berlin", "fiji", "moved"]
        assert fences.ids_within(-179.5, -17.0, -179.2, -16.5) == ["fiji"]
        assert fences.ids_within(179.9, -17.0, -179.9, -16.5) == ["fiji"]
        assert fences.ids_within(0.0, 0.0, 1.0, 1.0) == []
