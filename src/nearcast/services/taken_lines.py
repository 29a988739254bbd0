"""A line of the consent ledger is taken in: written behind those that stand, and followed at once."""

from collections.abc import Iterable
from datetime import datetime

from nearcast.domain.consent import LOCATION, ConsentAction, ConsentEvent, consent_state
from nearcast.domain.errors import NotFound
from nearcast.services.consent_lines import with_address, with_state
from nearcast.services.engine import take_consent
from nearcast.services.ledger_ports import LedgerLine
from nearcast.services.ports import UnitOfWork
from nearcast.services.terms import Rules
from nearcast.services.working_set import WorkingSet
from nearcast.services.world import World


def take_line(uow: UnitOfWork, rules: Rules, line: LedgerLine, now: datetime) -> bool:
    """Write a line and what follows from it; False where it stands already. NotFound for an unknown customer, who is
    held until the transaction ends; the commit is the caller's.
    """
    event = line.event
    working = WorkingSet(uow, rules, [event.customer_id], now)
    if event.customer_id not in working.world.customers:
        raise NotFound(f"there is no customer {event.customer_id!r}")
    standing = working.world.consents.get(event.customer_id, ())
    line = with_address(line, uow.contacts.of([event.customer_id]).get(event.customer_id, ()))
    is_new = uow.consents.append(with_state(line, standing, now))
    if is_new:
        take_consent(working.world, event, now)
        working.save()
        end_location(uow, working.world, [event], now)
    return is_new


def end_location(uow: UnitOfWork, world: World, taken: Iterable[ConsentEvent], now: datetime) -> None:
    """Revoke the devices of whoever has taken back with one of these lines that they may be located, and delete where
    they were in the past and what no webhook has heard of them.
    """
    over = {
        event.customer_id
        for event in taken
        if event.purpose == LOCATION and event.action is ConsentAction.WITHDRAWN
        if not consent_state(world.consents.get(event.customer_id, ()), LOCATION, now=max(now, event.at)).is_live
    }
    uow.devices.revoke_all(sorted(over), now)
    uow.past_pings.forget(over)
    uow.events.forget(over, now)
