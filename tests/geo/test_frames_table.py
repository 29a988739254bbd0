"""Geofences from CSV: places or shapes, other people's separators, commas, encodings and names of columns."""

from pathlib import Path

import pytest
import shapely

from nearcast.domain.errors import InvalidGeofence, InvalidInput
from nearcast.domain.geofence import Area, Circle
from nearcast.geo.columns import said_choice
from nearcast.geo.fence_file import Choice
from nearcast.geo.frames import read_features, read_geofences

BOX = shapely.box(13.0, 52.0, 13.1, 52.1)


def table(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("id,name,lat,lon,radius_m\na,Café,52.5,13.4,50.5\n", "utf-8"),
        ("id,name,lat,lon,radius_m\r\na,Café,52.5,13.4,50.5\r\n", "utf-8-sig"),
        ("id;name;lat;lon;radius_m\na;Café;52,5;13,4;50,5\n", "latin-1"),
        ("id\tname\tlat\tlon\tradius_m\na\tCafé\t52,5\t13,4\t50,5\n", "utf-16"),
        ('id;name;lat;lon;radius_m\n\na;"Café";" 52.5";13.4;50.5\n', "utf-8"),
    ],
)
def test_circles_from_a_table(tmp_path: Path, text: str, encoding: str) -> None:
    (fence,) = read_geofences(table(tmp_path / "f.csv", text, encoding))
    assert (fence.id, fence.name) == ("a", "Café")
    assert isinstance(fence.boundary, Circle)
    center = fence.boundary.center
    assert (center.lat_deg, center.lon_deg, fence.boundary.radius_m) == (52.5, 13.4, 50.5)


def test_areas_from_a_table(tmp_path: Path) -> None:
    path = table(tmp_path / "f.csv", f'id;wkt;tags\n007;"SRID=4326;{BOX.wkt}";"vip; new"\n')
    (fence,) = read_geofences(path)
    assert (fence.id, fence.tags) == ("007", ("vip", "new"))
    assert fence.boundary == Area(shapely.to_wkb(BOX, byte_order=1))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a,52.5,13.4,x", "radius_m 'x' is not a number"),
        ('a,"52,5",13.4,50', "lat '52,5' has a comma"),
        ("a,,13.4,50", "lat is empty"),
        ("a,52.5,13.4", "has 3 values, the header 4"),
        ("a,95,13.4,50", "latitude 95"),
        ("a,52.5,13.4,", "a Point needs"),
        (",52.5,13.4,50", "an id is needed"),
        ("a,nan,13.4,50", "lat 'nan' is not a number"),
    ],
)
def test_a_row_of_a_table_that_is_no_geofence_is_named(tmp_path: Path, row: str, message: str) -> None:
    path = table(tmp_path / "f.csv", f"id,lat,lon,radius_m\nfirst,1,2,3\n{row}\n")
    with pytest.raises(InvalidGeofence, match=rf"f\.csv: row 1.*{message}"):
        read_geofences(path)


def test_a_comma_or_a_point_that_may_be_for_thousands_is_refused(tmp_path: Path) -> None:
    path = table(tmp_path / "f.csv", "id;lat;lon;radius_m\na;52.5;13.4;1,500\n")
    with pytest.raises(InvalidGeofence, match="for decimals or for thousands"):
        read_geofences(path)
    path = table(tmp_path / "f.csv", "id;lat;lon;radius_m\na;52,5;13,4;1.500\n")
    with pytest.raises(InvalidGeofence, match="a point where other numbers have a comma"):
        read_geofences(path)


GUESSED = "Fence_ID;Breite;Länge;Radius;Title\na;52.5;13.4;50;Door\n"
LINE = "lat=Breite,lon=Länge,id=Fence_ID,radius_m=Radius,name=Title"


def test_columns_that_are_guessed_are_shown_and_wait_to_be_confirmed(tmp_path: Path) -> None:
    path = table(tmp_path / "f.csv", GUESSED)
    with pytest.raises(InvalidInput, match=f"columns are guessed.*--yes or --columns '{LINE}'"):
        read_geofences(path)
    notes: list[str] = []
    by_guess = read_geofences(path, choice=Choice(is_confirmed=True), note=notes.append)
    assert notes == [f"{path}: columns {LINE}"]
    assert by_guess == read_geofences(path, choice=said_choice(LINE))
    assert by_guess[0].name == "Door"


@pytest.mark.parametrize("header", ["id,lat,lon,radius_m,shape", "ID,Lat,Lon,Radius_m,Geometry"])
def test_names_that_are_ours_but_for_their_letters_are_no_guess(tmp_path: Path, header: str) -> None:
    (fence,) = read_geofences(table(tmp_path / "f.csv", f"{header}\na,52.5,13.4,50,round\n"))
    assert isinstance(fence.boundary, Circle)


def test_a_place_that_is_chosen_is_not_guessed_as_well(tmp_path: Path) -> None:
    path = table(tmp_path / "f.csv", f'id,y,x,radius_m,geom\na,52.5,13.4,,"{BOX.wkt}"\n')
    (feature_of_place,) = read_features(path, said_choice("lat=y,lon=x")).features
    assert feature_of_place["geometry"] == {"type": "Point", "coordinates": [13.4, 52.5]}
    (feature_of_shape,) = read_features(path, said_choice("wkt=geom")).features
    assert feature_of_shape["geometry"]["type"] == "Polygon"
    with pytest.raises(InvalidInput, match="not in both"):
        read_features(path, said_choice("lat=y,lon=x,wkt=geom"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,name\na,b\n", "no column looks like wkt, or like lat and lon; there are id, name"),
        ("", "no column looks like wkt"),
        ("id,id,wkt\n", "the header has id twice"),
        ('id,wkt\n"a,b\n', "line 2: not usable CSV"),
    ],
)
def test_a_table_that_is_none_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        read_geofences(table(tmp_path / "f.csv", text))


def test_a_shape_may_be_long(tmp_path: Path) -> None:
    long = shapely.Point(13, 52).buffer(1, quad_segs=2000)
    assert len(long.wkt) > 131_072
    (fence,) = read_geofences(table(tmp_path / "f.csv", f'id,wkt\na,"{long.wkt}"\n'))
    assert fence.id == "a"
    with pytest.raises(InvalidInput, match="no column looks like"):
        read_geofences(table(tmp_path / "f.csv", "x" * 200_000))


@pytest.mark.parametrize("wkt", ["POLYGON ((0 0, 1 1", "POLYGON ((0 0, 1 0, 1 1))", "here", ""])
def test_a_shape_that_cannot_be_read_is_named(tmp_path: Path, wkt: str) -> None:
    path = table(tmp_path / "f.csv", f'id,wkt\na,"{BOX.wkt}"\nb,"{wkt}"\n')
    with pytest.raises(InvalidGeofence, match=r"row 1: its WKT"):
        read_geofences(path)


@pytest.mark.parametrize("said", ["id", "id=", "colour=x", "id=a,,lat=b"])
def test_columns_are_said_as_pairs_of_names(said: str) -> None:
    with pytest.raises(InvalidInput):
        said_choice(said)
