"""Takes the screenshots in `docs/images/`, on a temporary stack with a shop's data: `make images`.

pytest does not collect this file by default, since its name does not start with `test_`.
"""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

import demo
from console import sign_in, wait_until_loaded
from infra.local.paths import ROOT

IMAGES = ROOT / "docs" / "images"
# Limit, so that Markdown pages with these images load quickly.
MAX_BYTES = 150_000


@pytest.fixture(scope="module")
def shop(api, stack) -> list[str]:
    demo.kinds(api, stack)
    demo.operators(api, stack)
    total = demo.usage(api)
    demo.quota(api, stack, int(total / 0.83))
    return demo.jobs(api)


def save_screenshot(page: Page, name: str) -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    path = IMAGES / f"console-{name}.png"
    # Pictures show neither the pointer's hover effects nor the focus.
    page.evaluate("document.activeElement?.blur()")
    page.mouse.move(0, 0)
    page.evaluate("scrollTo(0, 0)")
    page.screenshot(path=path, animations="disabled")
    assert path.stat().st_size <= MAX_BYTES, f"{path.name} has {path.stat().st_size} bytes"


def test_jobs(visit, url: str, stack, shop) -> None:
    page = visit(color_scheme="light", viewport={"width": 1280, "height": 720})
    sign_in(page, url, stack.tenant_key, "jobs")
    wait_until_loaded(page)
    for job, end in zip(shop[-3:], ("completed", "failed", "queued"), strict=True):
        expect(page.get_by_role("row").filter(has_text=job)).to_contain_text(end)
    save_screenshot(page, "jobs")


def test_submit(visit, url: str, stack, shop) -> None:
    page = visit(color_scheme="light", viewport={"width": 1280, "height": 980})
    page.watch.expect(422, "/v1/jobs")
    sign_in(page, url, stack.tenant_key, "submit/invoice.send")
    page.get_by_label("customer").fill("Ada Lovelace")
    page.get_by_label("number").fill("1052")
    for number in (1, 2):
        page.get_by_role("group", name="copy_to").get_by_role("button", name="Add").click()
        page.get_by_label(f"copy_to {number}", exact=True).fill("books@example.com")
    page.get_by_role("button", name="Submit", exact=True).click()
    expect(page.locator(".note.bad")).to_be_visible()
    save_screenshot(page, "submit")


def test_usage(visit, url: str, stack, shop) -> None:
    page = visit(color_scheme="dark", viewport={"width": 1280, "height": 900})
    sign_in(page, url, stack.tenant_key, "quotas")
    expect(page.get_by_role("meter")).to_have_attribute(
        "aria-valuetext", re.compile("GB of"), timeout=90_000
    )
    page.goto(f"{url}#/usage?range=1h&quota=shop-egress")
    expect(page.locator(".chart canvas")).to_have_count(2)
    wait_until_loaded(page)
    save_screenshot(page, "usage")


def test_phone(visit, url: str, stack, shop) -> None:
    page = visit(
        color_scheme="dark",
        viewport={"width": 390, "height": 780},
        device_scale_factor=2,
        is_mobile=True,
        has_touch=True,
    )
    sign_in(page, url, stack.tenant_key, f"jobs/{shop[0]}")
    expect(page.get_by_label("State").get_by_text("completed")).to_be_visible()
    save_screenshot(page, "phone")
