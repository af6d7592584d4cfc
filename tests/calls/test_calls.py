"""Tests of the check of recorded calls: it reports invalid requests and accepts valid ones."""

from __future__ import annotations

import copy
import io
import json
import tempfile
import unittest
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from infra.local import calls_dynamodb, calls_main

_QUEUE = "https://sqs.eu-west-1.amazonaws.com/000000000000/jobs"
_KEY = {"pk": {"S": "JOBS#acc_1#0"}, "sk": {"S": "job_1"}}
_VALID: dict[tuple[str, str], Any] = {
    ("scheduler", "CreateSchedule"): {
        "Name": "nightly",
        "GroupName": "tollgate-schedules",
        "ScheduleExpression": "cron(0 3 * * ? *)",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "State": "ENABLED",
        "ActionAfterCompletion": "NONE",
        "Target": {
            "Arn": "arn:aws:sqs:eu-west-1:000000000000:jobs",
            "Input": "{}",
            "RoleArn": "arn:aws:iam::000000000000:role/scheduler",
        },
    },
    ("dynamodb", "UpdateItem"): {
        "TableName": "tollgate",
        "Key": _KEY,
        "ReturnValues": "ALL_NEW",
        "UpdateExpression": "SET #s = :s",
        "ExpressionAttributeNames": {"#s": "status"},
        "ExpressionAttributeValues": {":s": {"N": "-1.5e3"}},
    },
    ("dynamodb", "PutItem"): {
        "TableName": "tollgate",
        "Item": {
            **_KEY,
            "body": {"B": "e30="},
            "tags": {"SS": ["a", "b"]},
            "more": {"M": {"a": {"L": [{"NULL": True}]}}},
        },
    },
    ("dynamodb", "BatchGetItem"): {"RequestItems": {"tollgate": {"Keys": [_KEY]}}},
    ("dynamodb", "BatchWriteItem"): {
        "RequestItems": {"tollgate": [{"DeleteRequest": {"Key": _KEY}}]}
    },
    ("dynamodb", "TransactWriteItems"): {
        "TransactItems": [{"Put": {"TableName": "tollgate", "Item": _KEY}}]
    },
    ("sqs", "SendMessage"): {
        "QueueUrl": _QUEUE,
        "MessageBody": "{}",
        "DelaySeconds": 900,
        "MessageGroupId": "acc_1",
        "MessageAttributes": {"kind": {"DataType": "String", "StringValue": "echo"}},
    },
    ("sqs", "SendMessageBatch"): {
        "QueueUrl": _QUEUE,
        "Entries": [{"Id": "0", "MessageBody": "{}"}],
    },
    ("sqs", "ReceiveMessage"): {
        "QueueUrl": _QUEUE,
        "MaxNumberOfMessages": 10,
        "MessageSystemAttributeNames": ["All"],
    },
    ("ses", "SendEmail"): {
        "FromEmailAddress": "Tollgate <t@example.com>",
        "Destination": {"ToAddresses": ["a@example.com"]},
        "Content": {"Simple": {"Subject": {"Data": "80 %"}, "Body": {"Text": {"Data": "used"}}}},
    },
    ("cloudwatch", "GetMetricData"): {
        "StartTime": 1_795_190_400,
        "EndTime": 1_795_190_460,
        "ScanBy": "TimestampAscending",
        "MetricDataQueries": [
            {
                "Id": "m0",
                "MetricStat": {
                    "Stat": "Sum",
                    "Period": 60,
                    "Metric": {"Namespace": "AWS/ApiGateway", "MetricName": "Count"},
                },
            }
        ],
    },
    ("cloudwatch", "PutMetricData"): {
        "Namespace": "Tollgate/sim",
        "MetricData": [{"MetricName": "Queued", "Value": 1.5, "Unit": "Count"}],
    },
    ("execute-api", "PostToConnection"): {"ConnectionId": "abc=", "Data": "{}"},
}
# Service, operation, path of the changed member, its new value (None removes it), expected error.
_FAULTS: list[tuple[str, str, str, Any, str]] = [
    # Constraints of AWS's service models.
    ("scheduler", "CreateSchedule", "State", "PAUSED", "not one of ENABLED, DISABLED"),
    ("scheduler", "CreateSchedule", "Name", "n" * 65, "at most 64"),
    ("scheduler", "CreateSchedule", "Name", "", "at least 1"),
    ("scheduler", "CreateSchedule", "Name", "a b", "does not match"),
    ("scheduler", "CreateSchedule", "Name", "nightly\n", "does not match"),
    ("scheduler", "CreateSchedule", "Target.RoleArn", "role", "does not match"),
    ("scheduler", "CreateSchedule", "Target.RoleArn", None, "Target.RoleArn is missing"),
    ("scheduler", "CreateSchedule", "Target.Queue", "jobs", "Target.Queue is unknown"),
    (
        "scheduler",
        "CreateSchedule",
        "Target.RetryPolicy",
        {"MaximumEventAgeInSeconds": 59},
        "at least 60",
    ),
    (
        "scheduler",
        "CreateSchedule",
        "Target.RetryPolicy",
        {"MaximumRetryAttempts": 186},
        "at most 185",
    ),
    ("scheduler", "CreateSchedule", "FlexibleTimeWindow", "OFF", "must be a structure"),
    ("dynamodb", "UpdateItem", "ReturnValues", "NEW", "not one of NONE"),
    ("dynamodb", "UpdateItem", "Key", None, "Key is missing"),
    ("dynamodb", "UpdateItem", "Key", [], "must be a map"),
    ("dynamodb", "UpdateItem", "ReturnConsumed", "TOTAL", "is unknown"),
    ("dynamodb", "PutItem", "Item.body", {"B": "{}"}, "not base64"),
    ("dynamodb", "PutItem", "Item.body", {"S": 1}, "must be of type string"),
    ("dynamodb", "PutItem", "Item.body", {"BOOL": "true"}, "must be of type boolean"),
    ("dynamodb", "BatchGetItem", "RequestItems.tollgate.Keys", [], "at least 1"),
    ("sqs", "SendMessage", "DelaySeconds", True, "must be of type integer"),
    ("sqs", "ReceiveMessage", "MessageSystemAttributeNames", ["Every"], "not one of All"),
    ("sqs", "ReceiveMessage", "MessageSystemAttributeNames", "All", "must be a list"),
    ("cloudwatch", "GetMetricData", "ScanBy", "Ascending", "not one of"),
    ("execute-api", "PostToConnection", "Data", "x" * 131_073, "at most 131072"),
    ("execute-api", "PostToConnection", "Data", None, "Data is missing"),
    # Constraints of their documentation.
    (
        "scheduler",
        "CreateSchedule",
        "ScheduleExpression",
        "at(2026-11-30)",
        "not a schedule expression",
    ),
    (
        "scheduler",
        "CreateSchedule",
        "ScheduleExpression",
        "rate(1 minutes)",
        "not a schedule expression",
    ),
    ("dynamodb", "UpdateItem", "Key.sk", {"S": ""}, "1 to 1024"),
    ("dynamodb", "UpdateItem", "Key.pk", {"S": "é" * 1_025}, "1 to 2048"),
    ("dynamodb", "UpdateItem", "Key.id", {"S": "1"}, "not a key of the table"),
    ("dynamodb", "UpdateItem", "UpdateExpression", "SET #s = :s" + " " * 4_096, "1 to 4096"),
    ("dynamodb", "UpdateItem", "UpdateExpression", "SET #s = :t", "lacks :t"),
    (
        "dynamodb",
        "UpdateItem",
        "UpdateExpression",
        "SET s = :s",
        "has #s, which no expression uses",
    ),
    ("dynamodb", "UpdateItem", "ExpressionAttributeValues", {}, "is empty"),
    (
        "dynamodb",
        "UpdateItem",
        "ExpressionAttributeValues",
        {":s": {"N": "1" * 39}},
        "at most 38 digits",
    ),
    ("dynamodb", "UpdateItem", "ExpressionAttributeValues", {":s": {"N": "NaN"}}, "no number"),
    ("dynamodb", "PutItem", "Item.body", {"S": "x" * 409_600}, "at most 409600"),
    ("dynamodb", "PutItem", "Item.body", {"S": "x", "N": "1"}, "must have one"),
    ("dynamodb", "PutItem", "Item.tags", {"SS": []}, "a set that is empty"),
    ("dynamodb", "PutItem", "Item.tags", {"SS": ["a", "a"]}, "has a member twice"),
    ("dynamodb", "BatchGetItem", "RequestItems.tollgate.Keys", [_KEY, _KEY], "duplicate item"),
    (
        "dynamodb",
        "BatchWriteItem",
        "RequestItems.other",
        [{"DeleteRequest": {"Key": {**_KEY, "sk": {"S": str(nth)}}}} for nth in range(25)],
        "at most 25",
    ),
    (
        "dynamodb",
        "TransactWriteItems",
        "TransactItems",
        [
            {
                "Put": {
                    "TableName": "t",
                    "Item": {**_KEY, "sk": {"S": str(nth)}, "x": {"S": "x" * 400_000}},
                }
            }
            for nth in range(11)
        ],
        "at most 4194304",
    ),
    ("sqs", "SendMessage", "DelaySeconds", 901, "0 to 900"),
    ("sqs", "SendMessage", "MessageBody", "", "MessageBody is empty"),
    ("sqs", "SendMessage", "MessageBody", "\0", "a character that SQS rejects"),
    ("sqs", "SendMessage", "MessageBody", "x" * 1_048_570, "at most 1048576"),
    ("sqs", "SendMessage", "MessageGroupId", "é", "MessageGroupId is"),
    ("sqs", "SendMessage", "MessageGroupId", "x" * 129, "MessageGroupId is"),
    (
        "sqs",
        "SendMessage",
        "MessageAttributes",
        {"AWS.kind": {"DataType": "String", "StringValue": "x"}},
        "the name",
    ),
    (
        "sqs",
        "SendMessage",
        "MessageAttributes",
        {"kind": {"DataType": "String", "StringValue": ""}},
        "is empty",
    ),
    (
        "sqs",
        "SendMessage",
        "MessageAttributes",
        {"kind": {"DataType": "Text", "StringValue": "x"}},
        "DataType is",
    ),
    (
        "sqs",
        "SendMessageBatch",
        "Entries",
        [{"Id": str(nth), "MessageBody": "{}"} for nth in range(11)],
        "1 to 10",
    ),
    ("sqs", "SendMessageBatch", "Entries", [], "1 to 10"),
    ("sqs", "SendMessageBatch", "Entries", [{"Id": "0", "MessageBody": "{}"}] * 2, "an Id twice"),
    ("sqs", "SendMessageBatch", "Entries", [{"Id": "a b", "MessageBody": "{}"}], "Id is 'a b'"),
    ("sqs", "ReceiveMessage", "MaxNumberOfMessages", 11, "1 to 10"),
    (
        "ses",
        "SendEmail",
        "FromEmailAddress",
        "Zähler <t@example.com>",
        "not an address that SES accepts",
    ),
    ("ses", "SendEmail", "Destination.ToAddresses", ["a@example.com"] * 51, "1 to 50"),
    ("ses", "SendEmail", "Content", {}, "must have one of"),
    ("cloudwatch", "GetMetricData", "EndTime", 1_795_190_400, "before EndTime"),
    (
        "cloudwatch",
        "GetMetricData",
        "MetricDataQueries",
        [{"Id": f"m{nth}", "Expression": "m1"} for nth in range(501)],
        "at most 500",
    ),
    (
        "cloudwatch",
        "GetMetricData",
        "MetricDataQueries",
        [{"Id": "M", "Expression": "m1"}],
        "the Id 'M'",
    ),
    (
        "cloudwatch",
        "GetMetricData",
        "MetricDataQueries",
        [{"Id": "m", "Period": 90}],
        "multiple of 60",
    ),
    ("cloudwatch", "PutMetricData", "Namespace", "AWS/Lambda", "AWS's own"),
    ("cloudwatch", "PutMetricData", "MetricData", [], "1 to 1000"),
    (
        "cloudwatch",
        "PutMetricData",
        "MetricData",
        [{"MetricName": "Queued", "Dimensions": [{"Name": "kind", "Value": "é"}]}],
        "Dimensions has",
    ),
]


class Checked(unittest.TestCase):
    """Single calls."""

    def test_valid_calls_pass(self) -> None:
        for (service, operation), request in _VALID.items():
            with self.subTest(service=service, operation=operation):
                self.assertEqual(list(calls_main.check(service, operation, request)), [])

    def test_each_fault_is_found(self) -> None:
        for service, operation, place, value, expected in _FAULTS:
            with self.subTest(operation=operation, place=place, expected=expected):
                request = copy.deepcopy(_VALID[service, operation])
                *path, name = place.split(".")
                of = request
                for step in path:
                    of = of[step]
                of[name] = value
                if value is None:
                    del of[name]
                found = list(calls_main.check(service, operation, request))
                self.assertTrue(any(expected in fault for fault in found), found)

    def test_unknown_operation_is_found(self) -> None:
        self.assertEqual(list(calls_main.check("sqs", "PutMessage", {})), ["unknown operation"])

    def test_keys_are_those_of_the_template(self) -> None:
        keys = calls_dynamodb.key_bytes()
        self.assertEqual((keys["pk"], keys["sk"]), (2_048, 1_024))
        self.assertGreater(len(keys), 2, "the index has keys of its own")


class Record(unittest.TestCase):
    """Folders of calls."""

    def _run(self, calls: list[tuple[str, str, Any]]) -> tuple[int, str]:
        with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()) as printed:
            if calls:
                lines = [
                    json.dumps(
                        {
                            "function": "submit",
                            "service": service,
                            "operation": operation,
                            "request": request,
                        },
                        ensure_ascii=False,
                    )
                    + "\n"
                    for service, operation, request in calls
                ]
                Path(folder, "1.jsonl").write_text("".join(lines), encoding="utf-8")
            Path(folder, "1.tsv").write_text("used\tsomething\n", encoding="utf-8")
            return calls_main.main(folder), printed.getvalue()

    def test_a_fault_is_named_once_with_its_function(self) -> None:
        sent = {**_VALID["sqs", "SendMessage"], "DelaySeconds": 901}
        status, printed = self._run([("sqs", "SendMessage", sent)] * 2)
        self.assertEqual(status, 1)
        self.assertEqual(printed.count("✗ submit: sqs:SendMessage: DelaySeconds is 901"), 1)

    def test_line_separators_in_a_request_split_nothing(self) -> None:
        sent = {**_VALID["sqs", "SendMessage"], "MessageBody": "a\u2028b\u0085c"}
        self.assertEqual(self._run([("sqs", "SendMessage", sent)])[0], 0)

    def test_no_record_is_a_failure(self) -> None:
        status, printed = self._run([])
        self.assertEqual(status, 1)
        self.assertIn("no recorded calls in", printed)


if __name__ == "__main__":
    unittest.main()
