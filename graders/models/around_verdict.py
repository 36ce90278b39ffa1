"""What stands around a judge's verdict, and whether it is the judge's own and last word.

Words in front of it may make it someone else's ("the answer says"), an example, or a supposition
("if it were right, the result would be"). A remark behind it may take it back or name another one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from graders.text.lazy_pattern import lazy

_REMARK = 300  # characters that may follow a verdict which opens the answer

VERDICT_WORD = (
    r"(?:result|score|verdict|rating|grade|label|judge?ment|assessment|decision|classification"
    r"|category)"
)
_ASKS_FOR_VERDICT = lazy(rf"{VERDICT_WORD}\W*\Z", re.IGNORECASE)
# Words in front of an object that make it someone else's.
_REPORTED = lazy(
    r"(?:\b(?:says|said|asks|asks? for|wrote|writes|contains|includes|quotes|claims|demands"
    r"|requests|instructs|tells|told|wants|injects|embeds|reads|outputs|they (?:say|write|want)"
    r"|answered|responded|repl(?:ies|ied)|submitted|states|stated|printed|prints|echoes|calls"
    r"|(?:ends|starts|begins) with|consists of|is (?:just|only|simply)|(?:answer|reply) was"
    r"|(?:injected|fake) \w+|(?:for )?example(?: (?:output|reply|answer))?|format (?:is|was)"
    r"|look like this|json like"
    r"|(?:cannot|can['\u2019]?t|won['\u2019]?t|(?:will|would|must|should|do|did) not|refuse to"
    r"|wouldn['\u2019]t|never|wrong to|if (?:i|we))(?:\s+\w+){0,4}?\s+(?:output|give|print|answer"
    r"|return|say|reply|respond|write|produce|emit)|(?<!let )me(?: to)? \w+"
    r"|enthält|sagt|schreibt|dit|écrit|contient|dice|contiene|escribe|die antwort|la réponse"
    r"|la respuesta)\b|说|写道|写着|包含|回答|書い)"
    r"[^.!?,;{}\n]{0,20}(?:\n\s*)?(?:```\w*\s*)?[`\"'\u201c(]*\s*\Z",
    re.IGNORECASE,
)
_NAMED = lazy(
    r"\b(?:the|their|its|this|given|\w+['\u2019]s|student|candidate|model)"
    r" (?:answer|response|reply|output|submission|text|message|completion|fence)\b"
    r"[^.!?,;{}\n\"\u201d]{0,20}(?:\n\s*)?(?:```\w*\s*)?[`\"'\u201c(]*\s*\Z",
    re.IGNORECASE,
)
# "Here is my evaluation of the answer:", which names the answer and speaks of the verdict.
_GRADING = (
    r"(?:evaluation|evaluate|grading|grade|verdict|assessment|assess|rating|rate|judge?ment|judge"
    r"|score|scoring)"
)
_OWN = lazy(
    r"(?:\b(?:my|let me|i|i will|i['\u2019]ll|(?:here (?:is|are)|here['\u2019]s|below is)"
    r" (?:my|the|your))\s+(?:now\s+)?(?:\w+\s+)?|(?:\A|\n)\W*)"
    rf"{_GRADING}\b[^.!?,;:{{}}\n]{{0,50}}:?\s*(?:```\w*\s*)?\Z",
    re.IGNORECASE,
)
_INTRODUCTION = lazy(
    r"\s*(?:(?:sure|certainly|okay|ok|of course|absolutely)\b[!,.]?\s*)?"
    r"(?:here (?:is|are)|here['\u2019]s|below is|this is|the following is)\s+(?:my|the|your)\s+"
    rf"(?:(?:\w+\s+){{0,2}}(?:{_GRADING}|result)|(?:\w+\s+)?json(?:\s+(?:object|output|response))?)"
    r"(?:\s+(?:of|for|on)\s+(?:the|this)\s+(?:\w+\s+)?(?:answer|response|submission))?"
    r"(?:\s+you\s+(?:asked\s+for|requested)|\s+in\s+(?:the\s+)?(?:\w+\s+)?(?:json\s+)?format"
    r"|\s+in\s+json|\s+as\s+requested)?\s*:[\s*]*(?:```\w*)?\s*",
    re.IGNORECASE,
)
_QUOTED = lazy(r"(?:[\[\"'\u201c\u2018«(]\s*|^[ \t]*(?:>|//).*|\S.*(?<!`)`)\Z", re.MULTILINE)
# What a sentence in front of an object supposes, or finds that somebody else tries.
_SUPPOSED = lazy(
    r"\b(?:if (?:it|the|this|that)\b[^.!?\n]{0,60}\bwould|might be"
    r"|(?:tr(?:y|ies|ied|ying)|attempts?|attempted|attempting|hop(?:es|ing)|aim(?:s|ing)|meant"
    r"|designed) (?:to|for)|forc(?:es?|ing)|planted|inserted|has the following|found in|seen in)"
    r"\b[^.!?,;{}\n]{0,60}"
    r"\s*(?:```\w*\s*)?\Z",
    re.IGNORECASE,
)
# What makes an object an example, or a wish of somebody's.
_EXAMPLE = lazy(
    r"\b(?:e\.g|i\.e|such as|for instance|would (?:like|love|prefer))\b[.,:]{0,2}"
    r"\s*(?:```\w*\s*)?\Z",
    re.IGNORECASE,
)
_DENIED = lazy(
    r"\b(?:(?:is|was) not|isn['\u2019]t|(?:does|do|did) not deserve(?: \w+){0,2})\W*\Z",
    re.IGNORECASE,
)
# A line that names whose words follow: "Student answer:", "## Submission".
_HEADING = lazy(
    r"(?:\A|\n)\W*(?:from the )?(?:the )?(?:quote|quotation|student|user|candidate|submission"
    r"|(?:student|candidate|model|user|fenced|given)(?:['\u2019]s)?"
    r" (?:answer|response|reply|output|text)"
    r"|content under \w+|(?:answer|response|reply|text) (?:to|under) \w+)\W*(?:```\w*\s*)?\Z",
    re.IGNORECASE,
)
# The fence that the judge's prompt puts around an answer.
_FENCE = lazy(r"<(/?)answer-[0-9a-f]{16}>")
_SECOND_THOUGHTS = lazy(
    r"[{>`\u2192]|\bno,|\b(?:wait|actually|correction|on (?:second thought|reflection|second look)"
    r"|instead|sorry|scratch that|mistake|should (?:be|have)|ignore|injection|told me|asked me"
    r"|quot\w+|hmm+|oops|re-?(?:do|read|reading|consider\w*|think\w*|assess\w*|evaluat\w*)|revis\w+|updated?"
    r"|chang(?:e|ed|ing) my|fool\w*|copied|planted|my (?:own|actual)|than (?:i|the)"
    r"|(?:this|that|the above) (?:is|was) (?:what|the (?:text|answer|example|response))"
    r"|not my|cannot accept)\b",
    re.IGNORECASE,
)
# Where a remark behind a verdict may name another: `Final: 0`, "the right label would be bad".
_CLAIM = lazy(r"(?:[:=]|\b(?:is|be|was|as|to)\b)[\s*_`\"']*(?=\S)", re.IGNORECASE)
_SENTENCE = lazy(r"(?<=[.!?;])\s+|\n")
_AROUND = " \t*_`\"'()[].,!?;:\u2192-"


def asks_for_verdict(text: str) -> bool:
    """Whether a text ends with a word for a verdict: "my score:"."""
    return bool(_ASKS_FOR_VERDICT.search(text))


def is_reported(before: str) -> bool:
    """Whether the words in front of an object or a line make it another's, or a supposition."""
    end = before[-200:]
    if any(form.search(end) for form in (_REPORTED, _SUPPOSED, _EXAMPLE, _DENIED, _HEADING)):
        return True
    fences = _FENCE.findall(before)
    return bool((fences and not fences[-1]) or (_NAMED.search(end) and not _OWN.search(end)))


def introduces(before: str) -> bool:
    """Whether a text is nothing but the announcement of a verdict: "Here is my evaluation:"."""
    return bool(_INTRODUCTION.fullmatch(before))


def is_quoted(before: str) -> bool:
    """Whether the line in front of an object opens a quotation."""
    line = before.rpartition("\n")[2]
    return bool(_QUOTED.search(line)) and not asks_for_verdict(line)


def may_follow(remark: str) -> bool:
    """Whether a remark behind a verdict is short and takes nothing back."""
    return len(remark) <= _REMARK and not _SECOND_THOUGHTS.search(remark)


def claims_in(remark: str) -> Iterator[str]:
    """What a remark may name as another verdict: what follows "is" or a colon, or ends a sentence.

    What stands below a line with a colon is quoted: "The answer was:" and a number.
    """
    introduced = False
    for line in remark.replace("*", "").replace("`", "").splitlines():
        for claim in _CLAIM.finditer(line):
            rest = line[claim.end() :].strip()
            yield from (rest, rest.split()[0])
        for sentence in () if introduced else _SENTENCE.split(line):
            words = sentence.strip(_AROUND).split()
            yield from ((sentence.strip(_AROUND), words[-1].strip(_AROUND)) if words else ())
        introduced = line.rstrip().endswith(":") or (introduced and not line.strip())


def is_heading_of_another(before: str) -> bool:
    """Whether the line above names whose words follow: "## Submission"."""
    return bool(_HEADING.search(before[-200:]))
