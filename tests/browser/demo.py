"""Creates a shop's data through the API, for screenshots and for views that need data.

Calls can be repeated: definitions and usage events are idempotent.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

from infra.local.stack import Stack

Api = Callable[..., tuple[int, Any]]

KINDS = {
    "invoice.send": {
        "description": "Renders an invoice and mails it to the customer",
        "schema": {
            "type": "object",
            "required": ["customer", "number", "format"],
            "additionalProperties": False,
            "properties": {
                "customer": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 80,
                    "description": "Whose invoice it is.",
                    "examples": ["Ada Lovelace"],
                },
                "number": {
                    "type": "integer",
                    "minimum": 1,
                    "description": "As printed on the invoice.",
                },
                "format": {"enum": ["pdf", "xml", "both"], "default": "pdf"},
                "copy_to": {
                    "type": "array",
                    "items": {"type": "string", "format": "email"},
                    "maxItems": 5,
                    "uniqueItems": True,
                },
                "address": {
                    "type": "object",
                    "required": ["city"],
                    "properties": {
                        "street": {"type": "string"},
                        "city": {"type": "string"},
                        "country": {"enum": ["DE", "FR", "NL"]},
                    },
                    "additionalProperties": False,
                },
            },
        },
        "target": {"type": "echo"},
        "events": True,
        "retry": {"max_attempts": 5},
    },
    "thumbnail.make": {
        "description": "Scales a product's pictures",
        "schema": {
            "type": "object",
            "required": ["product"],
            "properties": {
                "product": {"type": "integer"},
                "width": {"type": "integer", "default": 320},
            },
        },
        "target": {
            "type": "http",
            "url": "http://127.0.0.1:9/thumbnails",
            "headers": {"authorization": "Bearer not-shown"},
        },
        "retry": {"max_attempts": 2, "initial_seconds": 1},
        "events": True,
    },
}


def kinds(api: Api, stack: Stack) -> None:
    """Defines the kinds. The target of the second is unreachable."""
    for name, kind in KINDS.items():
        status, answer = api("PUT", f"/v1/kinds/{name}", kind, key=stack.operator_key)
        assert status in (200, 201), answer


def jobs(api: Api, count: int = 8) -> list[str]:
    """Submits jobs that complete, one that fails, and one that is due in an hour; returns ids."""
    names = [
        "Ada Lovelace",
        "Grace Hopper",
        "Alan Turing",
        "Edsger Dijkstra",
        "Barbara Liskov",
        "Donald Knuth",
        "Frances Allen",
        "Tony Hoare",
    ]
    bodies = [
        {
            "kind": "invoice.send",
            "payload": {
                "customer": names[index % len(names)],
                "number": 1041 + index,
                "format": "pdf",
            },
            "metadata": {"order": f"2026-{300 + index}"},
        }
        for index in range(count)
    ]
    bodies += [
        {"kind": "thumbnail.make", "payload": {"product": 7}},
        {
            "kind": "invoice.send",
            "delay_seconds": 3600,
            "payload": {"customer": names[0], "number": 1040, "format": "xml"},
        },
    ]
    return [body_of(api("POST", "/v1/jobs", body))["id"] for body in bodies]


def usage(
    api: Api, now: datetime | None = None, minutes: int = 55, gap: range = range(20, 26)
) -> int:
    """Reports usage of a gateway for the last `minutes`, without those in `gap`.

    Returns the egress bytes of the service `shop`.
    """
    now = (now or datetime.now(timezone.utc)).replace(second=0, microsecond=0)
    series = [
        ("shop", "/products", "egress", 42e6),
        ("shop", "/cart", "egress", 9e6),
        ("images", "/thumbnails", "egress", 61e6),
        ("shop", "/cart", "ingress", 3e6),
    ]
    events, total = [], 0
    for back in (back for back in range(minutes, 0, -1) if back not in gap):
        at = (now - timedelta(minutes=back)).isoformat().replace("+00:00", "Z")
        for number, (service, route, direction, size) in enumerate(series):
            count = int(
                size
                * (
                    1
                    + 0.35 * math.sin(back / (5 + number))
                    + 0.1 * ((back * 7919 * (number + 1)) % 10) / 10
                )
            )
            total += count if service == "shop" and direction == "egress" else 0
            events.append(
                {
                    "specversion": "1.0",
                    "type": "tollgate.bandwidth",
                    "source": "/demo",
                    "id": f"{at}/{number}",
                    "data": {
                        "service": service,
                        "route": route,
                        "type": direction,
                        "bytes": count,
                        "at": at,
                    },
                }
            )
    for first in range(0, len(events), 100):
        refused = [
            item
            for item in body_of(api("POST", "/v1/usage", events[first : first + 100]))["items"]
            if item["status"] != 202
        ]
        assert not refused, refused[0]
    return total


def quota(api: Api, stack: Stack, limit: int, name: str = "shop-egress", **more: Any) -> None:
    """Defines a daily quota for the shop's egress."""
    body = {
        "type": "egress",
        "service": "shop",
        "account": stack.tenant_account,
        "period": "day",
        "limit_bytes": limit,
        "recipients": ["ops@example.com"],
        **more,
    }
    status, answer = api("PUT", f"/v1/quotas/{name}", body, key=stack.operator_key)
    assert status in (200, 201), answer


def operators(api: Api, stack: Stack) -> None:
    """Defines an unreachable source and a schedule."""
    source = {
        "type": "prometheus",
        "url": "http://127.0.0.1:9/metrics",
        "preset": "kong3",
        "headers": {"apikey": "not-shown"},
        "account": stack.tenant_account,
    }
    schedule = {
        "expression": "cron(0 6 ? * MON-FRI *)",
        "timezone": "Europe/Berlin",
        "account": stack.tenant_account,
        "job": {"kind": "echo", "payload": {"report": "daily"}},
    }
    for path, body in (("/v1/sources/kong-eu", source), ("/v1/schedules/daily-report", schedule)):
        status, answer = api("PUT", path, body, key=stack.operator_key)
        assert status in (200, 201), answer


def body_of(answer: tuple[int, Any]) -> Any:
    """Asserts a 2xx status and returns the body."""
    status, body = answer
    assert 200 <= status < 300, body
    return body
