"""Hold-outs: the published buckets, and a percentage that only adds people (campaigns reference, 5.6)."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nearcast.domain.errors import InvalidInput
from nearcast.domain.policy import Holdout

SALTS = ("holdout:global:2026Q4", "holdout:camp-7:v1", "variant:camp-7:v1")
BUCKETS = {
    "cust-0001": (5529, 6181, 796),
    "cust-0002": (1478, 100, 3134),
    "cust-0003": (30, 6755, 9949),
    "cust-0004": (1540, 989, 4904),
    "cust-0005": (6913, 8009, 7968),
    "cust-0042": (8852, 796, 5848),
    "cust-0100": (3072, 7240, 9030),
}


@pytest.mark.parametrize(
    ("customer", "salt", "bucket"),
    [(customer, salt, bucket) for customer, row in BUCKETS.items() for salt, bucket in zip(SALTS, row, strict=True)],
)
def test_the_published_buckets(customer: str, salt: str, bucket: int) -> None:
    assert Holdout(5, salt).bucket(customer) == bucket


@pytest.mark.parametrize(
    ("customer", "salt", "percent", "is_held_out"),
    [
        ("cust-0003", SALTS[0], 5, True),  # bucket 30
        ("cust-0003", SALTS[0], 0.3, False),
        ("cust-0003", SALTS[0], 0.31, True),
        ("cust-0002", SALTS[1], 1, False),  # bucket 100: a bucket is held out below the percentage, not at it
        ("cust-0002", SALTS[1], 1.01, True),
        ("cust-0042", SALTS[1], 10, True),  # bucket 796
        ("cust-0042", SALTS[1], 7, False),
        ("cust-0001", SALTS[1], 10, False),  # bucket 6181
        ("cust-0001", SALTS[1], 20, False),
        ("cust-0001", SALTS[1], 100, True),
        ("cust-0003", SALTS[0], 0, False),
        ("cust-0451", SALTS[1], 1.1, False),  # bucket 110
    ],
)
def test_whoever_is_below_the_percentage_is_held_out(
    customer: str, salt: str, percent: float, is_held_out: bool
) -> None:
    assert Holdout(percent, salt).holds_out(customer) is is_held_out


@pytest.mark.parametrize("percent", [-0.01, 100.01, 1000, math.nan, math.inf])
def test_a_percentage_is_one(percent: float) -> None:
    with pytest.raises(InvalidInput, match=r"holdout percent .* is not in 0…100"):
        Holdout(percent, "salt")


people = st.integers(1, 10_000).map("cust-{:04d}".format)


@settings(max_examples=100)
@given(people, st.sampled_from(SALTS), st.floats(0, 100), st.floats(0, 100))
def test_raising_the_percentage_only_adds_people(customer: str, salt: str, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert Holdout(high, salt).holds_out(customer) >= Holdout(low, salt).holds_out(customer)


def test_about_the_percentage_is_held_out_and_salts_are_independent() -> None:
    crowd = [f"cust-{n:05d}" for n in range(10_000)]
    globally, here = Holdout(20, SALTS[0]), Holdout(30, SALTS[1])
    held_globally = {who for who in crowd if globally.holds_out(who)}
    held_here = {who for who in crowd if here.holds_out(who)}
    assert 1880 < len(held_globally) < 2120
    assert 2860 < len(held_here) < 3140
    assert 500 < len(held_globally & held_here) < 700
