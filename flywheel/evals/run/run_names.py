"""Run names: which are valid, and the aliases `latest` and `latest~N`.

A name is typed on a command line. So it fits on a line, does not look like an option, and is not an
alias, which would mean another run tomorrow.
"""

from __future__ import annotations

import re

MOST_CHARACTERS = 200
_LATEST = re.compile(r"latest(?:~(\d{1,6}))?")


def steps_back(name: str) -> int | None:
    """The N of an alias: 0 for `latest`, 1 for `latest~1`; None for other names."""
    found = _LATEST.fullmatch(name)
    return int(found[1] or 0) if found else None


def why_not(name: object) -> str | None:
    """Why a run cannot have this name, None if it can."""
    if not isinstance(name, str) or not 0 < len(name) <= MOST_CHARACTERS or not name.isprintable():
        return f"a run's name is 1 to {MOST_CHARACTERS} printable characters"
    if name == "latest" or name.startswith("latest~"):
        return "this name means the newest run"
    if name.startswith("-"):
        return "a name that begins with a dash is read as an option"
    if name != name.strip():
        return "a name neither begins nor ends with a blank"
    return None
