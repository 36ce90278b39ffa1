# pyright: standard
"""The names of people, found by a spaCy pipeline that the user has.

A name has no shape, so telling one takes a model of the language; none comes with the package. What
a pipeline takes for a person is no more than its guess, and another pipeline guesses otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from flywheel.data.checks.pii import Found
from flywheel.errors import BadOption
from flywheel.extras import need

# What pipelines call a person.
_PEOPLE = ("PERSON", "PER")


def open_names(pipeline: str) -> Callable[[str], Iterator[Found]]:
    """A finder of names: an installed pipeline, as en_core_web_sm, or its folder.

    Raises MissingExtra without spaCy, BadOption without such a pipeline or for one that finds no
    entities.
    """
    need("spacy", user="finding names")
    spacy: Any = import_module("spacy")
    try:
        model = spacy.load(pipeline)
    except OSError:
        known = ", ".join(spacy.util.get_installed_models()) or "none"
        raise BadOption(
            f"no spaCy pipeline {pipeline!r}; installed: {known}. python -m spacy download"
            " en_core_web_sm gets one for English"
        ) from None
    labels = {label for name in model.pipe_names for label in model.pipe_labels.get(name, ())}
    if not labels.intersection(_PEOPLE):
        raise BadOption(f"the spaCy pipeline {pipeline!r} finds no people; take one that has ner")

    def find(text: str) -> Iterator[Found]:
        # A pipeline refuses texts beyond its limit, so a long one is read in pieces.
        for start in range(0, len(text), model.max_length):
            for entity in model(text[start : start + model.max_length]).ents:
                if entity.label_ in _PEOPLE:
                    begin, end = start + entity.start_char, start + entity.end_char
                    yield Found("name", begin, end, " ".join(entity.text.casefold().split()))

    return find
