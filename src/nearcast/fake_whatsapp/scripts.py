"""What the next requests come to, whatever else would have become of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nearcast.domain.errors import InvalidInput

BEFORE = frozenset({"error", "html", "redirect", "close_unaccepted"})
AFTER = frozenset({"hang", "close", "slow", "html_accepted", "no_id", "huge", "hold", "fail_later"})
_FIELDS = {"do", "times", "code", "status", "is_transient", "ms", "to", "template"}


@dataclass
class Script:
    """`do` is one of `BEFORE`, after which nothing has been taken, or of `AFTER`, when the message has been: hang and
    close give no answer then, slow one after `ms`, html_accepted, no_id and huge one that cannot be read; hold keeps
    the message back, fail_later ends it with `code`. It holds for `times` requests to that person or with that
    template, where one is named.
    """

    do: str
    times: int = 1
    code: int = 131000
    status: int | None = None
    is_transient: bool = False
    ms: float = 1_000
    to: str | None = None
    template: str | None = None

    def holds_for(self, body: Mapping[str, Any]) -> bool:
        template = body.get("template")
        name = template.get("name") if isinstance(template, dict) else None
        names = {str(body.get("to", "")).removeprefix("+"), body.get("recipient")}
        to = None if self.to is None else self.to.removeprefix("+")
        return (to is None or to in names) and (self.template is None or self.template == name)


class Scripts:
    """In the order in which they were written."""

    def __init__(self) -> None:
        self._written: list[Script] = []

    def write(self, said: Mapping[str, Any]) -> None:
        """InvalidInput for what is no script."""
        if unknown := sorted(set(said) - _FIELDS):
            raise InvalidInput(f"is none of {', '.join(sorted(_FIELDS))}", place=unknown[0])
        if said.get("do") not in BEFORE | AFTER:
            raise InvalidInput(f"is one of {', '.join(sorted(BEFORE | AFTER))}", place="do")
        self._written.append(Script(**said))

    def clear(self) -> None:
        self._written.clear()

    def next_for(self, body: Mapping[str, Any]) -> Script | None:
        """The first that holds, which is then used up once."""
        found = next((each for each in self._written if each.holds_for(body)), None)
        if found is not None:
            found.times -= 1
            if found.times <= 0:
                self._written.remove(found)
        return found
