"""The few kernel calls that Python's `os` lacks, typed: prctl, capset, Landlock's three.

Every function raises OSError with the kernel's errno. Linux only; importing it is safe anywhere.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import platform
import struct

_libc = ctypes.CDLL(None, use_errno=True)

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38
_SECCOMP_MODE_FILTER = 2
_SECCOMP = {"x86_64": 317, "aarch64": 277}
_SECCOMP_SET_MODE_FILTER, _SECCOMP_NEW_LISTENER = 1, 8
_NOTIFICATION_BYTES = 80
_RECEIVE_NOTIFICATION, _SEND_DECISION, _CONTINUE = 0xC0502100, 0xC0182101, 1
_CAPABILITY_VERSION_3 = 0x20080522
_LANDLOCK_CREATE, _LANDLOCK_ADD_RULE, _LANDLOCK_RESTRICT = 444, 445, 446
_LANDLOCK_RULE_PATH_BENEATH = 1
_LANDLOCK_GET_VERSION = 1


class _FilterProgram(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def _prctl(option: int, value: int, pointer: int = 0) -> int:
    arguments = (
        ctypes.c_ulong(value),
        ctypes.c_void_p(pointer),
        ctypes.c_ulong(),
        ctypes.c_ulong(),
    )
    return int(_libc.prctl(ctypes.c_int(option), *arguments))


def die_with_parent(signal_number: int) -> None:
    """Have this process sent `signal_number` when the thread that forked it ends."""
    _check(_prctl(_PR_SET_PDEATHSIG, signal_number), "PR_SET_PDEATHSIG")


def close_proc() -> None:
    """Keep this user's other processes out of our memory and /proc; children inherit it."""
    _check(_prctl(_PR_SET_DUMPABLE, 0), "PR_SET_DUMPABLE")


def no_new_privileges() -> None:
    """Make set-user-ID programs powerless for this process and its children, for good."""
    _check(_prctl(_PR_SET_NO_NEW_PRIVS, 1), "PR_SET_NO_NEW_PRIVS")


def drop_capabilities() -> None:
    """Give up every capability, root's included."""
    header = ctypes.create_string_buffer(struct.pack("=Ii", _CAPABILITY_VERSION_3, 0))
    nothing = ctypes.create_string_buffer(24)
    _check(int(_libc.capset(header, nothing)), "capset")


class SeccompFilter:
    """An assembled filter, laid out for the kernel once so that each child only installs it."""

    def __init__(self, program: bytes) -> None:
        self._instructions = ctypes.create_string_buffer(program, len(program))
        self._program = _FilterProgram(len(program) // 8, ctypes.addressof(self._instructions))

    def install(self) -> None:
        """Confine this process; nothing removes the filter again."""
        pointer = ctypes.addressof(self._program)
        _check(_prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, pointer), "PR_SET_SECCOMP")

    def install_listener(self) -> int:
        """Confine this process, and get the descriptor that hears what the filter asks about."""
        pointer = ctypes.c_void_p(ctypes.addressof(self._program))
        options = ctypes.c_uint(_SECCOMP_SET_MODE_FILTER), ctypes.c_uint(_SECCOMP_NEW_LISTENER)
        return _check(_syscall(_SECCOMP[platform.machine()], *options, pointer), "seccomp listener")


def next_question(listener: int) -> int | None:
    """The system call that a process waits to hear about, or None when it no longer waits."""
    question = bytearray(_NOTIFICATION_BYTES)
    try:
        fcntl.ioctl(listener, _RECEIVE_NOTIFICATION, question)
    except OSError:
        return None
    return int.from_bytes(question[:8], "little")


def decide(listener: int, question: int, error: int) -> None:
    """Let the system call go ahead, or fail with an error's number."""
    decision = struct.pack("=QqiI", question, 0, -error, 0 if error else _CONTINUE)
    with contextlib.suppress(OSError):  # it no longer waits
        fcntl.ioctl(listener, _SEND_DECISION, decision)


def has_seccomp() -> bool:
    """Whether the kernel takes filters: it looks at the program first, so EFAULT means yes."""
    return _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER) < 0 and ctypes.get_errno() == errno.EFAULT


def landlock_abi() -> int:
    """Landlock's version, or 0 where the kernel has none or has it switched off."""
    none = ctypes.c_void_p()
    found = _syscall(
        _LANDLOCK_CREATE, none, ctypes.c_size_t(0), ctypes.c_uint(_LANDLOCK_GET_VERSION)
    )
    return max(found, 0)


def landlock_create(attributes: bytes) -> int:
    """A new rule set for the rights that `attributes` names, as a file descriptor."""
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    size = ctypes.c_size_t(len(attributes))
    return _check(_syscall(_LANDLOCK_CREATE, buffer, size, ctypes.c_uint(0)), "Landlock")


def landlock_allow(ruleset: int, rights: int, path: int) -> None:
    """Grant `rights` beneath the open `path`."""
    buffer = ctypes.create_string_buffer(struct.pack("=Qi", rights, path))
    arguments = (ctypes.c_int(_LANDLOCK_RULE_PATH_BENEATH), buffer, ctypes.c_uint(0))
    _check(_syscall(_LANDLOCK_ADD_RULE, ctypes.c_int(ruleset), *arguments), "Landlock rule")


def landlock_restrict(ruleset: int) -> None:
    """Confine this thread, and what it starts, to `ruleset` for good."""
    arguments = (ctypes.c_int(ruleset), ctypes.c_uint(0))
    _check(_syscall(_LANDLOCK_RESTRICT, *arguments), "Landlock confinement")


def _syscall(number: int, *arguments: object) -> int:
    return int(_libc.syscall(ctypes.c_long(number), *arguments))
