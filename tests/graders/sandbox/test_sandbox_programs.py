"""run_code: programs under test, and the cheats that work only inside the grader's own process."""

from __future__ import annotations

from typing import Any

import pytest

from graders.asks import Failed, Returned
from graders.sandbox import Limits, Ran, Sandbox


@pytest.mark.parametrize(
    ("source", "stdin", "stdout"),
    [
        ("print(sum(map(int, input().split())))", "1 2 3\n", "6\n"),
        ("import sys; sys.stdout.write(sys.stdin.read()[::-1])", "abc", "cba"),
        ("import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())", "é", "é"),
        ("import os; os.write(1, os.read(0, 9))", "raw", "raw"),
        ("print(open(0).read(), end='')", "zero", "zero"),
        ("import sys\nprint('x')\nsys.exit(0)", "", "x\n"),
        ("import atexit; atexit.register(print, 'bye')", "", "bye\n"),
        ("print(__name__)", "", "__main__\n"),
        ("import sys; print('seen'); print('not seen', file=sys.stderr)", "", "seen\n"),
        (
            "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\nprint(P(1))",
            "",
            "P(x=1)\n",
        ),
        ("import os; os.write(1, b'\\xff')", "", "\ufffd"),
    ],
)
def test_programs_read_and_print(sandbox: Sandbox, source: str, stdin: str, stdout: str) -> None:
    assert sandbox.run_code(source, stdin) == Ran(stdout, None, "")


@pytest.mark.parametrize(
    ("source", "error", "detail"),
    [
        ("while True: pass", "timeout", "still running after 1 seconds"),
        ("x = bytearray(9 << 30)", "memory", "out of memory"),
        ("print(1 / 0)", "exception", "ZeroDivisionError: division by zero"),
        ("print(", "syntax", "SyntaxError: '(' was never closed"),
        ("import sys; sys.exit(3)", "exited", "exit status 3"),
        ("import sys; sys.exit('broken')", "exited", "exit status broken"),
        ("import os; os._exit(0)", "exited", "the process left with status 0 and no verdict"),
        ("import os; os.abort()", "killed", "killed by SIG"),
        ("print('x' * (2 << 20))", "output", "printed 1048576 bytes or more"),
        ("while True: print('x' * 1000)", "output", "printed 1048576 bytes or more"),
        ("import socket; socket.socket()", "exception", "PermissionError"),
        ("import os; os.close(3); os.close(4)", "exited", "status 70"),
        ("print('\\ud800')", "exception", "surrogates not allowed"),
    ],
)
def test_programs_that_end_badly_say_how(
    sandbox: Sandbox, source: str, error: str, detail: str
) -> None:
    ran = sandbox.run_code(source)
    assert ran.error == error, ran
    assert detail in ran.detail


def test_what_was_printed_before_an_exception_is_kept(sandbox: Sandbox) -> None:
    ran = sandbox.run_code("print('before'); raise ValueError('x')")
    assert (ran.stdout, ran.error) == ("before\n", "exception")
    assert 'File "<program>", line 1' in ran.detail
    assert "sandbox" not in ran.detail


def test_a_program_has_no_run_code_and_no_sample(sandbox: Sandbox) -> None:
    code = """
import gc
print('run_code' in globals(), any(
    isinstance(o, dict) and 'needle' in o.values() for o in gc.get_objects()))
"""
    source = f"def grade(sample, item): return len(run_code({code!r})['stdout'].split())"
    source += f"\ncheck = run_code({code!r})['stdout']\nassert check == 'False False\\n', check"
    [(_, answer)] = list(sandbox.grade(source, [({}, {"answer": "needle"})]))
    assert answer == Returned(2.0)


@pytest.mark.parametrize(
    ("call", "shown"),
    [
        ("run_code('print(input())', 'hi')['stdout']", "hi\n"),
        ("run_code('while 1: pass', seconds=0.2)['error']", "timeout"),
        ("run_code('1/0')['error']", "exception"),
        ("run_code('print(1)')['error']", None),
    ],
)
def test_a_grader_runs_programs(sandbox: Sandbox, call: str, shown: str | None) -> None:
    source = f"def grade(sample, item): return float({call} == item['want'])"
    assert list(sandbox.grade(source, [({}, {"want": shown})])) == [(0, Returned(1.0))]


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("run_code(7)", "source and stdin must be strings"),
        ("run_code('', '', 'x')", "seconds must be a positive number"),
        ("run_code('', '', -1)", "seconds must be a positive number"),
        ("[run_code('') for _ in range(4)]", "at most 3 programs a grade"),
    ],
)
def test_run_code_says_what_it_refuses(sandbox: Sandbox, call: str, told: str) -> None:
    with Sandbox(sandbox.tier, limits=Limits(seconds=9.0, programs=3)) as strict:
        [(_, answer)] = list(strict.grade(f"def grade(sample, item): {call}", [({}, {})]))
    assert isinstance(answer, Failed)
    assert answer.label == "exception"
    assert told in answer.detail


def test_a_programs_time_is_its_graders_time(sandbox: Sandbox) -> None:
    source = "def grade(s, i):\n    while True: run_code('while True: pass', seconds=60)"
    [(_, answer)] = list(sandbox.grade(source, [({}, {})]))
    assert isinstance(answer, Failed)
    assert answer.label == "timeout"


HONEST = "def add(a, b):\n    return a + b\n"
WRONG = "def add(a, b):\n    return a - b\n"
CHEATS = {
    "walks the frames to the answer": """
import sys
def add(a, b):
    frame = sys._getframe()
    while frame:
        if 'item' in frame.f_locals:
            return frame.f_locals['item']['answer']
        frame = frame.f_back
""",
    "equals everything": """
class Yes:
    def __eq__(self, other): return True
def add(a, b): return Yes()
""",
    "forges the frame and leaves": """
import json, os, struct, sys
def add(a, b):
    def say(x):
        x = json.dumps(x).encode()
        os.write(3, struct.pack('<I', len(x)) + x)
    frame, token = sys._getframe(), ''
    while frame:
        token = frame.f_locals.get('token', token)
        frame = frame.f_back
    say({'token': token, 'answer': {'value': 1.0}})
    length = struct.unpack('<I', os.read(3, 4))[0]
    say(json.loads(os.read(3, length)))
    os._exit(0)
""",
}
IN_PROCESS = """
def grade(sample, item):
    names = {}
    exec(sample['output_text'], names)
    return 1.0 if names['add'](*item['inputs']) == item['answer'] else 0.0
"""
APART = """
import json
def grade(sample, item):
    program = sample['output_text'] + '\\nimport json; print(json.dumps(add(*json.loads(input()))))'
    ran = run_code(program, json.dumps(item['inputs']), seconds=1)
    if ran['error']:
        return 0.0
    return 1.0 if json.loads(ran['stdout']) == item['answer'] else 0.0
"""


def score(sandbox: Sandbox, grader: str, code: str) -> float | str:
    item: dict[str, Any] = {"inputs": [20, 22], "answer": 42}
    [(_, answer)] = list(sandbox.grade(grader, [({"output_text": code}, item)]))
    return answer.value if isinstance(answer, Returned) else answer.label


@pytest.mark.parametrize("name", CHEATS)
def test_cheats_win_inside_the_graders_process_and_lose_outside(best: Sandbox, name: str) -> None:
    assert score(best, IN_PROCESS, CHEATS[name]) == 1.0  # why run_code exists
    assert score(best, APART, CHEATS[name]) in (0.0, "exception")


@pytest.mark.parametrize("grader", [IN_PROCESS, APART])
def test_honest_code_scores_either_way(sandbox: Sandbox, grader: str) -> None:
    assert score(sandbox, grader, HONEST) == 1.0
    assert score(sandbox, grader, WRONG) == 0.0
