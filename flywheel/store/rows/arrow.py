"""pyarrow, imported on first use. It has no type hints, so these names replace its types."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

ArrowTable = Any
ArrowBatch = Any
ArrowSchema = Any


@cache
def pyarrow() -> Any:
    """The pyarrow module."""
    return import_module("pyarrow")


@cache
def compute() -> Any:
    """The pyarrow.compute module."""
    return import_module("pyarrow.compute")
