"""The till in a real browser: a code is typed, by keyboard alone, and it says in large letters what came of it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from nearcast.services.access import Role
from tests.api.promises import voucher
from tests.api.service import Service, serving_sqlite
from tests.api.town import open_shop
from tests.console.watched import PATIENCE_MS, Watched

pytestmark = pytest.mark.enable_socket


@pytest.fixture(scope="module")
def _service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving_sqlite(tmp_path_factory.mktemp("till")) as service:
        yield service


@pytest.fixture
def service(_service: Service) -> Service:
    _service.begin_anew()
    open_shop(_service)
    return _service


@pytest.fixture
def till(service: Service, browser: Browser) -> Iterator[Page]:
    """A till on a phone that has just been opened, and nobody has pressed anything on it but keys."""
    page = browser.new_context(viewport={"width": 320, "height": 568}, locale="en-GB").new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"{service.url}/till")
    expect(page.get_by_label("Key of this shop")).to_be_focused()
    page.keyboard.type(service.key(Role.TILL, shops=["cafe"]))
    page.keyboard.press("Enter")
    yield page
    page.context.close()


def typed(till: Page, code: str, said: str) -> str:
    """What it says, which has that in it."""
    expect(till.get_by_label("Code of the voucher")).to_be_focused()
    till.keyboard.type(code)
    till.keyboard.press("Enter")
    result = till.get_by_role("status")
    expect(result).to_contain_text(said, timeout=PATIENCE_MS)
    return result.inner_text()


def test_a_voucher_is_taken_and_the_second_time_it_says_when(service: Service, till: Page) -> None:
    watched = Watched(till)
    code = voucher(service)
    assert "One espresso. Not with other offers." in typed(till, code.lower(), "Redeemed")
    service.clock.step(minutes=5)
    assert "2026" in typed(till, f"{service.url}/v/{code}", "Already redeemed")
    assert "409" in watched.errors.pop(), "the browser's own word for it"
    assert watched.errors == []
    assert watched.hosts == {"127.0.0.1"}


def test_what_cannot_be_taken_is_said_in_words(service: Service, till: Page) -> None:
    code = voucher(service)
    typed(till, "0000-0000-0000-0000", "No such voucher here")
    service.clock.step(hours=2)
    typed(till, code, "Expired")


def test_the_key_is_gone_when_the_till_is_closed(service: Service, till: Page) -> None:
    till.get_by_role("button", name="Close the till").press("Enter")
    expect(till.get_by_label("Key of this shop")).to_be_focused()
    assert till.evaluate("Object.keys(sessionStorage).length + Object.keys(localStorage).length") == 0


def test_a_key_that_opens_nothing_is_asked_for_again(service: Service, till: Page) -> None:
    till.get_by_role("button", name="Close the till").press("Enter")
    till.keyboard.type("nc_wrong_key")
    till.keyboard.press("Enter")
    till.keyboard.type(voucher(service))
    till.keyboard.press("Enter")
    expect(till.get_by_role("status")).to_contain_text("This key does not open the till", timeout=PATIENCE_MS)
    expect(till.get_by_label("Key of this shop")).to_be_visible()


def test_every_button_is_large_and_nothing_is_cut_off(till: Page) -> None:
    for button in till.get_by_role("button").all():
        box = button.bounding_box()
        assert box is not None
        assert box["height"] >= 48
        assert box["width"] >= 200
    assert till.evaluate("document.documentElement.scrollWidth") <= 320


def test_a_picture_is_read_where_the_browser_can(service: Service, browser: Browser) -> None:
    code = voucher(service)
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    page.add_init_script(f"""
        window.BarcodeDetector = class {{ async detect() {{ return [{{ rawValue: "{service.url}/v/{code}" }}]; }} }};
        navigator.mediaDevices.getUserMedia = async () => new MediaStream();
        HTMLMediaElement.prototype.play = async () => {{}};
    """)
    page.goto(f"{service.url}/till")
    page.get_by_label("Key of this shop").fill(service.key(Role.OWNER, shops=["cafe"]))
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Scan with the camera").click()
    expect(page.get_by_role("status")).to_contain_text("Redeemed", timeout=PATIENCE_MS)
    expect(page.locator("video")).to_be_hidden()
    context.close()
