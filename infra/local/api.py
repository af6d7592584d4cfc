"""Calls of Tollgate's own API."""

from __future__ import annotations

import urllib.error
import urllib.request

_TIMEOUT_SECONDS = 30
# The endpoint is on this machine, whatever proxy the environment names.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def call(method: str, url: str, key: str, body: bytes | None = None) -> tuple[int, str]:
    """Makes one call and returns the status and the body of the answer, be it an error or not."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(url, body, headers, method=method)
    try:
        with _OPENER.open(request, timeout=_TIMEOUT_SECONDS) as answer:
            return answer.status, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")
