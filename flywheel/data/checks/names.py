# pyright: standard
"""Names of people, found by an installed spaCy pipeline.

Names have no fixed format, so finding them needs a language model; none comes with the package. The
results are the pipeline's guesses and differ between pipelines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from flywheel.data.checks.pii import Match
from flywheel.errors import BadOption
from flywheel.extras import need

# The entity labels for a person.
_PEOPLE = ("PERSON", "PER")


def open_names(pipeline: str) -> Callable[[str], Iterator[Match]]:
    """A function that finds names with a pipeline: an installed one, or a folder.

    Raises MissingExtra without spaCy, BadOption for an unknown pipeline or one without entities for
    people.
    """
    need("spacy", user="finding names")
    spacy: Any = import_module("spacy")
    try:
        model = spacy.load(pipeline)
    except OSError:
        known = ", ".join(spacy.util.get_installed_models()) or "none"
        raise BadOption(
            f"no spaCy pipeline {pipeline!r}; installed: {known}. For English, run: python -m spacy"
            " download en_core_web_sm"
        ) from None
    labels = {label for name in model.pipe_names for label in model.pipe_labels.get(name, ())}
    if not labels.intersection(_PEOPLE):
        raise BadOption(f"the spaCy pipeline {pipeline!r} finds no people; use one with ner")

    def find(text: str) -> Iterator[Match]:
        # A pipeline has a maximum length, so a long text is split.
        for start in range(0, len(text), model.max_length):
            for entity in model(text[start : start + model.max_length]).ents:
                if entity.label_ in _PEOPLE:
                    begin, end = start + entity.start_char, start + entity.end_char
                    yield Match("name", begin, end, " ".join(entity.text.casefold().split()))

    return find
