"""What a grader may use and still leave nothing behind: harmless.toml, and what follows from it."""

from __future__ import annotations

import builtins
import importlib
import re
import tomllib
import types
from abc import ABCMeta
from datetime import timedelta
from decimal import Decimal
from difflib import SequenceMatcher
from enum import EnumMeta
from fractions import Fraction
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

_TABLE: dict[str, Any] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)


def _words(name: str) -> frozenset[str]:
    return frozenset(_TABLE[name].split())


NODES, TYPE_NODES, METHODS = _words("nodes"), _words("types"), _words("methods")
MODULES: dict[str, frozenset[str]] = {
    name: frozenset(names.split()) for name, names in _TABLE["modules"].items()
}
FLAGS_AT: dict[str, int] = _TABLE["flags_at"]
# Only as the decorator of a class of the source: called on another class it would rewrite that one.
DATACLASS = ("dataclasses", "dataclass")
# With one argument: a memo of one's own could put anything into the place of a method's instance.
DEEPCOPY = ("copy", "deepcopy")
# Only called: `SequenceMatcher.set_seq1(X, ...)` would set attributes of X, and `Counter.copy(X)`
# returns the type of X when X is a class.
CALLED_ONLY = frozenset({("difflib", "SequenceMatcher"), ("collections", "Counter"), DEEPCOPY})

# Only in annotations and as the type of `cast`: `typing` remembers `List[2]` and gives it for
# `List[2.0]`, as for every key that equals one of before.
TYPES_ONLY = frozenset(
    ("typing", name) for name in MODULES["typing"] if name not in ("Any", "cast")
)
CAST = ("typing", "cast")

_EXCEPTIONS = {
    name
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException)
}
BUILTINS = _words("builtins") | _EXCEPTIONS
ALL_BUILTINS = frozenset(vars(builtins))

# What a class of the source may inherit. A subclass of an abstract class would change what
# `isinstance` says to others, and a subclass of `int` or `str` could pose as a key of their caches.
BASES = _EXCEPTIONS | {"object"}

_VALUES: tuple[type, ...] = (
    str, bytes, bytearray, list, dict, set, frozenset, tuple, int, float, complex,
    re.Match, re.Pattern, Decimal, Fraction, SequenceMatcher, timedelta,
)  # fmt: skip
# `format` follows attributes that the text names.
ATTRIBUTES = frozenset(
    name for kind in _VALUES for name in dir(kind) if not name.startswith("_")
) - {"format", "format_map"} | _words("attributes")


@cache
def attributes_of_others() -> frozenset[str]:
    """The attributes of everything that samples share, which a source cannot claim for its own."""
    shared: list[object] = [getattr(builtins, name) for name in BUILTINS]
    for module, names in MODULES.items():
        shared += (getattr(importlib.import_module(module), name) for name in names)
    shared += [type, ABCMeta, EnumMeta, object, property, lru_cache(len), *_VALUES]
    shared += [getattr(types, name) for name in dir(types) if name.endswith("Type")]
    return frozenset(name for thing in shared for name in (*dir(thing), *dir(type(thing))))
