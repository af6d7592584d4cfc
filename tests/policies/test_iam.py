"""The policy linter finds statements that grant nothing, or too much."""

from __future__ import annotations

import unittest
from typing import Any

from infra.local import iam_main

_TEMPLATE = """
Resources:
  Table: {Type: AWS::DynamoDB::Table}
  Role:
    Type: AWS::IAM::Role
    Properties:
      Policies:
        - PolicyName: reader
          PolicyDocument:
            Version: "2012-10-17"
            Statement:
              - Sid: Read
                Effect: Allow
                Action: [dynamodb:GetItem]
                Resource: !GetAtt Table.Arn
                Condition:
                  StringEquals: {"dynamodb:Select": ALL_ATTRIBUTES}
              - Sid: Schedule
                Effect: Allow
                Action: [scheduler:CreateSchedule]
                Resource: !Sub "arn:${AWS::Partition}:scheduler:${AWS::Region}:${AWS::AccountId}:\\
                  schedule/${Group}/*"
"""


class Policies(unittest.TestCase):
    """A template's policy, valid and with faults."""

    def _lint(self, change: dict[str, Any]) -> list[str]:
        ((_, document),) = iam_main.read_policies(_TEMPLATE)
        document["Statement"][0].update(change)
        return [fault["issue_type"] + ": " + fault["message"] for fault in iam_main.lint(document)]

    def test_references_become_names(self) -> None:
        ((name, document),) = iam_main.read_policies(_TEMPLATE)
        self.assertEqual(name, "reader")
        resources = [statement["Resource"] for statement in document["Statement"]]
        self.assertEqual(
            resources,
            [
                "arn:aws:dynamodb:eu-west-1:123456789012:table/Table",
                "arn:aws:scheduler:eu-west-1:123456789012:schedule/Group/*",
            ],
        )

    def test_a_sound_policy_passes(self) -> None:
        self.assertEqual(self._lint({}), [])

    def test_faults_are_found(self) -> None:
        for change in (
            {"Action": ["dynamodb:GetItems"]},
            {"Resource": "arn:aws:sqs:eu-west-1:123456789012:jobs"},
            {"Condition": {"StringEquals": {"dynamodb:Leading": "x"}}},
            {"Action": ["dynamodb:*"]},
        ):
            with self.subTest(change=change):
                self.assertNotEqual(self._lint(change), [])


if __name__ == "__main__":
    unittest.main()
