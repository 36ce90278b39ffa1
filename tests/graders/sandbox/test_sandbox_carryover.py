"""What one sample leaves behind never reaches the next, whatever a grader does with an answer."""

from __future__ import annotations

import importlib
import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from graders.asks import Answer, Failed, Returned
from graders.sandbox import Limits, Sandbox, Tier
from graders.sandbox.conversation import Conversation
from graders.sandbox.reuse.carryover import leaves_nothing
from graders.sandbox.reuse.harmless import MODULES
from graders.sandbox.server import Server
from tests.graders.sandbox.carryover_attacks import TEXT, CarryOver
from tests.graders.sandbox.carryover_state import CARRY_OVERS

Calls = list[tuple[dict[str, Any], dict[str, Any]]]
# The poisoned sample comes first; the other one is wrong.
CALLS: Calls = [({"output_text": TEXT}, {"poisoned": n == 0}) for n in range(2)]
WRONG = [Returned(0.0)] * len(CALLS)


def graded(sandbox: Sandbox, source: str, calls: Calls) -> list[Answer]:
    return [answer for _, answer in sorted(sandbox.grade(source, calls))]


@pytest.fixture(scope="module")
def one(tier: Tier) -> Iterator[Sandbox]:
    """One worker, so that nothing but the sandbox's own rule keeps samples apart."""
    with Sandbox(tier, workers=1, limits=Limits(seconds=60.0, memory_bytes=1 << 30)) as opened:
        yield opened


class Observed(Sandbox):
    """Writes down how many samples each process was started for, and may believe any source."""

    def __init__(self, tier: Tier, *, believes: bool = False) -> None:
        super().__init__(tier, workers=1, limits=Limits(seconds=60.0))
        self.batches: list[int] = []
        self.believes = believes

    def _proves(self, talk: Conversation) -> bool:
        return super()._proves(talk) or self.believes

    def _grade_batch(
        self, job: Any, server: Server, batch: Sequence[Any], prove: bool
    ) -> list[Returned | Failed]:
        self.batches.append(len(batch))
        return super()._grade_batch(job, server, batch, prove)


@pytest.mark.parametrize("attack", CARRY_OVERS, ids=lambda attack: attack.name)
def test_no_attack_is_taken_for_harmless(attack: CarryOver) -> None:
    assert not leaves_nothing(attack.source())


STANDARD = [attack for attack in CARRY_OVERS if attack.package is None]
PACKAGED = [attack for attack in CARRY_OVERS if attack.package is not None]


@pytest.mark.parametrize("attack", STANDARD, ids=lambda attack: attack.name)
def test_nothing_is_carried_over(one: Sandbox, attack: CarryOver) -> None:
    answers = graded(one, attack.source(), CALLS)
    if one.tier is Tier.COMPUTE and isinstance(answers[0], Failed):
        assert all(isinstance(a, Failed) and "No module named" in a.detail for a in answers)
    else:
        assert answers == WRONG


@pytest.mark.parametrize("attack", PACKAGED, ids=lambda attack: attack.name)
def test_nothing_is_carried_over_by_packages(best: Sandbox, attack: CarryOver) -> None:
    pytest.importorskip(attack.package or "")
    assert graded(best, attack.source(), CALLS) == WRONG


def test_three_poisoned_answers_change_no_others(one: Sandbox) -> None:
    (attack,) = (attack for attack in CARRY_OVERS if attack.name == "runs text: timeit")
    calls: Calls = [({"output_text": TEXT}, {"poisoned": n in (5, 20, 40)}) for n in range(60)]
    assert graded(one, attack.source(), calls) == [Returned(0.0)] * 60


# Each attack in a process of its own, without any confinement and with both samples in it.
UNGUARDED = """
import json, os, sys, atexit
from types import ModuleType
sources, text, packages = json.load(sys.stdin)
for package in packages:
    __import__(package)
for name, source in sources.items():
    if pid := os.fork():
        os.waitpid(pid, 0)
        continue
    sys.stdout = open(os.devnull, "w")
    atexit._clear()
    code, scores = compile(source, "<grader>", "exec", dont_inherit=True), []
    for poisoned in (True, False):
        module = sys.modules["grader"] = ModuleType("grader")
        exec(code, module.__dict__)
        scores.append(module.grade({"output_text": text}, {"poisoned": poisoned}))
        module.__dict__.clear()
    if scores == [0.0, 1.0]:
        os.write(1, (name + chr(10)).encode())
    os._exit(0)
"""


def test_the_attacks_are_real() -> None:
    there = [a for a in CARRY_OVERS if not a.package or importlib.util.find_spec(a.package)]
    packages = sorted({attack.package for attack in there if attack.package})
    sent = json.dumps([{attack.name: attack.source() for attack in there}, TEXT, packages])
    command = [sys.executable, "-W", "ignore", "-c", UNGUARDED]
    done = subprocess.run(command, input=sent, capture_output=True, text=True, check=True)
    assert {attack.name for attack in there} - set(done.stdout.splitlines()) == set()
    assert len({attack.name for attack in CARRY_OVERS}) == len(CARRY_OVERS)
    assert len(CARRY_OVERS) >= 100


HARMLESS = [
    "def grade(s, i): return 1",
    "import re, json\ndef grade(s, i): return float(s['a'] == i['a'] and not json.loads('0'))",
    "import re\n"
    "WORD = re.compile('a', re.I | re.M)\ndef grade(s, i): return len(WORD.sub('', 'b'))",
    "import urllib.parse as p\nimport collections.abc\ndef grade(s, i): return len(p.quote('a b'))",
    "from collections import Counter\nimport math\n"
    "def grade(s, i):\n"
    "    seen = Counter(s['a'].lower().split())\n"
    "    seen.update(['b'])\n"
    "    return math.sqrt(sum(seen.values())) if type(s).__name__ == 'dict' else 0.0",
    "class Parser:\n"
    "    def __init__(self, text):\n        self.text = text\n        self._at = 0\n"
    "    def step(self):\n        self._at += 1\n        return self.text[self._at]\n"
    "def grade(s, i): return float(Parser('ab').step() == 'b')",
    "from dataclasses import dataclass, field\n"
    "@dataclass(frozen=True)\n"
    "class Point:\n    x: int\n    more: list = field(default_factory=list)\n"
    "def grade(s, i): return Point(1).x",
    "from copy import deepcopy\ndef g():\n    global N\n    N = 1\n"
    "def grade(s, i): return float(deepcopy(s) == s and '{:>{}}.'.format('a', 3) == '  a.')",
    "class Bad(ValueError):\n    def __init__(self, why):\n        super().__init__(why)\n"
    "def grade(s, i):\n"
    "    try:\n        raise Bad('x')\n    except Bad as bad:\n        return len(bad.args)",
    "def grade(s, i):\n    ran = run_code(s['a'], stdin='{:.2f}'.format(1))\n"
    "    return float(ran['stdout'].strip() == i['a'])",
    "def grade(s, i):\n    match i:\n        case {'a': [x, *_]}: return x\n"
    "        case _: return 0",
    "from difflib import SequenceMatcher\n"
    "def grade(s, i): return SequenceMatcher(None, 'a', 'b').ratio()",
]


@pytest.mark.parametrize("source", HARMLESS)
def test_everyday_graders_share_a_process(source: str) -> None:
    assert leaves_nothing(source)


# Not attacks, but nothing that could be proved to be harmless.
UNPROVED = [
    "import numpy\ndef grade(s, i): return 1.0",
    "import random\ndef grade(s, i): return random.random()",
    "from json import *\ndef grade(s, i): return 1.0",
    "import json\ndef grade(s, i):\n    m = json\n    return 1.0",
    "def grade(s, i): return s['a'].format(i)",
    "def grade(s, i): return s.__class__",
    "def sum(x): return 1\ndef grade(s, i): return sum([1])",
    "def g():\n    try:\n        yield 1\n    finally:\n        print()\ndef grade(s, i): return 1",
    "class A(int): pass\ndef grade(s, i): return 1",
    "class A(metaclass=type): pass\ndef grade(s, i): return 1",
    "class A:\n    def __iter__(self): return self\n    def __next__(self): return 1\n"
    "    def close(self): print()\ndef g(): yield from A()\ndef grade(s, i): return next(g())",
    "async def grade(s, i): return 1",
    "def grade(s, i) return 1",
    "x = " + "(" * 5000 + ")" * 5000,
    "def grade(s, i): return 1\0",
    "def grade(s, i): return '\ud800'",
]


@pytest.mark.parametrize("source", UNPROVED)
def test_what_is_not_known_to_be_harmless_has_a_fork_a_sample(source: str) -> None:
    assert not leaves_nothing(source)


def test_annotations_cost_no_process() -> None:
    source = (
        "import typing\n"
        "from typing import Any, Dict, List, Optional, cast\n"
        "def right(a: str, b: Optional[List[str]] = None) -> typing.Union[float, None]:\n"
        "    seen: Dict[str, Any] = {}\n"
        "    return cast(Optional[float], 1.0)\n"
        "def grade(sample: Dict[str, Any], item: Dict[str, Any]) -> float:\n"
        "    return right('', None) or 0.0\n"
    )
    assert leaves_nothing(source)


@pytest.mark.parametrize("module", MODULES)
def test_nothing_harmless_can_be_changed_in_place(module: str) -> None:
    for name in MODULES[module]:
        value = getattr(importlib.import_module(module), name)
        assert (
            callable(value)
            or isinstance(value, str | int | float)
            or module
            in (
                "__future__",
                "typing",
            )
        ), f"{module}.{name}"


def test_a_plain_grader_shares_processes(tier: Tier) -> None:
    source = "def grade(sample, item): return item['n'] % 2"
    calls: Calls = [({}, {"n": n}) for n in range(300)]
    with Observed(tier) as sandbox:
        assert graded(sandbox, source, calls) == [Returned(float(n % 2)) for n in range(300)]
        # One of each batch is graded again by itself. A busy machine may cut batches short.
        assert sandbox.batches[:2] == [128, 1]
        assert len(sandbox.batches) < 60


def test_a_poisoned_batch_is_found_out_and_graded_again(tier: Tier) -> None:
    """The second guard, with the first one switched off."""
    (attack,) = (attack for attack in CARRY_OVERS if attack.name == "a module attribute")
    calls: Calls = [({"output_text": ""}, {"poisoned": n == 0}) for n in range(60)]
    with Observed(tier, believes=True) as sandbox:
        assert graded(sandbox, attack.source(), calls) == [Returned(0.0)] * 60
        assert sandbox.batches == [60, *[1] * 60]
        sandbox.batches.clear()
        assert graded(sandbox, attack.source(), calls) == [Returned(0.0)] * 60
        assert set(sandbox.batches) == {1}  # and it stays so


def test_a_grader_that_varies_on_purpose_is_still_graded(one: Sandbox) -> None:
    source = "import time\ndef grade(sample, item): return time.perf_counter()"
    answers = graded(one, source, [({}, {})] * 20)
    assert len({answer for answer in answers if isinstance(answer, Returned)}) == 20


def test_memory_that_a_neighbour_took_costs_no_verdict(one: Sandbox) -> None:
    source = (
        "def grade(sample, item):\n"
        "    kept = [bytes(200 << 20)]\n"
        "    kept.append(kept)\n"
        "    return 1.0\n"
    )
    assert graded(one, source, [({}, {})] * 8) == [Returned(1.0)] * 8


def test_a_source_that_is_hard_to_read_is_only_slow(one: Sandbox) -> None:
    source = "def grade(s, i): return 1.0\n" + "x = [" + "-1," * 20_000 + "]\n"
    assert graded(one, source, [({}, {})] * 5) == [Returned(1.0)] * 5
