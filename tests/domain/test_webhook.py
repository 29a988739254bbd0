"""Where webhooks may lead, when they are tried again, and what they are signed with."""

import hmac
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearcast.domain.ids import ShopId, TenantId
from nearcast.domain.networks import is_public
from nearcast.domain.visit import TransitionKind
from nearcast.domain.webhook import MOST_ATTEMPTS, Webhook, next_delivery_at
from nearcast.services.webhook_secrets import WebhookSecrets, signature

NOW = datetime(2026, 6, 2, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"])
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.7", "172.16.1.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),  # noqa: S104
        *(
            "224.0.0.1",
            "239.1.1.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1%eth0",
            "fd00::1",
            "fec0::1",
            "ff02::1",
            "ff0e::1",
        ),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:7f00:1::", "fec0::1"),
    ],
)
def test_an_address_that_leads_inwards_is_not_public(address: str) -> None:
    assert not is_public(address)


def test_a_webhook_hears_of_its_kinds_and_shops() -> None:
    everywhere = Webhook(id="w", url="https://example.com", kinds=frozenset({TransitionKind.ENTER}))
    at_the_cafe = Webhook(
        id="w", url="https://example.com", kinds=frozenset(TransitionKind), shop_ids=frozenset({ShopId("cafe")})
    )
    assert everywhere.hears_of(TransitionKind.ENTER, None)
    assert not everywhere.hears_of(TransitionKind.EXIT, None)
    assert at_the_cafe.hears_of(TransitionKind.EXIT, ShopId("cafe"))
    assert not at_the_cafe.hears_of(TransitionKind.EXIT, ShopId("bar"))
    assert not at_the_cafe.hears_of(TransitionKind.EXIT, None)


@given(attempt=st.integers(1, MOST_ATTEMPTS - 1), dice=st.floats(0, 1, exclude_max=True))
def test_pauses_grow_to_an_hour_and_end(attempt: int, dice: float) -> None:
    again_at, longest_at = next_delivery_at(NOW, attempt, dice), next_delivery_at(NOW, attempt, 0.0)
    assert again_at is not None
    assert longest_at is not None
    assert NOW + (longest_at - NOW) / 2 <= again_at <= longest_at <= NOW + timedelta(hours=1)
    assert longest_at - NOW >= timedelta(seconds=min(3600, 4 * 2 ** (attempt - 1)))
    assert next_delivery_at(NOW, MOST_ATTEMPTS, dice) is None


def test_the_secret_before_signs_until_its_overlap_is_over() -> None:
    rotated = Webhook(id="w", url="https://example.com", kinds=frozenset(), generation=3, previous_until=NOW)
    assert rotated.generations(NOW - timedelta(microseconds=1)) == (3, 2)
    assert rotated.generations(NOW) == (3,)


def test_a_signature_is_that_of_the_instant_and_the_body_under_each_secret() -> None:
    secrets = WebhookSecrets("k" * 32)
    mine = [secrets.of(TenantId("t1"), "wh_1", generation) for generation in (2, 1)]
    others = [secrets.of(TenantId("t2"), "wh_1", 2), secrets.of(TenantId("t1"), "wh_2", 2)]
    assert len({*mine, *others, WebhookSecrets("l" * 32).of(TenantId("t1"), "wh_1", 2)}) == 5
    expected = [hmac.new(each.encode(), b'1780394400.{"a":1}', "sha256").hexdigest() for each in mine]
    assert signature(mine, 1780394400, b'{"a":1}') == f"t=1780394400,v1={expected[0]},v1={expected[1]}"
