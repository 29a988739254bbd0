"""The fake breaks off, keeps silent and talks nonsense when it is told to, and its webhooks are as bad as real ones."""

import asyncio
import base64
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import count

import httpx
import pytest

from nearcast.fake_whatsapp.emitting import Emitter
from nearcast.fake_whatsapp.settings import FakeSettings
from nearcast.fake_whatsapp.updates import Update
from tests.e2e.processes import eventually
from tests.e2e.whatsapp.fake import ANNA, BEN, NUMBER_ID, SECRET, TOKEN, Fake, Hook, code_of, template_body, text_body
from tests.loopback import LOOPBACK


@pytest.mark.parametrize(("do", "accepted"), [("close", 1), ("close_unaccepted", 0)])
def test_a_connection_closes_without_a_word_after_a_message_was_taken_or_before(
    fake: Fake, do: str, accepted: int
) -> None:
    fake.template()
    fake.script(do)
    with pytest.raises(httpx.RemoteProtocolError):
        fake.post(template_body())
    assert fake.look("counts")["requests"] == {"nc1:m1": 1}
    assert sum(fake.look("counts")["accepted"].values()) == accepted
    assert fake.post(template_body()).status_code == 200


def test_a_message_is_taken_and_nobody_ever_says_so(fake: Fake) -> None:
    fake.template()
    fake.script("hang")
    patience = {**LOOPBACK, "timeout": 0.3}
    url, headers = f"{fake.url}/v23.0/{NUMBER_ID}/messages", {"Authorization": f"Bearer {TOKEN}"}
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(url, json=template_body(), headers=headers, **patience)
    assert fake.look("counts")["accepted"] == {"nc1:m1": 1}


@pytest.mark.parametrize(
    ("do", "status", "begins", "accepted"),
    [
        ("html", 500, b"<html>", 0),
        ("html_accepted", 502, b"<html>", 1),
        ("redirect", 302, b"", 0),
        ("no_id", 200, b'{"messaging_product"', 1),
        ("huge", 200, b"[   ", 1),
    ],
)
def test_an_answer_is_none_that_a_client_could_read(
    fake: Fake, do: str, status: int, begins: bytes, accepted: int
) -> None:
    fake.template()
    fake.script(do)
    answer = fake.post(template_body())
    assert answer.status_code == status
    assert answer.content.startswith(begins)
    assert len(fake.bubbles(ANNA)) == accepted


def test_any_code_comes_as_often_as_it_is_written_and_only_for_whom(fake: Fake) -> None:
    fake.template()
    fake.script("error", code=131000, times=2, to=ANNA, is_transient=True)
    assert fake.post(template_body(BEN)).status_code == 200
    answers = [fake.post(template_body()) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [500, 500, 200]
    assert answers[0].json()["error"]["is_transient"] is True
    assert code_of(answers[0]) == 131000


def test_a_held_message_is_dropped_or_arrives_when_it_is_told_to(fake: Fake, webhook: Hook) -> None:
    fake.template()
    fake.script("hold", times=2)
    names = [fake.post(template_body(to)).json()["messages"][0] for to in (ANNA, BEN)]
    assert {name["message_status"] for name in names} == {"held_for_quality_assessment"}
    assert fake.bubbles(ANNA) == fake.bubbles(BEN) == []
    fake.tell("held", {"message": names[0]["id"], "arrives": True})
    fake.tell("held", {"message": names[1]["id"], "arrives": False})
    fake.all_told()
    told = {(item["id"], item["status"]) for item in webhook.items("statuses")}
    assert told == {(names[0]["id"], "sent"), (names[0]["id"], "delivered"), (names[1]["id"], "failed")}


def test_a_name_holds_the_number_as_real_ones_do(fake: Fake) -> None:
    fake.template()
    id_ = fake.post(template_body()).json()["messages"][0]["id"]
    assert ANNA.removeprefix("+").encode() in base64.b64decode(id_.removeprefix("wamid."))


def test_updates_come_again_in_no_order_and_a_few_at_a_time(fake: Fake, webhook: Hook) -> None:
    fake.template()
    fake.behave(repeats=2, shuffles=True, batch=4, read_ms=80)
    for n in range(4):
        assert fake.post(template_body(f"+4915100000{n:03}", tag=f"nc1:{n}")).status_code == 200
    fake.all_told()
    told = [(item["biz_opaque_callback_data"], item["status"]) for item in webhook.items("statuses")]
    assert sorted(set(told)) == [(f"nc1:{n}", each) for n in range(4) for each in ("delivered", "read", "sent")]
    assert len(told) == 4 * 3 * 3
    assert told != sorted(told, key=lambda each: ("sent", "delivered", "read").index(each[1]))
    assert max(len(value["statuses"]) for value in webhook.values) > 1


def test_many_updates_share_one_post_over_entries_and_changes(fake: Fake, webhook: Hook) -> None:
    fake.template()
    fake.behave(is_paused=True, batch=1_000, entries=2, changes=2, sent_ms=0, delivered_ms=None)
    for n in range(8):
        fake.post(template_body(f"+4915100000{n:03}"))
    eventually(lambda: fake.look("counts")["waiting_updates"] == 8, lambda: "too few")
    fake.behave(is_paused=False)
    fake.all_told()
    (raw,) = webhook.bodies
    entries = json.loads(raw)["entry"]
    sizes = [[len(change["value"]["statuses"]) for change in entry["changes"]] for entry in entries]
    assert sizes == [[2, 2], [2, 2]]


def test_a_post_is_repeated_until_it_is_taken(fake: Fake, webhook: Hook) -> None:
    fake.behave(retry_ms=1)
    webhook.answers = [500, 503]
    fake.person(ANNA, say="Hello")
    fake.all_told()
    assert (webhook.refused, len(webhook.bodies)) == (2, 1)
    assert [each["status"] for each in fake.look("deliveries")] == [500, 503, 200]


@pytest.mark.parametrize(
    ("names", "present", "absent"),
    [("number", "recipient_id", "recipient_user_id"), ("id", "recipient_user_id", "recipient_id")],
)
def test_receipts_leave_out_what_real_ones_leave_out(
    fake: Fake, webhook: Hook, names: str, present: str, absent: str
) -> None:
    fake.template()
    fake.behave(names=names, has_contacts=False, has_pricing=False, has_whole_times=True)
    fake.post(template_body())
    fake.all_told()
    for value in webhook.values:
        assert "contacts" not in value
    for item in webhook.items("statuses"):
        assert present in item
        assert absent not in item
        assert "pricing" not in item
        assert isinstance(item["timestamp"], int)


def test_people_write_tap_choose_send_pins_and_opt_out(fake: Fake, webhook: Hook) -> None:
    fake.template()
    fake.post(template_body())
    (offer,) = fake.bubbles(ANNA)
    fake.person(ANNA, tap={"message": offer["id"], "button": 0})
    fake.all_told()
    (tapped,) = webhook.items("messages")
    assert tapped["button"] == {"payload": "stop", "text": "Stop offers"}
    assert tapped["context"]["id"] == offer["id"]

    rows = [{"id": "r1", "title": "Café", "description": "200 m"}]
    action = {"button": "Choose", "sections": [{"title": "Near", "rows": rows}]}
    choice = {"type": "list", "body": {"text": "Which?"}, "action": action}
    body = {**text_body(), "type": "interactive", "interactive": choice}
    del body["text"]
    assert fake.post(body).status_code == 200
    fake.person(ANNA, tap={"message": fake.bubbles(ANNA)[-1]["id"], "button": 0})
    fake.person(ANNA, pin={"lat": 52.52, "lon": 13.405})
    fake.person(ANNA, prefer=False)
    fake.person(ANNA, renumber="+4915199999999")
    fake.all_told()
    by_type = {item["type"]: item for item in webhook.items("messages")}
    assert by_type["interactive"]["interactive"]["list_reply"] == rows[0]
    assert by_type["location"]["location"] == {"latitude": 52.52, "longitude": 13.405}
    assert by_type["system"]["from"] == "4915112345678"
    assert by_type["system"]["system"]["wa_id"] == "4915199999999"
    assert [each["value"] for each in webhook.items("user_preferences")] == ["stop"]


def test_who_looks_at_the_phone_has_read_it(fake: Fake, webhook: Hook) -> None:
    fake.template()
    fake.post(template_body())
    fake.all_told()
    assert "read" not in webhook.statuses()
    page = httpx.get(f"{fake.url}/phone/{ANNA.removeprefix('+')}", **LOOPBACK)
    assert "phone.js" in page.text
    for name, begins in (("phone.js", "const"), ("phone.css", ":root")):
        assert httpx.get(f"{fake.url}/phone/{name}", **LOOPBACK).text.startswith(begins)
    httpx.get(f"{fake.url}/phone/{ANNA.removeprefix('+')}/bubbles", **LOOPBACK).raise_for_status()
    fake.all_told()
    assert webhook.statuses()[-1] == "read"


def test_other_sites_pages_cannot_write_for_anybody(fake: Fake) -> None:
    url = f"{fake.url}/_control/people/4915112345678"
    said = json.dumps({"say": "STOP"})
    assert httpx.post(url, content=said, headers={"Content-Type": "text/plain"}, **LOOPBACK).status_code == 415
    elsewhere = {"Content-Type": "application/json", "Host": "elsewhere.example"}
    assert httpx.post(url, content=said, headers=elsewhere, **LOOPBACK).status_code == 403
    assert fake.bubbles(ANNA) == []


def test_an_answer_takes_as_long_as_it_is_told_to_and_many_are_given_side_by_side(fake: Fake) -> None:
    fake.template()
    fake.behave(answer_ms=300)
    with ThreadPoolExecutor(8) as pool:
        answers = [*pool.map(lambda n: fake.post(template_body(f"+4915100000{n:03}")), range(8))]
    assert {answer.status_code for answer in answers} == {200}
    assert min(answer.elapsed.total_seconds() for answer in answers) >= 0.3


@pytest.mark.parametrize("said", [{"do": "explode"}, {"do": "html", "size": 3}, []])
def test_a_script_that_is_none_is_refused(rough: Fake, said: object) -> None:
    answer = httpx.post(f"{rough.url}/_control/scripts", json=said, **LOOPBACK)
    assert answer.status_code == (200 if said == [] else 422)


def test_a_setting_that_is_none_is_named(rough: Fake) -> None:
    for said, name in (({"speed": 3}, "speed"), ({"per_s": "many"}, "per_s")):
        answer = httpx.post(f"{rough.url}/_control/settings", json=said, **LOOPBACK)
        assert answer.status_code == 422
        assert name in answer.json()["error"]


def test_what_comes_again_tells_the_same_time(webhook: Hook) -> None:
    settings = FakeSettings(app_secret=SECRET, webhook_url=webhook.url, repeats=1, posts_at_once=1)
    seconds = count()

    async def tell() -> None:
        emitter = Emitter(lambda: settings, lambda: datetime.fromtimestamp(next(seconds), UTC))
        running = asyncio.create_task(emitter.run())
        emitter.emit(Update(field="message_template_status_update", kind=None, item={"event": "PAUSED"}))
        async with asyncio.timeout(10):
            while emitter.waiting:
                await asyncio.sleep(0.01)
        running.cancel()

    asyncio.run(tell())
    assert len(webhook.bodies) == 2
    assert len({entry["time"] for raw in webhook.bodies for entry in json.loads(raw)["entry"]}) == 1
