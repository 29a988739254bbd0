"""What an answer to a send means (messaging reference §10, §11)."""

from collections.abc import Mapping
from typing import Any

from nearcast.channels.attempts import Answered
from nearcast.channels.whatsapp.errors import code_of, provider_error
from nearcast.channels.whatsapp.names import learnt_keys
from nearcast.domain.sending import Accepted, Attempt, Rejected, Unknown

_HELD = {"held_for_quality_assessment", "paused"}


def outcome(answer: Answered) -> Attempt:
    """Accepted only with the provider's id of the message, Rejected only with a code of its own; for all else nobody
    can tell.
    """
    said = answer.said
    error = said.get("error")
    if isinstance(error, Mapping) and code_of(error) is not None and "messages" not in said:
        return Rejected(error=provider_error(error, retry_after_s=answer.retry_after_s))
    taken = _first(said, "messages")
    provider_id = taken.get("id")
    if 200 <= answer.status < 300 and error is None and isinstance(provider_id, str) and provider_id:
        return Accepted(
            provider_id=provider_id,
            is_held=taken.get("message_status") in _HELD,
            learnt=learnt_keys(_first(said, "contacts")),
        )
    return Unknown(reason=f"status_{answer.status}")


def _first(said: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = said.get(key)
    first = found[0] if isinstance(found, list) and found else None
    return first if isinstance(first, Mapping) else {}
