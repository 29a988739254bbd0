"""Blocks of the ping log: what is packed comes out again, however it is parted."""

from dataclasses import fields
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nearcast.geo.batch import PingBatch
from nearcast.store.ping_blocks import pack, pack_parts, unpack
from nearcast.store.pings import partition_of, partitions_of

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=9)
INSTANTS_US = st.integers(0, 2**62)
PINGS = st.tuples(NAMES, INSTANTS_US, INSTANTS_US, *[st.floats()] * 4, st.none() | NAMES, st.none() | NAMES)


def batch_of(rows: list[tuple[Any, ...]]) -> PingBatch:
    columns: dict[str, Any] = {}
    for column, values in zip(fields(PingBatch), zip(*rows, strict=True), strict=True):
        kind = {"_us": np.int64, "_id": object}.get(column.name[-3:], np.float64)
        columns[column.name] = np.array(values, dtype=kind)
    return PingBatch(**columns)


@given(st.lists(PINGS, min_size=1, max_size=5), st.data())
def test_parts_are_what_each_of_them_would_be_alone(rows: list[tuple[Any, ...]], data: st.DataObject):
    batch = batch_of(rows)
    stops = sorted({*data.draw(st.sets(st.integers(1, len(rows)))), len(rows)})
    blocks = pack_parts(batch, stops)
    assert blocks == [pack(batch.take(np.arange(start, stop))) for start, stop in pairwise([0, *stops])]
    found = [unpack(block) for block in blocks]
    for column in fields(PingBatch):
        parts = np.concatenate([getattr(each, column.name) for each in found])
        np.testing.assert_array_equal(parts, getattr(batch, column.name))


@given(st.lists(NAMES))
def test_all_at_once_are_in_the_partitions_of_each(names: list[str]):
    assert partitions_of(np.array(names, dtype=object)).tolist() == [partition_of(name) for name in names]
