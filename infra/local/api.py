"""HTTP client for Tollgate's own API."""

from __future__ import annotations

import urllib.error
import urllib.parse
import urllib.request

from infra.local.failure import Failure

_TIMEOUT_SECONDS = 30
# Requests to this machine bypass any proxy that the environment configures.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_VIA_PROXY = urllib.request.build_opener()


def call(
    method: str, url: str, key: str, body: bytes | None = None, more: dict[str, str] | None = None
) -> tuple[int, str]:
    """Sends a request with the extra headers `more`; returns status and body, even of errors."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json", **(more or {})}
    request = urllib.request.Request(url, body, headers, method=method)
    is_local = urllib.parse.urlsplit(url).hostname in ("127.0.0.1", "localhost")
    opener = _DIRECT if is_local else _VIA_PROXY
    try:
        with opener.open(request, timeout=_TIMEOUT_SECONDS) as answer:
            return answer.status, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")
    except urllib.error.URLError as error:
        raise Failure(f"{url} is unreachable ({error.reason}).") from error
