"""What the sandbox runs for a `math` grader: does the answer equal the reference, as mathematics?

The grader sends this file as text; nothing here may need the rest of the package. math-verify finds
the answer in the text and sympy compares. Of free text math-verify hands sympy digits and operators
only, and LaTeX goes through a grammar, so no text is run as Python. What is not LaTeX and not plain
arithmetic is first written as LaTeX here, so that `2½` is not read as 2.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

SAME, DIFFERENT, UNREADABLE, NO_REFERENCE, TIMEOUT, BROKEN = 1.0, 0.0, -1.0, -2.0, -3.0, -4.0
MOST_CHARACTERS = 4_000
_SECONDS = 10
_MOST_DIGITS = 50  # of a power of ten that is written out

# Compiled when they are first used: most processes that read this file never compare anything.
_VULGAR = r"(\d*)([\u00bc-\u00be\u2150-\u215e])"
_TIMES_TEN = r"(?<=\d)\s*(?:x|X|\u00d7|\\times|\\cdot)\s*(10\s*(?:\^|\*\*))"
_SCIENTIFIC = r"(?<![\w.])\d+(?:\.\d+)?[eE][+-]?\d+(?![\w.]\w)"
_MIXED = r"(?<![\w.,/])(\d+)[ \u00a0](\d+)/(\d+)(?![\w.,/])"
_REPEATING = r"(?<![\w.])(\d*)\.(\d*)\\overline\s*\{(\d{1,12})\}"
_RADICAL = r"\u221a\s*(\d+(?:\.\d+)?|[A-Za-z]|\([^()]*\)|\{[^{}]*\})"
# In prose: digits and signs around a root or pi, of which math-verify would see one number.
_TERM = r"\\sqrt\{[^{}]*\}|\u03c0"
_IN_PROSE = (
    rf"(?:[\d()+\-*/^.][\d ()+\-*/^.]{{0,40}})?(?:{_TERM})(?:{_TERM}|[\d ()+\-*/^]){{0,100}}"
)
_DELIMITED = r"(?s)(?<!\\)\$.*(?<!\\)\$|\\\(|\\\[|\\boxed|\\begin"
_NUMBER = r"[\s$\u20ac\u00a3]*[-+]?(?:\d{1,3}(?:[ ,]\d{3})+|\d+)?(?:\.\d+)?\s*(?:%|percent)?[\s.]*"
_PLAIN = rf"{_NUMBER}|-?[\d.\s()*/+^-]+"
# Whole answers that are mathematics and nothing else: no word but a command or a known function.
_FORMULA = (
    r"(?:\\text\{[^{}]*\}|\\[A-Za-z]+|\\[{}%,;!$ ]|sqrt|pi|sin|cos|tan|log|ln|exp"
    r"|(?<![A-Za-z])[A-Za-z](?![A-Za-z])"
    r"|[\d\s.,+\-*/^=<>()\[\]{}|!%:;_'\u00d7\u00b7\u00f7\u03c0\u221e\u2264\u2265\u2260\u222a\u2229])+"
)
_NAMES = r"(?<![\\A-Za-z])(pi|sin|cos|tan|log|ln|exp)(?![A-Za-z])"
_ROOT = r"(?<!\\)sqrt\(([^()]*)\)"
_COMMANDS = {
    "\u00d7": r"\times ", "\u00b7": r"\cdot ", "\u00f7": r"\div ", "\u03c0": r"\pi ",
    "\u221e": r"\infty ", "\u2264": r"\le ", "\u2265": r"\ge ", "\u2260": r"\ne ",
    "\u222a": r"\cup ", "\u2229": r"\cap ", "**": "^",
}  # fmt: skip


def grade(sample: dict[str, Any], item: dict[str, Any]) -> float:
    """One of the codes above, for two strings: `sample["output_text"]` and `item["reference"]`."""
    import math_verify
    from math_verify.errors import TimeoutException

    parse: Any = math_verify.parse
    verify: Any = math_verify.verify

    def read(text: str) -> list[Any]:
        try:
            found: Any = parse(
                as_latex(text),
                fallback_mode="no_fallback",
                parsing_timeout=_SECONDS,
                raise_on_error=True,
            )
        except Exception:  # such as a formula nested too deeply
            return []
        return list(found)

    def same(one: Any, other: Any) -> bool:
        return bool(verify(one, other, timeout_seconds=_SECONDS, raise_on_error=True))

    try:
        wanted = read(item["reference"])
        if not wanted:
            return NO_REFERENCE
        found = read(sample["output_text"])
        if not found:
            return UNREADABLE
        return _any_same(wanted, found, same)
    except TimeoutException:
        return TIMEOUT


def _any_same(wanted: list[Any], found: list[Any], same: Callable[[Any, Any], bool]) -> float:
    broken = False
    for one in wanted:
        for other in found:
            try:
                if same(one, other):
                    return SAME
            except Exception:  # what sympy cannot compare may raise anything
                broken = True
    return BROKEN if broken else DIFFERENT


def as_latex(text: str) -> str:
    """The end of the text, with what math-verify would misread written as LaTeX."""
    text = re.sub(_VULGAR, _as_fraction, text[-MOST_CHARACTERS:]).strip()
    text = re.sub(_SCIENTIFIC, _written_out, re.sub(_TIMES_TEN, r"*\1", text))
    text = re.sub(_REPEATING, _repeated, re.sub(_MIXED, _mixed, text)).removeprefix("+")
    text = re.sub(_RADICAL, _root, text)
    if text.startswith("\\begin{") and "$" not in text:
        return f"${text}$"
    if (
        re.search(_DELIMITED, text)
        or re.fullmatch(_PLAIN, text)
        or not re.fullmatch(_FORMULA, text)
    ):
        return text if re.search(_DELIMITED, text) else re.sub(_IN_PROSE, _delimited, text)
    for sign, command in _COMMANDS.items():
        text = text.replace(sign, command)
    text = re.sub(_NAMES, r"\\\1 ", re.sub(_ROOT, r"\\sqrt{\1}", text))
    if text.startswith("{") and text.endswith("}"):
        text = rf"\{{{text[1:-1]}\}}"
    return f"${text.replace(chr(92) + '$', '').rstrip('. ')}$"


def _as_fraction(match: re.Match[str]) -> str:
    value = Fraction(unicodedata.numeric(match[2])).limit_denominator(10)
    return f"({match[1]}+{value})" if match[1] else f"({value})"


def _delimited(match: re.Match[str]) -> str:
    formula = match[0].strip().replace("\u03c0", r"\pi ")
    if formula.count("(") != formula.count(")"):
        formula = formula.strip("() ")
    return f" ${formula}$ " if formula.count("(") == formula.count(")") else ""


def _mixed(match: re.Match[str]) -> str:
    whole, above, below = map(int, match.groups())
    return f"({whole}+{above}/{below})" if above < below else match[0]


def _repeated(match: re.Match[str]) -> str:
    whole, decimals, again = match.groups()
    scale, nines = 10 ** len(decimals), 10 ** len(again) - 1
    value = Fraction(int((whole or "0") + decimals), scale) + Fraction(int(again), nines * scale)
    return rf"\frac{{{value.numerator}}}{{{value.denominator}}}"


def _root(match: re.Match[str]) -> str:
    inner = match[1][1:-1] if match[1][0] in "({" else match[1]
    return rf"\sqrt{{{inner}}}"


def _written_out(match: re.Match[str]) -> str:
    number = Decimal(match[0])
    return f"{number:f}" if abs(number.adjusted()) < _MOST_DIGITS else ""
