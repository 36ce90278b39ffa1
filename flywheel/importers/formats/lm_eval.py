"""Logs of lm-eval: a `samples_TASK_DATE.jsonl` and the `results_DATE.json` in the same folder.

One file of samples is one run. A metric is a grader with lm-eval's name: `acc`, or
`exact_match,strict` with a filter. A metric that is not one number per item (such as BLEU), or that
is better when lower, is left out with a message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flywheel.data.rows.rows import read_lines
from flywheel.errors import BadFile
from flywheel.importers.formats.log import Part, load_log, parse_log
from flywheel.importers.verdict import Answer, Naming, Source, Verdict, is_name, passes

_FILE = re.compile(r"samples_(?P<task>.+)_(?P<date>\d{4}-\d\d-\d\dT[\d.-]+)\.jsonl")
# The fields that are not metrics; rows list their metrics only since lm-eval 0.4.8.
_NO_METRICS = {"doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter"} | {
    "doc_hash",
    "prompt_hash",
    "target_hash",
}


@dataclass
class _Metrics:
    """Selects the metrics that become graders. `left_out` gets a line for each other one."""

    higher_is_better: Mapping[str, Any]
    left_out: list[str]

    def take(self, metric: str, value: Any) -> bool:
        """Whether this metric, given its value on an item, becomes a grader."""
        if self.higher_is_better.get(metric) is False:
            return self._leave(metric, "lower is better, but a grader's score must increase")
        if isinstance(value, list | dict | str):
            return self._leave(metric, "not one number per item")
        return True

    def _leave(self, metric: str, story: str) -> bool:
        line = f"{metric}: {story}"
        if line not in self.left_out:
            self.left_out.append(line)
        return False


def read_lm_eval(path: Path, naming: Naming) -> Iterator[Verdict]:
    """The verdicts in a file of samples. Raises BadFile with file:line."""
    named = _FILE.fullmatch(path.name)
    task = named["task"] if named else naming.evalset
    if task is None:
        raise BadFile(
            f"{path}: wanted a file samples_TASK_DATE.jsonl, as lm-eval writes with --log_samples;"
            " for another file name, pass --evalset"
        )
    results = _results(path.with_name(f"results_{named['date']}.json") if named else None)
    source = _source(path, task, results, naming)
    of_task = results.maybe("higher_is_better", task)
    known = {name: part.value for name, part in of_task.fields()} if of_task else {}
    metrics = _Metrics(known, naming.left_out)
    items: set[str] = set()
    for number, line in read_lines(path):
        row = parse_log(f"{path}:{number}", line)
        items.add(row.at("doc_id").name())
        yield from _verdicts(row, source, naming, metrics)
    effective = results.maybe("n-samples", task, "effective")
    if effective:
        naming.check_whole(str(path), source.run, len(items), effective.count(), "items")


def _results(path: Path | None) -> Part:
    """The results file of the run, or an empty object without one."""
    if path is None or not path.is_file():
        return Part(str(path), {})
    return load_log(path)


def _source(path: Path, task: str, results: Part, naming: Naming) -> Source:
    named = results.maybe("model_name")
    model = named.text() if named else path.resolve().parent.name
    if not is_name(model):
        model = "unknown"
    return Source(
        run=naming.run or path.stem.removeprefix("samples_"),
        evalset=naming.evalset or task,
        split=naming.split,
        model=model,
        note=f"imported from {path.name} of lm-eval",
        complete=True,
    )


def _verdicts(row: Part, source: Source, naming: Naming, metrics: _Metrics) -> Iterator[Verdict]:
    item, doc = row.at("doc_id").name(), row.maybe("doc")
    known, filtered = row.maybe("doc_hash"), row.maybe("filter")
    suffix = f",{filtered.text()}" if filtered and filtered.value != "none" else ""
    group = row.maybe("doc", naming.group) if naming.group else None
    ungraded = Verdict(
        place=row.place,
        source=source,
        item=item,
        grader=None,
        score=None,
        passed=None,
        group=group.name() if group else None,
        answer=Answer(output=_output(row)),
        content={"doc_hash": known.text()} if known else {"doc": doc.value if doc else None},
    )
    taken = False
    for metric in _named(row):
        value = Part(f"{row.place}.{metric}", row.value.get(metric))
        grader = metric + suffix
        if not is_name(grader):
            raise row.refuse(f"the metric's name {grader!r:.80} is too long, or not printable")
        if not metrics.take(metric, value.value):
            continue
        taken = True
        if value.value is None:
            yield ungraded._replace(grader=grader, error="no number in the log")
        else:
            score = value.number()
            yield ungraded._replace(grader=grader, score=score, passed=passes(score))
    if not taken:
        yield ungraded


def _named(row: Part) -> list[str]:
    """The names of the metrics in a row."""
    given = row.maybe("metrics")
    if given:
        return [part.text() for part in given.parts()]
    return [name for name, _ in row.fields() if name not in _NO_METRICS]


def _output(row: Part) -> str | None:
    """The model's text; None if it only scored given answers."""
    try:
        first = row.value["resps"][0][0]
    except (LookupError, TypeError):
        return None
    return first if isinstance(first, str) else None
