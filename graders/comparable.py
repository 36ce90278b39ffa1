"""What string_check and text_similarity have in common: two templates, read the same way.

Nothing is trimmed or normalised unless the definition names it: `extract` compares one part of
the answer, `ignore_case` folds case, `ignore_space` folds runs of white space and trims.
"""

from __future__ import annotations

import re
from functools import cached_property

from graders.extract import Extract
from graders.grader import Grader, TemplateText
from graders.sample import Unreadable
from graders.template import Render, template
from graders.ungraded import Kind, Ungraded

_SPACE = re.compile(r"\s+")


class ComparableGrader(Grader):
    """A grader that sets `input` (the answer) against `reference` (what was wanted)."""

    input: TemplateText = "{{ sample.output_text }}"
    reference: TemplateText
    extract: Extract | None = None
    ignore_case: bool = False
    ignore_space: bool = False

    @cached_property
    def read_input(self) -> Render:
        """The answer's side, ready to compare. Raises Unreadable or Ungraded."""
        render = template(self.input).render
        extract, fold = self.extract, self._folds
        if extract is None:
            return (lambda sample: self._fold(render(sample))) if fold else render
        return lambda sample: self._fold(extract(render(sample)))

    @cached_property
    def read_reference(self) -> Render:
        """The wanted side. What cannot be read here is the evalset's fault: Ungraded."""
        render = template(self.reference).render
        fold = self._folds
        if self.extract is None:
            return (lambda sample: self._fold(render(sample))) if fold else render
        return lambda sample: self._fold(self._wanted(render(sample)))

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
