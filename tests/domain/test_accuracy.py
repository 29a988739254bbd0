"""What clients mean by accuracy, row by row."""

import math

import pytest

from nearcast.domain.accuracy import AccuracyMeaning, radius_68_m

ANDROID, IOS, W3C = AccuracyMeaning


@pytest.mark.parametrize(
    ("meaning", "sigmas"),
    [(ANDROID, 1.510), (IOS, 1.414), (W3C, 2.448)],
)
def test_a_reported_radius_as_that_of_68_percent(meaning: AccuracyMeaning, sigmas: float) -> None:
    assert radius_68_m(30.0, meaning) == pytest.approx(30.0 / sigmas * 1.510, rel=1e-3)


def test_android_reports_it_already() -> None:
    assert radius_68_m(17.3, ANDROID) == 17.3


def test_a_page_in_a_browser_says_more_than_it_seems() -> None:
    assert radius_68_m(65.0, W3C) == pytest.approx(40.1, abs=0.1)


@pytest.mark.parametrize("meaning", AccuracyMeaning)
@pytest.mark.parametrize("reported_m", [None, 0.0, -1.0, math.nan, math.inf])
def test_what_a_client_does_not_know_is_unknown(reported_m: float | None, meaning: AccuracyMeaning) -> None:
    assert radius_68_m(reported_m, meaning) is None
