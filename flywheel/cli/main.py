"""Where the `flywheel` command begins: ctrl-C ends it with one line, from the first import on."""

from __future__ import annotations

import signal
import sys

_INTERRUPTED = 130


def main() -> None:
    """Run the command line. Every failure is a line on standard error and an exit code."""
    try:
        # Loaded here, for it takes long enough to be interrupted.
        from flywheel.cli.app import run

        code = run()
    except KeyboardInterrupt:
        sys.stderr.write("Stopped.\n")
        code = _INTERRUPTED
    # A thread may still be busy. Another ctrl-C ends the process without a word of Python's.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(code)
