"""Validates dashboards against Grafana's schema: `python grafana_main.py FILE…`.

Runs in the virtual environment with Grafana's models.
"""

from __future__ import annotations

import enum
import json
import sys
import typing
from collections.abc import Iterator
from pathlib import Path

from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard


def main(files: list[str]) -> int:
    """Prints the faults of each file; returns 1 if there are any."""
    plugins.register_default_plugins()
    wrong = [
        f"{file}: {fault}" for file in files for fault in faults(json.loads(Path(file).read_text()))
    ]
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong else 0


def faults(written: dict[str, typing.Any]) -> Iterator[str]:
    """Yields what Grafana's models don't know or would reject."""
    read = Dashboard.from_json(written)
    yield from type_errors(read, Dashboard, "")
    # Unknown members are lost in a round trip through the models.
    yield from lost_members(written, json.loads(JSONEncoder(sort_keys=True).encode(read)), "")


def lost_members(before: object, after: object, at: str) -> Iterator[str]:
    """Yields the paths that are missing or different in `after`."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name, value in before.items():
            if name in after:
                yield from lost_members(value, after[name], f"{at}/{name}")
            else:
                yield f"{at}/{name} is not known"
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for nth, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from lost_members(one, other, f"{at}/{nth}")
    elif before != after:
        yield f"{at} is {before!r}, which reads {after!r}"


def type_errors(value: object, wanted: typing.Any, at: str) -> Iterator[str]:
    """Yields the paths at or below `at` whose value does not have the model's type."""
    origin, arguments = typing.get_origin(wanted), typing.get_args(wanted)
    if wanted is typing.Any or wanted is object:
        # The members of a plugin's options are described by the plugin's own model.
        yield from _member_errors(value, at)
    elif origin is typing.Union:
        found = [list(type_errors(value, option, at)) for option in arguments]
        if all(found):
            # Report the option of the union that matched to the greatest depth.
            yield from max(
                found, key=lambda each: max(fault.split(" ")[0].count("/") for fault in each)
            )
    elif origin is typing.Literal:
        if value not in arguments:
            yield f"{at} is {value!r}, and not one of {arguments}"
    elif origin in (list, dict):
        if not isinstance(value, origin):
            yield f"{at} is {value!r}, and no {origin.__name__}"
            return
        members = (
            value.items()
            if isinstance(value, dict)
            else enumerate(typing.cast("list[object]", value))
        )
        for name, member in members:
            yield from type_errors(member, arguments[-1], f"{at}/{name}")
    elif not isinstance(wanted, type):
        return
    elif issubclass(wanted, enum.Enum):
        options = [option.value for option in wanted]
        if value not in options:
            yield f"{at} is {value!r}, and not one of {options}"
    elif wanted is float:
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            yield f"{at} is {value!r}, and no number"
    elif not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        yield f"{at} is {value!r}, and no {wanted.__name__}"
    else:
        yield from _member_errors(value, at)


def _member_errors(value: object, at: str) -> Iterator[str]:
    """Checks the members of a value that is a model."""
    model = type(value)
    if model.__module__.startswith("grafana_foundation_sdk.models") and not isinstance(
        value, enum.Enum
    ):
        for name, hint in typing.get_type_hints(model).items():
            yield from type_errors(getattr(value, name), hint, f"{at}/{name}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
