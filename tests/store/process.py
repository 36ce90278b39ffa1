"""A Python process of its own that says when it is ready, and can be killed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]


@contextmanager
def python(code: str, *arguments: object) -> Generator[subprocess.Popen[str]]:
    """Run the code; it is killed at the end, if it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def line(process: subprocess.Popen[str]) -> str:
    """The next line that it prints."""
    assert process.stdout
    said = process.stdout.readline().strip()
    if not said and process.poll() is not None and process.stderr:
        raise AssertionError(process.stderr.read())
    return said
