"""The folder that a seed makes: what is in it, and that nothing but the seed decides."""

import json
import re
from collections import Counter
from collections.abc import Iterator

import pyarrow.parquet as pq
import pytest
import yaml
from shapely.geometry import shape

from nearcast.sim.city import write_city

FILES = ["geofences.geojson", "pings.parquet", "scenario.yaml", "streets.geojson"]


@pytest.fixture(scope="module")
def scenario(folder):
    return yaml.load((folder / "scenario.yaml").read_bytes(), Loader=yaml.CSafeLoader)


@pytest.fixture(scope="module")
def fences(folder):
    return json.loads((folder / "geofences.geojson").read_text(encoding="utf-8"))["features"]


def test_one_seed_makes_the_same_bytes_and_says_what_it_does(folder, tmp_path):
    said: list[str] = []
    counts = write_city(tmp_path / "again", seed=1, progress=said.append)
    assert counts["shops"] == 40
    assert counts["pings"] == pq.read_metadata(folder / "pings.parquet").num_rows
    assert {"streets", "customers", "files"} <= set(said)
    for name in FILES:
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes(), name


def test_another_seed_makes_another_city(folder, tmp_path):
    write_city(tmp_path / "other", seed=2)
    for name in FILES:
        assert (tmp_path / "other" / name).read_bytes() != (folder / name).read_bytes(), name


def test_the_folder_is_small_and_holds_four_files(folder):
    assert sorted(path.name for path in folder.iterdir()) == FILES
    assert sum(path.stat().st_size for path in folder.iterdir()) < 4_000_000
    assert 60_000 <= pq.read_metadata(folder / "pings.parquet").num_rows <= 110_000


def test_counts(scenario, fences):
    assert len(scenario["shops"]) == len({shop["id"] for shop in scenario["shops"]}) == 40
    assert len(fences) == len({fence["properties"]["id"] for fence in fences}) == 60
    assert [customer["id"] for customer in scenario["customers"]] == [f"cust-{n:04d}" for n in range(1, 501)]
    assert len({campaign["id"] for campaign in scenario["campaigns"]}) == 12
    triggers = Counter(campaign["trigger"]["on"] for campaign in scenario["campaigns"])
    assert set(triggers) == {"enter", "dwell", "exit", "schedule"}


def test_every_fence_is_valid_and_every_kind_is_there(fences):
    shapes = [shape(fence["geometry"]) for fence in fences]
    assert all(drawn.is_valid and not drawn.is_empty for drawn in shapes)
    assert {drawn.geom_type for drawn in shapes} == {"Point", "Polygon", "MultiPolygon"}
    assert any(drawn.interiors for drawn in shapes if drawn.geom_type == "Polygon")
    assert any(one.overlaps(other) for one in shapes for other in shapes if one is not other)
    for fence, drawn in zip(fences, shapes, strict=True):
        radius_m = fence["properties"].get("radius_m")
        assert (drawn.geom_type == "Point") == (radius_m is not None)
        assert radius_m is None or 30 <= radius_m <= 250
        for polygon in getattr(drawn, "geoms", [drawn]):
            assert drawn.geom_type == "Point" or polygon.exterior.is_ccw


def test_every_reference_resolves(scenario, fences):
    shops = {shop["id"] for shop in scenario["shops"]}
    drawn = {fence["properties"]["id"]: fence["properties"]["shop_id"] for fence in fences}
    customers = {customer["id"] for customer in scenario["customers"]}
    assert set(drawn.values()) == shops
    for campaign in scenario["campaigns"]:
        assert campaign["shop_id"] in shops
        assert campaign.get("sender", campaign["shop_id"]) in shops
        assert set(campaign.get("geofence_ids", [])) <= set(drawn)
        assert "geofence_ids" in campaign or campaign["shop_id"] in drawn.values()
    for consent in scenario["consents"]:
        assert consent["customer_id"] in customers
        assert consent.get("sender", "station-market") in shops
    campaigns = {campaign["id"] for campaign in scenario["campaigns"]}
    for event in scenario["events"]:
        assert event.get("geofence_delete", "two-scoops-near") in drawn
        assert event.get("geofence_put", fences[0])["properties"]["id"] in drawn
        assert event.get("campaign", {"id": "camp-book-table"})["id"] in campaigns
        for kind in ("consent", "prior_send"):
            assert event.get(kind, {"customer_id": "cust-0001"})["customer_id"] in customers


def test_tags_asked_for_are_tags_people_have(scenario):
    worn = {tag for customer in scenario["customers"] for tag in customer.get("tags", [])}
    asked = {tag for campaign in scenario["campaigns"] for tag in campaign.get("audience", {}).get("tags_any", [])}
    assert asked <= worn


def test_events_are_in_order_and_of_every_kind(scenario):
    events = scenario["events"]
    assert [event["at"] for event in events] == sorted(event["at"] for event in events)
    kinds = {kind for event in events for kind in event} - {"at"}
    assert kinds == {"consent", "campaign", "geofence_put", "geofence_delete", "prior_send"}


def test_streets_have_a_name_and_a_kind(folder):
    streets = json.loads((folder / "streets.geojson").read_text(encoding="utf-8"))["features"]
    kinds = Counter(street["properties"]["kind"] for street in streets)
    assert set(kinds) == {"ring", "avenue", "street", "lane", "path", "bridge", "river"}
    assert kinds["bridge"] >= 4
    assert all(street["properties"]["name"] and shape(street["geometry"]).is_valid for street in streets)


CORE_SCHEMA = {
    "tag:yaml.org,2002:null": re.compile(r"null|Null|NULL|~|"),
    "tag:yaml.org,2002:bool": re.compile(r"true|True|TRUE|false|False|FALSE"),
    "tag:yaml.org,2002:int": re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"),
    "tag:yaml.org,2002:float": re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|\.nan|[-+]?\.inf"),
}


def _scalars(node: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
    if isinstance(node, yaml.ScalarNode):
        yield node
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _scalars(item)
    elif isinstance(node, yaml.MappingNode):
        for pair in node.value:
            for item in pair:
                yield from _scalars(item)


def test_yaml_1_2_reads_the_scenario_as_yaml_1_1_does(folder):
    root = yaml.compose((folder / "scenario.yaml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    for node in _scalars(root):
        if not node.style:
            core = next((tag for tag, form in CORE_SCHEMA.items() if form.fullmatch(node.value)), None)
            assert node.tag == (core or "tag:yaml.org,2002:str"), node.value
