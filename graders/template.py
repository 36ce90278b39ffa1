"""Templates: `{{ item.x }}` and `{{ sample.output_text }}` inside text.

A slot is a path: names with dots, list positions and quoted names in brackets, `a.b[0]['c d']`. A
path goes on into a string that holds JSON. Strings go in as they are, every other value as JSON.
Nothing else is a language: no filters, no defaults, no expressions, no statements. What a slot
brings in is never read again, so an answer that says `{{ item.gold }}` stays just that.

Who is to blame for a gap decides what happens: a path that the item does not have is Ungraded,
a path that is missing from what the model gave is Unreadable, which is a score.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, cast

from graders.sample import FIELDS, Sample, Unreadable
from graders.text.strict_json import dump_json, parse_json
from graders.ungraded import Kind, Ungraded

Step = str | int
Render = Callable[[Sample], str]
Wrap = Callable[[str], str]

_SLOT = re.compile(r"\{\{([^{}]*)\}\}")
_STEP = re.compile(
    r"""\s*(?:\.\s*([^\s.\[\]{}()|,'"]+)|\[\s*(?:([0-9]{1,9})|'([^']*)'|"([^"]*)")\s*\])"""
)
_SHOWN = 200


class BadTemplate(ValueError):
    """The template cannot be read. Found when a grader is defined, before anything is graded."""


class Template:
    """A template that was read once and is filled many times."""

    def __init__(self, text: str) -> None:
        self.text = text
        pieces = _split(text)
        self.slots: tuple[str, ...] = tuple(p.path for p in pieces if isinstance(p, _Slot))
        self._pieces: tuple[str | _Slot, ...] = tuple(pieces)
        self.render: Render = self._compile()

    def reads_sample(self) -> bool:
        """Whether any slot brings in what the model gave."""
        return any(path.startswith("sample") for path in self.slots)

    def values(self, sample: Sample) -> list[str]:
        """The filled text, or one text for each element of the list that a single slot holds."""
        if len(self._pieces) == 1 and isinstance(slot := self._pieces[0], _Slot):
            value = slot.value(sample)
            if isinstance(value, Sequence) and not isinstance(value, str):
                return [_text(element) for element in cast("Sequence[Any]", value)]
        return [self.render(sample)]

    def render_wrapped(self, sample: Sample, wrap: Wrap) -> str:
        """Fill the slots, passing everything that the model gave through `wrap`."""
        parts: list[str] = []
        for piece in self._pieces:
            if isinstance(piece, str):
                parts.append(piece)
            else:
                value = piece.fill(sample)
                parts.append(wrap(value) if piece.root == "sample" else value)
        return "".join(parts)

    def _compile(self) -> Render:
        pieces = self._pieces
        if len(pieces) == 1 and isinstance(pieces[0], _Slot):
            return pieces[0].compile()
        if all(isinstance(piece, str) for piece in pieces):
            return _constant(self.text)
        fills = [_constant(p) if isinstance(p, str) else p.compile() for p in pieces]
        return lambda sample: "".join([fill(sample) for fill in fills])


def _constant(text: str) -> Render:
    return lambda sample: text


@lru_cache(maxsize=4096)
def template(text: str) -> Template:
    """Read a template, or take it from the cache. Raises BadTemplate."""
    return Template(text)


class _Slot:
    def __init__(self, path: str, line: int) -> None:
        self.path = path
        self.line = line
        self.root, self.steps = _parse_path(path, line)

    def compile(self) -> Render:
        if self.path == "sample.output_text":
            return lambda sample: sample.output_text
        if self.root == "item" and len(self.steps) == 1:
            return self._item_field(self.steps[0])
        return self.fill

    def _item_field(self, name: Step) -> Render:
        """The commonest slot, `{{ item.x }}`, without a walk."""

        def fill(sample: Sample) -> str:
            value = sample.item.get(name)  # type: ignore[call-overload]
            return value if type(value) is str else self.fill(sample)

        return fill

    def fill(self, sample: Sample) -> str:
        return _text(self.value(sample))

    def value(self, sample: Sample) -> Any:
        if self.root == "sample":
            if not self.steps:
                return sample.namespace()
            value, steps = sample.field(str(self.steps[0])), self.steps[1:]
        else:
            value, steps = sample.item, self.steps
        for step in steps:
            try:
                value = _walk(value, step)
            except LookupError as error:
                self._missing(sample, error)
        return value

    def _missing(self, sample: Sample, error: LookupError) -> None:
        story = f"line {self.line}: no {self.path} to fill in; {error.args[0]}"
        if self.root == "sample":
            raise Unreadable(story)
        raise Ungraded(Kind.VARIABLE, story)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else dump_json(value)


def _walk(value: Any, step: Step) -> Any:
    """One step down. LookupError says what is there instead."""
    if isinstance(value, str):
        try:
            value = parse_json(value)
        except ValueError:
            raise LookupError(f"the path stops at text: {value[:_SHOWN]!r}") from None
    if isinstance(value, Mapping) and isinstance(step, str):
        fields = cast("Mapping[str, Any]", value)
        if step in fields:
            return fields[step]
        raise LookupError(f"have {_shorten(', '.join(map(str, fields)) or 'nothing')}")
    if isinstance(value, Sequence) and isinstance(step, int):
        rows = cast("Sequence[Any]", value)
        if step < len(rows):
            return rows[step]
        raise LookupError(f"have {len(rows)} there")
    raise LookupError(f"the path stops at {_shorten(dump_json(value))}")


def _split(text: str) -> list[str | _Slot]:
    pieces: list[str | _Slot] = []
    end, line = 0, 1
    for match in _SLOT.finditer(text):
        pieces.append(_literal(text[end : match.start()], line))
        line += text.count("\n", end, match.start())
        pieces.append(_Slot(match[1].strip(), line))
        line += match[0].count("\n")
        end = match.end()
    pieces.append(_literal(text[end:], line))
    return [piece for piece in pieces if piece != ""] or [""]


def _literal(text: str, line: int) -> str:
    opened = text.find("{{")
    if opened >= 0:
        line += text.count("\n", 0, opened)
        raise BadTemplate(f"line {line}: '{{{{' is never closed; write {{{{ item.name }}}}")
    return text


def _parse_path(path: str, line: int) -> tuple[str, tuple[Step, ...]]:
    root = re.match(r"(item|sample)\b", path)
    if not root:
        raise BadTemplate(
            f"line {line}: {path[:_SHOWN]!r} must start with 'item' or 'sample', as in"
            " {{ item.name }}"
        )
    steps: list[Step] = []
    at = root.end()
    while at < len(path):
        match = _STEP.match(path, at)
        if not match:
            raise BadTemplate(
                f"line {line}: {path[:_SHOWN]!r} is not a path; only names and positions such as"
                " {{ item.a.b[0] }} can be filled in"
            )
        steps.append(int(match[2]) if match[2] else match[1] or match[3] or match[4] or "")
        at = match.end()
    if root[0] == "sample" and steps and steps[0] not in FIELDS:
        raise BadTemplate(f"line {line}: no sample.{steps[0]}; have {', '.join(FIELDS)}")
    return root[0], tuple(steps)


def _shorten(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
