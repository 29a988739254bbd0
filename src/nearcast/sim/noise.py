"""GPS noise: errors that drift as a receiver's do, and a reported accuracy that is true."""

from dataclasses import dataclass

import numpy as np

from nearcast.sim.plane import Floats, Points
from nearcast.sim.plans import DAY_S
from nearcast.sim.walks import Track

# The radius that holds 68 % of a round normal error, in standard deviations per axis: sqrt(-2 ln 0.32).
RADIUS_68 = 1.5095921854516636
DRIFT_S = 75.0  # on the way the error has forgotten itself after about this long
DRIFT_INDOORS_S = 1500.0  # at rest the same walls reflect the same signals
_OUTDOORS_M = np.array([4.0, 5.0, 6.0, 8.0, 11.0, 16.0])  # what a phone reports under the open sky
_INDOORS_M = np.array([7.0, 9.0, 12.0, 16.0, 22.0, 34.0])
_SPELL_S = 900.0  # reception is as good or bad for about this long
_COARSE_SHARE = 0.008  # fixes from a cell tower alone
_COARSE_M = (90.0, 420.0)


@dataclass(frozen=True, slots=True)
class Fixes:
    """What the phone believes: shapes as in Track. `speed_mps` is NaN where it reports none."""

    at_s: Floats
    at_m: Points
    accuracy_m: Floats
    speed_mps: Floats


def observe(track: Track, rng: np.random.Generator) -> Fixes:
    """The track as one phone measures it; one phone is better than another."""
    n = len(track)
    phone = int(rng.integers(0, 3))
    reception = np.floor(4 * rng.random(int(DAY_S / _SPELL_S)) ** 2).astype(np.int64)
    classes = np.clip(phone + reception[(track.at_s / _SPELL_S).astype(np.int64)], 0, 5)
    accuracy_m = np.where(track.is_indoors, _INDOORS_M[classes], _OUTDOORS_M[classes])
    accuracy_m = np.round(accuracy_m * (0.85 + 0.3 * rng.random(n)), 1)
    error = drifting(track.at_s, np.where(track.is_indoors, DRIFT_INDOORS_S, DRIFT_S), rng)
    is_coarse = rng.random(n) < _COARSE_SHARE
    accuracy_m[is_coarse] = np.round(_COARSE_M[0] + (_COARSE_M[1] - _COARSE_M[0]) * rng.random(is_coarse.sum()), 0)
    error[is_coarse] = rng.standard_normal((int(is_coarse.sum()), 2))
    speed_mps: Floats = np.abs(track.speed_mps * (1 + 0.05 * rng.standard_normal(n))).round(1)
    speed_mps[is_coarse] = np.nan
    if rng.random() < 0.1:
        speed_mps[:] = np.nan
    return Fixes(track.at_s, track.at_m + error * (accuracy_m / RADIUS_68)[:, None], accuracy_m, speed_mps)


def drifting(at_s: Floats, drift_s: Floats, rng: np.random.Generator) -> Points:
    """A standard normal error per axis at each instant, shape (n, 2), that keeps e^-1 of itself over `drift_s` seconds.

    A Gauss–Markov process: neighbours in time are alike, and each by itself is normal.
    """
    fresh = rng.standard_normal((len(at_s), 2))
    kept = np.exp(-np.diff(at_s, prepend=at_s[:1]) / drift_s)
    kept[:1] = 0.0
    renewed_by = np.sqrt(1 - kept**2)[:, None] * fresh
    east, north, errors = 0.0, 0.0, []
    for keep, (more_east, more_north) in zip(kept.tolist(), renewed_by.tolist(), strict=True):
        east, north = keep * east + more_east, keep * north + more_north
        errors.append((east, north))
    return np.array(errors, dtype=np.float64).reshape(-1, 2)
