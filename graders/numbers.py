"""Numbers as people write them: `$29.00`, `1,000`, `60%`, `-3.5e-2`.

Currency signs, thousands commas, a unit and a percent sign are dropped, so `60%` reads as 60 and
`40km/h` as 40. A sign counts when the number follows it at once: `- 42 apples` is a list with 42
apples in it. The value is exact (decimal), so the noise of floats never decides a grade. Commas as
decimal point and blanks between thousands are not read: `1.000,50` ends on 50.
"""

from __future__ import annotations

import re
from decimal import Context, Decimal

# The digits are bounded: an answer of a million nines is text, not a number.
_NUMBER = re.compile(
    r"(?<![A-Za-z0-9.])([-+\u2212]?)[$\u20ac\u00a3\u00a5]?([-+\u2212]?)"
    r"((?:[0-9]{1,3}(?:,[0-9]{3}){1,100}|[0-9]{1,300})(?![0-9])(?:\.[0-9]{1,300})?|\.[0-9]{1,300})"
    r"([eE][-+]?[0-9]{1,3}(?![0-9A-Za-z]))?(?![0-9])"
)
_EXACT = Context(prec=1000)


def last_number(text: str) -> Decimal | None:
    """The last number in the text, or None. An answer usually ends on its result."""
    last = None
    for match in _NUMBER.finditer(text):
        last = match
    if last is None:
        return None
    sign = "-" if (last[1] or last[2]) in ("-", "\u2212") else ""
    return Decimal(f"{sign}{last[3].replace(',', '')}{last[4] or ''}")


def plain(number: Decimal) -> str:
    """One spelling a value: 29.00 and 29 are both '29', so text comparisons agree."""
    if number == 0:
        return "0"
    shortest = number.normalize(_EXACT)
    return format(shortest, "f") if abs(shortest.adjusted()) < 310 else str(shortest)
