"""The process behind `flywheel review`: it owns the store, and serves the pages with Streamlit.

The store is opened first, so a store that cannot be had is one line and no server. The process ends
when its standard input does, which is when the command that began it is gone, however it went.

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

# Streamlit's own captions and chosen buttons have too little contrast with their background.
_COLOURS = {
    "theme.light.textColor": "#0e1117",
    "theme.light.primaryColor": "#c22f2f",
    "theme.dark.textColor": "#f3f3f3",
    "theme.dark.primaryColor": "#ff7a7a",
}
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def app_path() -> Path:
    """The script of the pages: at the top of a checkout, or beside this file once installed."""
    here = Path(__file__).parent
    installed = here / "installed" / "app.py"
    return installed if installed.is_file() else here.parents[1] / "app.py"


def flags(host: str, port: int) -> list[str]:
    """How Streamlit is to behave, whatever its own configuration files say.

    Nothing is sent home, nothing is watched, no error tells about the code, and with a loopback
    address only pages that were loaded from this machine may ask (no DNS rebinding).
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
    """Serve until a signal or the end of standard input. Settings are in the environment."""
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
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sys.argv = ["streamlit", "run", str(app_path()), *flags(given.host, given.port)]
    runpy.run_module("streamlit", run_name="__main__", alter_sys=True)


def _end_with_parent() -> None:
    # Not sys.stdin, whose lock a thread may not hold when the interpreter ends.
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
