"""The scenario file as it is documented, word for word but for the profile, and one fence put in."""

from pathlib import Path

import pytest

from tests.e2e.shell import nearcast
from tests.scenarios.harness import only, read_outcome

pytestmark = pytest.mark.e2e

EXAMPLE = """
tenant: {id: t1, timezone: Europe/Berlin}
presence: {profile: raw, dwell_s: 120, lateness_s: 300, gap_s: 1800, max_speed_mps: 70, exit_margin_m: 20,
           first_seen: enter}
ping_rules: {max_age_s: 300, max_accuracy_m: 75, max_future_s: 60}
policy:
  quiet_hours: [{from: "21:00", until: "08:00"}]
  caps:
    - {id: G1, scope: customer, kind: calendar, unit: day, limit: 2}
    - {id: G2, scope: customer, kind: rolling, window_s: 604800, limit: 3}
    - {id: G3, scope: customer, kind: min_gap, window_s: 14400}
  holdout: {percent: 5, salt: "holdout:global:2026Q4"}
shops: [{id: s1, name: Café Central, lat: 52.52, lon: 13.405, timezone: Europe/Berlin,
         opening_hours: "Mo-Sa 08:00-20:00", closed_on: [2026-10-03]}]
geofences:
  type: FeatureCollection
  features:
    - type: Feature
      id: f1
      properties: {shop_id: s1, radius_m: 100, dwell_s: 60, tags: [food]}
      geometry: {type: Point, coordinates: [13.405, 52.52]}
customers: [{id: cust-0001, timezone: Europe/Berlin, tags: [vip]}]
consents:
  - {customer_id: cust-0001, purpose: location.matching, action: granted, at: 2026-05-01T09:00:00Z}
  - {customer_id: cust-0001, purpose: marketing.nearby, channel: sms, action: confirmed, at: 2026-05-01T09:05:00Z}
campaigns:
  - id: camp-7
    shop_id: s1
    geofence_ids: [f1]                       # default: every fence of the shop
    trigger: {on: enter}                     # enter | dwell | exit | schedule
    active: {from: 2026-06-01T00:00:00+02:00, until: 2026-07-01T00:00:00+02:00}
    dayparts: [{days: [mon, tue, wed, thu, fri, sat, sun], from: "10:00", until: "20:00"}]
    schedule: {cron: "30 11 * * mon-fri", timezone: Europe/Berlin, seen_within_s: 1800, within_m: 500, catch_up_s: 1800}
    audience: {tags_any: [vip]}
    channel: sms
    offer: {text: "Coffee −20 % until {expires_at}", expires_after_s: 1200}
    priority: 50
    klass: promo                             # service > loyalty > promo
    re_eligibility_s: 259200
    fence_cooldown_s: 21600
    caps: []
    budget: {messages: 1000}
    holdout: {percent: 10, salt: "holdout:camp-7:v1"}
    on_cap: drop                             # drop | hold
    on_quiet: drop                           # drop | defer
events:                                      # besides pings, in order of `at`
  - {at: 2026-06-02T10:00:00Z, ping: {customer_id: cust-0001, lat: 52.5204497, lon: 13.405, accuracy_m: 8}}
  - {at: 2026-06-02T10:00:05Z,
     consent: {customer_id: cust-0001, purpose: marketing.nearby, channel: sms, action: withdrawn}}
  - {at: 2026-06-02T10:01:00Z, geofence_put: {type: Feature, id: f2, properties: {shop_id: s1, radius_m: 100},
     geometry: {type: Point, coordinates: [13.405, 52.53]}}}
  - {at: 2026-06-02T10:02:00Z, geofence_delete: f1}
  - {at: 2026-06-02T10:03:00Z, campaign: {id: camp-7, action: pause}}
  - {at: 2026-06-02T10:04:00Z, prior_send: {customer_id: cust-0001, campaign_id: other, status: accepted}}
"""


def test_the_documented_scenario_replays(tmp_path: Path) -> None:
    (tmp_path / "scenario.yaml").write_text(EXAMPLE, encoding="utf-8")
    answer = nearcast("replay", tmp_path / "scenario.yaml", "--out", tmp_path / "out")
    assert answer.code == 0, answer.err
    outcome = read_outcome(tmp_path / "out")
    assert outcome.verdicts() == ["send"]
    assert only(outcome.messages)["status"] == "accepted"
    assert [row["kind"] for row in outcome.transitions] == ["enter", "exit"]
    assert outcome.transitions[-1]["reason"] == "fence_deleted"


@pytest.mark.parametrize(
    ("written", "instead", "place"),
    [
        ("{at: 2026-06-02T10:00:00Z, ping", "{at: 2026-06-02T10:00:00, ping", "events"),
        ("lat: 52.52, lon", "lat: .nan, lon", "shops"),
        ("id: cust-0001, timezone", "id: cust-0001, id: cust-0002, timezone", "id"),
        ("tenant: {id: t1, timezone", "tenant: {id: [t1, timezone", "line"),
    ],
)
def test_what_yaml_would_let_pass(tmp_path, written, instead, place):
    """A naive time, a NaN, a key given twice, a bracket left open."""
    assert written in EXAMPLE
    (tmp_path / "scenario.yaml").write_text(EXAMPLE.replace(written, instead, 1), encoding="utf-8")
    nearcast("replay", tmp_path / "scenario.yaml", "--out", tmp_path / "out").refuses("scenario.yaml", place)
