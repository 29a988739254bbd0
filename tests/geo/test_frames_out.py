"""Geofences written into files, and read again."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pyogrio
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from nearcast.domain.errors import InvalidInput
from nearcast.domain.geofence import Area, Geofence
from nearcast.geo.export import write_fence_file
from nearcast.geo.fence_file import Choice
from nearcast.geo.frames import read_features, read_geofences
from tests.geo.shapes import area_of, box, feature

TRIANGLE = [[13.02, 52.02], [13.02, 52.04], [13.04, 52.04], [13.02, 52.02]]
SEAM = [[179.9, 0.0], [-179.9, 0.0], [-179.9, 1.0], [179.9, 1.0], [179.9, 0.0]]
FEATURES: list[dict[str, Any]] = [
    feature(
        "Polygon",
        [box(13.0, 52.0, 13.1, 52.1), TRIANGLE],
        "007",
        name='Café "Zur Post" & <Söhne>; eins, zwei',
        shop_id="s1",
        tags=["vip", "a;b"],
        dwell_s=60,
        active_hours="Mo-Su 08:00-12:10",
        colour="green",
        floors=3,
        depth=1.5,
        covered=True,
    ),
    feature("Point", [0.1, 0.2], "circle", radius_m=50.5, tags=[" x", "y"], floors=None),
    feature("Polygon", [SEAM], "seam"),
    feature("MultiPolygon", [[box(0, 0, 1, 1)], [box(2, 2, 3.3333333333333335, 3)]], "two"),
    feature("Point", [-180.0, -89.9], "pole", radius_m=1e5),
]
ENDINGS = [".geojson", ".kml", ".kmz", ".zip", ".gpkg", ".parquet", ".csv"]


def unheard(_: str) -> None: ...


def written(path: Path, features: list[dict[str, Any]], notes: list[str] | None = None) -> Path:
    write_fence_file(path, features, unheard if notes is None else notes.append)
    return path


def by_id(path: Path) -> dict[str, Geofence]:
    return {str(fence.id): fence for fence in read_geofences(path)}


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_is_written_is_read_again_to_the_last_byte(tmp_path: Path, ending: str) -> None:
    original = by_id(written(tmp_path / "f.geojson", FEATURES))
    again = by_id(written(tmp_path / f"g{ending}", FEATURES))
    assert again.keys() == original.keys()
    for key, fence in original.items():
        if ending == ".zip" and isinstance(fence.boundary, Area):  # a Shapefile turns rings its own way
            assert area_of(again[key]).normalize() == area_of(fence).normalize()
            assert (again[key].name, again[key].tags, again[key].active_hours) == (
                fence.name,
                fence.tags,
                fence.active_hours,
            )
        else:
            assert again[key] == fence


@pytest.mark.parametrize(
    ("ending", "others"),
    [
        (".geojson", {"colour": "green", "floors": 3, "depth": 1.5, "covered": True}),
        (".kml", {"colour": "green", "floors": 3, "depth": 1.5, "covered": True}),
        (".gpkg", {"colour": "green", "floors": 3, "depth": 1.5, "covered": True}),
        (".parquet", {"colour": "green", "floors": 3, "depth": 1.5, "covered": True}),
        (".zip", {"colour": "green", "floors": 3, "depth": 1.5, "covered": "true"}),
        (".csv", {"colour": "green", "floors": "3", "depth": "1.5", "covered": "true"}),
    ],
)
def test_other_properties_are_kept_as_far_as_the_format_can(tmp_path: Path, ending: str, others: Any) -> None:
    found = read_features(written(tmp_path / f"f{ending}", FEATURES), Choice()).features
    (mine,) = (each for each in found if "colour" in each["properties"])
    assert {name: mine["properties"][name] for name in others} == others
    (circle,) = (each for each in found if each["properties"].get("radius_m") == 50.5)
    assert circle["properties"].get("floors") is None


DEEP = feature("Point", [1, 2], "deep", radius_m=5, place={"floor": 1}, wkt="x", geometry="y", Name="z")
VERY_LONG = feature("Point", [1, 2], "long", radius_m=5, name="ä" * 200, opening_hours_of_shop="always")


@pytest.mark.parametrize(
    ("ending", "source", "said"),
    [
        (".geojson", DEEP, []),
        (".kml", DEEP, ["property place is written as text: it is not always a number or a text"]),
        (".csv", DEEP, ["property place is written", "property wkt is left out: that column holds the geometry"]),
        (".parquet", DEEP, ["property place is written", "property geometry is left out"]),
        (".gpkg", DEEP, ["property place is written", "columns are named Name as Name_1"]),
        (
            ".zip",
            VERY_LONG,
            [
                "1 texts of name are cut after 254 bytes",
                "active_hours as active_hou, opening_hours_of_shop as opening_ho",
            ],
        ),
        (".csv", {**DEEP, "properties": {"radius_m": 5, "n": 1}}, ["n will be read as texts"]),
        (".kml", {**VERY_LONG, "source": "survey"}, ["members beside the properties are left out: source"]),
        (".kml", feature("Point", [1, 2], "a", radius_m=5, note="\x01x"), ["characters of note that XML cannot hold"]),
    ],
)
def test_what_a_format_cannot_hold_is_said(tmp_path: Path, ending: str, source: Any, said: list[str]) -> None:
    notes: list[str] = []
    (fence,) = by_id(written(tmp_path / f"f{ending}", [source], notes)).values()
    assert fence.id == source["id"]
    assert len(notes) == len(said)
    for note, expected in zip(notes, said, strict=True):
        assert expected in note


def test_a_shapefile_tells_names_apart_that_are_the_same_when_cut(tmp_path: Path) -> None:
    source = feature("Point", [1, 2], "a", radius_m=5, description_de="x", description_en="y")
    (found,) = read_features(written(tmp_path / "f.zip", [source]), Choice()).features
    assert (found["properties"]["descriptio"], found["properties"]["descript_1"]) == ("x", "y")


@pytest.mark.parametrize("ending", ENDINGS)
def test_no_geofences_are_a_file_as_well(tmp_path: Path, ending: str) -> None:
    assert read_geofences(written(tmp_path / f"f{ending}", [])) == []


def test_others_read_what_is_written(tmp_path: Path) -> None:
    circle = written(tmp_path / "f.kml", FEATURES[1:2]).read_text(encoding="utf-8")
    assert "<Point><coordinates>0.1,0.2</coordinates></Point>" in circle
    assert '<SimpleData name="radius_m">50.5</SimpleData>' in circle
    assert len(pyogrio.read_dataframe(tmp_path / "f.kml")) == 1
    with zipfile.ZipFile(written(tmp_path / "f.zip", FEATURES)) as archive:
        parts = {Path(name).suffix for name in archive.namelist()}
    assert parts == {".shp", ".shx", ".dbf", ".prj", ".cpg"}
    geo = json.loads(pyarrow.parquet.read_schema(written(tmp_path / "f.parquet", FEATURES)).metadata[b"geo"])
    assert geo["columns"]["geometry"]["geometry_types"] == ["MultiPolygon", "Point", "Polygon"]


@pytest.mark.parametrize("name", ["f.xls", "f.shp", "missing/f.kml"])
def test_what_cannot_be_written_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match=name):
        written(tmp_path / name, FEATURES)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"f{ending}"
    path.write_bytes(b"what was there before")
    broken = [*FEATURES, feature("Point", [1, 2], "no radius", value=object())]
    with pytest.raises((InvalidInput, TypeError)):
        written(path, broken)
    assert path.read_bytes() == b"what was there before"
    written(path, FEATURES)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


names = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1).filter(lambda text: text == text.strip())


@settings(max_examples=30)
@given(st.lists(st.tuples(names, st.lists(names, max_size=3)), min_size=1, max_size=3), st.sampled_from(ENDINGS))
def test_any_text_comes_back(tmp_path_factory: pytest.TempPathFactory, said: Any, ending: str) -> None:
    features = [
        feature(
            "Point",
            [1.5, 2.5],
            f"f{n}",
            radius_m=5,
            name=name[:60].strip(),
            tags=[tag[:20].strip() or "x" for tag in tags],
        )
        for n, (name, tags) in enumerate(said)
    ]
    path = written(tmp_path_factory.mktemp("any") / f"f{ending}", features)
    found = by_id(path)
    for each in features:
        mine = found[each["id"]]
        assert (mine.name, list(mine.tags)) == (each["properties"]["name"], each["properties"]["tags"])


def test_wkt_has_every_digit(tmp_path: Path) -> None:
    odd = [[0.1 + 0.2, 1 / 3], [1e-7, 2 / 3], [-2 / 3, 89.99999999999999], [0.1 + 0.2, 1 / 3]]
    features = [feature("Polygon", [odd], "odd")]
    (fence,) = by_id(written(tmp_path / "f.csv", features)).values()
    assert shapely.get_coordinates(area_of(fence)).tolist() == odd
