"""What the fork server, and then each child, gives up before anybody's code runs.

The fork server gives up privileges, capabilities and all files but the granted ones (Landlock) once
its imports are done; its children inherit that, at no cost to each. A child then gives up the
decision about its threads, its descriptors, its resource limits and, last, all system calls but the
allowed ones (seccomp). Any step that fails ends the process; there is no half-confined state. The
tier "unsafe" has the limits only.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
from collections.abc import Sequence
from typing import NamedTuple

from graders.sandbox.confinement import kernel, landlock
from graders.sandbox.confinement.thread_limit import ThreadFilters, hand_over_threads
from graders.sandbox.limits import ForkRequest

_STACK_BYTES = 16 << 20
_SERVER_FILES = 1024  # above this, closing all of them gets slow for nothing
_CHILD_FILES = 64


class Filters(NamedTuple):
    """The seccomp filters of a child, laid out once by the server."""

    system_calls: kernel.SeccompFilter
    threads: ThreadFilters


def confine_server(grants: Sequence[tuple[str, str]] | None) -> None:
    """Confine the fork server; with `grants` None it keeps its files, as "compute" opens none."""
    kernel.close_proc()
    kernel.no_new_privileges()
    kernel.drop_capabilities()
    if grants is not None:
        kernel.landlock_restrict(landlock.open_ruleset(grants))


def limit_server() -> None:
    """Set the limits that are the same for every child."""
    _lower(resource.RLIMIT_NOFILE, _SERVER_FILES)
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_MEMLOCK, 0)
    _lower(resource.RLIMIT_STACK, _STACK_BYTES)


def confine_child(
    request: ForkRequest,
    filters: Filters | None,
    parent: int,
    first_closed: int,
    handover: socket.socket | None,
) -> None:
    """Confine this child for good, keeping only the file descriptors below `first_closed`."""
    signal.set_wakeup_fd(-1)
    if filters is not None:
        kernel.die_with_parent(signal.SIGKILL)
        if os.getppid() != parent:  # it died before the line above
            os._exit(0)
        if handover is not None:
            hand_over_threads(filters.threads, handover)
        else:
            filters.threads.refuses.install()
    os.closerange(first_closed, _SERVER_FILES)
    _lower(resource.RLIMIT_NOFILE, _CHILD_FILES)
    # Only a program's captured output is a file, and it is in memory.
    _lower(resource.RLIMIT_FSIZE, request.output_bytes if request.program else 0)
    _lower(resource.RLIMIT_CPU, request.cpu_seconds)
    try:
        _lower(resource.RLIMIT_AS, request.memory_bytes)
    except (OSError, ValueError):
        if filters is not None:  # macOS has no limit on address space
            raise
    if filters is not None:
        filters.system_calls.install()


def _lower(which: int, value: int) -> None:
    hard = resource.getrlimit(which)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(which, (value, value))
