"""What clients mean by accuracy: three different radii, brought to the one that holds a phone 68 times of 100."""

import math
from enum import StrEnum


class AccuracyMeaning(StrEnum):
    """What a reported radius stands for.

    ANDROID: 68 % of positions lie within it (`Location.getAccuracy`). IOS: the root mean square of the distance in two
    dimensions (`horizontalAccuracy`). W3C: 95 % lie within it (`GeolocationCoordinates.accuracy`).
    """

    ANDROID = "android"
    IOS = "ios"
    W3C = "w3c"


# The radius of each meaning in σ per axis of a circular Gaussian. Its distance from the centre follows a Rayleigh
# distribution: a share p lies within σ·√(−2·ln(1−p)), and the root mean square is σ·√2.
_IN_SIGMAS = {
    AccuracyMeaning.ANDROID: math.sqrt(-2.0 * math.log(1.0 - 0.68)),
    AccuracyMeaning.IOS: math.sqrt(2.0),
    AccuracyMeaning.W3C: math.sqrt(-2.0 * math.log(1.0 - 0.95)),
}


def radius_68_m(reported_m: float | None, meaning: AccuracyMeaning) -> float | None:
    """The 68 % radius in metres; None where the client says that it does not know: nothing, 0, less, no number."""
    if reported_m is None or not math.isfinite(reported_m) or reported_m <= 0.0:
        return None
    return reported_m * (_IN_SIGMAS[AccuracyMeaning.ANDROID] / _IN_SIGMAS[meaning])
