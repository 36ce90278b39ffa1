"""Files that are whole or not there, and locks that die with their process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from flywheel.files import (
    NotRegular,
    folder_beside,
    install,
    is_at,
    lock_file,
    open_regular,
    whole_file,
    write_whole,
)

KILLED = """
import os, signal, sys
from pathlib import Path
from flywheel.files import whole_file
with whole_file(Path(sys.argv[1])) as file:
    file.write(b"half of it")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""
LOCKED = """
import sys, time
from pathlib import Path
from flywheel.files import lock_file
lock_file(Path(sys.argv[1]))
print("locked", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_is_replaced_whole(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "note.json"
    for text in ("old", "new, and longer"):
        write_whole(path, text, durable=durable)
    assert path.read_text() == "new, and longer"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "note.json"
    write_whole(path, "old")
    with pytest.raises(ZeroDivisionError), whole_file(path) as file:
        file.write(b"half")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_kill_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "note.json"
    write_whole(path, "old")
    done = subprocess.run([sys.executable, "-c", KILLED, path], check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_text() == "old"


def test_a_link_is_replaced_and_its_target_kept(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("theirs")
    link.symlink_to(target)
    write_whole(link, "ours")
    assert (target.read_text(), link.read_text(), link.is_symlink()) == ("theirs", "ours", False)


def test_a_folder_is_installed_over_another_only_when_asked(tmp_path: Path) -> None:
    place = tmp_path / "model"
    place.mkdir()
    (place / "old").touch()
    for over in (False, True):
        with folder_beside(place) as half:
            (half / "new").touch()
            if over:
                install(half, place, over_folder=True)
            else:
                with pytest.raises(OSError, match="not empty"):
                    install(half, place)
                assert (place / "old").exists()
    assert [path.name for path in place.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [place]


def test_a_lock_dies_with_its_process(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    command = [sys.executable, "-c", LOCKED, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "locked\n"
        assert lock_file(path) is None
        assert lock_file(path, shared=True) is None
        process.kill()
    descriptor = lock_file(path)
    assert descriptor is not None and is_at(path, descriptor)
    path.unlink()
    assert not is_at(path, descriptor)
    os.close(descriptor)
    with pytest.raises(FileNotFoundError):
        lock_file(path, shared=True)


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NotRegular):
        open_regular(tmp_path / "pipe")
