"""MiniStack as bring-up starts it; runs inside MiniStack's virtual environment.

Three things are not as in `python -m ministack`:
- It ends when bring-up does, however that ended, and takes the functions' processes with it. They are in the
  process group that this process leads.
- The Runtime API answers without Nagle's algorithm. It writes headers and body separately, and with delayed
  acknowledgements each call of a function would take 40 ms longer.
- With `TOLLGATE_FREEZE`, functions are frozen between invocations, as on Lambda.
- The limit of concurrent executions is applied as on AWS: emulator_concurrency.py.
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


def _follow_parent() -> None:
    """Shuts MiniStack down once the other end of the pipe is closed: it is to end, or its parent is gone."""
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)
    # Calls under way hold the shutdown up, and state is saved at its end. So no function may go on.
    while True:
        lambda_runtime.reset()
        time.sleep(0.1)


def _end_group() -> None:
    """Ends what functions are left, waits so that not even a zombie stays, and ends the group, itself included."""
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
    threading.Thread(target=_follow_parent, daemon=True).start()
    try:
        main()
    finally:
        _end_group()
