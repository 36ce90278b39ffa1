"""The errors of the store, each with its remedy."""

from __future__ import annotations

from pathlib import Path

from flywheel.errors import FlywheelError

_FULL = ("no space left", "file too large", "disk quota", "out of disk space", "not enough space")
# DuckDB's messages about corrupt bytes.
_DAMAGED = (
    "not a valid duckdb",
    "checksum",
    "corrupt",
    "serializ",
    "could not read",
    "version number",
    "magic bytes",
    "out of range",
)
_DENIED = ("permission denied", "read-only file system", "operation not permitted")


class StoreInUse(FlywheelError):
    """Another process owns the store. The message names the process, and its URL if it has one."""


class StoreFailed(FlywheelError):
    """The store could not be read or written. Acknowledged batches are kept."""


class BrokenStore(StoreFailed):
    """The file is damaged, or is not a Flywheel store."""


class NewerStore(FlywheelError):
    """The store was written by a newer version and cannot be read by this one."""


class OlderStore(FlywheelError):
    """The store was written by an older version and is not migrated yet."""


class BadRow(FlywheelError):
    """A row does not fit its table. Nothing of its batch was written."""


class BadBatch(FlywheelError):
    """DuckDB refuses one batch. Nothing of it was written; the store accepts other batches."""


class BadExport(FlywheelError):
    """A folder is not a complete export, or its files have changed."""


def denied(path: Path, error: OSError) -> StoreFailed:
    """The error for a file or folder that the system does not let us use."""
    return StoreFailed(
        f"{path}: cannot be opened for writing: {error.strerror}; choose another place with --db"
    )


def failed(path: Path, error: Exception) -> FlywheelError:
    """The error for an exception of DuckDB, as one line with a remedy."""
    said = first_line(error)
    low = said.lower()
    if any(word in low for word in _FULL):
        return StoreFailed(
            f"{path}: the disk is full ({said}); free some space and run again: what was"
            " acknowledged is kept"
        )
    if "could not set lock" in low:
        return StoreInUse(
            f"{path}: another program has it open ({said}); close it there, or name another --db"
        )
    if any(word in low for word in _DENIED):
        return StoreFailed(f"{path}: cannot be written ({said}); choose another place with --db")
    if "out of memory" in low or "failed to pin block" in low:
        return StoreFailed(
            f"{path}: not enough memory ({said}); free some memory, or ask for less at once: what"
            " was acknowledged is kept"
        )
    if any(word in low for word in _DAMAGED):
        return BrokenStore(
            f"{path}: damaged, or no DuckDB file ({said}); look with `flywheel store check --db"
            f" {path}` and restore with `flywheel store rebuild EXPORT --db NEW`"
        )
    return StoreFailed(
        f"{path}: DuckDB stopped ({said}); what was acknowledged is kept. Run the command again; if"
        f" it fails again, look with `flywheel store check --db {path}`"
    )


def wrong_data(path: Path, what: Exception | str) -> BrokenStore:
    """The error for a stored value that cannot be read."""
    said = what if isinstance(what, str) else f"a value cannot be read ({first_line(what)})"
    return BrokenStore(
        f"{path}: {said}; look with `flywheel store check --db {path}` and restore with `flywheel"
        " store rebuild EXPORT --db NEW`"
    )


def refused(batch: str, error: Exception) -> BadBatch:
    """The error for a batch that DuckDB refuses."""
    return BadBatch(f"batch {batch}: refused by the store: {first_line(error)}")


def stops(error: BaseException) -> bool:
    """Whether the error prevents all further writes: the disk failed, or DuckDB is invalidated."""
    import duckdb

    said = str(error).lower()
    return isinstance(
        error, (duckdb.IOException, duckdb.FatalException, duckdb.InternalException, OSError)
    ) or any(word in said for word in (*_FULL, *_DENIED, "database has been invalidated"))


def first_line(error: Exception) -> str:
    """The first line of an exception's message, shortened."""
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__
