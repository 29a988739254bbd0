"""Places that nobody is messaged about being at: what a visit there says of a person is nobody's business.

Source: FTC orders on location data; campaigns reference §6.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from nearcast.domain.errors import InvalidGeofence, InvalidInput
from nearcast.domain.geofence import Geofence
from nearcast.domain.ids import GeofenceId

CATEGORIES: Mapping[str, str] = MappingProxyType(
    {
        "clinic": "hospitals, practices, pharmacies and other medical care",
        "childcare": "nurseries and day care of children",
        "school": "schools and what else is mostly for minors",
        "place_of_worship": "churches, mosques, synagogues, temples and their organisations",
        "correctional_facility": "prisons and places of detention",
        "court": "courts, police stations, probation offices",
        "labour_union": "offices of trade unions",
        "political": "offices of parties, places of demonstrations",
        "shelter": "shelters for the homeless, for refugees, for survivors of violence",
        "social_services": "advice on debts, addiction, family, migration",
        "ethnic_community": "services for people of one origin",
        "lgbtq_community": "services for lesbian, gay, bisexual, trans and queer people",
        "military": "barracks and other military sites",
        "adult": "where adults meet for sex",
        "other": "what an operator protects beside these",
    }
)


@dataclass(frozen=True, slots=True)
class Sensitive:
    """A sensitive place by its name and category alone: what others may hear of it."""

    place_id: str
    category: str


@dataclass(frozen=True, slots=True)
class SensitivePlace:
    """The ground of one of `CATEGORIES`; the ground's id is the place's."""

    ground: Geofence
    category: str

    def __post_init__(self) -> None:
        if self.category not in CATEGORIES:
            raise InvalidInput(f"{self.category!r} is none of {', '.join(CATEGORIES)}", place="properties.category")

    @property
    def named(self) -> Sensitive:
        return Sensitive(self.ground.id, self.category)


class OnSensitiveGround(InvalidGeofence):
    """A geofence that overlaps a sensitive place."""

    code = "sensitive_location"

    @classmethod
    def of(cls, geofence_id: GeofenceId, over: Sensitive) -> "OnSensitiveGround":
        return cls(f"geofence {geofence_id!r} overlaps a sensitive place: {over.category} {over.place_id!r}")
