"""Tiers: how strongly Python graders are confined here, best first, and why not better.

full = namespaces + Landlock + seccomp; landlock = Landlock + seccomp (works in an unprivileged
container); compute = seccomp alone, so no file can be opened and only preloaded modules import;
unsafe = a child process with limits on memory and time and no confinement, only when asked for.
"""

from __future__ import annotations

import platform
import sys
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from graders.sandbox.confinement import bubblewrap, kernel, landlock
from graders.sandbox.confinement.syscalls import NUMBERS


class Tier(StrEnum):
    """A level of confinement, best first."""

    FULL = "full"
    LANDLOCK = "landlock"
    COMPUTE = "compute"
    UNSAFE = "unsafe"


class NoSandbox(Exception):
    """Python graders cannot be confined here, and nothing was run."""


class Mechanism(NamedTuple):
    """One building block: is it there, and the reason in words for `doctor`."""

    name: str
    present: bool
    why: str


@lru_cache(maxsize=1)
def mechanisms() -> tuple[Mechanism, ...]:
    """Probe seccomp, Landlock and namespaces, in that order, once a process."""
    return (_seccomp(), _landlock(), _namespaces())


def tiers() -> list[Tier]:
    """The confined tiers that this machine has, best first."""
    seccomp, files, namespaces = (mechanism.present for mechanism in mechanisms())
    has = {
        Tier.FULL: seccomp and files and namespaces,
        Tier.LANDLOCK: seccomp and files,
        Tier.COMPUTE: seccomp,
    }
    return [tier for tier, present in has.items() if present]


def best_tier() -> Tier:
    """The best confined tier here. Raises NoSandbox when there is none."""
    for tier in tiers():
        return tier
    missing = "; ".join(found.why for found in mechanisms() if not found.present)
    raise NoSandbox(
        "Python graders need Linux with seccomp, and it is not here "
        f"({missing}). Run on Linux (x86-64 or arm64), or pass --unsafe-local-python to run them "
        "without confinement."
    )


def _seccomp() -> Mechanism:
    machine = platform.machine()
    if sys.platform != "linux":
        return Mechanism("seccomp", False, f"this is {sys.platform}, not Linux")
    if machine not in NUMBERS:
        return Mechanism("seccomp", False, f"no system call table for {machine}")
    if not kernel.has_seccomp():
        return Mechanism("seccomp", False, "the kernel takes no seccomp filter")
    return Mechanism("seccomp", True, f"system call filter for {machine}")


def _landlock() -> Mechanism:
    version = kernel.landlock_abi() if sys.platform == "linux" else 0
    if version >= landlock.OLDEST:
        return Mechanism("landlock", True, f"version {version}")
    found = f"version {version}" if version else "no Landlock"
    return Mechanism(
        "landlock", False, f"{found}, and version {landlock.OLDEST} (Linux 6.7) is needed"
    )


def _namespaces() -> Mechanism:
    why = bubblewrap.why_not() if sys.platform == "linux" else "namespaces are Linux only"
    return Mechanism("namespaces", why is None, why or "bubblewrap makes namespaces")
