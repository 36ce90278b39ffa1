"""The entry point of the `flywheel` command. Handles Ctrl-C from the first import on."""

from __future__ import annotations

import signal
import sys

_INTERRUPTED = 130


def main() -> None:
    """Run the command line. A failure is a line on standard error and an exit code."""
    try:
        # Imported inside, because the import takes long enough to be interrupted.
        from flywheel.cli.app import run

        code = run()
    except KeyboardInterrupt:
        sys.stderr.write("Stopped.\n")
        code = _INTERRUPTED
    # A thread may still be busy: another Ctrl-C then kills the process without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(code)
