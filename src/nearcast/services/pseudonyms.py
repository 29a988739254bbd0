"""What owners see of customers: a name that holds for one shop and one day, and nothing that leads to another day.

A pseudonym is an HMAC with the installation's key: whoever has no key can neither turn it round nor make it.
"""

import hmac
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from nearcast.services.access import Principal, Role

_DIGITS = 16
_FREED = "free_at"  # of a cap: the instant of a message that counts, and a constant
# instants and numbers of one customer that return on other days, exactly
_LINKS_DAYS = frozenset({"customer_id", "event_ids", "valid_until", "last_sent_at", _FREED, "bucket", "salt", "tags"})
_RESTS = frozenset({"fence_cooldown", "re_eligibility"})  # their `until` is the last message's instant and a constant
_SOME_CAVEAT = "not everything is known as it stood then"
_WINNER = "winner_campaign_id"


class Pseudonyms:
    """Customers as each asker may know them: owners by pseudonym, everybody else by id."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def name(self, asker: Principal, shop_id: str, at: datetime, customer_id: str) -> str:
        """What a customer is called towards this asker, in what happened at that shop on that day (UTC)."""
        return self._pseudonym(asker.tenant_id, shop_id, at, customer_id) if is_owner(asker) else customer_id

    def row(self, asker: Principal, row: Mapping[str, Any], strangers: Collection[str]) -> dict[str, Any]:
        """A match-log row as this asker may see it; `strangers` are campaigns that they may not."""
        if not is_owner(asker):
            return dict(row)
        return {
            **_without(strangers, row),
            "customer_id": self._named(asker, row),
            "detail": {rule: _of_one_day(rule, _without(strangers, saw)) for rule, saw in row["detail"].items()},
            "not_before": None if _waits_for_the_past(row) else row["not_before"],
        }

    def explanation(
        self, asker: Principal, said: Mapping[str, Any], row: Mapping[str, Any], strangers: Collection[str]
    ) -> dict[str, Any]:
        """What is said of a match-log row, as this asker may see it."""
        if not is_owner(asker):
            return dict(said)
        return {
            **said,
            "customer_id": self._named(asker, row),
            "rules": [_of_one_day(rule["rule"], _without(strangers, rule)) for rule in said["rules"]],
            "earliest_send": None if _waits_for_the_past(row) else said["earliest_send"],
            "caveats": [_SOME_CAVEAT] if said["caveats"] else [],
        }

    def _named(self, asker: Principal, row: Mapping[str, Any]) -> str:
        return self.name(asker, row["shop_id"], row["decided_at"], row["customer_id"])

    def _pseudonym(self, tenant_id: str, shop_id: str, at: datetime, customer_id: str) -> str:
        said = f"{tenant_id}|{shop_id}|{at.astimezone(UTC).date().isoformat()}|{customer_id}"
        return "p-" + hmac.digest(self._secret, said.encode(), "sha256").hex()[:_DIGITS]


def is_owner(asker: Principal) -> bool:
    """Whether customers are hidden behind pseudonyms from this asker."""
    return asker.role is Role.OWNER


def _waits_for_the_past(row: Mapping[str, Any]) -> bool:
    """Whether a message of an earlier day may say when this one could go."""
    return any(_FREED in saw or (rule in _RESTS and "until" in saw) for rule, saw in row["detail"].items())


def _without(strangers: Collection[str], said: Mapping[str, Any]) -> dict[str, Any]:
    return {**said, _WINNER: None} if said.get(_WINNER) in strangers else dict(said)


def _of_one_day(rule: str, saw: Mapping[str, Any]) -> dict[str, Any]:
    hidden = _LINKS_DAYS | {"until"} if rule in _RESTS else _LINKS_DAYS
    return {key: value for key, value in saw.items() if key not in hidden}
