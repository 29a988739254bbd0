"""Campaigns: drafted, activated, paused, ended. An ended one stays, for the match log refers to it."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from nearcast.domain.campaign import CampaignClass, CampaignState
from nearcast.domain.errors import Conflict, InvalidInput
from nearcast.domain.ids import CampaignId, TenantId
from nearcast.services.access import Principal
from nearcast.services.audit_ports import Actor, AuditEntry
from nearcast.services.campaign_templates import check_templates, templates_standing
from nearcast.services.catalogue import assembled_alone
from nearcast.services.ports import Catalogue, Documents, Page, Revision, Run, UnitOfWork
from nearcast.services.registers import Register, check_catalogue
from nearcast.services.report import rfc3339
from nearcast.services.reserved_keys import with_reserved
from nearcast.services.scalars import parse_instant
from nearcast.services.scenario import CampaignShape
from nearcast.services.shops import shop_of_document

_RESERVED = {"klass": CampaignClass.PROMO.value}
_AT_FIRST = (CampaignState.DRAFT, CampaignState.ACTIVE)


class Campaigns(Register):
    """The campaigns of a tenant. A revision's `doc` is without its state."""

    noun, plural = "campaign", "campaigns"

    def documents(self, catalogue: Catalogue) -> Documents:
        return catalogue.campaigns

    def shop_of(self, key: str, doc: Mapping[str, Any]) -> str | None:
        return shop_of_document(doc)

    def put(
        self,
        asker: Principal,
        campaign: CampaignShape,
        now: datetime,
        *,
        is_new: bool = False,
        expected: int | None = None,
    ) -> Revision:
        """Write a campaign, new or changed. A new one is a draft unless it says `active`; a change leaves the state,
        which `activate`, `pause` and `end` change.
        """
        doc = campaign.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={"state"})
        with self._store.writing(asker.tenant_id) as uow:
            standing = self.may_write(uow, asker, campaign.id, doc, is_new=is_new, expected=expected)
            doc = with_reserved(asker, doc, standing, _RESERVED)
            _check_geofences(uow, asker, campaign)
            check_templates(uow, doc)
            state = _state(campaign, standing)
            written = uow.catalogue.campaigns.put_campaign(campaign.id, doc, now, state=state)
            self.note_edit(uow, asker, campaign.id, now, before=standing, after=doc)
            check_catalogue(uow, asker.tenant_id, self.plural, campaign.id)
            asker.keep(uow, written)
            uow.commit()
        return written

    def change(self, asker: Principal, key: str, action: str, now: datetime) -> Revision:
        """Activate, pause or end; Conflict for a step that its state does not have."""
        with self._store.writing(asker.tenant_id) as uow:
            uow.catalogue.hold()
            standing = self.seen(uow, asker, key)
            if action == "activate":
                check_templates(uow, standing.doc)
            written = change_state(uow, asker.tenant_id, standing, action, now, by=asker.actor)
            if written is standing:
                return standing
            asker.keep(uow, written)
            uow.commit()
        return written

    def delete(self, asker: Principal, key: str, now: datetime, *, expected: int | None = None) -> None:
        """Take a draft out; Conflict for a campaign that was active."""
        self.remove(asker, key, now, expected=expected, may_go=_was_never_active)

    def templates(self, asker: Principal, key: str, now: datetime) -> list[Mapping[str, Any]]:
        """How the templates stand that its offers name."""
        with self._store.reading(asker.tenant_id) as uow:
            return templates_standing(uow, self.seen(uow, asker, key).doc, now)

    def runs(self, asker: Principal, key: str, *, cursor: str | None, limit: int) -> Page[Run]:
        """What became of its due instants, newest first; the cursor is the last due instant."""
        try:
            before = None if cursor is None else parse_instant(cursor)
        except ValueError as error:
            raise InvalidInput(str(error), place="cursor") from None
        with self._store.reading(asker.tenant_id) as uow:
            self.seen(uow, asker, key)
            found = [run for run in uow.runs.all(CampaignId(key))[::-1] if before is None or run.due_at < before]
        return Page(found[:limit], rfc3339(found[limit - 1].due_at) if len(found) > limit else None)


def change_state(
    uow: UnitOfWork,
    tenant_id: TenantId,
    standing: Revision,
    action: str,
    now: datetime,
    *,
    by: Actor,
    why: Mapping[str, Any] = MappingProxyType({}),
) -> Revision:
    """Activate, pause or end a campaign in a transaction that holds the catalogue; the same revision where it is so
    already. Conflict for a step that its state does not have. `why` stands in the trail.
    """
    campaign = assembled_alone(uow.catalogue, tenant_id, [standing]).campaigns.by_id[CampaignId(standing.id)]
    try:
        state = campaign.after(action).state
    except InvalidInput as error:
        raise Conflict(error.message) from error
    if state is campaign.state:
        return standing
    said = {"state": state.value, "was": standing.state, **why}
    uow.audit.append(AuditEntry(actor=by, action=action, kind=Campaigns.noun, id=standing.id, at=now, detail=said))
    return uow.catalogue.campaigns.put_campaign(standing.id, standing.doc, now, state=state)


def _state(campaign: CampaignShape, standing: Revision | None) -> CampaignState:
    said = campaign.state if "state" in campaign.model_fields_set else None
    if standing is None or standing.state is None:
        if said not in (None, *_AT_FIRST):
            raise InvalidInput("a new campaign is draft or active", place="state")
        return said or CampaignState.DRAFT
    if said is not None and said.value != standing.state:
        raise InvalidInput(f"the campaign is {standing.state}: activate, pause or end it", place="state")
    return CampaignState(standing.state)


def _was_never_active(uow: UnitOfWork, campaign: Revision) -> None:
    states = {revision.state for revision in uow.catalogue.campaigns.history(campaign.id)}
    if states != {CampaignState.DRAFT.value}:
        raise Conflict(f"campaign {campaign.id!r} was active: end it, the match log refers to it")


def _check_geofences(uow: UnitOfWork, asker: Principal, campaign: CampaignShape) -> None:
    """Every geofence must be there and be one that the asker may see."""
    for n, geofence_id in enumerate(campaign.geofence_ids or ()):
        found = uow.catalogue.geofences.get(geofence_id)
        if found is None or not asker.may_see(shop_of_document(found.doc)):
            raise InvalidInput(f"there is no geofence {geofence_id!r}", place=f"geofence_ids[{n}]")
