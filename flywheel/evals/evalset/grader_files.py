"""Graders from JSON or YAML files, with the position of every fault."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from flywheel.document import load_document
from graders.definition import AnyGrader
from graders.grader import Grader

_ADAPTER: TypeAdapter[Any] = TypeAdapter(AnyGrader)
_LIST: TypeAdapter[Any] = TypeAdapter(list[AnyGrader])


def load_grader(path: Path) -> Grader:
    """The grader of this file. Raises BadFile with one line per fault: file:line:col, message."""
    grader: Grader = load_document(path).read_as(_ADAPTER)
    return grader


def load_graders(path: Path) -> list[Grader]:
    """The graders of a file: one, or a list. Raises BadFile as `load_grader` does."""
    document = load_document(path)
    if not isinstance(document.value, list):
        return [document.read_as(_ADAPTER)]
    graders: list[Grader] = document.read_as(_LIST)
    if len({grader.name for grader in graders}) < len(graders) or not graders:
        raise document.refuse((), "wanted one or more graders, each with a name of its own")
    return graders
