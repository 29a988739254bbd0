"""Ways through the city: the streets as a graph, and the shortest path along it for walkers, riders and drivers."""

import heapq
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal, TypeAlias

import numpy as np
import shapely
from shapely.geometry import LineString

from nearcast.sim.plane import Floats, Points, coordinates, lengths_m
from nearcast.sim.streets import Street

Mode: TypeAlias = Literal["foot", "bicycle", "car"]

STEP_M = 40.0  # no edge is longer, so every place has a corner of the graph near by
DRIVE_MPS = {"ring": 12.5, "avenue": 10.5, "bridge": 10.5, "street": 7.5, "lane": 3.5, "path": 1.0}
_LEAST_M = 2.0  # shorter pieces are where a side street runs past its end


@dataclass(slots=True)
class Routes:
    """n corners joined by edges; `corners_m` has shape (n, 2)."""

    corners_m: Points
    edges: list[dict[int, tuple[float, float]]]  # per corner: neighbour → (length_m, drive_mps)
    _trees: dict[tuple[int, bool], list[int]] = field(default_factory=dict)
    _costs: dict[bool, list[list[tuple[int, float]]]] = field(default_factory=dict)  # drives → per corner

    def nearest(self, place_m: Points) -> int:
        """The corner next to a place of shape (2,)."""
        return int(((self.corners_m - place_m) ** 2).sum(axis=1).argmin())

    def degree(self, corner: int) -> int:
        return len(self.edges[corner])

    def path(self, start: int, end: int, mode: Mode) -> list[int]:
        """The corners from start to end: shortest on foot and by bicycle, quickest by car."""
        drives = mode == "car"
        if (start, drives) in self._trees and (end, drives) not in self._trees:
            return self.path(end, start, mode)[::-1]  # streets run both ways, and homes need no tree of their own
        step = self._towards(end, drives=drives)
        corners = [start]
        while corners[-1] != end:
            corners.append(step[corners[-1]])
        return corners

    def drive_mps(self, corners: list[int]) -> Floats:
        """What a car may do on each edge of a path; one less than corners."""
        return np.array([self.edges[a][b][1] for a, b in pairwise(corners)], dtype=np.float64)

    def _towards(self, end: int, *, drives: bool) -> list[int]:
        """Dijkstra from the end outwards, kept: many people go to few places."""
        tree = self._trees.get((end, drives))
        if tree is None:
            tree = self._trees[end, drives] = self._shortest_tree(end, drives=drives)
        return tree

    def _shortest_tree(self, end: int, *, drives: bool) -> list[int]:
        costs = self._edge_costs(drives=drives)
        cost = [float("inf")] * len(self.edges)
        towards = [-1] * len(self.edges)
        cost[end] = 0.0
        heap = [(0.0, end)]
        while heap:
            so_far, here = heapq.heappop(heap)
            if so_far > cost[here]:
                continue
            for there, more in costs[here]:
                total = so_far + more
                if total < cost[there]:
                    cost[there], towards[there] = total, here
                    heapq.heappush(heap, (total, there))
        return towards

    def _edge_costs(self, *, drives: bool) -> list[list[tuple[int, float]]]:
        """Seconds for drivers, metres for everyone else."""
        if drives not in self._costs:
            self._costs[drives] = [
                [(there, length_m / drive_mps if drives else length_m) for there, (length_m, drive_mps) in out.items()]
                for out in self.edges
            ]
        return self._costs[drives]


def connect(streets: list[Street]) -> Routes:
    """The graph of everything but the river; streets that reach nothing are left out."""
    walked = [street for street in streets if street.kind != "river"]
    lines = np.array([LineString(street.line_m) for street in walked], dtype=object)
    index = shapely.STRtree(lines)
    ids: dict[tuple[float, float], int] = {}
    edges: list[dict[int, tuple[float, float]]] = []
    pieces = [piece for piece in shapely.unary_union(lines).geoms if piece.length >= _LEAST_M]
    owners = index.nearest([piece.interpolate(0.5, normalized=True) for piece in pieces])
    for piece, owner in zip(pieces, owners, strict=True):
        _add_piece(piece, DRIVE_MPS[walked[owner].kind], ids, edges)
    return _largest_part(np.array(list(ids), dtype=np.float64), edges)


def _add_piece(
    piece: Any, drive_mps: float, ids: dict[tuple[float, float], int], edges: list[dict[int, tuple[float, float]]]
) -> None:
    line_m = coordinates(shapely.segmentize(piece, STEP_M))
    corners = []
    for east_m, north_m in line_m.tolist():
        corner = ids.setdefault((east_m, north_m), len(ids))
        if corner == len(edges):
            edges.append({})
        corners.append(corner)
    for (here, there), length_m in zip(pairwise(corners), lengths_m(line_m).tolist(), strict=True):
        if here != there:
            edges[here][there] = edges[there][here] = (length_m, drive_mps)


def _largest_part(corners_m: Points, edges: list[dict[int, tuple[float, float]]]) -> Routes:
    unseen = set(range(len(edges)))
    largest: set[int] = set()
    while unseen:
        part, frontier = set(), [min(unseen)]
        while frontier:
            corner = frontier.pop()
            if corner not in part:
                part.add(corner)
                frontier.extend(edges[corner])
        unseen -= part
        largest = max(largest, part, key=len)
    kept = sorted(largest)
    number = {corner: n for n, corner in enumerate(kept)}
    return Routes(corners_m[kept], [{number[to]: edge for to, edge in edges[corner].items()} for corner in kept])
