"""The page of a running `nearcast demo` in a real browser."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.console.watched import PATIENCE_MS, Watched
from tests.e2e.processes import Running

pytestmark = pytest.mark.enable_socket

OFFER, OTHER = "two-scoops-near", "two-scoops-park"


def opened(browser: Browser, demo: Running, **context: Any) -> Watched:
    watched = Watched(browser.new_context(**context).new_page())
    watched.page.set_default_timeout(PATIENCE_MS)
    watched.page.goto(demo.url())
    expect(watched.page.locator("#people circle").nth(20)).to_be_attached(timeout=PATIENCE_MS)
    return watched


def drag_to(page: Page, geofence_id: str) -> None:
    """Take the dot and let it go in the middle of a fence."""
    to = page.locator(f'[data-id="{geofence_id}"]').bounding_box()
    at = page.locator("#you .dot").bounding_box()
    assert to is not None
    assert at is not None
    page.mouse.move(at["x"] + at["width"] / 2, at["y"] + at["height"] / 2)
    page.mouse.down()
    page.mouse.move(to["x"] + to["width"] / 2, to["y"] + to["height"] / 2, steps=8)
    page.mouse.up()


def says(page: Page, text: str) -> None:
    expect(page.locator("#answer")).to_contain_text(text, timeout=PATIENCE_MS)


def test_people_move_verdicts_come_and_you_get_a_message_until_you_say_stop(
    browser: Browser, demo: Running, tmp_path: Path
) -> None:
    watched = opened(browser, demo, viewport={"width": 1280, "height": 800})
    page = watched.page
    says(page, "You are outside every fence")
    expect(page.locator("#ticker li").nth(3)).to_be_attached(timeout=PATIENCE_MS)
    expect(page.locator("#reasons li").nth(4)).to_be_attached(timeout=PATIENCE_MS)
    moved = """before => {
        const now = [...document.querySelectorAll('#people circle')].map(dot => dot.getAttribute('cx'));
        return now.some((cx, n) => before[n] !== undefined && before[n] !== cx);
    }"""
    before = page.eval_on_selector_all("#people circle", "dots => dots.map(dot => dot.getAttribute('cx'))")
    page.wait_for_function(moved, arg=before, timeout=PATIENCE_MS)

    drag_to(page, OFFER)
    says(page, "Two Scoops Ice Cream sent you a message")
    expect(page.locator("#bubble")).to_contain_text("The third scoop is free until")
    expect(page.locator("#message-text")).to_contain_text("The third scoop is free until")
    expect(page.locator("#ticker li.yours.send")).to_have_count(1)
    with page.expect_popup() as opening:
        page.get_by_role("link", name="Open your WhatsApp").click()
    phone = Watched(opening.value)
    offers = phone.page.locator("#bubbles li.business")
    expect(offers).to_contain_text(["The third scoop is free until"], timeout=PATIENCE_MS)
    page.screenshot(path=tmp_path / "message.png")

    phone.page.get_by_role("button", name="Stop").click()
    bubbles = phone.page.locator("#bubbles li")
    heard = ["The third scoop is free until", "STOP", "You will get no more offers"]
    expect(bubbles).to_contain_text(heard, timeout=PATIENCE_MS)
    drag_to(page, "toy-box-near")
    says(page, "No offer is running here")
    drag_to(page, OFFER)
    says(page, "your number is suppressed")
    expect(page.locator("#bubble")).to_contain_text("your number is suppressed")
    page.screenshot(path=tmp_path / "stopped.png")

    page.get_by_role("button", name="Stop").click()
    says(page, "You said stop")
    expect(page.get_by_role("button", name="Stopped")).to_be_disabled()
    phone.page.reload()
    expect(bubbles).to_contain_text(heard, timeout=PATIENCE_MS)
    expect(bubbles).to_have_count(len(heard))

    assert watched.errors == phone.errors == []
    assert watched.hosts == phone.hosts == {"127.0.0.1"}


def test_the_keys_move_you_and_enter_drops_you_on_a_narrow_screen(browser: Browser, demo: Running) -> None:
    narrow = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True, "color_scheme": "dark"}
    watched = opened(browser, demo, **narrow)
    page = watched.page
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    you = page.locator("#you")
    says(page, "You are outside every fence")
    you.focus()
    at_home = you.get_attribute("transform")
    for _ in range(5):
        page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Escape")
    assert you.get_attribute("transform") == at_home
    page.keyboard.press("Shift+ArrowUp")
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Enter")
    says(page, "Two Scoops Ice Cream sent you a message")
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    assert watched.errors == []
    assert watched.hosts == {"127.0.0.1"}


def test_the_page_says_that_the_demo_is_away_and_goes_on_when_it_is_back(browser: Browser, demo: Running) -> None:
    page = opened(browser, demo).page
    page.context.set_offline(True)
    expect(page.locator("#offline")).to_be_visible(timeout=PATIENCE_MS)
    clock = page.locator("#clock").inner_text()
    page.context.set_offline(False)
    expect(page.locator("#offline")).to_be_hidden(timeout=PATIENCE_MS)
    expect(page.locator("#clock")).not_to_have_text(clock, timeout=PATIENCE_MS)
