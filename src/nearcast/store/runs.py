"""Scheduled runs: at most one row per campaign and due instant, whoever is first to write it."""

from datetime import datetime

from sqlalchemy import Connection, func, select, update

from nearcast.domain.ids import CampaignId, TenantId
from nearcast.services.ports import Run, RunStatus
from nearcast.store.dialect import insert_new
from nearcast.store.tables import campaign_revision, run


class Runs:
    """One tenant's runs."""

    def __init__(self, connection: Connection, tenant: TenantId) -> None:
        self._connection, self._tenant = connection, tenant

    def insert(
        self, campaign_id: CampaignId, due_at: datetime, *, status: RunStatus, at: datetime, entries: int = 0
    ) -> bool:
        """Write a run; False where it has been written already, by whomever: then it is not ours to do."""
        row = {"campaign_id": campaign_id, "due_at": due_at, "status": status.value, "entries": entries, "at": at}
        return insert_new(self._connection, run, {"tenant_id": self._tenant, **row})

    def add_entries(self, campaign_id: CampaignId, due_at: datetime, entries: int) -> None:
        """Count further customers that a run of this transaction took in."""
        mine = (run.c.tenant_id == self._tenant) & (run.c.campaign_id == campaign_id) & (run.c.due_at == due_at)
        self._connection.execute(update(run).where(mine).values(entries=run.c.entries + entries))

    def newest(self) -> dict[CampaignId, datetime]:
        """The last due instant dealt with, by campaign."""
        made = campaign_revision.c.tenant_id == self._tenant
        campaign = select(campaign_revision.c.id).where(made).distinct().subquery()
        mine = (run.c.tenant_id == self._tenant) & (run.c.campaign_id == campaign.c.id)
        # asked once for each: the last of an index, where a GROUP BY would read every run that there ever was
        last = select(campaign.c.id, select(func.max(run.c.due_at)).where(mine).scalar_subquery().label("due_at"))
        found = ((CampaignId(row.id), row.due_at) for row in self._connection.execute(last))
        return {key: due_at for key, due_at in found if due_at is not None}

    def all(self, campaign_id: CampaignId | None = None) -> list[Run]:
        """Runs by due instant and campaign."""
        found = select(run).where(run.c.tenant_id == self._tenant).order_by(run.c.due_at, run.c.campaign_id)
        if campaign_id is not None:
            found = found.where(run.c.campaign_id == campaign_id)
        return [
            Run(
                campaign_id=CampaignId(row.campaign_id),
                due_at=row.due_at,
                status=RunStatus(row.status),
                entries=row.entries,
                at=row.at,
            )
            for row in self._connection.execute(found)
        ]
