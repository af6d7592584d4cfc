"""Builds one function for arm64 with the tools of `make build`, to check toolchain and linker.

The arm64 standard library comes from rustup. Where rustup's server is unreachable, it is built from
Debian's source package of the same Rust version.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from infra.local import build
from infra.local.failure import Failure
from infra.local.paths import LOCAL, ROOT
from infra.local.processes import run_quietly
from infra.local.steps import print_message, step

_TARGET = "aarch64-unknown-linux-gnu"
# The function with the fewest crates of its own; most of the build is shared by all functions.
_FUNCTION = "console"
_SUITES = ("stable-backports", "testing", "unstable")


def check() -> int:
    """Builds into `target/arm64`, since `make deploy` deploys what is in `target/lambda`."""
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
    """Environment variables that make cargo build the standard library as well."""
    print_message(f"! rustup has no {_TARGET}: building its standard library from Debian's source.")
    return {
        # `-Z build-std` needs a nightly or this variable. `__CARGO_TESTS_ONLY_SRC_ROOT` points
        # cargo to a library source outside the toolchain. Both work with the pinned Rust version.
        "RUSTC_BOOTSTRAP": "1",
        "CARGO_UNSTABLE_BUILD_STD": "std,panic_unwind",
        "__CARGO_TESTS_ONLY_SRC_ROOT": str(_source(_output("rustc", "--version").split()[1])),
    }


def _source(version: str) -> Path:
    """The `library` folder of the Rust source of a version, downloaded if missing."""
    folder = LOCAL / f"rust-{version}"
    library = folder / "usr" / "src" / f"rustc-{version}" / "library"
    if library.exists():
        return library
    if not shutil.which("apt-get"):
        raise Failure(f"No standard library for arm64. Install it: rustup target add {_TARGET}")
    shutil.rmtree(folder, ignore_errors=True)
    with step(f"Source of Rust {version}, from Debian"):
        # Renamed only when complete, so that an interrupted download is not taken for the source.
        draft = folder.with_suffix(".draft")
        shutil.rmtree(draft, ignore_errors=True)
        _unpack(version, draft)
        draft.rename(folder)
    return library


def _unpack(version: str, folder: Path) -> None:
    """Unpacks `rust-src` with an apt state of its own, without changing the system's packages."""
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
    """The URL of the Debian mirror in this machine's apt sources."""
    lines = _output(
        "apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"
    ).splitlines()
    mirror = next((line for line in lines if line.rstrip("/").endswith("/debian")), None)
    if mirror is None:
        raise Failure("no Debian mirror is configured")
    return mirror


def _output(*command: str) -> str:
    # The checkout's rust-toolchain.toml selects the Rust version.
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
