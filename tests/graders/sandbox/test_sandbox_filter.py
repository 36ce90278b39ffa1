"""The seccomp filter, proved by interpreting it: every call number, on both machines."""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from pathlib import Path

import pytest

from graders.sandbox.confinement.seccomp import (
    ALLOW,
    ENOSYS,
    EPERM,
    KILL,
    Instruction,
    assemble,
    encode,
)
from graders.sandbox.confinement.syscalls import GUARDED, NUMBERS, PATHS

ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
OTHER_ARCHES = [0x40000003, 0x40000028, 0xC00000F3, 0]
MACHINES = list(NUMBERS)
NEVER = """
    socket socketpair connect bind accept listen sendmsg sendto execve execveat fork vfork kill
    tkill tgkill ptrace process_vm_readv process_vm_writev memfd_create unshare setns mount bpf
    keyctl io_uring_setup userfaultfd prctl seccomp rename unlink mkdir chmod chown truncate
    ftruncate link symlink setuid setrlimit pidfd_open pidfd_send_signal open_by_handle_at
    openat2
"""


def run(program: Sequence[Instruction], number: int, arch: int, arguments: Sequence[int]) -> int:
    """Classic BPF as the kernel runs it, for the instructions that the filter uses."""
    data = struct.pack("=iIQ6Q", number, arch, 0, *arguments, *[0] * (6 - len(arguments)))
    accumulator, at = 0, 0
    while True:
        code, yes, no, value = program[at]
        at += 1
        if code == 0x06:
            return value
        if code == 0x20:
            (accumulator,) = struct.unpack_from("=I", data, value)
            continue
        taken = {
            0x15: accumulator == value,
            0x25: accumulator > value,
            0x35: accumulator >= value,
            0x45: bool(accumulator & value),
        }[code]
        at += yes if taken else no


def decide(machine: str, name: str, *arguments: int) -> int:
    program = assemble(machine, paths=True)
    return run(program, NUMBERS[machine][name], ARCH[machine], arguments)


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("paths", [True, False])
def test_every_number_gets_its_decision(machine: str, paths: bool) -> None:
    program = assemble(machine, paths)
    plain = {n for name, n in NUMBERS[machine].items() if name not in GUARDED}
    if not paths:
        plain -= {NUMBERS[machine][name] for name in PATHS if name in NUMBERS[machine]}
    guarded = {NUMBERS[machine][name] for name in GUARDED}
    for number in range(601):
        decided = run(program, number, ARCH[machine], [0xFFFFFFFF] * 6)
        if number in guarded:
            assert decided in (EPERM, ENOSYS), number
        else:
            assert decided == (ALLOW if number in plain else EPERM), number


@pytest.mark.parametrize("machine", MACHINES)
def test_another_architecture_is_killed(machine: str) -> None:
    others = [*OTHER_ARCHES, *(arch for name, arch in ARCH.items() if name != machine)]
    for arch in others:
        for number in (0, 1, 59, 221, 600):
            assert run(assemble(machine, True), number, arch, []) == KILL


def test_the_x32_table_is_killed() -> None:
    for number in (0, 1, 59, 520, 0x3FFFFFFF):
        number |= 0x40000000
        assert run(assemble("x86_64", True), number, ARCH["x86_64"], []) == KILL
    assert run(assemble("x86_64", True), -1, ARCH["x86_64"], []) == KILL


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(
    ("name", "arguments", "decision"),
    [
        ("clone", [0x3D0F00], ALLOW),  # glibc's pthread_create
        ("clone", [0x7D0F00], ALLOW),  # musl's
        ("clone", [0x11], EPERM),  # fork
        ("clone", [0x01200011], EPERM),
        ("clone", [0x4111], EPERM),  # vfork
        ("clone", [0], EPERM),
        *(("clone", [0x3D0F00 | 1 << bit], EPERM) for bit in (13, 14, 15, 17, *range(25, 32))),
        ("clone", [0x3C0F00], EPERM),  # all but CLONE_THREAD
        ("clone3", [0], ENOSYS),
        *(("fcntl", [3, command], ALLOW) for command in (0, 1, 2, 3, 4, 1030)),
        # F_SETLK, F_SETOWN, F_SETSIG, F_SETLEASE, F_NOTIFY, F_SETPIPE_SZ, F_ADD_SEALS
        *(("fcntl", [3, command], EPERM) for command in (6, 8, 10, 15, 1024, 1026, 1031, 1033)),
        *(("ioctl", [3, c], ALLOW) for c in (0x5401, 0x541B, 0x5421, 0x5450, 0x5451)),
        # TCSETS, TIOCSTI, TIOCLINUX, FIOASYNC, FIOSETOWN
        *(("ioctl", [3, c], EPERM) for c in (0x5402, 0x5412, 0x541C, 0x5452, 0x8901)),
        ("prlimit64", [0, 7, 0, 0x1000], ALLOW),
        ("prlimit64", [0, 7, 0x1000, 0], EPERM),
        ("prlimit64", [0, 7, 0x1000 << 32, 0], EPERM),
        ("prlimit64", [1, 7, 0, 0x1000], EPERM),
    ],
)
def test_guarded_calls_look_at_their_arguments(
    machine: str, name: str, arguments: list[int], decision: int
) -> None:
    assert decide(machine, name, *arguments) == decision


@pytest.mark.parametrize("machine", MACHINES)
def test_dangerous_calls_are_not_in_the_tables(machine: str) -> None:
    assert not set(NEVER.split()) & set(NUMBERS[machine])
    assert len(set(NUMBERS[machine].values())) == len(NUMBERS[machine])
    assert set(NUMBERS["aarch64"]) <= set(NUMBERS["x86_64"])


@pytest.mark.parametrize(
    ("machine", "header"),
    [
        ("x86_64", "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
        ("aarch64", "/usr/include/asm-generic/unistd.h"),
    ],
)
def test_numbers_are_the_kernels(machine: str, header: str) -> None:
    path = Path(header)
    if not path.exists():
        pytest.skip(f"no {header} here")
    defined = dict(re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", path.read_text()))
    if machine == "aarch64":
        defined["newfstatat"] = defined["fstatat"]
    assert {name: int(defined[name]) for name in NUMBERS[machine]} == NUMBERS[machine]


@pytest.mark.parametrize("machine", MACHINES)
def test_the_program_fits_the_kernel(machine: str) -> None:
    program = assemble(machine, True)
    assert len(program) < 4096
    assert len(encode(program)) == 8 * len(program)
    for at, (code, yes, no, _) in enumerate(program):
        assert max(yes, no) < 256
        if code not in (0x06, 0x20):
            assert at + 1 + max(yes, no) < len(program)
    assert program[-1].code == 0x06
