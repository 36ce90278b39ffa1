"""Numbers as people write them: `$29.00`, `1,000`, `60%`, `-3.5e-2`.

Currency signs, thousands commas and a percent sign are dropped, so `60%` reads as 60. The value is
exact (decimal), so 0.1 + 0.2 style noise never decides a grade.
"""

from __future__ import annotations

import re
from decimal import Decimal

# The digits are bounded: an answer of a million nines is text, not a number.
_NUMBER = re.compile(
    r"(?<![\w.])([-+\u2212]?)\s?[$\u20ac\u00a3\u00a5]?\s?([-+\u2212]?)"
    r"(\d{1,3}(?:,\d{3}){1,100}(?!\d)|\d{1,300})(\.\d{1,300})?([eE][-+]?\d{1,3})?(?![\w])"
)


def last_number(text: str) -> Decimal | None:
    """The last number in the text, or None. An answer usually ends on its result."""
    last = None
    for match in _NUMBER.finditer(text):
        last = match
    if last is None:
        return None
    sign = "-" if (last[1] or last[2]) in ("-", "\u2212") else ""
    digits = last[3].replace(",", "")
    return Decimal(f"{sign}{digits}{last[4] or ''}{last[5] or ''}")


def plain(number: Decimal) -> str:
    """One spelling a value: 29.00 and 29 are both '29', so text comparisons agree."""
    if number == 0:
        return "0"
    text = format(number, "f") if abs(number.adjusted()) < 310 else str(number)
    return text.rstrip("0").rstrip(".") if "." in text else text
