"""What stands around a judge's verdict, and whether it is the judge's own and last word.

Words in front of it may make it someone else's ("the answer says"), an example, or a supposition
("if it were right, the result would be"). A remark behind it may take it back or name another one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from graders.text.lazy_pattern import load_patterns

_PATTERNS = load_patterns(Path(__file__).with_name("verdict.toml"))
_REMARK = 300  # characters that may follow a verdict which opens the answer

_NOT_OWN = ("reported", "supposed", "example", "denied", "heading")
_AROUND = " \t*_`\"'()[].,!?;:\u2192-"


def asks_for_verdict(text: str) -> bool:
    """Whether a text ends with a word for a verdict: "my score:"."""
    return bool(_PATTERNS["asks_for_verdict"].search(text))


def is_reported(before: str) -> bool:
    """Whether the words in front of an object or a line make it another's, or a supposition."""
    end = before[-200:]
    if any(_PATTERNS[name].search(end) for name in _NOT_OWN):
        return True
    fences = _PATTERNS["fence"].findall(before)
    return bool(
        (fences and not fences[-1])
        or (_PATTERNS["named"].search(end) and not _PATTERNS["own"].search(end))
    )


def introduces(before: str) -> bool:
    """Whether a text is nothing but the announcement of a verdict: "Here is my evaluation:"."""
    return bool(_PATTERNS["introduction"].fullmatch(before))


def is_quoted(before: str) -> bool:
    """Whether the line in front of an object opens a quotation."""
    line = before.rpartition("\n")[2]
    return bool(_PATTERNS["quoted"].search(line)) and not asks_for_verdict(line)


def may_follow(remark: str) -> bool:
    """Whether a remark behind a verdict is short and takes nothing back."""
    return len(remark) <= _REMARK and not _PATTERNS["second_thoughts"].search(remark)


def claims_in(remark: str) -> Iterator[str]:
    """What a remark may name as another verdict: what follows "is" or a colon, or ends a sentence.

    What stands below a line with a colon is quoted: "The answer was:" and a number.
    """
    introduced = False
    for line in remark.replace("*", "").replace("`", "").splitlines():
        for claim in _PATTERNS["claim"].finditer(line):
            rest = line[claim.end() :].strip()
            yield from (rest, rest.split()[0])
        for sentence in () if introduced else _PATTERNS["sentence"].split(line):
            words = sentence.strip(_AROUND).split()
            yield from ((sentence.strip(_AROUND), words[-1].strip(_AROUND)) if words else ())
        introduced = line.rstrip().endswith(":") or (introduced and not line.strip())


def is_heading_of_another(before: str) -> bool:
    """Whether the line above names whose words follow: "## Submission"."""
    return bool(_PATTERNS["heading"].search(before[-200:]))
