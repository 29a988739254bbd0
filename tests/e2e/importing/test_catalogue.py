"""Shops and geofences from files."""

from datetime import timedelta

import geopandas
import numpy as np
import pytest
from shapely.geometry import Point

from nearcast.channels.recorder import Recorder
from nearcast.services.live import Live
from nearcast.services.scenario import CampaignShape
from tests.e2e.importing.town import LAT, LOCATED, LON, NOW, Town, collection, feature, report_of
from tests.e2e.shell import write_csv, write_json, write_ndjson
from tests.live.corner import arrive

pytestmark = pytest.mark.e2e


def test_shops_come_from_csv_and_the_same_again_is_no_revision(any_town: Town):
    rows = [
        {"id": f"s{n}", "name": "Café", "lat": "52.5", "lon": "13.4", "opening_hours": "Mo-Sa 08:00-20:00",
         "closed_on": "2026-10-03; 2026-12-25"}
        for n in range(3)
    ]  # fmt: skip
    path = write_csv(any_town.folder / "shops.csv", rows)
    assert any_town.take("shops", path).counts["new"] == 3
    shop = any_town.app.shops.get(any_town.operator, "s1")
    assert (shop.doc["lat"], shop.doc["closed_on"]) == (52.5, ["2026-10-03", "2026-12-25"])
    before = any_town.revision()
    assert any_town.take("shops", path).counts["unchanged"] == 3
    assert any_town.revision() == before
    rows[2]["name"] = "Bar"
    assert any_town.take("shops", write_csv(path, rows)).counts == {"new": 0, "changed": 1, "unchanged": 2}
    assert any_town.app.shops.get(any_town.operator, "s2").revision == 2


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"lat": "north"}, "lat"),
        ({"lat": "91"}, ""),
        ({"lon": ""}, ""),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"opening_hours": "Mo-Su 8-25"}, "opening_hours"),
        ({"closed_on": "2026-10-03;tomorrow"}, "closed_on[1]"),
        ({"id": ""}, "id"),
        ({"id": "good"}, "id"),
    ],
)
def test_a_bad_shop_is_listed_and_the_others_are_in(town: Town, change: dict[str, str], path: str):
    shop = {"id": "s1", "lat": "52.5", "lon": "13.4", "timezone": "", "opening_hours": "", "closed_on": ""}
    rows = [{**shop, "id": "good"}, {**shop, **change}, {**shop, "id": "other"}]
    taken = town.take("shops", write_csv(town.folder / "shops.csv", rows))
    assert [(bad["row"], bad["path"]) for bad in report_of(taken)] == [(2, path)]
    assert town.ids("shops") == ["good", "other"]


def test_a_shop_that_its_campaign_would_not_fit_any_more_stays_as_it_is_and_the_others_are_in(town: Town):
    shops = [{"id": "a", "lat": LAT, "lon": LON}, {"id": "b", "lat": LAT, "lon": LON}]
    path = write_json(town.folder / "shops.json", {"shops": shops})
    town.take("shops", path)
    lunch = {
        "id": "lunch",
        "shop_id": "b",
        "trigger": {"on": "schedule"},
        "schedule": {"cron": "0 12 * * *", "within_m": 500},
        "channel": "sms",
        "offer": {"text": "Soup"},
    }
    town.app.campaigns.put(town.operator, CampaignShape.model_validate(lunch), NOW)
    write_json(path, {"shops": [{**shops[0], "name": "A"}, {"id": "b"}, {"id": "c"}]})
    taken = town.take("shops", path)
    (bad,) = report_of(taken)
    assert (bad["row"], bad["id"]) == (2, "b")
    assert "lunch" in bad["message"]
    assert (town.ids("shops"), taken.counts) == (["a", "b", "c"], {"new": 1, "changed": 1, "unchanged": 0})
    assert town.app.shops.get(town.operator, "b").doc["lat"] == LAT


def test_good_geofences_are_in_force_and_bad_ones_are_listed(any_town: Town):
    any_town.take("shops", write_json(any_town.folder / "shops.json", [{"id": "cafe"}]))
    bow = {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}
    features = [
        feature("door", shop_id="cafe"),
        {**feature("bow"), "geometry": bow, "properties": {}},
        feature("door"),
        feature("orphan", shop_id="nobody"),
        {**feature("x"), "id": None},
        "nonsense",
        feature("park", name="Park", colour="green"),
    ]
    path = write_json(any_town.folder / "f.geojson", collection(*features))
    taken = any_town.take("geofences", path)
    assert [(bad["row"], bad["id"]) for bad in report_of(taken)] == [
        (2, "bow"),
        (3, "door"),
        (4, "orphan"),
        (5, None),
        (6, None),
    ]
    assert (any_town.ids("geofences"), taken.counts) == (["door", "park"], {"new": 2, "changed": 0, "unchanged": 0})
    assert any_town.app.fences.get(any_town.operator, "park").doc == features[-1]
    before = any_town.revision()
    assert any_town.take("geofences", path).counts == {"new": 0, "changed": 0, "unchanged": 2}
    assert any_town.revision() == before


def test_geofences_come_from_geoparquet(town: Town):
    frame = geopandas.GeoDataFrame(
        {"id": ["ring", "odd"], "radius_m": [60.0, None], "name": ["Ring", "Odd"]},
        geometry=[Point(LON, LAT), Point(LON, LAT)],
        crs="EPSG:4326",
    )
    path = town.folder / "f.parquet"
    frame.to_parquet(path)
    taken = town.take("geofences", path)
    assert [(bad["row"], bad["id"]) for bad in report_of(taken)] == [(2, "odd")]
    kept = town.app.fences.get(town.operator, "ring").doc
    assert (kept["geometry"]["coordinates"], kept["properties"]["radius_m"]) == ([LON, LAT], 60.0)
    assert town.take("geofences", path).counts == {"new": 0, "changed": 0, "unchanged": 1}


def test_geofences_in_another_reference_system_are_kept_in_longitude_and_latitude(town: Town):
    utm = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::25833"}}
    path = write_json(town.folder / "f.geojson", collection(feature("door", lat=5820000.0, lon=392000.0), crs=utm))
    assert town.take("geofences", path).counts == {"new": 1, "changed": 0, "unchanged": 0}
    lon, lat = town.app.fences.get(town.operator, "door").doc["geometry"]["coordinates"]
    assert (round(lon, 2), round(lat, 2)) == (13.41, 52.52)


def test_a_geofence_that_changed_holds_for_whoever_is_inside(town: Town):
    """Its open visits go on: taken in by a file as by a single edit."""
    town.take("geofences", write_json(town.folder / "f.geojson", collection(feature("door"))))
    town.take("customers", write_ndjson(town.folder / "p.ndjson", [{"id": "anna", "consents": [LOCATED]}]))
    arrive(town.store, town.tenant, ["anna"], NOW, LAT, lon_deg=np.array([LON]))
    live = Live(town.store, town.tenant, Recorder())
    live.work_pings(NOW)
    hours = feature("door", active_hours="Mo-Su 08:00-12:10")
    town.take("geofences", write_json(town.folder / "f.geojson", collection(hours)))
    assert live.next_due(NOW) == NOW + timedelta(minutes=10)
