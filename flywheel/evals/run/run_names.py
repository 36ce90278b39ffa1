"""Run names: what a run may be called, and which names mean a run by its age.

A name is typed on a command line. So it fits a line, is no option, and is none of the words that
mean another run tomorrow.
"""

from __future__ import annotations

import re

MOST_CHARACTERS = 200
_LATEST = re.compile(r"latest(?:~(\d{1,6}))?")


def steps_back(name: str) -> int | None:
    """How many runs before the newest one a name means: `latest` 0, `latest~1` 1; None for none."""
    found = _LATEST.fullmatch(name)
    return int(found[1] or 0) if found else None


def why_not(name: object) -> str | None:
    """Why a run cannot have this name, None when it can."""
    if not isinstance(name, str) or not 0 < len(name) <= MOST_CHARACTERS or not name.isprintable():
        return f"a run's name is 1 to {MOST_CHARACTERS} printable characters"
    if name == "latest" or name.startswith("latest~"):
        return "this name means the newest run"
    if name.startswith("-"):
        return "a name that begins with a dash is read as an option"
    if name != name.strip():
        return "a name neither begins nor ends with a blank"
    return None
