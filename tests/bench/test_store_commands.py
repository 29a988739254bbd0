"""`nearcast bench decide` and `bench dispatch`: what they measure adds up."""

import json
from typing import Any

import pytest

from tests.e2e.shell import nearcast

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]  # a server is started


def measured(*said: str) -> dict[str, object]:
    answer = nearcast("bench", *said)
    if "--peers" in answer.err or "not on PATH" in answer.err:
        pytest.skip("needs a service: PostgreSQL with PostGIS")
    assert answer.code == 0, answer.err
    found: dict[str, object] = json.loads(answer.out.splitlines()[-1])
    return found


def test_every_customer_is_decided_in_every_round():
    said = ("--customers", "20", "--rounds", "2", "--log-rows", "100", "--workers", "2", "--at-once", "5")
    found = measured("decide", *said, "--rivals", "2")
    assert (found["log_rows"], found["rivals"]) == (100, 2)
    counts = found["workers"]["2"]  # type: ignore[index]
    assert counts["decisions"] == sum(counts["outcomes"].values()) == 80
    assert counts["outcomes"]["send"] > 0
    assert counts["share_of_bare"] == pytest.approx(counts["decisions_per_s"] / counts["bare_per_s"], rel=0.1)
    bounds = counts["bounds"]
    assert bounds["worker_us"] > bounds["bare_worker_us"] > 0, "the statements alone are the least of a worker's time"
    assert bounds["decisions_per_s"] < bounds["bare_per_s"]


def test_every_message_leaves_once():
    found = measured("dispatch", "--queued", "600", "--messages", "600", "--log-rows", "0")
    assert 0 < found["messages"] < 600, "the first hundred only warm it up"  # type: ignore[operator]
    assert found["statements"] < found["messages"] * 2  # type: ignore[operator]


def test_messages_leave_over_http_no_faster_than_a_throttle_lets_them():
    said = ("--queued", "180", "--messages", "180", "--log-rows", "0", "--answer-ms", "80", "--per-s", "60")
    found = measured("dispatch", *said, "--against", "fake-whatsapp")
    assert 0 < found["most_in_a_second"] <= 60  # type: ignore[operator]
    assert (found["against"], found["per_s"], found["answer_ms"]) == ("fake-whatsapp", 60, 80)


def test_messages_leave_through_channels_that_there_are():
    nearcast("bench", "dispatch", "--against", "pigeons").refuses("--against", "'pigeons' is neither recorder nor")
    nearcast("bench", "dispatch", "--per-s", "9").refuses("--per-s", "only a fake counts")


@pytest.mark.soak
def test_every_question_is_answered_with_its_plans():
    found = measured("plans", "--customers", "100", "--queued", "100", "--log-rows", "3000")
    questions = {each["question"]: each for each in found["questions"]}  # type: ignore[attr-defined]
    assert found["slowest_ms"] == max(each["ms"] for each in questions.values())
    assert {"a step of 25 pings", "a dispatch", "explain a decision"} < questions.keys()
    (page,) = questions["match log, campaign_id: first page"]["statements"][1:]  # after the API's role is taken
    assert (page["indexes"], page["read_through"]) == (["ix_match_log_campaign"], [])
    assert page["rows"] > 0


def test_numbers_of_workers_are_numbers():
    nearcast("bench", "decide", "--workers", "1,many").refuses("--workers", "'1,many' is not numbers from 1 to 64")


def test_pings_are_accepted_decided_and_answered_one_at_a_time():
    said = ("--customers", "50", "--fences", "60", "--pings", "1000", "--on", "sqlite", "--workers", "2")
    found = measured("ingest", *said)
    counts: dict[str, Any] = found["sqlite"]  # type: ignore[assignment]
    assert counts["refused_requests"] == 0
    assert 0 < counts["accepted_and_decided_per_s"] <= counts["accepted_per_s"]
    assert counts["single_requests_per_s"] > 0
    processes = {"api", "worker", "sender", "all others"}
    assert counts["bound_by"].keys() == counts["cpu_us_per_ping"].keys() == processes
    assert counts["cpu_us_per_single_request"].keys() == processes
    assert sum(counts["cpu_us_per_ping"][role] for role in ("api", "worker", "sender")) > 0


def test_pings_are_sent_in_formats_that_are_read():
    nearcast("bench", "ingest", "--format", "xml").refuses("--format", "'xml' is none of json, ndjson, arrow")


def test_pings_are_sent_to_databases_that_there_are():
    nearcast("bench", "ingest", "--customers", "50", "--fences", "60", "--pings", "1000", "--on", "oracle").refuses(
        "--on", "'oracle' is neither sqlite nor postgis"
    )
