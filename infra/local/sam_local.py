"""Runs the functions of a running stack in containers, with `sam local`.

They are the same programs, with the same table and queues. `sam local` serves the HTTP functions
behind a separate API, or invokes one function. The emulator does everything else, and also keeps
running its own copies of the functions.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from infra.local import engine, image, processes, relay, stack
from infra.local.aws import CREDENTIALS, function_variables
from infra.local.build import FUNCTIONS
from infra.local.deploy import ARCHITECTURE, logical_id, overrides
from infra.local.failure import Failure
from infra.local.paths import ROOT
from infra.local.stack import Stack
from infra.local.steps import print_message, step
from infra.local.venvs import venv

_HOST = "127.0.0.1"
# The first request builds SAM's image and starts a container.
_START_SECONDS = 180.0


@dataclass(frozen=True)
class _Sam:
    """The `sam` program with the options and environment for `sam local`."""

    program: Path
    options: Sequence[str | Path]
    env: Mapping[str, str]

    def local(self, *arguments: str | Path) -> Sequence[str | Path]:
        """The command line of a subcommand of `sam local`."""
        return [self.program, "local", *arguments, *self.options]


def start_api(file: Path, port: int, command: Sequence[str]) -> int:
    """Serves the stack's HTTP API from containers, and runs a command with it or waits for Ctrl-C.

    The command finds the API's URL in its `TOLLGATE_STACK`. Without a Docker engine the command is
    skipped with a message; in CI that is a failure.
    """
    if not engine.is_running() and command and not os.environ.get("CI"):
        print_message("! No Docker engine: `sam local` skipped.")
        return 0
    _check_engine()
    described = _read_stack(file)
    with ExitStack() as ending:
        folder = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="tollgate-")))
        sam = ending.enter_context(_prepared_sam(described, folder))
        log = folder / "start-api.log"
        output = ending.enter_context(log.open("wb")) if command else None
        url = f"http://{_HOST}:{port}"
        with step(f"sam local start-api on port {port}"):
            arguments = sam.local(
                "start-api",
                "--host",
                _HOST,
                "--port",
                str(port),
                "--warm-containers",
                "LAZY",
                "--no-watch",
            )
            process = processes.start(
                arguments,
                env=sam.env,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                output=output,
                errors=subprocess.STDOUT if command else None,
            )
            ending.callback(processes.stop, process)
            _wait(process, url, log if command else None)
        if not command:
            _print_banner(url, described)
            with contextlib.suppress(KeyboardInterrupt):
                process.wait()
            return 0
        stack.write(replace(described, url=url), folder)
        status = processes.run(
            command, env={**os.environ, "TOLLGATE_STACK": str(stack.path(folder))}
        )
        if status != 0:
            print_message(
                f"\n✗ The command ended with status {status}. "
                f"Last output of `sam local`:\n{processes.tail(log)}"
            )
        return status


def invoke(file: Path, function: str, event: Path | None) -> int:
    """Invokes a function in a container, with an event of its `fixtures/` or a given file."""
    if event is None:
        event = min((ROOT / "functions" / function / "fixtures").glob("*.json"), default=None)
        if event is None:
            raise Failure(f"functions/{function}/fixtures has no event: set a file with --event.")
    _check_engine()
    with (
        tempfile.TemporaryDirectory(prefix="tollgate-") as temporary,
        _prepared_sam(_read_stack(file), Path(temporary)) as sam,
    ):
        arguments = sam.local("invoke", logical_id(function), "--event", event.resolve())
        return processes.run(arguments, env=sam.env, cwd=Path(temporary))


def _check_engine() -> None:
    if not engine.is_running():
        raise Failure(
            "`sam local` runs functions in containers, and no Docker engine is running.\n"
            "As root on Debian: python3 -m infra.local engine -- make sam-local"
        )


@contextmanager
def _prepared_sam(described: Stack, folder: Path) -> Iterator[_Sam]:
    """Yields `sam local` with an image, and a relay from containers to the emulator."""
    tools = venv("sam")
    image.ensure(ARCHITECTURE)
    with relay.for_containers(described.endpoint) as endpoint:
        variables = folder / "variables.json"
        variables.write_text(
            json.dumps(
                {
                    logical_id(name): {
                        **function_variables(described.endpoint, described.functions[name]),
                        "AWS_ENDPOINT_URL": endpoint,
                    }
                    for name in FUNCTIONS
                }
            )
        )
        options: list[str | Path] = [
            "--template-file",
            _template(tools, Path(described.template)),
            "--env-vars",
            variables,
            "--skip-pull-image",
            "--parameter-overrides",
            *overrides(described.endpoint),
        ]
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AWS_", "SAM_CLI_"))
        }
        env = {
            **inherited,
            **CREDENTIALS,
            "SAM_CLI_TELEMETRY": "0",
            "__SAM_CLI_APP_DIR": str(folder / "sam"),
        }
        yield _Sam(tools / "sam", options, env)


def _template(tools: Path, deployed: Path) -> Path:
    """Writes the template for `sam local` next to the deployed one.

    The template's paths to the functions are relative to that folder.
    """
    script = Path(__file__).with_name("sam_template.py")
    template = deployed.with_name("sam-local.json")
    template.write_bytes(
        subprocess.run(
            [tools / "python", script, deployed], stdout=subprocess.PIPE, check=True
        ).stdout
    )
    return template


def _read_stack(file: Path) -> Stack:
    described = stack.read(file.parent)
    if described is None:
        raise Failure(f"{file} is not a valid stack.json. Start a stack: make sam-local")
    return described


def _wait(process: subprocess.Popen[bytes], url: str, log: Path | None) -> None:
    """Waits until the API responds from a container."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise Failure(
                "sam local exited during startup"
                + (f"; last lines of {log}:\n{processes.tail(log)}" if log else ", see above")
            )
        try:
            with urllib.request.urlopen(f"{url}/heartbeat", timeout=_START_SECONDS):
                return
        except urllib.error.HTTPError as error:
            raise Failure(
                f"{url}/heartbeat responded {error.code}"
                + (f"; last lines of {log}:\n{processes.tail(log)}" if log else ", see above")
            ) from error
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise Failure(f"sam local did not respond within {_START_SECONDS:.0f} s.")


def _print_banner(url: str, described: Stack) -> None:
    python = Path(sys.executable).name
    print_message(f"""
`sam local` serves the HTTP functions from containers. The emulator runs the jobs.
  console    {url}/
  reference  {url}/docs
  API        {url}
  emulator   {described.endpoint}

Try:
  export TOLLGATE_URL={url} TOLLGATE_KEY={described.tenant_key}
  curl $TOLLGATE_URL/heartbeat
  curl $TOLLGATE_URL/v1/jobs -H "Authorization: Bearer $TOLLGATE_KEY" \\
       -H 'Content-Type: application/json' -d '{{"kind":"echo","payload":{{"hello":"world"}}}}'
  {python} -m infra.local invoke quota-check     # one function, one event
  {python} -m infra.local invoke queue-worker

The functions' output follows. Press Ctrl-C to stop.
""")
