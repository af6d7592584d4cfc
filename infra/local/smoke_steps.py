"""The steps of the smoke test. Each exercises one feature of a deployed stack."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

from websockets.sync.client import connect

from infra.local.smoke_client import CheckFailed, Client, Skipped, until
from infra.local.smoke_stack import NAME, Smoke

# Lambda stops a loop through a queue after about 16 hops, and each retry is a hop.
# https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
_HOPS = 20
# Accepts mail without a verified identity, even in SES's sandbox, and does not affect reputation.
# https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html
_MAILBOX = "success@simulator.amazonses.com"
# `quota-check` starts every minute and takes up to 50 s.
_CHECK_SECONDS = 130


def console(smoke: Smoke) -> None:
    """The console and the OpenAPI description are served."""
    if "<html" not in str(smoke.tenant.send("GET", "/")):
        raise CheckFailed("GET / is not an HTML page")
    if "openapi" not in smoke.tenant.send("GET", "/openapi.json"):
        raise CheckFailed("GET /openapi.json is not an OpenAPI document")


def jobs(smoke: Smoke) -> None:
    """A job is accepted once per idempotency key, runs, and is listed with its attempt."""
    with smoke.kind("echo") as kind:
        request = {"kind": kind, "payload": {"mark": smoke.mark}}
        again = {"Idempotency-Key": smoke.mark}
        first, second = (
            smoke.tenant.send("POST", "/v1/jobs", request, headers=again) for _ in range(2)
        )
        if first["id"] != second["id"]:
            raise CheckFailed("a repeat with the same Idempotency-Key created another job")
        job = smoke.tenant.completed(first["id"])
        if job["result"] != request["payload"]:
            raise CheckFailed(f"job {job['id']} has the result {job['result']}")
        if len(smoke.tenant.send("GET", f"/v1/jobs/{job['id']}/attempts")["items"]) != 1:
            raise CheckFailed(f"job {job['id']} has more than one attempt")
        if job["id"] not in (one["id"] for one in smoke.tenant.items(f"/v1/jobs?kind={kind}")):
            raise CheckFailed(f"job {job['id']} is not listed")


def batch(smoke: Smoke) -> None:
    """All jobs of a batch run."""
    with smoke.kind("batch") as kind:
        for job in smoke.batch(smoke.tenant, kind, 25):
            smoke.tenant.completed(job)


def ordered(smoke: Smoke) -> None:
    """All jobs of a backlog of an ordered kind run."""
    with smoke.kind("ordered", discipline="priority") as kind:
        found = smoke.batch(smoke.tenant, kind, 10) + smoke.batch(
            smoke.tenant, kind, 10, priority=9
        )
        for job in found:
            smoke.tenant.completed(job)


def capped(smoke: Smoke) -> None:
    """All jobs of an account with a concurrency limit of one run."""
    with smoke.kind("capped") as kind:
        for job in smoke.batch(smoke.limited, kind, 25):
            smoke.limited.completed(job, 180)


def chain(smoke: Smoke) -> None:
    """A job whose message is sent 20 more times is not dropped as a recursive loop."""
    retry = {"max_attempts": _HOPS + 1, "initial_seconds": 1, "factor": 1, "max_seconds": 1}
    # RFC 6761: names in `invalid` never resolve.
    target = {"type": "http", "url": "https://tollgate-smoke.invalid/"}
    with smoke.kind("chain", target=target, retry=retry, timeout_seconds=5) as kind:
        job = smoke.tenant.ended(smoke.submit(smoke.tenant, kind, {}), 240)
        if job["status"] != "failed" or job["attempts"] != _HOPS + 1:
            raise CheckFailed(
                f"job {job['id']} {job['status']} after {job['attempts']} attempts, "
                f"and not failed after {_HOPS + 1}"
            )


def far(smoke: Smoke) -> None:
    """A job due in 20 minutes waits and can be cancelled; with --slow a due job runs on time."""
    with smoke.kind("far") as kind:
        due = datetime.now(timezone.utc) + timedelta(minutes=20)
        job = smoke.submit(smoke.tenant, kind, {}, run_at=due.strftime("%Y-%m-%dT%H:%M:%SZ"))
        soon = (
            smoke.submit(smoke.tenant, kind, {}, delay_seconds=15 * 60 + 20) if smoke.slow else None
        )
        if smoke.tenant.send("GET", f"/v1/jobs/{job}")["status"] != "queued":
            raise CheckFailed(f"job {job} is due in 20 minutes but not queued")
        if smoke.tenant.send("DELETE", f"/v1/jobs/{job}")["status"] != "cancelled":
            raise CheckFailed(f"job {job} was not cancelled")
        if soon is not None:
            done = smoke.tenant.completed(soon, 18 * 60)
            late = _time(done["started_at"]) - _time(done["run_at"])
            if not timedelta(0) <= late < timedelta(seconds=10):
                raise CheckFailed(
                    f"job {soon} started {late.total_seconds():.1f} s after it was due"
                )


def schedule(smoke: Smoke) -> None:
    """A schedule is created, changed and deleted, and creates a job."""
    with smoke.kind("schedule") as kind:
        spec = {
            "expression": "rate(1 day)",
            "account": smoke.account,
            "job": {"kind": kind, "payload": {}, "metadata": {"mark": smoke.mark}},
        }
        with smoke.defined("schedules", NAME, spec) as path:
            smoke.operator.send("PUT", path, {**spec, "expression": "cron(* * * * ? *)"})
            if smoke.tenant.send("GET", path)["expression"] != "cron(* * * * ? *)":
                raise CheckFailed("the schedule was not changed")
            if smoke.quick:
                return
            made = until(
                "a job of the schedule",
                150,
                lambda: [
                    job
                    for job in smoke.tenant.items(f"/v1/jobs?kind={kind}")
                    if job["metadata"].get("mark") == smoke.mark
                ],
            )
        smoke.tenant.completed(made[0]["id"])


def target(smoke: Smoke) -> None:
    """A job reaches an HTTP target: the stack's own API, which publishes an event."""
    made = _key(smoke, "target", ["events:write"])
    try:
        headers = {"authorization": f"Bearer {made['secret']}"}
        url = f"{smoke.tenant.url}/v1/accounts/{smoke.account}/events"
        cursor = _now(smoke.tenant)
        with smoke.kind("target", target={"type": "http", "url": url, "headers": headers}) as kind:
            smoke.tenant.completed(
                smoke.submit(smoke.tenant, kind, {"data": {"target": smoke.mark}})
            )
            until(
                "the event that the target published",
                30,
                lambda: any(
                    event["data"] == {"target": smoke.mark}
                    for event in _events(smoke.tenant, cursor)
                ),
            )
    finally:
        smoke.operator.send("DELETE", f"/v1/accounts/{smoke.account}/keys/{made['id']}")


def callback(smoke: Smoke) -> None:
    """The end of a job is sent to --callback, or to the stack's own API, which rejects it."""
    # The API's 401 for a request without a key shows that the callback arrived.
    url = smoke.callback_url or f"{smoke.tenant.url}/v1/usage"
    wanted = "completed" if smoke.callback_url else "failed"
    with smoke.kind("callback") as kind:
        known = {job["id"] for job in smoke.tenant.items("/v1/jobs?kind=tollgate.callback")}
        smoke.tenant.completed(smoke.submit(smoke.tenant, kind, {}, callback_url=url))
        made = until(
            "the callback",
            30,
            lambda: [
                job["id"]
                for job in smoke.tenant.items("/v1/jobs?kind=tollgate.callback")
                if job["id"] not in known
            ],
        )
        job = smoke.tenant.ended(made[0])
        (attempt, *_) = smoke.tenant.send("GET", f"/v1/jobs/{job['id']}/attempts")["items"]
        if job["status"] != wanted or (wanted == "failed" and attempt["http_status"] != 401):
            raise CheckFailed(f"the callback {job['status']}, and its first attempt: {attempt}")


def push(smoke: Smoke) -> None:
    """An event is pushed over a WebSocket."""
    ticket = smoke.tenant.send("POST", "/v1/push/tickets", wanted=(201,))
    is_local = "127.0.0.1" in ticket["url"] or "localhost" in ticket["url"]
    through: dict[str, Any] = {"proxy": None} if is_local else {}
    with connect(
        f"{ticket['url']}?ticket={ticket['ticket']}", open_timeout=30, **through
    ) as socket:
        socket.send(json.dumps({"action": "subscribe", "after": "now"}))
        if (message := json.loads(socket.recv(30)))["type"] != "subscribed":
            raise CheckFailed(f"the response to the subscription is {message}")
        smoke.tenant.send(
            "POST", f"/v1/accounts/{smoke.account}/events", {"data": {"push": smoke.mark}}
        )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                message = json.loads(socket.recv(max(0.0, deadline - time.monotonic())))
            except TimeoutError:
                break
            if any(event["data"] == {"push": smoke.mark} for event in message.get("events", [])):
                return
            if message["type"] == "more":
                socket.send(json.dumps({"action": "ping"}))
    raise CheckFailed("the event was not pushed within 60 s")


def records(smoke: Smoke) -> None:
    """Jobs insert and delete rows, which the API returns."""
    with smoke.kind("records", target={"type": "records"}) as kind:
        row = {
            "col_names": ["id", "mark"],
            "col_types": ["TEXT", "TEXT"],
            "col_values": [smoke.mark, "x"],
        }
        table = NAME.replace("-", "_")
        insert = {"operation": "insert", "table": table, **row}
        delete = {"operation": "delete", "table": table, "value_to_delete": row}
        for activity, is_there in ((insert, True), (delete, False)):
            job = smoke.submit(smoke.tenant, kind, {"activities": [activity]})
            smoke.tenant.completed(job)
            rows = smoke.tenant.items(f"/v1/tables/{table}/rows")
            if any(found["key"] == smoke.mark for found in rows) != is_there:
                is_not = "not " if is_there else ""
                raise CheckFailed(f"the row is {is_not}there after the {activity['operation']}")


def source(smoke: Smoke) -> None:
    """A CloudWatch source collects a metric."""
    spec = {
        "type": "cloudwatch",
        "namespace": "AWS/DynamoDB",
        "metric_name": "ConsumedWriteCapacityUnits",
        "dimensions": {"TableName": NAME},
        "as": {"type": "ingress", "service": NAME},
        "account": smoke.account,
    }
    with smoke.defined("sources", NAME, spec) as path:
        until(
            "a collection of the source",
            _CHECK_SECONDS,
            lambda: _after_tick(
                smoke, lambda: smoke.operator.send("GET", path).get("last_success_at")
            ),
        )


def quota(smoke: Smoke) -> None:
    """Usage over a quota's threshold causes an alert, an event, a mail and a block."""
    spec = {
        "limit_bytes": 1_000,
        "type": "egress",
        "service": NAME,
        "route": smoke.mark,
        "account": smoke.limited_account,
        "period": "month",
        "recipients": [_MAILBOX],
        "enforce": True,
    }
    cursor = _now(smoke.limited)

    def is_published(kind: str) -> bool:
        return any(event["type"] == kind for event in _events(smoke.limited, cursor))

    with smoke.defined("quotas", NAME, spec) as path:
        _report_usage(smoke)
        alert = _wait_for_alert(smoke, path)
        until("the event quota.crossed", 30, lambda: is_published("quota.crossed"))
        request = {"kind": "none", "payload": {}}
        until(
            "the block of the account",
            30,
            lambda: smoke.limited.send_once("POST", "/v1/jobs", request)[0] == 429,
        )
    until(
        "the event quota.resolved",
        _CHECK_SECONDS,
        lambda: _after_tick(smoke, lambda: is_published("quota.resolved")),
    )
    until(
        "the end of the block",
        30,
        lambda: smoke.limited.send_once("POST", "/v1/jobs", request)[0] == 422,
    )
    if alert["mailed_at"] is None and "mails are off" in alert["mail_error"]:
        raise Skipped("mail not tested: the stack has no SenderAddress")
    if alert["mailed_at"] is None:
        raise CheckFailed(f"the mail could not be sent: {alert['mail_error']}")


def _report_usage(smoke: Smoke) -> None:
    """Reports as many bytes as the quota allows."""
    event = {
        "specversion": "1.0",
        "type": "tollgate.bandwidth",
        "source": NAME,
        "id": smoke.mark,
        "data": {"service": NAME, "route": smoke.mark, "type": "egress", "bytes": 1_000},
    }
    smoke.limited.send(
        "POST", "/v1/usage", event, headers={"Content-Type": "application/cloudevents+json"}
    )


def _wait_for_alert(smoke: Smoke, path: str) -> Any:
    """Waits until the quota blocks and its mail at 100 % was sent or failed; returns the alert."""

    def handled() -> Any:
        found = smoke.operator.send("GET", path)
        alerts = [one for one in found["alerts"] if one["threshold"] == 100]
        return (
            found["blocked"]
            and alerts
            and (alerts[0]["mailed_at"] or alerts[0]["mail_error"])
            and alerts
        )

    (alert, *_) = until(
        "the alert of the quota", 2 * _CHECK_SECONDS, lambda: _after_tick(smoke, handled)
    )
    return alert


def _after_tick(smoke: Smoke, found: Callable[[], Any]) -> Any:
    smoke.tick()
    return found()


def _now(client: Client) -> str:
    """The cursor after the latest event."""
    return str(client.send("GET", "/v1/events?after=now")["next_cursor"])


def _events(client: Client, cursor: str) -> Iterator[Any]:
    """Yields the account's events after a cursor."""
    while True:
        page = client.send("GET", f"/v1/events?limit=100&after={cursor}")
        yield from page["items"]
        if not page["items"]:
            return
        cursor = page["next_cursor"]


def _key(smoke: Smoke, name: str, scopes: list[str]) -> Any:
    return smoke.operator.send(
        "POST",
        f"/v1/accounts/{smoke.account}/keys",
        {"name": f"{NAME} {name}", "scopes": scopes},
        wanted=(201,),
    )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


# The steps of a line run sequentially, the lines in parallel. The steps of the last line share the
# limited account, which the quota blocks.
LINES: list[list[Callable[[Smoke], None]]] = [
    [console, jobs, batch, ordered, records, target, callback, push],
    [chain],
    [far],
    [schedule],
    [source],
    [capped, quota],
]
