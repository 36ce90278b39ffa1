"""Ledger: the reads of all stores of a user, so that another database file begins no new count.

It is in `$FLYWHEEL_STATE`, else `$XDG_STATE_HOME/flywheel`, else `~/.local/state/flywheel`: a line
of JSON for each read in `reads.jsonl`, and a file for each set of items in `item_sets`. Lines are
only added. Reads that a store has itself count there; a line whose hash is not in its chain is a
read by another store, or by a later state of this one before it was copied back.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Collection, Generator, Iterable
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from flywheel.files import append_regular, lock_file, open_regular, whole_file
from flywheel.store.reader import Reader
from flywheel.store.tables.reads import read_hashes, reads_by_content, set_items

_SECONDS_TO_LOCK = 10.0
_KEY_BYTES = 16


class Entry(NamedTuple):
    """A read as the ledger has it."""

    hash: str
    at: datetime
    candidate: str
    item_set: str
    scoring: str
    rules: str | None


def ledger_folder() -> Path:
    """Where the ledger is. Raises OSError where no folder can be named."""
    named = os.environ.get("FLYWHEEL_STATE")
    if named:
        return Path(named)
    try:
        state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    except RuntimeError as error:
        raise OSError(f"{error}; name a folder with FLYWHEEL_STATE") from None
    return Path(state) / "flywheel"


def keep_reads(store: Reader) -> None:
    """Write down the reads of a store, as far as that can be done: a gate says where it cannot."""
    with suppress(OSError):
        sync(store)


def sync(store: Reader) -> list[Entry]:
    """Write down the reads of a store that the ledger lacks, and give those that the store lacks.

    Raises OSError where the ledger cannot be read or written.
    """
    folder = ledger_folder()
    (folder / "item_sets").mkdir(parents=True, exist_ok=True)
    with _locked(folder / "lock"):
        entries = _load(folder / "reads.jsonl")
        known = {entry.hash for entry in entries}
        new = [
            Entry(**row)
            for row in reads_by_content(store, Entry._fields)
            if row["hash"] not in known
        ]
        if new:
            for name in {entry.item_set for entry in new}:
                _keep_set(folder, name, store)
            _append(folder / "reads.jsonl", new)
    here = read_hashes(store)
    return [entry for entry in entries if entry.hash not in here]


def shared_items(item_set: str, items: Collection[str]) -> list[str]:
    """Those of some items that are in a set of the ledger; all of them where it lost the set."""
    try:
        with open_regular(_set_file(ledger_folder(), item_set)) as file:
            data = file.read()
    except FileNotFoundError:
        return list(items)
    known = {data[at : at + _KEY_BYTES] for at in range(0, len(data), _KEY_BYTES)}
    return [item for item in items if _packed(item) in known]


def _keep_set(folder: Path, name: str, store: Reader) -> None:
    path = _set_file(folder, name)
    if not path.exists():
        with whole_file(path) as file:
            file.write(b"".join(map(_packed, set_items(store, name))))


def _set_file(folder: Path, name: str) -> Path:
    return folder / "item_sets" / name[:32]


def _packed(item: str) -> bytes:
    return bytes.fromhex(item[: 2 * _KEY_BYTES])


def _load(path: Path) -> list[Entry]:
    """The lines that can be read: a crash may have cut one."""
    try:
        with open_regular(path) as file:
            lines = file.read().splitlines()
    except FileNotFoundError:
        return []
    entries: list[Entry] = []
    for line in lines:
        with suppress(ValueError, TypeError, KeyError):
            fields: dict[str, Any] = json.loads(line)
            at = datetime.fromisoformat(fields.pop("at"))
            entries.append(Entry(at=at, **fields))
    return entries


def _append(path: Path, entries: Iterable[Entry]) -> None:
    lines = [json.dumps({**entry._asdict(), "at": entry.at.isoformat()}) for entry in entries]
    with append_regular(path) as file:
        if _is_cut(path):
            file.write(b"\n")
        file.write("".join(f"{line}\n" for line in lines).encode())
        file.flush()
        os.fsync(file.fileno())


def _is_cut(path: Path) -> bool:
    """Whether the last line has no end, as after a crash."""
    with open_regular(path) as file:
        if not file.seek(0, os.SEEK_END):
            return False
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"


@contextmanager
def _locked(path: Path) -> Generator[None]:
    """Hold the lock of the ledger. Raises TimeoutError where another process keeps it."""
    end = time.monotonic() + _SECONDS_TO_LOCK
    while (lock := lock_file(path)) is None:
        if time.monotonic() > end:
            raise TimeoutError(f"{path} is locked by another process")
        time.sleep(0.01)
    try:
        yield
    finally:
        os.close(lock)
