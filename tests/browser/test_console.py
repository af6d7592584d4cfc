"""Tests of the console's main flow: signing in, submitting a job, following it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

import demo
from console import assert_fits, navigate, sign_in, wait_until_loaded

JOB = re.compile(r"#/jobs/job_")


@pytest.fixture(scope="module", autouse=True)
def kinds(api, stack) -> None:
    demo.kinds(api, stack)


def submit_invoice(page: Page, number: str) -> None:
    page.get_by_label("Kind").select_option("invoice.send")
    page.get_by_label("customer").fill("Ada Lovelace")
    page.get_by_label("number").fill(number)


def test_sign_in_submit_and_outcome(page: Page, url: str, stack) -> None:
    page.watch.expect(401, "/v1/token")
    page.goto(url)
    # Without a key the page sends no API request; a wrong key shows a problem.
    assert not [request.url for request in page.watch.requests if "/v1/" in request.url]
    page.get_by_label("API key or token").fill("tg_unknown")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("Request")
    page.get_by_label("API key or token").fill(stack.tenant_key)
    page.get_by_role("button", name="Sign in").click()

    page.get_by_role("navigation", name="Main").get_by_role("link", name="Submit a job").click()
    submit_invoice(page, "1042")
    expect(page.get_by_label("format")).to_have_value("0")
    page.get_by_role("group", name="copy_to").get_by_role("button", name="Add").click()
    page.get_by_label("copy_to 1", exact=True).fill("books@example.com")
    page.get_by_role("button", name="Fill in address").click()
    page.get_by_label("city").fill("London")
    with page.expect_request(lambda request: request.method == "POST") as sent:
        page.get_by_role("button", name="Submit", exact=True).click()
    assert re.fullmatch(r"[0-9a-f]{32}", sent.value.headers["idempotency-key"])
    assert sent.value.post_data_json["payload"] == {
        "customer": "Ada Lovelace",
        "number": 1042,
        "format": "pdf",
        "copy_to": ["books@example.com"],
        "address": {"city": "London"},
    }

    expect(page).to_have_url(JOB)
    expect(page.get_by_label("State").get_by_text("completed")).to_be_visible()
    expect(page.get_by_role("region", name="result")).to_contain_text('"customer": "Ada Lovelace"')
    expect(page.get_by_role("table", name="Attempts").get_by_text("completed")).to_be_visible()

    assert stack.tenant_key not in page.url and "tg_" not in page.evaluate(
        "JSON.stringify(localStorage) + document.cookie"
    )
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("API key or token")).to_be_empty()
    assert page.evaluate("sessionStorage.length") == 0


def test_cancel_and_retry_a_delayed_job(page: Page, url: str, stack) -> None:
    sign_in(page, url, stack.tenant_key, "submit/invoice.send")
    submit_invoice(page, "7")
    page.get_by_text("More: when").click()
    page.get_by_label("When").select_option("after a delay")
    page.get_by_label("Delay in seconds").fill("3600")
    page.get_by_role("button", name="Submit", exact=True).click()
    state = page.get_by_label("State")
    expect(state.get_by_text("queued")).to_be_visible()

    page.get_by_role("button", name="Cancel", exact=True).click()
    question = page.get_by_role("dialog")
    expect(question.get_by_role("button", name="Close")).to_be_focused()
    page.keyboard.press("Escape")
    expect(question).to_have_count(0)
    expect(page.get_by_role("button", name="Cancel", exact=True)).to_be_focused()
    page.get_by_role("button", name="Cancel", exact=True).click()
    question.get_by_role("button", name="Cancel the job").click()
    expect(state.get_by_text("cancelled")).to_be_visible()

    page.get_by_role("button", name="Retry").click()
    expect(state.get_by_text("completed")).to_be_visible()


def test_errors_are_shown_at_their_fields(page: Page, url: str, stack, axe) -> None:
    page.watch.expect(422, "/v1/jobs")
    sign_in(page, url, stack.tenant_key, "submit/invoice.send")
    # The browser reports all violations that it can check before the page sends a request.
    page.get_by_label("number").fill("0")
    page.get_by_role("button", name="Submit", exact=True).click()
    note = page.get_by_role("alert")
    expect(note).to_be_focused()
    expect(note).to_contain_text("2 errors to fix")
    page.get_by_role("button", name="/payload/customer").click()
    expect(page.get_by_label("customer")).to_be_focused()

    # The server reports violations of the schema that the form can't check.
    submit_invoice(page, "7")
    copies = page.get_by_role("group", name="copy_to")
    for index in (1, 2):
        copies.get_by_role("button", name="Add").click()
        page.get_by_label(f"copy_to {index}", exact=True).fill("same@example.com")
    page.get_by_text("More: when").click()
    page.get_by_label("Callback URL").fill("ftp://example.com/callbacks")
    page.get_by_role("button", name="Submit", exact=True).click()
    expect(note).to_be_focused()
    expect(note).to_contain_text("Request")
    expect(copies.locator(".wrong")).not_to_be_empty()
    url_field = page.get_by_label("Callback URL")
    expect(url_field).to_have_attribute("aria-invalid", "true")
    described = page.locator(f"[id='{url_field.get_attribute('aria-describedby')}'] .wrong")
    expect(described).not_to_be_empty()
    axe(page)

    url_field.fill("")
    expect(described).to_have_count(0)
    page.get_by_role("button", name="Remove copy_to 2").click()
    page.get_by_role("button", name="Submit", exact=True).click()
    expect(page).to_have_url(JOB)


def test_json_payload_is_sent_unchanged(page: Page, url: str, stack) -> None:
    page.watch.expect(422, "/v1/jobs")
    sign_in(page, url, stack.tenant_key, "submit/thumbnail.make")
    page.get_by_role("button", name="JSON").click()
    text = page.get_by_label("Payload as JSON")
    assert '"width": 320' in text.input_value()
    text.fill('{"product": "seven"}')
    page.get_by_role("button", name="Submit", exact=True).click()
    expect(page.get_by_role("button", name="/payload/product")).to_be_visible()
    text.fill('{"product": 7.50e1,')
    page.get_by_role("button", name="Submit", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("Invalid JSON")
    # A number with more digits than a double holds is sent unchanged.
    text.fill('{"product": 12345678901234567890}')
    with page.expect_request(lambda request: request.method == "POST") as sent:
        page.get_by_role("button", name="Submit", exact=True).click()
    assert '"payload":{"product": 12345678901234567890}' in sent.value.post_data
    expect(page).to_have_url(JOB)


def test_failed_attempts_are_listed(page: Page, url: str, api, stack) -> None:
    job = demo.body_of(
        api("POST", "/v1/jobs", {"kind": "thumbnail.make", "payload": {"product": 1}})
    )["id"]
    sign_in(page, url, stack.tenant_key, f"jobs/{job}")
    expect(page.get_by_label("State").get_by_text("failed")).to_be_visible()
    expect(page.get_by_role("table", name="Attempts").get_by_role("row")).to_have_count(3)
    expect(page.get_by_text("target-unreachable").first).to_be_visible()


def test_job_list_refreshes(page: Page, url: str, api, stack) -> None:
    sign_in(page, url, stack.tenant_key, "jobs?kind=invoice.send")
    wait_until_loaded(page)
    job = demo.body_of(
        api(
            "POST",
            "/v1/jobs",
            {"kind": "invoice.send", "payload": {"customer": "x", "number": 1, "format": "pdf"}},
        )
    )["id"]
    row = page.get_by_role("row").filter(has_text=job)
    expect(row.get_by_text("completed")).to_be_visible()
    page.get_by_label("Status").select_option("failed")
    expect(row).to_have_count(0)
    page.get_by_label("Status").select_option("")
    row.get_by_role("link", name=job).click()
    expect(page.get_by_role("heading", level=1)).to_be_focused()


def test_keyboard_only(page: Page, url: str, stack) -> None:
    page.goto(url)
    expect(page.get_by_label("API key or token")).to_be_focused()
    page.keyboard.type(stack.tenant_key)
    page.keyboard.press("Enter")
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_be_focused()

    def tab_to(role: str, name: str, presses: int = 40) -> None:
        target = page.locator("main").get_by_role(role, name=name, exact=True)
        for _ in range(presses):
            page.keyboard.press("Tab")
            if target.evaluate("element => element === document.activeElement"):
                outline = target.evaluate("element => getComputedStyle(element).outlineStyle")
                assert outline != "none", f"{name} has no focus outline"
                return
        raise AssertionError(f"{name} is not reachable with {presses} tabs")

    tab_to("link", "Submit a job")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Submit a job")).to_be_focused()
    tab_to("combobox", "Kind")
    page.keyboard.type("invoice")
    expect(page).to_have_url(re.compile("#/submit/invoice.send"))
    expect(page.get_by_label("customer")).to_be_visible()
    tab_to("textbox", "customer (required)")
    page.keyboard.type("Grace Hopper")
    page.keyboard.press("Tab")
    expect(page.get_by_label("number")).to_be_focused()
    page.keyboard.type("3")
    page.keyboard.press("Enter")
    expect(page).to_have_url(JOB)
    expect(page.get_by_label("State").get_by_text("completed")).to_be_visible()
    page.reload()
    expect(page.get_by_label("State").get_by_text("completed")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_be_focused()


def test_revoked_key_returns_to_sign_in(page: Page, url: str, api, stack) -> None:
    keys = f"/v1/accounts/{stack.tenant_account}/keys"
    key = demo.body_of(
        api("POST", keys, {"name": "short", "scopes": ["jobs:read"]}, key=stack.operator_key)
    )
    sign_in(page, url, key["secret"])
    # The menu only has views for which the key has scopes.
    menu = page.get_by_role("navigation", name="Main").get_by_role("listitem")
    expect(menu).to_have_text(["Jobs", "Kinds", "Schedules"])
    expect(page.get_by_role("link", name="Submit a job")).to_have_count(0)
    navigate(page, "accounts")
    expect(page.get_by_role("heading", name="Your key has no access")).to_be_visible()

    # A revoked key is accepted for up to 30 seconds, so the test fakes the response after that.
    assert api("DELETE", f"{keys}/{key['id']}", key=stack.operator_key)[0] == 204
    page.route(
        "**/v1/schedules?*",
        lambda route: route.fulfill(
            status=401,
            content_type="application/problem+json",
            body=(
                '{"type":"urn:tollgate:problem:unauthenticated","title":"The key is invalid",'
                '"status":401,"detail":"It was revoked.","request_id":"r-1"}'
            ),
        ),
    )
    page.watch.expect(401, "/v1/schedules")
    navigate(page, "schedules")
    expect(page.get_by_label("API key or token")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("It was revoked.")
    assert page.evaluate("sessionStorage.length") == 0


def test_outage_is_shown_and_retried(page: Page, url: str, stack) -> None:
    sign_in(page, url, stack.tenant_key, "kinds")
    wait_until_loaded(page)
    page.watch.expect(503, "/v1/jobs")
    asked = []

    def answer(route) -> None:
        asked.append(page.evaluate("performance.now()"))
        if len(asked) > 1:
            route.continue_()
            return
        route.fulfill(
            status=503,
            content_type="application/problem+json",
            headers={"retry-after": "3"},
            body=(
                '{"type":"urn:tollgate:problem:unavailable","title":"Service unavailable",'
                '"status":503,"detail":"Try again.","request_id":"r-2"}'
            ),
        )

    page.route("**/v1/jobs?*", answer)
    navigate(page, "jobs")
    expect(page.get_by_role("alert")).to_contain_text("Service unavailable")
    expect(page.get_by_role("alert")).to_contain_text("r-2")
    expect(page.get_by_role("alert")).to_have_count(0)
    assert asked[1] - asked[0] >= 3000


def test_transfer_size(page: Page, url: str, stack) -> None:
    sizes = {}
    page.on(
        "response",
        lambda response: (
            sizes.update({response.url: response}) if "/v1/" not in response.url else None
        ),
    )
    sign_in(page, url, stack.tenant_key)
    wait_until_loaded(page)
    raw = sum(len(response.body()) for response in sizes.values())
    sent = sum(response.request.sizes()["responseBodySize"] for response in sizes.values())
    print(f"{len(sizes)} files, {raw} bytes, {sent} as they were sent")
    assert sent < 200_000


def test_theme_is_stored(page: Page, url: str, stack) -> None:
    sign_in(page, url, stack.tenant_key)
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.get_by_role("button", name="Dark theme").click()
    dark = page.evaluate(background)
    assert dark != light
    page.reload()
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()
    assert page.evaluate(background) == dark
    expect(page.get_by_role("button", name="Dark theme")).to_have_attribute("aria-pressed", "true")


def test_tenant_views_are_accessible(any_page: Page, url: str, stack, axe) -> None:
    any_page.goto(url)
    axe(any_page)
    assert_fits(any_page)
    sign_in(any_page, url, stack.tenant_key)
    for place in (
        "submit/invoice.send",
        "jobs",
        "submit/activities",
        "kinds",
        "kinds/thumbnail.make",
        "events",
        "usage",
        "quotas",
        "sources",
        "schedules",
    ):
        navigate(any_page, place)
        wait_until_loaded(any_page)
        axe(any_page)
        assert_fits(any_page)
