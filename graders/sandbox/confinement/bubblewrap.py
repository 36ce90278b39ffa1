"""The namespaces of tier "full", made by bubblewrap: no network, no process, nothing to write.

The command line is the whole policy. A link such as /lib -> usr/lib is made again as a link. No
/tmp exists, and / and /dev are made read-only last, so that no file outlives the grade that wrote
it.
"""

from __future__ import annotations

import os
import shutil
import subprocess

from graders.sandbox import files

_PROBE_SECONDS = 20

_POLICY = """
    --unshare-user --unshare-ipc --unshare-pid --unshare-net --unshare-uts --unshare-cgroup-try
    --uid 65534 --gid 65534 --hostname sandbox --cap-drop ALL
    --die-with-parent --new-session --clearenv --proc /proc --dev /dev
"""


def wrap(environment: dict[str, str]) -> list[str]:
    """The words to put before a command so that it runs in its namespaces."""
    words = ["bwrap", *_POLICY.split()]
    for path in files.mounts():
        if os.path.islink(path):
            words += ["--symlink", os.readlink(path), path]
        else:
            words += ["--ro-bind", path, path]
    for name, value in environment.items():
        words += ["--setenv", name, value]
    return [*words, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/", "--"]


def why_not() -> str | None:
    """Why bubblewrap cannot be used here, or None: it is tried with the whole policy."""
    if shutil.which("bwrap") is None:
        return "bubblewrap is not installed (the command bwrap)"
    command = [*wrap({}), files.interpreter(), "-I", "-S", "-c", "pass"]
    try:
        tried = subprocess.run(command, capture_output=True, text=True, timeout=_PROBE_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap did not start: {error}"
    return None if tried.returncode == 0 else f"bubblewrap failed: {tried.stderr.strip()[-300:]}"
