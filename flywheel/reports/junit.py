"""JUnit XML, for builds: GitHub's reporters, GitLab and Jenkins show it as tests.

What they read differs, and this is what all of them take: `testsuites` without attributes, each
`testsuite` with its properties first, `failure` and `skipped` with a message and the same as text.
There is no `error`: nothing went wrong with the asking. What is not known is `skipped`, as an
answer without a verdict is no failure; that a decision is open is the exit code's to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree

import flywheel
from flywheel.evals.compare import Candidate, Comparison, GraderComparison
from flywheel.evals.conclude import conclude
from flywheel.evals.flips import Flip
from flywheel.evals.gate import Verdict
from flywheel.reports.finding import GUARDING, finding_of, p_of, span
from flywheel.reports.report import Report
from flywheel.reports.words import cut
from flywheel.store.runs import RunRow
from flywheel.visible import one_line, visible

_STATES: dict[str, Literal["passed", "failure", "skipped"]] = {
    "pass": "passed",
    "fail": "failure",
    "open": "skipped",
}


@dataclass(frozen=True, slots=True)
class Case:
    """One test: its name, how it ended, a line that says why, and more about it."""

    name: str
    state: Literal["passed", "failure", "skipped"]
    message: str
    detail: str = ""


def compare_junit(report: Report) -> str:
    """One suite a candidate; a case for each grader, and one for each broken item.

    The primary grader, a guard or an audit that fell is a failure, and so is every broken item.
    """
    comparison = report.comparison
    alone = len(comparison.candidates) == 1
    suites = [_candidate(report, one, alone) for one in comparison.candidates]
    return _document(suites)


def gate_junit(verdict: Verdict) -> str:
    """One suite with a case for each check: NO is a failure, an open one is skipped."""
    decision = verdict.decision
    cases = [Case(check.name, _STATES[check.state], check.told) for check in decision.checks]
    told = f"{decision.outcome}: {verdict.candidate.run} against {verdict.baseline.run}"
    if decision.items:
        told += f"; about {decision.items:,} items would decide"
    row = verdict.candidate
    return _document([_suite(row, f"{row.evalset}.{row.split}", verdict.baseline, cases, told)])


def _candidate(report: Report, candidate: Candidate, alone: bool) -> ElementTree.Element:
    run, base = candidate.run, report.comparison.baseline
    # Names that stay the same from build to build let a build be compared with the one before;
    # several candidates need names of their own, for of two equal ones GitLab drops the second.
    group = f"{run.evalset}.{run.split}" if alone else f"{run.evalset}.{run.split}.{run.run}"
    broken = report.of(candidate, "broken")
    cases = [_grader(one) for one in candidate.graders.values()]
    cases += [_broken(flip, number, broken) for number, flip in enumerate(broken)]
    return _suite(run, group, base, cases, _told(report.comparison, candidate, len(broken)))


def _told(comparison: Comparison, candidate: Candidate, listed: int) -> str:
    said = conclude(comparison, candidate)
    if candidate.primary is not None and candidate.primary.broken > listed:
        said.append(f"{candidate.primary.broken:,} items were broken, {listed:,} are listed.")
    return "\n".join(said)


def _grader(found: GraderComparison) -> Case:
    name, finding = f"grader {found.grader}", finding_of(found)
    paired = found.paired
    if paired is None or finding == "too few":
        return Case(name, "skipped", "too few items with a verdict in both runs")
    message = f"{span(paired)}, p {p_of(paired.p)}"
    if finding == "worse" and found.role in GUARDING:
        counts = f"{paired.wins:,} won, {paired.losses:,} lost, {paired.ties:,} tied"
        return Case(name, "failure", f"{found.role} fell: {message}", counts)
    return Case(name, "passed", message)


def _broken(flip: Flip, number: int, flips: Sequence[Flip]) -> Case:
    name = f"item {flip.id}"
    if any(other.id == flip.id for other in flips[:number]):
        name += f" {flip.item[:12]}"
    before, after = cut(flip.before_output), cut(flip.after_output)
    sides = (("baseline", before, flip.before_reason), ("candidate", after, flip.after_reason))
    detail = "\n\n".join(
        f"{who} ({one_line(why, 300)}):\n{answer.shown}"
        + (f"\n({answer.left_out:,} more characters)" if answer.left_out else "")
        for who, answer, why in sides
    )
    return Case(name, "failure", f"broken: {flip.before:.3f} to {flip.after:.3f}", detail)


def _suite(
    run: RunRow, group: str, baseline: RunRow, cases: Sequence[Case], told: str
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
    ElementTree.SubElement(suite, "system-out").text = visible(told)
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
    if case.state == "passed":
        return
    message = one_line(case.message, 300)
    state = ElementTree.SubElement(element, case.state, {"message": message})
    if case.state == "failure":
        state.set("type", "failure")
    # The text is what GitLab shows, the message what Jenkins and GitHub's reporters show first.
    state.text = visible(f"{case.message}\n{case.detail}".rstrip())


def _document(suites: Sequence[ElementTree.Element]) -> str:
    root = ElementTree.Element("testsuites")
    for number, suite in enumerate(suites):
        suite.set("id", str(number))
        root.append(suite)
    ElementTree.indent(root)
    body = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'
