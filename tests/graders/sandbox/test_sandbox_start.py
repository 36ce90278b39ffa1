"""Starting: tiers are probed, and a filter that lets things through is found out."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from graders.asks import Returned
from graders.sandbox import NoSandbox, Sandbox, Tier, best_tier, mechanisms
from graders.sandbox.confinement.seccomp import ALLOW, EPERM, Instruction, assemble, encode
from graders.sandbox.confinement.syscalls import NUMBERS
from graders.sandbox.confinement.tier import tiers
from graders.sandbox.server import Server
from tests.graders.sandbox.sandbox_tiers import require

ALLOW_EVERYTHING = encode([Instruction(0x06, 0, 0, ALLOW)])


def allowing(name: str) -> bytes:
    """The real filter with one call more in front: load the number, compare, allow."""
    number = NUMBERS_ELSEWHERE[platform.machine()][name]
    hole = [
        Instruction(0x20, 0, 0, 0),
        Instruction(0x15, 0, 1, number),
        Instruction(0x06, 0, 0, ALLOW),
    ]
    return encode([*hole, *assemble(platform.machine(), paths=True)])


NUMBERS_ELSEWHERE = {
    "x86_64": {"socket": 41, "clone": 56, "kill": 62, "memfd_create": 319, "unshare": 272},
    "aarch64": {"socket": 198, "clone": 220, "kill": 129, "memfd_create": 279, "unshare": 97},
}


@pytest.mark.parametrize("tier", [Tier.LANDLOCK, Tier.COMPUTE])
def test_a_permissive_filter_is_refused(tier: Tier) -> None:
    with pytest.raises(NoSandbox, match=r"does not confine: code could .*open a socket.*fork"):
        Server(tier, (), ALLOW_EVERYTHING).close()


@pytest.mark.parametrize(
    ("hole", "seen"),
    [
        ("socket", "open a socket"),
        ("clone", "fork"),
        ("kill", "signal its parent"),
        ("memfd_create", "make a memory file"),
    ],
)
def test_one_hole_is_enough_to_be_refused(tier: Tier, hole: str, seen: str) -> None:
    with pytest.raises(NoSandbox, match=seen):
        Server(tier, (), allowing(hole)).close()


def test_a_filter_without_landlock_is_refused_where_files_matter() -> None:
    with_files = encode(assemble(platform.machine(), paths=True))
    with pytest.raises(NoSandbox, match=r"read /etc/passwd, .*sandbox's own files, write to /tmp"):
        Server(Tier.COMPUTE, (), with_files).close()
    for folder in ("/tmp", "/dev/shm"):
        Path(folder, "flywheel-self-test").unlink(missing_ok=True)


def test_a_filter_that_refuses_everything_is_no_sandbox() -> None:
    with pytest.raises(NoSandbox, match="did not"):
        Server(Tier.LANDLOCK, (), encode([Instruction(0x06, 0, 0, EPERM)])).close()


def test_garbage_is_not_a_filter() -> None:
    with pytest.raises(NoSandbox):
        Server(Tier.LANDLOCK, (), b"\xff" * 16).close()


def test_the_best_tier_is_used_and_named() -> None:
    assert best_tier() is tiers()[0]
    with Sandbox() as sandbox:
        assert sandbox.tier is best_tier()


def test_every_mechanism_is_reported_with_a_reason() -> None:
    assert [found.name for found in mechanisms()] == ["seccomp", "landlock", "namespaces"]
    assert all(found.why for found in mechanisms())


def test_unsafe_must_be_asked_for() -> None:
    with pytest.raises(NoSandbox, match="unsafe=True"):
        Sandbox(Tier.UNSAFE)
    with Sandbox(unsafe=True) as sandbox:
        assert sandbox.tier == "unsafe"
        assert list(sandbox.grade("def grade(s, i): return 1", [({}, {})])) == [(0, Returned(1.0))]


def test_where_nothing_confines_it_says_what_to_do() -> None:
    code = (
        "import sys; sys.platform = 'darwin'\n"
        "from graders.sandbox import Sandbox, NoSandbox\n"
        "try: Sandbox()\n"
        "except NoSandbox as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "need Linux with seccomp" in done.stdout
    assert "--unsafe-local-python" in done.stdout


# What a container does to its processes: no namespaces, no mounts.
CONTAINER = """
import platform, sys
from graders.sandbox import Sandbox, best_tier, mechanisms
from graders.sandbox.confinement import kernel
from graders.sandbox.confinement.seccomp import ALLOW, ENOSYS, EPERM, Instruction, encode
unshare, mount, clone = (272, 165, 56) if platform.machine() == "x86_64" else (97, 40, 220)
kernel.no_new_privileges()
kernel.SeccompFilter(encode([
    Instruction(0x20, 0, 0, 0),
    Instruction(0x15, 0, 1, 435), Instruction(0x06, 0, 0, ENOSYS),
    Instruction(0x15, 1, 0, unshare), Instruction(0x15, 0, 1, mount), Instruction(6, 0, 0, EPERM),
    Instruction(0x15, 0, 3, clone), Instruction(0x20, 0, 0, 16),
    Instruction(0x45, 0, 1, 0x7E020000), Instruction(0x06, 0, 0, EPERM),
    Instruction(0x06, 0, 0, ALLOW),
])).install()
print(mechanisms()[2].why)
with Sandbox() as sandbox:
    print(sandbox.tier, list(sandbox.grade("def grade(s, i): return 0.5", [({}, {})])))
"""


def test_without_namespaces_the_next_tier_is_used() -> None:
    require(Tier.LANDLOCK)
    command = [sys.executable, "-c", CONTAINER]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    why, answer = done.stdout.splitlines()
    assert why.startswith("bubblewrap ")
    assert answer == "landlock [(0, Returned(value=0.5))]"


def test_both_machines_have_tables() -> None:
    assert set(NUMBERS) == {"x86_64", "aarch64"}
