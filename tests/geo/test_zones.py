import pytest

from nearcast.domain.position import Position
from nearcast.geo.zones import zone_at


@pytest.mark.parametrize(
    ("lat", "lon", "zone"),
    [
        (52.52, 13.405, "Europe/Berlin"),
        (41.16, -8.63, "Europe/Lisbon"),
        (-16.8, 179.99, "Pacific/Fiji"),
        (-16.8, -179.99, "Pacific/Fiji"),
        (30.0, -40.0, None),
        (0.0, 180.0, None),
        (90.0, 0.0, None),
    ],
)
def test_a_place_on_land_has_a_zone_and_the_open_sea_has_none(lat: float, lon: float, zone: str | None) -> None:
    assert zone_at(Position(lat, lon)) == zone
