"""Sixty fences of every kind that shops draw, as GeoJSON features."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import shapely
from shapely.geometry import LineString, MultiPolygon, Point, Polygon
from shapely.geometry.polygon import orient

from nearcast.sim.fence_list import RECIPES, Recipe
from nearcast.sim.plane import Points, lon_lats, point, unit
from nearcast.sim.shops import Shop
from nearcast.sim.streets import GROUNDS, Street

Feature: TypeAlias = dict[str, Any]

_PAVEMENT_M = 6.0  # a block's fence begins behind the pavement
_LEAST_BLOCK_M2 = 1500.0


@dataclass(frozen=True, slots=True)
class _Town:
    """What shapes are cut from."""

    streets: list[Street]
    blocks: list[Any]  # shapely polygons between the streets, in the plane's metres


def draw_fences(shops: list[Shop], streets: list[Street]) -> list[Feature]:
    """One feature per recipe, in its order."""
    lines = [LineString(street.line_m) for street in streets]
    between = shapely.polygonize([shapely.unary_union(lines)]).geoms
    blocks = [block.buffer(-_PAVEMENT_M, join_style="mitre") for block in between]
    town = _Town(streets, [block for block in blocks if block.geom_type == "Polygon" and block.area > _LEAST_BLOCK_M2])
    by_id = {shop.id: shop for shop in shops}
    return [_feature(recipe, by_id[recipe.shop_id], town) for recipe in RECIPES]


def circle_feature(recipe: Recipe, shop: Shop, center_m: Points) -> Feature:
    """A Point with a radius; centre of shape (2,)."""
    return _as_feature(recipe, shop, {"type": "Point", "coordinates": lon_lats(center_m[None, :])[0]})


def _feature(recipe: Recipe, shop: Shop, town: _Town) -> Feature:
    if recipe.form == "near":
        return circle_feature(recipe, shop, shop.at_m)
    shape = _SHAPES[recipe.form](recipe, shop, town)
    return _as_feature(recipe, shop, _geojson(shape))


def _as_feature(recipe: Recipe, shop: Shop, geometry: dict[str, Any]) -> Feature:
    properties: dict[str, Any] = {"id": recipe.id, "shop_id": shop.id, "name": f"{shop.name}: {recipe.label}"}
    if recipe.form == "near":
        properties["radius_m"] = recipe.size_m
    if recipe.dwell_s is not None:
        properties["dwell_s"] = recipe.dwell_s
    if recipe.active_hours is not None:
        properties["active_hours"] = recipe.active_hours
    if recipe.tags:
        properties["tags"] = list(recipe.tags)
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def _floor(recipe: Recipe, shop: Shop, town: _Town) -> Any:
    return _rectangle(shop.at_m, recipe.size_m, 0.65 * recipe.size_m, shop.facing_rad)


def _sites(recipe: Recipe, shop: Shop, town: _Town) -> Any:
    return MultiPolygon(
        [_rectangle(site_m, recipe.size_m, 0.8 * recipe.size_m, shop.facing_rad) for site_m in shop.sites_m]
    )


def _block(recipe: Recipe, shop: Shop, town: _Town) -> Any:
    """The block that the shop stands in; on open grounds the grounds themselves, as an uneven polygon."""
    for east_m, north_m, radius_m in GROUNDS.values():
        if ((shop.at_m - point(east_m, north_m)) ** 2).sum() < radius_m**2:
            return _uneven(point(east_m, north_m), radius_m - _PAVEMENT_M)
    here = Point(shop.at_m)
    return min(town.blocks, key=lambda block: (round(block.distance(here), 3), block.area))


def _ring(recipe: Recipe, shop: Shop, town: _Town) -> Any:
    """The grounds without their middle: an atrium, a pond."""
    name = "park" if "park" in recipe.tags else "arcade"
    east_m, north_m, radius_m = GROUNDS[name]
    center_m = point(east_m, north_m)
    hole = _uneven(center_m, recipe.size_m)
    return Polygon(_uneven(center_m, radius_m).exterior, [hole.exterior])


def _street(recipe: Recipe, shop: Shop, town: _Town) -> Any:
    """The way along the shop's street, `size_m` metres in both directions, pavements included."""
    lines = [LineString(street.line_m) for street in town.streets if street.kind != "river"]
    here = Point(shop.at_m)
    nearest = min(lines, key=lambda line: round(line.distance(here), 3))
    part = nearest.intersection(here.buffer(recipe.size_m))
    return part.buffer(18.0, quad_segs=3).simplify(0.5)


def _uneven(center_m: Points, radius_m: float) -> Polygon:
    """Eleven corners at 82 to 100 % of the radius."""
    corners = [
        center_m + radius_m * (1 - 0.18 * ((7 * n) % 11) / 10) * unit(2 * np.pi * n / 11 + 0.16) for n in range(11)
    ]
    return Polygon(corners)


def _rectangle(center_m: Points, width_m: float, depth_m: float, facing_rad: float) -> Polygon:
    along, across = width_m / 2 * unit(facing_rad), depth_m / 2 * unit(facing_rad + np.pi / 2)
    signs = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    return Polygon([center_m + a * along + b * across for a, b in signs])


def _geojson(shape: Any) -> dict[str, Any]:
    """In degrees, outer rings counter-clockwise (RFC 7946)."""
    polygons = [_rings(polygon) for polygon in getattr(shape, "geoms", [shape])]
    if len(polygons) == 1:
        return {"type": "Polygon", "coordinates": polygons[0]}
    return {"type": "MultiPolygon", "coordinates": polygons}


def _rings(polygon: Any) -> list[list[list[float]]]:
    turned = orient(polygon)
    return [lon_lats(np.asarray(ring.coords)) for ring in (turned.exterior, *turned.interiors)]


_SHAPES: dict[str, Callable[[Recipe, Shop, _Town], Any]] = {
    "floor": _floor,
    "sites": _sites,
    "block": _block,
    "ring": _ring,
    "street": _street,
}
