"""Show a text as it is: what would act on the screen, or be unseen, becomes a visible sign.

Control characters become their pictures (an escape is ␛), and what has no width or turns the
direction of writing is written out, as in ⟨U+202E⟩. The joiners that Persian and emoji need stay.
Letters that merely look alike stay too: this is no defence against a name in Cyrillic.
"""

from __future__ import annotations

import regex

# As much as a browser lays out at once without a pause; nobody reads more of one answer.
MOST = 50_000

_UNSEEN = regex.compile(r"(?V1)[[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]--[\n\t\u200c\u200d]]")


def visible(text: str, most: int = MOST) -> str:
    """The text with every unseen character shown, and at most so many characters of it."""
    cut = len(text) - most
    shown = _UNSEEN.sub(lambda found: _sign(ord(found[0])), text[:most])
    return shown if cut <= 0 else f"{shown}\n… and {cut:,} more characters"


def _sign(code: int) -> str:
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"⟨U+{code:04X}⟩"
