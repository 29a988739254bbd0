"""A browser that is gone is forgotten; a number that is only away is not."""

import pytest

from nearcast.domain.ids import CustomerId, MessageId, TenantId
from nearcast.domain.sending import Attempt, NotSent, ProviderError, Purpose, Rejected, RetryClass
from nearcast.services.sender_states import Leaving, SenderStates, Tried
from nearcast.store.sql_store import SqlStore
from tests.sealing import CONTACTS, put_customers
from tests.store.values import NOON

ADA = CustomerId("ada")


def refused(channel: str, retry: RetryClass) -> Rejected:
    return Rejected(error=ProviderError(provider=channel, code="410", retry=retry))


@pytest.mark.parametrize(
    ("channel", "attempt", "left"),
    [
        ("webpush", refused("webpush", RetryClass.USER_UNREACHABLE), {"sms"}),
        ("webpush", refused("webpush", RetryClass.BUG), {"sms", "webpush"}),
        ("webpush", NotSent(reason="ConnectError"), {"sms", "webpush"}),
        ("sms", refused("sms", RetryClass.USER_UNREACHABLE), {"sms", "webpush"}),
    ],
)
def test_only_what_was_given_out_and_is_gone_for_good_is_forgotten(
    store: SqlStore, tenant: TenantId, channel: str, attempt: Attempt, left: set[str]
) -> None:
    reached = [{"channel": "sms", "address": "+4915112345678"}, {"channel": "webpush", "address": "browser"}]
    leaving = Leaving(message_id=MessageId("m"), customer_id=ADA, channel=channel, purpose=Purpose.MARKETING)
    with store.writing(tenant) as uow:
        put_customers(uow, tenant, {ADA: {"contacts": reached}}, NOON)
        SenderStates({}, {}).note(uow, [Tried(leaving=leaving, began_at=NOON, attempt=attempt)], NOON)
        uow.commit()
    with store.reading(tenant) as uow:
        addresses = CONTACTS.read(uow, tenant, [ADA])[ADA]
    assert {each["channel"] for each in addresses} == left
