"""A data protection impact assessment (Art. 35(7) GDPR), filled in with what is configured.

What only the controller can say, how likely and how grave a risk is, whom they asked, is left as not stated.
"""

from collections import Counter
from typing import Any

from nearcast.services.processing import NOT_STATED, Configuration, Installation, kept_for, security_measures
from nearcast.services.report import rfc3339
from nearcast.services.retention import Keep
from nearcast.services.scenario import PingRulesShape, PresenceShape

_NONE = "none set"


def impact_assessment(found: Configuration, about: Installation, keep: Keep) -> dict[str, Any]:
    """The assessment as far as the configuration carries it."""
    return {
        "title": "Data protection impact assessment (Art. 35 GDPR)",
        "generated_at": rfc3339(found.at),
        "controller": found.controller,
        "systematic_description": {
            "what": "customers who agreed to it send their positions; who enters, stays in or leaves a geofence of a"
            " shop may get an offer, if they agreed to that as well and every rule allows it",
            "figures": _figures(found),
            "kept": kept_for(keep),
            "recipients": found.channels or [_NONE],
        },
        "necessity_and_proportionality": {
            "lawfulness": "consent to location before a position is stored, consent to each channel before an offer",
            "minimisation": _minimisation(found),
            "frequency": _caps(found),
            "quiet_hours": _quiet_hours(found),
            "withdrawal": "works on what is queued before it is answered",
            "views_of_customers": NOT_STATED,
            "advice_of_the_data_protection_officer": NOT_STATED,
        },
        "risks": _risks(found),
        "measures_in_force": security_measures(about, found),
        "open_points": [
            "how likely and how grave each risk is: for the controller to say",
            "figures for analysts are not k-anonymous yet: small groups can be counted",
            "positions are not encrypted in the database",
        ],
    }


def _figures(found: Configuration) -> dict[str, Any]:
    radii = [radius for each in found.geofences if (radius := _radius_m(each)) is not None]
    states = Counter(each.state for each in found.campaigns)
    return {
        "shops": found.shops,
        "geofences": len(found.geofences),
        "smallest_radius_m": min(radii, default=_NONE),
        "geofences_that_are_no_circles": len(found.geofences) - len(radii),
        "campaigns": dict(sorted((str(state), count) for state, count in states.items())) or _NONE,
        "triggers": sorted({each["trigger"]["on"] for each in found.in_use}) or _NONE,
    }


def _radius_m(feature: Any) -> float | None:
    radius = (feature.get("properties") or {}).get("radius_m")
    is_point = (feature.get("geometry") or {}).get("type") == "Point"
    return float(radius) if is_point and radius is not None else None


def _minimisation(found: Configuration) -> str:
    rules = _ping_rules(found)
    return (
        f"positions less accurate than {rules.max_accuracy_m:g} m or older than {rules.max_age_s:g} s send nothing;"
        " without consent none is stored"
    )


def _ping_rules(found: Configuration) -> PingRulesShape:
    said = {name: found.rule("ping_rules", name) for name in PingRulesShape.model_fields}
    return PingRulesShape.model_validate({name: value for name, value in said.items() if value is not None})


def _caps(found: Configuration) -> list[str]:
    caps = found.rule("policy", "caps") or []
    return [", ".join(f"{key} {value}" for key, value in cap.items() if value is not None) for cap in caps] or [_NONE]


def _quiet_hours(found: Configuration) -> list[str]:
    windows = found.rule("policy", "quiet_hours") or []
    told = [
        f"{each['from']} to {each['until']}" + (f" on {', '.join(each['days'])}" if each.get("days") else "")
        for each in windows
    ]
    return (told or [_NONE]) + _of_jurisdictions(found.rule("policy", "jurisdictions"))


def _of_jurisdictions(said: Any) -> list[str]:
    if not said:
        return []
    return [f"those of {', '.join(said) if isinstance(said, list) else 'wherever the customer may be'} as well"]


def _risks(found: Configuration) -> list[dict[str, Any]]:
    profile, holdout = found.rule("presence", "profile") or PresenceShape().profile, found.rule("policy", "holdout")
    held = f"{holdout['percent']:g} % of all customers" if holdout else "nobody by the tenant's rules"
    measures = {
        "somebody is followed who did not agree to it": "a position without consent is refused at the door",
        "somebody gets offers who did not agree to them": "consent is looked at when a message is queued, and again"
        " just before it is sent; a suppressed address gets nothing",
        "a position is taken for a visit that was none": "accuracy of at most"
        f" {_ping_rules(found).max_accuracy_m:g} m, two thresholds, presence profile {profile}",
        "a visit to a sensitive place becomes known": "geofences over places on the deny list are refused, and nothing"
        " is sent there; which places are on it is the controller's to complete",
        "movements of one person are put together by a shop": "owners see pseudonyms that hold for one shop and a day",
        "who is held out is observed without any benefit to them": f"{held} are held out; the same consent is asked of"
        " them, and they can withdraw",
        "one person is recognised in figures": "none yet: figures are not k-anonymous",
        "too many messages, at night": f"caps: {'; '.join(_caps(found))}."
        f" Quiet hours: {'; '.join(_quiet_hours(found))}",
        "another tenant reads the data": "every row belongs to a tenant; see row-level security among the measures",
    }
    return [
        {"risk": risk, "likelihood": NOT_STATED, "severity": NOT_STATED, "measures": measure}
        for risk, measure in measures.items()
    ]
