"""Geofences from KML, Shapefile and GeoPackage; what is wrong in one, and what is said of it."""

import struct
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyogrio.raw
import pytest
import shapely

from nearcast.domain.errors import InvalidGeofence, InvalidInput
from nearcast.domain.geofence import Circle
from nearcast.geo.fence_file import Choice
from nearcast.geo.frames import read_features, read_geofences
from tests.geo.shapes import area_of, feature, inside
from tests.geo.test_frames import written

SQUARE = "13,52 13.1,52 13.1,52.1 13,52.1 13,52"
HOLE = "13.02,52.02 13.02,52.04 13.04,52.04 13.02,52.02"
BOX = shapely.box(13.0, 52.0, 13.1, 52.1)


# --- KML


def ring(kind: str, coordinates: str) -> str:
    return f"<{kind}><LinearRing><coordinates>{coordinates}</coordinates></LinearRing></{kind}>"


def polygon(*rings: str) -> str:
    shell, *holes = rings
    inner = "".join(ring("innerBoundaryIs", hole) for hole in holes)
    return f"<Polygon>{ring('outerBoundaryIs', shell)}{inner}</Polygon>"


def kml(path: Path, *placemarks: str, before: str = "") -> Path:
    body = "".join(placemarks)
    path.write_text(
        f'<?xml version="1.0"?>{before}<kml xmlns="http://www.opengis.net/kml/2.2"><Document><Folder>{body}'
        "</Folder></Document></kml>",
        encoding="utf-8",
    )
    return path


def test_kml_keeps_holes_parts_names_and_data_and_drops_altitudes(tmp_path: Path) -> None:
    notes: list[str] = []
    path = kml(
        tmp_path / "f.kml",
        f'<Placemark id="park"><name>Park &amp; ride</name>{polygon(SQUARE, HOLE)}</Placemark>',
        f"<Placemark id='two'><MultiGeometry>{polygon('0,0,9 1,0,9 1,1,9 0,0,9')}"
        f"<MultiGeometry>{polygon('2,2 3,2 3,3 2,2')}</MultiGeometry></MultiGeometry></Placemark>",
        '<Placemark id="point"><ExtendedData><Data name="radius_m"><value>50</value></Data></ExtendedData>'
        "<Point><coordinates>13.4,52.5</coordinates></Point></Placemark>",
        "<NetworkLink><Link><href>http://127.0.0.1/a.kml</href></Link></NetworkLink>",
    )
    park, two, point = read_geofences(path, note=notes.append)
    assert (park.id, park.name) == ("park", "Park & ride")
    assert inside(park, (52.01, 13.01), (52.025, 13.022)) == [True, False]
    assert area_of(two).geom_type == "MultiPolygon"
    assert isinstance(point.boundary, Circle)
    assert (point.boundary.center.lat_deg, point.boundary.radius_m) == (52.5, 50.0)
    assert notes == [f"{path}: 1 NetworkLink ignored; no link is followed", f"{path}: altitudes are dropped"]
    high = read_features(path, Choice()).features[1]["geometry"]["coordinates"]
    assert high[0][0][0] == [0.0, 0.0]


def test_kml_data_are_numbers_where_their_schema_says_so(tmp_path: Path) -> None:
    schema = '<Schema id="s"><SimpleField name="floors" type="int"/><SimpleField name="zip" type="string"/></Schema>'
    data = '<SchemaData><SimpleData name="floors">3</SimpleData><SimpleData name="zip">012</SimpleData></SchemaData>'
    path = kml(
        tmp_path / "f.kml",
        schema,
        f'<Placemark id="a"><ExtendedData>{data}</ExtendedData>{polygon(SQUARE)}</Placemark>',
    )
    (found,) = read_features(path, Choice()).features
    assert found["properties"] == {"floors": 3, "zip": "012"}


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ("<LineString><coordinates>0,0 1,1</coordinates></LineString>", "a LineString is no geofence"),
        ("", "geometry is null"),
        (f"<MultiGeometry>{polygon(SQUARE)}<Point><coordinates>1,2</coordinates></Point></MultiGeometry>", "Points"),
        ("<Point><coordinates>1,x</coordinates></Point>", "coordinates 0 '1,x'"),
        ("<Point><coordinates>1,2 3,4</coordinates></Point>", "a Point has 2 positions"),
        ("<Polygon></Polygon>", "0 outer boundaries"),
        ("<MultiGeometry></MultiGeometry>", "the MultiPolygon is empty"),
        (polygon("0,0 1,1 1,0 0,1 0,0"), "self-intersection"),
        ("<Track></Track>", "a Track is no geofence"),
    ],
)
def test_a_placemark_that_is_no_geofence_is_named(tmp_path: Path, shape: str, message: str) -> None:
    path = kml(
        tmp_path / "f.kml", f"<Placemark id='a'>{polygon(SQUARE)}</Placemark><Placemark id='b'>{shape}</Placemark>"
    )
    with pytest.raises(InvalidGeofence, match=f"Placemark 1.*{message}"):
        read_geofences(path)


BOMB = "<!DOCTYPE k [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;'>]>"


@pytest.mark.parametrize(
    ("before", "body", "message"),
    [
        (BOMB, "<Placemark><name>&b;</name></Placemark>", "document type"),
        ('<!DOCTYPE k SYSTEM "file:///etc/passwd">', "", "document type"),
        ("", "<Placemark>", "line 1, column .*: not XML: mismatched tag"),
        ("", "<Folder>" * 200, "nested deeper"),
        ("", "&nothing;", "not XML: undefined entity"),
    ],
    ids=["entities", "file", "tags", "deep", "unknown entity"],
)
def test_xml_that_does_harm_or_ends_early_is_refused(tmp_path: Path, before: str, body: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        read_geofences(kml(tmp_path / "f.kml", body, before=before))


def kmz(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("_", "."), data)
    return path


def test_a_kmz_holds_a_kml(tmp_path: Path) -> None:
    inner = kml(tmp_path / "f.kml", f"<Placemark id='a'>{polygon(SQUARE)}</Placemark>").read_bytes()
    (fence,) = read_geofences(kmz(tmp_path / "f.kmz", icon_png=b"", doc_kml=inner))
    assert fence.id == "a"


def test_a_kmz_that_would_unpack_to_more_than_memory_is_refused(tmp_path: Path) -> None:
    path = kmz(tmp_path / "f.kmz", doc_kml=bytes((1 << 27) + 1))
    assert path.stat().st_size < 1_000_000
    with pytest.raises(InvalidInput, match="would unpack to 134,217,729 bytes"):
        read_geofences(path)


@pytest.mark.parametrize("name", ["f.kmz", "f.zip"])
def test_a_zip_that_is_none_or_holds_something_else_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"junk")
    with pytest.raises(InvalidInput, match="not a usable zip"):
        read_geofences(path)
    with pytest.raises(InvalidInput, match="the zip holds no"):
        read_geofences(kmz(path, a_txt=b"x"))
    whole = kmz(path, doc_kml=bytes(1000), doc_shp=bytes(1000)).read_bytes()
    path.write_bytes(whole[:20] + b"\xff" * 20 + whole[40:])
    with pytest.raises(InvalidInput):
        read_geofences(path)


# --- Shapefile and GeoPackage


def layer(path: Path, geometries: Iterable[Any], crs: str = "EPSG:4326", **columns: list[Any]) -> Path:
    """A file with one more layer, written by GDAL."""
    frame = geopandas.GeoDataFrame(columns, geometry=list(geometries), crs=crs)
    driver = "GPKG" if path.suffix == ".gpkg" else "ESRI Shapefile"
    mode = {"layer": columns.pop("_layer", ["f"])[0]} if driver == "GPKG" else {}
    frame = frame.drop(columns="_layer", errors="ignore")
    pyogrio.write_dataframe(frame, path, driver=driver, append=path.exists(), **mode)
    return path


def test_a_shapefile_is_reprojected_and_its_cut_names_are_known(tmp_path: Path) -> None:
    notes: list[str] = []
    here = geopandas.GeoSeries([BOX], crs=4326).to_crs(2263)
    path = layer(tmp_path / "f.shp", here, "EPSG:2263", geofence_i=["ä"], active_hou=["Mo-Su 08:00-12:00"], floors=[3])
    (fence,) = read_geofences(path, note=notes.append)
    assert fence.id == "ä"
    assert fence.active_hours is not None
    assert area_of(fence).symmetric_difference(BOX).area < 1e-9
    assert notes == [
        f"{path}: reprojected from NAD83 / New York Long Island (ftUS) to WGS 84",
        f"{path}: column active_hou is taken as active_hours",
        f"{path}: column geofence_i is taken as id",
    ]


def test_texts_of_a_shapefile_are_utf8_unless_its_cpg_says_otherwise(tmp_path: Path) -> None:
    path = layer(tmp_path / "f.shp", [BOX], id=["Café"])
    cpg, dbf = path.with_suffix(".cpg"), path.with_suffix(".dbf")
    cpg.unlink()
    assert read_geofences(path)[0].id == "Café"
    dbf.write_bytes(dbf.read_bytes().replace("Café ".encode(), b"Caf\xe9  "))
    notes: list[str] = []
    assert read_geofences(path, note=notes.append)[0].id == "Café"
    assert notes == [f"{path}: texts are not UTF-8, and no .cpg says what they are: taken as the .dbf says, or latin-1"]
    cpg.write_text("CP1251")
    assert read_geofences(path)[0].id == "Cafй"


def test_a_shapefile_without_a_prj_is_wgs84_only_where_its_coordinates_fit(tmp_path: Path) -> None:
    notes: list[str] = []
    path = layer(tmp_path / "f.shp", [BOX], id=["a"])
    path.with_suffix(".prj").unlink()
    assert len(read_geofences(path, note=notes.append)) == 1
    assert "taken as WGS 84" in notes[0]
    metres = layer(tmp_path / "m.shp", [shapely.box(390_000, 5_820_000, 391_000, 5_821_000)], "EPSG:25833", id=["a"])
    metres.with_suffix(".prj").unlink()
    with pytest.raises(InvalidInput, match=r"m\.shp: names no coordinate reference system"):
        read_geofences(metres)


@pytest.mark.parametrize("part", [".shx", ".dbf", ".shp"])
def test_a_shapefile_lacks_no_part(tmp_path: Path, part: str) -> None:
    path = layer(tmp_path / "f.shp", [BOX], id=["a"])
    path.with_suffix(part).unlink()
    with pytest.raises(InvalidInput, match=r"f\.shp"):
        read_geofences(path)


def zipped(path: Path, folder: Path, inside_it: str = "") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for part in sorted(folder.iterdir()):
            archive.write(part, inside_it + part.name)
    return path


def test_all_shapefiles_of_a_zip_are_read_or_the_one_that_is_chosen(tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    layer(folder / "areas.shp", [BOX], id=["a"])
    layer(folder / "points.shp", [shapely.Point(1, 2)], id=["p"], radius_m=[50.5])
    path = zipped(tmp_path / "f.zip", folder, "sub folder/")
    assert [fence.id for fence in read_geofences(path)] == ["a", "p"]
    assert [fence.id for fence in read_geofences(path, choice=Choice(layer="points"))] == ["p"]
    with pytest.raises(InvalidInput, match="no layer 'x'; it has areas, points"):
        read_geofences(path, choice=Choice(layer="x"))


def test_a_geopackage_with_several_layers_asks_which(tmp_path: Path) -> None:
    path = layer(tmp_path / "f.gpkg", [BOX], id=["a"], _layer=["shops"])
    assert len(read_geofences(path)) == 1
    layer(path, [shapely.Point(1, 2)], id=["p"], radius_m=[50.5], _layer=["circles"])
    with pytest.raises(InvalidInput, match="has the layers shops, circles: choose one with --layer"):
        read_geofences(path)
    (fence,) = read_geofences(path, choice=Choice(layer="circles"))
    assert isinstance(fence.boundary, Circle)


def test_what_is_no_geofence_in_a_layer_is_named_and_altitudes_are_dropped(tmp_path: Path) -> None:
    notes: list[str] = []
    high = shapely.force_3d(BOX, 34.0)
    bow = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
    line = shapely.LineString([(0, 0), (1, 1)])
    path = layer(tmp_path / "f.gpkg", [high, bow, line, None, shapely.Polygon()], id=list("abcde"))
    file = read_features(path, Choice(), note=notes.append)
    assert len(file.features) == 5
    assert notes == [f"{path}: altitudes and measures are dropped"]
    for number, message in [(1, "self-intersection"), (2, "'LineString'"), (3, "null"), (4, "list of rings")]:
        alone = layer(tmp_path / f"{number}.gpkg", [[high, bow, line, None, shapely.Polygon()][number]], id=["x"])
        with pytest.raises(InvalidGeofence, match=rf"row 0 \(id x\).*{message}"):
            read_geofences(alone)


def test_one_geometry_that_nobody_can_read_leaves_the_others(tmp_path: Path) -> None:
    ring_of_two = struct.pack("<BIIIdddd", 1, 3, 1, 2, 0.0, 0.0, 1.0, 1.0)
    path = tmp_path / "f.gpkg"
    geometries, names = [shapely.to_wkb(BOX), ring_of_two], ["a", "b"]
    columns = [np.array(names, dtype=object)]
    pyogrio.raw.write(
        path, np.array(geometries, dtype=object), columns, ["id"], geometry_type="Polygon", crs="EPSG:4326"
    )
    file = read_features(path, Choice())
    assert [feature["geometry"] is None for feature in file.features] == [False, True]
    with pytest.raises(InvalidGeofence, match="row 1: its geometry cannot be read"):
        read_geofences(path)


# --- ids, and choices that a file does not leave


def test_a_file_without_ids_tells_which_columns_could_be_one(tmp_path: Path) -> None:
    path = layer(tmp_path / "f.gpkg", [BOX, BOX], zone=["n", "s"], borough=["x", "x"], n=[1, 2], part=[0.5, 0.6])
    with pytest.raises(InvalidGeofence, match=r"row 0: an id is needed.*Choose one with --id-column: zone, n$"):
        read_geofences(path)
    with pytest.raises(InvalidInput, match="Choose one with --id-column: zone, n"):
        read_features(path, Choice())
    chosen = read_geofences(path, choice=Choice(columns={"id": "zone"}))
    assert [fence.id for fence in chosen] == ["n", "s"]
    with pytest.raises(InvalidInput, match="no column 'zones'; there are borough, n, part, zone"):
        read_geofences(path, choice=Choice(columns={"id": "zones"}))


def test_a_chosen_id_beats_the_one_that_is_there_and_has_no_substitute(tmp_path: Path) -> None:
    square = [[[13.0, 52.0], [13.1, 52.0], [13.1, 52.1], [13.0, 52.0]]]
    path = written(
        tmp_path / "f.geojson", feature("Polygon", square, "a", no=7), feature("Polygon", square, "b", osm_id=1)
    )
    choice = Choice(columns={"id": "no"})
    assert [each["properties"].get("id") for each in read_features(path, choice).features] == [7, None]
    with pytest.raises(InvalidGeofence, match=r"features\[1\]: an id is needed"):
        read_geofences(path, choice=choice)


def test_made_ids_are_the_same_again_and_differ_with_the_ground(tmp_path: Path) -> None:
    other = shapely.box(1, 2, 3, 4)
    path = layer(tmp_path / "f.gpkg", [BOX, other], name=["x", "x"])
    first = [fence.id for fence in read_geofences(path, choice=Choice(makes_ids=True))]
    turned = layer(tmp_path / "g.gpkg", [other, BOX], name=["x", "x"])
    again = [fence.id for fence in read_geofences(turned, choice=Choice(makes_ids=True))]
    assert first == again[::-1]
    assert len(set(first)) == 2


@pytest.mark.parametrize("choice", [Choice(layer="x"), Choice(columns={"lat": "y"})], ids=["layer", "place columns"])
def test_a_choice_that_a_file_does_not_leave_is_refused(tmp_path: Path, choice: Choice) -> None:
    path = written(tmp_path / "f.geojson")
    with pytest.raises(InvalidInput, match=r"f\.geojson"):
        read_geofences(path, choice=choice)
