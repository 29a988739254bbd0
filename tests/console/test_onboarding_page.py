"""The onboarding page in a real browser, as a customer sees it on a narrow phone."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from nearcast.store.migrate import upgrade
from nearcast.store.sql_store import SqlStore
from tests.api.people import known
from tests.api.phones import handset, located
from tests.api.service import Service, serving
from tests.console.watched import PATIENCE_MS, Watched

pytestmark = pytest.mark.enable_socket
NARROW: dict[str, Any] = {
    "viewport": {"width": 360, "height": 740},
    "has_touch": True,
    "is_mobile": True,
    "color_scheme": "dark",
}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    url = f"sqlite:///{tmp_path / 'nearcast.db'}"
    upgrade(url)
    with closing(SqlStore(url)) as store, serving(store) as service:
        yield service


def test_a_customer_agrees_sees_the_way_in_and_takes_it_back(browser: Browser, service: Service, tmp_path: Path):
    operator = known(service, language="de")
    phone = handset(service, "anna")
    watched = Watched(browser.new_context(**NARROW).new_page())
    page = watched.page
    page.set_default_timeout(PATIENCE_MS)
    page.goto(phone.onboarding_url)
    expect(page.get_by_text("nutzt die Position dieses Telefons")).to_be_visible()
    boxes = page.get_by_role("checkbox")
    expect(boxes).to_have_count(2)
    for n in range(2):
        expect(boxes.nth(n)).not_to_be_checked()
    boxes.nth(0).check()
    page.get_by_role("button", name="Ich stimme zu").click()

    expect(page.get_by_text("Du hast zugestimmt.")).to_be_visible()
    way_in = page.get_by_role("link", name="OwnTracks auf diesem Telefon einrichten")
    expect(way_in).to_be_visible()
    assert (way_in.get_attribute("href") or "").startswith("owntracks:///config?inline=")
    code = page.locator(".qr svg").bounding_box()
    assert code is not None
    assert 200 < code["width"] <= 328
    assert abs(code["width"] - code["height"]) < 2
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.screenshot(path=tmp_path / "agreed.png", full_page=True)
    assert phone.post("owntracks", located(service)).status_code == 200
    said = operator.get("/v1/customers/anna/consents").json()["items"]
    assert [(line["purpose"], line["channel"]) for line in said] == [
        ("location.matching", None),
        ("marketing.nearby", "console"),
    ]

    page.get_by_role("button", name="Zustimmung zurücknehmen").click()
    expect(page.get_by_text("Du hast deine Zustimmung zurückgenommen")).to_be_visible()
    assert phone.post("owntracks", located(service)).status_code == 401
    page.goto(phone.onboarding_url)
    expect(page.get_by_text("Dieser Link führt nirgendwohin mehr")).to_be_visible()
    unfound = "Failed to load resource: the server responded with a status of 404 (Not Found)"
    assert [error for error in watched.errors if error != unfound] == []
    assert watched.hosts == {"127.0.0.1"}
