"""Provides the image in which `sam local` runs functions: AWS's, or a small Debian offline.

The image needs only a shell and the C library that the functions are linked to; SAM adds its
Lambda emulator. So packages are extracted but not configured, which takes seconds instead of one or
two minutes for a whole system.
"""

from __future__ import annotations

import os
import platform
import shutil
from pathlib import Path

from infra.local import engine
from infra.local.failure import Failure
from infra.local.paths import LOCAL
from infra.local.processes import run_quietly
from infra.local.steps import step

_REPOSITORY = "public.ecr.aws/lambda/provided"
_PACKAGES = "libc6,libgcc-s1,dash,coreutils,ca-certificates"


def ensure(architecture: str) -> None:
    """Pulls or builds the image for functions built on this machine, unless it exists."""
    name = f"{_REPOSITORY}:al2023-{architecture}"
    if engine.has_image(name):
        return
    with step(f"Image {name}"):
        log = LOCAL / "image.log"
        try:
            run_quietly(["docker", "pull", "--quiet", name], log)
        except Failure as unreachable:
            if not shutil.which("mmdebstrap"):
                raise Failure(
                    f"{unreachable}\n"
                    "Without AWS's registry the image is built from Debian's packages, with "
                    "`mmdebstrap`, which is not installed: apt install mmdebstrap"
                ) from unreachable
            _build(name, log)


def _build(name: str, log: Path) -> None:
    archive = LOCAL / "image.tar"
    # The release of this machine, since the functions are linked to its C library.
    release = platform.freedesktop_os_release()["VERSION_CODENAME"]
    try:
        run_quietly(
            ["mmdebstrap", "--variant=extract", f"--include={_PACKAGES}", release, archive],
            log,
            env={**os.environ, "TMPDIR": str(LOCAL)},
        )
        run_quietly(["docker", "import", archive, name], log)
        # `sam` also uses the tag without the architecture, as in AWS's registry.
        run_quietly(["docker", "tag", name, f"{_REPOSITORY}:al2023"], log)
    finally:
        archive.unlink(missing_ok=True)
