"""What a replay leaves behind: files that are the same, byte for byte, for the same input.

Beside the four of CONTRACT stands `facts.json`, what `explain` needs to judge any instant: the scenario without pings
and geometry, what was sent, and who was in which arm of an experiment.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from nearcast.domain.case import Send
from nearcast.domain.errors import InvalidInput
from nearcast.domain.ids import CustomerId
from nearcast.domain.message import Message
from nearcast.domain.visit import Transition
from nearcast.services.matching import in_file_order
from nearcast.services.replay import Replay
from nearcast.services.scenario import ScenarioShape
from nearcast.services.world import World

TRANSITIONS, MATCH_LOG, MESSAGES = "transitions.ndjson", "match_log.ndjson", "messages.ndjson"
SUMMARY, FACTS = "summary.json", "facts.json"


def rfc3339(at: datetime) -> str:
    """An instant as text in UTC, with Z, and without a fraction when it is zero."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def as_json(value: object, *, indent: int | None = None) -> str:
    return json.dumps(value, default=_plain, ensure_ascii=False, allow_nan=False, indent=indent)


def make_folder(out: Path) -> None:
    """Make the folder to write into, before the work whose result it is to hold."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(f"cannot be made: {error.strerror}", place=str(out)) from error


def write_text(out: Path, text: str) -> None:
    """Write a file whole; InvalidInput where it cannot be written."""
    try:
        out.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise InvalidInput(f"cannot be written: {error.strerror}", place=str(out)) from error


def write_report(replay: Replay, shape: ScenarioShape, out: Path) -> dict[str, Any]:
    """Write the files into a folder; the summary, as written."""
    world = replay.world
    summary = json.loads(as_json(_summary(replay)))
    told = sorted(world.transitions.values(), key=lambda entry: (*in_file_order(entry[1]), entry[0]))
    try:
        _write_lines(out / TRANSITIONS, (transition_row(*entry) for entry in told))
        _write_lines(out / MATCH_LOG, world.rows)
        _write_lines(out / MESSAGES, (message_row(message) for message in world.messages.values()))
        (out / SUMMARY).write_text(as_json(summary, indent=2) + "\n", encoding="utf-8")
        (out / FACTS).write_text(as_json(_facts(replay, shape)) + "\n", encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"cannot be written: {error.strerror}", place=str(out)) from error
    return dict(summary)


def _write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(as_json(row) + "\n" for row in rows)


def transition_row(customer_id: CustomerId, transition: Transition) -> dict[str, Any]:
    return {
        "customer_id": customer_id,
        "geofence_id": transition.geofence_id,
        "kind": transition.kind,
        "at": transition.at,
        "decided_at": transition.decided_at,
        "visit_id": transition.visit_id,
        "initial": transition.initial,
        "inferred": transition.inferred,
        "reason": transition.reason,
        "duration_s": transition.duration_s,
        "geofence_revision": transition.geofence_revision,
    }


def message_row(message: Message) -> dict[str, Any]:
    return {
        "message_id": message.id,
        "decision_id": message.decision_id,
        "customer_id": message.customer_id,
        "campaign_id": message.campaign_id,
        "channel": message.channel,
        "status": message.status,
        "reason": message.reason,
        "queued_at": message.queued_at,
        "sent_at": message.sent_at,
        "expires_at": message.expires_at,
        "text": message.text,
        "variant": message.variant,
    }


def _summary(replay: Replay) -> dict[str, Any]:
    world = replay.world
    return {
        "tenant_id": world.tenant.id,
        "from": replay.since,
        "until": replay.until,
        "shops": len(world.shops),
        "geofences": len(world.geofences),
        "customers": len(world.customers),
        "campaigns": len(world.campaigns.by_id),
        "pings": {"read": len(replay.arrivals), "accepted": world.accepted},
        "pings_refused": _counted(world.refused),
        "pings_kept": _counted(world.kept),
        "transitions": _counted(Counter(transition.kind for _, transition in world.transitions.values())),
        "opportunities": len(world.rows),
        "outcomes": _counted(Counter(row["outcome"] for row in world.rows)),
        "reasons": _counted(Counter(row["reason"] for row in world.rows if row["reason"])),
        "messages": _counted(Counter(message.status for message in world.messages.values())),
        "cancelled": _counted(Counter(message.reason for message in world.messages.values() if message.reason)),
        "runs": world.runs,
        "by_campaign": _by_campaign(world),
    }


def _facts(replay: Replay, shape: ScenarioShape) -> dict[str, Any]:
    world = replay.world
    placeless = [event for event in shape.events if event.consent or event.campaign or event.prior_send]
    scenario = shape.model_copy(update={"geofences": None, "sensitive_places": None, "events": placeless})
    ghosts = [
        {**_slot(send), "customer_id": who, "message_id": None, "queued_at": send.at, "sent_at": None, "freed_at": None}
        for who, sends in world.other_sends.items()
        for send in sends
        if send.decided_at is not None
    ]
    messages = [
        {
            **_slot(message),
            "customer_id": message.customer_id,
            "message_id": message.id,
            "queued_at": message.queued_at,
            "sent_at": message.sent_at,
            "freed_at": message.freed_at,
        }
        for message in world.messages.values()
    ]
    return {
        "scenario": scenario.model_dump(mode="json", by_alias=True, exclude_unset=True),
        "sends": [*messages, *ghosts],
        "assignments": [
            {"customer_id": who, **asdict(each)} for who, arms in world.assignments.items() for each in arms
        ],
    }


def _slot(send: Send | Message) -> dict[str, Any]:
    return {key: getattr(send, key) for key in ("campaign_id", "shop_id", "geofence_id", "channel")}


def _by_campaign(world: World) -> dict[str, dict[str, int]]:
    counts: dict[str, Counter[str]] = {campaign_id: Counter() for campaign_id in sorted(world.campaigns.by_id)}
    for row in world.rows:
        counts[row["campaign_id"]][row["outcome"]] += 1
    return {campaign_id: _counted(outcomes) for campaign_id, outcomes in counts.items()}


def _counted(counter: Mapping[Any, int]) -> dict[str, int]:
    """Most frequent first, then by name; nothing that did not happen."""
    ordered = sorted(counter.items(), key=lambda item: (-item[1], item[0]))
    return {str(name): count for name, count in ordered if count}
