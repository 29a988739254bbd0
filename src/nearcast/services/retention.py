"""How long everything is kept, and the deletion of what has been kept for long enough."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from nearcast.domain.chain import flaws_of
from nearcast.domain.consent import LOCATION, consent_state
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.services.audit_ports import SYSTEM, AuditEntry
from nearcast.services.catalogue import assembled
from nearcast.services.evidence import YEARS_KEPT, since_years
from nearcast.services.look_back import local_days, look_back
from nearcast.services.ports import Store, UnitOfWork
from nearcast.services.retention_settings import RetentionShape
from nearcast.services.steps import slices
from nearcast.services.world import World

_AT_ONCE, _CHAINS_AT_ONCE = 5_000, 500
_COUNTED = timedelta(days=2)  # twice as long as any provider counts whom one writes to


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """How long each kind is kept. Pings from their arrival, and for ever while no worker has consumed them; the ids of
    pings from when they were consumed; pings of the past from when they were taken in; idempotency keys from the first
    request; requests to confirm from when they ran out, devices from when they were revoked, events for webhooks from
    when they were delivered or given up, events of providers with all that they brought, and what was answered, from
    when they came, and those of them that are about a message which nobody knows less long; opt-out reviews from when
    they were decided. Transitions from when they were, decisions from when they were made, messages and their texts
    from queueing, vouchers from when they ran out, slots with their reservations from when they ended, what others sent
    from sending, whose a payment was from when that came to its end.
    """

    pings: timedelta = timedelta(hours=24)
    ping_ids: timedelta = timedelta(hours=48)
    idempotency_keys: timedelta = timedelta(hours=24)
    confirmations: timedelta = timedelta(days=30)
    revoked_devices: timedelta = timedelta(days=30)
    events: timedelta = timedelta(days=30)
    provider_events: timedelta = timedelta(days=30)
    orphans: timedelta = timedelta(days=7)
    replies: timedelta = timedelta(days=30)
    opt_out_reviews: timedelta = timedelta(days=30)
    transitions: timedelta = timedelta(days=90)
    past_pings: timedelta = timedelta(days=90)
    message_texts: timedelta = timedelta(days=30)
    messages: timedelta = timedelta(days=400)
    vouchers: timedelta = timedelta(days=400)
    reservations: timedelta = timedelta(days=90)
    payers: timedelta = timedelta(days=400)
    other_sends: timedelta = timedelta(days=400)
    decisions: timedelta = timedelta(days=400)

    @classmethod
    def of(cls, settings: dict[str, Any]) -> "Keep":
        """What a tenant's settings say; safe defaults for what they leave out."""
        said = RetentionShape.model_validate(settings.get("retention") or {}).model_dump(exclude_none=True)
        return cls(**{_KIND[name]: timedelta(**{_UNIT[name]: value}) for name, value in said.items()})


_KIND = {name: name.rpartition("_")[0] for name in RetentionShape.model_fields}
_UNIT = {name: name.rpartition("_")[2] for name in RetentionShape.model_fields}
_FOR_EVER = {
    "suppressed_addresses": "an objection outlives the customer; a keyed hash of the address, and nothing else",
    "consent_ledger": "the proof of what was agreed to; after an erasure for five years, by a subject that is no name",
    "audit": "who changed what, without personal data",
    "customers": "until they are erased",
    "shop_staff": "until their shop takes them off its list; their addresses sealed",
    "costs": "what messages cost and whom they were charged to, without personal data",
    "payments": "what was paid, as the law on taxes has it; whose it was is forgotten before, as `payers`",
    "recipients_given_up": "who cannot be reached on a channel, until they write there or are erased",
}


class Retention:
    """Prunes a store by the settings of each tenant, or by `keep` for all of them.

    Ids of pings stay for as long as a late ping may come, and what was sent for as long as a rule counts it, if that is
    longer.
    """

    def __init__(self, store: Store, keep: Keep | None = None) -> None:
        self._store, self._keep = store, keep

    def table(self, tenant_id: TenantId) -> list[dict[str, Any]]:
        """What is kept for how long, kind by kind, the shortest first; None is for ever."""
        with self._store.reading(tenant_id) as uow:
            keep = self._keep or kept(uow)
        kinds = sorted(fields(keep), key=lambda each: getattr(keep, each.name))
        passing = [{"kind": each.name, "kept_s": getattr(keep, each.name).total_seconds()} for each in kinds]
        settings = {kind: name for name, kind in _KIND.items()}
        told = [{**each, "setting": settings.get(each["kind"]), "why": None} for each in passing]
        return told + [{"kind": kind, "kept_s": None, "setting": None, "why": why} for kind, why in _FOR_EVER.items()]

    def prune(self, tenant_id: TenantId, now: datetime) -> dict[str, int]:
        """Delete what is older than it is kept; how many of each kind. In portions: writers in between wait less. What
        was deleted is written into the audit trail.
        """
        with self._store.reading(tenant_id) as uow:
            keep = self._keep or kept(uow)
            world = assembled(uow.catalogue, tenant_id)
        pings, keys = now - keep.pings, now - keep.idempotency_keys
        ping_ids = now - max(keep.ping_ids, timedelta(seconds=world.tenant.presence.lateness_s))
        counted = _counted(world)
        messages, other_sends = now - max(keep.messages, counted), now - max(keep.other_sends, counted)
        jobs: dict[str, Callable[[UnitOfWork], int]] = {
            "pings": lambda uow: uow.pings.prune(pings, limit=_AT_ONCE),
            "ping_ids": lambda uow: uow.pings.prune_seen(ping_ids, limit=_AT_ONCE),
            "idempotency_keys": lambda uow: uow.idempotency.prune(keys, limit=_AT_ONCE),
            "confirmations": lambda uow: uow.confirmations.prune(now - keep.confirmations, limit=_AT_ONCE),
            "revoked_devices": lambda uow: uow.devices.prune(now - keep.revoked_devices, limit=_AT_ONCE),
            "events": lambda uow: uow.events.prune(now - keep.events, limit=_AT_ONCE),
            "provider_events": lambda uow: _prune_heard(uow, now - keep.provider_events),
            "orphans": lambda uow: uow.heard.prune_orphans(now - keep.orphans, limit=_AT_ONCE),
            "replies": lambda uow: uow.replies.prune(now - keep.replies, limit=_AT_ONCE),
            "opt_out_reviews": lambda uow: uow.reviews.prune(now - keep.opt_out_reviews, limit=_AT_ONCE),
            "transitions": lambda uow: uow.transitions.prune(now - keep.transitions, limit=_AT_ONCE),
            "past_pings": lambda uow: uow.past_pings.prune(now - keep.past_pings, limit=_AT_ONCE),
            "message_texts": lambda uow: uow.outbox.prune_texts(now - keep.message_texts, limit=_AT_ONCE),
            "messages": lambda uow: uow.outbox.prune(messages, limit=_AT_ONCE),
            "vouchers": lambda uow: uow.vouchers.prune(now - keep.vouchers, limit=_AT_ONCE),
            "reservations": lambda uow: _prune_reserved(uow, now - keep.reservations),
            "payers": lambda uow: uow.payments.forget_people(now - keep.payers, limit=_AT_ONCE),
            "payment_events": lambda uow: uow.payments.prune_events(now - keep.provider_events, limit=_AT_ONCE),
            "other_sends": lambda uow: uow.sends.prune(other_sends, limit=_AT_ONCE),
            "decisions": lambda uow: uow.match_log.prune(now - keep.decisions, limit=_AT_ONCE),
            "recipient_states": lambda uow: uow.senders.prune(now - _COUNTED, now, limit=_AT_ONCE),
            "consent_ledger": lambda uow: _purge_chains(uow, now),
        }
        pruned = {kind: self._prune(tenant_id, job) for kind, job in jobs.items()}
        self._prune(
            tenant_id, lambda uow: uow.allowances.prune(now - _COUNTED, limit=_AT_ONCE)
        )  # nobody's in particular
        self._store.prune_quarantined(now - keep.provider_events)
        pruned["past_pings"] += self._forget_unconsented(tenant_id, now)
        self._note({kind: count for kind, count in pruned.items() if count}, tenant_id, now)
        return pruned

    def _prune(self, tenant_id: TenantId, prune_some: Callable[[UnitOfWork], int]) -> int:
        pruned = 0
        while True:
            with self._store.writing(tenant_id) as uow:
                some = prune_some(uow)
                uow.commit()
            pruned += some
            if some < _AT_ONCE:
                return pruned

    def _forget_unconsented(self, tenant_id: TenantId, now: datetime) -> int:
        """Delete the pings of the past of those whose consent has run out; who withdraws need not wait for this."""
        with self._store.reading(tenant_id) as uow:
            gone = [key for some in slices(uow.past_pings.customers()) for key in _unconsented(uow, some, now)]
        pruned = 0
        for some in slices(gone):
            with self._store.writing(tenant_id) as uow:
                uow.customers.lock(some)  # who agrees anew at this moment comes before, or after
                pruned += uow.past_pings.forget(_unconsented(uow, some, now))
                uow.commit()
        return pruned

    def _note(self, pruned: dict[str, int], tenant_id: TenantId, now: datetime) -> None:
        if pruned:
            with self._store.writing(tenant_id) as uow:
                uow.audit.append(
                    AuditEntry(actor=SYSTEM, action="purged", kind="retention", id=tenant_id, at=now, detail=pruned)
                )
                uow.commit()


def located(uow: UnitOfWork, customer_ids: Sequence[CustomerId], now: datetime) -> list[CustomerId]:
    """Those who agree to be located at that instant."""
    events = uow.consents.of(customer_ids)
    return [key for key in customer_ids if consent_state(events.get(key, ()), LOCATION, now=now).is_live]


def _unconsented(uow: UnitOfWork, customer_ids: Sequence[CustomerId], now: datetime) -> list[CustomerId]:
    agreed = set(located(uow, customer_ids, now))
    return [key for key in customer_ids if key not in agreed]


def _prune_heard(uow: UnitOfWork, before: datetime) -> int:
    uow.heard.prune_raw(before, limit=_AT_ONCE)
    return uow.heard.prune(before, limit=_AT_ONCE)


def _prune_reserved(uow: UnitOfWork, before: datetime) -> int:
    uow.slots.prune(before, limit=_AT_ONCE)
    return uow.reservations.prune(before, limit=_AT_ONCE)


def _purge_chains(uow: UnitOfWork, now: datetime) -> int:
    """Take out the chains of customers who were erased so long ago that nothing has to be proven any more; how many.
    One with which something is wrong stays: it is evidence of that.
    """
    due = uow.consents.closed(since_years(now, -YEARS_KEPT), limit=_CHAINS_AT_ONCE)
    sound = [
        chain.subject
        for subject in due
        for chain in uow.consents.chains(subject)
        if not any(flaws_of(chain.subject, chain.links, chain.head))
    ]
    uow.consents.purge(sound, now)
    return len(sound)


def kept(uow: UnitOfWork) -> Keep:
    """How long the tenant keeps what, as its settings stand."""
    settings = uow.catalogue.settings()
    return Keep.of(dict(settings.doc) if settings else {})


def _counted(world: World) -> timedelta:
    """How far back a rule may ask for what was sent."""
    campaigns = world.campaigns.by_id.values()
    rests = [timedelta(seconds=max(each.fence_cooldown_s, each.re_eligibility_s)) for each in campaigns]
    rests += [local_days(each.re_eligibility_days) for each in campaigns if each.re_eligibility_days]
    caps = (*world.tenant.policy.caps, *world.campaigns.caps)
    return max([look_back(caps), *rests])
