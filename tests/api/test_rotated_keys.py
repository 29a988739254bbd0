"""When there is a new key, nothing in the database is sealed with the one before."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import String, Text, select

from nearcast import bootstrap
from nearcast.domain.ids import TenantId
from nearcast.services.event_words import of_event
from nearcast.services.vault import Vault
from nearcast.services.vault_keys import open_vault
from nearcast.store.all_tables import metadata
from tests.api.chat import messages, status, statuses, written
from tests.api.service import Service
from tests.api.test_stop_by_message import awaited
from tests.emptying import empty

pytestmark = pytest.mark.enable_socket
NEW = "the key of this year " * 2


def sealed_with(service: Service, prefix: str) -> Counter[str]:
    """How many values begin so, by the column in which they stand: of every text of every table."""
    found = Counter[str]()
    with service.store.engine.connect() as connection:
        for table in metadata.sorted_tables:
            columns = [each for each in table.c if isinstance(each.type, String | Text)]
            for row in connection.execute(select(*columns)) if columns else ():
                values = zip(columns, row, strict=True)
                found.update(str(column) for column, value in values if str(value).startswith(prefix))
    return found


@pytest.fixture
def kept_apart(service: Service) -> Iterator[Service]:
    """A service that leaves no key behind."""
    yield service
    empty(service.store.engine)


def test_nothing_is_left_under_the_key_before_and_what_waited_goes_on(
    kept_apart: Service, monkeypatch: pytest.MonkeyPatch
):
    service = kept_apart
    chat, operator = awaited(service)
    now = service.clock.now
    chat.says("when does the bus stop?")
    chat.hears(messages(written("hello", at=now())))
    chat.hears(statuses(status("delivered", "wamid.unknown", at=now())))
    chat.works()
    chat.hears(statuses(status("delivered", "wamid.later", at=now() + timedelta(seconds=1))))
    chat.hears(messages(written("help", at=now())))
    chat.hears(messages(written("stop", at=now(), sender="4915188888888")))
    said = {"name": "Kim", "channel": "sms", "address": "+4915199999999"}
    assert operator.put("/v1/shops/cafe/staff", json={"staff": [said]}, headers={"Idempotency-Key": "k"}).is_success
    service.store.quarantine("0" * 64, "whatsapp", _vault(service).seal_text("{}", of=f"quarantine {'0' * 64}"), now())
    before = sealed_with(service, _vault(service).prefix)
    assert set(before) == {
        "contact.sealed",
        "contact_key.sealed",
        "idempotency.response",
        "message.content",
        "message_event.sealed",
        "opt_out_review.sealed",
        "quarantined_webhook.sealed",
        "raw_webhook.sealed",
        "reply.sealed",
        "secret.value",
        "shop_staff.sealed",
    }
    monkeypatch.setenv("NEARCAST_DATABASE_URL", service.store.engine.url.render_as_string(hide_password=False))
    monkeypatch.setenv("NEARCAST_DATA_KEY", NEW)
    old = _vault(service).prefix
    bootstrap.reseal()
    assert sealed_with(service, old) == Counter()
    new = open_vault(service.store, (NEW,), now())
    assert sealed_with(service, new.prefix) == before
    with service.store.writing(TenantId("t1")) as uow:
        pending = uow.heard.pending(limit=9, are_receipts=False)
    assert [new.open_text(each.sealed or "", of=of_event("t1", each.event_index)) != "" for each in pending] == [True]


def _vault(service: Service) -> Vault:
    return open_vault(service.store, (), service.clock.now())
