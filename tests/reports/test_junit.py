"""JUnit XML is what GitHub's reporters, GitLab and Jenkins all read, whatever a model wrote."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from flywheel.evals.decision.decide import Check, Decision, Outcome, State
from flywheel.evals.decision.gate import Verdict
from flywheel.evals.decision.pairs import Pairs
from flywheel.reports.junit import compare_junit, gate_junit
from flywheel.visible import visible
from tests.reports.made import (
    FALL,
    FEW,
    GAIN,
    HOSTILE,
    SAME,
    candidate,
    flip,
    report_of,
    run_row,
)


def read(text: str) -> list[ElementTree.Element]:
    """The suites, after checking what the readers of the format agree on."""
    text.encode("utf-8")
    root = ElementTree.fromstring(text)
    assert (root.tag, root.attrib) == ("testsuites", {})
    for number, suite in enumerate(root):
        assert suite.get("id") == str(number)
        tags = [part.tag for part in suite]
        cases = suite.findall("testcase")
        assert tags == ["properties", *["testcase"] * len(cases), "system-out", "system-err"]
        assert suite.get("tests") == str(len(cases))
        for state, count in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
            assert suite.get(count) == str(len(suite.findall(f"testcase/{state}")))
        for case in cases:
            assert set(case.attrib) == {"classname", "name", "time"}
            assert [part.tag for part in case] in (
                [],
                ["failure"],
                ["skipped"],
                ["system-out"],
                ["failure", "system-out"],
            )
    names = [(case.get("classname"), case.get("name")) for case in root.iter("testcase")]
    assert len(set(names)) == len(names), "of two equal names GitLab shows one"
    return list(root)


def states(suite: ElementTree.Element) -> dict[str, str]:
    """How each case ended."""
    cases = suite.findall("testcase")
    ended = ("failure", "skipped")
    return {
        case.get("name", ""): next((part.tag for part in case if part.tag in ended), "passed")
        for case in cases
    }


def named(pairs: Pairs, grader: str) -> Pairs:
    """The same pairs of another grader."""
    return replace(pairs, grader=grader)


@pytest.mark.parametrize(
    ("pairs", "role", "state"),
    [
        (GAIN, "primary", "passed"),
        (SAME, "primary", "passed"),
        (FALL, "primary", "failure"),
        (FEW, "primary", "skipped"),
        (FALL, "guard", "failure"),
        (FALL, "audit", "failure"),
        (FALL, "other", "passed"),
        (FEW, "guard", "skipped"),
    ],
)
def test_a_fall_that_counts_is_a_failure(pairs: Pairs, role: str, state: str) -> None:
    graders = [(named(pairs, "g"), role)]
    if role != "primary":
        graders.append((GAIN, "primary"))
    (suite,) = read(compare_junit(report_of(candidate("run-b", graders))))
    assert states(suite)["grader g"] == state


def test_broken_items_are_listed_and_fail_nothing_of_their_own() -> None:
    flips = [
        flip("broken", "i1", "was right", "is wrong"),
        flip("fixed", "i2", "x", "y"),
        flip("broken", "i1", "again", "")._replace(item="f" * 64),
    ]
    for pairs, failures in ((FALL, "1"), (GAIN, "0"), (SAME, "0")):
        one = candidate("run-b", [(pairs, "primary")])
        (suite,) = read(compare_junit(report_of(one, flips=flips)))
        assert (suite.get("tests"), suite.get("failures")) == ("1", failures)
        printed = suite.findtext("testcase/system-out") or ""
        assert printed.count("item i1: broken, 1.000 to 0.000") == 2
        assert "was right" in printed and "is wrong" in printed and "item i2" not in printed
    (suite,) = read(compare_junit(report_of(candidate("run-b", [(FALL, "primary")]), flips=flips)))
    assert "30 items were broken, 2 are listed" in (suite.findtext("system-out") or "")


def test_a_suite_a_candidate_and_names_that_last_from_build_to_build() -> None:
    one = candidate("run-b", [(GAIN, "primary")])
    (suite,) = read(compare_junit(report_of(one)))
    assert suite.findall("testcase")[0].get("classname") == "desk.test"
    both = read(compare_junit(report_of(one, candidate("run-c", [(GAIN, "primary")]))))
    assert [suite.get("name") for suite in both] == ["run-b", "run-c"]
    assert both[1].findall("testcase")[0].get("classname") == "desk.test.run-c"


def test_what_a_model_wrote_is_whole_and_harmless() -> None:
    flips = [flip("broken", HOSTILE, HOSTILE, "\x00" * 3000)]
    text = compare_junit(report_of(candidate("run-b", [(FALL, "primary")]), flips=flips))
    (suite,) = read(text)
    said = suite.findtext("testcase/system-out") or ""
    assert visible(HOSTILE).splitlines()[0] in said
    assert "\\x00" * 2000 in said and "(1,000 more characters)" in said
    # GitLab looks for attachments in what a test printed, and there is nothing of the model's.
    assert "ATTACHMENT" not in (suite.findtext("system-out") or "")


@pytest.mark.parametrize(
    ("outcome", "state", "ended"),
    [("promote", "pass", "passed"), ("keep", "fail", "failure"), ("undecided", "open", "skipped")],
)
def test_each_check_of_the_gate_is_a_case(outcome: Outcome, state: State, ended: str) -> None:
    checks = (Check("sealed", "pass", "look 1"), Check("gain: right", "pass", "+1.0 points"))
    last = Check("seeds", state, "told", 70 if state == "open" else None)
    decision = Decision(outcome, (*checks, last), None, 1, 0.025)
    verdict = Verdict("gate-1", run_row("run-a"), run_row("run-b"), decision)
    (suite,) = read(gate_junit(verdict))
    assert states(suite) == {"sealed": "passed", "gain: right": "passed", "seeds": ended}
    told = f"{outcome}: run-b against run-a"
    if outcome == "undecided":
        told += "; needs about 70 items"
    assert suite.findtext("system-out") == told
