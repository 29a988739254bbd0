"""Pings that came one by one and pings that came as columns, as the same batch."""

from dataclasses import fields

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nearcast.geo.batch import OnePing, PingBatch, joined


def columned(rows: list[int]) -> PingBatch:
    return joined([one(row) for row in rows])


def one(row: int) -> OnePing:
    ping_id = f"ping {row}" if row % 2 else None
    return OnePing(f"customer {row}", row, row + 1, row / 2, row / 3, np.nan, row / 5, ping_id, None)


@given(cuts=st.lists(st.integers(1, 3), min_size=1, max_size=8))
def test_pings_stay_in_their_order_whichever_of_them_come_as_columns(cuts: list[int]) -> None:
    stops = np.cumsum(cuts).tolist()
    parts = [
        one(stop - 1) if size == 1 else columned(list(range(stop - size, stop)))
        for size, stop in zip(cuts, stops, strict=True)
    ]
    found, expected = joined(parts), columned(list(range(stops[-1])))
    for column in fields(PingBatch):
        was, should = getattr(found, column.name), getattr(expected, column.name)
        assert (was.dtype, was.tolist()) == (should.dtype, should.tolist()) or np.array_equal(was, should, True)


def test_no_parts_are_an_empty_batch_of_the_same_columns() -> None:
    nothing, something = joined([]), columned([0])
    for column in fields(PingBatch):
        assert getattr(nothing, column.name).tolist() == []
        assert getattr(nothing, column.name).dtype == getattr(something, column.name).dtype
