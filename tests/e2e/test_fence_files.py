"""`import geofences` and `export geofences`, in every format there and back; `match` with others' columns."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.importing.town import collection, feature
from tests.e2e.shell import Answer, nearcast, write_csv, write_json

pytestmark = pytest.mark.e2e

TRIANGLE = {"type": "Polygon", "coordinates": [[[13.0, 52.0], [13.1, 52.0], [13.1, 52.1], [13.0, 52.0]]]}
DOOR = feature("door", name="Café", shop_id="cafe", tags=["vip", "new"])
PARK = {"type": "Feature", "id": "park", "geometry": TRIANGLE, "properties": {"name": "Park", "trees": 7}}
ENDINGS = ["geojson", "kml", "kmz", "zip", "gpkg", "parquet", "csv"]


@pytest.fixture(autouse=True)
def _two_tenants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEARCAST_DATABASE_URL", f"sqlite:///{tmp_path / 'nearcast.db'}")
    for tenant in ("mine", "theirs"):
        assert nearcast("keys", "create", "--role", "owner", "--tenant", tenant).code == 0
        shops = write_json(tmp_path / "shops.json", [{"id": "cafe"}])
        assert nearcast("import", "shops", shops, "--tenant", tenant).code == 0


def taken(path: Path, *options: str, tenant: str = "mine") -> dict[str, Any]:
    answer = nearcast("import", "geofences", path, "--tenant", tenant, "--json", *options)
    assert answer.code == 0, answer.err
    summary: dict[str, Any] = json.loads(answer.out.splitlines()[-1])
    return summary


def exported(path: Path, tenant: str = "mine") -> Answer:
    answer = nearcast("export", "geofences", "--out", path, "--tenant", tenant)
    assert answer.code == 0, answer.err
    return answer


def geofences(folder: Path, tenant: str) -> list[dict[str, Any]]:
    path = folder / f"all-of-{tenant}.geojson"
    exported(path, tenant)
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["features"]
    return found


def test_geojson_goes_out_as_it_came_in(tmp_path: Path):
    taken(write_json(tmp_path / "f.geojson", collection(DOOR, PARK)))
    assert geofences(tmp_path, "mine") == [DOOR, PARK]
    assert geofences(tmp_path, "theirs") == []


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_goes_out_of_one_tenant_goes_into_another(tmp_path: Path, ending: str):
    taken(write_json(tmp_path / "f.geojson", collection(DOOR, PARK)))
    out = tmp_path / f"out.{ending}"
    assert exported(out).out == f"2 geofences written to {out}\n"
    summary = taken(out, tenant="theirs")
    assert (summary["rows"], summary["new"], summary["bad"]) == (2, 2, 0)
    door, park = sorted(geofences(tmp_path, "theirs"), key=lambda each: str(each["properties"].get("name")))
    assert door["properties"]["tags"] == ["vip", "new"]
    assert (door["geometry"], door["properties"]["radius_m"]) == (DOOR["geometry"], 60)
    assert park["properties"]["name"] == "Park"
    assert taken(out, tenant="theirs")["unchanged"] == 2


def test_bad_features_are_listed_with_number_id_place_and_reason_whatever_the_format(tmp_path: Path):
    bow = {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}
    line = "<LineString><coordinates>0,0 1,1</coordinates></LineString>"
    point = '<ExtendedData><Data name="radius_m"><value>5</value></Data></ExtendedData><Point>{}</Point>'
    kml = "".join(
        f"<Placemark id='{key}'>{shape}</Placemark>"
        for key, shape in [
            ("a", point.format("<coordinates>1,2</coordinates>")),
            ("b", line),
            ("c", point.format("<coordinates>1,95</coordinates>")),
        ]
    )
    files = {
        write_json(tmp_path / "f.geojson", collection(DOOR, {**PARK, "geometry": bow})): (
            [(2, "park", "ring 0, vertex 0", "self-intersection at lon 0.5, lat 0.5")]
        ),
        tmp_path / "f.kml": [
            (2, "b", "", "a LineString is no geofence: it encloses nothing"),
            (3, "c", "", "latitude 95.0 is not in -90…90"),
        ],
        write_csv(
            tmp_path / "f.csv",
            [
                {"id": "x", "lat": "1", "lon": "2", "radius_m": "5"},
                {"id": "y", "lat": "1", "lon": "2", "radius_m": "wide"},
            ],
        ): [(2, "y", "", "radius_m 'wide' is not a number")],
    }
    (tmp_path / "f.kml").write_text(f"<kml><Document>{kml}</Document></kml>", encoding="utf-8")
    for path, wanted in files.items():
        summary = taken(path)
        assert (summary["new"], summary["bad"]) == (1, len(wanted))
        lines = [json.loads(line) for line in Path(summary["report"]).read_text(encoding="utf-8").splitlines()]
        found = [(each["row"], each["id"], each["path"], each["message"]) for each in lines]
        assert [each[:3] for each in found] == [each[:3] for each in wanted]
        assert all(mine[3].startswith(theirs[3]) for mine, theirs in zip(found, wanted, strict=True))


def test_guessed_columns_are_shown_with_the_line_to_type_and_taken_when_confirmed(tmp_path: Path):
    path = write_csv(tmp_path / "f.csv", [{"Nummer": "7", "Breite": "52.5", "Long": "13.4", "Radius": "50"}])
    nearcast("import", "geofences", path, "--tenant", "mine").refuses(
        "columns are guessed", "--yes", "--columns 'lat=Breite,lon=Long,radius_m=Radius'"
    )
    assert geofences(tmp_path, "mine") == []
    nearcast("import", "geofences", path, "--tenant", "mine", "--yes").refuses("--id-column", "Nummer")
    answer = nearcast("import", "geofences", path, "--tenant", "mine", "--yes", "--id-column", "Nummer")
    assert answer.code == 0
    answer.says("columns", "lat=Breite,lon=Long,radius_m=Radius")
    (found,) = geofences(tmp_path, "mine")
    assert found["properties"] == {"id": "7", "radius_m": 50.0}
    said = "id=Nummer,lat=Breite,lon=Long,radius_m=Radius"
    assert taken(path, "--columns", said)["unchanged"] == 1


def test_ids_are_made_on_request_and_are_the_same_the_next_time(tmp_path: Path):
    nameless = {**PARK, "id": None}
    path = write_json(tmp_path / "f.geojson", collection(nameless))
    nearcast("import", "geofences", path, "--tenant", "mine").refuses("an id is needed", "--id-column: name, trees")
    assert taken(path, "--make-ids")["new"] == 1
    assert taken(path, "--make-ids")["unchanged"] == 1
    (found,) = geofences(tmp_path, "mine")
    assert len(found["properties"]["id"]) == 16


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["import", "geofences", "f.geojson", "--columns", "colour=x"], "--columns"),
        (["import", "geofences", "f.geojson", "--layer", "x"], "there are no layers in a .geojson"),
        (["import", "shops", "shops.json", "--make-ids"], "not for shops"),
        (["export", "geofences", "--out", "f.xls"], "geofences are written to"),
        (["export", "geofences", "--out", "no/f.kml"], "cannot be written"),
        (["export", "geofences", "--out", "f.kml", "--tenant", "nobody"], "no tenant 'nobody'"),
    ],
)
def test_what_cannot_be_done_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
):
    write_json(tmp_path / "f.geojson", collection(DOOR))
    monkeypatch.chdir(tmp_path)
    tenant = [] if "--tenant" in arguments else ["--tenant", "mine"]
    nearcast(*arguments, *tenant).refuses(said)


def test_match_takes_every_format_and_a_column_of_ids(tmp_path: Path):
    rows = [{"customer_id": "c", "recorded_at": "2026-06-01T09:00:00Z", "lat": 52.52, "lon": 13.405}]
    pings = write_csv(tmp_path / "pings.csv", rows)
    numbered = [
        {**each, "id": None, "properties": {**each["properties"], "no": n}} for n, each in enumerate((DOOR, PARK))
    ]
    path = write_json(tmp_path / "f.geojson", collection(*numbered))
    nearcast("match", pings, path).refuses("an id is needed", "--id-column: name, no")
    out = tmp_path / "pairs.ndjson"
    assert nearcast("match", pings, path, "--id-column", "no", "--out", out).code == 0
    assert json.loads(out.read_text(encoding="utf-8"))["geofence_id"] == "0"
    taken(write_json(path, collection(DOOR, PARK)))
    for ending in ENDINGS:
        exported(tmp_path / f"out.{ending}")
        answer = nearcast("match", pings, tmp_path / f"out.{ending}", "--json")
        assert json.loads(answer.out.splitlines()[-1])["pairs"] == 1
