"""What a forked child gives up before it runs a line of anybody's code.

In order, because each step takes away the means of an earlier one: signals and death of the
parent, file descriptors, resource limits, capabilities, files (Landlock), system calls (seccomp).
Any step that fails ends the child; there is no half-confined state. The tier "unsafe" stops after
the resource limits.
"""

from __future__ import annotations

import os
import resource
import signal
from typing import NamedTuple

from graders.sandbox import kernel
from graders.sandbox.limits import ForkRequest

_STACK_BYTES = 16 << 20
OPEN_FILES = 64


class Confinement(NamedTuple):
    """What the fork server made ready once; None where the tier goes without."""

    system_calls: kernel.SeccompFilter | None
    ruleset: int | None


def confine(request: ForkRequest, confinement: Confinement, parent: int, first_closed: int) -> None:
    """Confine this process for good, keeping only the file descriptors below `first_closed`."""
    confined = confinement.system_calls is not None
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if confined:
        kernel.die_with_parent(signal.SIGKILL)
        if os.getppid() != parent:  # it died before the line above
            os._exit(0)
        kernel.no_new_privileges()
        kernel.drop_capabilities()
        if confinement.ruleset is not None:
            kernel.landlock_restrict(confinement.ruleset)
    os.closerange(first_closed, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    _set_limits(request, confined)
    if confinement.system_calls is not None:
        confinement.system_calls.install()


def _set_limits(request: ForkRequest, confined: bool) -> None:
    limits = {
        resource.RLIMIT_AS: request.memory_bytes,
        resource.RLIMIT_CPU: request.cpu_seconds,
        # Only a program's captured output is a file, and it is in memory.
        resource.RLIMIT_FSIZE: request.output_bytes if request.program else 0,
        resource.RLIMIT_NOFILE: OPEN_FILES,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_STACK: _STACK_BYTES,
    }
    for which, value in limits.items():
        try:
            hard = resource.getrlimit(which)[1]
            value = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(which, (value, value))
        except (OSError, ValueError):
            if confined:  # macOS, say, has no limit on address space
                raise
