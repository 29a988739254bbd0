"""What the engine is measured on: a tenant with safe defaults, a campaign for each geofence, all consents."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from nearcast.domain.consent import LOCATION, NEARBY, ConsentAction, ConsentEvent
from nearcast.domain.geofence import Circle, Geofence
from nearcast.domain.ids import CustomerId
from nearcast.services.assembly import assemble
from nearcast.services.scenario import ScenarioShape
from nearcast.services.tenants import SAFE_DEFAULTS
from nearcast.services.world import World
from nearcast.sim.calendar import TIMEZONE

_TENANT, _CHANNEL = "bench", "sms"
_AGREED_BEFORE = timedelta(days=30)
_TRIGGERS = ("enter", "enter", "dwell", "exit")
_DAY_S = 86_400


def installation(customer_ids: Sequence[str], geofences: Sequence[Geofence], now: datetime) -> World:
    """Everything in memory, as it is before the first ping; everybody agreed to everything a month before `now`."""
    shape = ScenarioShape.model_validate(
        {
            "tenant": {"id": _TENANT, "timezone": TIMEZONE},
            **SAFE_DEFAULTS,
            "policy": {**SAFE_DEFAULTS["policy"], "holdout": {"percent": 5, "salt": "holdout:bench"}},
            "shops": [shop_of(n, geofence) for n, geofence in enumerate(geofences)],
            "geofences": "geofences",
            "customers": [customer_of(n, key) for n, key in enumerate(customer_ids)],
            "campaigns": [campaign_of(n, geofence) for n, geofence in enumerate(geofences)],
        }
    )
    world = assemble(shape, Path("bench"), lambda _: list(geofences), lambda _: None, repair=False)
    for key in map(CustomerId, customer_ids):
        world.consents[key] = list(consents_of(key, now - _AGREED_BEFORE))
    return world


def shop_of(n: int, geofence: Geofence) -> dict[str, Any]:
    shop: dict[str, Any] = {"id": f"shop-{n}", "name": f"Shop {n}", "opening_hours": "Mo-Sa 08:00-20:00"}
    if isinstance(geofence.boundary, Circle):
        center = geofence.boundary.center
        shop |= {"lat": center.lat_deg, "lon": center.lon_deg}
    return shop


def customer_of(n: int, key: str) -> dict[str, Any]:
    return {"id": key, "timezone": TIMEZONE, "tags": ["vip", "lunch"] if n % 4 == 0 else ["lunch"]}


def campaign_of(n: int, geofence: Geofence) -> dict[str, Any]:
    return {
        "id": f"campaign-{n}",
        "shop_id": f"shop-{n}",
        "geofence_ids": [geofence.id],
        "trigger": {"on": _TRIGGERS[n % len(_TRIGGERS)]},
        "channel": _CHANNEL,
        "offer": {"text": "{shop.name}: 20 % off until {expires_at}", "expires_after_s": 1200},
        "dayparts": [{"days": ["mon", "tue", "wed", "thu", "fri", "sat"], "from": "10:00", "until": "20:00"}],
        "audience": {"tags_any": ["vip"] if n % 5 == 0 else ["vip", "lunch"]},
        "priority": n % 7,
        "re_eligibility_s": 3 * _DAY_S,
        "fence_cooldown_s": _DAY_S / 4,
        "budget": {"messages": 1_000},
        "holdout": {"percent": 10, "salt": f"holdout:campaign-{n}"},
    }


def consents_of(key: CustomerId, at: datetime) -> tuple[ConsentEvent, ...]:
    granted, confirmed = ConsentAction.GRANTED, ConsentAction.CONFIRMED
    given = ((LOCATION, None, granted), (NEARBY, _CHANNEL, granted), (NEARBY, _CHANNEL, confirmed))
    return tuple(
        ConsentEvent(
            event_id=f"{key}-{n}",
            customer_id=key,
            purpose=purpose,
            action=action,
            at=at + timedelta(seconds=n),
            channel=channel,
            sender=_TENANT,
        )
        for n, (purpose, channel, action) in enumerate(given)
    )
