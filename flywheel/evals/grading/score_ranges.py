"""Between which scores a grader's verdicts lie, as its definition in the store declares."""

from __future__ import annotations

import json
from functools import lru_cache

from pydantic import ValidationError

from flywheel.store.reader import Reader
from flywheel.store.tables.definitions import grader_definition
from graders.definition import read_grader
from graders.grader import Range


def score_range(store: Reader, grader: str) -> Range | None:
    """The lowest and the highest score of the grader of this digest; None where it declares none,
    as graders of other harnesses do not.
    """
    return _declared(grader_definition(store, grader) or "null")


@lru_cache(maxsize=256)
def _declared(definition: str) -> Range | None:
    try:
        return read_grader(json.loads(definition)).score_range()
    except (ValidationError, ValueError):
        return None
