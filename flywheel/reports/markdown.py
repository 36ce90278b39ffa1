"""Markdown for a CI step summary: the decision first, then the checks and items.

Model output is fenced with a fence longer than any inside it, and names are code spans, so their
markup is not rendered: no image loads and nobody is mentioned. GitHub accepts 1 MiB per step; item
lists that do not fit are left out with a note.
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

# GitHub's limit is 1,048,576 bytes.
_MOST_BYTES = 900_000
_MOST_ANSWER = 1000
_MARKS = {"pass": "ok", "fail": "**NO**", "open": "?"}
_COLUMNS = ("grader", "baseline", "candidate", "points", "low", "high", "p", "won", "lost", "tied")


def compare_markdown(report: Report) -> str:
    """A comparison: for each candidate its finding, its graders and its changed items."""
    comparison, base = report.comparison, report.comparison.baseline
    parts = [f"## {code(f'{base.evalset} {base.split}')}: {_heading(comparison)}\n"]
    parts.append(f"Baseline {code(base.run)}, {code(base.model)}.\n")
    if len(comparison.candidates) > 1:
        rows = [(code(one.run.run, in_table=True), headline(one)) for one in comparison.candidates]
        parts += [table(("candidate", "finding"), rows), prose(spread_of(comparison)) + "\n"]
    sections = [_candidate(comparison, one) for one in comparison.candidates]
    room = _MOST_BYTES - sum(len(part.encode()) for part in (*parts, *sections))
    for one, section in zip(comparison.candidates, sections, strict=True):
        lists = _lists(report, one)
        if len(lists.encode()) > room:
            lists = "Fixed and broken items are left out; the summary would be too long.\n"
        room -= len(lists.encode())
        parts += [section, lists]
    return "\n".join(part for part in parts if part)


def gate_markdown(verdict: Verdict, promoted: bool = False) -> str:
    """A gate's verdict: the outcome, then every check."""
    decision = verdict.decision
    run = code(verdict.candidate.run)
    base = code(verdict.baseline.run)
    outcome = {
        "promote": f"PROMOTE {run}"
        + (f": {verdict.claim}" if verdict.margin < 0 else "")
        + (": now the baseline" if promoted else ""),
        "keep": f"KEEP {base}",
        "undecided": "UNDECIDED"
        + (f": needs about {decision.items:,} items" if decision.items else ""),
    }[decision.outcome]
    evalset = code(f"{verdict.baseline.evalset} {verdict.baseline.split}")
    rows = [(_MARKS[one.state], prose(one.name), prose(one.reason)) for one in decision.checks]
    return "\n".join(
        (
            f"## {outcome}\n",
            f"{run} against {base} on {evalset}, look {decision.look}.\n",
            table(("", "check", "reason"), rows),
        )
    )


def code(words: str, *, in_table: bool = False) -> str:
    """A name as a code span; its markup is not rendered."""
    shown = one_line(words)
    if in_table:
        # GitHub splits cells before it parses code spans, and removes this backslash then.
        shown = shown.replace("|", "\\|")
    ticks = "`" * (_longest(shown) + 1)
    room = " " if shown[:1] in "` " or shown[-1:] in "` " else ""
    return f"{ticks}{room}{shown}{room}{ticks}"


def prose(words: str) -> str:
    """A sentence with its markup escaped: it may contain untrusted names."""
    shown = re.sub(r"([\\`*_\[\]<>|&~@#$])", r"\\\1", one_line(words, 1000))
    return re.sub(r"(?i)(://|www\.)", lambda match: "\\" + match[0], shown)


def fence(words: str, most: int = _MOST_ANSWER) -> str:
    """A model's answer as a code block, truncated to `most` characters."""
    answer = cut(words, most)
    ticks = "`" * max(3, _longest(answer.shown) + 1)
    more = f"\n({answer.left_out:,} more characters)\n" if answer.left_out else ""
    return f"{ticks}text\n{answer.shown}\n{ticks}\n{more}"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table. Cells are Markdown; their pipes must be escaped."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _longest(words: str) -> int:
    return max((len(run) for run in re.findall("`+", words)), default=0)


def _heading(comparison: Comparison) -> str:
    if len(comparison.candidates) == 1:
        return headline(comparison.candidates[0])
    return f"{len(comparison.candidates)} candidates"


def _candidate(comparison: Comparison, one: Candidate) -> str:
    points = "\n".join(f"- {prose(sentence)}" for sentence in conclude(comparison, one))
    rows = [_row(grader) for grader in one.graders.values()]
    return (
        f"### {code(one.run.run)}, {code(one.run.model)}\n\n{points}\n\n{table(_COLUMNS, rows)}\n"
        "\\* primary, + guard, ! audit; low and high bound the difference, 95%\n"
    )


def _row(grader: GraderComparison) -> tuple[str, ...]:
    values, paired = grader.as_json(), grader.paired
    mark = {"primary": "\\*", "guard": "+", "audit": "!"}.get(grader.role, "")
    shares = (paired.difference, paired.low, paired.high) if paired else (None, None, None)
    means = (values["baseline"], values["candidate"])
    return (
        code(grader.grader, in_table=True) + mark,
        *("-" if mean is None else f"{mean:.3f}" for mean in means),
        *("-" if share is None else points(share) for share in shares),
        p_of(paired.p if paired else None).replace("<", "&lt;"),
        *(f"{values[count]:,}" for count in ("wins", "losses", "ties")),
    )


def _lists(report: Report, one: Candidate) -> str:
    """The broken and the fixed items, each list collapsed."""
    if one.primary is None:
        return ""
    totals = {"broken": one.primary.broken, "fixed": one.primary.fixed}
    return "\n".join(
        _list(f"{number:,} {change}", report.of(one, change), number)
        for change, number in totals.items()
        if report.of(one, change)
    )


def _list(title: str, flips: Sequence[Flip], total: int) -> str:
    if len(flips) < total:
        title += f", {len(flips):,} shown"
    body = "\n".join(
        f"**{code(flip.id)}**\n\nbaseline {flip.before:.3f}\n\n{fence(flip.before_output)}\n"
        f"candidate {flip.after:.3f}\n\n{fence(flip.after_output)}"
        for flip in flips
    )
    return f"<details><summary>{title}</summary>\n\n{body}\n</details>\n"
