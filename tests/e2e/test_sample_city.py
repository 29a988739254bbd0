"""The project's own sample city, as `make run` replays it."""

import json

import pytest

from tests.e2e.conftest import Replayed
from tests.e2e.shell import nearcast
from tests.scenarios.harness import Outcome, read_outcome, rows

pytestmark = pytest.mark.e2e


@pytest.fixture
def city(sample_city: Replayed) -> Outcome:
    assert sample_city.answer.code == 0, sample_city.answer.err
    return read_outcome(sample_city.folder)


def test_messages_are_sent(city):
    assert len(city.sent) > 0
    assert city.counted("outcomes")["send"] > 0


def test_at_least_ten_reasons_say_why_not(city):
    reasons = {row["reason"] for row in city.match_log if row["outcome"] != "send"}
    assert len(reasons) >= 10, sorted(reasons)


def test_pings_without_consent_are_refused(city):
    assert city.refused["consent_location_missing"] > 0


def test_the_summary_adds_up(city):
    assert sum(city.counted("outcomes").values()) == len(city.match_log)
    assert sum(city.counted("transitions").values()) == len(city.transitions)
    assert sum(city.counted("messages").values()) == len(city.messages)
    for outcome, count in city.counted("outcomes").items():
        assert len(rows(city.match_log, outcome=outcome)) == count


def test_explain_agrees_with_the_log(city):
    for outcome in ("send", "suppress"):
        row = rows(city.match_log, outcome=outcome)[0]
        arguments = ["--customer", row["customer_id"], "--campaign", row["campaign_id"], "--at", row["at"]]
        told = nearcast("explain", *arguments, "--out", city.folder, "--json")
        assert told.code == 0, told.err
        assert json.loads(told.out.splitlines()[-1])["outcome"] == outcome
