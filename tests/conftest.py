"""How the suite is divided among processes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

# Each of their tests may take minutes: begun first, none of them is left alone at the end.
_LONG = ("test_docs.py", "test_style.py")


def pytest_xdist_auto_num_workers() -> int:
    """One process more than cores: a third of the suite's time is waiting for processes."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests that take longest."""
    items.sort(key=lambda item: item.path.name not in _LONG)


@pytest.fixture(scope="session", autouse=True)
def _states() -> Iterator[Path]:
    """A folder for the ledgers of all tests of a process, and of what they share."""
    with TemporaryDirectory(prefix="flywheel-states-") as folder:
        os.environ["FLYWHEEL_STATE"] = str(Path(folder) / "shared")
        yield Path(folder)


@pytest.fixture(autouse=True)
def ledger(_states: Path, request: pytest.FixtureRequest) -> Path:
    """A ledger of reads for each test: none is the user's, and none has read for another."""
    folder = _states / f"{hash(request.node.nodeid):x}"
    os.environ["FLYWHEEL_STATE"] = str(folder)
    return folder
