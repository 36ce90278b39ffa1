"""How the suite is divided among processes."""

from __future__ import annotations

import os

import pytest

# Each of their tests may take minutes: begun first, none of them is left alone at the end.
_LONG = ("test_docs.py", "test_style.py")


def pytest_xdist_auto_num_workers() -> int:
    """One process more than cores: a third of the suite's time is waiting for processes."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests that take longest."""
    items.sort(key=lambda item: item.path.name not in _LONG)
