"""The record of processing activities of Art. 30(1) GDPR, from what is configured."""

from typing import Any

from nearcast.services.processing import NOT_STATED, Configuration, Installation, kept_for, security_measures
from nearcast.services.report import rfc3339
from nearcast.services.retention import Keep


def record_of_processing(found: Configuration, about: Installation, keep: Keep) -> dict[str, Any]:
    """What Art. 30(1) asks for, letter by letter; what nobody has said is said to be not stated."""
    return {
        "title": "Record of processing activities (Art. 30 GDPR)",
        "generated_at": rfc3339(found.at),
        "controller": found.controller,
        "activities": _activities(found),
        "categories_of_data_subjects": ["customers", "people who hold an API key, by the key's id and name"],
        "categories_of_personal_data": [
            {"category": "positions", "what": "latitude, longitude, time, accuracy, speed, device", "of": "customers"},
            {
                "category": "visits",
                "what": "which geofence was entered and left, and when",
                "of": "customers",
            },
            {"category": "profiles", "what": "time zone, language, tags, attributes", "of": "customers"},
            {"category": "addresses", "what": "one for each channel", "of": "customers"},
            {"category": "consents", "what": "what was agreed to, when, to which notice", "of": "customers"},
            {"category": "decisions and messages", "what": "why one was sent or not, its text", "of": "customers"},
            {"category": "audit trail", "what": "who changed what, and when", "of": "holders of API keys"},
        ],
        "recipients": [f"whoever runs the channel {channel}" for channel in found.channels] or ["none: no campaign"],
        "transfers_to_third_countries": NOT_STATED,
        "erasure": {
            "deleted_by_themselves": kept_for(keep),
            "everything_else": "kept until a customer is erased; the consent ledger stays without the customer",
        },
        "security": security_measures(about, found),
    }


def _activities(found: Configuration) -> list[dict[str, str]]:
    activities = [
        {
            "purpose": "find out whether a customer is at a shop (location.matching)",
            "ground": "consent of the customer, without which no position is stored",
        }
    ]
    activities += [
        {
            "purpose": f"offers on {channel} to customers who are near (marketing.nearby)",
            "ground": "consent of the customer to this channel, and confirmed",
        }
        for channel in found.channels
    ]
    if _has_holdout(found):
        activities.append(
            {"purpose": "measure what offers bring, with customers who are held out", "ground": NOT_STATED}
        )
    activities.append({"purpose": "prove consent, and honour withdrawals", "ground": "Art. 5(2), 7(1) and 21(3) GDPR"})
    return activities


def _has_holdout(found: Configuration) -> bool:
    return bool(found.rule("policy", "holdout")) or any(each.get("holdout") for each in found.in_use)
