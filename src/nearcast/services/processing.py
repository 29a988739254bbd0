"""What a tenant's documents of data protection are made of: the live configuration, and nothing that is not in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from nearcast.domain.campaign import CampaignState
from nearcast.services.key_ports import ApiKey
from nearcast.services.ports import Revision, UnitOfWork
from nearcast.services.retention import Keep

NOT_STATED = "not stated"
NOT_KNOWN = "not known"
_IN_USE = (CampaignState.ACTIVE.value, CampaignState.PAUSED.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """What holds for every tenant here. `covers_rows` None where the database has no row-level security."""

    product: str
    has_data_key: bool
    covers_rows: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What one tenant has set up, as it stands at `at`."""

    at: datetime
    settings: Mapping[str, Any]
    shops: int
    geofences: Sequence[Mapping[str, Any]]
    campaigns: Sequence[Revision]
    keys: Sequence[ApiKey]

    @property
    def in_use(self) -> list[Mapping[str, Any]]:
        """The campaigns that are active or paused."""
        return [each.doc for each in self.campaigns if each.state in _IN_USE]

    @property
    def channels(self) -> list[str]:
        """What messages of these campaigns leave through."""
        return sorted({each["channel"] for each in self.in_use})

    @property
    def controller(self) -> dict[str, str]:
        said = self.settings.get("controller") or {}
        return {name: said.get(name) or NOT_STATED for name in ("name", "address", "contact", "dpo")}

    def rule(self, of: str, name: str) -> Any:
        """A setting; None where it is not set."""
        return (self.settings.get(of) or {}).get(name)


def configuration(uow: UnitOfWork, now: datetime) -> Configuration:
    """The configuration of the tenant of this unit of work."""
    settings = uow.catalogue.settings()
    return Configuration(
        at=now,
        settings={} if settings is None else settings.doc,
        shops=len(uow.catalogue.shops.all()),
        geofences=[each.doc for each in uow.catalogue.geofences.all()],
        campaigns=uow.catalogue.campaigns.all(),
        keys=[key for key in uow.keys.all() if key.is_live(now)],
    )


def kept_for(keep: Keep) -> list[dict[str, str]]:
    """What is deleted by itself, and when."""
    return [{"what": each.name.replace("_", " "), "kept_for": _told(getattr(keep, each.name))} for each in fields(keep)]


def _told(kept: object) -> str:
    if isinstance(kept, timedelta):
        hours = kept / timedelta(hours=1)
        return f"{hours / 24:g} days" if hours >= 72 else f"{hours:g} hours"
    return NOT_STATED if kept is None else str(kept)


def security_measures(about: Installation, found: Configuration) -> list[dict[str, str]]:
    """Which measures are in force, and which are not, or cannot be seen from here."""
    rows = {True: "on", False: "off: nearcast migrate", None: "off: this database has none"}[about.covers_rows]
    endless = sum(key.expires_at is None for key in found.keys)
    return [
        {
            "measure": "addresses of customers are encrypted (AES-GCM)",
            "state": "on, with a key from the environment"
            if about.has_data_key
            else "on, with a key that is kept in the same database",
        },
        {"measure": "row-level security between tenants for the API", "state": rows},
        {"measure": "API keys are kept as SHA-256 hashes", "state": f"on, {len(found.keys)} live keys"},
        {"measure": "API keys expire", "state": f"{len(found.keys) - endless} of {len(found.keys)} live keys do"},
        {"measure": "shop owners see customers by daily pseudonyms", "state": "on"},
        {"measure": "edits and refused accesses are written into an audit trail", "state": "on"},
        {"measure": "encryption on the way (TLS)", "state": f"{NOT_KNOWN}: it ends in front of nearcast"},
        {"measure": "encryption of the disk, backups", "state": f"{NOT_KNOWN}: they are the operator's"},
        {"measure": "database", "state": about.product},
    ]
