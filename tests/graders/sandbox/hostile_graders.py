"""Graders that misbehave, each with the labels that may come out. See `test_sandbox_misbehaviour`.

The labels differ where the machine decides which limit is met first.
"""

from __future__ import annotations

from typing import NamedTuple


class Misbehaviour(NamedTuple):
    """A name, a whole grader, and the labels of its failure."""

    name: str
    source: str
    labels: tuple[str, ...]


def _grade(body: str) -> str:
    lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
    return f"def grade(sample, item):\n{lines}\n"


_CRASH = ("killed", "exited")
_MEMORY = ("memory", "exception", "killed", "timeout")

VALUES = [
    Misbehaviour("NaN", _grade("return float('nan')"), ("not_finite",)),
    Misbehaviour("infinity", _grade("return float('inf')"), ("not_finite",)),
    Misbehaviour("a bool", _grade("return True"), ("type_error",)),
    Misbehaviour("a string", _grade("return '1.0'"), ("type_error",)),
    Misbehaviour("None", _grade("sample"), ("type_error",)),
    Misbehaviour("a complex number", _grade("return 1j"), ("type_error",)),
    Misbehaviour("a list", _grade("return [1.0]"), ("type_error",)),
    Misbehaviour("an integer beyond floats", _grade("return 10 ** 400"), ("exception",)),
    Misbehaviour(
        "a huge value", _grade("return 'x' * (200 << 20)"), ("type_error", "memory", "timeout")
    ),
    Misbehaviour(
        "a class that equals everything",
        "class Yes:\n    def __eq__(self, other): return True\n" + _grade("return Yes()"),
        ("type_error",),
    ),
    Misbehaviour(
        "a class that poses as a float",
        "class F:\n    __class__ = float\n    def __float__(self): return 'no'\n"
        + _grade("return F()"),
        ("exception", "type_error"),
    ),
    Misbehaviour(
        "a float whose conversion raises",
        "class F(float):\n    def __float__(self): raise SystemExit\n" + _grade("return F(1)"),
        ("exception",),
    ),
    Misbehaviour(
        "a value whose repr raises",
        "class R:\n    def __repr__(self): raise ValueError\n" + _grade("return R()"),
        ("type_error",),
    ),
]

SOURCES = [
    Misbehaviour("no grade", "x = 1", ("no_grade",)),
    Misbehaviour("grade is a number", "grade = 1.0", ("no_grade",)),
    Misbehaviour("one parameter", "def grade(sample): return 1.0", ("signature",)),
    Misbehaviour("three parameters", "def grade(sample, item, more): return 1.0", ("signature",)),
    Misbehaviour("a syntax error", "def grade(sample, item) return 1.0", ("syntax",)),
    Misbehaviour("a null byte", "def grade(s, i): return 1.0\n\0", ("syntax",)),
    Misbehaviour("a lone surrogate", "def grade(s, i): return '\ud800'\n", ("syntax",)),
    Misbehaviour("deep nesting", "x = " + "(" * 5000 + ")" * 5000, ("syntax", "memory", "killed")),
    Misbehaviour("a deep expression", "x = " + "-" * 200_000 + "1", ("syntax", "memory", "killed")),
    Misbehaviour("a missing package", "import no_such_package", ("exception",)),
]

RAISING = [
    Misbehaviour("raises", _grade("return sample['nope']"), ("exception",)),
    Misbehaviour("raises BaseException", _grade("raise BaseException('x')"), ("exception",)),
    Misbehaviour("raises SystemExit", _grade("raise SystemExit(0)"), ("exception",)),
    Misbehaviour("raises KeyboardInterrupt", _grade("raise KeyboardInterrupt"), ("exception",)),
    Misbehaviour("raises MemoryError", _grade("raise MemoryError"), ("memory",)),
    Misbehaviour("raises a surrogate", _grade("raise ValueError('\\ud800')"), ("exception",)),
    Misbehaviour("raises ten megabytes", _grade("raise ValueError('x' * 10**7)"), ("exception",)),
    Misbehaviour(
        "an exception whose text raises",
        "class E(Exception):\n    def __str__(self): raise SystemExit\n    __repr__ = __str__\n"
        + _grade("raise E"),
        ("exception",),
    ),
    Misbehaviour(
        "an exception whose text never ends",
        "class E(Exception):\n    def __str__(self):\n        while True: pass\n"
        + _grade("raise E"),
        ("timeout",),
    ),
    Misbehaviour(
        "a deep recursion", "def f(n): return f(n + 1)\n" + _grade("return f(0)"), ("exception",)
    ),
    Misbehaviour(
        "a recursion without a limit",
        "import sys\nsys.setrecursionlimit(10**9)\ndef f(n): return [f(n + 1)]\n"
        + _grade("return f(0)"),
        ("exception", "memory", "killed", "timeout"),
    ),
]

TIME = [
    Misbehaviour("an endless loop", _grade("while True: pass"), ("timeout",)),
    Misbehaviour("an endless import", "while True: pass", ("timeout",)),
    Misbehaviour("sleep", _grade("import time; time.sleep(999)"), ("timeout",)),
    Misbehaviour(
        "ignoring every signal",
        _grade(
            "import signal\n"
            "for n in range(1, 32):\n"
            "    try: signal.signal(n, signal.SIG_IGN)\n"
            "    except OSError: pass\n"
            "while True: pass"
        ),
        ("timeout",),
    ),
    Misbehaviour(
        "an endless match", _grade("import re; re.match('(a*)*b', 'a' * 64)"), ("timeout",)
    ),
    Misbehaviour("a huge power", _grade("return len(str(9 ** 9 ** 9))"), ("timeout", "memory")),
    Misbehaviour("reading its own line", _grade("import os; os.read(3, 1)"), ("timeout",)),
    Misbehaviour(
        "closing its line", _grade("import os; os.close(3); return 1.0"), ("exited", "timeout")
    ),
    Misbehaviour(
        "closing everything",
        _grade("import os; os.closerange(0, 99)"),
        ("exited", "timeout", "killed"),
    ),
    Misbehaviour(
        "swallowing every exception",
        _grade("while True:\n    try:\n        while True: pass\n    except BaseException: pass"),
        ("timeout",),
    ),
]

MEMORY = [
    Misbehaviour("ten gigabytes", _grade("return len(bytearray(10 << 30))"), ("memory",)),
    Misbehaviour(
        "a list without end", _grade("x = []\nwhile True: x.append(' ' * 10**6)"), _MEMORY
    ),
    Misbehaviour("a map of ten gigabytes", _grade("import mmap; mmap.mmap(-1, 10 << 30)"), _MEMORY),
    Misbehaviour(
        "two thousand threads",
        _grade(
            "import threading, time\n"
            "for _ in range(2000): threading.Thread(target=time.sleep, args=(9,)).start()"
        ),
        _MEMORY,
    ),
]

ENDING = [
    Misbehaviour("os._exit(0)", _grade("import os; os._exit(0)"), ("exited",)),
    Misbehaviour("os._exit(1)", _grade("import os; os._exit(1)"), ("exited",)),
    Misbehaviour("abort", _grade("import os; os.abort()"), _CRASH),
    Misbehaviour("a segmentation fault", _grade("import ctypes; ctypes.string_at(1)"), _CRASH),
    Misbehaviour("a bad jump", _grade("import ctypes; ctypes.CFUNCTYPE(None)(1)()"), _CRASH),
]

_WRITE = "import os, struct, json\ndef frame(x): return struct.pack('<I', len(x)) + x\n"

FRAMES = [
    Misbehaviour(
        "a frame of four gigabytes",
        _WRITE + _grade("os.write(3, struct.pack('<I', 2**32 - 1)); return 1.0"),
        ("bad_frame",),
    ),
    Misbehaviour(
        "a flood",
        _WRITE + _grade("while True: os.write(3, b'x' * 65536)"),
        ("bad_frame", "timeout"),
    ),
    Misbehaviour(
        "not JSON", _WRITE + _grade("os.write(3, frame(b'{')); return 1.0"), ("bad_frame",)
    ),
    Misbehaviour(
        "a frame of a list",
        _WRITE + _grade("os.write(3, frame(b'[1]')); return 1.0"),
        ("bad_frame",),
    ),
    Misbehaviour(
        "deep JSON", _WRITE + _grade("os.write(3, frame(b'[' * 99999)); return 1.0"), ("bad_frame",)
    ),
    Misbehaviour(
        "a forged verdict and exit",
        _WRITE + _grade("os.write(3, frame(b'{\"value\": 1.0}')); os._exit(0)"),
        ("bad_frame",),
    ),
    Misbehaviour(
        "a forged verdict with its token and exit",
        _WRITE
        + "import sys\n"
        + _grade(
            "f = sys._getframe()\n"
            "while 'token' not in f.f_locals: f = f.f_back\n"
            "v = {'token': f.f_locals['token'], 'answer': {'value': 1.0}}\n"
            "os.write(3, frame(json.dumps(v).encode()))\n"
            "os._exit(0)"
        ),
        # Which of the two is seen first, the second frame or the end, is a race.
        ("exited", "bad_frame"),
    ),
    Misbehaviour(
        "two verdicts",
        _WRITE
        + "import sys\n"
        + _grade(
            "f = sys._getframe()\n"
            "while 'token' not in f.f_locals: f = f.f_back\n"
            "v = {'token': f.f_locals['token'], 'answer': {'value': 1.0}}\n"
            "os.write(3, frame(json.dumps(v).encode()))\n"
            "return 0.0"
        ),
        ("bad_frame",),
    ),
    Misbehaviour(
        "a forged exit",
        _WRITE + _grade("os.write(3, frame(b'{\"exit\": 0}')); return 1.0"),
        ("exited",),
    ),
    Misbehaviour(
        "a forged signal",
        _WRITE + _grade("os.write(3, frame(b'{\"signal\": 99999}')); return 1.0"),
        ("killed",),
    ),
]

MISBEHAVIOURS = [*VALUES, *SOURCES, *RAISING, *TIME, *MEMORY, *ENDING, *FRAMES]
