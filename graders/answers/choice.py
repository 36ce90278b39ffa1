"""The letter that a multiple-choice answer settles on: "the answer is (B)", "B.", "**B**", "b".

Statements are looked for in the order of their weight: \\boxed{B}, "the answer is B", "I choose B",
"B is right", a bold letter, "option B", a bracketed or line-leading letter, a letter at the end.
The first kind that the text holds decides. A letter that the text turns down ("not B", "can't be A
or B", "C is wrong") is no choice. A text that gives several letters has none, unless it calls the
last its final answer or takes the earlier ones back: a wrong reading is worse than no reading.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

from graders.text.lazy_pattern import lazy

_MOST = 100_000  # characters: an answer states its choice at its beginning or its end


class NoChoice(ValueError):
    """The text settles on no letter. The message says why."""


class _Statement(NamedTuple):
    letters: frozenset[str]
    tentative: bool
    final: bool


_KEYS = (
    r"(?:\b(?:answer|antwort|lösung|réponse|reponse|respuesta|risposta|resposta|antwoord|svar"
    r"|odpowiedź|cevap|jawaban|(?:correct|right|best)\s(?:option|choice|letter)|\u043e\u0442\u0432\u0435\u0442)\b"
    r"|答案|回答|答え|正解|选择|選擇|정답|\bđáp án(?: đúng)?|\bfinal(?=[*\s]{0,4}:)"
    r"|[\"'](?:choice|option|letter)(?=[\"']))"
)
_FILLERS = (
    "to|for|of|in|here|this|that|the|your|above|choice|question|problem|correcte?|correcta|correta"
    "|corretta|right|best|i|choose|chose|give|number|[0-9]{1,3}"
)
_BE = r"is|was|would be|should be|must be|ist|lautet|est|es|è|là|é(?:\s[ao])?|är"
_IS = (
    rf"[*_\s\"']{{0,4}}(?:(?:\b(?:{_BE})\b|'s\b|是|为|為|选|選|は|은|는)\s{{0,3}}[:=]?|[:=])"
    r"[*_]{0,3}"
)
_NOUNS = (
    "option|choice|letter|answer|opción|opção|letra|alternativa|la|le|die|das|clearly|probably"
    "|definitely|therefore"
    "|most likely|indeed|simply|also|instead|rather|alternatively"
)

# A letter is a capital that stands by itself. "A" and "I" are also words: something closes them.
_CLOSED = (
    r"(?=\s{0,3}(?:[()\].:;,*/&$}!?`\\。、]|[-\u2013\u2014]\s|\Z|\n)"
    r"|\s{1,3}(?:(?:and|or|because|since|but|is|are|was|must|would|cannot)\b|[A-Z]\b))"
)
_CAPITAL = (
    rf"(?<![A-Za-z0-9_'])(?:[B-HJ-Z](?![A-Za-z0-9_'+#=]|-\w|\s=)|[AI](?![A-Za-z0-9_']){_CLOSED})"
)
_SMALL = r"(?<![A-Za-z0-9_'])[a-z](?=[)\].;,*$}\"]|[ \t]{0,3}(?:\Z|\n)|\s{1,3}(?:and|or)\b)"
_WRAP = r"[\s*_$`\\\"'(\[{“]{0,8}"
_UNWRAP = r"[*_$`\\\"')\]}”]{0,6}"
_AND = (
    r"\s{0,3}(?:[,/&+、]|[-\u2013\u2014](?=\s)|\b(?:and|or|nor|und|oder|et|ou)\b|[ \t])\s{0,3}"
    r"(?:(?:and|or)\s{1,3})?"
)


def _letters(letter: str) -> str:
    """One letter, or several in a row, each with what may stand around it."""
    return rf"(?P<letters>(?:{letter})(?:{_UNWRAP}{_AND}{_WRAP}(?:{letter})){{0,20}})"


_CAPITALS = _letters(_CAPITAL)
_CHOOSING = "choose|chose|pick|picked|select|selected|opt for|vote for|go with|going with"
_BEFORE_LAST = (
    r"is|(?<!could )(?<!might )(?<!may )be|it['\u2019]s|that['\u2019]s|think|say|guess|so|thus"
)
_ANSWER = lazy(
    rf"(?i:{_KEYS}(?:\s{{1,3}}(?:{_FILLERS}))*{_IS}(?:\s{{0,3}}\b(?:{_NOUNS})\b:?)*)"
    rf"{_WRAP}{_letters(f'{_CAPITAL}|{_SMALL}')}"
)
_LEADING = lazy(r"^[ \t*>#-]{0,8}(?P<letters>[A-Z])[.):](?=\s|\*|$)", re.MULTILINE)
_KINDS = (
    lazy(
        r"\\(?:boxed|fbox)\{\s{0,3}\(?(?P<letters>[A-Za-z](?:\s{0,3}(?:,|and|or)\s{0,3}[A-Za-z])*)"
        r"(?:\)?\s{0,3}|[.):][^{}]{0,200})\}"
    ),
    _ANSWER,
    lazy(
        rf"(?i:\b(?:{_CHOOSING})\b(?:\s{{1,3}}(?:option|choice|answer|letter)\b)?)"
        rf"{_WRAP}{_CAPITALS}"
    ),
    lazy(rf"(?<!不)(?:故|应|應)?[选選](?:择|擇)?:?\s?{_CAPITALS}"),
    lazy(
        rf"{_CAPITALS}{_UNWRAP}(?i:\s{{1,3}}(?:is|are|must be)"
        r"(?:\s{1,3}(?:the|clearly|both|also|only))*"
        r"\s{1,3}(?:correct|right|best|answer|true)\b)"
    ),
    lazy(r"\*\*\(?(?P<letters>[A-Z])(?:\)?\*\*|[.:)][^*\n]{0,200}\*\*)"),
    lazy(rf"(?i:(?:{_KEYS}|\b(?:option|choice)\b)\W{{0,3}}){_CAPITALS}"),
    lazy(r"(?<![A-Za-z0-9_])\((?P<letters>[A-Z])\)"),
    _LEADING,
    lazy(
        rf"\A\s{{0,8}}(?!I,){_CAPITALS}"
        r"(?=,|!|\s*\Z|\s{1,3}because\b|[ \t]*\n(?!\s*[A-Z](?![a-z]))"
        r"|\s[-\u2013\u2014]\s(?![^\n]{0,200}\n\s*[A-Z]\b))"
    ),
    lazy(
        rf"(?:\b(?i:{_BEFORE_LAST})\b|[:=\n]|(?:\A|\n)#{{1,6}}\s){_WRAP}"
        rf"(?P<letters>(?:[A-Z]{_UNWRAP}(?:{_AND}|[|;.\s]{{1,3}}){_WRAP}){{0,30}}[A-HJ-Z])[.)*\"'!$]*\s*\Z"
    ),
)
_BRACKETED = lazy(r"[(*]([A-Z])[)*]")
_NEXT = lazy(r"[)\].:;,|*\s]{1,6}([A-Z])(?=[ \t]{0,3}(?:[.;|,]\s{0,3}(?:[A-Z]\b|\Z)|\n|\Z))")
_INLINE = lazy(r"[^\n]{1,200}?\s[(*]{0,3}([A-Z])[).:]\s")
_OR_RATHER = lazy(
    r"[\s.,;(\u2026\u2014-]{1,6}(?:no|(?:no,? )?wait|actually|sorry|i mean|make that|or rather"
    r"|just kidding|otherwise|alternatively|then again|as well as|also|on reflection"
    r"|(?:or )?(?:maybe|perhaps|possibly))\b[\s,.:]{1,3}(?:i think )?(?:it['\u2019]s |(?:it )?is )?"
    r"(?-i:([B-HJ-Z](?![A-Za-z0-9])|A(?=[.,!\n]|\Z)))",
    re.IGNORECASE,
)
_WITH_REMARKS = lazy(r"\s?\([^()\n]{1,30}\)\s?[,;/]\s?(?:and |or )?([A-Z])(?=\s?\()")
_ALSO = lazy(
    r"[^\n]{0,120}?(?<![A-Za-z0-9])([A-Z])[)\"'*]{0,3}\s(?:is|are|would be|may be|could be)\s"
    r"(?:also|equally|just as)\s"
)
_REVISES = lazy(
    r"\b(?:wait|actually|correction|mistake|let me (?:re|check|double)|on second thought)",
    re.IGNORECASE,
)
_LISTED = lazy(r"[).:][^\n]{0,200}\n\s{0,8}[*(]{0,3}([A-Z])[).:]")
_ALONE = lazy(r"\A[\s(\[*\"'$]*(?:(?:[Oo]ption|[Cc]hoice)\s)?([A-Za-z])[\s)\].:*\"'$]*\Z")
_LATEX = lazy(r"\\(?:text|textbf|mathrm|mathbf)\{([^{}]{0,200})\}")
_SINGLE = lazy(r"(?<![A-Za-z])[A-Za-z](?![A-Za-z])")

_TURNING_DOWN = (
    r"\bnot|n['\u2019]t|\bcannot|\bnever|\bneither|\bnor|\brul(?:e|es|ed|ing) out|\beliminat\w+"
    r"|\bexclud\w+|\breject\w*|\b(?:all|anything|everything|nothing) but"
    r"|\brather than|\binstead of|\bother than|\bnicht|\bkeine?|\bpas"
    r"|不是|不选|排除"
)
_TURNED_DOWN = lazy(
    rf"(?:{_TURNING_DOWN})(?:\s{{1,3}}(?!(?:but|because|so)\b)[^\W\d_]{{1,12}}){{0,3}}"
    r"[\s(\[\"'*]{0,8}\Z",
    re.IGNORECASE,
)
_WRONG = (
    "not|never|unlikely|too|wrong|incorrect|false|ruled out|eliminated|excluded|out|impossible"
    "|falsch|faux|fausse"
)
_IS_WRONG = lazy(
    rf"{_UNWRAP}[.:]?\s{{0,3}}(?:(?:では|じゃ)(?:ありません|ない)|[가이]?\s?아[니닙]|(?:(?:is|are|was|were|seems?|looks?|ist|est)\s{{1,3}}"
    rf"(?:\w{{1,12}}\s{{1,3}}){{0,2}}?)?(?:{_WRONG})\b|错|\?"
    r"|(?:isn|aren|wasn|can|won|doesn|couldn)['\u2019]t\b|(?:cannot|does not|can not|fails"
    r"|makes no sense|can be (?:ruled out|eliminated|excluded)"
    r"|is (?:a (?:trap|distractor)|the (?:worst|wrong|opposite)))\b)",
    re.IGNORECASE,
)
# In front of a statement: it is about another answer than the right one, or somebody else's.
_NOT_MEANT = lazy(
    r"\b(?:wrong|incorrect|worst|least likely|tempting|distractor|second best|opposite of|doubt"
    r"|unlikely|false|no way|(?:do|does|did)(?:n['\u2019]t| not) (?:think|believe)"
    r"|(?:many|most|some|someone|somebody|people|students|others)\b[^.!?\n]{0,40}"
    r"\b(?:say|says|said|think|thinks|claim|claims|claimed|believe|choose|pick))\b"
    r"[^.!?:;,\n]{0,40}\Z",
    re.IGNORECASE,
)
# In front of a letter that is only named: "figure (B)", "let me start with option A".
_ONLY_NAMED = lazy(
    r"\b(?:figure|fig\.|table|appendix|section|equation|eq\.|formula|matrix|sentence|according to"
    r"|start(?:ing)? with|consider(?:ing)?|look(?:ing)? at|check(?:ing)?|examin\w+|evaluat\w+"
    r"|analy[sz]\w+|regarding)\s{1,3}(?:the\s)?[(*]{0,3}\Z",
    re.IGNORECASE,
)
_TENTATIVE = lazy(
    r"\b(?:first|initially|thought|guess|might|could|may|maybe|perhaps|tempting|if|unless|whether)"
    r"\b[^.!?\n]{0,100}\Z",
    re.IGNORECASE,
)
_FINAL = lazy(
    r"\b(?:final|finally|corrected|revised|updated|wait|actually|correction|no,|sorry)\b"
    r"[^.!?\n]{0,60}\Z",
    re.IGNORECASE,
)


def choice_in(text: str) -> str:
    """The letter, as a capital. Raises NoChoice."""
    if len(text) > _MOST:
        text = f"{text[: _MOST // 2]}\n{text[-_MOST // 2 :]}"
    text = _LATEX.sub(r"\1", text if text.isascii() else unicodedata.normalize("NFKC", text))
    if alone := _ALONE.match(text):
        return alone[1].upper()
    for kind in _KINDS:
        if statements := list(_statements(kind, text)):
            return _settled(statements)
    raise NoChoice("no choice letter")


def _settled(statements: list[_Statement]) -> str:
    """The one letter of these statements, after those that the text takes back."""
    firm = [s for s in statements if s.final] or [s for s in statements if not s.tentative]
    letters = sorted(frozenset[str]().union(*(s.letters for s in firm or statements)))
    if len(letters) > 1:
        raise NoChoice(f"several choice letters ({', '.join(letters)})")
    return letters[0]


def _statements(kind: re.Pattern[str], text: str) -> Iterator[_Statement]:
    stated = 0
    for match in kind.finditer(text):
        start, end = match.span("letters")
        before = text[max(0, start - 120) : start]
        if _TURNED_DOWN.search(before) or _IS_WRONG.match(text, end):
            continue
        ahead = text[max(0, match.start() - 100) : match.start()]
        if _NOT_MEANT.search(ahead) or _ONLY_NAMED.search(ahead):
            continue
        letters = set(_SINGLE.findall(match["letters"]))
        letters |= _more(text, end, letters) if kind is _ANSWER else _taken_back(text, end)
        if kind is _LEADING and (inline := _INLINE.match(text, end)):
            letters.add(inline[1])
        yield _Statement(
            frozenset(letter.upper() for letter in letters),
            bool(_TENTATIVE.search(before)),
            bool(_FINAL.search(before) or (stated and _REVISES.search(text, stated, start))),
        )
        stated = end


def _taken_back(text: str, end: int) -> set[str]:
    """The letter that a statement goes on to prefer: "B. No wait, C"."""
    other = _OR_RATHER.match(text, end)
    return {other[1]} if other else set()


def _more(text: str, end: int, letters: set[str]) -> set[str]:
    """Letters that the same statement goes on to give: a list of options is no choice."""
    more: set[str] = set()
    for listing in (_LISTED, _NEXT, _OR_RATHER, _WITH_REMARKS, _ALSO):
        if (listed := listing.match(text, end)) and listed[1] not in letters:
            more.add(listed[1])
    sentence = lazy(r"[^.;\n]{0,200}").match(text, end)
    stop = sentence.end() if sentence else end
    for other in _BRACKETED.finditer(text, end, stop):
        turned_down = _TURNED_DOWN.search(text[end : other.start()])
        if not turned_down and not _IS_WRONG.match(text, other.end()):
            more.add(other[1])
    return more
