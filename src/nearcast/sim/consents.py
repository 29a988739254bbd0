"""What the customers agreed to: most to everything, some not yet, some no longer, some never."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from nearcast.sim.calendar import instant, on
from nearcast.sim.people import Customer

Row: TypeAlias = dict[str, Any]

LOCATION = "location.matching"
NEARBY = "marketing.nearby"
LOYALTY_SENDER = "station-market"  # the shop that asks its card holders for a consent of its own

# Of 500 customers; the rest have confirmed and stay.
_UNCONFIRMED, _WITHDRAWN_BEFORE, _WITHDRAWN_TODAY, _NO_LOCATION, _ENDING = 50, 30, 15, 25, 12
_CHANNELS = (("push", 0.72), ("whatsapp", 0.52), ("sms", 0.42))


@dataclass(frozen=True, slots=True)
class Ledger:
    """Consent rows known from the start, by customer and instant, and those that only arrive during the day."""

    rows: list[Row]
    later: list[tuple[float, Row]]  # seconds since midnight, row without `at`


def ask_for_consent(customers: list[Customer], rng: np.random.Generator) -> Ledger:
    """Deal each customer one story and write its rows."""
    stories = (
        ["unconfirmed"] * _UNCONFIRMED
        + ["withdrawn before"] * _WITHDRAWN_BEFORE
        + ["withdrawn today"] * _WITHDRAWN_TODAY
        + ["no location"] * _NO_LOCATION
        + ["ending"] * _ENDING
    )
    stories += ["confirmed"] * (len(customers) - len(stories))
    order = rng.permutation(len(customers))
    ledger = Ledger([], [])
    for customer, story in zip(customers, (stories[n] for n in order), strict=True):
        _write(customer, story, ledger, rng)
    return ledger


def _write(customer: Customer, story: str, ledger: Ledger, rng: np.random.Generator) -> None:
    asked_s = _business_hour(-int(rng.integers(20, 300)), rng)
    if story != "no location":
        ledger.rows.append(_row(customer, LOCATION, "granted", asked_s))
    channels = [channel for channel, share in _CHANNELS if rng.random() < share] or ["push"]
    for channel in channels:
        _ask(customer, channel, story, asked_s, ledger, rng)
    if "loyalty" in customer.tags and story == "confirmed" and rng.random() < 0.8:
        card_s = asked_s + 3600
        for action, at_s in (("granted", card_s), ("confirmed", card_s + 300)):
            ledger.rows.append(_row(customer, NEARBY, action, at_s, channel="push", sender=LOYALTY_SENDER))
    if story == "withdrawn before":
        ledger.rows.append(_row(customer, NEARBY, "withdrawn", _business_hour(-int(rng.integers(1, 18)), rng)))
    if story == "withdrawn today":
        _withdraw_today(customer, channels, ledger, rng)


def _ask(
    customer: Customer, channel: str, story: str, asked_s: float, ledger: Ledger, rng: np.random.Generator
) -> None:
    """Grant and confirmation on one channel; a third of the confirmed are imported with the proof alone."""
    ends: Row = {}
    if story == "ending":
        ends = {"valid_until": instant(on(0, 8 + 12 * float(rng.random())) if rng.random() < 0.6 else on(-9, 12))}
    if story == "unconfirmed":
        ledger.rows.append(_row(customer, NEARBY, "granted", asked_s + 60, channel=channel))
        if rng.random() < 0.1:  # the link in the message is clicked at last
            row = _row(customer, NEARBY, "confirmed", asked_s, channel=channel)
            del row["at"]
            ledger.later.append((round(on(0, 9 + 4 * float(rng.random()))), row))
        return
    if rng.random() < 2 / 3:
        ledger.rows.append(_row(customer, NEARBY, "granted", asked_s + 60, channel=channel))
    ledger.rows.append(_row(customer, NEARBY, "confirmed", asked_s + 400, channel=channel) | ends)


def _withdraw_today(customer: Customer, channels: list[str], ledger: Ledger, rng: np.random.Generator) -> None:
    """From one channel, from all, or from being located at all; a third of it is told by events."""
    at_s = float(round(on(0, 9 + 10 * float(rng.random()))))
    draw = rng.random()
    row = _row(customer, LOCATION if draw < 0.25 else NEARBY, "withdrawn", at_s)
    if draw > 0.7:
        row["channel"] = channels[0]
    if rng.random() < 1 / 3:
        del row["at"]
        ledger.later.append((at_s, row))
    else:
        ledger.rows.append(row)


def _business_hour(day: int, rng: np.random.Generator) -> float:
    return float(round(on(day, 8 + 12 * float(rng.random()))))


def _row(customer: Customer, purpose: str, action: str, at_s: float, **more: str) -> Row:
    return {"customer_id": customer.id, "purpose": purpose, **more, "action": action, "at": instant(at_s)}
