"""Grading: every answer once, samples apart from each other, deadlines of their own."""

from __future__ import annotations

import threading
from collections.abc import Generator
from typing import Any

import pytest

from graders.asks import Failed, Returned
from graders.sandbox import Limits, Sandbox
from graders.ungraded import Kind

MATCH = """
import re
def grade(sample, item):
    return 1.0 if re.search(item['pattern'], sample['output_text']) else 0.0
"""

Calls = list[tuple[dict[str, Any], dict[str, Any]]]
NOTHING: Calls = [({}, {})]


def values(sandbox: Sandbox, source: str, calls: Calls) -> list[float | str]:
    """The answers in order: a score, or the label of a failure."""
    found: dict[int, float | str] = {}
    for index, answer in sandbox.grade(source, calls):
        assert index not in found, "an answer came twice"
        found[index] = answer.value if isinstance(answer, Returned) else answer.label
    assert sorted(found) == list(range(len(calls)))
    return [found[index] for index in range(len(calls))]


def test_every_sample_is_graded_once_and_rightly(sandbox: Sandbox) -> None:
    calls: Calls = [({"output_text": f"n {n}"}, {"pattern": "[05]$"}) for n in range(500)]
    assert values(sandbox, MATCH, calls) == [float(n % 5 == 0) for n in range(500)]


def test_no_samples_no_answers(sandbox: Sandbox) -> None:
    assert list(sandbox.grade(MATCH, [])) == []


def test_one_fork_a_sample_gives_the_same_answers(sandbox: Sandbox) -> None:
    calls: Calls = [({"output_text": str(n)}, {"pattern": "1"}) for n in range(40)]
    with Sandbox(sandbox.tier, workers=2, batch=1) as forking:
        assert values(forking, MATCH, calls) == values(sandbox, MATCH, calls)


@pytest.mark.parametrize(
    ("returned", "value"),
    [
        ("1", 1.0),
        ("-2.5", -2.5),
        ("0", 0.0),
        ("10 ** 30", 1e30),
        ("__import__('fractions').Fraction(1, 4)", 0.25),
        ("len(sample['output_text'])", 4.0),
    ],
)
def test_any_real_number_is_a_score(sandbox: Sandbox, returned: str, value: float) -> None:
    source = f"def grade(sample, item): return {returned}"
    assert values(sandbox, source, [({"output_text": "a é\ud800"}, {})]) == [value]


LEAKING = {
    "a global": """
seen = []
def grade(sample, item):
    seen.append(1)
    return len(seen)
""",
    "a default": """
def grade(sample, item, seen=[]):
    seen.append(1)
    return len(seen)
""",
    "an attribute of a module": """
import json
def grade(sample, item):
    json.n = getattr(json, 'n', 0) + 1
    return json.n
""",
    "a patched builtin": """
import builtins
def grade(sample, item):
    first = abs(-1)
    builtins.abs = lambda x: 9
    return first
""",
    "a patched module": """
import re
def grade(sample, item):
    found = re.search('a', 'a')
    re.search = lambda *x: None
    return 1 if found else 2
""",
    "a module of its own": """
import sys
def grade(sample, item):
    sys.modules['n'] = n = sys.modules.get('n', 0) + 1
    return n
""",
    "garbage": """
import gc
def grade(sample, item):
    found = [o['marker'] for o in gc.get_objects() if type(o) is dict and 'marker' in o]
    return 1 if all(marker == sample['marker'] for marker in found) and found else 2
""",
    "the frames above": """
import sys
def grade(sample, item):
    frame, found = sys._getframe(), []
    while frame:
        found += [v['marker'] for v in frame.f_locals.values() if type(v) is dict and 'marker' in v]
        frame = frame.f_back
    return 1 if all(marker == sample['marker'] for marker in found) and found else 2
""",
}


@pytest.mark.parametrize("way", LEAKING)
def test_samples_do_not_see_each_other(best: Sandbox, way: str) -> None:
    assert values(best, LEAKING[way], [({"marker": [n]}, {}) for n in range(12)]) == [1.0] * 12


def test_a_neighbours_answer_is_nowhere_in_memory(sandbox: Sandbox) -> None:
    source = """
import ctypes, gc
def grade(sample, item):
    found = [o for o in gc.get_objects() if isinstance(o, dict) and 'answer' in o and o is not item]
    return len([o for o in found if str(o['answer']).startswith('needle')])
"""
    calls: Calls = [({}, {"answer": f"needle {n}"}) for n in range(20)]
    assert values(sandbox, source, calls) == [0.0] * 20


def test_a_slow_sample_times_out_alone(sandbox: Sandbox) -> None:
    source = """
import time
def grade(sample, item):
    time.sleep(item['seconds'])
    return 1.0
"""
    calls: Calls = [({}, {"seconds": 60 if n == 3 else 0}) for n in range(8)]
    assert values(sandbox, source, calls) == [1.0] * 3 + ["timeout"] + [1.0] * 4


def test_a_crash_hurts_only_its_own_sample(sandbox: Sandbox) -> None:
    source = """
def grade(sample, item):
    if item['n'] % 4 == 3:
        return len(bytearray(9 << 30))
    return item['n'] / (item['n'] % 4 - 2)
"""
    calls: Calls = [({}, {"n": n}) for n in range(8)]
    want = [-0.0, -1.0, "exception", "memory", -2.0, -5.0, "exception", "memory"]
    assert values(sandbox, source, calls) == want


@pytest.mark.parametrize("batch", [1, 64])
def test_time_in_the_queue_does_not_count(batch: int) -> None:
    source = "import time\ndef grade(sample, item):\n    time.sleep(0.4)\n    return 1.0"
    with Sandbox(workers=2, limits=Limits(seconds=1.0), batch=batch) as short:
        assert values(short, source, NOTHING * 8) == [1.0] * 8


def test_two_threads_may_grade_at_once(sandbox: Sandbox) -> None:
    results: dict[str, list[float | str]] = {}

    def work(digit: str) -> None:
        calls: Calls = [({"output_text": str(n)}, {"pattern": digit}) for n in range(200)]
        results[digit] = values(sandbox, MATCH, calls)

    threads = [threading.Thread(target=work, args=(digit,)) for digit in "123"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {d: [float(d in str(n)) for n in range(200)] for d in "123"}


def test_a_caller_may_stop_early(sandbox: Sandbox) -> None:
    source = "import time\ndef grade(sample, item):\n    time.sleep(0.05)\n    return 1.0"
    answers = sandbox.grade(source, NOTHING * 400)
    assert next(answers)[1] == Returned(1.0)
    assert isinstance(answers, Generator)
    answers.close()
    assert values(sandbox, "def grade(s, i): return 1", [({}, {})]) == [1.0]


def test_a_large_sample_arrives_whole(best: Sandbox) -> None:
    source = "def grade(sample, item): return len(sample['output_text'])"
    assert values(best, source, [({"output_text": "é" * 3_000_000}, {})]) == [3_000_000.0]


def test_what_is_no_json_is_the_callers_error(sandbox: Sandbox) -> None:
    with pytest.raises(TypeError, match="not JSON serializable"):
        list(sandbox.grade(MATCH, [({"output_text": object()}, {})]))


def test_after_close_the_sandbox_is_to_blame() -> None:
    sandbox = Sandbox(workers=1)
    source = "import time\ndef grade(sample, item):\n    time.sleep(30)\n    return 1.0"
    answers = sandbox.grade(source, NOTHING * 3)
    threading.Timer(0.3, sandbox.close).start()
    got = [answer for _, answer in answers]
    assert all(isinstance(a, Failed) and a.kind is Kind.PYTHON_SERVER for a in got)
    assert len(got) == 3


@pytest.mark.parametrize(
    ("package", "expression", "value"),
    [
        ("numpy", "numpy.float32(numpy.arange(4).sum())", 6.0),
        ("numpy", "numpy.linalg.norm([3.0, 4.0])", 5.0),
        ("rapidfuzz.fuzz", "rapidfuzz.fuzz.ratio('abc', 'abc')", 100.0),
        ("pandas", "pandas.Series([1, 2, None]).mean()", 1.5),
        ("nltk", "nltk.edit_distance('abc', 'abd')", 1.0),
        ("yaml", "yaml.safe_load('a: 2')['a']", 2.0),
        ("pydantic", "pydantic.TypeAdapter(int).validate_python('3')", 3.0),
        ("dataclasses", "len(dataclasses.fields(dataclasses.make_dataclass('C', ['x'])))", 1.0),
    ],
)
def test_packages_can_be_imported(
    sandbox: Sandbox, package: str, expression: str, value: float
) -> None:
    pytest.importorskip(package)
    source = f"import {package}\ndef grade(sample, item): return {expression}"
    [(_, answer)] = list(sandbox.grade(source, [({}, {})]))
    assert answer == Returned(value)


def test_other_packages_are_absent_rather_than_forbidden(sandbox: Sandbox) -> None:
    source = """
def grade(sample, item):
    try:
        import pytest
    except ModuleNotFoundError as error:
        return float(str(error) == "No module named 'pytest'")
"""
    assert values(sandbox, source, NOTHING) == [1.0]


def test_a_numpy_bool_is_no_score(best: Sandbox) -> None:
    pytest.importorskip("numpy")
    source = "import numpy\ndef grade(sample, item): return numpy.True_"
    assert values(best, source, [({}, {})]) == ["type_error"]
