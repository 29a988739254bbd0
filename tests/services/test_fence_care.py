"""What is said of a geofence when it is drawn."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings

from nearcast.domain.customer import Shop
from nearcast.domain.geofence import Geofence
from nearcast.domain.ids import ShopId
from nearcast.domain.position import Position
from nearcast.services.fence_care import MOST_COMPARED, Surroundings, care_for
from tests.geo.shapes import box, circle, feature, fences, polygon
from tests.geo.waves import wavy

NOON = datetime(2026, 6, 2, 10, 0, tzinfo=UTC)
BERLIN = Position(52.52, 13.405)
M_PER_DEG_LAT = 111_267.0


def of_shop(geofence: Geofence, shop: str | None, name: str | None = None) -> Geofence:
    return Geofence(
        id=geofence.id, boundary=geofence.boundary, shop_id=None if shop is None else ShopId(shop), name=name
    )


def north(metres: float, shop: str | None = "bar", radius_m: float = 60.0) -> Geofence:
    """A circle so far north of the middle of Berlin."""
    return of_shop(circle(52.52 + metres / M_PER_DEG_LAT, 13.405, radius_m, f"n{metres:g}"), shop, f"North {metres:g}")


HERE = of_shop(circle(52.52, 13.405, 100.0, "here"), "cafe")


def cafe(position: Position | None = BERLIN, zone: str = "Europe/Berlin") -> Shop:
    return Shop(id=ShopId("cafe"), name="Café", zone=ZoneInfo(zone), position=position)


def warned(geofence: Geofence, **about: Any) -> dict[str, str]:
    """Messages by code."""
    return {each["code"]: each["message"] for each in care_for(geofence, Surroundings(**about), NOON)["warnings"]}


def test_nothing_is_wrong_with_a_good_fence_alone() -> None:
    care = care_for(HERE, Surroundings(shop=cafe()), NOON)
    assert care["area_m2"] == pytest.approx(31_416, rel=1e-3)
    assert care["reliability"]["band"] == "good"
    assert care["reliability"]["suggested_radius_m"] is None
    assert (care["warnings"], care["repaired"], care["simplified"]) == ([], [], None)
    assert care["overlaps"] == {"items": [], "more": 0, "of_others": 0, "not_compared": 0}


def test_s34_a_small_shop_polygon_warns_and_says_what_would_do() -> None:
    shop = polygon(box(13.405, 52.52, 13.40544, 52.52018))
    care = care_for(shop, Surroundings(), NOON)
    assert [each["code"] for each in care["warnings"]] == ["low_reliability"]
    assert care["reliability"]["band"] == "poor"
    assert care["reliability"]["depth_m"] == pytest.approx(12.0, abs=0.1)
    assert f"{care['reliability']['suggested_radius_m']:.0f} m" in care["reliability"]["advice"]


def test_other_shops_within_two_sigmas_are_a_reason() -> None:
    about = Surroundings(neighbours=[north(180), north(110, "cafe"), north(130, None), north(200, radius_m=60)])
    found = care_for(HERE, about, NOON)["reliability"]
    assert found["confusable"] == 2  # n180 is 20 m off, n130 overlaps, n110 is the shop's own, n200 is 40 m off
    assert "2 geofences of other shops are within 26 m" in found["reason"]


def test_overlaps_are_listed_by_share_with_what_they_are() -> None:
    about = Surroundings(neighbours=[north(120), north(0, "cafe", 30.0), north(10, "cafe", 500.0), north(500)])
    items = care_for(HERE, about, NOON)["overlaps"]["items"]
    assert [(each["geofence_id"], each["relation"]) for each in items] == [
        ("n10", "around"),
        ("n0", "within"),
        ("n120", "overlaps"),
    ]
    assert items[1] == {
        "geofence_id": "n0",
        "name": "North 0",
        "shop_id": "cafe",
        "relation": "within",
        "share": pytest.approx(0.09, abs=0.001),
    }


def test_the_same_ground_twice_is_a_warning() -> None:
    twin = circle(52.52, 13.405, 100.0, "twin")
    assert "'twin'" in warned(HERE, neighbours=[twin])["same_ground"]
    assert "same_ground" not in warned(HERE, neighbours=[north(5)])


def test_what_the_asker_may_not_see_is_a_number() -> None:
    hidden = [of_shop(circle(52.52, 13.405, 100.0, "secret"), "bar", "Secret"), north(60, "bar")]
    about = Surroundings(neighbours=[*hidden, north(50, "cafe")], may_see=lambda shop_id: shop_id == "cafe")
    care = care_for(HERE, about, NOON)
    assert [each["geofence_id"] for each in care["overlaps"]["items"]] == ["n50"]
    assert care["overlaps"]["of_others"] == 2
    assert care["reliability"]["confusable"] == 2
    assert not any(word in str(care) for word in ("secret", "Secret", "n60", "North 60"))


def test_a_mall_is_listed_as_far_as_anybody_reads() -> None:
    mall = [circle(52.52 + n * 1e-7, 13.405, 60.0, f"f{n:04}") for n in range(MOST_COMPARED + 5)]
    overlaps = care_for(HERE, Surroundings(neighbours=mall), NOON)["overlaps"]
    assert len(overlaps["items"]) == 20
    assert (overlaps["more"], overlaps["not_compared"]) == (MOST_COMPARED - 20, 5)


def test_s16_a_fence_far_from_its_shop_is_doubted_and_swapping_is_thought_of() -> None:
    swapped = of_shop(circle(13.405, 52.52, 100.0), "cafe")
    message = warned(swapped, shop=cafe())["far_from_shop"]
    assert message.startswith("It is more than 50 km from its shop.")
    assert "swapped" in message
    assert "swapped" not in warned(of_shop(circle(48.1, 11.6, 100.0), "cafe"), shop=cafe())["far_from_shop"]


@pytest.mark.parametrize(
    "fence",
    [circle(52.9, 13.405, 100.0), polygon(box(12.0, 50.0, 13.0, 52.5)), circle(48.1, 11.6, 500_000.0)],
    ids=["42 km off", "its edge 28 km off", "large enough"],
)
def test_a_fence_within_fifty_kilometres_is_where_it_was_meant_to_be(fence: Geofence) -> None:
    assert "far_from_shop" not in warned(fence, shop=cafe())


def test_without_a_position_the_shops_clock_says_where_it_is() -> None:
    here = cafe(position=None)
    assert "other_zone" not in warned(HERE, shop=here)
    assert "other_zone" not in warned(of_shop(circle(48.85, 2.35, 100.0), "cafe"), shop=here)  # Paris: the same time
    at_sea = warned(of_shop(circle(13.405, 52.52, 100.0), "cafe"), shop=here)["other_zone"]
    assert at_sea.startswith("It lies on the open sea, its shop in Europe/Berlin. With longitude and latitude swapped")
    new_york = warned(of_shop(circle(40.7, -74.0, 100.0), "cafe"), shop=here)["other_zone"]
    assert new_york == "It lies in time zone America/New_York, its shop in Europe/Berlin."


def test_a_fence_of_no_shop_may_be_anywhere() -> None:
    assert warned(circle(13.405, 52.52, 100.0)) == {}


def test_an_outline_that_says_too_much_comes_back_plainer() -> None:
    offer = care_for(polygon(wavy(400, 200.0, 0.3)), Surroundings(), NOON)["simplified"]
    assert offer["vertices_before"] == 400
    assert len(offer["geometry"]["coordinates"][0]) == offer["vertices_after"] + 1
    assert feature("Polygon", offer["geometry"]["coordinates"])["geometry"] == offer["geometry"]


@settings(max_examples=50)
@given(one=fences("one"), other=fences("other"))
def test_whatever_is_drawn_can_be_looked_after(one: Geofence, other: Geofence) -> None:
    about = Surroundings(shop=cafe(), neighbours=[other])
    care = care_for(one, about, NOON, repaired=["ring closed"])
    assert 0.0 <= care["reliability"]["score"] <= 1.0
    assert care["repaired"] == ["ring closed"]
