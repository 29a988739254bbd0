"""What owners see of customers: a name that holds for one shop and one day, and nothing that leads to another day.

A pseudonym is an HMAC with the installation's key: whoever has no key can neither turn it round nor make it.
"""

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from nearcast.services.access import Principal, Role

_DIGITS = 16
# instants and numbers of one customer that return on other days, exactly
_LINKS_DAYS = frozenset(
    {"customer_id", "event_ids", "valid_until", "last_sent_at", "free_at", "bucket", "salt", "tags"}
)
_RESTS = frozenset({"fence_cooldown", "re_eligibility"})  # their `until` is the last message's instant and a constant
_SOME_CAVEAT = "not everything is known as it stood then"


class Pseudonyms:
    """Customers as each asker may know them: owners by pseudonym, everybody else by id."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def name(self, asker: Principal, shop_id: str, at: datetime, customer_id: str) -> str:
        """What a customer is called towards this asker, in what happened at that shop on that day (UTC)."""
        return self._pseudonym(asker.tenant_id, shop_id, at, customer_id) if is_owner(asker) else customer_id

    def row(self, asker: Principal, row: Mapping[str, Any]) -> dict[str, Any]:
        """A match-log row as this asker may see it."""
        shown = dict(row)
        if is_owner(asker):
            shown["customer_id"] = self.name(asker, row["shop_id"], row["decided_at"], row["customer_id"])
            shown["detail"] = {rule: _of_one_day(rule, saw) for rule, saw in row["detail"].items()}
        return shown

    def explanation(self, asker: Principal, said: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
        """What is said of a match-log row, as this asker may see it."""
        if not is_owner(asker):
            return dict(said)
        return {
            **said,
            "customer_id": self.name(asker, row["shop_id"], row["decided_at"], row["customer_id"]),
            "rules": [_of_one_day(rule["rule"], rule) for rule in said["rules"]],
            "caveats": [_SOME_CAVEAT] if said["caveats"] else [],
        }

    def _pseudonym(self, tenant_id: str, shop_id: str, at: datetime, customer_id: str) -> str:
        said = f"{tenant_id}|{shop_id}|{at.astimezone(UTC).date().isoformat()}|{customer_id}"
        return "p-" + hmac.digest(self._secret, said.encode(), "sha256").hex()[:_DIGITS]


def is_owner(asker: Principal) -> bool:
    """Whether customers are hidden behind pseudonyms from this asker."""
    return asker.role is Role.OWNER


def _of_one_day(rule: str, saw: Mapping[str, Any]) -> dict[str, Any]:
    hidden = _LINKS_DAYS | {"until"} if rule in _RESTS else _LINKS_DAYS
    return {key: value for key, value in saw.items() if key not in hidden}
