"""The commands of `python3 -m infra.local`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from infra.local import (
    arm64,
    browser,
    build,
    calls,
    console,
    crates,
    emulator,
    engine,
    first_key,
    kinds,
    lint,
    moto_server,
    openapi_compat,
    sam_local,
    schemathesis,
    smoke,
    stack,
)
from infra.local.failure import Failure
from infra.local.paths import LOCAL
from infra.local.processes import run
from infra.local.steps import print_message
from infra.local.up import up
from infra.local.venvs import venv

if TYPE_CHECKING:
    _Commands = argparse._SubParsersAction[argparse.ArgumentParser]

_DEFAULT_PORT = 4566
_API_PORT = 3000
# URL of an external emulator: make run ENDPOINT=http://127.0.0.1:4566
_ENDPOINT = os.environ.get("ENDPOINT", "")


def main() -> int:
    """Runs the command and returns its exit status."""
    arguments = _parser().parse_args()
    # SIGTERM and SIGHUP shut down in the same order as Ctrl-C. A shell's background job would
    # ignore SIGINT without the handler.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _exit_on_signal)
    try:
        status: int = arguments.run(arguments)
        return status
    except Failure as failure:
        print_message(f"\n✗ {failure}")
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 -m infra.local", description="Local stack and tools of Tollgate."
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    _add_up(commands)
    _add_sam_local(commands)
    _add_invoke(commands)
    _add_wrappers(commands)
    _add_kinds(commands)
    _add_key(commands)
    _add_builds(commands)
    _add_static_checks(commands)
    _add_browser(commands)
    _add_schemathesis(commands)
    _add_smoke(commands)
    return parser


def _add_up(commands: _Commands) -> None:
    parser = commands.add_parser(
        "up", help="build, start and deploy the stack; stops on Ctrl-C or after the command"
    )
    parser.add_argument(
        "--port",
        type=int,
        default=_DEFAULT_PORT,
        help="port of the emulator; 0: any (default: %(default)s)",
    )
    parser.add_argument(
        "--state", type=Path, default=LOCAL, help="folder for data, keys and logs (default: .local)"
    )
    parser.add_argument(
        "--temporary",
        dest="state",
        action="store_const",
        const=None,
        help="use a temporary folder, deleted at the end",
    )
    parser.add_argument("--reset", action="store_true", help="delete the data of earlier runs")
    parser.add_argument(
        "command",
        nargs="*",
        help="after --: command to run with TOLLGATE_STACK set to the "
        "path of stack.json; without it, follow the logs",
    )
    parser.set_defaults(
        run=lambda given: up(
            given.port,
            _ENDPOINT,
            given.state,
            given.reset,
            given.command,
            tests=bool(given.command),
        )
    )


def _add_sam_local(commands: _Commands) -> None:
    parser = commands.add_parser(
        "sam-local",
        help="serve the HTTP API from containers, with a new or a running stack",
    )
    parser.add_argument(
        "--port",
        type=int,
        default=_DEFAULT_PORT,
        help="port of the emulator (default: %(default)s)",
    )
    parser.add_argument(
        "--api-port",
        type=int,
        default=_API_PORT,
        help="port of the API (default: %(default)s; 0: any)",
    )
    _add_stack(parser)
    parser.add_argument(
        "command", nargs="*", help="after --: command to run with the API, as in `up`"
    )
    parser.set_defaults(run=_sam_local)


def _add_invoke(commands: _Commands) -> None:
    parser = commands.add_parser("invoke", help="invoke a function in a container with an event")
    parser.add_argument("function", choices=build.FUNCTIONS)
    parser.add_argument(
        "--event", type=Path, help="a file (default: the first of the function's fixtures)"
    )
    _add_stack(parser)
    parser.set_defaults(
        run=lambda given: sam_local.invoke(
            given.stack or stack.path(LOCAL), given.function, given.event
        )
    )


def _add_wrappers(commands: _Commands) -> None:
    """Commands that run another command."""
    moto = commands.add_parser("moto", help="run a command with moto's server, at $TOLLGATE_MOTO")
    moto.add_argument("command", nargs="+", help="after --")
    moto.set_defaults(run=lambda given: moto_server.run_with(given.command))

    docker = commands.add_parser(
        "engine", help="run a command with a Docker engine, starting Debian's if none is running"
    )
    docker.add_argument("command", nargs="+", help="after --")
    docker.set_defaults(run=lambda given: engine.run_with(given.command))

    sam = commands.add_parser("sam", help="run the pinned SAM command line", add_help=False)
    sam.add_argument("rest", nargs=argparse.REMAINDER)
    sam.set_defaults(
        run=lambda given: run(
            [venv("sam") / "sam", *given.rest], env={**os.environ, "SAM_CLI_TELEMETRY": "0"}
        )
    )


def _add_kinds(commands: _Commands) -> None:
    parser = commands.add_parser("kinds", help="define missing default kinds of a stack")
    parser.add_argument(
        "--url",
        default=os.environ.get("TOLLGATE_URL"),
        help="URL of the API (default: $TOLLGATE_URL)",
    )
    parser.add_argument(
        "--key",
        default=os.environ.get("TOLLGATE_KEY"),
        help="an operator's key (default: $TOLLGATE_KEY)",
    )
    parser.add_argument(
        "--tasker-url",
        default=os.environ.get("TASKER_URL", ""),
        help="target of the kind user.delete; without it, echo (default: $TASKER_URL)",
    )
    parser.set_defaults(run=_define)


def _add_key(commands: _Commands) -> None:
    parser = commands.add_parser(
        "key", help="create a stack's first key, with the credentials of `sam`"
    )
    parser.add_argument(
        "--stack", default="", help="default: as saved by `make deploy`, else tollgate"
    )
    parser.add_argument("--profile", default="", help="default: as saved, else $AWS_PROFILE")
    parser.add_argument("--region", default="", help="default: as saved, else the profile's")
    parser.add_argument("--bootstrap", type=Path, help="path of the program, if already built")
    parser.add_argument("rest", nargs="*", help="after --: for tollgate-bootstrap")
    parser.set_defaults(
        run=lambda given: first_key.create(
            given.stack, given.profile, given.region, given.bootstrap, given.rest
        )
    )


def _add_builds(commands: _Commands) -> None:
    commands.add_parser("build", help="build the functions for AWS").set_defaults(
        run=lambda _: build.for_aws()
    )
    commands.add_parser(
        "arm64", help="build one function for AWS and check its libraries"
    ).set_defaults(run=lambda _: arm64.check())


def _add_static_checks(commands: _Commands) -> None:
    """Commands that need no stack."""
    parser = commands.add_parser(
        "lint",
        help="check code, documents, template, crates, dashboards and API description",
    )
    parser.add_argument("checks", nargs="*", help="names of the checks to run (default: all)")
    parser.set_defaults(run=lambda given: lint.check(given.checks))
    commands.add_parser("fmt", help="format Python and the console's JavaScript").set_defaults(
        run=lambda _: lint.fix_format()
    )
    commands.add_parser(
        "openapi-compat", help="check the API for breaking changes since the last tag"
    ).set_defaults(run=lambda _: openapi_compat.check())
    commands.add_parser(
        "deny", help="check dependencies, including RustSec's advisories from GitHub"
    ).set_defaults(run=lambda _: crates.check("advisories", "licenses", "bans", "sources"))
    commands.add_parser(
        "console", help="test the console's pure modules with Node.js"
    ).set_defaults(run=lambda _: console.check())
    parser = commands.add_parser("calls", help="check recorded calls against AWS's service models")
    parser.add_argument("folder", type=Path, help="folder of the recorded calls: $TOLLGATE_CALLS")
    parser.set_defaults(run=lambda given: calls.check(given.folder))


def _add_browser(commands: _Commands) -> None:
    parser = commands.add_parser("browser", help="run the browser tests against a running stack")
    _add_running_stack(parser)
    parser.add_argument("arguments", nargs="*", help="after --: of pytest, such as -k docs")
    parser.set_defaults(run=lambda given: browser.check(given.stack, given.arguments))


def _add_schemathesis(commands: _Commands) -> None:
    parser = commands.add_parser(
        "schemathesis", help="test a running stack's API against its description"
    )
    _add_running_stack(parser)
    parser.add_argument(
        "--minutes", type=float, default=0, help="duration of random requests (default: 0)"
    )
    parser.add_argument("--seed", type=int, help="random seed (default: 1)")
    parser.set_defaults(
        run=lambda given: schemathesis.check(_running(given.stack), given.minutes, given.seed)
    )


def _add_smoke(commands: _Commands) -> None:
    parser = commands.add_parser("smoke", help="run the smoke test against a deployed stack")
    parser.add_argument(
        "--url", default="", help="URL of the API (default: that of the stack in $TOLLGATE_STACK)"
    )
    parser.add_argument(
        "--key",
        default=os.environ.get("TOLLGATE_KEY", ""),
        help="an operator's key (default: $TOLLGATE_KEY)",
    )
    parser.add_argument("--callback", default="", help="public URL that responds 2xx to POST")
    parser.add_argument("--slow", action="store_true", help="also wait for a job due in 15 minutes")
    parser.set_defaults(run=_smoke)


def _add_running_stack(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--stack",
        type=Path,
        default=os.environ.get("TOLLGATE_STACK", LOCAL / "stack.json"),
        help="its stack.json (default: $TOLLGATE_STACK, or that of `make run`)",
    )


def _add_stack(parser: argparse.ArgumentParser) -> None:
    configured = os.environ.get("TOLLGATE_STACK")
    parser.add_argument(
        "--stack",
        type=Path,
        default=Path(configured) if configured else None,
        help="the stack.json of a running stack (default: $TOLLGATE_STACK)",
    )


def _sam_local(given: argparse.Namespace) -> int:
    port = given.api_port or emulator.free_port()
    if given.stack:
        return sam_local.start_api(given.stack, port, given.command)
    emulator.check_port(port)
    nested = [
        sys.executable,
        "-m",
        "infra.local",
        "sam-local",
        "--api-port",
        str(port),
        "--",
        *given.command,
    ]
    return up(given.port, _ENDPOINT, LOCAL, False, nested, tests=False)


def _define(given: argparse.Namespace) -> int:
    if not given.url or not given.key:
        raise Failure("missing URL or key: set --url and --key, or TOLLGATE_URL and TOLLGATE_KEY.")
    return kinds.define(given.url, given.key, given.tasker_url)


def _smoke(given: argparse.Namespace) -> int:
    described = os.environ.get("TOLLGATE_STACK")
    if not given.url and described:
        return smoke.check_local(_running(Path(described)))
    return smoke.check(given.url, given.key, given.callback, given.slow)


def _running(described: Path) -> stack.Stack:
    found = stack.read(described.parent)
    if found is None:
        raise Failure(f"{described} is not a valid stack.json; is the stack running?")
    return found


def _exit_on_signal(number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)
