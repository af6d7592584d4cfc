"""Runs moto's server; `moto_server.py` starts this script inside moto's virtual environment.

DynamoDB's calls are atomic and isolated. moto handles requests concurrently, and checks, writes and
rolls back without a lock: two transactions with the same condition both succeed, and a failed one
reverts concurrent writes of others. So this script serializes all calls to DynamoDB.
"""

import sys
import threading
from typing import Any

from moto.dynamodb.responses import DynamoHandler
from moto.server import main

_LOCK = threading.Lock()
_call = DynamoHandler.call_action


def _call_locked(handler: DynamoHandler) -> Any:
    with _LOCK:
        return _call(handler)


if __name__ == "__main__":
    DynamoHandler.call_action = _call_locked
    main(sys.argv[1:])
