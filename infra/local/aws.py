"""Calls of AWS APIs, to an emulator that doesn't check signatures."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any
from xml.etree import ElementTree

REGION = "us-east-1"

# For tools that sign their calls. Valid only in the emulator.
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
}

_TIMEOUT_SECONDS = 30


def create_bucket(endpoint: str, name: str) -> None:
    """Creates an S3 bucket if it does not exist."""
    _call(endpoint, "s3", f"/{name}", method="PUT")


def create_sender(endpoint: str, address: str) -> None:
    """Creates an SES identity for a sender address if it does not exist."""
    try:
        _call(
            endpoint,
            "ses",
            "/v2/email/identities",
            json.dumps({"EmailIdentity": address}).encode(),
            {"Content-Type": "application/json"},
        )
    except urllib.error.HTTPError as error:
        if "AlreadyExists" not in error.read().decode():
            raise


def stack_outputs(endpoint: str, name: str) -> dict[str, str]:
    query = {"Action": "DescribeStacks", "Version": "2010-05-15", "StackName": name}
    answer = _call(
        endpoint,
        "cloudformation",
        "/",
        urllib.parse.urlencode(query).encode(),
        {"Content-Type": "application/x-www-form-urlencoded"},
    )
    members = ElementTree.fromstring(answer).findall(".//{*}Outputs/{*}member")
    return {
        member.findtext("{*}OutputKey", ""): member.findtext("{*}OutputValue", "")
        for member in members
    }


def has_stack(endpoint: str, name: str) -> bool:
    try:
        stack_outputs(endpoint, name)
    except urllib.error.HTTPError as error:
        if "does not exist" in error.read().decode():
            return False
        raise
    return True


def delete_stack(endpoint: str, name: str) -> None:
    """Starts the deletion of a CloudFormation stack; a missing stack is not an error."""
    query = {"Action": "DeleteStack", "Version": "2010-05-15", "StackName": name}
    _call(
        endpoint,
        "cloudformation",
        "/",
        urllib.parse.urlencode(query).encode(),
        {"Content-Type": "application/x-www-form-urlencoded"},
    )


def function_variables(endpoint: str, name: str) -> dict[str, str]:
    answer = _call(endpoint, "lambda", f"/2015-03-31/functions/{name}/configuration", method="GET")
    variables: dict[str, str] = json.loads(answer)["Environment"]["Variables"]
    return variables


def log_events(endpoint: str, group: str, since_ms: int) -> list[dict[str, Any]]:
    """The events of a log group since a time (Unix milliseconds), oldest first."""
    body = json.dumps({"logGroupName": group, "startTime": since_ms}).encode()
    answer = _call(
        endpoint,
        "logs",
        "/",
        body,
        {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": "Logs_20140328.FilterLogEvents",
        },
    )
    events: list[dict[str, Any]] = json.loads(answer)["events"]
    return events


def _call(
    endpoint: str,
    service: str,
    path: str,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
    method: str | None = None,
) -> bytes:
    # The emulator takes service and region from the credential scope, as AWS does.
    credential = f"test/20250101/{REGION}/{service}/aws4_request"
    authorization = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0"
    request = urllib.request.Request(
        endpoint + path, body, {"Authorization": authorization, **(headers or {})}, method=method
    )
    with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:
        content: bytes = answer.read()
        return content
