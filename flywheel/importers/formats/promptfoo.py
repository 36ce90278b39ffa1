"""Results of promptfoo: the JSON file of `promptfoo eval -o results.json` or `promptfoo export`.

Each combination of provider and prompt is a run. The grader `score` is promptfoo's mean of all
assertions; every named metric is another grader. Versions without `namedScoreWeights` write a
metric as the sum over its assertions, which is converted to the mean. A failed request, and a
metric whose grader failed, is ungraded; promptfoo writes 0 for both. A repeated test (`--repeat`)
is a repeat. A test is identified by its variables, description and assertions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flywheel.errors import BadFile
from flywheel.importers.formats.log import Part, load_log
from flywheel.importers.verdict import (
    MOST_REPEATS,
    Answer,
    Naming,
    Source,
    Verdict,
    is_name,
    passes,
)
from flywheel.store.rows.digest import canonical_json, digest
from graders.text.strict_json import dump_json

_OVERALL = "score"
_REQUEST_FAILED = 2
# The reasons that promptfoo gives for an assertion that raised; it marks only failed judges.
_RAISED = ("Custom function threw error", "Python code execution failed")
_SHOWN = 120


def read_promptfoo(path: Path, naming: Naming) -> Iterator[Verdict]:
    """The verdicts in a results file. Raises BadFile with the location of an error."""
    log = load_log(path)
    results = log.at("results")
    version = results.maybe("version")
    if version is None or version.value != 3:
        given = version.value if version else None
        raise BadFile(
            f"{path}: wanted results of version 3, as newer promptfoo writes, got {given!r:.80}"
        )
    sources = _sources(log, path, naming)
    times: Counter[tuple[str, str]] = Counter()
    kept: Counter[int] = Counter()
    for result in results.at("results").parts():
        column = result.at("promptIdx").count()
        source = sources.get(column)
        if source is None:
            raise result.at("promptIdx").refuse("no such prompt in results.prompts")
        kept[column] += 1
        yield from _verdicts(result, source, naming, times)
    for number, column in enumerate(results.at("prompts").parts()):
        counted = _sum_of(
            column.maybe("metrics"), "testPassCount", "testFailCount", "testErrorCount"
        )
        naming.check_whole(column.place, sources[number].run, kept[number], counted, "results")
    if results.maybe("stats") and sources:
        counted = _sum_of(results.at("stats"), "successes", "failures", "errors")
        run = next(iter(sources.values())).run
        naming.check_whole(str(path), run, kept.total(), counted, "results")


def _sum_of(counts: Part | None, *names: str) -> int:
    """The sum of those counts that exist."""
    parts = [counts.maybe(name) for name in names] if counts else []
    return sum(part.count() for part in parts if part)


def _sources(log: Part, path: Path, naming: Naming) -> dict[int, Source]:
    """The runs by `promptIdx`, which is a column of promptfoo's table."""
    known, description = log.maybe("evalId"), log.maybe("config", "description")
    evalset = naming.evalset or (description.text()[:200] if description else None)
    if evalset is None or not is_name(evalset):
        raise BadFile(f"{path}: no description to name the evalset by; pass --evalset")
    columns = list(log.at("results").at("prompts").parts())
    stem = naming.run or (known.text() if known else path.stem)
    sources: dict[int, Source] = {}
    for number, column in enumerate(columns):
        model = column.at("provider").text()
        if not is_name(model):
            raise column.at("provider").refuse("wanted a name of 1 to 200 printable characters")
        run = naming.run if naming.run and len(columns) == 1 else f"{stem}-{number}"
        sources[number] = Source(
            run=run,
            evalset=evalset,
            split=naming.split,
            model=model,
            note=f"imported from {path.name} of promptfoo",
            prompt=({"role": "user", "content": column.at("raw").text()},),
        )
    return sources


def _verdicts(
    result: Part, source: Source, naming: Naming, times: Counter[tuple[str, str]]
) -> Iterator[Verdict]:
    test = result.at("testCase")
    content = _content(test, result)
    item = _item(content)
    repeat = times[source.run, item]
    times[source.run, item] += 1
    if repeat >= MOST_REPEATS:
        raise result.refuse("the same test is repeated too often")
    group = result.maybe("vars", naming.group) if naming.group else None
    failed = result.maybe("failureReason")
    error = result.maybe("error")
    fault = None
    if failed and failed.value == _REQUEST_FAILED:
        fault = error.text() if error else "the request failed"
    ungraded = Verdict(
        place=result.place,
        source=source,
        item=item,
        grader=_OVERALL,
        score=None,
        passed=None,
        error=fault,
        repeat=repeat,
        group=group.name() if group else None,
        answer=_answer(result, fault),
        content=content,
    )
    if fault is not None:
        yield ungraded
        for name in _metrics_of(test):
            yield ungraded._replace(grader=name)
    else:
        yield from _graded(result, ungraded)


def _graded(result: Part, ungraded: Verdict) -> Iterator[Verdict]:
    """The overall score, and those of the named metrics."""
    listed = result.maybe("gradingResult", "componentResults")
    components = [part for part in listed.parts() if part.value is not None] if listed else []
    faults = [story for part in components if (story := _fault(part))]
    reason = result.maybe("gradingResult", "reason")
    if faults:
        yield ungraded._replace(error=faults[0])
    else:
        score = result.at("score").number()
        text = reason.text() if reason else ""
        yield ungraded._replace(score=score, passed=bool(result.at("success").value), reason=text)
    named = result.maybe("namedScores")
    for name, value in named.fields() if named else ():
        if not is_name(name) or name == _OVERALL:
            raise value.refuse(f"a metric cannot be called {name!r:.80}")
        of_it = [part for part in components if _metric(part) == name]
        broken = [story for part in of_it if (story := _fault(part))]
        if broken:
            yield ungraded._replace(grader=name, error=broken[0])
        elif value.value is None:
            yield ungraded._replace(grader=name, error="no number in the log")
        else:
            score = value.number()
            if result.maybe("gradingResult", "namedScoreWeights", name) is None:
                score /= max(1, _asserted(result.at("testCase"), name) or len(of_it))
            passed = all(part.at("pass").value for part in of_it) if of_it else passes(score)
            yield ungraded._replace(grader=name, score=score, passed=bool(passed))


def _fault(component: Part) -> str | None:
    """The reason why a grader failed, None if it did not."""
    reason, marked = component.maybe("reason"), component.maybe("metadata", "graderError")
    text = reason.text() if reason else "the grader failed"
    return text if (marked and marked.value is True) or text.startswith(_RAISED) else None


def _metric(component: Part) -> Any:
    metric = component.maybe("assertion", "metric")
    return metric.value if metric else None


def _asserted(test: Part, metric: str) -> int:
    """The number of a test's assertions for a metric, including those in assertion sets."""
    asserted = test.maybe("assert")
    total = 0
    for part in asserted.parts() if asserted else ():
        named = part.maybe("metric")
        total += bool(named and named.value == metric)
        total += _asserted(part, metric)
    return total


def _metrics_of(test: Part) -> list[str]:
    """The named metrics of a test's assertions."""
    asserted = test.maybe("assert")
    metrics = [part.maybe("metric") for part in asserted.parts()] if asserted else []
    return list(dict.fromkeys(part.value for part in metrics if part and is_name(part.value)))


def _content(test: Part, result: Part) -> dict[str, Any]:
    """The fields that identify a test."""
    given = test.maybe("vars") or result.maybe("vars")
    content: dict[str, Any] = {"vars": given.value if given else {}}
    description, asserted = test.maybe("description"), test.maybe("assert")
    if description:
        content["description"] = description.text()
    if asserted:
        content["assert"] = _digest(asserted)
    return content


def _digest(part: Part) -> str:
    try:
        return digest(part.value)
    except (RecursionError, ValueError) as error:
        raise BadFile(f"{part.place}: cannot be stored: {error}") from None


def _item(content: dict[str, Any]) -> str:
    """A readable name, made unique with eight characters of the digest."""
    try:
        text = content.get("description") or canonical_json(content["vars"])
        return f"{' '.join(text.split()):.{_SHOWN}} {digest(content)[:8]}"
    except (RecursionError, ValueError) as error:
        raise BadFile(f"a test's variables cannot be stored: {error}") from None


def _answer(result: Part, error: str | None) -> Answer:
    output = result.maybe("response", "output")
    latency, cost = result.maybe("latencyMs"), result.maybe("cost")
    counts = {
        key: tokens.count() if (tokens := result.maybe("tokenUsage", key)) else None
        for key in ("prompt", "completion", "cached")
    }
    return Answer(
        output=None if output is None else _text(output),
        prompt_tokens=counts["prompt"],
        completion_tokens=counts["completion"],
        cached_tokens=counts["cached"],
        seconds=latency.amount() / 1000 if latency else None,
        price=cost.amount() if cost else None,
        error=error,
    )


def _text(output: Part) -> str:
    try:
        return output.value if isinstance(output.value, str) else dump_json(output.value)
    except (RecursionError, ValueError) as error:
        raise BadFile(f"{output.place}: cannot be stored: {error}") from None
