"""The page of a voucher, which whoever has the code may see and which tells nobody else of it."""

import httpx
import pytest

from nearcast.domain.voucher import grouped
from nearcast.services.access import Role
from tests.api.promises import voucher
from tests.api.service import Service
from tests.api.town import open_shop
from tests.loopback import LOOPBACK

pytestmark = pytest.mark.enable_socket


def seen(service: Service, code: str, language: str = "en-GB,en;q=0.9") -> httpx.Response:
    headers = {"Accept-Language": language}
    return httpx.get(f"{service.url}/v/{code}", headers=headers, **LOOPBACK)


def test_a_voucher_shows_what_it_is_good_for_and_what_became_of_it(service: Service):
    open_shop(service)
    service.client(Role.OWNER).put("/v1/shops/cafe", json={"name": "Café <Central>", "timezone": "Asia/Tokyo"})
    code = voucher(service)
    shown = seen(service, code)
    assert shown.status_code == 200
    for part in ("One espresso", "Café &lt;Central&gt;", "Good until 20:00", "Not with other offers.", grouped(code)):
        assert part in shown.text, part
    assert "<svg" in shown.text
    assert shown.headers["Cache-Control"] == "no-store"
    assert shown.headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'self'" in shown.headers["Content-Security-Policy"]
    assert "Gültig bis 20:00" in seen(service, grouped(code).lower(), "de-AT").text

    assert service.client(Role.OWNER).post(f"/v1/vouchers/{code}/redeem").is_success
    taken = seen(service, code).text
    assert "Redeemed at 2026-06-02 19:00." in taken
    assert "<svg" not in taken


def test_a_voucher_that_ran_out_says_so(sqlite_service: Service):
    open_shop(sqlite_service)
    code = voucher(sqlite_service)
    sqlite_service.clock.step(hours=1)
    shown = seen(sqlite_service, code).text
    assert "Expired at 2026-06-02 13:00." in shown
    assert "<svg" not in shown


@pytest.mark.parametrize("code", ["0000-0000-0000-0000", "no-code", "%00", "é" * 16])
def test_a_code_that_nobody_made_leads_nowhere(sqlite_service: Service, code: str):
    sqlite_service.client()
    answer = seen(sqlite_service, code)
    assert answer.status_code == 404
    assert "There is no such voucher." in answer.text
