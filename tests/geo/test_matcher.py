"""The index says what brute force says, whatever was put and deleted (reference scenario S35, invariant I4)."""

from collections.abc import Callable
from threading import Thread

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearcast.domain.errors import InvalidGeofence, InvalidInput
from nearcast.domain.geofence import Geofence
from nearcast.domain.ids import GeofenceId
from nearcast.domain.position import Position
from nearcast.geo import oracle
from nearcast.geo.batch import Floats
from nearcast.geo.geodesy import canonical_points
from nearcast.geo.matcher import FenceIndex
from tests.geo.shapes import area_of, box, circle, circles, fences, indexes, nearby_points, polygon

SEEDS = st.integers(0, 2**32)


def pairs(index: FenceIndex, lat: Floats, lon: Floats) -> list[tuple[int, str]]:
    found = index.match(lat, lon)
    return list(zip(found.ping_row.tolist(), index.geofence_id(found.slot).tolist(), strict=True))


def brute_force(geofences: list[Geofence], lat: Floats, lon: Floats) -> list[tuple[int, str]]:
    found = oracle.match(geofences, lat, lon)
    return [(row, geofences[slot].id) for row, slot in zip(found.ping_row.tolist(), found.slot.tolist(), strict=True)]


@given(
    st.lists(st.integers(0, 99), max_size=6, unique=True).flatmap(
        lambda ids: st.tuples(*(fences(f"f{i}") for i in ids))
    ),
    SEEDS,
)
def test_i4_index_and_brute_force_agree(drawn: tuple[Geofence, ...], seed: int) -> None:
    lat, lon = nearby_points(drawn, np.random.default_rng(seed), 60)
    expected = brute_force(list(drawn), lat, lon)
    assert all(pairs(index, lat, lon) == expected for index in indexes(drawn))


EDITS = st.lists(
    st.integers(0, 5).flatmap(
        lambda i: st.one_of(fences(f"f{i}"), st.just(GeofenceId(f"f{i}")), st.sampled_from(["compile", "match"]))
    ),
    max_size=16,
)


@given(EDITS, SEEDS)
def test_s35_they_agree_after_any_edits(edits: list[Geofence | str], seed: int) -> None:
    index, in_force, rng = FenceIndex(), dict[str, Geofence](), np.random.default_rng(seed)
    for edit in [*edits, "match"]:
        if isinstance(edit, Geofence):
            index.put(edit)
            in_force.pop(edit.id, None)  # a new revision comes last, as its slot does
            in_force[edit.id] = edit
        elif edit == "compile":
            index.compile()
        elif edit == "match":
            kept = list(in_force.values())
            lat, lon = nearby_points(kept, rng, 30)
            assert pairs(index, lat, lon) == brute_force(kept, lat, lon)
        else:
            assert index.delete(GeofenceId(edit)) == in_force.pop(edit, None)
    assert list(index) == list(in_force.values())
    assert len(index) == len(in_force)


@given(st.tuples(fences("a"), fences("b"), fences("c")), SEEDS)
def test_one_point_alone_is_answered_as_among_many(drawn: tuple[Geofence, ...], seed: int) -> None:
    lat, lon = canonical_points(*nearby_points(drawn, np.random.default_rng(seed), 20))
    expected = brute_force(list(drawn), lat, lon)
    asked = indexes(drawn)
    for row in range(len(lat)):
        position = Position(float(lat[row]), float(lon[row]))
        alone = [fence.id for fence in drawn if oracle.covers(fence, position)]
        assert alone == [geofence_id for at, geofence_id in expected if at == row]
        for index in asked:
            assert [geofence_id for _, geofence_id in pairs(index, lat[row : row + 1], lon[row : row + 1])] == alone


@given(st.tuples(circles("a"), circles("b")), SEEDS)
def test_whatever_a_segment_touches_is_between_its_ends(drawn: tuple[Geofence, ...], seed: int) -> None:
    lat, lon = nearby_points(drawn, np.random.default_rng(seed), 2)
    a, b = (Position(float(lat[row]), float(lon[row])) for row in (0, 1))
    for index in indexes(drawn):
        between = index.between(a, b)
        assert all(fence in between for fence in drawn if oracle.covers(fence, a) or oracle.covers(fence, b))


@pytest.mark.parametrize("compile_from", [None, 1000], ids=["in an R-tree", "compiled"])
def test_a_thousand_fences_of_all_kinds_edited_a_hundred_times(compile_from: int | None) -> None:
    rng = np.random.default_rng(7)

    def drawn(name: str) -> Geofence:
        lon, lat = rng.choice([[13.0, 52.0], [180.0, -17.0], [20.0, 89.5]]) + rng.normal(0, 0.4, 2)
        if rng.random() < 0.5:
            return circle(min(lat, 90.0), lon, float(rng.choice([50.0, 500.0, 60_000.0])), name)
        angle = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 130)))
        reach = rng.choice([0.01, 0.1, 0.8]) * rng.uniform(0.4, 1.3, len(angle))
        ring = np.column_stack([lon + reach * np.cos(angle), np.minimum(lat, 89.9) + reach * np.sin(angle)])
        ring[:, 1] = np.minimum(ring[:, 1], 90.0)
        return polygon(ring.tolist(), geofence_id=name, repair=True)

    in_force = {f"f{number}": drawn(f"f{number}") for number in range(1000)}
    index = FenceIndex(in_force.values(), compile_from=compile_from)
    assert (index.memory_bytes > 0) == (compile_from is not None)
    for number in rng.integers(0, 1100, 100).tolist():
        name = f"f{number}"
        in_force.pop(name, None)
        if number % 3:
            in_force[name] = drawn(name)
            index.put(in_force[name])
        else:
            index.delete(GeofenceId(name))
    kept = list(in_force.values())
    lat, lon = nearby_points(kept, rng, 2000)
    found = pairs(index, lat, lon)
    assert len(found) > 2000
    assert found == brute_force(kept, lat, lon)


def test_pairs_come_by_row_then_slot() -> None:
    nested = [circle(52.0, 13.0, radius, f"f{radius}") for radius in (300, 100, 200)]
    for index in indexes(nested):
        found = index.match(np.array([52.0, 0.0, 52.0015]), np.array([13.0, 0.0, 13.0]))
        assert found.ping_row.tolist() == [0, 0, 0, 2, 2]
        assert found.slot.tolist() == [0, 1, 2, 0, 2]


def test_a_slot_keeps_meaning_its_revision() -> None:
    old, new = circle(52.0, 13.0, 100.0), circle(52.0, 13.0, 200.0)
    index = FenceIndex([old])
    assert index.put(new) == 1
    assert (index.geofence(0), index.geofence(1), list(index)) == (old, new, [new])
    assert index.match(np.array([52.0]), np.array([13.0])).slot.tolist() == [1]
    index.delete(GeofenceId("f1"))
    assert (index.geofence(1), list(index), len(index)) == (new, [], 0)
    assert index.put(old) == 2


def test_no_fences_and_no_points() -> None:
    assert all(len(index.match(np.array([1.0]), np.array([1.0]))) == 0 for index in indexes([]))
    assert all(len(index.match(np.array([]), np.array([]))) == 0 for index in indexes([circle(0.0, 0.0, 1.0)]))
    assert len(oracle.match([], np.array([1.0]), np.array([1.0]))) == 0


def test_an_id_twice_is_refused() -> None:
    with pytest.raises(InvalidGeofence, match="'f1' occurs twice"):
        FenceIndex([circle(0.0, 0.0, 1.0), circle(1.0, 1.0, 1.0)])


@pytest.mark.parametrize("match", [FenceIndex().match, lambda lat, lon: oracle.match([], lat, lon)])
@pytest.mark.parametrize(
    ("lat", "lon", "message"),
    [
        (90.1, 0.0, "row 1: latitude 90.1 is not in ±90"),
        (np.nan, 0.0, "row 1: latitude nan"),
        (0.0, -540.1, "row 1: longitude -540.1 is not in ±540"),
        (0.0, np.inf, "row 1: longitude inf"),
    ],
)
def test_a_point_not_on_earth_is_refused(
    match: Callable[[Floats, Floats], object], lat: float, lon: float, message: str
) -> None:
    with pytest.raises(InvalidInput, match=message.replace(".", r"\.")):
        match(np.array([0.0, lat]), np.array([0.0, lon]))


def test_one_writes_while_others_read() -> None:
    many = [polygon(box(lon / 10, 0.0, lon / 10 + 0.2, 0.2), geofence_id=f"f{lon}") for lon in range(200)]
    index = FenceIndex(many)
    lat, lon = np.full(500, 0.1), np.linspace(0.0, 20.0, 500)
    wrong: list[str] = []

    def read() -> None:
        for _ in range(30):
            found = index.match(lat, lon)
            wrong.extend(
                f"row {row} slot {slot}"
                for row, slot in zip(found.ping_row.tolist(), found.slot.tolist(), strict=True)
                if not area_of(index.geofence(slot)).bounds[0] <= lon[row] <= area_of(index.geofence(slot)).bounds[2]
            )

    def write() -> None:
        for number in range(300):
            index.delete(many[number % 200].id)
            index.put(many[number % 200])

    threads = [Thread(target=read), Thread(target=read), Thread(target=write)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(index) == 200
