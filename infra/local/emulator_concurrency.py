"""Applies Lambda's concurrency limit as AWS does; runs inside MiniStack's virtual environment.

MiniStack counts executions and throttles those above its limit. This module adds AWS's behaviour:
- An HTTP API responds with 503 and its own message. MiniStack responds with 429 and Lambda's error.
- SQS pollers and EventBridge retry with backoff. MiniStack leaves an SQS batch until its visibility
  timeout, and drops an EventBridge event.
- POST /_ministack/config changes the limit, by the key `CONFIG_KEY`.
"""

from __future__ import annotations

import json
import threading
import time
from typing import Any

from ministack import app
from ministack.services import lambda_svc

CONFIG_KEY = "lambda_svc._ACCOUNT_CONCURRENCY_CAP"

# Backoff of AWS's own callers, in seconds, and how long they retry. A batch is invisible for at
# least 120 s.
_FIRST_BACKOFF = 0.2
_MAX_BACKOFF = 2.0
_RETRY_SECONDS = 60.0
# Thread names: MiniStack runs each SQS batch and each EventBridge event in a thread of its own.
_RETRYING_THREADS = ("ministack-esm", "(_execute_function_with_config_scope)")

_SERVICE_UNAVAILABLE = {
    "statusCode": 503,
    "headers": {"Content-Type": "application/json"},
    "body": json.dumps({"message": "Service Unavailable"}),
}


def install() -> None:
    """Patches MiniStack's functions."""
    _retry_when_throttled()
    _respond_as_http_api()
    _accept_limit()


def _retry_when_throttled() -> None:
    acquire = lambda_svc._acquire_execution_slot

    def acquire_with_backoff(
        func: dict[str, Any], config: dict[str, Any]
    ) -> tuple[str | None, str | None]:
        is_retried = any(name in threading.current_thread().name for name in _RETRYING_THREADS)
        deadline = time.monotonic() + (_RETRY_SECONDS if is_retried else 0)
        pause = _FIRST_BACKOFF
        while True:
            slot, limit = acquire(func, config)
            if slot is not None or time.monotonic() >= deadline:
                return slot, limit
            time.sleep(pause)
            pause = min(pause * 2, _MAX_BACKOFF)

    lambda_svc._acquire_execution_slot = acquire_with_backoff


def _respond_as_http_api() -> None:
    convert = lambda_svc.lambda_execute_result_to_api_proxy_response

    def convert_as_http_api(result: dict[str, Any]) -> tuple[dict[str, Any] | None, str | None]:
        return (dict(_SERVICE_UNAVAILABLE), None) if result.get("throttle") else convert(result)

    lambda_svc.lambda_execute_result_to_api_proxy_response = convert_as_http_api


def _accept_limit() -> None:
    configure = app._handle_admin_config_request

    async def configure_limit(path: str, method: str, body: bytes) -> Any:
        given = _limit(body) if (path, method) == ("/_ministack/config", "POST") else None
        if given is None:
            return await configure(path, method, body)
        previous, lambda_svc._ACCOUNT_CONCURRENCY_CAP = lambda_svc._ACCOUNT_CONCURRENCY_CAP, given
        answer = {"applied": {CONFIG_KEY: given}, "previous": {CONFIG_KEY: previous}}
        return 200, {"Content-Type": "application/json"}, json.dumps(answer).encode()

    app._handle_admin_config_request = configure_limit


def _limit(body: bytes) -> int | None:
    try:
        value = json.loads(body)[CONFIG_KEY]
    except (ValueError, KeyError, TypeError):
        return None
    return value if isinstance(value, int) and value >= 0 else None
