"""API client of the smoke test, with retries and waiting."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from infra.local import api

# A healthy stack may reject requests for some seconds: cold starts, throttling, cached accounts.
_RETRY_SECONDS = 45.0
_POLL_SECONDS = 1.0
_RETRIED_STATUSES = {429, 502, 503, 504}


class CheckFailed(Exception):
    """The stack does not do what it should."""


class Skipped(Exception):
    """A step cannot be taken on this stack, for the reason given."""


class Client:
    """One key's view of the API."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url.rstrip("/")
        self._key = key

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: dict[str, str] | None = None,
        wanted: tuple[int, ...] = (200, 201, 202, 204),
    ) -> Any:
        """Sends a request and returns the body of a response with one of the `wanted` statuses.

        Retries for 45 s while the request is throttled, the stack is unavailable, or the account is
        not yet active everywhere. A POST needs an idempotency key to be retried safely.
        """
        deadline = time.monotonic() + _RETRY_SECONDS
        while True:
            status, answer = self.send_once(method, path, body, headers=headers)
            if status in wanted:
                return answer
            is_retryable = status in _RETRIED_STATUSES or (
                status == 403 and "account-inactive" in str(answer)
            )
            if not is_retryable or time.monotonic() > deadline:
                raise CheckFailed(f"{method} {path} responded {status}: {_short(answer)}")
            time.sleep(_POLL_SECONDS)

    def send_once(
        self, method: str, path: str, body: object = None, *, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """Sends one request; returns status and body, parsed if it is JSON."""
        sent = None if body is None else json.dumps(body).encode()
        status, text = api.call(method, f"{self.url}{path}", self._key, sent, headers or {})
        try:
            return status, json.loads(text)
        except ValueError:
            return status, text

    def items(self, path: str) -> Iterator[Any]:
        """Yields all items of a paginated list."""
        cursor, sign = "", "&" if "?" in path else "?"
        while True:
            page = self.send("GET", f"{path}{sign}limit=100{cursor}")
            yield from page["items"]
            if not page.get("next_cursor"):
                return
            cursor = f"&cursor={page['next_cursor']}"

    def ended(self, job: str, seconds: float = 60) -> Any:
        """Returns a job once it has ended."""
        deadline = time.monotonic() + seconds
        while True:
            found = self.send("GET", f"/v1/jobs/{job}", headers={"Prefer": "wait=10"})
            if found["status"] in ("completed", "failed", "cancelled"):
                return found
            if time.monotonic() > deadline:
                raise CheckFailed(f"job {job} is {found['status']} after {seconds:.0f} s")

    def completed(self, job: str, seconds: float = 60) -> Any:
        """Returns a job once it is completed."""
        found = self.ended(job, seconds)
        if found["status"] != "completed":
            raise CheckFailed(f"job {job} {found['status']}: {_short(found.get('error'))}")
        return found


def until(what: str, seconds: float, found: Callable[[], Any]) -> Any:
    """Calls `found` once a second and returns its first true result."""
    deadline = time.monotonic() + seconds
    while True:
        value = found()
        if value:
            return value
        if time.monotonic() > deadline:
            raise CheckFailed(f"{what}: not within {seconds:.0f} s")
        time.sleep(_POLL_SECONDS)


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 300 else f"{text[:300]}…"
