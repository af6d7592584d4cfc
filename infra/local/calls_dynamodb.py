"""Limits of DynamoDB that botocore's service model does not contain.

Limits: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
Item sizes:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import yaml

from infra.local.paths import ROOT

_TYPES = {"S", "N", "B", "SS", "NS", "BS", "M", "L", "NULL", "BOOL"}
_ITEM_BYTES = 400 * 1024
_EXPRESSION_BYTES = 4 * 1024
_TRANSACTION_BYTES = 4 * 1024 * 1024
# All values of one expression together.
_VALUES_BYTES = 2 * 1024 * 1024
_PARTITION_BYTES, _SORT_BYTES = 2_048, 1_024
_DEPTH = 32
_NAME = re.compile(r"#[A-Za-z0-9_]{1,254}")
_VALUE = re.compile(r":[A-Za-z0-9_]{1,254}")
_NUMBER = re.compile(r"-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def check(operation: str, request: Any) -> Iterator[str]:
    """Yields violations of limits in a request that conforms to the service model."""
    parts = list(_parts(operation, request))
    if operation == "BatchWriteItem" and len(parts) > 25:
        yield f"RequestItems has {len(parts)} items, and must have at most 25"
    if operation == "BatchGetItem" and len(parts) > 100:
        yield f"RequestItems has {len(parts)} keys, and must have at most 100"
    if operation.startswith("Batch") or operation.startswith("Transact"):
        keys = [
            str(sorted((name, str(of[name])) for name in ("pk", "sk") if name in of))
            for part in parts
            for of in (part.get("Key", part.get("Item", {})),)
        ]
        if len(set(keys)) < len(keys):
            yield "duplicate item"
    if operation.startswith("Transact"):
        size = sum(_item_bytes(part.get("Item", {})) for part in parts)
        if size > _TRANSACTION_BYTES:
            yield f"the transaction has {size} bytes, and must have at most {_TRANSACTION_BYTES}"
    for part in parts:
        yield from _part(part)


def _parts(operation: str, request: Any) -> Iterator[Any]:
    """Yields the single-item reads and writes of a request."""
    if operation.startswith("Transact"):
        for item in request["TransactItems"]:
            yield from item.values()
    elif operation == "BatchGetItem":
        for table in request["RequestItems"].values():
            yield from ({"Key": key} for key in table["Keys"])
    elif operation == "BatchWriteItem":
        for writes in request["RequestItems"].values():
            for write in writes:
                yield from write.values()
    else:
        yield request


def _part(part: Any) -> Iterator[str]:
    for name in ("Key", "Item", "ExclusiveStartKey"):
        for attribute, value in part.get(name, {}).items():
            yield from _value(value, f"{name}.{attribute}", 0)
            yield from _key(attribute, value, name)
    size = _item_bytes(part.get("Item", {}))
    if size > _ITEM_BYTES:
        yield f"Item has {size} bytes, and must have at most {_ITEM_BYTES}"
    expressions = {name: text for name, text in part.items() if name.endswith("Expression")}
    for name, text in expressions.items():
        if not 0 < len(text.encode()) <= _EXPRESSION_BYTES:
            yield f"{name} has {len(text.encode())} bytes, and must have 1 to {_EXPRESSION_BYTES}"
    yield from _placeholders(part, " ".join(expressions.values()))


def _placeholders(part: Any, expressions: str) -> Iterator[str]:
    for member, pattern in (
        ("ExpressionAttributeNames", _NAME),
        ("ExpressionAttributeValues", _VALUE),
    ):
        known = part.get(member)
        if known == {}:
            yield f"{member} is empty"
        for name in known or {}:
            if not pattern.fullmatch(name):
                yield f"{member} has the name {name!r}"
        used = set(re.findall(r"[#:][A-Za-z0-9_]+", expressions))
        unused = set(known or {}) - used
        if unused:
            yield f"{member} has {', '.join(sorted(unused))}, which no expression uses"
        missing = {name for name in used if name[0] == pattern.pattern[0]} - set(known or {})
        if missing:
            yield f"{member} lacks {', '.join(sorted(missing))}"
    values = part.get("ExpressionAttributeValues", {})
    for name, value in values.items():
        yield from _value(value, f"ExpressionAttributeValues.{name}", 0)
    size = _item_bytes(values)
    if size > _VALUES_BYTES:
        yield f"ExpressionAttributeValues has {size} bytes, and must have at most {_VALUES_BYTES}"


def _key(attribute: str, value: Any, of: str) -> Iterator[str]:
    most = key_bytes().get(attribute)
    if most is None:
        if of == "Key":
            yield f"Key.{attribute} is not a key of the table"
        return
    size = len(str(value.get("S", "")).encode())
    if not 0 < size <= most:
        yield f"{of}.{attribute} has {size} bytes, and must have 1 to {most}"


@cache
def key_bytes() -> dict[str, int]:
    """Maximum size in bytes of each key attribute of the table and its indexes."""
    loader: Any = type("Loader", (yaml.SafeLoader,), {})
    loader.add_multi_constructor("!", lambda *_: None)
    template = yaml.load((ROOT / "template.yaml").read_text(), loader)
    table = template["Resources"]["Table"]["Properties"]
    schemas = [
        table["KeySchema"],
        *(index["KeySchema"] for index in table["GlobalSecondaryIndexes"]),
    ]
    most = {"HASH": _PARTITION_BYTES, "RANGE": _SORT_BYTES}
    return {key["AttributeName"]: most[key["KeyType"]] for schema in schemas for key in schema}


def _value(value: Any, at: str, depth: int) -> Iterator[str]:
    if len(value) != 1 or not value.keys() <= _TYPES:
        yield f"{at} has the types {', '.join(value)}, and must have one"
        return
    if depth > _DEPTH:
        yield f"{at} is nested deeper than {_DEPTH}"
        return
    ((kind, content),) = value.items()
    numbers = content if kind == "NS" else [content] if kind == "N" else []
    for number in numbers:
        digits = re.sub(r"[eE].*|\D", "", number).strip("0")
        if not _NUMBER.fullmatch(number) or len(digits) > 38:
            yield f"{at} is {number!r}, and no number of at most 38 digits"
    if kind in ("SS", "NS", "BS") and (not content or len(set(content)) < len(content)):
        yield f"{at} is a set that is empty, or has a member twice"
    inner = content.items() if kind == "M" else enumerate(content) if kind == "L" else []
    for name, member in inner:
        yield from _value(member, f"{at}.{name}", depth + 1)


def _item_bytes(item: Any) -> int:
    return sum(len(name.encode()) + sum(map(_bytes, value.items())) for name, value in item.items())


def _bytes(typed: tuple[str, Any]) -> int:
    """Size of an attribute value. Each element of a list or map adds one byte for its type."""
    kind, content = typed
    match kind:
        case "S":
            return len(content.encode())
        case "B":
            return len(content) * 3 // 4
        case "N":
            return min(len(content) // 2 + 2, 21)
        case "M":
            return 3 + len(content) + _item_bytes(content)
        case "L":
            return 3 + len(content) + sum(_bytes(one) for value in content for one in value.items())
        case "SS" | "NS" | "BS":
            return sum(len(one) for one in content)
        case _:
            return 1
