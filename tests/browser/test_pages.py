"""The pages as a browser gets them."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

from infra.local.places import ROOT


def test_the_console_loads_and_nothing_goes_wrong(any_page: Page, url: str, axe) -> None:
    answer = any_page.goto(url)
    assert answer is not None and answer.status == 200
    axe(any_page)


def test_the_policy_keeps_foreign_scripts_out(page: Page, url: str) -> None:
    page.goto(url)
    blocked = page.evaluate("""() => new Promise(resolve => {
        document.addEventListener("securitypolicyviolation", event => resolve(event.effectiveDirective), { once: true });
        const script = document.createElement("script");
        script.textContent = "document.title = 'foreign'";
        document.body.append(script);
    })""")
    assert blocked.startswith("script-src") and page.title() != "foreign"
    # It was told as an error, which any other test would fail with.
    assert any("Content Security Policy" in line for line in page.watch.take())


def test_the_description_is_the_generated_one(page: Page, url: str) -> None:
    answer = page.request.get(url + "openapi.json")
    assert answer.json() and answer.body() == (ROOT / "infra" / "openapi.json").read_bytes()


def test_screenshots_are_kept(page: Page, url: str, screenshot) -> None:
    page.goto(url)
    kept: Path = screenshot("console")
    assert kept.read_bytes().startswith(b"\x89PNG")
