"""The stack under test, as the steps of the smoke test see it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from infra.local.smoke_client import Client

# Prefix of everything that a run defines, so that the next run can clean up after a killed one.
NAME = "tollgate-smoke"


@dataclass
class Smoke:
    """The stack under test, with clients and options of this run.

    `quick` is set on an emulator, where `tick` invokes `quota-check`. `mark` identifies the run.
    """

    operator: Client
    tenant: Client
    limited: Client
    account: str
    limited_account: str
    callback_url: str | None
    slow: bool
    quick: bool
    tick: Callable[[], None]
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    @contextmanager
    def kind(self, name: str, **spec: object) -> Iterator[str]:
        """Defines a kind within the context."""
        name = f"{NAME}-{name}"
        with self.defined("kinds", name, {"schema": {}, "target": {"type": "echo"}, **spec}):
            yield name

    @contextmanager
    def defined(self, noun: str, name: str, spec: object) -> Iterator[str]:
        """Puts a definition as the operator, and deletes it on exit."""
        path = f"/v1/{noun}/{name}"
        self.operator.send("PUT", path, spec)
        try:
            yield path
        finally:
            # Deleting a kind fails while it has queued jobs. The final cleanup cancels those.
            self.operator.send_once("DELETE", path)

    def submit(self, client: Client, kind: str, payload: object, **more: object) -> str:
        """Submits a job and returns its id."""
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        job = client.send(
            "POST",
            "/v1/jobs",
            {"kind": kind, "payload": payload, **more},
            headers=headers,
            wanted=(202,),
        )
        return str(job["id"])

    def batch(self, client: Client, kind: str, number: int, **more: object) -> list[str]:
        """Submits a batch of jobs and returns their ids."""
        jobs = [{"kind": kind, "payload": nth, **more} for nth in range(number)]
        answer = client.send(
            "POST",
            "/v1/jobs/batch",
            {"jobs": jobs},
            wanted=(202,),
            headers={"Idempotency-Key": uuid.uuid4().hex},
        )
        return [item["job"]["id"] for item in answer["items"]]
