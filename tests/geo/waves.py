"""Outlines with more vertices than they need."""

import numpy as np

M_PER_DEG = np.array([67_800.0, 111_267.0])  # at 52.52


def wavy(vertices: int, radius_m: float, wave_m: float, lon: float = 13.4) -> list[list[float]]:
    """A ring with as many waves as half its vertices."""
    angle = np.arange(vertices) * (2 * np.pi / vertices)
    reach = radius_m + wave_m * np.where(np.arange(vertices) % 2, 1.0, -1.0)
    ring: list[list[float]] = (
        np.column_stack([np.cos(angle), np.sin(angle)]) * reach[:, None] / M_PER_DEG + [lon, 52.52]
    ).tolist()
    return ring
