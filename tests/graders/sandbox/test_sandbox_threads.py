"""Threads: a few are a grader's right, thousands are not."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from graders.asks import Failed, Returned
from graders.sandbox import Sandbox, Tier
from graders.sandbox.limits import MOST_THREADS
from tests.graders.sandbox.sandbox_tiers import require

COUNTS = """
import threading, time
threading.stack_size(1 << 16)
def grade(sample, item):
    started = 0
    try:
        while started < 4000:
            threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
            started += 1
    except RuntimeError:
        pass
    return started
"""
POOL = """
import threading
def grade(sample, item):
    found = []
    threads = [threading.Thread(target=found.append, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(found)
"""
ENDLESS = """
import threading
def grade(sample, item):
    while True:
        threading.Thread(target=print).start()
"""
TIRELESS = """
import threading
def grade(sample, item):
    while True:
        try:
            threading.Thread(target=print).start()
        except RuntimeError:
            pass
"""
HIDDEN = """
def grade(sample, item):
    module = __import__('thr' + 'eading')
    try:
        vars(module)['Thr' + 'ead'](target=print).start()
    except RuntimeError:
        return 1.0
"""
# Programs for competitions do this to recurse deeply.
PROGRAM = """
import threading
threading.stack_size(1 << 26)
thread = threading.Thread(target=lambda: print(int(input()) + 1))
thread.start()
thread.join()
"""
NOTHING: list[tuple[dict[str, Any], dict[str, Any]]] = [({}, {})]


def test_a_process_starts_a_few_threads_and_no_more(sandbox: Sandbox) -> None:
    assert list(sandbox.grade(COUNTS, NOTHING)) == [(0, Returned(float(MOST_THREADS)))]
    assert list(sandbox.grade(POOL, NOTHING)) == [(0, Returned(190.0))]


def test_without_a_word_for_threads_there_are_none(sandbox: Sandbox) -> None:
    assert list(sandbox.grade(HIDDEN, NOTHING)) == [(0, Returned(1.0))]


def test_one_too_many_is_an_error_that_says_so(sandbox: Sandbox) -> None:
    [(_, answer)] = list(sandbox.grade(ENDLESS, NOTHING))
    assert isinstance(answer, Failed)
    assert f"can't start new thread (a process in the sandbox may start {MOST_THREADS}" in (
        answer.detail
    )


def test_who_asks_without_end_is_killed(best: Sandbox) -> None:
    [(_, answer)] = list(best.grade(TIRELESS, NOTHING))
    assert isinstance(answer, Failed)
    assert answer.label == "killed"


def test_a_program_under_test_may_have_a_thread(sandbox: Sandbox) -> None:
    assert sandbox.run_code(PROGRAM, "41").stdout == "42\n"


# A process whose own filter has the one listener that the kernel allows.
OCCUPIED = """
import ctypes, sys
from graders.sandbox import Sandbox, Tier
from graders.sandbox.confinement import kernel
from graders.sandbox.confinement.seccomp import ALLOW, ASK, Instruction, encode
kernel.no_new_privileges()
kernel.SeccompFilter(encode([
    Instruction(0x20, 0, 0, 0), Instruction(0x15, 0, 1, 0x3FFFFFFF), Instruction(0x06, 0, 0, ASK),
    Instruction(0x06, 0, 0, ALLOW),
])).install_listener()
with Sandbox(Tier(sys.argv[1]), workers=1) as sandbox:
    [(_, answer)] = list(sandbox.grade(sys.stdin.read(), [({}, {})]))
    print(answer.value)
"""


@pytest.mark.parametrize("tier", [Tier.LANDLOCK, Tier.COMPUTE])
def test_where_nobody_can_count_there_are_no_threads(tier: Tier) -> None:
    require(tier)
    command = [sys.executable, "-c", OCCUPIED, str(tier)]
    done = subprocess.run(command, input=COUNTS, capture_output=True, text=True, check=True)
    assert done.stdout == "0.0\n"
