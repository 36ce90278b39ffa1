"""Logs of inspect_ai: `.eval` (a zip) or `.json`. One log is one run.

Letters have inspect's values: C is 1, P is 0.5, I and N are 0. A score with several values (a list
or an object) becomes one grader per value, `scorer/key`. An epoch is a repeat. A sample that
failed, was invalidated or has no score is ungraded, and so is a value that is not a number (which
inspect would count as 0).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from flywheel.errors import BadFile
from flywheel.importers.formats.archive import open_archive
from flywheel.importers.formats.log import Part, load_log, parse_log
from flywheel.importers.verdict import (
    MOST_REPEATS,
    Answer,
    Naming,
    Source,
    Verdict,
    is_name,
    passes,
)

_LETTERS = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}
_WORDS = {"yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}
_ATTACHMENT = "attachment://"


def read_inspect(path: Path, naming: Naming) -> Iterator[Verdict]:
    """The verdicts in a log. Raises BadFile if it is damaged or unfinished."""
    if path.suffix == ".json":
        log = load_log(path)
        source = _source(log, path, naming)
        samples = list(log.at("samples").parts())
        _check_whole(log, source, naming, len(samples))
        for sample in samples:
            yield from _verdicts(sample, source, naming)
        return
    with open_archive(path) as archive:
        names = archive.names()
        if "header.json" not in names:
            raise BadFile(f"{path}: has no header.json: unfinished, or not a log of inspect_ai")
        header = parse_log(f"{path}: header.json", archive.read("header.json"))
        source = _source(header, path, naming)
        kept = [name for name in names if name.startswith("samples/") and name.endswith(".json")]
        _check_whole(header, source, naming, len(kept))
        for name in kept:
            sample = parse_log(f"{path}: {name}", archive.read(name))
            yield from _verdicts(sample, source, naming)


def _check_whole(log: Part, source: Source, naming: Naming, samples: int) -> None:
    """Compare the number of samples with the header: one per item and epoch, failed ones too."""
    total, spec = log.maybe("results", "total_samples"), log.at("eval")
    counted = total.count() if total else 0
    ids, epochs = spec.maybe("dataset", "sample_ids"), spec.maybe("config", "epochs")
    if not counted and ids:
        counted = len(list(ids.parts())) * max(1, epochs.count() if epochs else 1)
    naming.check_whole(log.place, source.run, samples, counted, "samples")


def _source(log: Part, path: Path, naming: Naming) -> Source:
    status = log.at("status").text()
    if status != "success":
        raise BadFile(
            f"{log.place}.status: the log is {status!r}, and the missing samples may be those that"
            " failed. Finish it with: inspect eval-retry"
        )
    spec = log.at("eval")
    task, model = _name(spec.at("task")), _name(spec.at("model"))
    known = spec.maybe("eval_id") or spec.maybe("run_id")
    run = f"{task.rsplit('/')[-1]}-{known.text()[:8]}" if known else path.stem
    return Source(
        run=naming.run or run,
        evalset=naming.evalset or task,
        split=naming.split,
        model=model,
        note=f"imported from {path.name} of inspect_ai",
        complete=True,
    )


def _name(part: Part) -> str:
    if not is_name(part.value):
        raise part.refuse("wanted a name of 1 to 200 printable characters")
    return part.text()


def _verdicts(sample: Part, source: Source, naming: Naming) -> Iterator[Verdict]:
    """The verdicts on one sample; a single one without a grader if there are none."""
    epoch = sample.at("epoch")
    if not 1 <= epoch.count() <= MOST_REPEATS:
        raise epoch.refuse(f"wanted a whole number from 1 to {MOST_REPEATS}")
    scores = sample.maybe("scores")
    given = [one for name, part in scores.fields() for one in _values(name, part)] if scores else []
    error = sample.maybe("error")
    fault = None
    if error and not given:
        fault = error.at("message").text()
    elif sample.maybe("invalidation"):
        fault, given = "the sample was invalidated", []
    ungraded = Verdict(
        place=sample.place,
        source=source,
        item=sample.at("id").name(),
        grader=None,
        score=None,
        passed=None,
        error=fault,
        repeat=epoch.count() - 1,
        group=_group(sample, naming),
        answer=_answer(sample, source.model, fault if error else None),
        content={"input": _input(sample)},
    )
    if not given:
        yield ungraded
    for grader, score, passed, reason, story in given:
        yield ungraded._replace(
            grader=grader, score=score, passed=passed, reason=reason, error=story
        )


class _Given(NamedTuple):
    """One scorer's result: a score, or the reason (`story`) why there is none."""

    grader: str
    score: float | None
    passed: bool | None
    reason: str
    story: str | None


def _values(name: str, part: Part) -> Iterator[_Given]:
    """The results in one score: a single value, or one for each key."""
    explanation = part.maybe("explanation")
    reason = explanation.text() if explanation else ""
    kind = part.maybe("reason")
    value = part.maybe("value") or Part(f"{part.place}.value", None)
    if isinstance(value.value, dict):
        each = [(f"{name}/{key}", one) for key, one in value.fields()]
    elif isinstance(value.value, list):
        each = [(f"{name}/{number}", one) for number, one in enumerate(value.parts())]
    else:
        each = [(name, value)]
    for grader, one in each:
        if not is_name(grader):
            raise part.refuse(f"the grader's name {grader!r:.80} is too long, or not printable")
        score, passed = _number(one)
        story = None
        if score is None:
            parts = (kind.name() if kind else "", reason, _unread(one))
            story = "; ".join(text for text in parts if text)
        yield _Given(grader, score, passed, reason, story)


def _unread(value: Part) -> str:
    return "unscored" if value.value is None else f"{value.value!r:.80} is not a number"


def _number(value: Part) -> tuple[float | None, bool | None]:
    """The score of a value, and whether it passes; like inspect's value_to_float."""
    given: Any = value.value
    if given is None or isinstance(given, dict | list):
        return None, None
    if not isinstance(given, str):
        number = value.number()
        return number, passes(number)
    if given in _LETTERS:
        return _LETTERS[given], given == "C"
    word = given.lower()
    if word in _WORDS:
        return _WORDS[word], _WORDS[word] == 1.0
    try:
        number = float(word)
    except ValueError:
        return None, None
    return (number, passes(number)) if math.isfinite(number) else (None, None)


def _answer(sample: Part, model: str, error: str | None) -> Answer:
    usage = sample.maybe("model_usage", model)
    seconds = sample.maybe("working_time") or sample.maybe("total_time")
    prompt = completion = cached = price = None
    if usage:
        parts = ("input_tokens", "input_tokens_cache_read", "input_tokens_cache_write")
        counts = [_count(usage, part) for part in parts]
        prompt, cached = sum(counts), counts[1]
        completion = _count(usage, "output_tokens")
        cost = usage.maybe("total_cost")
        price = cost.amount() if cost else None
    return Answer(
        output=_output(sample),
        prompt_tokens=prompt,
        completion_tokens=completion,
        cached_tokens=cached,
        seconds=seconds.amount() if seconds else None,
        price=price,
        error=error,
    )


def _count(usage: Part, key: str) -> int:
    tokens = usage.maybe(key)
    return tokens.count() if tokens else 0


def _output(sample: Part) -> str:
    """The answer's text; a long one is in the attachments."""
    completion = sample.maybe("output", "completion")
    text = completion.text() if completion else ""
    if text.startswith(_ATTACHMENT):
        attachment = sample.maybe("attachments", text.removeprefix(_ATTACHMENT))
        return attachment.text() if attachment else text
    return text


def _input(sample: Part) -> Any:
    """The input without message ids, which differ in each run."""
    given = sample.at("input")
    if isinstance(given.value, str):
        return given.value
    return [
        {"role": part.at("role").text(), "content": part.at("content").value}
        for part in given.parts()
    ]


def _group(sample: Part, naming: Naming) -> str | None:
    group = sample.maybe("metadata", naming.group) if naming.group else None
    return group.name() if group else None
