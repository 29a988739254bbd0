"""After a whole run nothing of anybody stands in clear anywhere: not in the log, the figures or the database."""

import base64
import logging

import pytest
from sqlalchemy import inspect, text

from tests.e2e.whatsapp.fake import ANNA, BEN, SECRET, TOKEN, Fake
from tests.e2e.whatsapp.street import VERIFY, Street


def test_no_number_name_of_a_message_token_or_text_is_found_after_a_run(
    street: Street, fake: Fake, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    fake.behave(read_ms=100)
    street.shop("cafe")
    street.person("anna", ANNA)
    street.person("ben", BEN)
    fake.script("close", to=BEN)
    street.enters("anna", "ben")
    street.reaches("anna", "read")
    street.reaches("ben", "read")
    fake.person(ANNA, say="Is the blue scarf still there?")
    fake.person(BEN, say="STOP")
    fake.person(ANNA, prefer=False)
    street.settles()
    street.until(lambda: len(fake.bubbles(BEN)) == 3, "the confirmation")
    street.settles()
    secrets = {TOKEN, SECRET, VERIFY, "blue scarf", "Hi Anna", "Hi Ben"}
    for number in (ANNA, BEN):
        digits = number.removeprefix("+")
        secrets |= {digits, base64.b64encode(digits.encode()).decode().rstrip("=")[:-2]}
        secrets.add(fake.person(number)["user_id"])
        secrets |= {bubble["id"].removeprefix("wamid.") for bubble in fake.bubbles(number)}
    ours = [each for each in caplog.records if each.name.startswith("nearcast") or each.levelno >= logging.WARNING]
    log = "\n".join(f"{each.getMessage()} {vars(each).get('said')}" for each in ours)
    places = {"log": log, "figures": street.operator.get("/metrics").raise_for_status().text, **dump(street)}
    assert len(places) > 30
    found = sorted((name, secret) for name, held in places.items() for secret in secrets if secret in held)
    assert found == []


def dump(street: Street) -> dict[str, str]:
    """Every table, as text."""
    names = inspect(street.store.engine).get_table_names()
    with street.store.engine.connect() as connection:
        return {
            name: "\n".join(
                " ".join(each.decode("latin-1") if isinstance(each, bytes) else str(each) for each in row)
                for row in connection.execute(text(f'SELECT * FROM "{name}"'))  # noqa: S608
            )
            for name in names
        }
