"""Where an address is, as the use cases see it."""

from collections.abc import Sequence

import pytest

from nearcast.domain.errors import InvalidInput
from nearcast.domain.position import Position
from nearcast.services.addresses import Candidate, locate

DOOR = Candidate("Markt 1, Nahstadt", Position(52.52, 13.405))
BACK_DOOR = Candidate("Markt 1, back door", Position(52.5203, 13.405))  # 33 m north
ELSEWHERE = Candidate("Markt 1, Fernstadt", Position(48.1, 11.6))


class Book:
    """A geocoder that knows one address."""

    def __init__(self, *found: Candidate) -> None:
        self._found = found
        self.asked: list[str] = []

    def find(self, address: str) -> Sequence[Candidate]:
        self.asked.append(address)
        return self._found


def test_one_candidate_is_the_place() -> None:
    book = Book(DOOR)
    assert locate(book, "  Markt 1 ") == DOOR.position
    assert book.asked == ["Markt 1"]


def test_candidates_within_fifty_metres_are_one_place() -> None:
    assert locate(Book(DOOR, BACK_DOOR), "Markt 1") == DOOR.position


def test_several_places_are_listed_and_none_is_taken() -> None:
    with pytest.raises(InvalidInput, match="may mean several places") as refused:
        locate(Book(DOOR, BACK_DOOR, ELSEWHERE), "Markt 1")
    assert refused.value.place == "properties.address"
    assert "Markt 1, Fernstadt (lon 11.6, lat 48.1)" in refused.value.message
    assert "Markt 1, Nahstadt (lon 13.405, lat 52.52)" in refused.value.message


def test_no_candidate_is_no_place() -> None:
    with pytest.raises(InvalidInput, match="no such address"):
        locate(Book(), "Markt 1")


def test_without_a_geocoder_the_setting_is_named() -> None:
    with pytest.raises(InvalidInput, match="NEARCAST_GEOCODER_URL"):
        locate(None, "Markt 1")


@pytest.mark.parametrize("address", ["", "  ", "x" * 501, 7, None, ["Markt 1"]])
def test_what_is_no_address_is_not_asked_for(address: object) -> None:
    book = Book(DOOR)
    with pytest.raises(InvalidInput, match="is not an address"):
        locate(book, address)
    assert book.asked == []
