"""The summary of a build: the decision first, and nothing of a model's that would be markup."""

from __future__ import annotations

from dataclasses import replace

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from flywheel.evals.decision.decide import Check, Decision, Outcome
from flywheel.evals.decision.gate import Verdict
from flywheel.reports.markdown import code, compare_markdown, fence, gate_markdown, prose
from flywheel.visible import one_line, visible
from tests.reports.made import GAIN, HOSTILE, candidate, flip, report_of, run_row

GITHUB = MarkdownIt("commonmark").enable("table")
OURS = ("<details><summary>", "</details>")


def read(text: str) -> list[Token]:
    """Every token, also those within lines."""
    text.encode("utf-8")
    found: list[Token] = []
    for token in GITHUB.parse(text):
        found += [token, *(token.children or ())]
    return found


def markup_of_others(tokens: list[Token]) -> list[str]:
    """HTML that is not ours, pictures and links."""
    html = [one for one in tokens if one.type in ("html_block", "html_inline")]
    found = [one.content for one in html if not one.content.startswith(OURS)]
    return found + [one.content for one in tokens if one.type in ("image", "link_open")]


@pytest.mark.parametrize("answer", [HOSTILE, "", "`" * 40, "```\n</details>\n```", "~~~", "    x"])
def test_an_answer_stands_in_a_fence_that_it_cannot_close(answer: str) -> None:
    tokens = read(f"before\n\n{fence(answer)}\nafter\n")
    assert [one.content for one in tokens if one.type == "fence"] == [visible(answer) + "\n"]
    assert markup_of_others(tokens) == []


@pytest.mark.parametrize("words", [HOSTILE, "a`b", "``", " x ", "a|b", "<b>", "`"])
def test_a_name_is_code_also_in_a_table(words: str) -> None:
    (span,) = [one for one in read(code(words)) if one.type == "code_inline"]
    assert span.content.strip() == one_line(words).strip()
    tokens = read(f"| a | b |\n| --- | --- |\n| {code(words, in_table=True)} | 2 |\n")
    (span,) = [one for one in tokens if one.type == "code_inline"]
    assert span.content.strip() == one_line(words).strip()
    assert [one.type for one in tokens].count("td_open") == 2


def test_a_sentence_with_names_in_it_is_text() -> None:
    tokens = read(prose(f"{HOSTILE} fell, <b>*x*</b> ![p](https://evil.example/p.png)"))
    assert {one.type for one in tokens if one.type not in ("text", "text_special")} == {
        "paragraph_open",
        "inline",
        "paragraph_close",
    }


def test_the_finding_comes_first_and_items_can_be_opened() -> None:
    flips = [flip("broken", HOSTILE, "right", HOSTILE), flip("fixed", "i2", "", "y")]
    graders = [(GAIN, "primary"), (replace(GAIN, grader=HOSTILE), "guard")]
    text = compare_markdown(report_of(candidate("run-b", graders), flips=flips))
    assert text.startswith("## `desk test`: better, +36.0 points (")
    tokens = read(text)
    assert markup_of_others(tokens) == []
    fences = [one.content for one in tokens if one.type == "fence"]
    assert fences == ["right\n", visible(HOSTILE) + "\n", "\n", "y\n"]
    assert "<details><summary>4 broken, 1 shown</summary>" in text
    assert [one.type for one in tokens].count("tr_open") == 3


def test_a_summary_stays_below_what_github_takes() -> None:
    flips = [flip("broken", f"i{n}", "\u202e" * 1_000_000, "\x00" * 2000) for n in range(20)]
    many = [candidate(f"run-{n}", [(GAIN, "primary")]) for n in range(60)]
    text = compare_markdown(report_of(*many, flips=flips))
    assert 100_000 < len(text.encode()) < 1_000_000
    assert "Fixed and broken items are left out" in text
    assert text.count("### ") == 60


@pytest.mark.parametrize(
    ("outcome", "promoted", "told"),
    [
        ("promote", False, "## PROMOTE `run-b`\n"),
        ("promote", True, "## PROMOTE `run-b`: now the baseline\n"),
        ("keep", False, "## KEEP `run-a`\n"),
        ("undecided", False, "## UNDECIDED: needs about 70 items\n"),
    ],
)
def test_the_decision_comes_first(outcome: Outcome, promoted: bool, told: str) -> None:
    checks = (Check(f"gain: {HOSTILE}", "open", "a | b", 70),)
    decision = Decision(outcome, checks, None, 1, 0.025)
    verdict = Verdict("gate-1", run_row("run-a"), run_row("run-b"), decision)
    text = gate_markdown(verdict, promoted)
    assert text.startswith(told)
    tokens = read(text)
    assert markup_of_others(tokens) == []
    assert [one.type for one in tokens].count("td_open") == 3
