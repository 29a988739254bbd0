"""What each code of the Graph API means."""

import re
from pathlib import Path
from typing import Any

import pytest

from nearcast.channels.whatsapp.errors import provider_error
from nearcast.domain.sending import RetryClass as R
from nearcast.domain.sending import Scope

TABLE: dict[R, str] = {
    R.RETRY: "1 2 131000 131016 133004 131057 2494100 134101",
    R.THROTTLE: "4 80007 130429",
    R.PAIR_WAIT: "131056",
    R.SENDER_STOP: "131048 131064 368 131031 131042 131037 131045 133010 33 133016 0 190 3 10 200 299 131005",
    R.USER_COOLDOWN: "131049 130472",
    R.USER_OPTOUT: "131050",
    R.USER_UNREACHABLE: "131026",
    R.REPLAN: "131047 131062 137000 131063 134102 134100 131055 130497",
    R.TEMPLATE_STOP: "132001 132007 132015 132016 132068 132069",
    R.BUG: "131021 131030 132000 132012 132005 132008 100 131008 131009 131051 135000 131052 131053 134011 2046 300",
}


@pytest.mark.parametrize(("retry", "code"), [(retry, code) for retry, codes in TABLE.items() for code in codes.split()])
def test_a_code_has_its_class(retry: R, code: str) -> None:
    assert provider_error({"code": int(code)}).retry is retry
    assert provider_error({"code": code}) == provider_error({"code": int(code)})


@pytest.mark.parametrize(
    ("code", "scope", "retry_after_s"),
    [
        (131000, Scope.REQUEST, 30),
        (131057, Scope.SENDER, 60),
        (134101, Scope.TEMPLATE, 600),
        (4, Scope.SENDER, 300),
        (131056, Scope.PAIR, None),
        (131049, Scope.USER, 86_400),
        (131050, Scope.USER, None),
        (132000, Scope.TEMPLATE, None),
        (130497, Scope.MARKET, None),
        (190, Scope.TOKEN, None),
        (131042, Scope.SENDER, None),
        (131048, Scope.MARKETING, None),
        (131064, Scope.MARKETING, None),
        (999_999, Scope.REQUEST, None),
    ],
)
def test_a_code_says_what_else_it_holds_for_and_how_long(code: int, scope: Scope, retry_after_s: float | None) -> None:
    error = provider_error({"code": code})
    assert (error.scope, error.retry_after_s) == (scope, retry_after_s)


REFERENCE = Path(__file__).parents[4] / "shared" / "reference" / "messaging.md"
_BY_THE_OTHER_WAY = {"134102": R.REPLAN}  # the reference leaves the route open: it is the one that takes all


@pytest.mark.skipif(not REFERENCE.is_file(), reason="the reference in ../shared/reference is not here")
def test_the_table_is_that_of_the_reference() -> None:
    section = REFERENCE.read_text("utf-8").partition("## 10.")[2].partition("## 11.")[0]
    rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in section.splitlines() if line[:1] == "|"]
    said: dict[str, R] = {}
    for codes, _, kind, *_ in (row for row in rows if len(row) >= 4 and row[0][:1].isdigit()):
        word = re.match("[A-Z_]+", kind)
        if word is not None and word[0].lower() in set(R):
            said |= {code: R(word[0].lower()) for code in re.findall(r"\d+", codes)}
    assert len(said) > 50
    assert {code: provider_error({"code": int(code)}).retry for code in said} == said | _BY_THE_OTHER_WAY


def test_details_tell_a_wrong_number_from_a_wrong_request() -> None:
    wrong = {"code": 100, "error_data": {"details": "The recipient is not a WhatsApp user"}}
    assert provider_error(wrong).retry is R.USER_UNREACHABLE
    assert provider_error({"code": 100, "error_data": {"details": "Invalid parameter"}}).retry is R.BUG


@pytest.mark.parametrize("code", [131009, 999_999, 190, 132001])
def test_what_passes_by_itself_is_tried_again(code: int) -> None:
    error = provider_error({"code": code, "is_transient": True})
    assert (error.retry, error.retry_after_s) == (R.RETRY, 30)


@pytest.mark.parametrize("code", [131050, 131049, 131026, 131056, 130429])
def test_what_a_person_wants_and_what_has_its_own_pace_does_not_pass(code: int) -> None:
    assert provider_error({"code": code, "is_transient": True}) == provider_error({"code": code})


@pytest.mark.parametrize(
    "error", [{}, {"code": None}, {"code": True}, {"code": "x"}, {"code": [1]}, {"code": 1.5}, {"code": -1}]
)
def test_an_error_without_a_code_is_none_that_we_know(error: dict[str, Any]) -> None:
    assert (provider_error(error).code, provider_error(error).retry) == ("unspecified", R.BUG)


def test_the_words_of_an_error_are_not_kept() -> None:
    error = {"code": 131026, "message": "+4915112345678", "error_data": {"details": "+4915112345678"}}
    assert "4915112345678" not in repr(provider_error(error))
