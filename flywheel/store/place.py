"""The path of a store as an option of the command line."""

from __future__ import annotations

import shlex
from pathlib import Path

DEFAULT_STORE = "flywheel.duckdb"


def db_option(db: Path | None) -> str:
    """` --db PATH`, quoted for a shell; empty if a command finds the store by default."""
    here = Path.cwd()
    if db is None or db.absolute() == here / DEFAULT_STORE:
        return ""
    return f" --db {shlex.quote(str(db.relative_to(here) if db.is_relative_to(here) else db))}"
