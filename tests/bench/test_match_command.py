"""`nearcast bench match`: one JSON object whose contenders agree, a plot, and clear refusals."""

import json
from pathlib import Path

import pytest

from nearcast.bench.contest import OF_THIS_PROCESS
from tests.e2e.shell import nearcast

pytestmark = pytest.mark.e2e  # kernels, frames and plots take seconds to load

SMALL = ("--fences", "300", "--pings", "3000", "--seed", "6")  # a seed of few and crowded towns
HERE = ",".join(OF_THIS_PROCESS)


@pytest.mark.parametrize("kind", ["shops", "mixed"])
def test_all_of_this_process_find_the_same_pairs(kind):
    answer = nearcast("bench", "match", "--kind", kind, *SMALL, "--peers", HERE, "--verify")
    assert answer.code == 0, answer.err
    found = json.loads(answer.out.splitlines()[-1])
    assert found["agrees"]
    assert found["verified"] == {"pairs": found["pairs"], "differences": 0}
    assert found["pairs"] > 0
    assert list(found["peers"]) == list(found["ratios"]) == list(OF_THIS_PROCESS)
    for peer in found["peers"].values():
        assert peer["pairs"] == found["pairs"]
        assert peer["ratio"] == pytest.approx(found["pings_per_s"] / peer["pings_per_s"], rel=0.02, abs=0.01)


def test_what_it_measures_is_told_with_units():
    found = json.loads(nearcast("bench", "match", "--kind", "shops", *SMALL, "--peers", "none").out)
    assert found["peers"] == found["absent"] == found["ratios"] == {}
    assert found["pings_per_s"] == pytest.approx(3000 / found["match_s"], rel=0.05)
    assert found["fences_per_s"] == pytest.approx(300 / found["build_s"], rel=0.05)
    assert found["bytes_per_fence"] * 300 == pytest.approx(found["memory_mb"] * 1e6, abs=1e5)
    assert found["bytes_per_circle"] > 0
    assert found["one_thread"].keys() == {"match_s", "pings_per_s", "pairs_per_s"}
    assert found["kernels_s"] > 0


def test_polygons_have_no_bytes_a_circle():
    found = json.loads(nearcast("bench", "match", "--kind", "mixed", *SMALL, "--peers", "none").out)
    assert found["bytes_per_circle"] is None


def test_a_slow_peer_is_asked_less_and_it_is_said():
    more = ("--fences", "5", "--pings", "30000")
    found = json.loads(nearcast("bench", "match", *more, "--peers", "rtree_loop,shapely_strtree").out)
    asked = {name: (peer["pings"], peer["is_extrapolated"]) for name, peer in found["peers"].items()}
    assert asked == {"rtree_loop": (20_000, True), "shapely_strtree": (30_000, False)}
    assert found["agrees"]


def test_a_curve_is_drawn_over_the_sizes(tmp_path: Path):
    plot = tmp_path / "curve.png"
    options = ("--peers", "shapely_strtree,rtree_loop", "--plot", plot, "--sizes", "100,10")
    answer = nearcast("bench", "match", "--kind", "shops", *SMALL, *options)
    assert answer.code == 0, answer.err
    points = json.loads(answer.out)["curve"]
    assert [point["fences"] for point in points] == [10, 100]
    assert all(point["peers"].keys() == {"shapely_strtree", "rtree_loop"} for point in points)
    assert plot.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert plot.stat().st_size > 10_000


@pytest.mark.parametrize(
    ("options", "fragments"),
    [
        (("--kind", "towns"), ("'towns' is not one of shops, mixed",)),
        (("--fences", "0"), ("--fences", "greater than or equal to 1")),
        (("--pings", "-1"), ("--pings", "greater than or equal to 1")),
        (("--seed", "-1"), ("--seed", "greater than or equal to 0")),
        (("--peers", "shapely"), ("--peers", "'shapely' is none of rtree_loop, shapely_strtree")),
        (("--sizes", "10,many"), ("--sizes", "'10,many' are not whole numbers")),
        (("--sizes", "0"), ("--sizes", "0 geofences are too few")),
        (("--plot", "curve.svg"), ("curve.svg", "a plot is written as .png")),
        (("--plot", "/nowhere/curve.png"), ("/nowhere", "there is no such folder")),
        (("--redis", "localhost"), ("--redis", "'localhost' is no HOST:PORT")),
        (("--tile38", "localhost:99999"), ("--tile38", "'localhost:99999' is no HOST:PORT")),
    ],
)
def test_nonsense_is_refused_before_anything_is_measured(options, fragments):
    answer = nearcast("bench", "match", *options)
    answer.refuses(*fragments)
    assert answer.out == ""
    assert "kernels" not in answer.err


@pytest.mark.enable_socket
def test_a_server_that_does_not_answer_is_named_without_its_password():
    options = ("--peers", "none", "--postgis", "postgresql://someone:secret@127.0.0.1:9/none")
    answer = nearcast("bench", "match", *SMALL, *options)
    answer.refuses("--postgis", "no PostgreSQL answers there")
    assert "secret" not in answer.err


@pytest.mark.enable_socket
def test_a_redis_that_does_not_answer_is_named():
    answer = nearcast("bench", "match", "--kind", "shops", *SMALL, "--peers", "none", "--redis", "127.0.0.1:9")
    answer.refuses("127.0.0.1:9", "nothing answers")


def test_a_peer_asked_for_by_name_must_be_there():
    answer = nearcast("bench", "match", "--kind", "mixed", *SMALL, "--peers", "redis_geosearch")
    answer.refuses("--peers", "redis_geosearch: it holds circles only")
