"""Tests of the console's views of usage, quotas, events and accounts, and of operators' actions."""

from __future__ import annotations

import json
import re
import uuid

import pytest
from playwright.sync_api import Page, expect

import demo
from console import assert_fits, navigate, sign_in, wait_until_loaded


@pytest.fixture(scope="module", autouse=True)
def kinds(api, stack) -> None:
    demo.kinds(api, stack)
    demo.operators(api, stack)


@pytest.fixture(scope="module")
def usage(api) -> None:
    """Usage of the last hour."""
    demo.usage(api)


def pixels(page: Page, colour: str) -> int:
    """Counts the pixels of the chart in the colour of a CSS variable, to see if a line is drawn."""
    return page.evaluate(
        """name => {
        const probe = document.body.appendChild(document.createElement("i"));
        probe.style.color = `var(${name})`;
        const [r, g, b] = getComputedStyle(probe).color.match(/\\d+/g).map(Number);
        probe.remove();
        const canvas = document.querySelector(".chart canvas");
        const copy = new OffscreenCanvas(canvas.width, canvas.height)
            .getContext("2d", { willReadFrequently: true });
        copy.drawImage(canvas, 0, 0);
        const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
        let count = 0;
        for (let at = 0; at < data.length; at += 4) {
            const distance = Math.abs(data[at] - r) + Math.abs(data[at + 1] - g)
                + Math.abs(data[at + 2] - b);
            count += data[at + 3] > 200 && distance < 12;
        }
        return count;
    }""",
        colour,
    )


def test_usage_chart_zoom_and_quota(page: Page, url: str, api, stack, usage, axe) -> None:
    name = f"shop-{uuid.uuid4().hex[:8]}"
    demo.quota(api, stack, 6_000_000_000, name)
    sign_in(page, url, stack.tenant_key, "usage?range=1h&service=shop")
    table = page.get_by_role("table", name="Sums by series")
    expect(table.get_by_role("row").filter(has_text="shop · /products")).to_be_visible()
    expect(table).not_to_contain_text("images")
    expect(page.get_by_text(re.compile(r"No data in \d+ of \d+ windows"))).to_be_visible()
    expect(page.get_by_text(re.compile(r"Times: .*UTC"))).to_be_visible()
    assert pixels(page, "--series-1") > 50

    # The legend shows the values under the pointer.
    over = page.locator(".chart .u-over").first
    over.hover(position={"x": 300, "y": 60})
    expect(page.locator(".u-legend .u-value").nth(1)).to_have_text(re.compile(r"\d.* (kB|MB)$|–"))

    box = over.bounding_box()
    page.mouse.move(box["x"] + 0.55 * box["width"], box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.85 * box["width"], box["y"] + 50, steps=5)
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"from=.*&to="))
    expect(page.get_by_text(re.compile("^From ")).first).to_be_visible()
    page.get_by_role("button", name="Whole range").click()
    expect(page).not_to_have_url(re.compile(r"from="))

    page.get_by_label("Against quota").select_option(name)
    heading = page.get_by_role("heading", name=f"{name}: used this day")
    expect(heading).to_be_visible()
    section = page.locator("section").filter(has=heading)
    expect(section.locator(".u-legend")).to_contain_text("80 %")
    expect(section.locator(".u-legend")).to_contain_text("100 %")
    assert pixels(page, "--bad") > 50
    assert pixels(page, "--warn") > 50
    axe(page)
    assert api("DELETE", f"/v1/quotas/{name}", key=stack.operator_key)[0] == 204


def test_events_appear_live(page: Page, url: str, api, stack) -> None:
    events = f"/v1/accounts/{stack.tenant_account}/events"
    sign_in(page, url, stack.tenant_key, "events")
    expect(page.get_by_role("status")).to_contain_text("live")
    demo.body_of(api("POST", events, {"data": {"temperature": 21.5}, "source": "sensor-7"}))
    shown = page.get_by_role("list", name="Events, newest first")
    expect(shown.get_by_role("listitem").first).to_contain_text("sensor-7")
    expect(shown).to_contain_text('{"temperature":21.5}')

    page.get_by_role("button", name="Pause").click()
    demo.body_of(api("POST", events, {"data": "while paused", "source": "sensor-8"}))
    resume = page.get_by_role("button", name="Resume (1 new)")
    expect(resume).to_be_visible()
    expect(shown).not_to_contain_text("while paused")
    resume.click()
    expect(shown.get_by_role("listitem").first).to_contain_text("while paused")

    job = demo.body_of(
        api(
            "POST",
            "/v1/jobs",
            {"kind": "invoice.send", "payload": {"customer": "x", "number": 1, "format": "pdf"}},
        )
    )["id"]
    page.get_by_label("Type").select_option("job.completed")
    expect(shown).not_to_contain_text("sensor-7")
    expect(shown).to_contain_text(job)
    shown.get_by_role("link", name="its job").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(job)


def test_events_fall_back_to_polling(page: Page, url: str, api, stack) -> None:
    page.add_init_script(
        "window.WebSocket = class {"
        " constructor() { setTimeout(() => this.onclose?.({}), 0); } close() {} };"
    )
    sign_in(page, url, stack.tenant_key, "events")
    expect(page.get_by_role("status")).to_contain_text("polling")
    demo.body_of(
        api(
            "POST",
            f"/v1/accounts/{stack.tenant_account}/events",
            {"data": "by polling", "source": "sensor-9"},
        )
    )
    expect(page.get_by_role("list", name="Events, newest first")).to_contain_text("by polling")


def test_reconnect_misses_no_events(page: Page, url: str, api, stack) -> None:
    page.add_init_script(
        "window.sockets = []; const Socket = WebSocket; window.WebSocket = class extends Socket {"
        " constructor(url) { super(url); sockets.push(this); } };"
    )
    sign_in(page, url, stack.tenant_key, "events")
    expect(page.get_by_role("status")).to_contain_text("live")
    page.evaluate("sockets[0].close()")
    mark = uuid.uuid4().hex
    for number in range(3):
        demo.body_of(
            api(
                "POST",
                f"/v1/accounts/{stack.tenant_account}/events",
                {"data": f"{mark}-{number}", "source": "sensor-10"},
            )
        )
    shown = page.get_by_role("listitem").filter(has_text=mark)
    expect(shown).to_have_count(3)
    expect(shown.first).to_contain_text(f"{mark}-2")
    assert page.evaluate("sockets.length") >= 2


def test_operator_creates_account_and_key(page: Page, url: str, api, stack, axe) -> None:
    name = f"Shop {uuid.uuid4().hex[:8]}"
    sign_in(page, url, stack.operator_key, "accounts")
    page.get_by_role("button", name="Create an account").click()
    page.get_by_role("dialog").get_by_label("Name").fill(name)
    page.get_by_role("dialog").get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    expect(page.get_by_text("No keys yet")).to_be_visible()

    page.get_by_role("button", name="Create a key").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("ci")
    dialog.get_by_label("usage:read").check()
    axe(page)
    dialog.get_by_role("button", name="Create").click()
    secret = dialog.locator(".secret").inner_text()
    assert api("GET", "/v1/token", key=secret)[1]["scopes"] == [
        "jobs:read",
        "jobs:write",
        "usage:read",
    ]
    # The secret is shown once, so Escape does not close the dialog.
    page.keyboard.press("Escape")
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="Copy the key").click()
    expect(dialog.get_by_role("button", name="Copied")).to_be_visible()
    dialog.get_by_role("button", name="Done").click()
    expect(page.locator("main")).not_to_contain_text(secret)

    row = page.get_by_role("row").filter(has_text="ci")
    row.get_by_role("button", name="Revoke ci").click()
    dialog.get_by_role("button", name="Revoke").click()
    expect(row.get_by_text("revoked")).to_be_visible()

    page.get_by_role("button", name="Deactivate").click()
    dialog.get_by_role("button", name="Deactivate").click()
    expect(page.get_by_text("inactive")).to_be_visible()


def test_definition_errors_are_located(page: Page, url: str, api, stack) -> None:
    name = f"report.{uuid.uuid4().hex[:8]}"
    page.watch.expect(422, f"/v1/kinds/{name}")
    sign_in(page, url, stack.operator_key, "define/kinds")
    page.get_by_label("Name").fill(name)
    text = page.get_by_label("Definition")
    draft = json.loads(text.input_value())
    draft["retry"]["max_attempts"] = 1000
    draft["target"] = {"type": "http", "url": "ftp://example.com"}
    text.fill(json.dumps(draft, indent=2))
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_be_focused()
    page.get_by_role("button", name="/retry/max_attempts").click()
    assert "1000" in text.evaluate(
        "area => area.value.slice(area.selectionStart, area.selectionEnd)"
    )
    draft["retry"]["max_attempts"] = 3
    draft["target"] = {"type": "echo"}
    text.fill(json.dumps(draft, indent=2))
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    expect(page.get_by_text("at most 3")).to_be_visible()

    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page).to_have_url(re.compile("#/kinds$"))
    assert api("GET", f"/v1/kinds/{name}")[0] == 404


def test_secrets_stay_masked(page: Page, url: str, stack) -> None:
    sign_in(page, url, stack.operator_key, "kinds/thumbnail.make")
    expect(page.get_by_text("Header authorization")).to_be_visible()
    expect(page.locator("main")).not_to_contain_text("not-shown")
    page.get_by_role("link", name="Change").click()
    expect(page.get_by_text("Enter them again")).to_be_visible()


def test_quota_and_source_state(page: Page, url: str, api, stack, usage) -> None:
    name = f"state-{uuid.uuid4().hex[:8]}"
    demo.quota(api, stack, 1_000_000, name)
    sign_in(page, url, stack.operator_key, f"quotas/{name}")
    # `quota-check` evaluates the quota within a minute.
    expect(page.get_by_role("table", name="Alerts").get_by_text("100 %")).to_be_visible(
        timeout=90_000
    )
    meter = page.get_by_role("meter")
    assert "of 1 MB" in meter.get_attribute("aria-valuetext")
    expect(page.get_by_role("table", name="Alerts").get_by_text("ops@example.com")).to_be_visible()
    navigate(page, "sources/kong-eu")
    expect(page.get_by_text("failing")).to_be_visible(timeout=90_000)
    assert api("DELETE", f"/v1/quotas/{name}", key=stack.operator_key)[0] == 204


def test_operator_views_account(page: Page, url: str, api, stack) -> None:
    job = demo.body_of(
        api(
            "POST",
            "/v1/jobs",
            {"kind": "invoice.send", "payload": {"customer": "x", "number": 1, "format": "pdf"}},
        )
    )["id"]
    sign_in(page, url, stack.operator_key, "jobs")
    wait_until_loaded(page)
    expect(page.get_by_role("row").filter(has_text=job)).to_have_count(0)
    page.get_by_label("Account").select_option(stack.tenant_account)
    page.get_by_role("row").filter(has_text=job).get_by_role("link", name=job).click()
    expect(page.get_by_label("State").get_by_text("completed")).to_be_visible()


def test_operator_views_are_accessible(any_page: Page, url: str, api, stack, axe, usage) -> None:
    demo.quota(api, stack, 6_000_000_000, "day")
    job = demo.jobs(api, count=1)[0]
    account = stack.tenant_account
    sign_in(any_page, url, stack.operator_key)
    for place in (
        "submit/invoice.send",
        f"jobs?account={account}",
        f"jobs/{job}?account={account}",
        "kinds",
        "define/kinds",
        "define/quotas/day",
        "accounts",
        f"accounts/{account}",
        f"events?from=oldest&account={account}",
        "usage?range=1h&quota=day",
        "quotas",
        "quotas/day",
        "sources",
        "sources/kong-eu",
        "schedules",
        "schedules/daily-report",
        "nowhere",
    ):
        navigate(any_page, place)
        wait_until_loaded(any_page)
        axe(any_page)
        assert_fits(any_page)
