"""Prints the functions' logs, read from CloudWatch Logs as on AWS."""

from __future__ import annotations

import time

from infra.local.aws import log_events
from infra.local.build import FUNCTIONS

_INTERVAL_SECONDS = 1.0
# Lines appear when their invocation ends, so they may be older than lines that are printed already.
_OVERLAP_MS = 5_000
_PLATFORM_LINES = ("START RequestId", "END RequestId", "REPORT RequestId")


def follow(endpoint: str) -> None:
    """Prints new lines of all functions until interrupted by Ctrl-C."""
    since = int(time.time() * 1000)
    shown: set[tuple[int, str, str]] = set()
    while True:
        newest = since
        for function in FUNCTIONS:
            for event in log_events(
                endpoint, f"/aws/lambda/tollgate-{function}", since - _OVERLAP_MS
            ):
                line = (event["timestamp"], event["logStreamName"], event["message"])
                newest = max(newest, event["timestamp"])
                if line not in shown:
                    shown.add(line)
                    _show(function, event["message"])
        since = newest
        shown = {line for line in shown if line[0] >= since - _OVERLAP_MS}
        time.sleep(_INTERVAL_SECONDS)


def show_last(endpoint: str, lines: int = 40) -> None:
    """Prints the last lines of each function."""
    for function in FUNCTIONS:
        messages = [
            event["message"]
            for event in log_events(endpoint, f"/aws/lambda/tollgate-{function}", 0)
        ]
        for message in messages[-lines:]:
            _show(function, message)


def _show(function: str, message: str) -> None:
    if not message.startswith(_PLATFORM_LINES):
        print(f"{function:>12} │ {message}", flush=True)
