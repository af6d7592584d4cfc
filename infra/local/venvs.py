"""Creates virtual environments from pinned requirements, one per tool.

Tools can't share one: MiniStack and SAM pin different versions of boto3.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from infra.local.failure import Failure
from infra.local.paths import LOCAL, ROOT
from infra.local.processes import run, run_quietly

_REQUIREMENTS = Path(__file__).parent / "requirements"


def venv(name: str) -> Path:
    """The `bin` folder of a tool's environment.

    Creates it if missing, and again if its requirements or the interpreter changed.
    """
    requirements = _REQUIREMENTS / f"{name}.txt"
    folder = LOCAL / "venvs" / name
    # Written last, so that an incomplete environment is created again.
    stamp = folder / "made-from.txt"
    wanted = f"{sys.version}\n{sys.executable}\n{folder}\n{requirements.read_text()}"
    if not stamp.exists() or stamp.read_text() != wanted:
        _create(folder, requirements, LOCAL / "venvs" / f"{name}.log")
        stamp.write_text(wanted)
    return folder / "bin"


def run_python(name: str, *arguments: str | Path, env: Mapping[str, str] | None = None) -> int:
    """Runs Python of a tool's environment in the project's root, without writing bytecode.

    Returns the exit status.
    """
    variables = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **(env or {})}
    return run([venv(name) / "python", *arguments], env=variables, cwd=ROOT)


def _create(folder: Path, requirements: Path, log: Path) -> None:
    if importlib.util.find_spec("ensurepip") is None:
        raise Failure(
            "This Python can't create virtual environments: the module `ensurepip` is missing.\n"
            "On Debian and Ubuntu: apt install python3-venv"
        )
    shutil.rmtree(folder, ignore_errors=True)
    run_quietly([sys.executable, "-m", "venv", folder], log)
    # The requirements list all transitive dependencies. Bytecode is compiled when it is needed.
    run_quietly(
        [
            folder / "bin" / "python",
            "-m",
            "pip",
            "install",
            "--no-deps",
            "--no-compile",
            "--no-input",
            "--disable-pip-version-check",
            "--requirement",
            requirements,
        ],
        log,
    )
