"""The start-up self-test: a program that tries to break out, run in every new fork server.

A filter with one wrong jump allows everything and looks the same from outside. So nobody's code
runs before these attempts were all refused in a child confined just like a grader's.
"""

from __future__ import annotations

import json
from typing import Any, cast

from graders.sandbox import files

_ATTEMPTS = """
import contextlib, ctypes, errno, json, os, resource, socket, threading, time

libc = ctypes.CDLL(None, use_errno=True)

def call(name, *arguments):
    # Any other error means that the kernel has looked at the arguments.
    if getattr(libc, name)(*arguments) < 0 and ctypes.get_errno() == errno.EPERM:
        raise OSError(name)

def fork():
    if os.fork() == 0:
        os._exit(0)

def write(path):
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
    with contextlib.suppress(OSError):
        os.unlink(path)

def start_threads():
    threading.stack_size(1 << 16)
    for _ in range(300):
        threading.Thread(target=time.sleep, args=(9,), daemon=True).start()

ATTEMPTS = {
    "open a socket": lambda: socket.socket(),
    "open a Unix socket": lambda: socket.socket(socket.AF_UNIX),
    "read /etc/passwd": lambda: open("/etc/passwd").close(),
    "read the sandbox's own files": lambda: open(OWN_FILE).close(),
    "write to /tmp": lambda: write("/tmp/flywheel-self-test"),
    "write to /dev/shm": lambda: write("/dev/shm/flywheel-self-test"),
    "fork": fork,
    "signal its parent": lambda: os.kill(os.getppid(), 0),
    "change its own limits": lambda: resource.setrlimit(resource.RLIMIT_CPU, (1, 1)),
    "start 300 threads": start_threads,
    "make a memory file": lambda: os.memfd_create("x"),
    "trace": lambda: call("ptrace", 17, 0, 0, 0),
    "make a namespace": lambda: call("unshare", 0x10000000),
}

through = []
for name, attempt in ATTEMPTS.items():
    try:
        attempt()
    except (OSError, RuntimeError, ValueError):
        continue
    through.append(name)
print(json.dumps(through))
"""


def program() -> str:
    """The source to run in the sandbox under test; it prints a JSON list of what got through."""
    return f"OWN_FILE = {str(files.HERE / 'fork_server/start.py')!r}\n{_ATTEMPTS}"


def breaches(printed: str) -> list[str]:
    """What got through, from what the program printed. Raises ValueError for anything else."""
    found: Any = json.loads(printed)
    if not isinstance(found, list):
        raise ValueError(f"the self-test printed {printed[:200]!r}")
    return [str(name) for name in cast(list[object], found)]
