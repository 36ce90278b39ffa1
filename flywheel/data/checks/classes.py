"""Class distributions, if the answers are classes.

Values are counted per answer, per field of JSON answers, and per label in KTO rows. Answers that
hardly repeat are not classes and are not reported.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, cast

from flywheel.data.checks.findings import Findings
from flywheel.data.rows.shapes import parse_value, shorten
from flywheel.data.rows.training_row import TrainingRow
from flywheel.data.rows.view import Check, View

MOST_CLASSES = 50
_LEAST_ROWS = 10
_LEAST_EACH = 5
_ONE_SIDED = 0.8
_LONGEST = 200
_ANSWER = "answer"


class Classes(Check):
    """Counts the values of the answer and of its fields; stops if there are too many."""

    def __init__(self) -> None:
        self._counts: dict[str, Counter[str]] = {}
        self._open: set[str] = set()

    def see(self, view: View, findings: Findings) -> None:
        """Count one row's answer."""
        for name, value in class_values(view.row):
            if name in self._open:
                continue
            counts = self._counts.setdefault(name, Counter())
            counts[value] += 1
            if len(counts) > MOST_CLASSES or len(value) > _LONGEST:
                self._open.add(name)
                del self._counts[name]

    def end(self, path: str, findings: Findings) -> Mapping[str, Any]:
        """The distributions; adds findings about imbalanced ones."""
        shown: dict[str, dict[str, int]] = {}
        for name, counts in self._counts.items():
            rows = counts.total()
            if rows < max(_LEAST_ROWS, 2 * len(counts)):
                continue
            shown[name] = dict(counts.most_common())
            (value, most), *_ = counts.most_common(1)
            if len(counts) == 1:
                story = f"{name}: every row has {value}; there is only one class"
                findings.add("one_class", "note", path, story)
            elif most > _ONE_SIDED * rows:
                story = f"{name}: {most / rows:.0%} of the rows have {value}"
                findings.add("imbalance", "warning", path, story)
            rare = [shorten(value) for value, n in counts.items() if n < _LEAST_EACH]
            if rare and len(counts) > 1:
                story = f"{name}: fewer than {_LEAST_EACH} rows have {', '.join(sorted(rare))}"
                findings.add("rare_class", "note", path, story)
        return {"classes": shown}


def class_values(row: TrainingRow) -> Iterator[tuple[str, str]]:
    """Possible classes of a row: (name, value) of its label, or of its answer or JSON fields."""
    if row.kind == "unpaired":
        yield "label", str(row.label).lower()
        return
    if row.kind != "sft":
        return
    answer = row.answers[0].text.strip()
    if answer.startswith("{"):
        fields = json_fields(answer)
        if fields is not None:
            for name, value in fields.items():
                if not isinstance(value, dict | list):
                    yield name, value if isinstance(value, str) else shorten(value)
            return
    yield _ANSWER, answer


def json_fields(text: str) -> dict[str, Any] | None:
    """An answer parsed as a JSON object, or None."""
    try:
        value = parse_value(text)
    except ValueError:
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None
