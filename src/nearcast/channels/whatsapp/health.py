"""What Meta says of a number that is asked after (messaging reference §1.4)."""

from nearcast.channels.attempts import Answered
from nearcast.channels.whatsapp.errors import code_of
from nearcast.services.channel_ports import ChannelHealth

_WORDS = {"AVAILABLE": "ready", "LIMITED": "ready, and limited", "BLOCKED": "blocked"}


def health(answer: Answered) -> ChannelHealth:
    """Ready where messages can be sent, if limited; an answer that does not say so is not ready."""
    error, status = answer.said.get("error"), answer.said.get("health_status")
    if isinstance(error, dict):
        return ChannelHealth(is_ready=False, what=f"refused with code {code_of(error)}")
    can = status.get("can_send_message") if isinstance(status, dict) else None
    if answer.status != 200 or not isinstance(can, str):
        return ChannelHealth(is_ready=False, what=f"not understood, status {answer.status}")
    return ChannelHealth(is_ready=can in ("AVAILABLE", "LIMITED"), what=_WORDS.get(can, "not understood"))
