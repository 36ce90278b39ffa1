"""Regular expressions that give up in time. Patterns and texts both may be hostile.

The regex module, unlike re, stops after a while: a pattern that explodes is no verdict.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from graders.ungraded import Kind, Ungraded

_SECONDS = 1.0


def check_pattern(pattern: str) -> None:
    """Raise ValueError when this is not a regular expression."""
    import regex

    try:
        regex.compile(pattern)
    except regex.error as error:
        raise ValueError(f"{pattern!r} is not a regular expression: {error}") from None


def matches_of(pattern: str, text: str, *, ignore_case: bool = False) -> Iterator[Any]:
    """The matches of a pattern, in order. Raises Ungraded when it is none or takes too long."""
    import regex

    flags = regex.IGNORECASE if ignore_case else 0
    try:
        yield from regex.finditer(pattern, text, flags=flags, timeout=_SECONDS)
    except TimeoutError:
        raise Ungraded(Kind.OTHER, f"{pattern!r} took more than {_SECONDS} s", "timeout") from None
    except regex.error as error:
        raise Ungraded(Kind.OTHER, f"{pattern!r} is not a regular expression: {error}") from None


def is_in(pattern: str, text: str, *, ignore_case: bool = False) -> bool:
    """Whether the pattern matches anywhere in the text. Raises Ungraded like `matches_of`."""
    return next(matches_of(pattern, text, ignore_case=ignore_case), None) is not None
