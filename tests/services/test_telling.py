"""Every reason is told in words that a person understands."""

from nearcast.domain.reason import Reason
from nearcast.services.telling import sentence, told_explanation


def test_every_reason_has_a_sentence_of_its_own() -> None:
    told_by_its_code = {reason for reason in Reason if sentence(reason) == reason.replace("_", " ")}
    assert told_by_its_code == {Reason.QUIET_HOURS}


def test_no_two_reasons_are_told_alike() -> None:
    sentences = [sentence(reason) for reason in Reason]
    assert len(set(sentences)) == len(sentences)


def test_a_code_of_a_newer_version_is_told_as_it_stands() -> None:
    assert sentence("struck_by_lightning") == "struck by lightning"


def test_who_asks_for_silence_is_told_in_words() -> None:
    by = [
        {"source": "tenant", "timezone": "Europe/Berlin"},
        {"source": "jurisdiction", "names": ["US", "US-FL"], "timezone": "America/New_York"},
    ]
    rule = {"rule": "quiet_hours", "passed": False, "reason": "quiet_hours", "by": by}
    about = {"customer_id": "a", "campaign_id": "c", "geofence_id": None, "at": "now", "source": "facts"}
    told = told_explanation(
        {
            **about,
            "outcome": "no_match",
            "reason": None,
            "rules": [rule],
            "channels": [],
            "caveats": [],
            "earliest_send": None,
        }
    )
    assert "  ✗ quiet_hours  quiet_hours  by=tenant in Europe/Berlin+jurisdiction US US-FL in America/New_York" in list(
        told
    )


def test_what_is_unknown_is_told_neither_as_passed_nor_as_refused() -> None:
    rule = {"rule": "spatial", "passed": None, "status": "unknown"}
    about = {"customer_id": "a", "campaign_id": "c", "geofence_id": None, "at": "now", "source": "facts"}
    told = told_explanation(
        {
            **about,
            "outcome": "no_match",
            "reason": None,
            "rules": [rule],
            "channels": [],
            "caveats": [],
            "earliest_send": None,
        }
    )
    assert "  ? spatial  status=unknown" in list(told)
