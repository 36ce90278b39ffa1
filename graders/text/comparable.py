"""What string_check and text_similarity have in common: two templates, read the same way.

Nothing is trimmed or normalised unless the definition names it: `extract` compares one part of
the answer, `ignore_case` folds case, `ignore_space` folds runs of white space and trims.

`reference` may be a list, an extension beyond the wire: any of its texts is right. An element that
is one slot which holds a list, such as `["{{ item.answers }}"]`, stands for its elements.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from typing import Annotated

from pydantic import AfterValidator

from graders.answers.extract import Extract
from graders.grader import Grader, TemplateText
from graders.sample import Sample, Unreadable
from graders.template import Render, template
from graders.ungraded import Kind, Ungraded

_SPACE = re.compile(r"\s+")


def _check_references(value: str | tuple[str, ...]) -> str | tuple[str, ...]:
    if not value and not isinstance(value, str):
        raise ValueError("a list of references needs at least one")
    for text in (value,) if isinstance(value, str) else value:
        template(text)
    return value


References = Annotated[str | tuple[str, ...], AfterValidator(_check_references)]


class ComparableGrader(Grader):
    """A grader that sets `input` (the answer) against `reference` (what was wanted)."""

    input: TemplateText = "{{ sample.output_text }}"
    reference: References
    extract: Extract | None = None
    ignore_case: bool = False
    ignore_space: bool = False

    @cached_property
    def read_input(self) -> Render:
        """The answer's side, ready to compare. Raises Unreadable or Ungraded."""
        render = template(self.input).render
        extract, fold = self.extract, self._fold if self._folds else None
        if extract is None:
            return (lambda sample: fold(render(sample))) if fold else render
        if fold is None:
            return lambda sample: extract(render(sample))
        return lambda sample: fold(extract(render(sample)))

    @cached_property
    def read_references(self) -> Callable[[Sample], tuple[str, ...]]:
        """The wanted side, one text or more. What cannot be read here is the evalset's fault."""
        if isinstance(self.reference, str):
            render, plain = (
                template(self.reference).render,
                self.extract is None and not self._folds,
            )
            if plain:
                return lambda sample: (render(sample),)
            return lambda sample: (self._fold(self._wanted(render(sample))),)
        templates = [template(text) for text in self.reference]

        def read(sample: Sample) -> tuple[str, ...]:
            texts = [text for each in templates for text in each.values(sample)]
            if not texts:
                raise Ungraded(Kind.OTHER, "the list of references is empty")
            wanted = map(self._wanted, texts)
            return tuple(map(self._fold, wanted)) if self._folds else tuple(wanted)

        return read

    @property
    def _folds(self) -> bool:
        return self.ignore_case or self.ignore_space

    def _fold(self, text: str) -> str:
        if self.ignore_case:
            text = text.casefold()
        return _SPACE.sub(" ", text).strip() if self.ignore_space else text

    def _wanted(self, text: str) -> str:
        """The reference in the same spelling as the extract gives: a number as a number."""
        extract = self.extract
        if extract is None or extract.type in ("json", "regex", "boxed"):
            return text
        try:
            return extract(text)
        except Unreadable as error:
            raise Ungraded(Kind.OTHER, f"the reference cannot be compared: {error}") from None
