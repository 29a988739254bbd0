"""Addresses looked up over real HTTP, at a search service on the loopback."""

import socket
from typing import Any

import pytest

from nearcast.domain.position import Position
from nearcast.feeds.geocoder import SearchService
from nearcast.services.addresses import Candidate, GeocoderUnavailable
from tests.feeds.address_book import MARKET, book

pytestmark = pytest.mark.enable_socket


def test_candidates_come_in_the_services_order() -> None:
    with book([MARKET, {"lat": 48.1, "lon": 11.6, "display_name": "Fernstadt"}]) as server:
        found = SearchService(server.url).find("Markt 1 & Co, Nahstadt")
    assert found == [
        Candidate("1, Markt, Nahstadt", Position(52.52, 13.405)),
        Candidate("Fernstadt", Position(48.1, 11.6)),
    ]
    ((path, query, agent),) = server.asked
    assert path == "/nominatim/search"
    assert (query["q"], query["format"]) == (["Markt 1 & Co, Nahstadt"], ["jsonv2"])
    assert (agent or "").startswith("nearcast/")


def test_an_address_that_nobody_knows_has_no_candidates() -> None:
    with book([]) as server:
        assert SearchService(server.url).find("Nowhere 1") == []


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ([MARKET], 500),
        ([MARKET], 429),
        ([MARKET], 301),
        (b"<html>", 200),
        ({"error": "no"}, 200),
        ([{"lat": "north", "lon": "13.4", "display_name": "x"}], 200),
        ([{"lat": "91", "lon": "13.4", "display_name": "x"}], 200),
        ([{"lat": "nan", "lon": "13.4", "display_name": "x"}], 200),
        ([{"display_name": "x"}], 200),
        (["Markt"], 200),
    ],
)
def test_any_other_answer_is_none_and_does_not_repeat_the_address(answer: Any, status: int) -> None:
    with book(answer, status) as server, pytest.raises(GeocoderUnavailable) as refused:
        SearchService(server.url).find("Markt 1")
    assert "Markt" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_service_that_is_not_there_is_unavailable() -> None:
    with book([]) as server:
        url = server.url
    with pytest.raises(GeocoderUnavailable):
        SearchService(url).find("Markt 1")


def test_a_service_that_stays_silent_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with pytest.raises(GeocoderUnavailable):
            SearchService(url, timeout_s=0.05).find("Markt 1")
