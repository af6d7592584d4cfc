"""Tests of the API reference in a browser."""

from __future__ import annotations

import json

from playwright.sync_api import Locator, Page, Response, expect

from infra.local.stack import Stack


def open_reference(page: Page, url: str) -> None:
    page.goto(url + "docs")
    expect(page.locator(".opblock").first).to_be_visible()


def test_reference_lists_all_operations_without_third_parties(
    any_page: Page, url: str, screenshot, request
) -> None:
    open_reference(any_page, url)
    screenshot(f"docs-{request.node.callspec.params['any_page']}", any_page)
    description = any_page.request.get(url + "openapi.json").json()
    operations = [
        operation for methods in description["paths"].values() for operation in methods.values()
    ]
    expect(any_page.locator(".opblock")).to_have_count(len(operations))
    # The watch fails the test for requests to other hosts.
    loaded = [request.url.removeprefix(url) for request in any_page.watch.requests]
    assert "openapi.json" in loaded and "docs/page.js" in loaded, loaded


def test_reference_is_accessible(any_page: Page, url: str, axe) -> None:
    open_reference(any_page, url)
    operation(any_page, "jobs", "submitJob").click()
    expect(any_page.get_by_role("button", name="Try it out")).to_be_visible()
    axe(any_page, exclude=[".swagger-ui"])
    # Known problems of Swagger UI: contrast of labels, a copy button nested in a toggle button, a
    # server list without a name, and scrollable examples that the keyboard does not reach.
    axe(
        any_page,
        rules=[
            "color-contrast",
            "nested-interactive",
            "select-name",
            "scrollable-region-focusable",
        ],
    )


def test_try_out_submit_and_get_job(page: Page, url: str, stack: Stack) -> None:
    open_reference(page, url)
    authorize(page, stack.tenant_key)

    submit = operation(page, "jobs", "submitJob")
    submit.click()
    submit.get_by_role("button", name="Try it out").click()
    example = json.loads(submit.locator("textarea").input_value())
    assert example == {"kind": "echo", "payload": {"hello": "world"}}
    answered = execute(page, submit, "POST")
    assert answered.status == 202 and answered.url == f"{stack.url}/v1/jobs"
    expect(submit.locator(".live-responses-table tbody .response-col_status")).to_contain_text(
        "202"
    )

    get = operation(page, "jobs", "getJob")
    get.click()
    get.get_by_role("button", name="Try it out").click()
    get.get_by_placeholder("id", exact=True).fill(answered.json()["id"])
    get.get_by_placeholder("Prefer").fill("wait=20")
    assert execute(page, get, "GET").status == 200
    shown = get.locator(".live-responses-table")
    expect(shown).to_contain_text('"status": "completed"')
    expect(shown).to_contain_text('"hello": "world"')


def test_key_is_not_stored(page: Page, url: str, stack: Stack) -> None:
    open_reference(page, url)
    authorize(page, stack.tenant_key)
    kept = page.evaluate(
        "() => JSON.stringify("
        "[{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href])"
    )
    assert stack.tenant_key not in kept
    page.reload()
    jobs = operation(page, "jobs", "listJobs")
    jobs.click()
    jobs.get_by_role("button", name="Try it out").click()
    page.watch.expect(401, "/v1/jobs")
    assert execute(page, jobs, "GET").status == 401


def operation(page: Page, tag: str, name: str) -> Locator:
    """The element of an operation, by its tag and id."""
    return page.locator(f"#operations-{tag}-{name}")


def authorize(page: Page, key: str) -> None:
    """Enters a key in the reference's authorization dialog."""
    page.get_by_role("button", name="Authorize").first.click()
    form = page.locator(".auth-container")
    form.get_by_role("textbox").fill(key)
    form.get_by_role("button", name="Apply credentials").click()
    form.get_by_role("button", name="Close").click()


def execute(page: Page, block: Locator, method: str) -> Response:
    """Executes an operation and returns the API's response."""
    with page.expect_response(
        lambda answer: answer.request.method == method and "/v1/" in answer.url
    ) as answered:
        block.get_by_role("button", name="Execute").click()
    return answered.value
