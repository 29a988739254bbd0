"""The day as phones tell it, held against what really happened."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow.parquet as pq
import pytest
from pyproj import Geod

from nearcast.sim.calendar import MIDNIGHT
from nearcast.sim.noise import DRIFT_S, drifting
from nearcast.sim.plane import Floats, lat_deg, lon_deg

COLUMNS = ["customer_id", "recorded_at", "lat", "lon", "accuracy_m", "received_at", "ping_id", "device_id", "speed_mps"]


@pytest.fixture(scope="module")
def pings(folder):
    return pq.read_table(folder / "pings.parquet")


def _distance_m(lat_a: Floats, lon_a: Floats, lat_b: Floats, lon_b: Floats) -> Floats:
    return np.asarray(Geod(ellps="WGS84").inv(lon_a, lat_a, lon_b, lat_b)[2], dtype=np.float64)


def test_the_day_is_tuesday_the_second_of_june_in_berlin():
    local = MIDNIGHT.astimezone(ZoneInfo("Europe/Berlin"))
    assert (local.isoformat(), local.strftime("%A")) == ("2026-06-02T00:00:00+02:00", "Tuesday")


def test_columns_and_order(pings):
    assert pings.column_names == COLUMNS
    assert str(pings.schema.field("recorded_at").type) == "timestamp[ms, tz=UTC]"
    received = pings["received_at"].to_numpy()
    assert (np.diff(received) >= np.timedelta64(0)).all()
    assert pings["speed_mps"].null_count > 0
    assert sum(column.null_count for name, column in zip(pings.column_names, pings.columns, strict=True)) == (
        pings["speed_mps"].null_count
    )


def test_coordinates_are_rounded_to_a_centimetre(pings):
    for name in ("lat", "lon"):
        degrees = pings[name].to_numpy()
        assert (np.round(degrees, 7) == degrees).all()


def test_two_thirds_of_the_errors_are_within_the_reported_accuracy(city, pings):
    """Measured on the file, in metres on the ellipsoid, against the true places."""
    truth = {f"p-{n + 1:04d}-{k + 1:04d}": (track, k) for n, track in enumerate(city.tracks) for k in range(len(track))}
    sane = np.flatnonzero(pings["lat"].to_numpy() != 0)
    true_m = np.array(
        [truth[ping_id][0].at_m[truth[ping_id][1]] for ping_id in pings["ping_id"].take(sane).to_pylist()]
    )
    lat, lon = pings["lat"].to_numpy()[sane], pings["lon"].to_numpy()[sane]
    error_m = _distance_m(lat, lon, lat_deg(true_m[:, 1]), lon_deg(true_m[:, 0]))
    accuracy_m = pings["accuracy_m"].to_numpy()[sane]
    assert (error_m <= accuracy_m).mean() == pytest.approx(0.68, abs=0.01)
    for coarse in (accuracy_m > 75, accuracy_m < 8):
        assert (error_m <= accuracy_m)[coarse].mean() == pytest.approx(0.68, abs=0.05)
    assert 0.003 < (accuracy_m > 75).mean() < 0.02


def test_errors_drift():
    at_s = np.linspace(0, 600_000, 20_001)
    error = drifting(at_s, np.full(len(at_s), DRIFT_S), np.random.default_rng(7))
    assert error.std(axis=0) == pytest.approx([1, 1], abs=0.05)
    neighbours = np.corrcoef(error[:-1, 0], error[1:, 0])[0, 1]
    assert neighbours == pytest.approx(np.exp(-30 / DRIFT_S), abs=0.03)
    assert np.corrcoef(error[:, 0], error[:, 1])[0, 1] == pytest.approx(0, abs=0.05)
    assert drifting(np.array([]), np.array([]), np.random.default_rng(7)).shape == (0, 2)


def test_speeds_suit_the_mode(city):
    moving = {
        mode: np.concatenate(
            [
                track.speed_mps[~track.is_indoors]
                for customer, track in zip(city.customers, city.tracks, strict=True)
                if customer.mode == mode
            ]
        )
        for mode in ("foot", "bicycle", "car")
    }
    assert 1.1 < np.median(moving["foot"]) < 1.6
    assert moving["foot"].max() < 2.2
    assert 3 < np.percentile(moving["bicycle"], 75) < 6
    assert moving["bicycle"].max() < 8
    assert 7 < np.percentile(moving["car"], 75) < 14
    assert moving["car"].max() < 20


def test_nobody_jumps(city):
    """Between two fixes nobody covers more ground than the fastest car could."""
    for track in city.tracks:
        step_m = np.sqrt((np.diff(track.at_m, axis=0) ** 2).sum(axis=1))
        assert (step_m <= 20 * np.diff(track.at_s) + 25).all()  # and the width of the room


def test_modes_are_shared_out(city):
    shares = [sum(customer.mode == mode for customer in city.customers) for mode in ("foot", "bicycle", "car")]
    assert shares == [350, 100, 50]


def test_phones_sleep_at_night(city):
    hours = np.concatenate([track.at_s for track in city.tracks]) / 3600
    assert hours.min() > 4
    assert hours.max() < 24
    assert np.mean(hours > 23.5) < 0.01


def test_people_walk_into_shops_and_stay(city):
    """Some hundred customers spend at least three minutes within fifteen metres of a counter."""
    counters_m = np.array([shop.at_m for shop in city.shops])
    stayed = 0
    for track in city.tracks:
        near = (np.sqrt(((track.at_m[:, None] - counters_m) ** 2).sum(axis=2)) < 15) & track.is_indoors[:, None]
        spans_s = [np.ptp(track.at_s[column]) for column in near.T if column.any()]
        stayed += any(span_s >= 180 for span_s in spans_s)
    assert stayed > 250


def test_some_uploads_are_late_some_double_some_nonsense(pings):
    recorded, received = (pings[name].to_numpy() for name in ("recorded_at", "received_at"))
    delay_s = (received - recorded) / np.timedelta64(1, "s")
    assert np.median(delay_s) < 3
    assert 0.005 < ((delay_s > 5) & (delay_s < 60)).mean() < 0.05
    assert (delay_s > 300).sum() > 100
    assert (delay_s < -60).sum() == 2
    assert ((pings["lat"].to_numpy() == 0) & (pings["lon"].to_numpy() == 0)).sum() == 2
    ids = pings["ping_id"].to_pylist()
    assert len(ids) - len(set(ids)) == 40
    rows = pings.to_pylist()
    assert 15 <= len(rows) - len({tuple(row.values()) for row in rows}) <= 25


def test_the_day_begins_and_ends_at_midnight(pings):
    start = MIDNIGHT
    instants = [at.as_py() for at in (pings["received_at"][0], pings["received_at"][-1])]
    assert start <= instants[0]
    assert instants[1] <= start + timedelta(days=1, minutes=30)
    assert instants[0].tzinfo is not None
    assert datetime(2026, 6, 2, tzinfo=UTC) < instants[0]
