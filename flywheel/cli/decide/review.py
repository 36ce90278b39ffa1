"""flywheel review: compare runs and judge answers blind, in the browser."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection, HTTPException
from typing import Annotated

import typer

from flywheel.cli.terminal.options import DEFAULT_DB, Db
from flywheel.cli.terminal.tables import print_line
from flywheel.errors import BadOption, WorkerDied
from flywheel.extras import need

_PATIENCE = 60.0  # seconds until the pages must respond; a busy machine needs ten


def review(
    db: Db = DEFAULT_DB,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the pages.")] = 8501,
    host: Annotated[
        str, typer.Option(help="Address to bind; anyone who can reach it can read and vote.")
    ] = "127.0.0.1",
    who: Annotated[
        str | None, typer.Option(help="Name of the voter; default: your login name.")
    ] = None,
) -> None:
    """Compare runs side by side and judge answers blind, in the browser.

    Owns the store until Ctrl-C: other commands can read it, but not write.
    """
    need("streamlit")
    _check_port(host, port)
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    env = {**os.environ, "FLYWHEEL_DB": str(db), "FLYWHEEL_URL": url}
    if who:
        env["FLYWHEEL_WHO"] = who
    command = [sys.executable, "-P", "-m", "flywheel.review.serve", "--host", host]
    # A new session: Ctrl-C reaches only this process, which then stops the server. If this process
    # is killed, the server's standard input closes and it exits too.
    with subprocess.Popen(
        [*command, "--port", str(port)],
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    ) as server:
        try:
            if not _answers(server, host, port):
                raise typer.Exit(1)
            print_line(f"{url}  (store {db}; Ctrl-C to stop)")
            sys.stdout.flush()
            code = server.wait()
            raise WorkerDied(f"the server exited with code {code}; all votes are saved")
        except KeyboardInterrupt:
            print_line("Stopped. All votes are saved.")
        finally:
            # Wait, so that the store is free when this command returns.
            server.terminate()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()


def _check_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise BadOption(
                f"cannot serve at {host}, port {port}: {error.strerror}; use another --host or"
                " --port"
            ) from None


def _answers(server: subprocess.Popen[bytes], host: str, port: int) -> bool:
    """Wait until the server responds. False if it exited first, after printing the reason."""
    near = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    deadline = time.monotonic() + _PATIENCE
    while server.poll() is None:
        connection = HTTPConnection(near, port, timeout=2)
        try:
            connection.request("GET", "/_stcore/health")
            if connection.getresponse().status == 200:
                return True
        except (OSError, HTTPException):
            time.sleep(0.1)
        finally:
            connection.close()
        if time.monotonic() > deadline:
            raise WorkerDied(f"the server did not respond within {_PATIENCE:.0f} seconds")
    return False
