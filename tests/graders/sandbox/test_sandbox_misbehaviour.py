"""Graders that crash, hang, flood or lie: each ends as a failure with a name, never as a score."""

from __future__ import annotations

import resource
from concurrent.futures import ThreadPoolExecutor

import pytest

from graders.asks import Failed, Returned
from graders.sandbox import Limits, Sandbox, Tier
from graders.ungraded import Kind
from tests.graders.sandbox.hostile_graders import MISBEHAVIOURS, Misbehaviour

HONEST = "def grade(sample, item): return 0.25"


@pytest.fixture(scope="module")
def outcomes(tier: Tier) -> dict[str, Returned | Failed]:
    """How all of them ended, run side by side, with honest graders in between."""

    def run(grader: Misbehaviour) -> Returned | Failed:
        [(_, answer)] = list(crowded.grade(grader.source, [({}, {})]))
        assert list(crowded.grade(HONEST, [({}, {})])) == [(0, Returned(0.25))]
        return answer

    limits = Limits(seconds=2.0, memory_bytes=1 << 30)
    with Sandbox(tier, workers=8, limits=limits) as crowded, ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(run, MISBEHAVIOURS))
    return {grader.name: answer for grader, answer in zip(MISBEHAVIOURS, answers, strict=True)}


@pytest.mark.parametrize("grader", MISBEHAVIOURS, ids=lambda grader: grader.name)
def test_misbehaviour_is_a_failure_with_a_name(
    outcomes: dict[str, Returned | Failed], grader: Misbehaviour
) -> None:
    answer = outcomes[grader.name]
    assert isinstance(answer, Failed)
    assert answer.kind is Kind.PYTHON_RUNTIME
    assert answer.label in grader.labels, answer
    assert 0 < len(answer.detail) <= 5000
    assert answer.detail.encode()


@pytest.mark.parametrize(
    "body",
    [
        "print('x' * 1000)",
        "import sys; sys.stdout = None",
        "import os; os.write(1, b'x' * 100)",
        "import sys; sys.stderr.write('x')",
        "print('\\udcff')",
    ],
)
def test_output_of_a_grader_goes_nowhere(sandbox: Sandbox, body: str) -> None:
    source = f"def grade(sample, item):\n    {body}\n    return 0.5\n"
    assert list(sandbox.grade(source, [({}, {})])) == [(0, Returned(0.5))]


def test_two_gigabytes_of_output_cost_the_host_nothing(sandbox: Sandbox) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for write in ("print('x' * (1 << 20))", "os.write(1, bytes(1 << 20))"):
        body = f"    import os\n    for _ in range(2000): {write}\n    return 0.5\n"
        list(sandbox.grade(f"def grade(sample, item):\n{body}", [({}, {})]))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 << 10


def test_details_help_the_author(sandbox: Sandbox) -> None:
    def detail(source: str) -> str:
        [(_, answer)] = list(sandbox.grade(source, [({"a": 1}, {})]))
        assert isinstance(answer, Failed)
        return answer.detail

    shown = detail("def grade(sample, item):\n    return sample['nope']\n")
    assert "line 2, in grade\n    return sample['nope']" in shown
    assert shown.endswith("KeyError: 'nope'")
    assert "graders/sandbox" not in shown
    assert detail("def grade(s, i): return True") == "grade returned bool True, wanted a float"
    assert detail("def grade(s, i): pass") == "grade returned None, wanted a float"
    assert detail("def grade(s): return 1").startswith("grade must take (sample, item): ")
    assert detail("x = 1") == "the source defines no function grade(sample, item)"
    assert detail("def grade(s, i): return 1e999") == "grade returned inf, wanted a finite float"
    assert detail("import os\ndef grade(s, i): os._exit(3)").startswith(
        "the process left with status 3"
    )
