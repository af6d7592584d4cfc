"""moto's server as `moto_server.py` starts it; runs inside moto's virtual environment.

A call of DynamoDB happens as a whole or not at all, and alone. moto answers calls side by side, and checks, writes and takes back
without a lock: of two transactions on the same condition both succeed, and one that fails undoes what others wrote meanwhile. So here
they come one after the other.
"""

import sys
import threading
from typing import Any

from moto.dynamodb.responses import DynamoHandler
from moto.server import main

_ALONE = threading.Lock()
_call = DynamoHandler.call_action


def _call_alone(handler: DynamoHandler) -> Any:
    with _ALONE:
        return _call(handler)


if __name__ == "__main__":
    DynamoHandler.call_action = _call_alone
    main(sys.argv[1:])
