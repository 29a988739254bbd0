"""Every reason is told in words that a person understands."""

from nearcast.domain.reason import Reason
from nearcast.services.telling import sentence


def test_every_reason_has_a_sentence_of_its_own() -> None:
    told_by_its_code = {reason for reason in Reason if sentence(reason) == reason.replace("_", " ")}
    assert told_by_its_code == {Reason.QUIET_HOURS}


def test_no_two_reasons_are_told_alike() -> None:
    sentences = [sentence(reason) for reason in Reason]
    assert len(set(sentences)) == len(sentences)


def test_a_code_of_a_newer_version_is_told_as_it_stands() -> None:
    assert sentence("rate_limited") == "rate limited"
