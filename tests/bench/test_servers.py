"""Peers that are servers: PostGIS as it is installed here, and loopback servers that speak for Redis and Tile38."""

import json
from typing import Any

import pytest

from nearcast.bench.resp import Resp, command
from tests.bench.resp_server import FakeRedis, FakeTile38, speaking
from tests.e2e.shell import nearcast

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

SMALL = ("--fences", "60", "--pings", "600", "--seed", "6", "--peers", "none")  # a seed of few and crowded towns


def measured(*options: str) -> dict[str, Any]:
    answer = nearcast("bench", "match", *SMALL, *options)
    assert answer.code == 0, answer.err
    found: dict[str, Any] = json.loads(answer.out)
    return found


@pytest.mark.parametrize("kind", ["shops", "mixed"])
def test_postgis_finds_the_same_pairs_and_keeps_nothing(kind, postgres_url):
    import psycopg

    found = measured("--kind", kind, "--fences", "400", "--pings", "4000", "--postgis", postgres_url)
    assert found["peers"]["postgis"]["agrees"]
    assert found["peers"]["postgis"]["pairs"] == found["pairs"] > 0
    with psycopg.connect(postgres_url.replace("+psycopg", "")) as connection:
        kept = connection.execute("SELECT count(*) FROM pg_class WHERE relname IN ('area', 'circle', 'ping')")
        assert kept.fetchone() == (0,)


def test_a_database_without_postgis_is_refused(postgres_url):
    without = postgres_url.rpartition("/")[0] + "/postgres"
    answer = nearcast("bench", "match", *SMALL, "--postgis", without)
    answer.refuses("--postgis", 'type "geometry" does not exist')


def test_redis_is_asked_for_circles_and_may_differ_near_an_edge():
    redis = FakeRedis()
    with speaking(redis.answer) as port:
        found = measured("--kind", "shops", "--pings", "3000", "--redis", f"127.0.0.1:{port}")
    peer = found["peers"]["redis_geosearch"]
    assert peer["fences"] < 60
    assert peer["pairs"] > 4
    assert abs(peer["differs_by"]) <= 2
    assert "haversine" in peer["because"]
    assert "agrees" not in peer
    assert found["agrees"]
    assert redis.keys == {}


def test_tile38_tells_of_every_ping_in_a_hook_and_is_left_as_it_was():
    tile38 = FakeTile38()
    with speaking(tile38.answer) as port:
        found = measured("--kind", "shops", "--pings", "3000", "--tile38", f"127.0.0.1:{port}")
    peer = found["peers"]["tile38"]
    assert peer["pairs"] > 4
    assert abs(peer["differs_by"]) <= 2
    assert (tile38.hooks, tile38.collections) == ({}, set())


def test_a_server_that_refuses_a_command_is_quoted():
    def refuse(*words: str) -> int:
        raise ValueError("NOAUTH Authentication required.")

    with speaking(refuse) as port:
        answer = nearcast("bench", "match", "--kind", "shops", *SMALL, "--redis", f"127.0.0.1:{port}")
    answer.refuses(f"127.0.0.1:{port}", "NOAUTH Authentication required.")


def test_more_commands_than_buffers_hold_are_answered_in_order():
    with speaking(lambda word, *_: word) as port, Resp("127.0.0.1", port) as server:
        words = [f"word-{n}" * 400 for n in range(5_000)]
        assert list(server.ask_all(map(command, words))) == [word.encode() for word in words]
