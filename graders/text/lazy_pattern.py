"""Patterns that are compiled when they are first used.

All those of the graders together take a tenth of a second, which each command would pay.
"""

from __future__ import annotations

import re
from typing import Any, cast


class _Lazy:
    def __init__(self, pattern: str, flags: int) -> None:
        self._pattern, self._flags = pattern, flags

    def __getattr__(self, name: str) -> Any:
        """A method of the compiled pattern, found here from then on."""
        found = getattr(re.compile(self._pattern, self._flags), name)
        setattr(self, name, found)
        return found


def lazy(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """What `re.compile` gives, in effect. A pattern with a fault raises when it is first used."""
    return cast("re.Pattern[str]", _Lazy(pattern, flags))
