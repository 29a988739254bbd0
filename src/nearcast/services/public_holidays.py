"""Public holidays of a country, or of one of its parts."""

from dataclasses import dataclass
from datetime import date
from functools import cache

from nearcast.domain.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class PublicHolidays:
    """The dates that are a public holiday in `country` (ISO 3166), in `part` of it (ISO 3166-2) where one is named."""

    country: str
    part: str | None = None

    @classmethod
    def of(cls, region: str) -> "PublicHolidays":
        """Those of "FR" or "DE-BE"; InvalidInput where they are not known."""
        from holidays import list_supported_countries  # here and below: it takes a while to load

        found, known = cls.named(region), list_supported_countries()
        parts = known.get(found.country)
        if parts is None:
            raise InvalidInput(f"public holidays of {found.country!r} are not known: those of FR or DE-BE are")
        if found.part is not None and found.part not in parts:
            raise InvalidInput(f"{found.country} has no part {found.part!r}; it has {', '.join(parts) or 'none'}")
        return found

    @classmethod
    def named(cls, region: str) -> "PublicHolidays":
        """As `of`, of a region whose holidays are known to be known."""
        country, dash, part = region.partition("-")
        return cls(country, part if dash else None)

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and day in _dates(self.country, self.part, day.year)


@cache
def _dates(country: str, part: str | None, year: int) -> frozenset[date]:
    from holidays import country_holidays

    return frozenset(country_holidays(country, subdiv=part, years=year))
