"""The real `flywheel` command on a terminal of its own."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.cli.command import EXECUTABLE


class Shown(NamedTuple):
    """What a command wrote to its terminal, and how it ended."""

    raw: str
    code: int

    @property
    def lines(self) -> list[str]:
        """The lines, as a terminal receives them."""
        return self.raw.replace("\r\n", "\n").removesuffix("\n").split("\n")


# Several commands in one process: most of a command's time is that of its imports.
_EACH = """
import json, sys
from flywheel.cli.main import main
for words in json.loads(sys.argv[1]):
    sys.argv = ["flywheel", *words]
    try:
        main()
    except SystemExit as end:
        sys.stdout.flush()
        print(f"<<{end.code}>>", flush=True)
"""


def on_a_terminal(*words: object, cwd: Path, columns: int = 80, **env: str) -> Shown:
    """Run a command whose output and error are a terminal of so many columns."""
    return _run([str(EXECUTABLE), *map(str, words)], cwd, columns, env)


def each_on_a_terminal(
    commands: Sequence[Sequence[str]], cwd: Path, columns: int = 80
) -> list[Shown]:
    """Run these commands one after the other, on one terminal."""
    command = [sys.executable, "-c", _EACH, json.dumps(commands)]
    whole = _run(command, cwd, columns, {}).raw
    parts = re.split(r"<<(\d+)>>\r?\n", whole)
    shown = [Shown(raw, int(code)) for raw, code in zip(parts[::2], parts[1::2], strict=False)]
    assert len(shown) == len(commands), whole[-2000:]
    return shown


def _run(command: Sequence[str], cwd: Path, columns: int, env: Mapping[str, str]) -> Shown:
    ours, theirs = pty.openpty()
    own = {"HOME": str(Path.home()), "FLYWHEEL_STATE": os.environ["FLYWHEEL_STATE"]}
    settings = {"COLUMNS": str(columns), "TERM": "xterm", **own, **env}
    with subprocess.Popen(
        command,
        cwd=cwd,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", **settings},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    ) as running:
        os.close(theirs)
        shown = b""
        while True:
            try:
                shown += os.read(ours, 65536)
            except OSError:  # Linux says that the other side is gone with EIO.
                break
    os.close(ours)
    return Shown(shown.decode(), running.returncode)
