"""Whose a number or an account at a provider is."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence

from nearcast.domain.errors import InvalidInput
from nearcast.domain.ids import TenantId


class Accounts:
    """The accounts of an installation. `own` are those that it has, by channel; `tenants_of` says whose some of them
    are. One that is nobody's in particular is everybody's who is here.
    """

    def __init__(
        self,
        own: Mapping[str, Collection[str]],
        tenants_of: Mapping[str, TenantId],
        tenants: Callable[[], Sequence[TenantId]],
    ) -> None:
        self._own, self._tenants_of, self._tenants = own, tenants_of, tenants

    def tenants(self, channel: str, account: str | None) -> Sequence[TenantId]:
        """Whose it is; nobody's where the account is none of ours. None stands for the channel's only one."""
        if account is not None and account in self._tenants_of:
            return [self._tenants_of[account]]
        own = self._own.get(channel, ())
        return self._tenants() if account is None or not own or account in own else []


def read_tenants_of(said: str | None) -> dict[str, TenantId]:
    """Accounts with their tenants from JSON like {"106540352242922": "t1"}; InvalidInput for anything else."""
    try:
        found = json.loads(said or "{}")
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(tenant, str) and tenant for tenant in found.values()):
        raise InvalidInput('is not JSON like {"106540352242922": "t1"}: accounts, each with its tenant')
    return {account: TenantId(tenant) for account, tenant in found.items()}
