"""What a judge's reply says: one verdict, or no verdict and why.

A judge is asked for `{"steps": [...], "result": ...}`. One rule reads its reply:

- Only the answer counts: what follows the last closing thought or the final channel.
- The verdict ends the answer: a JSON object with a `result`, or a number or label alone on the last
  line. An object that opens the answer, or follows "Here is my evaluation:", may have a short
  remark behind it. A tag or a box around the whole is taken off.
- All results in the answer must agree. Two that differ, a key named twice, an object in a list,
  inside broken JSON or inside a sentence about someone's words ("it says {...}"): no verdict.
- In a reply that is cut off only a complete object at the end counts; "1" may be the start of "10".

No verdict is always the safe end: a judge quotes what it grades, and a quotation must not score.
Unreadable, refused and absent are three kinds of Ungraded; none of them is a score.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar, cast

from graders.answers.thoughts import Spoken, spoken
from graders.asks import Answer, Reply, only
from graders.models.around_verdict import (
    asks_for_verdict,
    claims_in,
    introduces,
    is_heading_of_another,
    is_quoted,
    is_reported,
    may_follow,
)
from graders.models.json_objects import Found, objects_in
from graders.text.lazy_pattern import load_patterns
from graders.ungraded import Kind, Ungraded

Value = TypeVar("Value", float, str)
_PATTERNS = load_patterns(Path(__file__).with_suffix(".toml"))
_READ = 1_000_000  # characters of a reply; a longer one is not read at all
_SHOWN = 300

_QUOTES = {'"': '"', "'": "'", "\u201c": "\u201d", "\u2018": "\u2019", "«": "»", "$": "$"}


class Verdict(NamedTuple, Generic[Value]):
    """The value of a judge's result, and the steps of the same object as one text."""

    value: Value
    explanation: str


def the_reply(answers: Sequence[Answer]) -> Reply:
    """The one reply that a model grader waits for. Raises Ungraded when the judge gave none."""
    reply = only(answers, Reply, Kind.JUDGE_SERVER, "the judge")
    if reply.refusal:
        raise Ungraded(Kind.JUDGE_REFUSAL, f"the judge refused: {reply.refusal[:_SHOWN]}")
    return reply


def read_score(reply: Reply, low: float, high: float) -> Verdict[float]:
    """The number in `result`, clamped to the range. A number outside of it is no verdict alone."""

    def as_score(result: Any) -> float | None:
        return _as_number(_of_range(result, low, high) if isinstance(result, str) else result)

    def as_word(word: str) -> float | None:
        score = as_score(word)
        return score if score is not None and low <= score <= high else None

    score, explanation = _read(reply, as_score, as_word, "a number")
    return Verdict(min(max(score, low), high), explanation)


def read_label(reply: Reply, labels: Sequence[str]) -> Verdict[str]:
    """The label in `result`."""

    def as_label(result: Any) -> str | None:
        if not isinstance(result, str):
            return None
        if result.strip() in labels:
            return result.strip()
        fits = [label for label in labels if _bare(label) == _bare(result)]
        return fits[0] if len(fits) == 1 else None

    return _read(reply, as_label, as_label, f"one of {', '.join(labels)}")


def _of_range(text: str, low: float, high: float) -> str:
    """`7/10` and `7 out of 10` as 7 where the range ends at 10, or as 0.7 where it is 0 to 1."""
    share = _PATTERNS["share"].fullmatch(text.strip())
    if share is None:
        return text
    part, whole = float(share[1]), float(share[2])
    if whole == high:
        return share[1]
    return str(part * high / whole) if low == 0 and whole > 0 and part <= whole else ""


def _as_number(result: Any) -> float | None:
    if isinstance(result, str):
        result = result.strip() if _PATTERNS["number"].fullmatch(result.strip()) else None
    if result is None or not isinstance(result, str | int | float) or isinstance(result, bool):
        return None
    try:
        number = float(result)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _read(
    reply: Reply,
    accept: Callable[[Any], Value | None],
    accept_word: Callable[[str], Value | None],
    wanted: str,
) -> Verdict[Value]:
    """The one verdict of the reply.

    `accept` gives the value of a result that fits, else None; `accept_word` that of a bare word.
    """
    if len(reply.text) > _READ:
        raise _unreadable(reply, f"it is longer than {_READ:,} characters")
    said = spoken(_without_boxes(reply.text))
    said = said._replace(answer=_unwrapped(said.answer or ""))
    if not said.answer:
        raise _unreadable(reply, "nothing follows its thoughts" if reply.text else "it is empty")
    objects = [found for found in objects_in(said.answer) if "result" in found.value]
    if any(found.repeats for found in objects):
        raise _unreadable(reply, "an object in it names a key twice")
    chosen: Found | None = None
    value = None if reply.truncated else accept_word(_last_word(said.answer))
    if value is None:
        chosen = objects[-1] if objects else None
        if chosen is None or not _counts(said.answer, chosen, objects, cut=reply.truncated):
            raise _unreadable(reply, f"no verdict in it, wanted {wanted}")
        value = accept(chosen.value["result"])
        if value is None:
            raise _unreadable(reply, f"its result is {chosen.value['result']!r}, wanted {wanted}")
    results = [accept(result) for result in _results(said)]
    words = [accept_word(word) for word in _words(said, chosen)]
    if any(other != value for other in (*results, *(word for word in words if word is not None))):
        raise _unreadable(reply, "it holds different results")
    return Verdict(value, _steps(chosen.value) if chosen else "")


def _without_boxes(text: str) -> str:
    """A reply with the marks that models put around a final answer as LaTeX's box."""
    text = _PATTERNS["displayed_box"].sub(r"\1", text)
    return _PATTERNS["box"].sub(
        lambda box: box[1] if "{" in box[1] else rf"\boxed{{{box[1]}}}", text
    )


def _unwrapped(answer: str) -> str:
    """An answer without the one tag that stands around all of it: `<answer>...</answer>`."""
    tag = _PATTERNS["wrapped"].match(answer)
    if tag is None or answer.count(tag[0]) > 1 or not answer.endswith(f"</{tag[1]}>"):
        return answer
    return answer[tag.end() : -len(tag[0]) - 1].strip()


def _results(said: Spoken) -> Iterator[Any]:
    """The result of every object outside of thoughts."""
    visible = [*said.earlier, cast("str", said.answer)]
    # A thought that the chat template opened starts with words, a verdict with its object.
    if _opens_with_verdict(said.before_close):
        visible.append(said.before_close)
    for text in visible:
        yield from (found.value["result"] for found in objects_in(text) if "result" in found.value)


def _words(said: Spoken, chosen: Found | None) -> Iterator[str]:
    """Every line outside of thoughts that may be a verdict in one word.

    In front of an object that was chosen, a line such as "Score: 3" is one of its reasons.
    """
    answer = cast("str", said.answer)
    if chosen:
        yield from (
            _unquoted(claim.rstrip(".!,;)\"'")) for claim in claims_in(answer[chosen.end :])
        )
    for line in (answer[chosen.end :] if chosen else answer).splitlines():
        bare = _undecorated(line)
        if label := _PATTERNS["labelled"].match(bare):
            yield _unquoted(bare[label.end() :])
    for text in (*said.earlier, said.before_close, answer):
        if text.strip():
            first = _undecorated(text.strip().splitlines()[0])
            label = _PATTERNS["labelled"].match(first)
            yield _unquoted(first[label.end() :] if label else first)
    for text in said.earlier:
        yield _last_word(text.strip())


def _opens_with_verdict(text: str) -> bool:
    first = next(objects_in(text), None)
    opens = first is not None and "result" in first.value
    return opens and bool(_PATTERNS["opening"].fullmatch(text, 0, first.start if first else 0))


def _counts(text: str, found: Found, objects: Sequence[Found], *, cut: bool) -> bool:
    """Whether an object is the judge's own verdict, by where it stands."""
    before, after = text[: found.start], text[found.end :]
    if not found.clean or is_reported(before) or is_quoted(before):
        return False
    if _PATTERNS["ending"].fullmatch(after):
        return True
    opens = _PATTERNS["opening"].fullmatch(before) or introduces(before)
    if cut or len(objects) > 1 or not opens:
        return False
    remark = after[cast("re.Match[str]", _PATTERNS["fence_end"].match(after)).end() :]
    own_line = after.lstrip(" \t`")[:1] == "\n"
    return own_line and may_follow(remark)


def _last_word(text: str) -> str:
    """The last line, when it may be a verdict that stands alone; empty when it may be quoted."""
    if text.startswith("```") and text.endswith("```") and text.count("```") == 2:
        text = text[3:-3].strip()
    before, _, line = text.rpartition("\n")
    word, labelled = _labelled_word(line)
    if not labelled and _PATTERNS["share"].fullmatch(word):
        return ""  # "3/4" may be anything
    if not before.strip():
        return word.removesuffix(".")
    above = before.rstrip().rpartition("\n")[2].strip()
    quoted = (
        above.startswith(">")
        or (above.endswith((":", ",", ";")) and not asks_for_verdict(above))
        or (is_heading_of_another(before) or is_reported(before) if labelled else _goes_on(before))
        or before.count("```") % 2
        or before.count('"') % 2
        or before.count("“") != before.count("”")
    )
    if quoted or (_PATTERNS["number"].fullmatch(word) and word.endswith(".")):
        return ""
    return word


def _labelled_word(line: str) -> tuple[str, bool]:
    """The word of a line that may be a verdict, and whether the line calls it one."""
    bare = _undecorated(line)
    if tagged := _PATTERNS["tagged"].fullmatch(bare):
        return _unquoted(tagged[2] or tagged[3]), True
    labelled = _PATTERNS["labelled"].match(bare)
    return _unquoted(bare[labelled.end() :] if labelled else bare), labelled is not None


def _goes_on(before: str) -> bool:
    """Whether the text breaks off in a sentence, so that the next line may be its object."""
    if asks_for_verdict(before):
        return False
    above = before.rstrip().rpartition("\n")[2].strip()
    unfinished = above[-1:] not in ".!?)*`]}。|>" and (
        not before.endswith("\n") or not _PATTERNS["item"].match(above)
    )
    return unfinished or is_reported(before)


def _undecorated(line: str) -> str:
    """A line without markdown's emphasis, code marks and heading signs."""
    return line.replace("*", "").replace("`", "").strip().lstrip("#").strip()


def _unquoted(word: str) -> str:
    """A word without \\boxed{...} or the pair of quotes around it."""
    word = word.strip()
    if boxed := _PATTERNS["boxed"].fullmatch(word.removesuffix(".").strip("$")):
        return boxed[1].strip()
    if word.startswith("[[") and word.endswith("]]"):
        return word[2:-2].strip()
    if len(word) > 1 and _QUOTES.get(word[0]) == word[-1]:
        return word[1:-1].strip()
    return word


def _bare(label: str) -> str:
    """A label without what judges put around it: quotes, a full stop, another case."""
    return _unquoted(_undecorated(label).removesuffix(".")).removesuffix(".").strip().casefold()


def _steps(verdict: dict[str, Any]) -> str:
    """The judge's own steps as one text, empty when it gave none."""
    steps = verdict.get("steps")
    if not isinstance(steps, list):
        return ""
    lines: list[str] = []
    for step in cast("list[Any]", steps):
        fields = cast("dict[str, Any]", step) if isinstance(step, dict) else {"conclusion": step}
        lines.append(": ".join(str(value) for value in fields.values()))
    return "; ".join(lines)


def _unreadable(reply: Reply, why: str) -> Ungraded:
    cut = " (it was cut off by the token limit)" if reply.truncated else ""
    return Ungraded(
        Kind.JUDGE_PARSE, f"the judge's answer{cut} cannot be read, {why}: {reply.text[:_SHOWN]!r}"
    )
