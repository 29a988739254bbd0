"""Can phones be noticed in a geofence this small? A score that is known when the fence is drawn.

The question is that of Rodriguez Garzon et al. 2016, "Reliable Geofencing"; the model is the plainest that has an
answer. A phone stands anywhere inside, each place as likely as the other. Its fixes err by a circular Gaussian whose
68 % radius is its accuracy, so σ = accuracy / √(−2 ln 0.32). Profile ROBUST opens a visit with one inside fix where the
accuracy is at most the fence's depth, with two where it is at most twice that, and otherwise never (CONTRACT, "ROBUST
numbers").

A fence of any shape counts as the circle of its depth, 2·area/perimeter: along its boundary a strip of σ/√(2π) is lost,
which is a share of perimeter/area · σ/√(2π) of the fence. To that order all shapes of one depth lose the same.
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

import numpy as np

from nearcast.domain.geofence import Geofence
from nearcast.geo.batch import Floats
from nearcast.geo.margins import depth_m

STREET_ACCURACY_M = 20.0  # phones in streets err by some 10 m on average, and say so with some caution
INDOOR_ACCURACY_M = 50.0  # between a phone by a window and the 100 m of one that is left to Wi-Fi and masts
_GOOD, _FAIR = 0.8, 0.5
_COARSEST = 2.0  # depths: a fix that is less accurate tells nothing of arriving
_DIRECTIONS = 720
_STEP_M = 5.0
_LARGEST_STEP = 1000


class Band(StrEnum):
    """Good from 0.8, fair from 0.5."""

    GOOD = "good"
    FAIR = "fair"
    POOR = "poor"


@dataclass(frozen=True, slots=True)
class Reliability:
    """Chances in 0…1 that a visit is noticed by the first fixes that could do it: on the street, indoors, and their
    mean, the score. `suggested_radius_m` is where good begins, None where it is good already.
    """

    depth_m: float
    street: float
    indoors: float
    suggested_radius_m: float | None

    @property
    def score(self) -> float:
        return (self.street + self.indoors) / 2.0

    @property
    def band(self) -> Band:
        return Band.GOOD if self.score >= _GOOD else Band.FAIR if self.score >= _FAIR else Band.POOR


def reliability(geofence: Geofence) -> Reliability:
    """How well phones can be noticed there, by the geofence's depth alone."""
    depth = depth_m(geofence)
    found = _of_depth(depth)
    return found if found.band is Band.GOOD else Reliability(depth, found.street, found.indoors, _good_radius_m())


def sigma_m(accuracy_m: float) -> float:
    """The standard deviation along each axis of fixes with that 68 % radius."""
    return accuracy_m / math.sqrt(-2.0 * math.log(1.0 - 0.68))


def chance_inside(radius_m: float, distance_m: float, accuracy_m: float) -> float:
    """The chance that a fix lies in a circle, of a phone `distance_m` from its centre.

    An error goes in every direction alike, and farther than R with chance exp(−R²/2σ²): in each direction the ray
    enters and leaves the circle at the roots of R² − 2·R·d·cos θ + d² = r².
    """
    angle = np.arange(_DIRECTIONS) * (2.0 * math.pi / _DIRECTIONS)
    along, aside = distance_m * np.cos(angle), distance_m * np.sin(angle)
    squared = radius_m**2 - aside**2
    half_chord = np.sqrt(np.maximum(squared, 0.0))
    sigma = sigma_m(accuracy_m)
    chance = _farther(along - half_chord, sigma) - _farther(along + half_chord, sigma)
    return float(np.where(squared > 0.0, chance, 0.0).mean())


def chance_noticed(depth_m: float, accuracy_m: float) -> float:
    """The chance that the first fix opens a visit, or the first two where two are needed; 0 where none ever can."""
    if accuracy_m <= depth_m:
        return _mean_inside(depth_m / sigma_m(accuracy_m))
    if accuracy_m <= _COARSEST * depth_m:
        return _mean_twice_inside(depth_m, accuracy_m)
    return 0.0


def _mean_inside(radii: float) -> float:
    """The mean of `chance_inside` over a circle of so many σ: 1 − e^−k·(I₀(k) + I₁(k)) with k = radii².

    It is the chance that a circle moved by a Rayleigh-distributed error still holds the place, its overlap with itself
    integrated by parts. The Bessel functions by their integral, (1/π)·∫ e^(k·cos θ)·(1 + cos θ) dθ over 0…π, in
    t = radii·tan(θ/2)·√2, which keeps the peak as wide for every k.
    """
    k = radii * radii
    t = (np.arange(2000) + 0.5) * (12.0 / 2000)
    u = t * t / (2.0 * k)  # tan²(θ/2)
    cosine = (1.0 - u) / (1.0 + u)
    slope = 2.0 / (math.sqrt(2.0 * k) * (1.0 + u))
    outside = float(np.sum(np.exp(k * (cosine - 1.0)) * (1.0 + cosine) * slope)) * (12.0 / 2000) / math.pi
    return 1.0 - outside


def _mean_twice_inside(radius_m: float, accuracy_m: float) -> float:
    """The mean over a circle of the chance that two fixes with errors of their own are both inside; Gauss-Legendre over
    the area, for circles of about one σ.
    """
    nodes, weights = np.polynomial.legendre.leggauss(12)
    places = radius_m * np.sqrt((nodes + 1.0) / 2.0)
    return float(sum(w / 2 * chance_inside(radius_m, d, accuracy_m) ** 2 for w, d in zip(weights, places, strict=True)))


def _farther(way_m: Floats, sigma: float) -> Floats:
    chance: Floats = np.exp(-(np.maximum(way_m, 0.0) ** 2) / (2.0 * sigma * sigma))
    return chance


def _of_depth(depth: float) -> Reliability:
    return Reliability(depth, chance_noticed(depth, STREET_ACCURACY_M), chance_noticed(depth, INDOOR_ACCURACY_M), None)


@cache
def _good_radius_m() -> float:
    """The smallest radius, in steps of 5 m, whose score is good."""
    steps = (number * _STEP_M for number in range(1, _LARGEST_STEP))
    return next(radius for radius in steps if _of_depth(radius).band is Band.GOOD)
