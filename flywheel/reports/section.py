"""One candidate's part of the page: the verdict, the plots, the tables and the items."""

from __future__ import annotations

from collections.abc import Sequence

from flywheel.evals.decision.compare import Candidate, Comparison, GraderComparison
from flywheel.evals.decision.conclude import conclude
from flywheel.evals.decision.decide import p_of, points
from flywheel.evals.decision.finding import finding_of, side_of
from flywheel.evals.decision.flips import Flip
from flywheel.reports.diff import Piece, diff
from flywheel.reports.hypertext import figure, name, table, text
from flywheel.reports.intervals import Row, interval_plot
from flywheel.reports.report import Report
from flywheel.reports.scatter import MOST_POINTS, scatter
from flywheel.reports.words import MOST_SHOWN, cut
from flywheel.stats.seeds import seed_of
from flywheel.visible import one_line

_SHAPES = "▲ better, ▼ worse, ● not significant; the primary grader in bold; 95% intervals."
_MOST_SLICES = 40
_MOST_REASON = 300


def section(report: Report, candidate: Candidate, number: int) -> str:
    """One candidate's section as HTML."""
    comparison, run, primary = report.comparison, candidate.run, candidate.primary
    look = finding_of(primary) if primary else "too few"
    verdict, *more = conclude(comparison, candidate)
    sentences = "".join(f"<p>{text(sentence)}</p>\n" for sentence in more)
    return (
        f'<section class="candidate" id="c{number}">\n<h2>{name(run.run)}</h2>\n'
        f'<p class="soft">{name(run.model)}</p>\n'
        f'<p class="verdict {look}">{text(verdict)}</p>\n{sentences}'
        f'<div class="plots">{_intervals(candidate)}{_scatter(comparison, candidate)}</div>\n'
        f"{_graders(candidate)}{_slices(candidate)}"
        f"{_items(report, candidate, 'broken')}{_items(report, candidate, 'fixed')}</section>\n"
    )


def _intervals(candidate: Candidate) -> str:
    rows = [
        Row(
            f"{one.grader}{_role(one)}",
            one.paired,
            finding_of(one),
            strong=one.role == "primary",
        )
        for one in candidate.graders.values()
    ]
    title = f"Candidate minus baseline by grader, {one_line(candidate.run.run)}"
    return figure(interval_plot(rows, title), f"Candidate minus baseline, by grader. {_SHAPES}")


def _role(one: GraderComparison) -> str:
    return "" if one.role == "other" else f" ({one.role})"


def _scatter(comparison: Comparison, candidate: Candidate) -> str:
    primary = candidate.primary
    if primary is None or primary.paired is None:
        return ""
    seed = seed_of("scatter", comparison.baseline.run, candidate.run.run)
    caption = f"Each mark is an item, by {one_line(primary.grader)}. Wins are above the diagonal."
    if primary.paired.n > MOST_POINTS:
        caption += f" A random {MOST_POINTS:,} of {primary.paired.n:,} items are drawn."
    return figure(scatter(primary.pairs, primary.paired, seed), caption, "square")


_COLUMNS = (
    "grader",
    "role",
    "baseline",
    "candidate",
    "points",
    "low",
    "high",
    "p",
    "won",
    "lost",
    "tied",
    "fixed",
    "broken",
    "MDE",
    "items",
    "ungraded",
)


def _graders(candidate: Candidate) -> str:
    rows = [_grader(one) for one in candidate.graders.values()]
    roles = [one.role for one in candidate.graders.values()]
    strong = roles.index("primary") if "primary" in roles else -1
    graders = table("Graders; ungraded answers are baseline / candidate", _COLUMNS, rows, strong)
    return f"<h3>Graders</h3>\n{graders}"


def _grader(one: GraderComparison) -> list[str]:
    values, paired = one.as_json(), one.paired
    before, after = one.pairs.sides
    return [
        name(one.grader),
        one.role,
        _score(values["baseline"]),
        _score(values["candidate"]),
        _points(paired and paired.difference),
        _points(paired and paired.low),
        _points(paired and paired.high),
        text(p_of(paired.p if paired else None)),
        f"{values['wins']:,}",
        f"{values['losses']:,}",
        f"{values['ties']:,}",
        f"{one.fixed:,}",
        f"{one.broken:,}",
        "-" if one.mde is None else f"{100 * one.mde:.1f}",
        f"{values['n']:,}",
        f"{before.ungraded:,} / {after.ungraded:,}",
    ]


def _score(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _points(share: float | None) -> str:
    return "-" if share is None else points(share)


def _slices(candidate: Candidate) -> str:
    if not candidate.slices:
        return ""
    drawn = candidate.slices[:_MOST_SLICES]
    rows = [
        Row(
            f"{part.tag}, {part.paired.n:,} items", part.paired, side_of(part.paired, part.adjusted)
        )
        for part in drawn
    ]
    plot = interval_plot(rows, f"Candidate minus baseline by slice, {one_line(candidate.run.run)}")
    many = len(candidate.slices)
    caption = f"The primary grader by slice. Marks use p adjusted for {many} slices."
    if len(drawn) < many:
        caption += f" The first {len(drawn)} are drawn."
    cells = [
        [
            name(part.tag),
            f"{part.paired.n:,}",
            _points(part.paired.difference),
            _points(part.paired.low),
            _points(part.paired.high),
            text(p_of(part.adjusted)),
        ]
        for part in candidate.slices
    ]
    columns = ("slice", "items", "points", "low", "high", f"p of {many}")
    body = figure(plot, caption) + table("Slices", columns, cells)
    return f'<h3>Slices</h3>\n<div class="plots">{body}</div>\n'


def _items(report: Report, candidate: Candidate, change: str) -> str:
    flips = report.of(candidate, change)
    primary = candidate.primary
    total = 0 if primary is None else primary.broken if change == "broken" else primary.fixed
    if not flips:
        return f"<h3>{change.capitalize()} items: {total:,}</h3>\n"
    count = f"{total:,}" if len(flips) == total else f"{total:,}, the first {len(flips):,} shown"
    body = "".join(_item(flip) for flip in flips)
    note = (
        '<p class="note">Words only in the baseline are <del>dashed</del>, words only in the'
        " candidate are <ins>underlined</ins>.</p>\n"
    )
    return f"<h3>{change.capitalize()} items: {count}</h3>\n{note}{body}"


def _item(flip: Flip) -> str:
    before, after = cut(flip.before_output), cut(flip.after_output)
    left, right = diff(before.shown, after.shown)
    sides = (
        ("baseline", flip.before, _marked(left, "del"), before.left_out, flip.before_reason),
        ("candidate", flip.after, _marked(right, "ins"), after.left_out, flip.after_reason),
    )
    shown = "".join(
        f"<figure><figcaption>{who}, {score:.3f}{_reason(why)}</figcaption>"
        f'<pre dir="auto">{answer or "(nothing)"}</pre>{_left_out(more)}</figure>\n'
        for who, score, answer, more, why in sides
    )
    return (
        f'<article class="flip"><h4>{text(flip.change)} {name(flip.id)}</h4>\n'
        f'<div class="pair">{shown}</div></article>\n'
    )


def _reason(why: str) -> str:
    return f": {text(one_line(why, _MOST_REASON))}" if why else ""


def _marked(pieces: Sequence[Piece], tag: str) -> str:
    return "".join(
        f"<{tag}>{text(piece.text)}</{tag}>" if piece.alone else text(piece.text)
        for piece in pieces
    )


def _left_out(more: int) -> str:
    if not more:
        return ""
    return f'<p class="note">Truncated to {MOST_SHOWN:,} characters; {more:,} more.</p>'
