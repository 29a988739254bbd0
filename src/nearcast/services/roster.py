"""Customers by number: what is kept of each in columns stands in the customer's row."""

from collections.abc import Iterable
from itertools import islice

import numpy as np

from nearcast.domain.ids import CustomerId
from nearcast.geo.batch import Ints


class Roster:
    """Numbers count from 0 in the order in which customers were first named, and are never given up."""

    def __init__(self) -> None:
        self._numbers: dict[CustomerId, int] = {}
        self._names: list[CustomerId] = []

    def __len__(self) -> int:
        return len(self._numbers)

    def numbers_of(self, customer_ids: Iterable[CustomerId]) -> Ints:
        """n customers' numbers; who is new gets one."""
        known = self._numbers
        found = [known.setdefault(key, len(known)) for key in customer_ids]
        self._names += islice(known, len(self._names), None)
        return np.array(found, dtype=np.int64)

    def number_of(self, customer_id: CustomerId) -> int:
        """The customer's number, a new one for who is new."""
        number = self._numbers.get(customer_id)
        return int(self.numbers_of([customer_id])[0]) if number is None else number

    def name(self, number: int) -> CustomerId:
        return self._names[number]
