"""Patterns from files, compiled when they are first used.

All those of the graders together take a tenth of a second, which each command would pay.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

_REFERENCE = re.compile(r"\(\?&(\w+)\)")


class _Lazy:
    def __init__(self, pattern: str) -> None:
        self._pattern = pattern

    def __getattr__(self, name: str) -> Any:
        """A method of the compiled pattern, found here from then on."""
        found = getattr(re.compile(self._pattern), name)
        setattr(self, name, found)
        return found


@lru_cache
def load_patterns(path: Path) -> Mapping[str, re.Pattern[str]]:
    """The patterns of a TOML file by name, those of a table as `table.name`.

    The lines of a pattern are joined without their indentation of four spaces, and `(?&name)`
    stands for the pattern of that name. One with a fault raises when it is first used.
    """
    read: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    texts: dict[str, str] = {}
    for name, value in read.items():
        if isinstance(value, str):
            texts[name] = value
        else:
            texts |= {f"{name}.{inner}": text for inner, text in value.items()}

    def whole(name: str) -> str:
        lines = (line.removeprefix("    ") for line in texts[name].splitlines())
        return _REFERENCE.sub(lambda reference: whole(reference[1]), "".join(lines))

    return {name: cast("re.Pattern[str]", _Lazy(whole(name))) for name in texts}
