"""The live service's use cases in one bundle, with what they need already handed in."""

from dataclasses import dataclass

from nearcast.services.access import Access
from nearcast.services.campaigns import Campaigns
from nearcast.services.fences import Fences
from nearcast.services.once import Once
from nearcast.services.ports import Clock
from nearcast.services.shops import Shops
from nearcast.services.tenants import Tenants


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """What the API, the console, the worker and the command line receive; none of them ever sees an adapter."""

    clock: Clock
    access: Access
    once: Once
    tenants: Tenants
    shops: Shops
    fences: Fences
    campaigns: Campaigns
