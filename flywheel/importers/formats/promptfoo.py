"""Results of promptfoo: the JSON file of `promptfoo eval -o results.json` or `promptfoo export`.

Each provider with each prompt is a run, for that is what one would compare. The grader `score` is
promptfoo's own mean of all assertions; every named metric is one more. Versions that write no
`namedScoreWeights` keep a metric as the sum over its assertions, and it becomes their mean. A
request that failed, and a metric whose grader failed, is ungraded: promptfoo writes a 0 for both.
The same test again (`--repeat`) is a repeat. A test is known by its variables, description and
assertions.
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
# What promptfoo says of an assertion that raised, beside the mark that it gives a judge's failure.
_RAISED = ("Custom function threw error", "Python code execution failed")
_SHOWN = 120


def read_promptfoo(path: Path, naming: Naming) -> Iterator[Verdict]:
    """The verdicts in a results file. Raises BadFile with the place of what is wrong."""
    log = load_log(path)
    results = log.at("results")
    version = results.maybe("version")
    if version is None or version.value != 3:
        found = version.value if version else None
        raise BadFile(
            f"{path}: wanted results of version 3, as newer promptfoo writes, got {found!r:.80}"
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
    """The sum of the counts that are there."""
    found = [counts.maybe(name) for name in names] if counts else []
    return sum(part.count() for part in found if part)


def _sources(log: Part, path: Path, naming: Naming) -> dict[int, Source]:
    """The runs by `promptIdx`: one column of promptfoo's table each."""
    known, told = log.maybe("evalId"), log.maybe("config", "description")
    evalset = naming.evalset or (told.text()[:200] if told else None)
    if evalset is None or not is_name(evalset):
        raise BadFile(
            f"{path}: the results have no description to name the evalset; give --evalset"
        )
    columns = list(log.at("results").at("prompts").parts())
    stem = naming.run or (known.text() if known else path.stem)
    found: dict[int, Source] = {}
    for number, column in enumerate(columns):
        model = column.at("provider").text()
        if not is_name(model):
            raise column.at("provider").refuse("wanted a name of 1 to 200 printable characters")
        run = naming.run if naming.run and len(columns) == 1 else f"{stem}-{number}"
        found[number] = Source(
            run=run,
            evalset=evalset,
            split=naming.split,
            model=model,
            note=f"imported from {path.name} of promptfoo",
            prompt=({"role": "user", "content": column.at("raw").text()},),
        )
    return found


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
    """The overall score and those of the named metrics."""
    listed = result.maybe("gradingResult", "componentResults")
    components = [part for part in listed.parts() if part.value is not None] if listed else []
    faults = [story for part in components if (story := _fault(part))]
    reason = result.maybe("gradingResult", "reason")
    if faults:
        yield ungraded._replace(error=faults[0])
    else:
        score = result.at("score").number()
        told = reason.text() if reason else ""
        yield ungraded._replace(score=score, passed=bool(result.at("success").value), reason=told)
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
    """Why a grader reached no verdict, None when it did."""
    reason, marked = component.maybe("reason"), component.maybe("metadata", "graderError")
    told = reason.text() if reason else "the grader failed"
    return told if (marked and marked.value is True) or told.startswith(_RAISED) else None


def _metric(component: Part) -> Any:
    metric = component.maybe("assertion", "metric")
    return metric.value if metric else None


def _asserted(test: Part, metric: str) -> int:
    """How many assertions of a test count for a metric, those of its sets among them."""
    asserted = test.maybe("assert")
    total = 0
    for part in asserted.parts() if asserted else ():
        named = part.maybe("metric")
        total += bool(named and named.value == metric)
        total += _asserted(part, metric)
    return total


def _metrics_of(test: Part) -> list[str]:
    """The named metrics that a test would have had."""
    asserted = test.maybe("assert")
    found = [part.maybe("metric") for part in asserted.parts()] if asserted else []
    return list(dict.fromkeys(part.value for part in found if part and is_name(part.value)))


def _content(test: Part, result: Part) -> dict[str, Any]:
    """What makes a test that very test."""
    given = test.maybe("vars") or result.maybe("vars")
    found: dict[str, Any] = {"vars": given.value if given else {}}
    told, asserted = test.maybe("description"), test.maybe("assert")
    if told:
        found["description"] = told.text()
    if asserted:
        found["assert"] = _digest(asserted)
    return found


def _digest(part: Part) -> str:
    try:
        return digest(part.value)
    except (RecursionError, ValueError) as error:
        raise BadFile(f"{part.place}: cannot be kept: {error}") from None


def _item(content: dict[str, Any]) -> str:
    """A name for people, and eight letters against a clash."""
    try:
        told = content.get("description") or canonical_json(content["vars"])
        return f"{' '.join(told.split()):.{_SHOWN}} {digest(content)[:8]}"
    except (RecursionError, ValueError) as error:
        raise BadFile(f"a test's variables cannot be kept: {error}") from None


def _answer(result: Part, error: str | None) -> Answer:
    output = result.maybe("response", "output")
    latency, cost = result.maybe("latencyMs"), result.maybe("cost")
    counts = {
        key: found.count() if (found := result.maybe("tokenUsage", key)) else None
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
        raise BadFile(f"{output.place}: cannot be kept: {error}") from None
