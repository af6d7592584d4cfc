"""Paths of the project."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Virtual environments, downloads, and the state of `make run`'s stack. Not in version control.
LOCAL = ROOT / ".local"
