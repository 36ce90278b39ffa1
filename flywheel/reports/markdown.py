"""Markdown, for the summary of a build: the decision first, then what it rests on.

A model's words stand in fenced code whose fence is longer than any in them, names in code spans: no
markup of theirs is read, no picture is fetched and nobody is mentioned. GitHub takes 1 MiB for a
step, so lists of items end before that, and say so.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from flywheel.evals.decision.compare import Candidate, Comparison, GraderComparison
from flywheel.evals.decision.conclude import conclude, spread_of
from flywheel.evals.decision.decide import p_of, points
from flywheel.evals.decision.finding import headline
from flywheel.evals.decision.flips import Flip
from flywheel.evals.decision.gate import Verdict
from flywheel.reports.report import Report
from flywheel.reports.words import cut
from flywheel.visible import one_line

# Of the 1,048,576 bytes that a step's summary may have.
_MOST_BYTES = 900_000
_MOST_ANSWER = 1000
_MARKS = {"pass": "ok", "fail": "**NO**", "open": "?"}
_COLUMNS = ("grader", "baseline", "candidate", "points", "low", "high", "p", "won", "lost", "tied")


def compare_markdown(report: Report) -> str:
    """The summary of a comparison: for each candidate its finding, its graders and its items."""
    comparison, base = report.comparison, report.comparison.baseline
    parts = [f"## {code(f'{base.evalset} {base.split}')}: {_heading(comparison)}\n"]
    parts.append(f"Baseline {code(base.run)}, {code(base.model)}.\n")
    if len(comparison.candidates) > 1:
        rows = [(code(one.run.run, in_table=True), headline(one)) for one in comparison.candidates]
        parts += [table(("candidate", "finding"), rows), prose(spread_of(comparison)) + "\n"]
    found = [_candidate(comparison, one) for one in comparison.candidates]
    room = _MOST_BYTES - sum(len(part.encode()) for part in (*parts, *found))
    for one, told in zip(comparison.candidates, found, strict=True):
        lists = _lists(report, one)
        if len(lists.encode()) > room:
            lists = "Its fixed and broken items are left out: a summary has a limit.\n"
        room -= len(lists.encode())
        parts += [told, lists]
    return "\n".join(part for part in parts if part)


def gate_markdown(verdict: Verdict, promoted: bool = False) -> str:
    """The summary of a decision: the outcome, then every check."""
    decision = verdict.decision
    run = code(verdict.candidate.run)
    base = code(verdict.baseline.run)
    told = {
        "promote": f"PROMOTE {run}"
        + (f": {verdict.claim}" if verdict.margin < 0 else "")
        + (": it is the baseline now" if promoted else ""),
        "keep": f"KEEP {base}",
        "undecided": "UNDECIDED"
        + (f": about {decision.items:,} items would decide" if decision.items else ""),
    }[decision.outcome]
    evalset = code(f"{verdict.baseline.evalset} {verdict.baseline.split}")
    rows = [(_MARKS[one.state], prose(one.name), prose(one.reason)) for one in decision.checks]
    return "\n".join(
        (
            f"## {told}\n",
            f"{run} against {base} on {evalset}, look {decision.look}.\n",
            table(("", "check", "found"), rows),
        )
    )


def code(words: str, *, in_table: bool = False) -> str:
    """A name as a code span: nothing in it is read as markup."""
    shown = one_line(words)
    if in_table:
        # A table's cells are parted before code is read, and lose this one backslash there.
        shown = shown.replace("|", "\\|")
    ticks = "`" * (_longest(shown) + 1)
    room = " " if shown[:1] in "` " or shown[-1:] in "` " else ""
    return f"{ticks}{room}{shown}{room}{ticks}"


def prose(words: str) -> str:
    """A sentence of ours, with names in it that may look like markup."""
    shown = re.sub(r"([\\`*_\[\]<>|&~@#$])", r"\\\1", one_line(words, 1000))
    return re.sub(r"(?i)(://|www\.)", lambda match: "\\" + match[0], shown)


def fence(words: str, most: int = _MOST_ANSWER) -> str:
    """A model's answer as a block of code, cut where it is long."""
    answer = cut(words, most)
    ticks = "`" * max(3, _longest(answer.shown) + 1)
    more = f"\n({answer.left_out:,} more characters)\n" if answer.left_out else ""
    return f"{ticks}text\n{answer.shown}\n{ticks}\n{more}"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table. Cells are Markdown with their pipes escaped."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _longest(words: str) -> int:
    return max((len(run) for run in re.findall("`+", words)), default=0)


def _heading(comparison: Comparison) -> str:
    if len(comparison.candidates) == 1:
        return headline(comparison.candidates[0])
    return f"{len(comparison.candidates)} candidates"


def _candidate(comparison: Comparison, one: Candidate) -> str:
    said = "\n".join(f"- {prose(sentence)}" for sentence in conclude(comparison, one))
    rows = [_row(found) for found in one.graders.values()]
    return (
        f"### {code(one.run.run)}, {code(one.run.model)}\n\n{said}\n\n{table(_COLUMNS, rows)}\n"
        "\\* primary, + guard, ! audit; low and high bound the difference, 95%\n"
    )


def _row(found: GraderComparison) -> tuple[str, ...]:
    told, paired = found.as_json(), found.paired
    mark = {"primary": "\\*", "guard": "+", "audit": "!"}.get(found.role, "")
    ends = (paired.difference, paired.low, paired.high) if paired else (None, None, None)
    return (
        code(found.grader, in_table=True) + mark,
        *("-" if told[side] is None else f"{told[side]:.3f}" for side in ("baseline", "candidate")),
        *("-" if end is None else points(end) for end in ends),
        p_of(paired.p if paired else None).replace("<", "&lt;"),
        *(f"{told[count]:,}" for count in ("wins", "losses", "ties")),
    )


def _lists(report: Report, one: Candidate) -> str:
    """The broken and the fixed items, each in a part that opens."""
    if one.primary is None:
        return ""
    whole = {"broken": one.primary.broken, "fixed": one.primary.fixed}
    return "\n".join(
        _list(f"{number:,} {change}", report.of(one, change), number)
        for change, number in whole.items()
        if report.of(one, change)
    )


def _list(title: str, flips: Sequence[Flip], whole: int) -> str:
    if len(flips) < whole:
        title += f", {len(flips):,} shown"
    body = "\n".join(
        f"**{code(flip.id)}**\n\nbaseline {flip.before:.3f}\n\n{fence(flip.before_output)}\n"
        f"candidate {flip.after:.3f}\n\n{fence(flip.after_output)}"
        for flip in flips
    )
    return f"<details><summary>{title}</summary>\n\n{body}\n</details>\n"
