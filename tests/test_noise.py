"""What libraries would print at a first run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command import flywheel

# As on a processor with AVX-512 for bfloat16, where bitsandbytes looks for an optional kernel.
_IMPORT = """
import ctypes
ctypes.CDLL.has_avx512bf16_cpu = lambda self: True
{first}
import bitsandbytes.backends.cpu.ops as ops
ops.logger.warning("another warning")
"""


@pytest.mark.parametrize(("first", "lines"), [("", 2), ("import flywheel", 1)])
def test_bitsandbytes_does_not_warn_of_an_optional_kernel(first: str, lines: int) -> None:
    pytest.importorskip("bitsandbytes")
    code = _IMPORT.format(first=first)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert len(done.stderr.splitlines()) == lines, done.stderr
    assert done.stderr.endswith("another warning\n")


def test_nothing_but_the_result_is_printed_by_a_first_run(tmp_path: Path) -> None:
    words = ("eval", "ticket_triage", "-m", "tiny", "--limit", "4")
    done = flywheel(*words, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
