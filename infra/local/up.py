"""Starts and stops the stack."""

from __future__ import annotations

import os
import re
import shutil
import signal
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from infra.local import build, emulator, keys, kinds, logs, processes, stack
from infra.local.aws import delete_stack, has_stack
from infra.local.deploy import STACK, deploy, logical_id, template
from infra.local.emulator import Emulator, ExternalEmulator
from infra.local.failure import Failure
from infra.local.paths import ROOT
from infra.local.stack import Stack
from infra.local.steps import print_message, step
from infra.local.venvs import venv


def up(
    port: int,
    endpoint: str,
    state: Path | None,
    reset: bool,
    command: Sequence[str],
    *,
    tests: bool,
) -> int:
    """Starts the stack, runs a command or follows the logs, and stops everything it started.

    With an `endpoint`, deploys to that external emulator instead of starting MiniStack on `port`.
    Without a `state` folder, the stack uses a temporary folder, which is deleted at the end.
    `tests` is set if the command builds the tests, see `build.for_this_machine`.
    """
    if not endpoint:
        port = port or emulator.free_port()
        emulator.check_port(port)
    with step("Tools: MiniStack and SAM"):
        ministack, sam = venv("ministack"), venv("sam")
    with step("Build"):
        programs = build.for_this_machine(tests=tests)

    with ExitStack() as ending:
        folder = ending.enter_context(_state_folder(state))
        own = folder / (_folder_name(endpoint) if endpoint else f"port-{port}")
        starting: AbstractContextManager[Emulator | ExternalEmulator] = (
            _external_emulator(endpoint, reset)
            if endpoint
            else _own_emulator(ministack, port, own, reset)
        )
        aws = ending.enter_context(starting)
        # A second Ctrl-C must not interrupt the shutdown.
        ending.callback(_ignore_signals)
        if endpoint and state is None and not has_stack(endpoint, STACK):
            ending.callback(delete_stack, endpoint, STACK)
        with step("Deployment of template.yaml"):
            outputs = deploy(sam, aws.endpoint, programs, own)
        with step("Keys and kinds"):
            described = _provision(
                aws.endpoint, outputs, programs[build.BOOTSTRAP], folder, template(own)
            )
        if command:
            return _run(command, folder, aws)
        _print_banner(described, programs[build.COMMAND], folder)
        return _follow(aws.endpoint)


@contextmanager
def _own_emulator(ministack: Path, port: int, folder: Path, reset: bool) -> Iterator[Emulator]:
    # Queue URLs contain the port, so a stack can't change it: each port has its own data.
    if reset:
        shutil.rmtree(folder, ignore_errors=True)
    with ExitStack() as ending:
        with step(f"MiniStack on port {port}"):
            aws = ending.enter_context(emulator.running(ministack, port, folder))
        yield aws


@contextmanager
def _external_emulator(endpoint: str, reset: bool) -> Iterator[ExternalEmulator]:
    if reset:
        raise Failure(f"RESET=1 deletes MiniStack's data; {endpoint} is an external emulator")
    with step(f"Emulator at {endpoint}"):
        aws = ExternalEmulator(endpoint)
    yield aws


def _folder_name(endpoint: str) -> str:
    """The name of the folder with the state of a deployment to an endpoint."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", endpoint)


@contextmanager
def _state_folder(state: Path | None) -> Iterator[Path]:
    if state is None:
        with tempfile.TemporaryDirectory(prefix="tollgate-") as temporary:
            yield Path(temporary)
        return
    folder = state.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    yield folder


def _provision(
    endpoint: str, outputs: dict[str, str], bootstrap: Path, folder: Path, deployed: Path
) -> Stack:
    """Creates keys and kinds; keeps the keys of an earlier run if they are still valid."""
    url = f"{endpoint}/_aws/execute-api/{outputs['ApiId']}"
    table = outputs["TableName"]
    old = stack.read(folder)
    if old and keys.is_valid(url, old.operator_key) and keys.is_valid(url, old.tenant_key):
        operator_key, tenant_account, tenant_key = (
            old.operator_key,
            old.tenant_account,
            old.tenant_key,
        )
    else:
        _, operator_key = keys.create(bootstrap, endpoint, table, "operator", keys.OPERATOR_SCOPES)
        tenant_account, tenant_key = keys.create(
            bootstrap, endpoint, table, "tenant", keys.TENANT_SCOPES
        )
    described = Stack(
        url=url,
        operator_key=operator_key,
        tenant_key=tenant_key,
        tenant_account=tenant_account,
        endpoint=endpoint,
        table=table,
        queue_url=outputs["QueueUrl"],
        dead_letter_queue_url=outputs["DeadLetterQueueUrl"],
        template=str(deployed),
        functions={name: outputs[f"{logical_id(name)}Name"] for name in build.FUNCTIONS},
    )
    # Written before anything can fail: the table only has hashes, so the keys would be lost.
    stack.write(described, folder)
    kinds.apply(url, operator_key, outputs)
    return described


def _run(command: Sequence[str], folder: Path, aws: Emulator | ExternalEmulator) -> int:
    """Runs a command, which may restart MiniStack by SIGUSR1 to the process `TOLLGATE_UP`."""
    env = {**os.environ, "TOLLGATE_STACK": str(stack.path(folder))}
    if isinstance(aws, Emulator):
        signal.signal(signal.SIGUSR1, lambda _number, _frame: aws.restart())
        env["TOLLGATE_UP"] = str(os.getpid())
    status = processes.run(command, env=env)
    if status != 0:
        print_message(
            f"\n✗ The command ended with status {status}. Last log lines of the functions:"
        )
        logs.show_last(aws.endpoint)
    # A negative status is a signal number, which shells report as 128 + n.
    return status if status >= 0 else 128 - status


def _follow(endpoint: str) -> int:
    try:
        logs.follow(endpoint)
    except KeyboardInterrupt:
        print_message("\nStopping …")
    except OSError as error:
        raise Failure(f"emulator stopped responding ({error}).") from error
    return 0


def _print_banner(described: Stack, tollgate: Path, folder: Path) -> None:
    print_message(f"""
Tollgate is up.
  console       {described.url}/
  reference     {described.url}/docs
  API           {described.url}
  operator key  {described.operator_key}
  tenant key    {described.tenant_key}
  tenant        {described.tenant_account}
  mails         {described.endpoint}/_ministack/ses/messages
  (stored in {_short(stack.path(folder))})

Try:
  export TOLLGATE_URL={described.url} TOLLGATE_KEY={described.tenant_key}
  curl $TOLLGATE_URL/heartbeat
  curl $TOLLGATE_URL/v1/jobs -H "Authorization: Bearer $TOLLGATE_KEY" \\
       -H 'Content-Type: application/json' -d '{{"kind":"echo","payload":{{"hello":"world"}}}}'
  curl $TOLLGATE_URL/v1/jobs -H "Authorization: Bearer $TOLLGATE_KEY"
  {_short(tollgate)} submit echo '{{"hello":"world"}}' --wait

The functions' logs follow. Press Ctrl-C to stop.
""")


def _short(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def _ignore_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
