"""What happens besides pings: sends of the days before, late consents, a pause, a fence moved and one removed."""

from typing import Any, TypeAlias

import numpy as np

from nearcast.sim.calendar import instant, on
from nearcast.sim.consents import Ledger
from nearcast.sim.fence_list import RECIPES
from nearcast.sim.fences import circle_feature
from nearcast.sim.people import Customer
from nearcast.sim.plane import point
from nearcast.sim.shops import Shop

Row: TypeAlias = dict[str, Any]

_MOVED_FENCE = "two-scoops-near"
_MOVED_TO_M = point(-60.0, -180.0)
_REMOVED_FENCE = "farm-shop-near"
_STATUSES = ("delivered", "accepted", "read", "delivered", "bounced", "failed", "transactional", "ghost")
_EARLIER_CAMPAIGNS = ("spring-market", "spring-market", "reopening", "camp-market-coffee", "camp-after-work")


def incidents(customers: list[Customer], shops: list[Shop], ledger: Ledger, rng: np.random.Generator) -> list[Row]:
    """The scenario's events in order of `at`."""
    timed = _earlier_sends(customers, rng)
    timed += [(at_s, {"consent": row}) for at_s, row in ledger.later]
    timed += [
        (on(0, 5), {"campaign": {"id": "camp-pharmacy-check", "action": "pause"}}),
        (on(0, 12), {"campaign": {"id": "camp-book-table", "action": "pause"}}),
        (on(0, 14), {"geofence_put": _moved(shops)}),
        (on(0, 18), {"geofence_delete": _REMOVED_FENCE}),
    ]
    return [{"at": instant(at_s), **event} for at_s, event in sorted(timed, key=lambda pair: pair[0])]


def _earlier_sends(customers: list[Customer], rng: np.random.Generator) -> list[tuple[float, Row]]:
    """Ninety customers got one to three messages in the seven days before."""
    timed = []
    for n in np.sort(rng.choice(len(customers), 90, replace=False)).tolist():
        for _ in range(int(rng.integers(1, 4))):
            at_s = float(round(on(-int(rng.integers(1, 7)), 9 + 11 * float(rng.random()))))
            send = {
                "customer_id": customers[n].id,
                "campaign_id": _EARLIER_CAMPAIGNS[rng.integers(len(_EARLIER_CAMPAIGNS))],
                "status": _STATUSES[rng.integers(len(_STATUSES))],
            }
            timed.append((at_s, {"prior_send": send}))
    return timed


def _moved(shops: list[Shop]) -> Row:
    """The fence of the ice cream cart, which goes to the southern lanes for the afternoon."""
    recipe = next(recipe for recipe in RECIPES if recipe.id == _MOVED_FENCE)
    shop = next(shop for shop in shops if shop.id == recipe.shop_id)
    return circle_feature(recipe, shop, _MOVED_TO_M)
