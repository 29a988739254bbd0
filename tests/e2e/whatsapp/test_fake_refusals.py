"""What the fake refuses, and with which of the provider's codes."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.channels.whatsapp.judge import needs_description
from tests.e2e.whatsapp.fake import ACCOUNT_ID, ANNA, BEN, NUMBER_ID, Fake, Hook, code_of, template_body, text_body
from tests.e2e.whatsapp.judging import IS_THERE, faults

Plant = Callable[[dict[str, Any]], object]


def test_a_template_is_taken_and_stands_on_the_phone_as_it_reads(fake: Fake) -> None:
    fake.template()
    answer = fake.post(template_body())
    assert answer.status_code == 200
    (message,) = answer.json()["messages"]
    (bubble,) = fake.bubbles(ANNA)
    assert (bubble["id"], bubble["text"]) == (message["id"], "Hi Ann, come to Café today")
    assert [button["title"] for button in bubble["buttons"]] == ["Stop offers"]
    assert fake.look("counts")["accepted"] == {"nc1:m1": 1}


def test_a_wrong_token_is_refused_before_anything_is_read(fake: Fake) -> None:
    answer = fake.ask("POST", f"{NUMBER_ID}/messages", text_body(), token="old")  # noqa: S106
    assert (answer.status_code, code_of(answer)) == (401, 190)
    assert fake.look("bodies") == []


def test_free_words_are_taken_within_a_day_of_what_somebody_wrote(fake: Fake) -> None:
    fake.behave(refuses_late=False)
    assert code_of(fake.post(text_body())) == 131047
    fake.person(ANNA, say="Are you open?")
    assert fake.post(text_body()).status_code == 200
    fake.tell("clock", {"advance_s": 86_399})
    assert fake.post(text_body()).status_code == 200
    fake.tell("clock", {"advance_s": 2})
    assert code_of(fake.post(text_body())) == 131047


@pytest.mark.parametrize(
    ("what", "code"), [({"is_reachable": False}, 131026), ({"prefer": False}, 131050)], ids=["unreachable", "opted-out"]
)
def test_what_depends_on_a_person_comes_as_a_receipt_unless_told_otherwise(
    fake: Fake, webhook: Hook, what: dict[str, object], code: int
) -> None:
    fake.template()
    fake.person(ANNA, **what)
    assert fake.post(template_body()).status_code == 200
    fake.all_told()
    (status,) = webhook.items("statuses")
    assert (status["status"], status["errors"][0]["code"]) == ("failed", code)
    assert fake.bubbles(ANNA) == []
    fake.behave(refuses_late=False)
    assert code_of(fake.post(template_body())) == code


def test_no_more_than_the_limit_leaves_in_any_second(fake: Fake) -> None:
    fake.template()
    fake.behave(per_s=5, pair_interval_s=0, seed=3)
    codes = [fake.post(template_body(f"+49151000000{n:02}")).status_code for n in range(7)]
    assert codes == [200] * 5 + [400] * 2
    assert fake.look("counts")["most_in_a_second"] == 5
    fake.tell("clock", {"advance_s": 1})
    assert fake.post(template_body()).status_code == 200


def test_one_person_is_written_to_once_in_six_seconds_once_the_burst_is_spent(fake: Fake) -> None:
    fake.template()
    fake.behave(pair_burst=1)
    assert fake.post(template_body()).status_code == 200
    assert code_of(fake.post(template_body())) == 131056
    assert fake.post(template_body(BEN)).status_code == 200
    fake.tell("clock", {"advance_s": 6})
    assert fake.post(template_body()).status_code == 200


def test_only_so_many_people_are_written_to_first_within_a_day(fake: Fake) -> None:
    fake.template()
    fake.behave(recipients_24h=1, pair_interval_s=0)
    assert fake.post(template_body()).status_code == 200
    assert fake.post(template_body()).status_code == 200
    assert code_of(fake.post(template_body(BEN))) == 131064
    fake.person(BEN, say="Hello")
    assert fake.post(template_body(BEN)).status_code == 200
    fake.tell("clock", {"advance_s": 86_400})
    assert fake.post(template_body("+4915100000001")).status_code == 200


def test_a_template_is_known_approved_and_filled_as_it_was_written(fake: Fake) -> None:
    assert code_of(fake.post(template_body())) == 132001
    fake.template()
    few = template_body()
    few["template"]["components"][0]["parameters"].pop()
    assert code_of(fake.post(few)) == 132000
    for status, code in (("PAUSED", 132015), ("DISABLED", 132016), ("REJECTED", 132001)):
        fake.tell("templates/offer/en", {"status": status})
        assert code_of(fake.post(template_body())) == code


def test_marketing_takes_the_road_that_is_open_to_it(fake: Fake) -> None:
    fake.template()
    fake.template("receipt", category="UTILITY")
    fake.behave(marketing_on_messages=False)
    assert code_of(fake.post(template_body())) == 131063
    assert fake.post(template_body(), api="marketing_messages").status_code == 200
    assert code_of(fake.post(template_body(BEN, name="receipt"), api="marketing_messages")) == 134100


def test_templates_are_listed_page_by_page_and_read_back_one_by_one(fake: Fake) -> None:
    made = [fake.template(f"offer_{n}") for n in range(3)]
    first = fake.ask("GET", f"{ACCOUNT_ID}/message_templates", params={"limit": "2"}).json()
    rest = fake.ask("GET", f"{ACCOUNT_ID}/message_templates", params={"limit": "2", "after": "2"}).json()
    assert [each["name"] for each in (*first["data"], *rest["data"])] == ["offer_0", "offer_1", "offer_2"]
    assert ("next" in first["paging"], "next" in rest["paging"]) == (True, False)
    assert fake.ask("GET", made[1]["id"]).json()["quality_score"]["score"] == "GREEN"
    assert fake.ask("GET", NUMBER_ID, params={"fields": "health_status"}).json()["health_status"]["entities"]


def test_a_paused_template_is_taken_up_again_by_hand(fake: Fake, webhook: Hook) -> None:
    fake.behave(posts_at_once=1)
    made = fake.template()
    fake.tell("templates/offer/en", {"status": "PAUSED", "title": "FIRST_PAUSE"})
    assert fake.ask("POST", f"{made['id']}/unpause").json() == {"success": True}
    assert fake.post(template_body()).status_code == 200
    fake.all_told()
    assert [value["event"] for value in webhook.values if "event" in value] == ["PAUSED", "APPROVED"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{{1}} is here for you", 2388299),
        ("Here for you is {{1}}", 2388299),
        ("Come {{1}} {{2}} to us today please", 100),
        ("Come {{1}} now {{2}} us", 2388293),
        ("x" * 1025, 100),
    ],
)
def test_a_template_that_no_reviewer_would_read_is_refused(rough: Fake, text: str, code: int) -> None:
    body = {"type": "BODY", "text": text, "example": {"body_text": [["a", "b"]]}}
    said = {"name": "offer", "language": "en", "category": "MARKETING", "components": [body]}
    assert code_of(rough.ask("POST", f"{ACCOUNT_ID}/message_templates", said)) == code


PLANTS: list[tuple[str, Plant]] = [
    ("no product", lambda b: b.pop("messaging_product")),
    ("another product", lambda b: b.update(messaging_product="telegram")),
    ("nobody", lambda b: b.pop("to")),
    ("misspelt key", lambda b: b.update(recipent="+49")),
    ("long tag", lambda b: b.update(biz_opaque_callback_data="x" * 513)),
    ("no language", lambda b: b["template"]["language"].pop("code")),
    ("eleventh button", lambda b: b["template"]["components"][1].update(index="10")),
    ("odd button", lambda b: b["template"]["components"][1].update(sub_type="slow_reply")),
    ("parameters no list", lambda b: b["template"]["components"][0].update(parameters={"type": "text", "text": "x"})),
    ("misspelt parameter", lambda b: b["template"]["components"][0]["parameters"][0].update(txt="x")),
    ("empty parameter", lambda b: b["template"]["components"][0]["parameters"][0].pop("text")),
]


@pytest.mark.parametrize(("what", "plant"), PLANTS, ids=[what for what, _ in PLANTS])
def test_a_planted_fault_is_refused_and_metas_description_says_so_too(rough: Fake, what: str, plant: Plant) -> None:
    rough.template()
    body = copy.deepcopy(template_body())
    plant(body)
    answer = rough.post(body)
    assert answer.status_code == 400, what
    assert rough.bubbles(ANNA) == []
    if IS_THERE:
        assert faults("messages", body), what
        assert faults("messages", template_body()) == []


def _rows(count: int) -> list[dict[str, str]]:
    return [{"id": f"r{n}", "title": f"Row {n}"} for n in range(count)]


def _list(*sections: list[dict[str, str]]) -> dict[str, Any]:
    parts = [{"title": f"Part {n}", "rows": rows} for n, rows in enumerate(sections)]
    return {"type": "list", "body": {"text": "Which?"}, "action": {"button": "Choose", "sections": parts}}


def _buttons(*titles: str) -> dict[str, Any]:
    replies = [{"type": "reply", "reply": {"id": title, "title": title}} for title in titles]
    return {"type": "button", "body": {"text": "Which?"}, "action": {"buttons": replies}}


@pytest.mark.parametrize(
    ("content", "is_right"),
    [
        (_buttons("Yes", "No", "Never"), True),
        (_buttons("1", "2", "3", "4"), False),
        (_list(_rows(10)), True),
        (_list(_rows(11)), False),
        (_list(_rows(6), [{"id": f"x{n}", "title": "x"} for n in range(6)]), False),
        (_list([{"id": "a", "title": "x" * 25}]), False),
    ],
    ids=["3 buttons", "4 buttons", "10 rows", "11 rows", "twice 6 rows", "long title"],
)
def test_a_choice_has_no_more_than_fits_on_a_phone(rough: Fake, content: dict[str, Any], is_right: bool) -> None:
    rough.person(ANNA, say="Hello")
    body = {**text_body(), "type": "interactive", "interactive": content}
    del body["text"]
    assert (rough.post(body).status_code == 200) is is_right
    if IS_THERE:
        assert (faults("messages", body) == []) is is_right


@needs_description
def test_a_number_without_its_plus_is_not_what_we_send() -> None:
    assert faults("messages", text_body("4915112345678")) != []
