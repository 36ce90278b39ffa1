"""A job's folder that somebody else filled: nothing in it hangs or stops the command."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from flywheel.errors import BadFile
from flywheel.jobs.ends import settle
from flywheel.jobs.ledger import tell_store
from flywheel.jobs.view import views
from flywheel.store.store import open_store
from flywheel.training.order import load_order
from tests.jobs.world import order


def link_to_zero(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("name", ["order.json", "events.jsonl", "lock"])
@pytest.mark.parametrize("place", [os.mkfifo, link_to_zero])
def test_a_pipe_or_a_device_in_a_job_is_not_read(
    tmp_path: Path, name: str, place: Callable[[Path], None]
) -> None:
    folder = tmp_path / "job-a"
    order(steps=2).save(folder)
    (folder / name).unlink(missing_ok=True)
    place(folder / name)
    settle(folder)
    with open_store(tmp_path / "s.duckdb") as store:
        tell_store(store, [folder])
        (found,) = views(tmp_path, store, 5)
    assert found.status == ("damaged" if name == "order.json" else "died")
    if name == "order.json":
        assert "not a regular file" in found.end["error"]
        with pytest.raises(BadFile, match="not a regular file"):
            load_order(folder)
