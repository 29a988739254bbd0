"""The sensitive places of a tenant, and which geofences lie over one: worked out once per edit, not per ping."""

from collections.abc import Iterable, Mapping
from typing import Any

from nearcast.domain.errors import InvalidInput
from nearcast.domain.geofence import Geofence
from nearcast.domain.position import Position
from nearcast.domain.sensitive import OnSensitiveGround, Sensitive, SensitivePlace
from nearcast.geo.touching import Touching
from nearcast.geo.validate import geofence_from_feature, geofences_from_collection


class SensitiveBook:
    """Places are put and taken out; what is remembered of geofences is forgotten then."""

    def __init__(self, places: Iterable[SensitivePlace] = ()) -> None:
        self._places = {str(place.ground.id): place for place in places}
        self._touching: Touching | None = None
        self._known: dict[Geofence, Sensitive | None] = {}

    def __len__(self) -> int:
        return len(self._places)

    def put(self, place: SensitivePlace) -> None:
        self._places[place.ground.id] = place
        self._forget()

    def delete(self, place_id: str) -> None:
        self._places.pop(place_id, None)
        self._forget()

    def over(self, geofence: Geofence) -> Sensitive | None:
        """The first sensitive place by id that this revision of a geofence overlaps."""
        if not self._places:
            return None
        if geofence not in self._known:
            self._known[geofence] = self._first(self._grounds().touched_by(geofence))
        return self._known[geofence]

    def refuse(self, geofence: Geofence) -> None:
        """OnSensitiveGround for a geofence that may not be drawn where it is."""
        over = self._first(self._grounds().touched_by(geofence)) if self._places else None
        if over is not None:
            raise OnSensitiveGround.of(geofence.id, over)

    def at(self, position: Position) -> Sensitive | None:
        """The first sensitive place by id that holds a position."""
        return self._first(self._grounds().at(position)) if self._places else None

    def _first(self, grounds: Iterable[Geofence]) -> Sensitive | None:
        ground = next(iter(grounds), None)
        return None if ground is None else self._places[ground.id].named

    def _grounds(self) -> Touching:
        if self._touching is None:
            self._touching = Touching([self._places[key].ground for key in sorted(self._places)])
        return self._touching

    def _forget(self) -> None:
        self._touching = None
        self._known.clear()


def sensitive_place(feature: Mapping[str, Any], *, place: str) -> SensitivePlace:
    """A Feature with a ground as geofences have it and a `category`; InvalidInput where it is none."""
    return _of_category(geofence_from_feature(feature, place=place), feature, place)


def sensitive_places(document: Mapping[str, Any] | None, *, place: str) -> list[SensitivePlace]:
    """Those of a FeatureCollection."""
    if document is None:
        return []
    grounds = enumerate(geofences_from_collection(document, place=place))
    return [_of_category(ground, document["features"][n], f"{place}: features[{n}]") for n, ground in grounds]


def _of_category(ground: Geofence, feature: Mapping[str, Any], place: str) -> SensitivePlace:
    category = (feature.get("properties") or {}).get("category")
    try:
        return SensitivePlace(ground, "" if category is None else str(category))
    except InvalidInput as error:
        raise error.within(place) if place else error from error
