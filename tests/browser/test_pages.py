"""Tests of the pages' content security policy and files."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page

from infra.local.places import ROOT


def test_the_console_loads_and_nothing_goes_wrong(any_page: Page, url: str, axe) -> None:
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
def test_the_policy_keeps_foreigners_out_and_keys_in(
    page: Page, url: str, tried: str, directive: str
) -> None:
    page.goto(url + "docs")
    # The browser also logs the violation, so `page.watch.take` removes it from the watch.
    blocked = page.evaluate(f"""() => new Promise(resolve => {{
        document.addEventListener("securitypolicyviolation",
            event => resolve(event.effectiveDirective), {{ once: true }});
        {tried};
    }})""")
    assert blocked == directive
    assert any("Content Security Policy" in line for line in page.watch.take())


def test_text_is_no_markup_in_the_console(page: Page, url: str) -> None:
    page.goto(url)
    told = page.evaluate(
        "() => { try { document.body.innerHTML = '<p>'; return '' }"
        " catch (error) { return String(error) } }"
    )
    assert "TrustedHTML" in told and page.watch.take()


def test_the_console_may_connect_to_where_events_are_pushed(page: Page, url: str, api) -> None:
    status, ticket = api("POST", "/v1/push/tickets")
    assert status == 201
    page.goto(url)
    told = page.evaluate(
        """ticket => new Promise((resolve, reject) => {
        const socket = new WebSocket(`${ticket.url}?ticket=${ticket.ticket}`);
        socket.onopen = () => socket.send(JSON.stringify({ action: "ping" }));
        socket.onmessage = message => { resolve(JSON.parse(message.data)); socket.close() };
        socket.onerror = () => reject(new Error("it can't connect"));
    })""",
        ticket,
    )
    assert told == {"type": "pong"}


def test_the_description_is_the_generated_one(page: Page, url: str) -> None:
    answer = page.request.get(url + "openapi.json")
    assert answer.json() and answer.body() == (ROOT / "infra" / "openapi.json").read_bytes()


def test_screenshots_are_kept(page: Page, url: str, screenshot) -> None:
    page.goto(url)
    kept: Path = screenshot("console")
    assert kept.read_bytes().startswith(b"\x89PNG")
