"""Fixtures of the browser tests: a running stack, a browser, and pages that report errors.

`python3 -m infra.local browser` runs the tests against the stack of `TOLLGATE_STACK`, or that of
`make run`. Arguments after `--` go to pytest: `-k docs`, `tests/browser/test_docs.py`, `--headed`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from infra.local import api as tollgate
from infra.local import stack as stacks
from infra.local.paths import ROOT
from infra.local.stack import Stack
from watch import Watch

# Timeout of expectations. A job takes one or two seconds here, and longer on a busy machine.
_TIMEOUT_MS = 20_000
expect.set_options(timeout=_TIMEOUT_MS)

_SCREENSHOTS = ROOT / "target" / "browser"

_DESKTOP = {"viewport": {"width": 1280, "height": 800}}
_PHONE = {
    "viewport": {"width": 360, "height": 780},
    "is_mobile": True,
    "has_touch": True,
    "device_scale_factor": 2,
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--headed", action="store_true", help="show the browser")


@pytest.fixture(scope="session")
def stack() -> Stack:
    """URLs of the stack, and keys of an operator and a tenant."""
    configured = os.environ.get("TOLLGATE_STACK", "")
    found = stacks.read(Path(configured).parent) if configured else None
    if found is None:
        pytest.exit(f"TOLLGATE_STACK is not a running stack ({configured or 'it is not set'}).", 2)
    return found


@pytest.fixture(scope="session")
def url(stack: Stack) -> str:
    """The console's URL; `url + "docs"` is the API reference."""
    return stack.url + "/"


Api = Callable[..., tuple[int, Any]]


@pytest.fixture(scope="session")
def api(stack: Stack) -> Api:
    """Calls the API directly, by default with the tenant's key: `api("POST", "/v1/jobs", {…})`.

    Returns status and parsed body.
    """

    def call(
        method: str, path: str, body: Any = None, key: str = stack.tenant_key
    ) -> tuple[int, Any]:
        status, text = tollgate.call(
            method, stack.url + path, key, None if body is None else json.dumps(body).encode()
        )
        return status, json.loads(text) if text else None

    return call


@pytest.fixture(scope="session")
def browser(pytestconfig: pytest.Config) -> Iterator[Browser]:
    # Chromium does not start its sandbox as root.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=os.environ["CHROMIUM"],
            args=arguments,
            headless=not pytestconfig.getoption("--headed"),
        )
        yield running
        running.close()


Visit = Callable[..., Page]


@pytest.fixture
def visit(browser: Browser, stack: Stack) -> Iterator[Visit]:
    """Opens pages in separate profiles: `visit(color_scheme="dark")`.

    Options are those of Playwright's `new_context`. `page.watch` records errors on the page, which
    fail the test at its end: see `Watch`.
    """
    contexts, watches = [], []

    def open_page(**options: Any) -> Page:
        context = browser.new_context(**{**_DESKTOP, **options})
        context.set_default_timeout(_TIMEOUT_MS)
        page = context.new_page()
        page.watch = Watch(page, stack.url)
        contexts.append(context)
        watches.append(page.watch)
        return page

    yield open_page
    for watch in watches:
        watch.stop()
    for context in contexts:
        context.close()
    errors = [line for watch in watches for line in watch.errors()]
    assert not errors, "errors on the page:\n" + "\n".join(errors)


@pytest.fixture
def page(visit: Visit) -> Page:
    """A desktop page in the light theme."""
    return visit(color_scheme="light")


@pytest.fixture
def dark_page(visit: Visit) -> Page:
    """A desktop page in the dark theme."""
    return visit(color_scheme="dark")


@pytest.fixture
def phone_page(visit: Visit) -> Page:
    """A page on a phone, 360 pixels wide."""
    return visit(**_PHONE)


@pytest.fixture(params=["light", "dark", "phone"])
def any_page(request: pytest.FixtureRequest, visit: Visit) -> Page:
    """Runs the test with each of the three pages."""
    return visit(**_PHONE) if request.param == "phone" else visit(color_scheme=request.param)


@pytest.fixture
def axe() -> Callable[..., None]:
    """`axe(page)` checks accessibility; it fails on serious and critical findings of axe-core.

    `exclude` has selectors of third-party elements, `rules` the ids of rules to disable. Both need
    a reason in a comment at the call.
    """

    def check(page: Page, exclude: Sequence[str] = (), rules: Sequence[str] = ()) -> None:
        context = {"exclude": [[selector] for selector in exclude]} if exclude else None
        options = {
            "resultTypes": ["violations"],
            "rules": {rule: {"enabled": False} for rule in rules},
        }
        found = Axe().run(page, context, options).response["violations"]
        grave = [
            f"{rule['id']} ({rule['impact']}), {rule['help']}: {node['target']}\n"
            f"    {node['html'][:200]}\n    {node['failureSummary']}"
            for rule in found
            if rule["impact"] in ("serious", "critical")
            for node in rule["nodes"]
        ]
        assert not grave, f"axe-core found on {page.url}:\n" + "\n".join(grave)

    return check


@pytest.fixture
def screenshot(request: pytest.FixtureRequest) -> Callable[..., Path]:
    """`screenshot("jobs")` saves a picture of `page`, or a given page, in `target/browser/`."""

    def keep(name: str, page: Page | None = None, **options: Any) -> Path:
        shown: Page = page or request.getfixturevalue("page")
        path = _SCREENSHOTS / f"{name}.png"
        shown.screenshot(path=path, animations="disabled", **options)
        return path

    return keep
