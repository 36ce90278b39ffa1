"""A guess at the language of a text: by its script, or for Latin letters by common words.

It is a hint, not a classifier. It knows nine scripts, each mapped to one language (Cyrillic to ru,
Han without kana to zh, Arabic to ar), and nine languages in Latin letters. A text needs three
distinct common words of a language, and twice as many as of any other: short texts, code, names and
numbers are unknown. Only the first 600 characters are used.
"""

from __future__ import annotations

import re
from pathlib import Path

from flywheel.document import load_document

_READ = 600
_LEAST_WORDS = 3
_WORDS: dict[str, str] = load_document(Path(__file__).with_name("common_words.yaml")).value
_LANGUAGES: dict[str, tuple[str, ...]] = {}
for _name, _list in _WORDS.items():
    for _word in set(_list.split()):
        _LANGUAGES[_word] = (*_LANGUAGES.get(_word, ()), _name)
_WORD = re.compile(r"[^\W\d_]+")
_SCRIPTS = {
    "ja": re.compile("[\u3040-\u30ff]"),
    "ko": re.compile("[\uac00-\ud7af]"),
    "zh": re.compile("[\u4e00-\u9fff]"),
    "ru": re.compile("[\u0400-\u04ff]"),
    "el": re.compile("[\u0370-\u03ff]"),
    "ar": re.compile("[\u0600-\u06ff]"),
    "he": re.compile("[\u0590-\u05ff]"),
    "hi": re.compile("[\u0900-\u097f]"),
    "th": re.compile("[\u0e00-\u0e7f]"),
}


def language_of(text: str) -> str | None:
    """The ISO 639-1 code of the language, or None if unknown."""
    text = text[:_READ]
    if not text.isascii() and (script := _script(text)):
        return script
    votes = dict.fromkeys(_WORDS, 0)
    for word in set(_WORD.findall(text.lower())):
        for name in _LANGUAGES.get(word, ()):
            votes[name] += 1
    second, (most, best) = sorted((n, name) for name, n in votes.items())[-2:]
    return best if most >= _LEAST_WORDS and most >= 2 * second[0] else None


def _script(text: str) -> str | None:
    """The language of a script with over a third of the letters; over a tenth of kana is ja."""
    letters = sum(char.isalpha() for char in text)
    for name, pattern in _SCRIPTS.items():
        share = 10 if name == "ja" else 3
        if share * len(pattern.findall(text)) > letters > 0:
            return name
    return None
