"""Validates recorded calls against AWS's service models: `python -m infra.local.calls_main FOLDER`.

Runs in an environment with botocore, which ships the models. botocore's own validator checks
neither enums, patterns nor upper bounds, which the services do check.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
from botocore.model import OperationNotFoundError, Shape

from infra.local import calls_limits

# botocore's name of a service, by the prefix of its IAM actions.
_SERVICES = {
    "dynamodb": "dynamodb",
    "sqs": "sqs",
    "scheduler": "scheduler",
    "ses": "sesv2",
    "cloudwatch": "cloudwatch",
    "execute-api": "apigatewaymanagementapi",
}
_SCALARS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "character": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "timestamp": (int, float, str),
}
_MAX_SHOWN = 60


def main(folder: str) -> int:
    """Prints each fault once and returns the exit status. An empty folder is a fault too."""
    counted: Counter[str] = Counter()
    faults: set[str] = set()
    for file in sorted(Path(folder).glob("*.jsonl")):
        # Not `splitlines`: a request may contain other characters that it treats as line ends.
        for line in file.read_text(encoding="utf-8").split("\n")[:-1]:
            call = json.loads(line)
            name = f"{call['service']}:{call['operation']}"
            counted[name] += 1
            found = check(call["service"], call["operation"], call["request"])
            faults.update(f"{call['function']}: {name}: {fault}" for fault in found)
    for fault in sorted(faults):
        print(f"✗ {fault}")
    if not counted:
        print(f"✗ no recorded calls in {folder}.")
        return 1
    print(
        f"{counted.total()} distinct calls of {len(counted)} operations checked: "
        f"{len(faults)} faults"
    )
    return 1 if faults else 0


def check(service: str, operation: str, request: object) -> Iterator[str]:
    """Yields violations of the service's model and documented limits in a request."""
    try:
        shape = _model(service).operation_model(operation).input_shape
    except OperationNotFoundError:
        yield "unknown operation"
        return
    found = list(violations(request, shape, ""))
    yield from found
    # The checks of limits assume a request of the right shape.
    if not found:
        yield from calls_limits.check(service, operation, request)


@cache
def _model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(_SERVICES[service])


def violations(value: object, shape: Shape, at: str) -> Iterator[str]:
    """Yields where a value violates a shape's type, members, enum, size, range or pattern."""
    kind = shape.type_name
    if kind == "structure":
        yield from _structure(value, shape, at)
    elif kind == "map":
        yield from _map(value, shape, at)
    elif kind == "list":
        if not isinstance(value, list):
            yield _wrong_type(value, "a list", at)
            return
        yield from _bounds(len(value), shape, at, "entries")
        for nth, item in enumerate(value):
            yield from violations(item, shape.member, f"{at}[{nth}]")
    elif kind == "blob":
        yield from _blob(value, shape, at)
    else:
        yield from _scalar(value, shape, at)


def _structure(value: object, shape: Any, at: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield _wrong_type(value, "a structure", at)
        return
    for name in shape.required_members:
        if name not in value:
            yield f"{_member(at, name)} is missing"
    if shape.is_tagged_union and len(value) != 1:
        yield f"{at or 'the request'} has {len(value)} members, and must have one"
    for name, member in value.items():
        if name not in shape.members:
            yield f"{_member(at, name)} is unknown"
        elif name == shape.serialization.get("payload"):
            yield from _bounds(
                len(str(member).encode()), shape.members[name], _member(at, name), "bytes"
            )
        else:
            yield from violations(member, shape.members[name], _member(at, name))


def _map(value: object, shape: Any, at: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield _wrong_type(value, "a map", at)
        return
    yield from _bounds(len(value), shape, at, "entries")
    for name, member in value.items():
        yield from violations(name, shape.key, f"{at} (key)")
        yield from violations(member, shape.value, _member(at, name))


def _blob(value: object, shape: Shape, at: str) -> Iterator[str]:
    try:
        content = base64.b64decode(str(value), validate=True)
    except binascii.Error:
        yield f"{at} is not base64: {_short(value)}"
        return
    yield from _bounds(len(content), shape, at, "bytes")


def _scalar(value: object, shape: Any, at: str) -> Iterator[str]:
    types = _SCALARS[shape.type_name]
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        yield _wrong_type(value, f"of type {shape.type_name}", at)
        return
    if isinstance(value, str):
        yield from _bounds(len(value), shape, at, "characters")
        if shape.enum and value not in shape.enum:
            yield f"{at} is {_short(value)}, which is not one of {', '.join(shape.enum)}"
        pattern = shape.metadata.get("pattern")
        if pattern is not None and not re.fullmatch(pattern, value, re.DOTALL):
            yield f"{at} is {_short(value)}, which does not match {pattern}"
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield from _bounds(value, shape, at, "")


def _bounds(size: float, shape: Any, at: str, unit: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < least:
        yield f"{at} is {size} {unit}".rstrip() + f", and must be at least {least}"
    if most is not None and size > most:
        yield f"{at} is {size} {unit}".rstrip() + f", and must be at most {most}"


def _wrong_type(value: object, wanted: str, at: str) -> str:
    return f"{at or 'the request'} is {_short(value)}, and must be {wanted}"


def _member(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
