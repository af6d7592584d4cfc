"""Runs MiniStack; `emulator.py` starts this script inside MiniStack's virtual environment.

Differences to `python -m ministack`:
- It exits when its parent does, even if the parent was killed, and kills the function processes.
  They belong to the process group that this process leads.
- The Runtime API disables Nagle's algorithm. It writes headers and body separately, and delayed
  acknowledgements would add 40 ms to each invocation.
- With `TOLLGATE_FREEZE`, functions are frozen between invocations, as on Lambda (freezer.py).
- The concurrency limit is applied as on AWS (emulator_concurrency.py).
"""

import os
import signal
import socketserver
import sys
import threading
import time

import emulator_concurrency
import freezer  # next to this file
from ministack.app import main
from ministack.core import lambda_runtime

_FUNCTIONS_SECONDS = 1.0


def _exit_with_parent() -> None:
    """Shuts MiniStack down when stdin closes, because the parent closed it or exited."""
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)
    # MiniStack saves its state at the end of the shutdown, which waits for running invocations. So
    # functions are stopped repeatedly.
    while True:
        lambda_runtime.reset()
        time.sleep(0.1)


def _kill_group() -> None:
    """Terminates the remaining functions, reaps them, and kills the group with this process."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(0, signal.SIGTERM)
    deadline = time.monotonic() + _FUNCTIONS_SECONDS
    try:
        while time.monotonic() < deadline:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(0.01)
    except ChildProcessError:
        pass  # no children any more
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    socketserver.StreamRequestHandler.disable_nagle_algorithm = True
    freezer.install()
    emulator_concurrency.install()
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    try:
        main()
    finally:
        _kill_group()
