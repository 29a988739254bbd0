"""A tenant's catalogue as a process holds it: settings, shops, campaigns, geofences, brought up to date by revision."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nearcast.domain.errors import InvalidInput
from nearcast.domain.geofence import Geofence
from nearcast.domain.ids import GeofenceId, TenantId
from nearcast.geo.validate import geofence_from_feature
from nearcast.services.assembly import assemble
from nearcast.services.geofences import GeofenceBook
from nearcast.services.ports import Catalogue, Revision
from nearcast.services.scenario import ScenarioShape
from nearcast.services.sensitive_book import SensitiveBook, sensitive_place
from nearcast.services.voucher_codes import WITHOUT_KEY, VoucherCodes
from nearcast.services.webhook_shape import webhook_of
from nearcast.services.world import CampaignBook, World

CATALOGUE = "catalogue"
NO_PLATFORM: Mapping[str, Any] = {}


@dataclass(slots=True)
class CatalogueCache:
    """Everything of a world that belongs to nobody in particular. Geofences keep their past revisions.

    `platform` is what holds for every tenant of this installation, as a scenario says it; `codes` are its vouchers'.
    """

    tenant_id: TenantId
    platform: Mapping[str, Any] = field(default_factory=dict)
    codes: VoucherCodes = WITHOUT_KEY
    revision: int = -1
    _geofences: GeofenceBook | None = None
    _sensitive: SensitiveBook = field(default_factory=SensitiveBook)
    _base: World | None = field(default=None)

    def fresh(self) -> "CatalogueCache":
        """One that has read nothing yet."""
        return CatalogueCache(self.tenant_id, self.platform, self.codes)

    @property
    def is_read(self) -> bool:
        """Whether it was ever brought up to date."""
        return self._base is not None

    @property
    def indexed(self) -> int:
        """How many geofences are in the index."""
        return 0 if self._geofences is None else len(self._geofences)

    def world(self, catalogue: Catalogue) -> World:
        """A world without customers, up to date with the catalogue."""
        now_at = catalogue.revision
        if self._base is None or now_at != self.revision:
            is_first = self._geofences is None
            self._base = self._edited(catalogue, now_at) or self._with_geofences(
                assembled(catalogue, self.tenant_id, self.platform)
            )
            edits = catalogue.geofences.every(since=max(self.revision, 0))
            # one that was made meanwhile comes next time, and only then
            self._apply([edit for edit in edits if edit.catalogue_revision <= now_at], self._base.geofences, is_first)
            self._base.sensitive = self._protected(catalogue, now_at)
            self._base.webhooks = tuple(webhook_of(each.id, each.doc) for each in catalogue.webhooks.all())
            self.revision = now_at
        base = self._base
        return World(
            tenant=base.tenant,
            shops=base.shops,
            campaigns=base.campaigns,
            customers={},
            geofences=base.geofences,
            sensitive=base.sensitive,
            webhooks=base.webhooks,
            codes=self.codes,
        )

    def _edited(self, catalogue: Catalogue, now_at: int) -> World | None:
        """What was read before with the campaigns that were edited since; None where all is to be read again."""
        base, settings = self._base, catalogue.settings()
        if base is None or (settings and settings.catalogue_revision > self.revision):
            return None
        if catalogue.shops.every(since=self.revision):
            return None
        edits = [edit for edit in catalogue.campaigns.every(since=self.revision) if edit.catalogue_revision <= now_at]
        newest = {edit.id: edit for edit in edits}
        if not newest:
            return base
        standing = [edit for edit in newest.values() if not edit.is_deleted]
        try:
            found = assembled_alone(catalogue, self.tenant_id, standing, self.platform)
        except InvalidInput:
            return None  # who reads all of it says where the fault is
        kept = {key: campaign for key, campaign in base.campaigns.by_id.items() if key not in newest}
        base.campaigns = CampaignBook(dict(sorted((kept | found.campaigns.by_id).items())))
        return base

    def _protected(self, catalogue: Catalogue, now_at: int) -> SensitiveBook:
        """The sensitive places, brought up to date."""
        for edit in catalogue.sensitive_places.every(since=max(self.revision, 0)):
            if edit.catalogue_revision > now_at:
                break
            if edit.is_deleted:
                self._sensitive.delete(edit.id)
            else:
                self._sensitive.put(sensitive_place(edit.doc, place=f"sensitive place {edit.id}"))
        return self._sensitive

    def _with_geofences(self, world: World) -> World:
        if self._geofences is None:
            self._geofences = world.geofences
        else:
            self._geofences.read_hours_of(world.geofences)
            world.geofences = self._geofences
        return world

    @staticmethod
    def _apply(edits: Sequence[Revision], geofences: GeofenceBook, is_first: bool) -> None:
        if is_first:
            geofences.load((edit.at, edited(edit)) for edit in edits)
            return
        for edit in edits:
            found = edited(edit)
            if isinstance(found, Geofence):
                geofences.put(found, edit.at)
            else:
                geofences.delete(found, edit.at)


def edited(edit: Revision) -> Geofence | GeofenceId:
    """The geofence that an edit put, or the name of the one that it deleted."""
    return GeofenceId(edit.id) if edit.is_deleted else geofence_from_feature(edit.doc, place=f"geofence {edit.id}")


def assembled(catalogue: Catalogue, tenant_id: TenantId, platform: Mapping[str, Any] = NO_PLATFORM) -> World:
    """Settings, shops and campaigns of a tenant as they stand, and what the platform asks for; without geofences.

    InvalidInput where they do not go together; its place begins with `catalogue: `.
    """
    shops, campaigns = catalogue.shops.all(), catalogue.campaigns.all()
    names_any = any(edit.doc.get("geofence_ids") for edit in campaigns)
    known = catalogue.geofences.ids() if names_any else ()
    return _assembled(catalogue, tenant_id, platform, shops, campaigns, known)


def assembled_alone(
    catalogue: Catalogue,
    tenant_id: TenantId,
    campaigns: Sequence[Revision],
    platform: Mapping[str, Any] = NO_PLATFORM,
) -> World:
    """As `assembled`, with some of the campaigns and their shops alone: no campaign asks for another."""
    shops = [catalogue.shops.get(key) for key in sorted({edit.doc["shop_id"] for edit in campaigns})]
    named = {key for edit in campaigns for key in edit.doc.get("geofence_ids") or ()}
    known = {key for key in named if catalogue.geofences.history(key)}
    return _assembled(catalogue, tenant_id, platform, [shop for shop in shops if shop], campaigns, known)


def _assembled(
    catalogue: Catalogue,
    tenant_id: TenantId,
    platform: Mapping[str, Any],
    shops: Sequence[Revision],
    campaigns: Sequence[Revision],
    known: Collection[str],
) -> World:
    settings = catalogue.settings()
    document = {
        **(settings.doc if settings else {}),
        "platform": platform,
        "shops": [edit.doc for edit in shops],
        "campaigns": [{**edit.doc, **({"state": edit.state} if edit.state else {})} for edit in campaigns],
    }
    document["tenant"] = {**document.get("tenant", {}), "id": tenant_id}
    shape = ScenarioShape.model_validate(document)
    return assemble(shape, Path(CATALOGUE), lambda path: [], lambda note: None, repair=False, known=known)
