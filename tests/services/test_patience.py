"""Guesses, and what is remembered of them."""

from datetime import UTC, datetime

from nearcast.services.patience import Patience

NOW = datetime(2026, 6, 2, 10, 0, tzinfo=UTC)


def test_of_a_name_of_any_length_only_its_beginning_is_remembered() -> None:
    patience = Patience()
    waits = [patience.failed("x" * 60_000 + str(n), NOW) for n in range(7)]
    assert waits == [0.0] * 5 + [0.25, 0.5]
