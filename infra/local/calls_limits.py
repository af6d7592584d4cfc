"""Documented limits of services that botocore's service models do not contain.

DynamoDB: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
SQS:      https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
          and `API_SendMessageBatch.html`, `API_ReceiveMessage.html`
CloudWatch: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
          and `API_PutMetricData.html`
Scheduler: https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
SES:      https://docs.aws.amazon.com/ses/latest/dg/quotas.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from infra.local import calls_dynamodb

_SQS_BODY = re.compile(r"[\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]+")
_SQS_GROUP = re.compile(r"[A-Za-z0-9!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}")
_SQS_ENTRY_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
_SQS_ATTRIBUTE = re.compile(r"(?!\.)(?!.*\.\.)[A-Za-z0-9_.-]{1,256}(?<!\.)")
_SQS_BYTES = 1024 * 1024
_SQS_RANGES = {
    "DelaySeconds": (0, 900),
    "VisibilityTimeout": (0, 43_200),
    "MaxNumberOfMessages": (1, 10),
    "WaitTimeSeconds": (0, 20),
}
_METRIC_ID = re.compile(r"[a-z][A-Za-z0-9_]*")
_SCHEDULE = re.compile(
    r"at\(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\)|cron\([^ ()]+( [^ ()]+){5}\)"
    r"|rate\((1 (minute|hour|day)|(?!1 )\d+ (minutes|hours|days))\)"
)


def check(service: str, operation: str, request: Any) -> Iterator[str]:
    """Yields violations of limits in a request that conforms to the service model."""
    match service:
        case "dynamodb":
            yield from calls_dynamodb.check(operation, request)
        case "sqs":
            yield from _sqs(operation, request)
        case "cloudwatch":
            yield from _cloudwatch(operation, request)
        case "scheduler" if operation != "DeleteSchedule":
            if not _SCHEDULE.fullmatch(request["ScheduleExpression"]):
                expression = request["ScheduleExpression"]
                yield f"ScheduleExpression is {expression!r}, not a schedule expression"
        case "ses" if operation == "SendEmail":
            yield from _mail(request)


def _sqs(operation: str, request: Any) -> Iterator[str]:
    entries = request["Entries"] if operation.endswith("Batch") else [request]
    if not 1 <= len(entries) <= 10:
        yield f"Entries has {len(entries)} entries, and must have 1 to 10"
    ids = [entry["Id"] for entry in entries if "Id" in entry]
    if len(set(ids)) < len(ids):
        yield "Entries has an Id twice"
    yield from (f"Id is {found!r}" for found in ids if not _SQS_ENTRY_ID.fullmatch(found))
    for entry in entries:
        yield from _message(entry)
    size = sum(map(_message_bytes, entries))
    if size > _SQS_BYTES:
        yield f"the messages have {size} bytes, and must have at most {_SQS_BYTES}"


def _message(entry: Any) -> Iterator[str]:
    for name, (least, most) in _SQS_RANGES.items():
        if name in entry and not least <= entry[name] <= most:
            yield f"{name} is {entry[name]}, and must be {least} to {most}"
    if "MessageBody" in entry and not _SQS_BODY.fullmatch(entry["MessageBody"]):
        yield "MessageBody is empty, or has a character that SQS rejects"
    if "MessageGroupId" in entry and not _SQS_GROUP.fullmatch(entry["MessageGroupId"]):
        yield f"MessageGroupId is {entry['MessageGroupId']!r}"
    attributes = entry.get("MessageAttributes", {})
    if len(attributes) > 10:
        yield f"MessageAttributes has {len(attributes)} entries, and must have at most 10"
    for name, value in attributes.items():
        if not _SQS_ATTRIBUTE.fullmatch(name) or name.lower().startswith(("aws.", "amazon.")):
            yield f"MessageAttributes has the name {name!r}"
        if value["DataType"].split(".")[0] not in ("String", "Number", "Binary"):
            yield f"MessageAttributes.{name}.DataType is {value['DataType']!r}"
        if not value.get("StringValue") and not value.get("BinaryValue"):
            yield f"MessageAttributes.{name} is empty"


def _message_bytes(entry: Any) -> int:
    attributes = entry.get("MessageAttributes", {})
    texts = [entry.get("MessageBody", ""), *attributes]
    for value in attributes.values():
        texts += [value["DataType"], value.get("StringValue", ""), value.get("BinaryValue", "")]
    return sum(len(text.encode()) for text in texts)


def _cloudwatch(operation: str, request: Any) -> Iterator[str]:
    if operation == "GetMetricData":
        queries = request["MetricDataQueries"]
        if len(queries) > 500:
            yield f"MetricDataQueries has {len(queries)} entries, and must have at most 500"
        if len({query["Id"] for query in queries}) < len(queries):
            yield "MetricDataQueries has an Id twice"
        for query in queries:
            if not _METRIC_ID.fullmatch(query["Id"]):
                yield f"MetricDataQueries has the Id {query['Id']!r}"
            period = query.get("MetricStat", query).get("Period", 60)
            if period % 60 and period not in (1, 5, 10, 20, 30):
                yield f"Period is {period}, and must be a multiple of 60"
        if request["StartTime"] >= request["EndTime"]:
            yield "StartTime must be before EndTime"
    if operation == "PutMetricData":
        data = request.get("MetricData", [])
        if not 1 <= len(data) <= 1_000:
            yield f"MetricData has {len(data)} entries, and must have 1 to 1000"
        if request["Namespace"].startswith("AWS/"):
            yield f"Namespace is {request['Namespace']!r}, which is AWS's own"
        dimensions = [one for datum in data for one in datum.get("Dimensions", [])]
        yield from (
            f"Dimensions has {one!r}"
            for one in dimensions
            if not (one["Name"] + one["Value"]).isascii() or one["Name"].startswith(":")
        )


def _mail(request: Any) -> Iterator[str]:
    to = [one for kind in request.get("Destination", {}).values() for one in kind]
    if not 1 <= len(to) <= 50:
        yield f"Destination has {len(to)} addresses, and must have 1 to 50"
    for address in [*to, request.get("FromEmailAddress", "")]:
        # SES requires other characters to be encoded (RFC 2047, and Punycode for domains).
        if not address.isascii() or "\n" in address or "@" not in address:
            yield f"{address!r} is not an address that SES accepts"
    if len([kind for kind in ("Simple", "Raw", "Template") if kind in request["Content"]]) != 1:
        yield "Content must have one of Simple, Raw and Template"
