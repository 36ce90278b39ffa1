"""The process behind `flywheel review`: owns the store and serves the pages with Streamlit.

The store is opened first: if that fails, the process prints one line and starts no server. It exits
when its standard input closes, so it never outlives the command that started it.

    python -m flywheel.review.serve --host 127.0.0.1 --port 8501
"""

from __future__ import annotations

import argparse
import os
import runpy
import signal
import sys
import threading
from pathlib import Path

from flywheel.errors import FlywheelError
from flywheel.visible import visible

# Streamlit's default captions and selected buttons have too little contrast.
_COLOURS = {
    "theme.light.textColor": "#0e1117",
    "theme.light.primaryColor": "#c22f2f",
    "theme.dark.textColor": "#f3f3f3",
    "theme.dark.primaryColor": "#ff7a7a",
}
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def app_path() -> Path:
    """The app's script: at the top of a checkout, or beside this file once installed."""
    here = Path(__file__).parent
    installed = here / "installed" / "app.py"
    return installed if installed.is_file() else here.parents[1] / "app.py"


def flags(host: str, port: int) -> list[str]:
    """Streamlit's flags, which override its configuration files.

    No usage statistics, no file watcher, no tracebacks in the browser; with a loopback address,
    only that host is allowed (no DNS rebinding).
    """
    given = {
        "server.address": host,
        "server.port": port,
        "server.headless": "true",
        "server.fileWatcherType": "none",
        "server.enableXsrfProtection": "true",
        "server.enableCORS": "true",
        "server.enableStaticServing": "false",
        "server.enableAgentApi": "false",
        "browser.gatherUsageStats": "false",
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
        "client.showErrorLinks": "false",
        "logger.hideWelcomeMessage": "true",
        "logger.level": "error",
        "runner.magicEnabled": "false",
        **_COLOURS,
    }
    allowed = LOOPBACK if host in LOOPBACK else ()
    return [
        *(f"--{name}={value}" for name, value in given.items()),
        *(f"--server.allowedHosts={name}" for name in allowed),
    ]


def main() -> None:
    """Serve until a signal or the end of standard input."""
    from flywheel.review.data import open_review

    parser = argparse.ArgumentParser()
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", required=True, type=int)
    given = parser.parse_args()
    try:
        open_review(Path(os.environ["FLYWHEEL_DB"]), os.environ.get("FLYWHEEL_URL"))
    except FlywheelError as error:
        sys.stderr.write(f"Error: {visible(str(error))}\n")
        sys.exit(1)
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    sys.argv = ["streamlit", "run", str(app_path()), *flags(given.host, given.port)]
    runpy.run_module("streamlit", run_name="__main__", alter_sys=True)


def _exit_with_parent() -> None:
    # Not sys.stdin: a thread that holds its lock would block the interpreter's exit.
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
