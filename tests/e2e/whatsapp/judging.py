"""Meta's own description of its API as the judge of bodies, where it lies beside the repository."""

import importlib.util
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

_SHARED = Path(__file__).parents[4] / "shared"
_TOOL = _SHARED / "tools" / "whatsapp_judge.py"
_DESCRIPTION = _SHARED / "contracts" / "whatsapp_business_messaging_v23.yaml"
IS_THERE = _TOOL.is_file() and _DESCRIPTION.is_file()
WANTING = "the description in ../shared/contracts is not here"
_MARKETING_ALONE = ("product_policy", "message_activity_sharing")


@cache
def judge() -> Callable[[dict[str, Any]], list[str]]:
    """What is wrong with a message's body; takes seconds to be read."""
    spec = importlib.util.spec_from_file_location("whatsapp_judge", _TOOL)
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves its file to the collector
        _, errors = tool.load(_DESCRIPTION)
    return errors  # type: ignore[no-any-return]


def faults(api: str, body: dict[str, Any]) -> list[str]:
    """What is wrong with a body that came to `messages` or `marketing_messages`; a number has its plus."""
    said = dict(body)
    if api == "marketing_messages":  # the description has them in a schema of their own
        said = {key: given for key, given in said.items() if key not in _MARKETING_ALONE}
    found = judge()(said)
    if not str(body.get("to", "+")).startswith("+"):
        found.append("to has no +: the provider would put our own country before it")
    return found
