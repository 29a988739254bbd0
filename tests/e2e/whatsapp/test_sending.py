"""Offers on their way to people, while the provider does what providers do."""

import logging
import socket
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nearcast.fake_whatsapp.program import FakeWhatsApp
from nearcast.fake_whatsapp.settings import FakeSettings
from nearcast.store.sql_store import SqlStore
from tests.e2e.whatsapp.fake import ANNA, BEN, TOKEN, Fake
from tests.e2e.whatsapp.street import Street, open_street


def requests(fake: Fake) -> int:
    return sum(fake.look("counts")["requests"].values())


@pytest.mark.parametrize("do", ["close", "html_accepted", "no_id"])
def test_a_message_whose_answer_is_lost_is_unknown_until_its_receipt_comes(street: Street, fake: Fake, do: str) -> None:
    street.shop()
    street.person("anna", ANNA)
    fake.behave(is_paused=True)
    fake.script(do)
    street.enters("anna")
    assert street.reaches("anna", "unknown")["provider_id"] is None
    fake.behave(is_paused=False)
    message = street.reaches("anna", "delivered")
    assert message["provider_id"] == fake.bubbles(ANNA)[0]["id"]
    assert requests(fake) == 1


def test_a_message_that_nobody_ever_took_stays_unknown_and_is_not_sent_again(street: Street, fake: Fake) -> None:
    street.shop()
    street.person("anna", ANNA)
    fake.script("close_unaccepted")
    street.enters("anna")
    street.reaches("anna", "unknown")
    street.passes(3_600)
    street.settles()
    assert (requests(fake), fake.bubbles(ANNA)) == (1, [])
    assert street.messages("anna")[-1]["status"] == "unknown"


def test_while_nobody_answers_a_message_waits_and_leaves_once(street_store: SqlStore, fake: Fake) -> None:
    """The provider comes up after two attempts at least."""
    with closing(socket.create_server(("127.0.0.1", 0))) as reserved:
        port = reserved.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with open_street(street_store, fake, whatsapp_base_url=url) as lonely:
        lonely.shop()
        lonely.person("anna", ANNA)
        lonely.enters("anna")
        lonely.until(lambda: lonely.attempts("anna") >= 2, "two attempts")
        listening = socket.create_server(("127.0.0.1", port))
        late = FakeWhatsApp(FakeSettings(window_s=None), listening, clock=lambda: datetime.now(UTC))
        late.start()
        with closing(Fake(url)) as provider:
            lonely.passes(60)
            lonely.reaches("anna", "accepted")
            assert requests(provider) == 1
        late.stop()


def test_a_provider_that_is_asked_for_too_much_is_asked_for_less_and_nothing_is_lost(
    street: Street, fake: Fake
) -> None:
    fake.behave(per_s=8, posts_at_once=1)
    street.shop()
    people = {f"c{n}": f"+4915100000{n:03}" for n in range(24)}
    for name, number in people.items():
        street.person(name, number)
    street.enters(*people)
    street.until(lambda: street.statuses() == {"delivered": 24}, "all of them", within_s=60)
    counts = fake.look("counts")
    assert counts["most_in_a_second"] <= 8
    assert set(counts["accepted"].values()) == {1}


def test_who_was_written_to_too_often_waits_longer_each_time_and_nobody_else_does(street: Street, fake: Fake) -> None:
    street.shop()
    street.person("anna", ANNA)
    street.person("ben", BEN)
    fake.script("error", code=131056, times=2, to=ANNA)
    street.enters("anna", "ben")
    street.reaches("ben", "delivered")
    waits = []
    for n in range(2):
        street.until(lambda n=n: street.attempts("anna") > n, "another attempt")  # type: ignore[misc]
        street.until(lambda: street.not_before("anna") > street.clock.now(), "it waits")
        waits.append(street.not_before("anna") - street.clock.now())
        street.passes(waits[-1].total_seconds())
    street.reaches("anna", "delivered")
    assert waits[1] > waits[0]


def test_a_token_that_is_refused_stops_the_sender_keeps_the_queue_and_is_told_once(
    street: Street, fake: Fake, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    street.shop("cafe")
    street.shop("bar", offer={"text": "Now", "expires_after_s": 60})
    people = {f"c{n}": f"+4915100000{n:03}" for n in range(5)}
    for name, number in people.items():
        street.person(name, number)
    fake.behave(token="another")  # noqa: S106
    street.enters("c0")
    street.until(lambda: bool(street.stopped_senders()), "the sender stands still")
    street.enters("c1", "c2", "c3")
    street.enters("c4", shop=1)
    street.until(lambda: len(street.messages()) == 5, "all are queued")
    street.passes(90)
    fake.behave(token=TOKEN)
    street.reaches("c4", "expired")
    street.until(lambda: street.statuses().keys() == {"queued", "expired"}, "none has left")
    alerts = [record for record in caplog.records if "whatsapp" in record.getMessage() and record.levelno >= 40]
    assert len(alerts) == 1
    street.resume()
    for name in ("c0", "c1", "c2", "c3"):
        street.reaches(name, "delivered")
    assert fake.bubbles("+4915100000004") == []


def test_a_new_token_in_its_file_lets_go_on_what_the_old_one_stopped(
    street_store: SqlStore, fake: Fake, tmp_path: Path
) -> None:
    """Nobody begins anything anew, and nobody says that the cause is gone."""
    path = tmp_path / "token"
    path.write_text("the-one-before")
    with open_street(street_store, fake, whatsapp_token_file=path) as street:
        street.shop("cafe")
        street.shop("bar", offer={"text": "Now", "expires_after_s": 60})
        people = {f"c{n}": f"+4915100000{n:03}" for n in range(4)}
        for name, number in people.items():
            street.person(name, number)
        street.enters("c0")
        street.until(lambda: bool(street.stopped_senders()), "the sender stands still")
        assert street.stopped_senders()[0]["scope"] == "token"
        street.enters("c1", "c2")
        street.enters("c3", shop=1)
        street.until(lambda: len(street.messages()) == 4, "all are queued")
        street.passes(61)
        street.reaches("c3", "expired")
        path.write_text(TOKEN)
        street.passes(120)
        for name in ("c0", "c1", "c2"):
            street.reaches(name, "delivered")
        assert street.stopped_senders() == []
        assert fake.bubbles(people["c3"]) == []


def test_nobody_in_the_states_is_sent_marketing(street: Street, fake: Fake) -> None:
    street.shop()
    street.person("joe", "+12125550123")
    street.enters("joe")
    assert street.reaches("joe", "failed", "cancelled")["reason"] == "market_blocked"
    assert requests(fake) == 0
