"""Freezes functions as Lambda does; runs inside MiniStack's virtual environment.

A function's process is stopped after an invocation, continues with the next event, and is killed
after an idle time. `TOLLGATE_FREEZE` selects when an invocation ends and how the process is killed:

- `response`: ends with the response; SIGKILL. There is no Extensions API.
- `extensions`: ends when the extension requests its next event as well; SIGTERM, and SIGKILL half a
  second later.
- `crashes`: ends as with `extensions`; SIGKILL only.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import threading
import time
from typing import Any, ClassVar

from ministack.core import lambda_runtime

MODE = os.environ.get("TOLLGATE_FREEZE", "")
_REGISTER = "/2020-01-01/extension/register"
_NEXT = "/2020-01-01/extension/event/next"
_IDLE_SECONDS = 1.0
_SIGTERM_SECONDS = 0.5
# A process whose extension takes longer is frozen anyway, as by Lambda's timeout.
_EXTENSION_SECONDS = 10.0


class _Extension:
    """The Runtime API's state of one process' extension."""

    def __init__(self) -> None:
        self.is_registered = False
        self.events: queue.Queue[bytes] = queue.Queue()
        # Set while the extension waits for an event.
        self.waits = threading.Event()


class FrozenWorker(lambda_runtime.ProvidedWorker):  # type: ignore[misc]
    """A function process that is frozen between invocations."""

    _all: ClassVar[list[FrozenWorker]] = []

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._extension = _Extension()
        # Held during an invocation, so that the process is not killed.
        self._running = threading.Lock()
        self._frozen_at: float | None = None
        FrozenWorker._all.append(self)

    def invoke(self, *args: Any, **named: Any) -> Any:
        """Thaws the process, lets it handle an event, and freezes it."""
        with self._running:
            self._signal(signal.SIGCONT)
            self._frozen_at = None
            result = super().invoke(*args, **named)
            if self._extension.is_registered:
                self._extension.waits.wait(_EXTENSION_SECONDS)
            self._signal(signal.SIGSTOP)
            self._frozen_at = time.monotonic()
            return result

    def kill_if_idle(self) -> None:
        """Kills the process if it has been frozen for more than `_IDLE_SECONDS`."""
        if not self._running.acquire(blocking=False):
            return
        try:
            if self._frozen_at is not None and time.monotonic() - self._frozen_at > _IDLE_SECONDS:
                self._frozen_at = None
                self._kill()
        finally:
            self._running.release()

    def _kill(self) -> None:
        if self._proc is None:
            return
        if MODE == "extensions" and self._extension.is_registered:
            self._signal(signal.SIGTERM)
            self._signal(signal.SIGCONT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._proc.wait(_SIGTERM_SECONDS)
        self._signal(signal.SIGKILL)
        self._proc.wait()

    def _signal(self, number: signal.Signals) -> None:
        if self._proc is not None and self._proc.poll() is None:
            self._proc.send_signal(number)

    def _build_handler_class(self, generation: int, pending: queue.Queue[Any]) -> Any:
        worker, extension = self, _Extension()
        self._extension = extension
        put_event = pending.put

        def put(event: tuple[str, Any, int, Any, str], *args: Any, **named: Any) -> None:
            if extension.is_registered:
                request_id, _, deadline_ms, _, arn = event
                extension.waits.clear()
                extension.events.put(
                    json.dumps(
                        {
                            "eventType": "INVOKE",
                            "deadlineMs": deadline_ms,
                            "requestId": request_id,
                            "invokedFunctionArn": arn,
                            "tracing": {"type": "X-Amzn-Trace-Id", "value": ""},
                        }
                    ).encode()
                )
            put_event(event, *args, **named)

        pending.put = put  # type: ignore[method-assign,assignment]

        class Handler(super()._build_handler_class(generation, pending)):  # type: ignore[misc]
            def do_POST(self) -> None:
                if self.path != _REGISTER or MODE == "response":
                    super().do_POST()
                    return
                self._read_body()
                extension.is_registered = True
                body = json.dumps(
                    {
                        "functionName": worker.func_name,
                        "functionVersion": "$LATEST",
                        "handler": "bootstrap",
                    }
                ).encode()
                self.send_response(200)
                self.send_header("Lambda-Extension-Identifier", f"{worker.func_name}-{generation}")
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self) -> None:
                if self.path != _NEXT or not extension.is_registered:
                    super().do_GET()
                    return
                extension.waits.set()
                while not worker._stopping and generation == worker._generation:
                    try:
                        self._respond(200, extension.events.get(timeout=0.1))
                        return
                    except queue.Empty:
                        continue
                self._stopped()

        return Handler


def _reap() -> None:
    while True:
        time.sleep(_IDLE_SECONDS / 4)
        for worker in list(FrozenWorker._all):
            worker.kill_if_idle()


def install() -> None:
    """Patches MiniStack to freeze functions, if `TOLLGATE_FREEZE` is set."""
    if MODE:
        lambda_runtime.ProvidedWorker = FrozenWorker
        threading.Thread(target=_reap, daemon=True).start()
