"""A tenant's rules for who deals with single customers: read without geofences, and shared by all threads.

Nobody waits here for somebody else: what waits, waits in the database for one customer.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from nearcast.domain.geofence import Geofence
from nearcast.domain.ids import GeofenceId, TenantId
from nearcast.services.catalogue import NO_PLATFORM, assembled, edited
from nearcast.services.geofences import GeofenceBook
from nearcast.services.ports import Catalogue
from nearcast.services.world import World


class Rules(Protocol):
    """What gives worlds without customers."""

    def world(self, catalogue: Catalogue) -> World: ...


class Terms:
    """The rules of all tenants, as far as they were asked for, brought up to date by revision.

    `platform` is what holds for every tenant of this installation, as a scenario says it.
    """

    def __init__(self, platform: Mapping[str, Any] = NO_PLATFORM) -> None:
        self._platform = platform
        self._known: dict[TenantId, tuple[int, World]] = {}

    def of(self, tenant_id: TenantId) -> Rules:
        return _TenantsTerms(self, tenant_id)

    def world(self, tenant_id: TenantId, catalogue: Catalogue) -> World:
        """A world of that tenant without customers, up to date with the catalogue; each geofence is read when it is
        asked for.
        """
        now_at = catalogue.revision  # what is edited meanwhile comes next time, and only then for certain
        known_at, base = self._known.get(tenant_id, (None, None))
        if base is None or known_at != now_at:
            base = assembled(catalogue, tenant_id, self._platform)
            self._known[tenant_id] = (now_at, base)
        return World(
            tenant=base.tenant,
            shops=base.shops,
            campaigns=base.campaigns,
            customers={},
            geofences=_ReadWhenAsked(catalogue, base.geofences),
        )


class _TenantsTerms:
    def __init__(self, terms: Terms, tenant_id: TenantId) -> None:
        self._terms, self._tenant_id = terms, tenant_id

    def world(self, catalogue: Catalogue) -> World:
        return self._terms.world(self._tenant_id, catalogue)


class _ReadWhenAsked(GeofenceBook):
    """The geofences of one transaction, for who knows which ones to ask for by name."""

    def __init__(self, catalogue: Catalogue, hours_like: GeofenceBook) -> None:
        super().__init__((), hours_like.zone_of_shop)
        self._catalogue = catalogue

    def at(self, geofence_id: GeofenceId, instant: datetime) -> Geofence | None:
        if geofence_id not in self:
            self.load((edit.at, edited(edit)) for edit in self._catalogue.geofences.history(geofence_id))
        return super().at(geofence_id, instant)
