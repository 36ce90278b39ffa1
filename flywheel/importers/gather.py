"""Gather: read all verdicts before any is written, in little memory.

Numbers are in columns and texts in a spool: a verdict takes about a hundred bytes. Contradictions
(a duplicate verdict, a run with two evalsets) are refused with their location.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from flywheel.errors import BadFile, BadOption
from flywheel.evals.run.run_names import why_not
from flywheel.importers.columns import ImportedEvalset, Run
from flywheel.importers.spool import Spool
from flywheel.importers.verdict import (
    MOST_REPEATS,
    NO_ANSWER,
    Answer,
    Source,
    Verdict,
    passes,
)
from flywheel.store.rows.digest import canonical_json

_MOST_GRADERS = 256
_UNKNOWN = float("nan")
_NO_VERDICT = "the log has no verdict of this grader"


@dataclass
class Gathered:
    """All runs of a file, by name."""

    runs: dict[str, Run]
    spool: Spool


def gather(verdicts: Iterable[Verdict], spool: Spool, primary: str | None = None) -> Gathered:
    """Read all verdicts. Raises BadFile with a location, BadOption if `primary` is unknown."""
    runs: dict[str, Run] = {}
    evalsets: dict[str, ImportedEvalset] = {}
    for verdict in verdicts:
        source = verdict.source
        run = runs.get(source.run)
        if run is None:
            if fault := why_not(source.run):
                raise BadFile(
                    f"{verdict.place}: the run's name {source.run!r:.80}: {fault}; rename it in"
                    " the file, or pass --run if the file is one run"
                )
            evalset = evalsets.setdefault(source.evalset, ImportedEvalset(source.evalset))
            run = runs[source.run] = Run(source, evalset)
        elif run.source is not source and run.source != source:
            raise BadFile(f"{verdict.place}: {_differs(run.source, source)}")
        _add(run, verdict, spool)
    for run in runs.values():
        _finish(run, spool)
    _drop_pass_marks(runs.values())
    for one in evalsets.values():
        _set_primary(one, primary)
    return Gathered(runs, spool)


def _set_primary(one: ImportedEvalset, primary: str | None) -> None:
    if primary is not None and primary not in one.graders:
        raise BadOption(
            f"--primary: {one.name} has no grader {primary!r}; it has"
            f" {', '.join(sorted(one.graders)) or 'none'}"
        )
    if not one.graders:
        raise BadFile(f"{one.name} has no verdicts, so there is nothing to compare")
    one.primary = primary or next(iter(one.graders))


def _differs(one: Source, other: Source) -> str:
    for what in ("evalset", "split", "model", "prompt"):
        before, now = getattr(one, what), getattr(other, what)
        if before != now:
            return f"run {one.run!r} has two values of {what}: {before!r:.80} and {now!r:.80}"
    return f"two different runs are named {one.run!r}"


def _add(run: Run, verdict: Verdict, spool: Spool) -> None:
    sample = _sample(run, _position(run, verdict, spool), verdict, spool)
    if verdict.grader is None:
        text = verdict.error or _NO_VERDICT
        run.faults[sample] = _keep(run, spool, text)
        return
    graders = run.evalset.graders
    grader = graders.setdefault(verdict.grader, len(graders))
    if grader >= _MOST_GRADERS:
        raise BadFile(
            f"{verdict.place}: more than {_MOST_GRADERS} graders; is it a column of text?"
        )
    if not _is_first(run, sample, grader):
        raise BadFile(
            f"{verdict.place}: duplicate verdict of {verdict.grader!r} on item"
            f" {verdict.item!r:.80}, repeat {verdict.repeat}, in run {run.source.run!r}; number"
            " repeats with `repeat`"
        )
    columns = run.verdicts
    columns.sample.append(sample)
    columns.grader.append(grader)
    columns.score.append(_UNKNOWN if verdict.score is None else verdict.score)
    columns.passed.append(-1 if verdict.passed is None else verdict.passed)
    columns.reason.append(_keep(run, spool, verdict.reason or None))
    columns.error.append(_keep(run, spool, verdict.error))


def _is_first(run: Run, sample: int, grader: int) -> bool:
    """Whether this is the grader's first verdict on the sample; marks it as seen."""
    seen = run.seen.setdefault(grader, bytearray())
    if sample >= len(seen):
        seen.extend(bytes(len(run.samples.position) - len(seen)))
    first = not seen[sample]
    seen[sample] = 1
    return first


def _position(run: Run, verdict: Verdict, spool: Spool) -> int:
    """The position of the item, which is added if it is new."""
    name, group = verdict.item, verdict.group
    position = run.items.get(name)
    if position is None:
        position = run.items[name] = len(run.items)
        run.first.append(-1)
        run.groups.append(None if group is None else run.group_names.setdefault(group, group))
        content = None if verdict.content is None else _content(verdict)
        run.contents.append(_keep(run, spool, content))
    elif group is not None and run.groups[position] != group:
        if run.groups[position] is not None:
            raise BadFile(
                f"{verdict.place}: item {name!r:.80} has two groups:"
                f" {run.groups[position]!r:.80} and {group!r:.80}"
            )
        run.groups[position] = group
    if group is not None:
        run.evalset.grouped = True
    return position


def _content(verdict: Verdict) -> str:
    try:
        return canonical_json(verdict.content)
    except (RecursionError, ValueError) as error:
        raise BadFile(f"{verdict.place}: the item cannot be stored: {error}") from None


def _sample(run: Run, position: int, verdict: Verdict, spool: Spool) -> int:
    """The index of the sample, which is added if it is new. Raises BadFile if rows contradict."""
    columns, answer = run.samples, verdict.answer
    key = position * MOST_REPEATS + verdict.repeat
    sample = run.later.get(key, -1) if verdict.repeat else run.first[position]
    if sample < 0:
        sample = len(columns.position)
        if verdict.repeat:
            run.later[key] = sample
        else:
            run.first[position] = sample
        columns.position.append(position)
        columns.repeat.append(verdict.repeat)
        columns.output.append(_keep(run, spool, answer.output))
        columns.error.append(_keep(run, spool, answer.error))
        columns.prompt_tokens.append(_or_minus_one(answer.prompt_tokens))
        columns.completion_tokens.append(_or_minus_one(answer.completion_tokens))
        columns.cached_tokens.append(_or_minus_one(answer.cached_tokens))
        columns.seconds.append(_UNKNOWN if answer.seconds is None else answer.seconds)
        columns.price.append(_UNKNOWN if answer.price is None else answer.price)
    elif answer is not NO_ANSWER and answer != answer_of(run, sample, spool):
        raise BadFile(
            f"{verdict.place}: rows of one answer (item {verdict.item!r:.80}, repeat"
            f" {verdict.repeat}) differ in output, tokens, seconds or price; give them only in the"
            " first row, or the same in all"
        )
    return sample


def answer_of(run: Run, sample: int, spool: Spool) -> Answer:
    """The answer of a sample, from its columns."""
    columns = run.samples
    return Answer(
        output=spool.get(columns.output[sample]),
        prompt_tokens=_known(columns.prompt_tokens[sample]),
        completion_tokens=_known(columns.completion_tokens[sample]),
        cached_tokens=_known(columns.cached_tokens[sample]),
        seconds=_number(columns.seconds[sample]),
        price=_number(columns.price[sample]),
        error=spool.get(columns.error[sample]),
    )


def _finish(run: Run, spool: Spool) -> None:
    """Add ungraded verdicts for those that a complete run lacks, and free temporary data."""
    if run.source.complete:
        columns = run.verdicts
        for sample in range(len(run.samples.position)):
            for grader in run.evalset.graders.values():
                if _is_first(run, sample, grader):
                    columns.sample.append(sample)
                    columns.grader.append(grader)
                    columns.score.append(_UNKNOWN)
                    columns.passed.append(-1)
                    columns.reason.append(-1)
                    fault = run.faults.get(sample)
                    columns.error.append(
                        spool.add(_NO_VERDICT.encode()) if fault is None else fault
                    )
    run.seen.clear()
    run.later.clear()
    run.group_names.clear()
    del run.first[:]


def _drop_pass_marks(runs: Collection[Run]) -> None:
    """Clear `passed` of graders with any score outside 0 to 1, whose pass mark is unknown."""
    unknown: set[tuple[str, str]] = set()
    for run in runs:
        names, columns = list(run.evalset.graders), run.verdicts
        for grader, score, passed in zip(
            columns.grader, columns.score, columns.passed, strict=True
        ):
            if passed < 0 and score == score and passes(score) is None:
                unknown.add((run.evalset.name, names[grader]))
    for run in runs:
        names, columns = list(run.evalset.graders), run.verdicts
        for at, grader in enumerate(columns.grader):
            if (run.evalset.name, names[grader]) in unknown:
                columns.passed[at] = -1


def _keep(run: Run, spool: Spool, text: str | None) -> int:
    """Add a text to the spool and to the run's digest. Returns its position, -1 for None."""
    if text is None:
        run.texts.update(b"-")
        return -1
    data = text.encode("utf-8", "surrogatepass")
    run.texts.update(b"%d:" % len(data) + data)
    return spool.add(data)


def _or_minus_one(value: int | None) -> int:
    return -1 if value is None else value


def _known(value: int) -> int | None:
    return None if value < 0 else value


def _number(value: float) -> float | None:
    return None if value != value else value
