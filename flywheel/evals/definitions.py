"""Graders from files: JSON or YAML, with the place of every fault."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from flywheel.document import load_document
from graders.definition import AnyGrader
from graders.grader import Grader

_ADAPTER: TypeAdapter[Any] = TypeAdapter(AnyGrader)


def load_grader(path: Path) -> Grader:
    """The grader that this file defines. Raises BadFile: one line a fault, file:line:col first."""
    grader: Grader = load_document(path).read_as(_ADAPTER)
    return grader
