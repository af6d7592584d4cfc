"""Installs the Node.js tools of the pinned package-lock.json, once."""

from __future__ import annotations

import shutil
from pathlib import Path

from infra.local.paths import LOCAL
from infra.local.processes import run_quietly

_LOCK = Path(__file__).parent / "requirements" / "node"


def bin_folder() -> Path | None:
    """The folder with the tools' executables, or `None` without Node.js and npm.

    Installs the tools if they are missing, and again if the lock file or Node.js changed.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    folder = LOCAL / "node"
    # Written last, so that an incomplete installation is repeated.
    stamp = folder / "made-from.txt"
    wanted = f"{node}\n{folder}\n{(_LOCK / 'package-lock.json').read_text()}"
    if not stamp.exists() or stamp.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(_LOCK, folder)
        # The tools are programs in platform packages, which need no installation scripts.
        options = ("--ignore-scripts", "--no-audit", "--no-fund")
        run_quietly([npm, "ci", *options], LOCAL / "node.log", cwd=folder)
        stamp.write_text(wanted)
    return folder / "node_modules" / ".bin"
