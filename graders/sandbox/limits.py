"""What one grade, or one program under test, may use."""

from __future__ import annotations

import math
import struct
from typing import NamedTuple


class Limits(NamedTuple):
    """`seconds` of wall time a sample; `memory_bytes` of address space, the interpreter's included.

    `output_bytes` bounds what a program may print and what one frame may hold. `programs` bounds
    the calls of `run_code` in one grade.
    """

    seconds: float = 120.0
    memory_bytes: int = 2 << 30
    output_bytes: int = 1 << 20
    programs: int = 100


class ForkRequest(NamedTuple):
    """What the host tells the fork server beside the socket: numbers only, never a payload."""

    program: bool
    threads: bool
    memory_bytes: int
    cpu_seconds: int
    output_bytes: int

    @classmethod
    def within(cls, limits: Limits, samples: int, program: bool, threads: bool) -> ForkRequest:
        """The request for a child that works on `samples` samples, with or without threads."""
        # The host's clock is the first limit. This one holds if the host is stopped in mid-grade.
        cpu_seconds = math.ceil(min(limits.seconds * samples, 1 << 30)) + 2
        return cls(program, threads, limits.memory_bytes, cpu_seconds, limits.output_bytes)

    def pack(self) -> bytes:
        """The request as bytes of a fixed length."""
        return _PACKED.pack(*self)

    @classmethod
    def unpack(cls, packed: bytes) -> ForkRequest:
        """The request that `pack` made."""
        return cls(*_PACKED.unpack(packed))


# That one child may start in its life. A pool of threads for every core has fewer.
MOST_THREADS = 64

_PACKED = struct.Struct("=??QQQ")
