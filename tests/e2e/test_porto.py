"""Real taxis and real shops of Porto against figures that were computed twice, independently of nearcast.

Pings: UCI "Taxi Service Trajectory" (ECML/PKDD 2015), CC BY 4.0. Shops: OpenStreetMap contributors, ODbL.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.shell import Row, nearcast, nearcast_process, write_json
from tests.scenarios.harness import Outcome, read_outcome, rows

PORTO = Path(__file__).parents[3] / "shared" / "data" / "porto"
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not PORTO.is_dir(), reason="needs the data of ../shared/data/porto beside the repository"),
]

BEFORE = "2013-01-01T00:00:00Z"
PINGS = PORTO / "pings.parquet"
FILES = ["transitions.ndjson", "match_log.ndjson", "messages.ndjson", "summary.json"]


def golden(radius_m: int) -> Row:
    figures: Row = json.loads((PORTO / "golden.json").read_text())[f"r{radius_m}m"]
    return figures


def fences(radius_m: int, chains: int = 1) -> Row:
    """A circle round every shop; the shops belong to `chains` chains in turn."""
    document: Row = json.loads((PORTO / "shops.geojson").read_text(encoding="utf-8"))
    for number, feature in enumerate(document["features"]):
        chain = {"shop_id": f"chain-{number % chains:02d}"} if chains > 1 else {}
        feature["properties"] |= {"id": f"shop-{number:03d}", "radius_m": radius_m, **chain}
    return document


def taxis() -> list[str]:
    import pyarrow.parquet as pq

    return sorted(set(pq.read_table(PINGS, columns=["subject"])["subject"].to_pylist()))


@pytest.mark.parametrize(("radius_m", "pairs"), [(50, 2653), (100, 9425)])
def test_match_equals_the_golden_counts(tmp_path, radius_m, pairs):
    assert golden(radius_m)["hits_geodesic"] == pairs
    path = write_json(tmp_path / "fences.geojson", fences(radius_m))
    answer = nearcast("match", PINGS, path, "--json", "--verify", "--out", tmp_path / "pairs.parquet")
    assert answer.code == 0, answer.err
    found = json.loads(answer.out.splitlines()[-1])
    assert (found["pings"], found["geofences"], found["pairs"]) == (25765, 175, pairs)

    import pyarrow.parquet as pq

    table = pq.read_table(tmp_path / "pairs.parquet").to_pydict()
    assert len(set(table["ping_row"])) == golden(radius_m)["pings_in_any"]
    couples = set(zip(table["customer_id"], table["geofence_id"], strict=True))
    assert len(couples) == golden(radius_m)["subject_fence_pairs"]
    assert len(set(table["geofence_id"])) == golden(radius_m)["fences_hit"]


@pytest.mark.parametrize(("radius_m", "enters"), [(50, 1486), (100, 3371)])
def test_raw_replay_gives_the_naive_enters(tmp_path, radius_m, enters):
    assert golden(radius_m)["enter_events_naive"] == enters
    scenario = {
        "tenant": {"id": "porto", "timezone": "Europe/Lisbon"},
        "presence": {"profile": "raw", "gap_s": None},
        "geofences": fences(radius_m),
        "customers": [{"id": taxi} for taxi in taxis()],
        "consents": [
            {"customer_id": taxi, "purpose": "location.matching", "action": "granted", "at": BEFORE} for taxi in taxis()
        ],
    }
    path = write_json(tmp_path / "scenario.json", scenario)
    answer = nearcast("replay", path, "--pings", PINGS, "--out", tmp_path / "out")
    assert answer.code == 0, answer.err
    outcome = read_outcome(tmp_path / "out")
    assert len(rows(outcome.transitions, kind="enter")) == enters
    assert outcome.counted("transitions")["enter"] == enters
    assert outcome.refused == {}


# --- twenty campaigns

DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def campaign(number: int) -> Row:
    """Chain `number`'s campaign; every rule is used by some and left out by others."""
    kind = ["enter", "exit", "enter", "dwell", "schedule"][number % 5]
    found: Row = {
        "id": f"camp-{number:02d}",
        "shop_id": f"chain-{number:02d}",
        "trigger": {"on": kind},
        "channel": ["sms", "email"][number % 2],
        "offer": {"text": f"Offer {number} until {{expires_at}}", "expires_after_s": [600, 43200][number % 2]},
        "priority": 10 * (number % 7),
        "klass": ["promo", "promo", "loyalty", "service"][number % 4],
        "on_quiet": ["drop", "defer"][number % 2],
        "on_cap": ["drop", "drop", "hold"][number % 3],
    }
    if kind == "schedule":
        found["schedule"] = {
            "cron": ["30 11 * * mon-fri", "0 * * * *", "0 8,18 * * *", "15 */2 * * *"][number // 5],
            "timezone": "Europe/Lisbon",
            "seen_within_s": 3600,
            "within_m": 800,
            "catch_up_s": 1800,
        }
    if number % 3 == 0:
        found["dayparts"] = [{"days": DAYS[: 3 + number % 5], "from": "09:00", "until": "20:00"}]
    if number % 4 == 1:
        found["active"] = {"from": "2013-09-01T00:00:00+01:00", "until": "2014-03-01T00:00:00Z"}
    if number % 4 == 2:
        found |= {"re_eligibility_s": 604800, "fence_cooldown_s": 21600}
    if number % 6 == 0:
        found["audience"] = {"tags_any": ["vip"]}
    if number % 5 == 2:
        found["holdout"] = {"percent": 20, "salt": f"holdout:{number}"}
    if number % 7 == 3:
        found["budget"] = {"messages": 5}
    if number % 8 == 5:
        found["caps"] = [{"id": "own", "scope": "campaign", "kind": "rolling", "window_s": 86400, "limit": 1}]
    if number == 19:
        found["state"] = "paused"
    return found


def consents(number: int, taxi: str) -> list[Row]:
    """All let themselves be located; of ten, one never agreed to messages, one never confirmed, one took it back."""
    line: dict[str, Any] = {"customer_id": taxi, "at": BEFORE}
    found = [{**line, "purpose": "location.matching", "action": "granted"}]
    for channel in ("sms", "email"):
        marketing = {**line, "purpose": "marketing.nearby", "channel": channel}
        if number % 10 != 3:
            found.append({**marketing, "action": "granted"})
        if number % 10 not in {3, 4}:
            found.append({**marketing, "action": "confirmed", "at": "2013-01-02T00:00:00Z"})
        if number % 10 == 5:
            found.append({**marketing, "action": "withdrawn", "at": "2013-12-01T00:00:00Z"})
    return found


def scenario_of_twenty() -> Row:
    document = fences(100, chains=20)
    chains: dict[str, list[float]] = {}
    for feature in document["features"]:
        chains.setdefault(feature["properties"]["shop_id"], feature["geometry"]["coordinates"])
    return {
        "tenant": {"id": "porto", "timezone": "Europe/Lisbon"},
        "presence": {"profile": "raw", "dwell_s": 45, "gap_s": 1800},
        "policy": {
            "quiet_hours": [{"from": "22:00", "until": "08:00"}],
            "caps": [
                {"id": "day", "scope": "customer", "kind": "calendar", "unit": "day", "limit": 3},
                {"id": "week", "scope": "customer", "kind": "rolling", "window_s": 604800, "limit": 6},
                {"id": "gap", "scope": "customer", "kind": "min_gap", "window_s": 300},
                {"id": "shop", "scope": "shop", "kind": "rolling", "window_s": 86400, "limit": 1},
            ],
            "holdout": {"percent": 5, "salt": "holdout:global:2013"},
        },
        "shops": [
            {
                "id": name,
                "name": name,
                "lat": place[1],
                "lon": place[0],
                "timezone": "Europe/Lisbon",
                **({"opening_hours": "Mo-Sa 08:00-20:00"} if number % 5 == 1 else {}),
            }
            for number, (name, place) in enumerate(sorted(chains.items()))
        ],
        "geofences": document,
        "customers": [
            {"id": taxi, "timezone": "Europe/Lisbon", "tags": ["vip"] if number % 3 == 0 else []}
            for number, taxi in enumerate(taxis())
        ],
        "consents": [line for number, taxi in enumerate(taxis()) for line in consents(number, taxi)],
        "campaigns": [campaign(number) for number in range(20)],
        "dispatch": {"delay_s": 7},
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made: Path = tmp_path_factory.mktemp("porto")
    return made


@pytest.fixture(scope="module")
def replayed(folder) -> Outcome:
    path = write_json(folder / "scenario.json", scenario_of_twenty())
    answer = nearcast("replay", path, "--pings", PINGS, "--out", folder / "one")
    assert answer.code == 0, answer.err
    return read_outcome(folder / "one")


def test_twenty_campaigns_add_up(replayed):
    counts = replayed.counted("outcomes")
    assert sum(counts.values()) == len(replayed.match_log)
    for name, count in counts.items():
        assert len(rows(replayed.match_log, outcome=name)) == count
    assert set(counts) == {"send", "defer", "suppress", "holdout"}
    assert {row["trigger"] for row in replayed.match_log} == {"enter", "dwell", "exit", "schedule"}
    assert len({row["decision_id"] for row in replayed.match_log}) == len(replayed.match_log)
    assert len({row["reason"] for row in rows(replayed.match_log, outcome="suppress")}) >= 8
    queued = [row["message_id"] for row in replayed.match_log if row["outcome"] in {"send", "defer"}]
    assert sorted(queued) == sorted(message["message_id"] for message in replayed.messages)
    assert sum(replayed.counted("messages").values()) == len(replayed.messages)


def test_twenty_campaigns_run_twice_are_byte_identical(replayed, folder):
    """The second time as a process of its own, with other string hashes."""
    again = folder / "two"
    answer = nearcast_process("replay", folder / "scenario.json", "--pings", PINGS, "--out", again, hash_seed=7)
    assert answer.code == 0, answer.err
    for name in FILES:
        assert (again / name).read_bytes() == (replayed.folder / name).read_bytes(), name


@pytest.mark.parametrize("outcome", ["send", "suppress"])
def test_explain_agrees_with_the_log(replayed, outcome):
    row = next(
        row for row in rows(replayed.match_log, outcome=outcome, trigger="enter") if row["at"] == row["decided_at"]
    )
    arguments = ["--customer", row["customer_id"], "--campaign", row["campaign_id"], "--at", row["at"]]
    told = nearcast("explain", *arguments, "--out", replayed.folder, "--json")
    assert told.code == 0, told.err
    found = json.loads(told.out.splitlines()[-1])
    assert found["outcome"] == row["outcome"]
    if outcome == "suppress":
        assert found["reason"] == row["reason"]
