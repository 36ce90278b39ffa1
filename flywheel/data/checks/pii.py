"""Personal data with a recognisable format: e-mail, phone, IBAN, card and IP address.

Cards must pass Luhn's check and have a known prefix; IBANs must have their country's length and
pass modulo 97; private addresses and example domains are ignored. A phone number must be
international (+49 ...), or in North American format, or with a trunk 0. Names have no format and
are found only by a given function (names.py). Recall and precision are both below 100%.

Every pattern is bounded and anchored at the start of a run of characters, so the time is linear in
the text's length for any input.
"""

from __future__ import annotations

import ipaddress
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from flywheel.document import load_document

_EMAIL = re.compile(
    r"(?<![\w.+%-])[\w.+%-]{1,64}@(?:[^\W_](?:[^\W_]|-){0,62}\.){1,8}[^\W\d_]{2,24}(?!\w)"
)
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,30}")
_CARD = re.compile(r"(?<![\w.])[2-6]\d{3}(?:[ -]?\d){9,15}(?!\d)")
_IPV4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])")
_PHONE = re.compile(
    r"(?<![\w.+/-])(?:"
    r"(?:\+|(?<!\d )00)[1-9](?:[ ()./-]{0,2}\d){6,14}"
    r"|\(\d{3}\) ?\d{3}[ .-]\d{4}"
    r"|\d{3}([.-])\d{3}\1\d{4}"
    r"|(?<!\d )0[1-9]\d{1,4}[ /-]{1,3}\d(?:[ /-]?\d){4,8}"
    r")(?![\w-])"
)
# A text without a match has no personal data; this skips most texts.
_HINT = re.compile(r"@|\d.{0,2}\d|:\w{0,4}:")
_BLANKS = re.compile("[ -]")
_NOBODY = ("example", "invalid", "test", "localhost", "example.com", "example.org", "example.net")
_COUNTRIES: dict[str, str] = load_document(Path(__file__).with_name("iban_lengths.yaml")).value
_IBAN_LENGTHS = {
    code: int(length) for length, codes in _COUNTRIES.items() for code in codes.split()
}
_CARD_LENGTHS = {"4": (19, 16, 13), "34": (15,), "37": (15,), "36": (14,), "30": (14,)}


class Match(NamedTuple):
    """Personal data at text[start:end]. `same` is its normal form, equal for all spellings."""

    kind: str
    start: int
    end: int
    same: str


Names = Callable[[str], Iterable[Match]]


def find_pii(text: str, names: Names | None = None) -> list[Match]:
    """The personal data in a text, in order, without overlaps. Linear in its length.

    `names` finds names of people; without it they are not searched.
    """
    found: list[Match] = []
    for needed, pattern, read in _FINDERS if _HINT.search(text) else ():
        if needed in text:
            found = _joined(found, _each(pattern, text, read))
    return found if names is None else _joined(found, names(text))


def _joined(found: list[Match], more: Iterable[Match]) -> list[Match]:
    """Add matches that do not overlap with the earlier ones."""
    free = [one for one in more if not _overlaps(one, found)]
    return sorted([*found, *free], key=_start) if free else found


def _each(
    pattern: re.Pattern[str], text: str, read: Callable[[str, int, int], Match | None]
) -> Iterator[Match]:
    """The matches of a pattern that `read` accepts. After a rejected one, retry a letter later."""
    at = 0
    while match := pattern.search(text, at):
        found = read(text, match.start(), match.end())
        at = found.end if found else match.start() + 1
        if found:
            yield found


def _email(text: str, start: int, end: int) -> Match | None:
    domain = text[start:end].rpartition("@")[2].lower()
    if domain in _NOBODY or domain.endswith(tuple("." + name for name in _NOBODY)):
        return None
    return Match("email", start, end, text[start:end].lower())


def _iban(text: str, start: int, end: int) -> Match | None:
    length = _IBAN_LENGTHS.get(text[start : start + 2], 0)
    end = _nth(text, start, end, length)
    plain = _BLANKS.sub("", text[start:end])
    follows = text[end : end + 1]
    if len(plain) != length or follows.isalnum() or not _is_iban(plain):
        return None
    return Match("iban", start, end, plain)


def _card(text: str, start: int, end: int) -> Match | None:
    digits = _BLANKS.sub("", text[start:end])
    for length in _CARD_LENGTHS.get(digits[:2]) or _CARD_LENGTHS.get(digits[0], (16,)):
        end = _nth(text, start, end, length)
        card = digits[:length]
        if len(card) == length and not text[end : end + 1].isdigit() and _is_card(card):
            return Match("card", start, end, card)
    return None


def _address(text: str, start: int, end: int) -> Match | None:
    try:
        address = ipaddress.ip_address(text[start:end])
    except ValueError:
        return None
    return Match("ip", start, end, str(address)) if address.is_global else None


def _phone(text: str, start: int, end: int) -> Match | None:
    digits = re.sub(r"\D", "", text[start:end])
    # +49 and 0049 are the same prefix.
    same = digits if text[start] == "+" else digits.removeprefix("00")
    return Match("phone", start, end, same) if 7 <= len(same) <= 15 else None


# The order matters: the digits of an IBAN or a card are not a phone number. A finder is skipped if
# the text lacks its first entry.
_FINDERS: tuple[tuple[str, re.Pattern[str], Callable[[str, int, int], Match | None]], ...] = (
    ("@", _EMAIL, _email),
    ("", _IBAN, _iban),
    ("", _CARD, _card),
    (".", _IPV4, _address),
    (":", _IPV6, _address),
    ("", _PHONE, _phone),
)


def _start(found: Match) -> int:
    return found.start


def _overlaps(one: Match, others: list[Match]) -> bool:
    """Whether a match overlaps with one of the others, which are sorted."""
    behind = bisect_left(others, one.end, key=_start)
    return behind > 0 and others[behind - 1].end > one.start


def _nth(text: str, start: int, end: int, count: int) -> int:
    """The end of the first `count` letters and digits of text[start:end]."""
    for at in range(start, end):
        count -= text[at] not in " -"
        if count == 0:
            return at + 1
    return end


def _is_iban(text: str) -> bool:
    return int("".join(str(int(char, 36)) for char in text[4:] + text[:4])) % 97 == 1


def _is_card(digits: str) -> bool:
    """Luhn's check. A single repeated digit is a placeholder, not a card."""
    doubled = [int(char) * (1 + (place % 2)) for place, char in enumerate(reversed(digits))]
    return sum(n - 9 * (n > 9) for n in doubled) % 10 == 0 and len(set(digits)) > 1
