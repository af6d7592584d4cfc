"""Where things are kept."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Virtual environments, and the state of the stack that `make run` starts.
LOCAL = ROOT / ".local"
