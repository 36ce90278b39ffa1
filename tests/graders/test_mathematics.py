"""math: answers and references as people and models write them, compared by the real library."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache

import pytest

from graders.answers.math_run import TIMEOUT, as_latex
from graders.asks import Answer, Failed, Returned, Run
from graders.definition import read_grader
from graders.grader import Grade
from graders.sample import Sample
from graders.sandbox import Limits, Sandbox, Tier, best_tier
from graders.sandbox.confinement.tier import tiers
from graders.ungraded import Kind, Ungraded

GRADER = read_grader({"type": "math", "reference": "{{ item.gold }}"})

SAME = [
    ("1/2", r"So the answer is \boxed{\frac{1}{2}}."),
    ("1/2", r"We get $\frac12$"),
    (r"2\sqrt{2}", "2\u221a2"),
    (r"2\sqrt{2}", "The answer is 2\u221a2"),
    (r"\frac{1+\sqrt{5}}{2}", "x is (1+\u221a5)/2."),
    (r"3\pi", "The area is 3\u03c0 cm"),
    ("2", "Since \u221a4 = 2, the answer is 2"),
    ("1.5", "1 1/2"),
    (r"\frac{1}{6}", r"$0.1\overline{6}$"),
    ("5", "+5"),
    (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"$\begin{pmatrix}1&2\\3&4\end{pmatrix}$"),
    ("1/2", "0.5"),
    (r"\frac{1}{2}", r"\frac{2}{4}"),
    ("14916", r"$14{,}916$"),
    ("14,916", "14916"),
    ("1000", "1 000"),
    ("1500", "1.5 x 10^3"),
    ("1500", r"$1.5 \times 10^3$"),
    ("7.5e3", "7500"),
    ("5/2", "2\N{VULGAR FRACTION ONE HALF}"),
    ("{1,2,3}", r"$\{3, 2, 1\}$"),
    ("{1,2,3}", "{3, 2, 1}"),
    ("{1,2,3}", "1, 2, 3"),
    ("(1,2]", r"$(1, 2]$"),
    (r"(-\infty, 3) \cup (5, 7]", r"$(-\infty, 3) \cup (5, 7]$"),
    ("50%", "0.5"),
    ("50%", r"$50\%$"),
    ("50%", "50 percent"),
    ("x^2+2x+1", "(x+1)^2"),
    ("sqrt(2)/2", r"$\frac{1}{\sqrt{2}}$"),
    ("5", "x = 5"),
    ("5", "I paid $5."),
    ("pi", r"$\pi$"),
    (r"\text{yes}", r"\boxed{\text{yes}}"),
    ("10", r"$10\text{ cm}$"),
    (r"$\begin{pmatrix}1&2\\3&4\end{pmatrix}$", r"$\begin{bmatrix}1&2\\3&4\end{bmatrix}$"),
]
DIFFERENT = [
    ("2", "The answer is 2\u221a2"),
    ("3", "The answer is 3\u03c0"),
    ("0.5", "1 1/2"),
    ("2", "2\N{VULGAR FRACTION ONE HALF}"),
    ("4", "3/4"),
    ("3/4", "-3/4"),
    ("1.5", "1.5 x 10^3"),
    ("{1,2,3}", "1, 2"),
    ("(1,2]", "[1,2]"),
    ("50%", "0.05"),
    ("x^2+1", "x^2-1"),
    ("pi", "3.14"),
    ("12", r"12, so \boxed{13}"),
]
NO_MATHEMATICS = ["no idea", "", "__import__('os').abort()", "eval('1')"]
CASES = [
    *((gold, answer, (1.0, True)) for gold, answer in SAME),
    *((gold, answer, (0.0, True)) for gold, answer in DIFFERENT),
    *(("5", answer, (0.0, False)) for answer in NO_MATHEMATICS),
]


def run_of(gold: str, answer: str) -> Run:
    (ask,) = GRADER.asks(Sample({"gold": gold, "secret": 1}, answer))
    assert isinstance(ask, Run)
    return ask


@cache
def answers_in(tier: Tier) -> Mapping[int, Answer]:
    """The sandbox's answers to all cases, and to a reference without mathematics."""
    runs = [*(run_of(gold, answer) for gold, answer, _ in CASES), run_of("hello", "5")]
    with Sandbox(tier, workers=2, limits=Limits(seconds=120.0)) as sandbox:
        return dict(sandbox.grade(runs[0].source, [(run.sample, run.item) for run in runs]))


@pytest.mark.parametrize("case", range(len(CASES)), ids=[" | ".join(case[:2]) for case in CASES])
def test_answers_are_compared_as_mathematics(case: int) -> None:
    gold, answer, wanted = CASES[case]
    verdict = GRADER.grade(Sample({"gold": gold}, answer), [answers_in(best_tier())[case]])
    assert (verdict.score, verdict.parsed) == wanted


def test_a_reference_that_cannot_be_read_is_ungraded() -> None:
    with pytest.raises(Ungraded, match="the reference holds no mathematics"):
        GRADER.grade(Sample({"gold": "hello"}, "5"), [answers_in(best_tier())[len(CASES)]])


def test_it_works_where_no_file_can_be_opened() -> None:
    if Tier.COMPUTE not in tiers():
        pytest.skip("no tier compute here")
    assert answers_in(Tier.COMPUTE) == answers_in(best_tier())


def test_the_sandbox_gets_the_two_strings_and_nothing_else() -> None:
    ask = run_of("1/2", "the answer")
    assert (ask.sample, ask.item) == ({"output_text": "the answer"}, {"reference": "1/2"})


def test_of_a_long_answer_the_end_is_read() -> None:
    ask = run_of("1/2", "0" * 9_000_000 + r"\boxed{5}")
    assert len(ask.sample["output_text"]) == 4_000
    assert ask.sample["output_text"].endswith(r"\boxed{5}")


@pytest.mark.parametrize(
    ("answer", "kind", "label"),
    [
        (Returned(TIMEOUT), Kind.OTHER, "timeout"),
        (Failed(Kind.PYTHON_RUNTIME, "timeout", "120 s"), Kind.PYTHON_RUNTIME, "timeout"),
        (Failed(Kind.PYTHON_SERVER, "no_sandbox", "none"), Kind.PYTHON_SERVER, "no_sandbox"),
        (Returned(0.5), Kind.PYTHON_SERVER, "no_answer"),
    ],
)
def test_what_is_no_comparison_is_no_verdict(answer: Answer, kind: Kind, label: str) -> None:
    with pytest.raises(Ungraded) as ungraded:
        GRADER.grade(Sample({"gold": "1"}, "1"), [answer])
    assert (ungraded.value.kind, ungraded.value.label) == (kind, label)


def test_an_answer_without_the_field_is_unparsed() -> None:
    grader = read_grader({"type": "math", "input": "{{ sample.output_json.x }}", "reference": "1"})
    assert grader.asks(Sample({}, "1")) == ()
    assert grader.grade(Sample({}, "1")) == Grade(
        0.0, False, grader.grade(Sample({}, "1")).reason, parsed=False
    )


def test_a_definition_can_be_read_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "math_verify", None)  # as if it were not installed
    assert read_grader({"type": "math", "reference": "1"}).packages() == {"math_verify"}


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("3 or 4", "3 or 4"),
        ("sqrt(2)/2", r"$\sqrt{2}/2$"),
        (r"\$29", "$29$"),
        ("1e999999999", ""),
        ("a" * 10_000, "a" * 4_000),
        ("9^9", "9^9"),
    ],
)
def test_only_whole_formulas_are_rewritten(text: str, written: str) -> None:
    assert as_latex(text) == written


@pytest.mark.parametrize(
    "piece",
    [
        "1",
        "x ",
        "{",
        r"\text{",
        "1,",
        "sqrt(",
        "1e",
        "$",
        "-1 ",
        "\u221a",
        "1\u03c0 ",
        "\u221a(",
        "1 1/",
    ],
)
def test_hostile_answers_are_rewritten_at_once(piece: str) -> None:
    assert len(as_latex(piece * 4_000)) < 50_000
