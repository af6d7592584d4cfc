"""Tests of the pages' content security policy and files."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page

from infra.local.paths import ROOT


def test_console_loads_without_errors(any_page: Page, url: str, axe) -> None:
    answer = any_page.goto(url)
    assert answer is not None and answer.status == 200
    axe(any_page)


@pytest.mark.parametrize(
    ("tried", "directive"),
    [
        (
            """{ const script = document.createElement("script"); script.textContent = "1";
            document.body.append(script) }""",
            "script-src-elem",
        ),
        (
            """{ const script = document.createElement("script");
            script.src = "https://example.com/a.js"; document.body.append(script) }""",
            "script-src-elem",
        ),
        ("""new Image().src = "https://example.com/?key" """, "img-src"),
        ("""fetch("https://example.com/?key").catch(() => 0)""", "connect-src"),
    ],
)
def test_policy_blocks_third_parties(page: Page, url: str, tried: str, directive: str) -> None:
    page.goto(url + "docs")
    # The browser also logs the violation, so `page.watch.take_errors` removes it from the watch.
    blocked = page.evaluate(f"""() => new Promise(resolve => {{
        document.addEventListener("securitypolicyviolation",
            event => resolve(event.effectiveDirective), {{ once: true }});
        {tried};
    }})""")
    assert blocked == directive
    assert any("Content Security Policy" in line for line in page.watch.take_errors())


def test_console_blocks_html_injection(page: Page, url: str) -> None:
    page.goto(url)
    result = page.evaluate(
        "() => { try { document.body.innerHTML = '<p>'; return '' }"
        " catch (error) { return String(error) } }"
    )
    assert "TrustedHTML" in result and page.watch.take_errors()


def test_policy_allows_event_socket(page: Page, url: str, api) -> None:
    status, ticket = api("POST", "/v1/push/tickets")
    assert status == 201
    page.goto(url)
    result = page.evaluate(
        """ticket => new Promise((resolve, reject) => {
        const socket = new WebSocket(`${ticket.url}?ticket=${ticket.ticket}`);
        socket.onopen = () => socket.send(JSON.stringify({ action: "ping" }));
        socket.onmessage = message => { resolve(JSON.parse(message.data)); socket.close() };
        socket.onerror = () => reject(new Error("connection failed"));
    })""",
        ticket,
    )
    assert result == {"type": "pong"}


def test_the_description_is_the_generated_one(page: Page, url: str) -> None:
    answer = page.request.get(url + "openapi.json")
    assert answer.json() and answer.body() == (ROOT / "infra" / "openapi.json").read_bytes()


def test_screenshots_are_saved(page: Page, url: str, screenshot) -> None:
    page.goto(url)
    saved: Path = screenshot("console")
    assert saved.read_bytes().startswith(b"\x89PNG")
