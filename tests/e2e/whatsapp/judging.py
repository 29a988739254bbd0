"""What Meta's own description has against a body that came to the fake."""

from typing import Any

from tests.channels.whatsapp.judge import DESCRIPTION, judge

IS_THERE = DESCRIPTION.is_file()


def faults(api: str, body: dict[str, Any]) -> list[str]:
    """For a body of `messages` or of `marketing_messages`; a number has its plus, which the description cannot say."""
    bare = (
        [] if str(body.get("to", "+")).startswith("+") else ["to has no plus: our own country would be put before it"]
    )
    return bare + judge().errors(body, is_marketing=api == "marketing_messages")
