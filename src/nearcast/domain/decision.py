"""Decide: may this customer get this offer now? One pure function for every way a message can come about.

`decide` takes all candidates of one customer at one instant. Each goes through the rule book; those that pass compete,
at most one wins; the hold-out comes last, so that a ghost is exactly someone who would have been sent something.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from nearcast.domain.arbitration import place_of
from nearcast.domain.campaign import Offer
from nearcast.domain.case import Candidate, Case, Facts, Finding, Gate, ZoneSource
from nearcast.domain.experiment import Arm, Assignment, bucket, held_out_since
from nearcast.domain.ids import CampaignId
from nearcast.domain.policy import Holdout, Policy
from nearcast.domain.reason import Reason
from nearcast.domain.rules import RULES, add_findings, address, marketing_consent, suppression
from nearcast.domain.value import value

_MAX_STEPS = 200


class Outcome(StrEnum):
    SEND = "send"
    DEFER = "defer"
    SUPPRESS = "suppress"
    HOLDOUT = "holdout"


@value(kw_only=True)
class Verdict:
    """What becomes of one candidate and why: `findings` in rule order, `reason` the first that refuses, or that holds.

    `not_before` is set for DEFER; `expires_at` is when the offer ends, exclusive. `offer` is what this customer is
    offered, `variant` the name of the variant that it is.
    """

    candidate: Candidate
    offer: Offer
    outcome: Outcome
    reason: Reason | None
    findings: tuple[Finding, ...]
    expires_at: datetime
    timezone: str
    zone_source: ZoneSource
    not_before: datetime | None = None
    would_have_sent: bool = False
    winner_campaign_id: CampaignId | None = None
    variant: str | None = None

    @property
    def reasons(self) -> list[Reason]:
        """Every reason against sending now, in rule order."""
        return [finding.reason for finding in self.findings if finding.reason is not None]

    @property
    def consent_event_ids(self) -> tuple[str, ...]:
        """The lines of the ledger that it rests on: location first."""
        return tuple(key for finding in self.findings for key in finding.detail.get("event_ids", ()))

    @property
    def detail(self) -> dict[str, Any]:
        """What each rule saw, with the reason where it refused or held."""
        return {f.rule: {**f.detail, "reason": f.reason} if f.reason else f.detail for f in self.findings}


@value
class Decision:
    """The verdicts in the order of the candidates, the facts after them, reservations included, and the arms of
    experiments that the customer was not in before.
    """

    verdicts: tuple[Verdict, ...]
    facts: Facts
    assignments: tuple[Assignment, ...] = ()


def decide(
    candidates: Sequence[Candidate], facts: Facts, policy: Policy, now: datetime, gate: Gate = Gate.QUEUE
) -> Decision:
    """Verdicts for all candidates of one customer at `now`.

    At gate DISPATCH each candidate stands for a queued message and nobody competes.
    """
    cases = [on_its_channel(Case(candidate=c, facts=facts, policy=policy, now=now, gate=gate)) for c in candidates]
    verdicts = [judge(case) for case in cases]
    if gate is Gate.DISPATCH:
        return Decision(tuple(verdicts), facts)
    fit = [n for n, verdict in enumerate(verdicts) if verdict.outcome in (Outcome.SEND, Outcome.DEFER)]
    taken_by = next((send.campaign_id for send in facts.sends if send.decided_at == now), None)
    if not fit or taken_by is not None:
        lost = [_lost(v, taken_by) if taken_by and n in fit else v for n, v in enumerate(verdicts)]
        return Decision(tuple(lost), facts)
    best = min(fit, key=lambda n: place_of(cases[n]))
    winner = _after_experiments(cases[best], verdicts[best])
    assigned = _newly_assigned(cases[best])
    after = _reserve(facts, winner, assigned, now)
    for n in fit:
        if n == best:
            verdicts[n] = winner
            continue
        loser = verdicts[n]
        if _source(cases[n].candidate) != _source(winner.candidate):
            # another ping's opportunity: decided one after the other it would have met the winner's reservation
            loser = judge(replace(cases[n], facts=after))
        verdicts[n] = _lost(loser, winner.candidate.campaign.id)
    if winner.outcome is not Outcome.HOLDOUT:
        _line_up([n for n in sorted(fit, key=lambda n: place_of(cases[n])) if n != best], verdicts)
    return Decision(tuple(verdicts), after, assigned)


def judge(case: Case) -> Verdict:
    """One candidate before the rule book alone, without competitors and hold-out."""
    findings: list[Finding] = []
    for rule in RULES:
        add_findings(findings, rule, case)
    against = [f for f in findings if f.reason is not None]
    refused = next((f for f in against if not f.holds), None)
    held = [f for f in against if f.holds]
    decisive = refused or next(iter(held), None)
    outcome = Outcome.SUPPRESS if refused else Outcome.DEFER if held else Outcome.SEND
    zone, source = (decisive and decisive.zone) or case.zones[0]
    return Verdict(
        candidate=case.candidate,
        offer=case.offer,
        outcome=outcome,
        reason=decisive.reason if decisive else None,
        findings=tuple(findings),
        expires_at=case.expires_at,
        timezone=zone.key,
        zone_source=source,
        not_before=max(f.until for f in held if f.until) if outcome is Outcome.DEFER else None,
        would_have_sent=outcome is not Outcome.SUPPRESS,
    )


def earliest_send(case: Case) -> datetime | None:
    """The first instant from `case.now` on at which every rule but those about the ping would pass, if nothing else
    happens; None where that takes somebody's act (a consent, a longer budget, an opportunity's return).
    """
    if case.held_out_by is not None:
        return None
    at, ping = case.now, case.candidate.ping
    for _ in range(_MAX_STEPS):
        fresh = replace(ping, recorded_at=at, accuracy_m=0.0) if ping else None
        candidate = replace(case.candidate, ping=fresh)
        against = [f for f in judge(replace(case, candidate=candidate, now=at)).findings if f.reason]
        if not against:
            return at
        if any(f.until is None or f.until <= at for f in against):
            return None
        at = max(f.until for f in against if f.until)
    return None


def _source(candidate: Candidate) -> str | None:
    return candidate.ping.key if candidate.ping else None


def holdout_finding(case: Case) -> Finding | None:
    """The hold-out that keeps this customer out; None where none does."""
    if case.held_out_by is None:
        return None
    holdout, reason = case.held_out_by
    where, since = holdout.bucket(case.facts.customer.id), held_out_since(case.facts.assignments, holdout.salt)
    assigned = {} if since is None else {"since": since}
    return Finding("holdout", {"salt": holdout.salt, "percent": holdout.percent, "bucket": where, **assigned}, reason)


def variant_finding(case: Case) -> Finding | None:
    """The variant that this customer gets; None where the campaign has none."""
    split, variant = case.campaign.split, case.variant
    if split is None or variant is None:
        return None
    detail = {"name": variant.name, "salt": split.salt, "bucket": bucket(split.salt, case.facts.customer.id)}
    return Finding("variant", {**detail, "percent": split.percent(variant)})


def _after_experiments(case: Case, verdict: Verdict) -> Verdict:
    """Hold-outs, and for whoever is in none the variant."""
    held, variant = holdout_finding(case), variant_finding(case)
    if held is not None:
        findings = (*verdict.findings, held)
        return replace(verdict, outcome=Outcome.HOLDOUT, reason=held.reason, findings=findings, not_before=None)
    if variant is not None:
        return replace(verdict, findings=(*verdict.findings, variant), variant=variant.detail["name"])
    return verdict


def on_its_channel(case: Case) -> Case:
    """The case on the first channel of its campaign on which the customer can be reached and agrees to be; on the first
    of all where there is none. At dispatch the message has its channel.
    """
    if case.gate is Gate.DISPATCH:
        return case
    for channel in case.campaign.channels:
        tried = _on(case, channel)
        if next(_against_channel(tried), None) is None:
            return tried
    return case


def channels_tried(case: Case) -> list[tuple[str, list[Reason]]]:
    """The channels of its campaign in their order, each with what speaks against it for this customer."""
    return [
        (channel, list(_against_channel(_on(case, channel))))
        for channel in case.campaign.channels or (case.campaign.channel,)
    ]


def _on(case: Case, channel: str) -> Case:
    return replace(case, candidate=replace(case.candidate, campaign=replace(case.campaign, channel=channel)))


def _against_channel(case: Case) -> Iterator[Reason]:
    findings = (finding for rule in (suppression, marketing_consent, address) for finding in rule(case))
    return (finding.reason for finding in findings if finding.reason is not None)


def _newly_assigned(case: Case) -> tuple[Assignment, ...]:
    """The arms that an eligible customer is in and was not before: of hold-outs up to the first that holds them out, of
    variants where none does.
    """
    found: list[Assignment] = []
    for each in case.holdouts:
        held = each == case.held_out_by
        found.append(_in_arm(each[0], Arm.HELD_OUT if held else Arm.TREATED, case.now))
        if held:
            break
    split, variant = case.campaign.split, case.variant
    if split is not None and variant is not None and case.held_out_by is None:
        percent = split.percent(variant)
        found.append(Assignment(experiment=split.salt, arm=variant.name, percent=percent, at=case.now))
    known = {(each.experiment, each.arm) for each in case.facts.assignments}
    fresh = {(each.experiment, each.arm): each for each in reversed(found)}  # two hold-outs may share a salt
    return tuple(each for key, each in reversed(fresh.items()) if key not in known)


def _in_arm(holdout: Holdout, arm: Arm, at: datetime) -> Assignment:
    percent = holdout.percent if arm is Arm.HELD_OUT else 100 - holdout.percent
    return Assignment(experiment=holdout.salt, arm=arm.value, percent=percent, at=at)


def _line_up(losers: Sequence[int], verdicts: list[Verdict]) -> None:
    """Say of the losers that are a fall-back which comes first, should the winner be cancelled at dispatch."""
    for place, n in enumerate((n for n in losers if verdicts[n].candidate.campaign.is_fallback), start=1):
        *before, lost = verdicts[n].findings
        findings = (*before, replace(lost, detail={**lost.detail, "fallback": place}))
        verdicts[n] = replace(verdicts[n], findings=findings)


def _lost(verdict: Verdict, winner: CampaignId | None) -> Verdict:
    finding = Finding("arbitration", {"winner_campaign_id": winner}, Reason.LOST_ARBITRATION)
    return replace(
        verdict,
        outcome=Outcome.SUPPRESS,
        reason=verdict.reason if verdict.outcome is Outcome.SUPPRESS else Reason.LOST_ARBITRATION,
        findings=(*verdict.findings, finding),
        not_before=None,
        would_have_sent=False,
        winner_campaign_id=winner,
    )


def _reserve(facts: Facts, winner: Verdict, assigned: tuple[Assignment, ...], now: datetime) -> Facts:
    is_ghost, campaign_id = winner.outcome is Outcome.HOLDOUT, winner.candidate.campaign.id
    send = winner.candidate.as_send(now, is_ghost=is_ghost)
    used = facts.budget_used.get(campaign_id, 0) + (not is_ghost)
    return replace(
        facts,
        sends=(*facts.sends, send),
        budget_used={**facts.budget_used, campaign_id: used},
        assignments=(*facts.assignments, *assigned),
    )
