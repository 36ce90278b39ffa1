"""A comparison as one self-contained HTML file.

It has no scripts, fonts, images or requests: its content security policy forbids them and allows
only this style sheet, by its digest. Model output is escaped text.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path

import flywheel
from flywheel.evals.decision.compare import Comparison, Spending
from flywheel.evals.decision.conclude import spread_of
from flywheel.evals.decision.decide import p_of
from flywheel.evals.decision.finding import finding_of, headline
from flywheel.reports.hypertext import figure, name, table, text
from flywheel.reports.intervals import Row, interval_plot
from flywheel.reports.report import Report
from flywheel.reports.section import section
from flywheel.store.tables.runs import RunRow
from flywheel.visible import one_line

_METHODS = {
    "tango": "pass or fail: Tango's score interval, and McNemar's mid-p",
    "gaffke": "graded scores with a declared range: Gaffke's bound",
    "t": "graded scores without a declared range: the paired t of the differences",
    "groups": "items in groups: cluster-robust t (CR2), sign flips of groups and Gaffke's bound,"
    " which must agree",
    "none": "too few items, or too few groups, for an interval",
}


def page(report: Report) -> str:
    """The page as HTML."""
    comparison, base = report.comparison, report.comparison.baseline
    style = Path(__file__).with_name("style.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    title = f"{base.evalset} {base.split}"
    runs = f"{base.run} against {_rivals(comparison)}"
    sections = "".join(
        section(report, one, number) for number, one in enumerate(comparison.candidates, 1)
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{text(one_line(f'{title}: {runs}'))}</title>\n<style>{style}</style></head>\n"
        f"<body>\n<header><h1>{name(title)}</h1>\n"
        f"<p>Baseline {name(base.run)}, {name(base.model)}; primary grader"
        f" {name(base.primary_grader)}.</p></header>\n<main>\n"
        f"{_overview(report)}{sections}{_costs(comparison)}</main>\n{_footer(comparison)}"
        "</body></html>\n"
    )


def _rivals(comparison: Comparison) -> str:
    runs = [one.run.run for one in comparison.candidates]
    return runs[0] if len(runs) == 1 else f"{len(runs)} candidates"


def _overview(report: Report) -> str:
    """All candidates at a glance, each with a link to its section; empty for a single one."""
    candidates = report.comparison.candidates
    if len(candidates) == 1:
        return ""
    primaries = [(one, one.primary) for one in candidates]
    rows = [
        Row(one.run.run, primary.paired if primary else None,
            finding_of(primary) if primary else "too few")
        for one, primary in primaries
    ]  # fmt: skip
    cells = [
        [
            f'<a href="#c{number}">{name(one.run.run)}</a>',
            name(one.run.model[-40:]),
            text(headline(one)),
            text(p_of(primary.adjusted if primary else None)),
            f"{primary.fixed if primary else 0:,}",
            f"{primary.broken if primary else 0:,}",
        ]
        for number, (one, primary) in enumerate(primaries, 1)
    ]
    many = len(candidates)
    columns = ("candidate", "model", "finding", f"p of {many}", "fixed", "broken")
    caption = "Candidate minus baseline. ▲ better, ▼ worse, ● not significant; 95% intervals."
    plot = figure(interval_plot(rows, "Candidate minus baseline by the primary grader"), caption)
    return (
        f"<nav><h2>{many} candidates</h2>\n<p>{text(spread_of(report.comparison))}</p>\n"
        f"{table('Candidates by the primary grader', columns, cells)}"
        f'<div class="plots">{plot}</div></nav>\n'
    )


def _costs(comparison: Comparison) -> str:
    sides = [
        (comparison.baseline, comparison.spending),
        *((one.run, one.spending) for one in comparison.candidates),
    ]
    columns = ("run", "tokens", "from cache", "dollars", "seconds", "latency")
    costs = table(
        "Cost of sampling, without cached answers; latency is the median per request, with others"
        " running concurrently",
        columns,
        [_cost(run, spent) for run, spent in sides],
    )
    return f'<section class="candidate"><h2>Costs</h2>\n{costs}</section>\n'


def _cost(run: RunRow, spent: Spending) -> Sequence[str]:
    cost = spent.cost
    return (
        name(run.run),
        f"{cost.prompt_tokens + cost.completion_tokens:,}",
        f"{cost.cached:,}",
        "-" if cost.price is None else f"{cost.price:.4f}",
        "-" if spent.seconds is None else f"{spent.seconds:.1f}",
        "-" if spent.latency is None else f"{spent.latency:.2f}",
    )


def _footer(comparison: Comparison) -> str:
    """The digests of what was measured, and the statistical methods."""
    base = comparison.baseline
    runs = [base, *(one.run for one in comparison.candidates)]
    rows = [
        (
            name(run.run),
            f"{run.created:%Y-%m-%d %H:%M}",
            text(run.kind),
            name(run.model),
            *(f"<code>{text(one[:16])}</code>" for one in (run.model_digest, run.prompt_digest)),
            text(run.version),
        )
        for run in runs
    ]
    columns = ("run", "begun (UTC)", "kind", "model", "model digest", "prompt digest", "version")
    used = {
        grader.paired.method
        for one in comparison.candidates
        for grader in one.graders.values()
        if grader.paired
    }
    methods = "; ".join(words for method, words in _METHODS.items() if method in used)
    return (
        f"<footer>\n{table('Runs', columns, rows)}"
        f"<dl><dt>evalset</dt>"
        f"<dd>{name(base.evalset)} <code>{text(base.evalset_digest)}</code></dd>\n"
        f"<dt>split</dt><dd>{name(base.split)} <code>{text(base.split_digest)}</code></dd>\n"
        f"<dt>sampling</dt><dd><code>{text(base.sampling_digest)}</code></dd></dl>\n"
        "<p>A difference is the mean over items of candidate minus baseline, in points: hundredths"
        " of a score. Repeats are first averaged per item; items without a score in either run"
        f" are excluded. Intervals are 95%; {text(methods)}. The primary grader's p value"
        " is adjusted for the number of candidates, those of slices for the number of slices"
        " (Holm); those of other graders are not adjusted.</p>\n"
        f"<p>flywheel {text(flywheel.__version__)}</p></footer>\n"
    )
