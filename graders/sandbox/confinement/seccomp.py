"""The seccomp filter: an allow-list of system calls, assembled in pure Python.

`assemble` writes a classic BPF program from nested blocks, so that every jump distance is the
length of a block and none is counted by hand: a jump off by one once allowed everything. The tests
interpret the program for both machines and compare its decision for every system call number.

The decisions: another architecture or the x32 table kills the process; a listed call is allowed;
`clone` makes threads only; `clone3` answers ENOSYS, so that the C library falls back to `clone`;
`fcntl` and `ioctl` keep to a few commands (F_SETOWN would send signals); `prlimit64` reads the
caller's own limits; all else answers EPERM.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

from graders.sandbox.confinement.syscalls import GUARDED, NUMBERS, PATHS

_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32_BIT = 0x40000000

# Classic BPF: load a word of seccomp_data, jump, return.
_LOAD, _EQUAL, _AT_LEAST, _ABOVE, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x25, 0x45, 0x06
# Offsets in seccomp_data: the call's number, the architecture, six 64-bit arguments.
_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16

ALLOW, KILL, EPERM, ENOSYS = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026
ASK, EAGAIN = 0x7FC00000, 0x0005000B

_CLONE_THREAD = 0x00010000
# All that pthread_create of glibc or musl asks for, and no namespace.
_THREAD_FLAGS = 0x007D0F00
# F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC.
_FCNTL = (0, 1, 2, 3, 4, 1030)
# TCGETS, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX.
_IOCTL = (0x5401, 0x541B, 0x5421, 0x5450, 0x5451)


class Instruction(NamedTuple):
    """One classic BPF instruction; `yes` and `no` say how many instructions a jump skips."""

    code: int
    yes: int
    no: int
    value: int


Block = list[Instruction]


def assemble(machine: str, paths: bool) -> Block:
    """The filter for `machine` (as `platform.machine()` calls it); `paths` lets files be opened."""
    numbers = NUMBERS[machine]
    plain = set(numbers) - GUARDED - (frozenset() if paths else PATHS)
    program = [_load(_ARCH), *_unless(_EQUAL, _AUDIT_ARCH[machine], [_return(KILL)])]
    program.append(_load(_NUMBER))
    if machine == "x86_64":
        program += _when(_AT_LEAST, _X32_BIT, [_return(KILL)])
    for first, last in _runs(sorted(numbers[name] for name in plain)):
        program += _when(_AT_LEAST, first, _unless(_ABOVE, last, [_return(ALLOW)]))
    for name, block in _guards().items():
        program += _when(_EQUAL, numbers[name], block)
    return [*program, _return(EPERM)]


def assemble_threads(machine: str, decision: int) -> Block:
    """A filter beside the other one: this decision for `clone`, which that one lets make threads.

    Of two filters the kernel obeys the stricter, and ASK is less strict than an error.
    """
    return [
        _load(_ARCH),
        *_unless(_EQUAL, _AUDIT_ARCH[machine], [_return(ALLOW)]),
        _load(_NUMBER),
        *_when(_EQUAL, NUMBERS[machine]["clone"], [_return(decision)]),
        _return(ALLOW),
    ]


def encode(program: Sequence[Instruction]) -> bytes:
    """The program as the kernel's array of `struct sock_filter`."""
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


def _guards() -> dict[str, Block]:
    """What each guarded call goes through; every block ends in a decision."""
    threads_only = [
        _load_argument(0),
        *_unless(_ANY_BIT, _CLONE_THREAD, [_return(EPERM)]),
        *_when(_ANY_BIT, 0xFFFFFFFF ^ _THREAD_FLAGS, [_return(EPERM)]),
        _return(ALLOW),
    ]
    own_limits_unchanged = [_load_argument(0), *_unless(_EQUAL, 0, [_return(EPERM)])]
    for half in (0, 4):
        own_limits_unchanged += [_load_argument(2, half), *_unless(_EQUAL, 0, [_return(EPERM)])]
    own_limits_unchanged.append(_return(ALLOW))
    return {
        "clone": threads_only,
        "clone3": [_return(ENOSYS)],
        "fcntl": _second_argument_in(_FCNTL),
        "ioctl": _second_argument_in(_IOCTL),
        "prlimit64": own_limits_unchanged,
    }


def _second_argument_in(values: Sequence[int]) -> Block:
    block = [_load_argument(1)]
    for value in values:
        block += _when(_EQUAL, value, [_return(ALLOW)])
    return [*block, _return(EPERM)]


def _when(test: int, value: int, block: Block) -> Block:
    return [Instruction(test, 0, len(block), value), *block]


def _unless(test: int, value: int, block: Block) -> Block:
    return [Instruction(test, len(block), 0, value), *block]


def _load(offset: int) -> Instruction:
    return Instruction(_LOAD, 0, 0, offset)


def _load_argument(index: int, half: int = 0) -> Instruction:
    """The low 32 bits of an argument, or with `half=4` the high ones: all little-endian."""
    return _load(_ARGUMENTS + 8 * index + half)


def _return(decision: int) -> Instruction:
    return Instruction(_RETURN, 0, 0, decision)


def _runs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Neighbouring numbers as (first, last), which keeps the program short."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs
