"""One function for AWS, built with the tools of `make build`: they and the linker work.

The standard library for arm64 is rustup's. Where its server can't be reached, it is built from
Debian's copy of the source of the very same version.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from infra.local import build
from infra.local.failure import Failure
from infra.local.places import LOCAL, ROOT
from infra.local.processes import run_quietly
from infra.local.steps import say, step

_TARGET = "aarch64-unknown-linux-gnu"
# The one with the least to compile; what all have in common is most of it.
_FUNCTION = "console"
_SUITES = ("stable-backports", "testing", "unstable")


def check() -> int:
    """Builds and checks it, in its own folder: `target/lambda` is what `make deploy` deploys."""
    variables = {
        "CARGO_TARGET_DIR": str(ROOT / "target" / "arm64"),
        "CARGO_PROFILE_DEV_DEBUG": "false",
    }
    options: tuple[str, ...] = ()
    if not _has_std() and not _rustup():
        variables |= _build_std()
        options = ("--skip-target-check",)
    return build.for_aws((_FUNCTION,), options, variables)


def _has_std() -> bool:
    sysroot = Path(_output("rustc", "--print", "sysroot"))
    return any((sysroot / "lib" / "rustlib" / _TARGET / "lib").glob("libstd-*"))


def _rustup() -> bool:
    added = subprocess.run(
        ["rustup", "target", "add", _TARGET], cwd=ROOT, capture_output=True, check=False
    )
    return added.returncode == 0


def _build_std() -> dict[str, str]:
    """What has cargo build the standard library too."""
    say(f"! rustup has no {_TARGET} here: its standard library is built from Debian's source.")
    return {
        # `-Z build-std` is a nightly's option. The second variable is how cargo finds a source that
        # isn't part of the toolchain; both go with the pinned version.
        "RUSTC_BOOTSTRAP": "1",
        "CARGO_UNSTABLE_BUILD_STD": "std,panic_unwind",
        "__CARGO_TESTS_ONLY_SRC_ROOT": str(_source(_output("rustc", "--version").split()[1])),
    }


def _source(version: str) -> Path:
    """The folder `library` of a version's source."""
    folder = LOCAL / f"rust-{version}"
    library = folder / "usr" / "src" / f"rustc-{version}" / "library"
    if library.exists():
        return library
    if not shutil.which("apt-get"):
        raise Failure(f"No standard library for arm64. Install it: rustup target add {_TARGET}")
    shutil.rmtree(folder, ignore_errors=True)
    with step(f"Source of Rust {version}, from Debian"):
        # Renamed when it is whole, or a download that was interrupted would be taken for it.
        draft = folder.with_suffix(".draft")
        shutil.rmtree(draft, ignore_errors=True)
        _unpack(version, draft)
        draft.rename(folder)
    return library


def _unpack(version: str, folder: Path) -> None:
    """Unpacks `rust-src` without a trace on the machine's own packages."""
    for path in ("lists/partial", "archives/partial"):
        (folder / path).mkdir(parents=True)
    (folder / "status").touch()
    (folder / "sources.list").write_text(
        "".join(f"deb [arch=amd64] {_mirror()} {suite} main\n" for suite in _SUITES)
    )
    options = {
        "Dir::Etc::SourceList": folder / "sources.list",
        "Dir::Etc::SourceParts": "-",
        "Dir::State::Lists": folder / "lists",
        "Dir::State::Status": folder / "status",
        "Dir::Cache": folder,
        "Acquire::Languages": "none",
        "APT::Sandbox::User": "root",
        "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
    }
    apt = [argument for name, value in options.items() for argument in ("-o", f"{name}={value}")]
    log = LOCAL / "rust-src.log"
    run_quietly(["apt-get", *apt, "update"], log)
    # rust-src | 1.95.0+dfsg1-2 | …
    lines = _output("apt-cache", *apt, "madison", "rust-src").splitlines()
    found = [line.split("|")[1].strip() for line in lines]
    match = next((one for one in found if one.startswith(f"{version}+")), None)
    if match is None:
        raise Failure(
            f"Debian has no source of Rust {version}, only of {', '.join(sorted(set(found)))}.\n"
            f"Install the standard library: rustup target add {_TARGET}"
        )
    run_quietly(["apt-get", *apt, "download", f"rust-src={match}"], log, cwd=folder)
    package = next(folder.glob("rust-src_*.deb"))
    run_quietly(["dpkg-deb", "--extract", package, folder], log)
    package.unlink()
    shutil.rmtree(folder / "lists")


def _mirror() -> str:
    """Where this machine has its packages from."""
    lines = _output(
        "apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"
    ).splitlines()
    mirror = next((line for line in lines if line.rstrip("/").endswith("/debian")), None)
    if mirror is None:
        raise Failure("No mirror of Debian is configured here.")
    return mirror


def _output(*command: str) -> str:
    # In the checkout, whose rust-toolchain.toml says which Rust.
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
