"""Show a text as it is: what would act on the screen, or be unseen, becomes a visible sign.

Control characters, what has no width and what turns the direction of writing are written out, as
in ⟨U+202E⟩: signs of their own, such as ␛, are missing in many fonts. The joiners that Persian and
emoji need stay.
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
    shown = _UNSEEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text[:most])
    return shown if cut <= 0 else f"{shown}\n… and {cut:,} more characters"
