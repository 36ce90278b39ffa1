"""Numbers as people write them: `$29.00`, `1,000`, `60%`, `3/4`, `1.5 x 10^3`, `2½`.

The last number of a text is read right or not at all: a piece of one is never the number.

- A currency sign, a unit and a percent sign are dropped: `60%` is 60, `40km/h` is 40, `3 million`
  is 3. A name holds no number (`H2O`, `x_1`), nor does the exponent of a unit (`25 m^2` is 25).
- Thousands: `1,234`, `1 234`, `1'234`, `14{,}916`, `1.234.567`, `1,23,456`. A comma in front of
  exactly three digits parts thousands, in front of another count it is a decimal comma: `1,5` is
  1.5, `1.234,56` is 1234.56; `(1,5)` is a pair and is not read. One dot is always a decimal point.
- Fractions: `3/4`, `\\frac{3}{4}`, `2 1/2`, `2½`. Powers of ten: `1.5e3`, `1.5 x 10^{3}`, `10⁻³`.
- Not read: dates and times, ranges (`5-7`, `3 - 5`, `10%-20%`, "5 to 7"), ratios (`3:4`, "1 in 4"),
  alternatives ("5 or 7"), quantities in two units ("3 ft 4 in"), sums and products,
  other powers and roots, pieces of a formula (`n/2`, `2x + 3`, `0.(3)`), `±`, version numbers,
  numbers of more than 300 digits.

A sign counts when the number follows it at once: `- 42 apples` is a list with 42 apples in it. The
value is exact (decimal), so the noise of floats never decides a grade; a fraction that does not
end has 40 digits.
"""

from __future__ import annotations

import re
import unicodedata
from decimal import Context, Decimal, DivisionByZero, InvalidOperation
from pathlib import Path
from typing import cast

from graders.text.lazy_pattern import load_patterns

_PATTERNS = load_patterns(Path(__file__).with_suffix(".toml"))
# What parts thousands in each of the forms.
_PLAIN = {
    "plain.digits": "",
    "plain.thousands": ",",
    "plain.lakhs": ",",
    "plain.decimal_comma": "",
    "plain.dots_and_comma": ".",
    "plain.dots": ".",
    "plain.spaces": " '\u2019_\u00a0\u2007\u2008\u2009\u200a\u202f",
}
_EXACT = Context(prec=1000)
_QUOTIENT = Context(prec=40, traps=[DivisionByZero, InvalidOperation])
_MOST = 1_000  # characters of one number


_SIGNS = str.maketrans("\u2010\u2011\u2212\ufe63\uff0d\u2044\u066b\u066c\uff0e\uff0c", "-----/.,.,")


def last_number(text: str) -> Decimal | None:
    """The last number in the text, or None when there is none or it cannot be read."""
    text = _ascii(_without_latex(text))
    last = None
    for match in _PATTERNS["expression"].finditer(text):
        if not _is_part_of_a_name(text, match):
            last = match
    if last is None:
        return None
    body, after = last[0], text[last.end() : last.end() + 30]
    before = text[max(0, last.start() - 40) : last.start()]
    if _is_second_quantity(before, after):
        return None
    # The sign that is not parted from the digits: `-5`, `-$5`, `$-5`.
    sign = cast("re.Match[str]", _PATTERNS["sign"].search(before, max(0, len(before) - 4)))
    before = before[: sign.start()] + sign["outer"]
    if _PATTERNS["unreadable_before"].search(before) or _PATTERNS["unreadable_after"].match(after):
        return None
    if _PATTERNS["pair"].fullmatch(body) and before[-1:] in ("(", "[") and after[:1] in (")", "]"):
        return None
    number = _value(body)
    minus = "-" in (sign["outer"], sign["inner"]) and sign["outer"] != "+"
    return number.copy_negate() if number is not None and minus else number


def plain(number: Decimal) -> str:
    """One spelling a value: 29.00 and 29 are both '29', so text comparisons agree."""
    if number == 0:
        return "0"
    shortest = number.normalize(_EXACT)
    return format(shortest, "f") if abs(shortest.adjusted()) < 310 else str(shortest)


def _is_second_quantity(before: str, after: str) -> bool:
    if _PATTERNS["worded_before"].search(before) and not _PATTERNS["rounds"].search(before):
        return True
    if _PATTERNS["larger"].search(before) and _PATTERNS["smaller"].match(after):
        return True
    first = _PATTERNS["quantity_before"].search(before)
    return first is not None and (not first["blank"] or after.lstrip().startswith(first["unit"]))


def _is_part_of_a_name(text: str, match: re.Match[str]) -> bool:
    """Whether letters stand right before the digits: `H2O`, `GPT-4`, `x_1`; or a unit's power."""
    start = match.start()
    nearest = text[start - 1 : start]
    if not nearest.isalpha() and nearest not in "-^_{(":
        return False
    before = text[max(0, start - 25) : start]
    if _PATTERNS["unit_power"].search(before):
        return True
    name = _PATTERNS["name"].search(before)
    return name is not None and "^" not in name[0]


def _value(body: str) -> Decimal | None:
    """The value of an expression that is one number; None for all others."""
    if len(body) > _MOST:
        return None
    if (number := _plain_value(body)) is not None:
        return number
    body = _PATTERNS["currency"].sub("", body)
    if power := _PATTERNS["power"].fullmatch(body):
        number = _plain_value(power["number"]) if power["number"] else Decimal(1)
        return None if number is None else number.scaleb(int(power[2]), _EXACT)
    if fraction := _PATTERNS["latex_fraction"].fullmatch(body):
        return _quotient(fraction[1], fraction[2] or fraction[4], fraction[3] or fraction[5])
    if fraction := _PATTERNS["fraction"].fullmatch(body):
        return _quotient(*fraction.groups())
    return None


def _quotient(whole: str | None, above: str, below: str) -> Decimal | None:
    sign = -1 if above.strip().startswith("-") else 1
    numerator, denominator = _plain_value(above.strip().lstrip("-")), _plain_value(below.strip())
    if numerator is None or not denominator:
        return None
    if whole is None:
        return _QUOTIENT.divide(sign * numerator, denominator)
    if sign < 0 or numerator >= denominator:  # `2 3/2` is no mixed number
        return None
    return _QUOTIENT.divide(_EXACT.fma(Decimal(whole), denominator, numerator), denominator)


def _plain_value(text: str) -> Decimal | None:
    """Digits with one kind of separators, a decimal point or comma, and an exponent."""
    digits, exponent, power = text.replace("E", "e").partition("e")
    if not digits or (exponent and not re.fullmatch(r"[-+]?[0-9]{1,3}", power)):
        return None
    for form, separators in _PLAIN.items():
        if _PATTERNS[form].fullmatch(digits):
            for sign in separators:
                digits = digits.replace(sign, "")
            return Decimal(digits.replace(",", ".") + exponent + power)
    return None


def _without_latex(text: str) -> str:
    """LaTeX's spellings as plain ones. Commands that are not known stay."""
    text = text.replace("{,}", ",")
    if "\\" not in text:
        return text
    text = re.sub(
        r"\\(?:text|mathrm|mathbf|textbf|mbox)\{([^{}]{0,200})\}",
        lambda m: f" {m[1].strip()}",
        text,
    )
    text = re.sub(
        r"\\(?:boxed|fbox|underline|displaystyle|left|right|big)(?![A-Za-z])|\\!", "", text
    )
    text = re.sub(r"\\[dtc]frac(?![A-Za-z])", r"\\frac", text)
    text = re.sub(r"\\frac\s*\{\s*", r"\\frac{", text)
    text = re.sub(r"\\(?:times|cdot)(?![A-Za-z])", "\u00d7", text)
    text = re.sub(r"\^\{?\\circ\}?", "°", text)
    text = re.sub(r"\\[,;: ]", "\u2009", text)
    return re.sub(r"\\([%$])", r"\1", text)


def _ascii(text: str) -> str:
    """Digits, signs, fractions and powers of other scripts in plain characters."""
    if text.isascii():
        return text
    text = text.translate(_SIGNS)
    text = re.sub(r"[\u2070\u00b9\u00b2\u00b3\u2074-\u2079\u207a\u207b]+", _power, text)
    text = re.sub(r"(?<=[0-9])(?=[\u00bc-\u00be\u2150-\u215e\u2189])", " ", text)
    text = re.sub(r"[\u00bc-\u00be\u2150-\u215e\u2189]", _vulgar, text)
    return re.sub(r"(?![0-9])\d", lambda m: str(unicodedata.decimal(m[0])), text)


def _power(match: re.Match[str]) -> str:
    return "^" + unicodedata.normalize("NFKC", match[0]).replace("\u2212", "-")


def _vulgar(match: re.Match[str]) -> str:
    return unicodedata.normalize("NFKC", match[0]).replace("\u2044", "/")
