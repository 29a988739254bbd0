"""What owners edit: settings, shops, campaigns, geofences. Every edit is a revision, and none is forgotten."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select

from nearcast.domain.campaign import CampaignState
from nearcast.domain.errors import NotFound
from nearcast.domain.ids import TenantId
from nearcast.services.ports import Revision
from nearcast.store.event_tables import webhook_revision
from nearcast.store.geofences import GeofenceRevisions
from nearcast.store.revisions import Revisions
from nearcast.store.tables import campaign_revision, sensitive_place_revision, settings_revision, shop_revision, tenant

_SETTINGS = "settings"
_REVISION = select(tenant.c.catalogue_revision).where(tenant.c.id == bindparam("tenant"))


class CampaignRevisions(Revisions):
    """As `Revisions`; a campaign is put with its state."""

    def put_campaign(self, key: str, doc: Mapping[str, Any], at: datetime, *, state: CampaignState) -> Revision:
        """Write the next revision of a campaign; a change of state alone is one too."""
        return self.put(key, doc, at, state=state.value)


class Catalogue:
    """One tenant's catalogue. `revision` grows with every edit; a process that sees it grow reloads."""

    def __init__(self, connection: Connection, tenant_id: TenantId) -> None:
        self._connection, self._tenant = connection, tenant_id
        self._settings = Revisions(connection, tenant_id, settings_revision)
        self.shops = Revisions(connection, tenant_id, shop_revision)
        self.campaigns = CampaignRevisions(connection, tenant_id, campaign_revision)
        self.geofences = GeofenceRevisions(connection, tenant_id)
        self.sensitive_places = Revisions(connection, tenant_id, sensitive_place_revision)
        self.webhooks = Revisions(connection, tenant_id, webhook_revision)

    @property
    def revision(self) -> int:
        """How often this catalogue was edited; NotFound for a tenant that does not exist."""
        found = self._connection.scalar(_REVISION, {"tenant": self._tenant})
        if found is None:
            raise NotFound(f"there is no tenant {self._tenant!r}")
        return int(found)

    def hold(self) -> None:
        """Keep every other editor of this tenant waiting until the transaction ends: what is read from now on still
        stands when it is written. Before any customer is locked.
        """
        mine = select(tenant.c.id).where(tenant.c.id == self._tenant)
        # not FOR UPDATE, which would wait for every row that refers to the tenant
        self._connection.execute(mine.with_for_update(key_share=True))

    def hold_geofences(self) -> None:
        """Keep whoever edits a geofence waiting until the transaction ends; others may hold them as well. Before any
        customer is locked: an editor holds the geofences first, and then who is inside.
        """
        self.geofences.hold(shared=True)

    def put_settings(self, doc: Mapping[str, Any], at: datetime) -> Revision:
        return self._settings.put(_SETTINGS, doc, at)

    def settings(self) -> Revision | None:
        return self._settings.get(_SETTINGS)

    def settings_history(self) -> list[Revision]:
        """All revisions of the settings, oldest first."""
        return self._settings.history(_SETTINGS)
