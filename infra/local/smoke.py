"""The smoke test of a deployed stack: `make smoke URL=… KEY=…`."""

from __future__ import annotations

from infra.local.failure import Failure
from infra.local.stack import Stack
from infra.local.venvs import run_python


def check(url: str, key: str, callback: str, slow: bool) -> int:
    """Runs the smoke test against a stack on AWS, as the operator; returns the status."""
    if not url or not key:
        raise Failure(
            "make smoke URL=https://… KEY=… needs the API's address and an operator's key."
        )
    return _run(
        url, key, *(["--callback", callback] if callback else []), *(["--slow"] if slow else [])
    )


def check_local(stack: Stack) -> int:
    """Runs the smoke test against a local stack, where it invokes `quota-check` itself."""
    return _run(
        stack.url,
        stack.operator_key,
        "--emulator",
        stack.endpoint,
        "--check",
        stack.functions["quota-check"],
    )


def _run(url: str, key: str, *more: str) -> int:
    # The key goes in the environment, because other users of the machine can see command lines.
    env = {"TOLLGATE_URL": url, "TOLLGATE_KEY": key}
    return run_python("smoke", "-m", "infra.local.smoke_main", *more, env=env)
