"""The host's handle on one fork server process: start it, test it, ask it to fork, stop it.

Starting waits until the server has imported its modules and its first child has failed every
attempt of the self-test. Give the constructor the filter to use; a permissive one is refused right
here.
"""

from __future__ import annotations

import contextlib
import json
import platform
import socket
import subprocess
import threading
from collections.abc import Sequence
from functools import lru_cache

from graders.sandbox import files
from graders.sandbox.confinement import bubblewrap, selftest
from graders.sandbox.confinement.seccomp import ASK, EAGAIN, assemble, assemble_threads, encode
from graders.sandbox.confinement.tier import NoSandbox, Tier
from graders.sandbox.connection import Connection, Exited, ServerDied
from graders.sandbox.frames import BadFrame
from graders.sandbox.limits import ForkRequest, Limits
from graders.sandbox.packages import STANDARD, WARM_UP, mentions_threads, package_modules

# One thread a process: numerical libraries would start one for every core of the machine.
_ENVIRONMENT = {
    "HOME": "/nonexistent",  # else libraries look for it in /etc/passwd
    "LANG": "C.UTF-8",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}
_START_SECONDS = 120.0
_FORK_SECONDS = 60.0
_STOP_SECONDS = 5.0
# A process closes its sockets a little before it can be waited for.
_LAST_BREATH_SECONDS = 1.0
_SELF_TEST = Limits(seconds=30.0)


@lru_cache
def filter_for(tier: Tier) -> bytes | None:
    """The encoded seccomp filter of a tier; None for the tier without confinement."""
    if tier is Tier.UNSAFE:
        return None
    return encode(assemble(platform.machine(), paths=tier is not Tier.COMPUTE))


class Server:
    """A running fork server. Raises NoSandbox when it does not start or does not confine."""

    def __init__(self, tier: Tier, preload: Sequence[str], system_calls: bytes | None) -> None:
        self._tier = tier
        self._sending, self._counting = threading.Lock(), threading.Lock()
        self._lines = 0
        self._control, theirs = _control_pair()
        with theirs:
            self._process = self._start(theirs.fileno())
        try:
            self._configure(preload, system_calls)
            if tier is not Tier.UNSAFE:
                self._test()
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """The process to kill when a test wants the server dead."""
        return self._process.pid

    def fork(self, limits: Limits, samples: int, source: str, *, program: bool) -> Connection:
        """A line to a new child for this source, which it is still to be sent. Raises ServerDied.

        The child may not have started yet.
        """
        ours, theirs = socket.socketpair()
        request = ForkRequest.within(limits, samples, program, mentions_threads(source))
        try:
            with theirs, self._sending:
                socket.send_fds(self._control, [request.pack()], [theirs.fileno()])
        except OSError as error:
            ours.close()
            raise ServerDied(f"the fork server takes no requests: {error}") from None
        self._count(1)
        connection = Connection(ours, max(limits.output_bytes, 1 << 16), lambda: self._count(-1))
        connection.set_deadline(_FORK_SECONDS)
        return connection

    @property
    def busy(self) -> bool:
        """Whether a line to a child of it is open."""
        return self._lines > 0

    def _count(self, change: int) -> None:
        with self._counting:
            self._lines += change

    def dead(self) -> bool:
        """Whether the server is gone, and not just one child that could not say goodbye."""
        try:
            self._process.wait(_LAST_BREATH_SECONDS)
        except subprocess.TimeoutExpired:
            return False
        return True

    def close(self) -> None:
        """End the server and every child of it."""
        self._control.close()  # it leaves its loop; the kernel ends its children
        for stream in (self._process.stdin, self._process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _start(self, control_fd: int) -> subprocess.Popen[bytes]:
        script = [str(files.HERE / "fork_server/start.py"), str(control_fd)]
        command = [files.interpreter(), "-I", "-S", "-B", "-X", "utf8", *script]
        if self._tier is Tier.FULL:
            command = bubblewrap.wrap(_ENVIRONMENT) + command
        try:
            return subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=[control_fd],
                env=_ENVIRONMENT,
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            self._control.close()
            raise NoSandbox(f"the fork server did not start: {error}") from None

    def _configure(self, preload: Sequence[str], system_calls: bytes | None) -> None:
        config = {
            "path": files.import_path(),
            "packages": sorted(package_modules()),
            "preload": [*STANDARD, *preload],
            "warm_up": [[name, *WARM_UP[name]] for name in preload if name in WARM_UP],
            "filter": system_calls.hex() if system_calls is not None else None,
            "threads": [
                encode(assemble_threads(platform.machine(), decision)).hex()
                for decision in (ASK, EAGAIN)
                if system_calls is not None
            ],
            "grants": files.grants() if self._tier in (Tier.FULL, Tier.LANDLOCK) else None,
        }
        assert self._process.stdin is not None
        self._control.settimeout(_START_SECONDS)
        try:
            self._process.stdin.write(json.dumps(config).encode())
            self._process.stdin.close()
            answer = self._control.recv(1 << 16)
        except OSError as error:
            raise NoSandbox(f"the fork server did not start: {error} {self._complaint()}") from None
        if not answer:
            raise NoSandbox(f"the fork server did not start: {self._complaint()}")
        if failed := json.loads(answer).get("failed"):
            raise NoSandbox(f"tier {self._tier} cannot be set up: {failed}")
        self._control.settimeout(None)
        assert self._process.stderr is not None
        self._process.stderr.close()

    def _complaint(self) -> str:
        """What the process that did not start wrote to its standard error."""
        self._process.kill()
        assert self._process.stderr is not None
        return self._process.stderr.read(4000).decode(errors="replace").strip()

    def _test(self) -> None:
        try:
            with self.fork(_SELF_TEST, 1, selftest.program(), program=True) as child:
                child.start({"source": selftest.program(), "stdin": ""})
                child.set_deadline(_SELF_TEST.seconds)
                outcome = child.receive()
                if outcome["error"]:
                    raise NoSandbox(f"the self-test failed: {outcome['detail']}")
                through = selftest.breaches(child.receive_bytes().decode())
        except (Exited, BadFrame, ServerDied, TimeoutError, ValueError) as error:
            raise NoSandbox(f"the self-test of tier {self._tier} did not end: {error!r}") from None
        if through:
            raise NoSandbox(f"tier {self._tier} does not confine: code could {', '.join(through)}")


def _control_pair() -> tuple[socket.socket, socket.socket]:
    # Message boundaries keep a request and its file descriptor together; not every system has them.
    try:
        return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    except OSError:
        return socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
