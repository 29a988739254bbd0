"""What became of our own templates, numbers and accounts (messaging reference §2.5)."""

import re
from collections.abc import Mapping
from typing import Any

from nearcast.channels.whatsapp.errors import code_of, provider_error
from nearcast.channels.whatsapp.reading import Change, NotUnderstood, instant, needed, objects, part, spoken, text
from nearcast.domain.channel_event import UNLIMITED, SenderChange, TemplateChange
from nearcast.domain.sending import RetryClass

_BACK = {"UNPAUSE", "REINSTATED"}
_TIER = re.compile(r"(?:TIER_)?(\d{1,6})(K?)")
_NO_LIMIT = {"TIER_UNLIMITED", "-1"}
_ENDS = {"ACCOUNT_DELETED", "ACCOUNT_OFFBOARDED"}


def template_change(said: Mapping[str, Any], change: Change) -> TemplateChange:
    """Status, quality or category: told apart by what is there, for the field's name has been wrong before."""
    name, language = needed(said, "message_template_name"), needed(said, "message_template_language")
    quality, category, event = text(said, "new_quality_score"), text(said, "new_category"), text(said, "event")
    if quality is None and category is None and event is None:
        raise NotUnderstood("template without news")
    title = text(part(said, "other_info"), "title")
    is_back = event in _BACK or title in _BACK
    told = event or (f"category:{category}" if category else f"quality:{quality}")
    return TemplateChange(
        key=f"t:{text(said, 'message_template_id') or f'{name}:{language}'}:{told}:{change.time}",
        at=change.at,
        name=name,
        language=language,
        status="APPROVED" if is_back else event,
        category=category,
        quality=quality,
        reason=next((word for word in (text(said, "reason"), title) if word not in (None, "NONE")), None),
        received_by=change.account,
    )


def sender_change(said: Mapping[str, Any], change: Change) -> SenderChange:
    """A number's or an account's: what is new, and whether it means that nothing more may be sent."""
    event = text(said, "event") or text(said, "decision") or text(part(said, "alert_info"), "alert_type")
    state = text(part(said, "ban_info"), "waba_ban_state")
    limits = [text(said, key) for key in _limit_keys(event)]
    people = next((found for each in limits if (found := _people(each)) is not None), None)
    what = ":".join(spoken(each) for each in (event or change.field, state) if each is not None)
    sender = text(said, "phone_number_id") or change.received_by
    return SenderChange(
        key=f"a:{sender}:{change.field}:{what}:{people or ''}:{change.time}",
        at=change.at,
        sender=sender,
        what=what,
        unique_recipients_24h=people,
        is_stopped=state == "DISABLE" or event in _ENDS or _is_restricted(said),
    )


def account_trouble(error: Mapping[str, Any], change: Change) -> SenderChange:
    """An error that is about no message, but about the number."""
    if code_of(error) is None:
        raise NotUnderstood("error without a code")
    met = provider_error(error)
    at = instant(error, "timestamp") or change.at
    return SenderChange(
        key=f"a:{change.received_by}:errors:{met.code}:{change.time or at.isoformat(timespec='hours')}",
        at=at,
        sender=change.received_by,
        what=met.code,
        is_stopped=met.retry is RetryClass.SENDER_STOP,
        scope=met.scope,
    )


def _limit_keys(event: str | None) -> list[str]:
    """Where the number of people a day stands. With more throughput comes a limit that is not about people."""
    keys = ["max_daily_conversations_per_business", "max_daily_conversation_per_phone"]
    return keys if event == "THROUGHPUT_UPGRADE" else [*keys, "current_limit"]


def _people(said: str | None) -> int | None:
    if said in _NO_LIMIT:
        return UNLIMITED
    tier = _TIER.fullmatch(said or "")
    return int(tier[1]) * (1000 if tier[2] else 1) if tier else None


def _is_restricted(said: Mapping[str, Any]) -> bool:
    kinds = [text(each, "restriction_type") or "" for each in objects(said, "restriction_info")]
    return any("MESSAGING" in kind for kind in kinds)
