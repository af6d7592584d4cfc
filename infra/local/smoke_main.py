"""The smoke test of a deployed stack; runs in an environment with the library websockets.

It uses its own accounts and names, and deletes everything that it defined. Accounts can't be
deleted: it deactivates its two accounts and reuses them in the next run.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from infra.local.failure import Failure
from infra.local.smoke_client import CheckFailed, Client, Skipped
from infra.local.smoke_stack import NAME, Smoke
from infra.local.smoke_steps import LINES

STATEMENTS = Path(__file__).with_name("smoke_statements.json")
_SCOPES = ["jobs:read", "jobs:write", "events:read", "events:write", "usage:read", "usage:write"]
_TICK = "/2015-03-31/functions/{}/invocations"

_NOUNS = ("schedules", "sources", "quotas")

Step = Callable[[Smoke], None]


def main() -> int:
    """Runs all steps, prints a line for each, and returns 1 if one failed."""
    given = _arguments()
    operator = Client(os.environ["TOLLGATE_URL"], os.environ["TOLLGATE_KEY"])
    accounts: list[str] = []
    failed: list[str] = []
    try:
        smoke = _prepare(operator, accounts, given)
        _clean(operator, accounts)
        with ThreadPoolExecutor(len(LINES)) as lines:
            for names in lines.map(partial(_run_line, smoke), LINES):
                failed += names
    except (CheckFailed, Failure) as error:
        print(f"✗ access: {error}")
        failed.append("access")
    finally:
        failed += _clean_up(operator, accounts)
    print(f"\n{'✗ failed: ' + ', '.join(failed) if failed else '✓ all steps passed'}")
    return 1 if failed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="smoke")
    parser.add_argument("--callback", help="public URL that responds 2xx to POST")
    parser.add_argument("--slow", action="store_true", help="wait for a job due in 15 minutes")
    parser.add_argument("--emulator", help="endpoint of the emulator, to invoke quota-check")
    parser.add_argument("--check", help="name of the function quota-check")
    return parser.parse_args()


def _prepare(operator: Client, accounts: list[str], given: argparse.Namespace) -> Smoke:
    """Creates the accounts and their keys, and adds the accounts' ids to `accounts`."""
    caller = operator.send("GET", "/v1/token")
    if "admin" not in caller["scopes"]:
        raise CheckFailed("the key lacks the scope admin")
    known = {account["name"]: account["id"] for account in operator.items("/v1/accounts")}
    tenant = _account_client(operator, accounts, known, NAME, None)
    limited = _account_client(operator, accounts, known, f"{NAME}-limited", 1)
    tick = (
        partial(_invoke, given.emulator + _TICK.format(given.check))
        if given.emulator
        else lambda: None
    )
    return Smoke(
        operator=operator,
        tenant=tenant,
        limited=limited,
        account=accounts[0],
        limited_account=accounts[1],
        callback_url=given.callback,
        slow=given.slow,
        quick=bool(given.emulator),
        tick=tick,
    )


def _account_client(
    operator: Client, accounts: list[str], known: dict[str, str], name: str, cap: int | None
) -> Client:
    """A client with a new key of the account `name`, which is created if missing."""
    change = {"is_active": True, "max_running": cap}
    if name in known:
        account = operator.send("PATCH", f"/v1/accounts/{known[name]}", change)["id"]
    else:
        account = operator.send("POST", "/v1/accounts", {"name": name, **change})["id"]
    accounts.append(account)
    asked = {"name": NAME, "scopes": _SCOPES}
    key = operator.send("POST", f"/v1/accounts/{account}/keys", asked, wanted=(201,))
    client = Client(operator.url, key["secret"])
    client.send("GET", "/v1/token")
    return client


def _run_line(smoke: Smoke, steps: list[Step]) -> list[str]:
    """Runs steps sequentially; returns the names of those that failed."""
    return [step.__name__ for step in steps if not _run_step(smoke, step)]


def _run_step(smoke: Smoke, step: Step) -> bool:
    started = time.monotonic()
    try:
        step(smoke)
    except Skipped as reason:
        print(f"! {step.__name__}: {reason}", flush=True)
        return True
    except Exception as error:  # the other steps still run
        statements = ", ".join(_statements(step.__name__))
        print(
            f"✗ {step.__name__}: {_text(error)}\n  its policy statements: {statements}",
            flush=True,
        )
        return False
    print(f"✓ {step.__name__} ({time.monotonic() - started:.1f} s)", flush=True)
    return True


def _statements(step: str) -> list[str]:
    table: dict[str, list[str]] = json.loads(STATEMENTS.read_text())["steps"]
    return [statement for statement, steps in table.items() if step in steps]


def _text(error: Exception) -> str:
    return str(error) if isinstance(error, (CheckFailed, Failure)) else repr(error)


def _clean(operator: Client, accounts: list[str]) -> None:
    """Deletes the remains of a run: schedules first, as they create jobs; kinds last."""
    for noun in _NOUNS:
        operator.send_once("DELETE", f"/v1/{noun}/{NAME}")
    for account in accounts:
        for status in ("queued", "running"):
            for job in list(operator.items(f"/v1/jobs?status={status}&account={account}")):
                operator.send_once("DELETE", f"/v1/jobs/{job['id']}?account={account}")
    for kind in _kinds(operator):
        operator.send_once("DELETE", f"/v1/kinds/{kind}")


def _kinds(operator: Client) -> list[str]:
    names = [kind["name"] for kind in operator.items("/v1/kinds")]
    return [name for name in names if name.startswith(f"{NAME}-")]


def _clean_up(operator: Client, accounts: list[str]) -> list[str]:
    """Deletes everything and deactivates the accounts; returns `cleanup` if anything remains."""
    if not accounts:
        return []
    try:
        _clean(operator, accounts)
        for account in accounts:
            for key in list(operator.items(f"/v1/accounts/{account}/keys")):
                operator.send_once("DELETE", f"/v1/accounts/{account}/keys/{key['id']}")
            change = {"is_active": False, "max_running": None}
            operator.send("PATCH", f"/v1/accounts/{account}", change)
        left = _kinds(operator)
        left += [
            noun for noun in _NOUNS if operator.send_once("GET", f"/v1/{noun}/{NAME}")[0] != 404
        ]
    except (CheckFailed, Failure) as error:
        left = [str(error)]
    print(f"✗ cleanup: {', '.join(left)}" if left else "✓ cleanup")
    return ["cleanup"] if left else []


def _invoke(url: str) -> None:
    """Invokes `quota-check` on an emulator, instead of waiting for its schedule."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(urllib.request.Request(url, b"{}", method="POST"), timeout=60) as answer:
        found: Any = json.loads(answer.read() or b"null")
    if isinstance(found, dict) and "errorMessage" in found:
        raise CheckFailed(f"quota-check failed: {found['errorMessage']}")


if __name__ == "__main__":
    sys.exit(main())
