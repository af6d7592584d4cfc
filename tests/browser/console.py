"""User actions on the console, for the tests."""

from __future__ import annotations

from playwright.sync_api import Page, expect


def sign_in(page: Page, url: str, key: str, place: str = "") -> None:
    """Opens the console at `place`, such as `usage?range=1h`, and signs in with a key."""
    page.goto(f"{url}#/{place}")
    page.get_by_label("API key or token").fill(key)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def navigate(page: Page, place: str) -> None:
    """Navigates to another view and waits for its heading."""
    page.evaluate(
        "place => { document.querySelector('main h1').dataset.left = '';"
        " location.hash = '#/' + place; }",
        place,
    )
    expect(page.locator("main h1:not([data-left])")).to_be_visible()


def wait_until_loaded(page: Page) -> None:
    """Waits until a view has loaded its data."""
    expect(page.locator("main h1")).to_be_visible()
    expect(page.get_by_text("Loading…")).to_have_count(0)


def assert_fits(page: Page) -> None:
    """Asserts that the page is not wider than its window."""
    wide = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    widest = page.evaluate("""() => {
        const limit = document.documentElement.clientWidth + 1;
        return [...document.querySelectorAll("main *")]
            .filter(element => element.getBoundingClientRect().right > limit)
            .slice(0, 3).map(element => element.outerHTML.slice(0, 120)).join("\\n");
    }""")
    assert wide <= 0, f"{page.url} is {wide} pixels too wide: {widest}"
