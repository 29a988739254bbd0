"""What the provider tells of messages, from a ping to what the service shows."""

from concurrent.futures import ThreadPoolExecutor

from nearcast.services.access import Role
from tests.e2e.whatsapp.fake import ANNA, BEN, Fake, hook
from tests.e2e.whatsapp.street import Street


def test_a_message_is_taken_sent_delivered_and_read_each_once(street: Street, fake: Fake) -> None:
    fake.behave(read_ms=120)
    street.shop()
    street.person("anna", ANNA)
    street.enters("anna")
    message = street.reaches("anna", "read")
    assert message["provider_id"] == fake.bubbles(ANNA)[0]["id"]
    assert message["queued_at"] <= message["sent_at"] <= message["delivered_at"] <= message["read_at"]
    assert message["late"] is False
    assert fake.look("counts")["requests"] == {f"nc1:{message['message_id']}": 1}


def test_receipts_that_come_again_and_in_no_order_lead_to_the_same(street: Street, fake: Fake) -> None:
    fake.behave(read_ms=60, repeats=2, shuffles=True, batch=3, names="id", has_contacts=False, has_pricing=False)
    street.shop()
    people = {f"c{n}": f"+4915100000{n:03}" for n in range(6)}
    for name, number in people.items():
        street.person(name, number)
    street.enters(*people)
    for name in people:
        street.reaches(name, "read")
    assert set(fake.look("counts")["requests"].values()) == {1}


def test_the_same_post_three_times_at_once_has_one_effect(street: Street, fake: Fake) -> None:
    street.shop()
    street.person("anna", ANNA)
    with hook() as elsewhere:
        to_us = fake.look("settings")["webhook_url"]
        fake.behave(webhook_url=elsewhere.url)
        fake.person(ANNA, say="STOP")
        fake.all_told()
        fake.behave(webhook_url=to_us)
    (raw,) = elsewhere.bodies
    with ThreadPoolExecutor(3) as pool:
        answers = [*pool.map(lambda _: street.tells(raw), range(3))]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    street.until(lambda: len(fake.bubbles(ANNA)) == 2, "the confirmation")
    consents = street.done("GET", "/v1/customers/anna/consents")["items"]
    assert [event["action"] for event in consents].count("withdrawn") == 1
    street.passes(60)
    street.settles()
    assert len(fake.bubbles(ANNA)) == 2


def test_who_stopped_at_the_provider_gets_no_offer_until_they_resume_there(street: Street, fake: Fake) -> None:
    street.shop("cafe")
    street.shop("bakery")
    street.shop("bar")
    street.person("anna", ANNA)
    street.person("ben", BEN)
    fake.script("fail_later", code=131050, to=ANNA)
    street.enters("anna", "ben")
    assert street.reaches("anna", "failed")["error"] == {"code": "131050", "class": "user_optout"}
    fake.person(ANNA, say="near me")
    street.until(lambda: len(fake.bubbles(ANNA)) > 1 and fake.bubbles(ANNA)[-1]["from"] == "business", "an answer")
    street.enters("anna", "ben", shop=1)
    street.suppressed_as("anna", "suppressed_address")
    street.reaches("ben", "delivered")
    fake.person(ANNA, prefer=True)
    fake.all_told()
    street.settles()
    street.enters("anna", shop=2)
    street.reaches("anna", "delivered", within_s=60)  # the answer before was borrowed from her next six seconds


def test_a_stop_by_number_or_by_id_alone_holds_and_resuming_leaves_the_customers_own_word(
    street: Street, fake: Fake
) -> None:
    for shop in ("cafe", "bakery", "bar"):
        street.shop(shop)
    people = {"anna": ANNA, "ben": BEN, "cleo": "+4915111111111"}
    for name, number in people.items():
        street.person(name, number)
    street.enters(*people)
    for name in people:
        street.reaches(name, "delivered")
    for name, names in (("anna", "number"), ("ben", "id"), ("cleo", "number")):
        fake.behave(names=names)
        fake.person(people[name], prefer=False)
    fake.person(people["cleo"], say="stop")
    fake.all_told()
    street.enters(*people, shop=1)
    for name in people:
        street.suppressed_as(name, "suppressed_address")
    for number in people.values():
        fake.person(number, prefer=True)
    fake.all_told()
    street.settles()
    street.enters(*people, shop=2)
    for name in ("anna", "ben"):
        street.reaches(name, "delivered")
    street.until(lambda: len(street.rows("cleo")) == 3, "a verdict")
    assert [row["reason"] for row in street.rows("cleo")] == [None, "suppressed_address", "suppressed_address"]


def test_a_message_that_is_held_and_then_dropped_has_failed_and_is_not_sent_again(street: Street, fake: Fake) -> None:
    street.shop()
    street.person("anna", ANNA)
    fake.script("hold")
    street.enters("anna")
    held = street.reaches("anna", "held")
    street.passes(3_600)
    (sent,) = fake.look("sent")
    fake.tell("held", {"message": sent["id"], "arrives": False})
    message = street.reaches("anna", "failed")
    assert message["error"] == {"code": "132015", "class": "template_stop"}
    assert message["message_id"] == held["message_id"]
    street.settles()
    assert sum(fake.look("counts")["requests"].values()) == 1
    owner = street.client(Role.OWNER)
    assert owner.get("/v1/campaigns/cafe-offer").json()["state"] == "paused"
    (entry,) = [each for each in street.done("GET", "/v1/audit")["items"] if each["action"] == "pause"]
    assert (entry["actor"], entry["detail"]["why"], entry["detail"]["code"]) == (
        "provider",
        "held_message_dropped",
        "132015",
    )
    street.person("ben", BEN)
    street.enters("ben")
    street.suppressed_as("ben", "campaign_inactive")
    assert owner.post("/v1/campaigns/cafe-offer/activate").json()["state"] == "active"
    street.person("cleo", "+4915111111111")
    street.enters("cleo")
    street.reaches("cleo", "delivered")


def test_a_message_that_arrives_after_its_offer_is_late(street: Street, fake: Fake) -> None:
    street.shop(offer={"text": "Hi {customer.first_name}", "expires_after_s": 60})
    street.person("anna", ANNA)
    fake.script("hold")
    street.enters("anna")
    street.reaches("anna", "held")
    street.passes(120)
    fake.tell("held", {"message": fake.look("sent")[0]["id"], "arrives": True})
    assert street.reaches("anna", "delivered")["late"] is True


def test_a_thousand_statuses_in_one_post_are_all_applied(street: Street, fake: Fake) -> None:
    names = street.many_sent(500)
    raw = street.receipts(names, "sent", "delivered")
    assert street.tells(raw).status_code == 200
    street.until(lambda: street.statuses() == {"delivered": 500}, "all of them")
