"""Ctrl-C while something large is imported: one line, and exit code 130."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command import EXECUTABLE

# Reports when the import begins, and never ends it.
_SLOW = """
import sys, time
class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            print("importing", flush=True)
            time.sleep(600)
sys.meta_path.insert(0, Slow())
"""

_QUERY = """
import os, signal, sys, threading
import duckdb
from flywheel.cli.terminal.failure import report
threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    duckdb.execute("SELECT count(*) FROM range(100_000_000_000) t(x) WHERE x % 7 = 3")
except Exception as error:
    code = report(error)
os._exit(code)
"""


def test_ctrl_c_in_a_query_is_no_bug() -> None:
    command = [sys.executable, "-c", _QUERY]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.stderr, done.returncode) == ("Stopped.\n", 130)


@pytest.mark.parametrize(
    ("module", "command"),
    [
        ("typer", ("--help",)),
        ("duckdb", ("runs",)),
        ("pydantic", ("graders", "check", "unit_math")),
        ("transformers", ("improve", "sft", "--explain", "--set", "evalset=unit_math")),
    ],
)
def test_ctrl_c_in_an_import_is_one_line(
    tmp_path: Path, module: str, command: tuple[str, ...]
) -> None:
    (tmp_path / "sitecustomize.py").write_text(_SLOW.format(module=module))
    with subprocess.Popen(
        [str(EXECUTABLE), *command],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "importing\n"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=120)
    assert said == "Stopped.\n"
    assert process.returncode == 130
