"""Scheduled runs on a store: each due instant is dealt with once, whoever comes to it first."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

from nearcast.domain.campaign import Campaign, CampaignState, Schedule, Trigger
from nearcast.domain.ids import CampaignId
from nearcast.services.engine import run_campaigns
from nearcast.services.ports import RunStatus, UnitOfWork
from nearcast.services.runs import due_runs, next_due, scheduled_since
from nearcast.services.steps import Known, Steps, slices
from nearcast.services.working_set import WorkingSet

_RUNS_AT_ONCE = 50
_ON_TIME_S = 60.0  # a run found out later than this was missed, unless its schedule makes up for it
_TICK = timedelta(microseconds=1)
_Scheduled: TypeAlias = tuple[CampaignId, Schedule, datetime]


class Scheduler:
    """The runs of one tenant. What it remembers only saves asking: the store says which runs there were."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._schedules: tuple[int, list[_Scheduled]] = (-1, [])
        self._ran_until: Mapping[CampaignId, datetime] = {}

    def next_run(self, uow: UnitOfWork) -> datetime | None:
        """When the next run is due."""
        done = uow.runs.newest()
        due = (next_due(schedule, max(since, done.get(key, since))) for key, schedule, since in self._due_by(uow))
        return min((at for at in due if at is not None), default=None)

    def run_due(self, now: datetime) -> bool:
        """Do the runs that are due, some of them if there are many; whether there may be more."""
        with self._steps.reading() as uow:
            missed, due = self._due_runs(uow, now)
        if missed:
            with self._steps.writing() as uow:
                for due_at, campaign_id in sorted(missed):
                    uow.runs.insert(campaign_id, due_at, status=RunStatus.MISSED, at=now)
                uow.commit()
        for due_at in sorted(due)[:_RUNS_AT_ONCE]:
            self._run(due_at, due[due_at], now)
        return len(due) > _RUNS_AT_ONCE

    def _due_by(self, uow: UnitOfWork) -> list[_Scheduled]:
        """Scheduled campaigns but drafts, and the instant after which they may be due."""
        catalogue = self._steps.catalogue
        campaigns = catalogue.world(uow.catalogue).campaigns.by_id
        if self._schedules[0] != catalogue.revision:
            found = [
                (key, campaign.schedule, scheduled_since(uow.catalogue.campaigns.history(key)) - _TICK)
                for key, campaign in sorted(campaigns.items())
                if campaign.trigger is Trigger.SCHEDULE and campaign.schedule is not None
                if campaign.state is not CampaignState.DRAFT
            ]
            self._schedules = (catalogue.revision, found)
        return self._schedules[1]

    def _due_runs(
        self, uow: UnitOfWork, now: datetime
    ) -> tuple[list[tuple[datetime, CampaignId]], dict[datetime, list[CampaignId]]]:
        """The runs that were missed, and those that are due by due instant, which nobody has written.

        Of each campaign at least the first `_RUNS_AT_ONCE`, so that the first of all are complete.
        """
        missed: list[tuple[datetime, CampaignId]] = []
        due: dict[datetime, list[CampaignId]] = {}
        if not any(self._has_come(item, now) for item in self._due_by(uow)):
            return missed, due
        self._ran_until = uow.runs.newest()
        for key, schedule, since in self._due_by(uow):
            after, left = max(since, self._ran_until.get(key, since)), _RUNS_AT_ONCE + 1
            for run in due_runs(schedule, after, now, on_time_s=_ON_TIME_S):
                if run.is_missed:
                    missed.append((run.due_at, key))
                    continue
                due.setdefault(run.due_at, []).append(key)
                left -= 1
                if not left:
                    break
        return missed, due

    def _has_come(self, item: _Scheduled, now: datetime) -> bool:
        key, schedule, since = item
        due_at = next_due(schedule, max(since, self._ran_until.get(key, since)))
        return due_at is not None and due_at <= now

    def _run(self, due_at: datetime, campaign_ids: Sequence[CampaignId], now: datetime) -> None:
        """The runs of one due instant together; a run that another process has written is left to it."""

        def run(uow: UnitOfWork, known: Known) -> None:
            catalogue = self._steps.catalogue
            ours = [key for key in campaign_ids if uow.runs.insert(key, due_at, status=RunStatus.DONE, at=now)]
            campaigns = catalogue.world(uow.catalogue).campaigns.by_id
            seen = uow.tracks.seen_since(_oldest(campaigns, ours, due_at)) if ours else []
            uow.customers.lock(seen)  # all of them before any budget
            for customer_ids in slices(seen):
                working = WorkingSet(uow, catalogue, customer_ids, now, known)
                run_campaigns(working.world, ours, due_at, now)
                for run in working.world.runs:
                    uow.runs.add_entries(run["campaign_id"], due_at, run["entries"])
                working.save()
            uow.commit()

        self._steps.decide(run)


def _oldest(campaigns: Mapping[CampaignId, Campaign], ids: Iterable[CampaignId], due_at: datetime) -> datetime | None:
    """How long ago a customer may have been seen for any of these runs; None for ever."""
    schedules = (campaigns[key].schedule for key in ids)
    limits = [schedule.seen_within_s for schedule in schedules if schedule is not None]
    bounded = [limit for limit in limits if limit is not None]
    return due_at - timedelta(seconds=max(bounded)) if len(bounded) == len(limits) else None
