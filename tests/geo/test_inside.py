"""Who is inside: boundaries, holes, parts, the seam and the poles (reference scenarios S3, S4, S6, S7, S12, S14)."""

import pytest

from tests.geo.shapes import Ring, box, circle, inside, multipolygon, polygon

SQUARE = box(13.4000, 52.5200, 13.4020, 52.5210)
EDGE, VERTEX, RIGHT_EDGE, OUTSIDE = (52.5200, 13.4010), (52.5200, 13.4000), (52.5205, 13.4020), (52.52000, 13.40201)


@pytest.mark.parametrize(
    "ring",
    [
        SQUARE,
        SQUARE[::-1],
        SQUARE[1:4] + SQUARE[:2],
        SQUARE[:4],
        [*SQUARE, SQUARE[0]],
        [*SQUARE[:2], SQUARE[1], *SQUARE[2:]],
    ],
    ids=["as given", "reversed", "rotated", "not closed", "closed twice", "vertex doubled"],
)
def test_s3_a_boundary_is_inside_however_the_ring_is_written(ring: Ring) -> None:
    assert inside(polygon(ring), EDGE, VERTEX, RIGHT_EDGE, OUTSIDE) == [True, True, True, False]


def test_s4_a_shared_edge_is_inside_both() -> None:
    on_the_edge = (52.5205, 13.402)
    for square in (box(13.400, 52.52, 13.402, 52.521), box(13.402, 52.52, 13.404, 52.521)):
        assert inside(polygon(square), on_the_edge) == [True]


HOLE = box(13.4005, 52.5203, 13.4015, 52.5207)
IN_THE_RING, IN_THE_HOLE, ON_THE_HOLE = (52.5201, 13.4010), (52.5205, 13.4010), (52.5203, 13.4010)


def test_s6_a_hole_is_outside_and_its_edge_inside() -> None:
    assert inside(polygon(SQUARE, HOLE), IN_THE_RING, IN_THE_HOLE, ON_THE_HOLE) == [True, False, True]


def test_s6_an_island_in_the_hole_is_inside() -> None:
    island = box(13.4008, 52.5204, 13.4012, 52.5206)
    shape = multipolygon([SQUARE, HOLE], [island])
    assert inside(shape, IN_THE_HOLE, (52.5204, 13.4010), (52.52035, 13.4010)) == [True, True, False]


def test_s7_every_part_of_a_multipolygon_is_inside_and_the_way_between_is_not() -> None:
    shape = multipolygon([box(13.40, 52.52, 13.402, 52.521)], [box(13.415, 52.52, 13.417, 52.521)])
    assert inside(shape, (52.5205, 13.401), (52.5205, 13.416), (52.5205, 13.408)) == [True, True, False]


SEAM_PINGS = [(-16.95, lon) for lon in (179.95, -179.95, 180, -180, 180.05, 540 - 0.05, 179.85, -179.85, 0)]
SEAM_SHAPES = {
    "one ring with a jump": polygon([[179.9, -17.0], [-179.9, -17.0], [-179.9, -16.9], [179.9, -16.9], [179.9, -17.0]]),
    "split in two": multipolygon([box(179.9, -17.0, 180.0, -16.9)], [box(-180.0, -17.0, -179.9, -16.9)]),
    "beyond 180": polygon(box(179.9, -17.0, 180.1, -16.9)),
    "beyond -180": polygon(box(-180.1, -17.0, -179.9, -16.9)),
    "beyond 360": polygon(box(539.9, -17.0, 540.0, -16.9), geofence_id="half"),
}


@pytest.mark.parametrize("written", ["one ring with a jump", "split in two", "beyond 180", "beyond -180"])
def test_s12_an_area_over_the_antimeridian_is_one_place_however_it_is_written(written: str) -> None:
    assert inside(SEAM_SHAPES[written], *SEAM_PINGS) == [True] * 6 + [False] * 3


@pytest.mark.parametrize("lon", [179.9, -180.1, -179.9, 180.1])
def test_s12_its_edges_are_inside_however_the_ping_is_written(lon: float) -> None:
    for shape in ("one ring with a jump", "split in two", "beyond 180", "beyond -180"):
        assert inside(SEAM_SHAPES[shape], (-16.95, lon)) == [True], shape


def test_a_ring_given_a_turn_away_comes_home() -> None:
    assert inside(SEAM_SHAPES["beyond 360"], (-16.95, 179.95), (-16.95, -180.0), (-16.95, 179.85)) == [
        True,
        True,
        False,
    ]


def test_a_circle_over_the_antimeridian() -> None:
    shape = circle(0.0, 179.999, 500.0)
    assert inside(shape, (0.0, -179.998), (0.0, 179.996), (0.0, -179.996), (0.0, 0.0)) == [True, True, False, False]


def test_s14_a_circle_at_the_pole() -> None:
    shape = circle(89.9995, 0.0, 200.0)
    assert inside(shape, *((90.0, lon) for lon in (0.0, 17.0, -180.0, 540.0))) == [True] * 4
    assert inside(shape, (89.9995, 180.0), (89.9995, 90.0), (89.9975, 180.0)) == [True, True, False]


def test_a_polygon_that_reaches_the_pole_has_the_pole_inside_whatever_its_longitude() -> None:
    wedge = polygon([[0.0, 80.0], [10.0, 80.0], [10.0, 90.0], [0.0, 90.0], [0.0, 80.0]])
    assert inside(wedge, (90.0, 5.0), (90.0, 180.0), (89.0, 5.0), (89.0, 180.0)) == [True, True, True, False]
    tip = polygon([[0.0, -80.0], [5.0, -90.0], [10.0, -80.0], [0.0, -80.0]])
    assert inside(tip, (-90.0, -77.0), (90.0, 5.0)) == [True, False]


def test_a_ring_along_the_pole_holds_the_cap() -> None:
    cap = polygon([[-180, -80], [-90, -80], [0, -80], [90, -80], [180, -80], [180, -90], [-180, -90], [-180, -80]])
    assert inside(cap, (-85.0, 180.0), (-85.0, -1.0), (-80.0, 33.0), (-79.9, 33.0)) == [True, True, True, False]


def test_a_ring_with_one_vertex_at_the_pole_may_go_round_it() -> None:
    pie = polygon([[0.0, 80.0], [120.0, 80.0], [240.0, 80.0], [0.0, 90.0]])
    assert inside(pie, (85.0, 60.0), (81.0, -120.0), (90.0, 0.0), (79.0, 60.0)) == [True, True, True, False]


def test_the_whole_earth_can_be_a_box() -> None:
    earth = polygon(box(-180.0, -90.0, 180.0, 90.0))
    assert inside(earth, (0.0, 0.0), (90.0, 7.0), (-45.0, 180.0), (45.0, -540.0)) == [True] * 4


def test_a_hole_lies_in_its_shell_whichever_turn_it_was_written_in() -> None:
    shape = polygon(box(170.0, 0.0, 190.0, 10.0), box(-175.0, 4.0, -172.0, 6.0))
    assert inside(shape, (5.0, -173.0), (5.0, 187.0), (5.0, -177.0), (4.0, -173.0)) == [False, False, True, True]
