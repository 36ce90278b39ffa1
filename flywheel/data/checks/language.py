"""Which language a text is in: by its script, and for Latin letters by its commonest words.

A hint, no classifier. It knows nine scripts, of which each stands for one language (Cyrillic is
called ru, Han without kana zh, Arabic ar), and nine languages in Latin letters. A text needs three
different common words of a language, and twice as many as of the next one: short texts, code, names
and numbers stay unknown. Only the first 600 characters are read.
"""

from __future__ import annotations

import re

_READ = 600
_LEAST_WORDS = 3
_WORDS: dict[str, str] = {
    "en": "the and of to is that for it with you are this not have be was on please what can your"
    " my from will how there which has an been would their if we do i me at as by or but where",
    "de": "der die das und ist nicht ich ein eine mit den von zu für auf im es wir sie wie dem"
    " auch werden bitte mein haben kann oder wird noch nach bei aber einen ihr sind wurde",
    "fr": "le la les et est une des que pour pas dans vous je qui sur avec il ce du au plus par"
    " nous mais sont votre mon être cette mes ne se été ou elle ont",
    "es": "el la los las y es una que para por no con del se su lo como más mi pero está al son"
    " muy usted hay sus esta este puede gracias ha fue yo nos",
    "it": "il di che è la per un una non con sono del della dei le gli come mi ma questo anche più"
    " ho si al nel alla ha lo essere grazie questa loro",
    "pt": "o a os as e é uma que para não com do da em se um por mais como dos meu está ao mas são"
    " você na no foi pelo eu obrigado isso ele também",
    "nl": "de het een en van is niet ik dat die op te met voor zijn er aan maar om ook je als bij"
    " naar heeft mijn wordt deze kan wat nog worden hebben",
    "pl": "i w na nie się z do to jest że jak o co dla po tak ale czy od za przez mi są było jego"
    " już tylko oraz moje proszę został może",
    "sv": "och att det som en är på för av med inte den till jag ett har om vi kan men så från var"
    " min du hur ska eller när också min mitt blir",
}
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
    """The language's code of ISO 639-1, or None where it cannot be told."""
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
    """The language of a script that makes up a third of the letters. Kana make Han Japanese."""
    letters = sum(char.isalpha() for char in text)
    for name, pattern in _SCRIPTS.items():
        share = 10 if name == "ja" else 3
        if share * len(pattern.findall(text)) > letters > 0:
            return name
    return None
