"""Who agreed to what, and who gets about how."""

from collections import defaultdict

import numpy as np
import pytest

from nearcast.sim.calendar import instant


@pytest.fixture(scope="module")
def ledger(city):
    rows = defaultdict(list)
    for row in city.consents:
        rows[row["customer_id"]].append(row)
    return rows


def _marketing(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    return [row for row in rows if row["purpose"] == "marketing.nearby"]


def test_one_in_ten_has_not_confirmed(ledger):
    waiting = [rows for rows in ledger.values() if _marketing(rows) and "confirmed" not in {r["action"] for r in rows}]
    assert len(waiting) == 50


def test_some_withdrew_before_and_some_on_the_day(city, ledger):
    withdrawn = [row for rows in ledger.values() for row in rows if row["action"] == "withdrawn"]
    before = {row["customer_id"] for row in withdrawn if row["at"] < instant(0)}
    today = {row["customer_id"] for row in withdrawn if row["at"] >= instant(0)}
    told = {
        event["consent"]["customer_id"]
        for event in city.events
        if event.get("consent", {}).get("action") == "withdrawn"
    }
    assert len(before) == 30
    assert len(today | told) == 15
    assert today
    assert told


def test_one_in_twenty_never_agreed_to_be_located(city, ledger):
    located = {row["customer_id"] for row in city.consents if row["purpose"] == "location.matching"}
    assert len(city.customers) - len(located) == 25
    assert len(ledger) == 500


def test_some_consents_end(ledger):
    ends = {row["customer_id"]: row["valid_until"] for rows in ledger.values() for row in rows if "valid_until" in row}
    assert len(ends) == 12
    assert any(end < instant(0) for end in ends.values())
    assert any(instant(0) < end < instant(86_400) for end in ends.values())


def test_each_customers_ledger_is_in_order(ledger):
    for rows in ledger.values():
        for purpose in ("location.matching", "marketing.nearby"):
            granted = [row["at"] for row in rows if row["purpose"] == purpose and row["action"] != "withdrawn"]
            withdrawn = [row["at"] for row in rows if row["purpose"] == purpose and row["action"] == "withdrawn"]
            assert not withdrawn or max(granted) < min(withdrawn)


def test_zones(city):
    zones = [customer.timezone for customer in city.customers]
    assert 10 < zones.count(None) < 60
    assert len(set(zones)) >= 3
    assert zones.count("Europe/Berlin") > 400


def test_nobody_is_stranded(city):
    """Nearly every customer is seen, and all within the city."""
    everywhere_m = np.concatenate([track.at_m for track in city.tracks])
    assert np.sqrt((everywhere_m**2).sum(axis=1)).max() < 2150
    assert sum(len(track) == 0 for track in city.tracks) < 15
