"""JUnit XML for CI: GitHub's reporters, GitLab and Jenkins show it as test results.

The subset that all of them read: `testsuites` without attributes, each `testsuite` with its
properties first, `failure` and `skipped` with a message repeated as text. `error` is not used.
An undecided check is `skipped`, not a failure; the exit code reports an undecided gate. A single
broken item is listed but never fails a build.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree

import flywheel
from flywheel.evals.decision.compare import Candidate, Comparison, GraderComparison
from flywheel.evals.decision.conclude import conclude
from flywheel.evals.decision.decide import p_of
from flywheel.evals.decision.finding import GUARDING, finding_of, span
from flywheel.evals.decision.flips import Flip
from flywheel.evals.decision.gate import Verdict
from flywheel.reports.report import Report
from flywheel.reports.words import cut
from flywheel.store.tables.runs import RunRow
from flywheel.visible import one_line, visible

_STATES: dict[str, Literal["passed", "failure", "skipped"]] = {
    "pass": "passed",
    "fail": "failure",
    "open": "skipped",
}


@dataclass(frozen=True, slots=True)
class Case:
    """One test case: its name, state, one-line reason, details and output."""

    name: str
    state: Literal["passed", "failure", "skipped"]
    message: str
    detail: str = ""
    printed: str = ""


def compare_junit(report: Report) -> str:
    """One suite per candidate, one case per grader.

    A significant drop of the primary grader, a guard or an audit is a failure. The broken items are
    in the output of the primary grader's case.
    """
    comparison = report.comparison
    alone = len(comparison.candidates) == 1
    suites = [_candidate(report, one, alone) for one in comparison.candidates]
    return _document(suites)


def gate_junit(verdict: Verdict) -> str:
    """One suite with a case per check: a failed check is a failure, an open one is skipped."""
    decision = verdict.decision
    cases = [Case(check.name, _STATES[check.state], check.reason) for check in decision.checks]
    output = f"{decision.outcome}: {verdict.candidate.run} against {verdict.baseline.run}"
    if decision.items:
        output += f"; needs about {decision.items:,} items"
    row = verdict.candidate
    return _document([_suite(row, f"{row.evalset}.{row.split}", verdict.baseline, cases, output)])


def _candidate(report: Report, candidate: Candidate, alone: bool) -> ElementTree.Element:
    run, base = candidate.run, report.comparison.baseline
    # Names that are stable across builds let CI compare a build with the previous one. Several
    # candidates need distinct names: GitLab drops the second of two equal ones.
    group = f"{run.evalset}.{run.split}" if alone else f"{run.evalset}.{run.split}.{run.run}"
    broken = report.of(candidate, "broken")
    printed = "\n\n".join(_broken(flip) for flip in broken)
    cases = [
        _grader(one, printed if one.role == "primary" else "") for one in candidate.graders.values()
    ]
    return _suite(run, group, base, cases, _summary(report.comparison, candidate, len(broken)))


def _summary(comparison: Comparison, candidate: Candidate, listed: int) -> str:
    sentences = conclude(comparison, candidate)
    if candidate.primary is not None and candidate.primary.broken > listed:
        sentences.append(f"{candidate.primary.broken:,} items were broken, {listed:,} are listed.")
    return "\n".join(sentences)


def _grader(one: GraderComparison, printed: str = "") -> Case:
    name, finding = f"grader {one.grader}", finding_of(one)
    paired = one.paired
    if paired is None or finding == "too few":
        return Case(name, "skipped", "too few items graded in both runs")
    message = f"{span(paired)}, p {p_of(paired.p)}"
    if finding == "worse" and one.role in GUARDING:
        counts = f"{paired.wins:,} won, {paired.losses:,} lost, {paired.ties:,} tied"
        return Case(name, "failure", f"{one.role} dropped: {message}", counts, printed)
    return Case(name, "passed", message, printed=printed)


def _broken(flip: Flip) -> str:
    before, after = cut(flip.before_output), cut(flip.after_output)
    sides = (("baseline", before, flip.before_reason), ("candidate", after, flip.after_reason))
    answers = "\n\n".join(
        f"{who} ({one_line(why, 300)}):\n{_indented(answer.shown)}"
        + (f"\n({answer.left_out:,} more characters)" if answer.left_out else "")
        for who, answer, why in sides
    )
    return f"item {one_line(flip.id)}: broken, {flip.before:.3f} to {flip.after:.3f}\n{answers}"


def _indented(answer: str) -> str:
    """An indented answer, safe for GitLab, which would interpret `[[ATTACHMENT|…]]`."""
    return "\n".join(f"    {line}" for line in answer.replace("[[", "[ [").split("\n"))


def _suite(
    run: RunRow, group: str, baseline: RunRow, cases: Sequence[Case], output: str
) -> ElementTree.Element:
    states = [case.state for case in cases]
    suite = ElementTree.Element(
        "testsuite",
        {
            "name": one_line(run.run),
            "package": one_line(group),
            "id": "0",
            "tests": str(len(cases)),
            "failures": str(states.count("failure")),
            "errors": "0",
            "skipped": str(states.count("skipped")),
            "time": "0.000",
            "timestamp": f"{run.created:%Y-%m-%dT%H:%M:%S}",
            "hostname": "localhost",
        },
    )
    properties = ElementTree.SubElement(suite, "properties")
    for key, value in _properties(run, baseline).items():
        ElementTree.SubElement(properties, "property", name=key, value=one_line(value))
    for case in cases:
        _append(suite, case, group)
    ElementTree.SubElement(suite, "system-out").text = visible(output)
    ElementTree.SubElement(suite, "system-err").text = ""
    return suite


def _properties(run: RunRow, baseline: RunRow) -> dict[str, str]:
    return {
        "baseline": baseline.run,
        "candidate": run.run,
        "model": run.model,
        "model_digest": run.model_digest,
        "prompt_digest": run.prompt_digest,
        "evalset_digest": run.evalset_digest,
        "split_digest": run.split_digest,
        "flywheel": flywheel.__version__,
    }


def _append(suite: ElementTree.Element, case: Case, group: str) -> None:
    names = {"classname": one_line(group), "name": one_line(case.name), "time": "0.000"}
    element = ElementTree.SubElement(suite, "testcase", names)
    if case.state != "passed":
        message = one_line(case.message, 300)
        state = ElementTree.SubElement(element, case.state, {"message": message})
        if case.state == "failure":
            state.set("type", "failure")
        # GitLab shows the text, Jenkins and GitHub's reporters the message.
        state.text = visible(f"{case.message}\n{case.detail}".rstrip())
    if case.printed:
        ElementTree.SubElement(element, "system-out").text = visible(case.printed)


def _document(suites: Sequence[ElementTree.Element]) -> str:
    root = ElementTree.Element("testsuites")
    for number, suite in enumerate(suites):
        suite.set("id", str(number))
        root.append(suite)
    ElementTree.indent(root)
    body = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'
