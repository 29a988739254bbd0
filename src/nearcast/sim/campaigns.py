"""Twelve campaigns, each of a different kind."""

from typing import Any, TypeAlias

from nearcast.sim.consents import LOYALTY_SENDER

Row: TypeAlias = dict[str, Any]

_DAILY = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_WEEKDAYS = _DAILY[:5]
_JUNE = {"from": "2026-06-01T00:00:00+02:00", "until": "2026-07-01T00:00:00+02:00"}

POLICY: Row = {
    "quiet_hours": [{"from": "21:00", "until": "08:00"}],
    "caps": [
        {"id": "G1", "scope": "customer", "kind": "calendar", "unit": "day", "limit": 2},
        {"id": "G2", "scope": "customer", "kind": "rolling", "window_s": 604800, "limit": 3},
        {"id": "G3", "scope": "customer", "kind": "min_gap", "window_s": 14400},
    ],
    "holdout": {"percent": 5, "salt": "holdout:global:2026Q2"},
}


def _hours(start: str, end: str, days: list[str] = _DAILY) -> list[Row]:
    return [{"days": list(days), "from": start, "until": end}]


def _offer(text: str, expires_after_s: int) -> Row:
    return {"text": text, "expires_after_s": expires_after_s}


def campaigns() -> list[Row]:
    """As a scenario has them; a new list every time."""
    return [*_bread_and_coffee(), *_lunch_and_ice(), *_shopping(), *_silent(), *_after_hours()]


def _bread_and_coffee() -> list[Row]:
    return [
        {  # people on the bridge before eight get it at eight, if they are still near
            "id": "camp-morning-rolls",
            "shop_id": "bakery-old-bridge",
            "geofence_ids": ["bakery-old-bridge-near"],
            "trigger": {"on": "enter"},
            "active": dict(_JUNE),
            "dayparts": _hours("06:00", "11:00", _DAILY[:6]),
            "channel": "whatsapp",
            "offer": _offer("Five rolls for the price of four at {shop.name}, until {expires_at}.", 5400),
            "priority": 40,
            "klass": "promo",
            "re_eligibility_s": 86400,
            "fence_cooldown_s": 21600,
            "budget": {"messages": 60},
            "on_quiet": "defer",
        },
        {
            "id": "camp-market-coffee",
            "shop_id": "cafe-market",
            "trigger": {"on": "enter"},
            "active": dict(_JUNE),
            "dayparts": _hours("12:30", "18:30"),
            "channel": "push",
            "offer": _offer("Cake with your coffee, half price until {expires_at}.", 2400),
            "priority": 45,
            "klass": "promo",
            "re_eligibility_s": 259200,
            "fence_cooldown_s": 21600,
            "holdout": {"percent": 20, "salt": "holdout:camp-market-coffee:v1"},
        },
    ]


def _lunch_and_ice() -> list[Row]:
    return [
        {
            "id": "camp-lunch-round",
            "shop_id": "bistro-tower",
            "trigger": {"on": "schedule"},
            "schedule": {
                "cron": "30 11 * * mon-fri",
                "timezone": "Europe/Berlin",
                "seen_within_s": 1800,
                "within_m": 500,
                "catch_up_s": 1800,
            },
            "audience": {"tags_any": ["lunch"]},
            "channel": "push",
            "offer": _offer("Today's lunch at {shop.name} with a soup on the house, until {expires_at}.", 7200),
            "priority": 55,
            "klass": "promo",
            "budget": {"messages": 15},
        },
        {
            "id": "camp-two-scoops",
            "shop_id": "two-scoops",
            "trigger": {"on": "enter"},
            "active": dict(_JUNE),
            "dayparts": _hours("11:00", "19:00"),
            "channel": "whatsapp",
            "offer": _offer("The third scoop is free until {expires_at}.", 1800),
            "priority": 30,
            "klass": "promo",
            "fence_cooldown_s": 10800,
            "budget": {"messages": 30},
        },
    ]


def _shopping() -> list[Row]:
    return [
        {
            "id": "camp-arcade-stroll",
            "shop_id": "arcade-fashion",
            "geofence_ids": ["arcade-fashion-block", "arcade-fashion-floor"],
            "trigger": {"on": "dwell"},
            "active": dict(_JUNE),
            "channel": "whatsapp",
            "offer": _offer("Ten percent off everything on the rail by the window, until {expires_at}.", 3600),
            "priority": 60,
            "klass": "promo",
            "budget": {"messages": 12},
        },
        {
            "id": "camp-book-table",
            "shop_id": "bookshop-lanes",
            "geofence_ids": ["bookshop-lanes-near"],
            "trigger": {"on": "enter"},
            "active": dict(_JUNE),
            "audience": {"tags_any": ["student", "vip", "family"]},
            "channel": "push",
            "offer": _offer("The table of second-hand books is full again. Two for one until {expires_at}.", 5400),
            "priority": 50,
            "klass": "promo",
            "fence_cooldown_s": 21600,
        },
        {
            "id": "camp-bicycle-check",
            "shop_id": "bicycle-north",
            "trigger": {"on": "dwell"},
            "audience": {"tags_any": ["cyclist"]},
            "channel": "sms",
            "offer": _offer("Brakes and chain checked while you wait, free of charge until {expires_at}.", 3600),
            "priority": 80,
            "klass": "service",
        },
        {
            "id": "camp-station-card",
            "shop_id": "station-market",
            "trigger": {"on": "enter"},
            "audience": {"tags_any": ["loyalty"]},
            "channel": "push",
            "sender": LOYALTY_SENDER,
            "offer": _offer("Double points on your card until {expires_at}.", 3600),
            "priority": 70,
            "klass": "loyalty",
            "caps": [{"id": "L1", "scope": "shop", "kind": "rolling", "window_s": 259200, "limit": 1}],
        },
    ]


def _silent() -> list[Row]:
    """Two that send nothing on the day."""
    return [
        {  # begins a week later
            "id": "camp-garden-week",
            "shop_id": "garden-east",
            "trigger": {"on": "enter"},
            "active": {"from": "2026-06-08T00:00:00+02:00", "until": "2026-06-15T00:00:00+02:00"},
            "channel": "sms",
            "offer": _offer("Garden week: every third pot is free.", 7200),
            "priority": 35,
            "klass": "promo",
        },
        {  # paused by an event before the day begins
            "id": "camp-pharmacy-check",
            "shop_id": "pharmacy-market",
            "trigger": {"on": "enter"},
            "active": dict(_JUNE),
            "channel": "push",
            "offer": _offer("Blood pressure checked in five minutes, until {expires_at}.", 3600),
            "priority": 65,
            "klass": "service",
        },
    ]


def _after_hours() -> list[Row]:
    return [
        {
            "id": "camp-after-work",
            "shop_id": "gym-ring",
            "geofence_ids": ["office-lunch-block", "campus-canteen-block"],
            "trigger": {"on": "exit"},
            "active": dict(_JUNE),
            "dayparts": _hours("15:00", "20:30", _WEEKDAYS),
            "channel": "push",
            "offer": _offer("Leave the desk behind: free trial at {shop.name} until {expires_at}.", 10800),
            "priority": 20,
            "klass": "promo",
            "re_eligibility_s": 604800,
            "on_cap": "hold",
        },
        {  # whoever comes after nine hears nothing: the offer would be over before the quiet hours are
            "id": "camp-lantern-hour",
            "shop_id": "lantern-bar",
            "geofence_ids": ["lantern-bar-street", "lantern-bar-near"],
            "trigger": {"on": "enter"},
            "active": dict(_JUNE),
            "dayparts": _hours("17:00", "01:00"),
            "channel": "push",
            "offer": _offer("Lantern hour: the second drink is on {shop.name} until {expires_at}.", 3600),
            "priority": 48,
            "klass": "promo",
            "fence_cooldown_s": 21600,
            "on_quiet": "defer",
            "on_cap": "hold",
        },
    ]
