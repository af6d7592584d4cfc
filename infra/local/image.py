"""The image that `sam local` runs functions in: AWS's, or where no registry can be reached, a small Debian in its place.

It needs no more than the C library that the functions were linked to, and a shell: SAM adds what plays Lambda. So packages
are only unpacked, which takes seconds, where a whole system would take a minute or two.
"""

from __future__ import annotations

import os
import platform
import shutil
from pathlib import Path

from infra.local import engine
from infra.local.failure import Failure
from infra.local.places import LOCAL
from infra.local.processes import run_quietly
from infra.local.steps import step

_REPOSITORY = "public.ecr.aws/lambda/provided"
_PACKAGES = "libc6,libgcc-s1,dash,coreutils,ca-certificates"


def ensure(architecture: str) -> None:
    """Sees to it that the engine has the image, for functions built on this machine."""
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
                    f"{unreachable}\nWithout AWS's registry the image is made of Debian's packages, by "
                    "`mmdebstrap`, which isn't there: apt install mmdebstrap"
                ) from unreachable
            _make(name, log)


def _make(name: str, log: Path) -> None:
    archive = LOCAL / "image.tar"
    # Of the release that this machine has, since the functions were linked to its C library.
    release = platform.freedesktop_os_release()["VERSION_CODENAME"]
    try:
        run_quietly(
            ["mmdebstrap", "--variant=extract", f"--include={_PACKAGES}", release, archive],
            log,
            env={**os.environ, "TMPDIR": str(LOCAL)},
        )
        run_quietly(["docker", "import", archive, name], log)
        # The same under the name without an architecture, as AWS has it.
        run_quietly(["docker", "tag", name, f"{_REPOSITORY}:al2023"], log)
    finally:
        archive.unlink(missing_ok=True)
