"""Content of messages: text or parts, in both spellings of the APIs, sent in one."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from graders.asks import Judge
from graders.content import Content, filled
from graders.definition import read_grader
from graders.grader import Grader
from graders.sample import Sample
from graders.ungraded import Ungraded

CONTENT: TypeAdapter[Any] = TypeAdapter(Content)
URL = "data:image/png;base64,QUJD"
SENT = {"type": "image_url", "image_url": {"url": URL}}
LOW = {"type": "image_url", "image_url": {"url": URL, "detail": "low"}}
SOUND = {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}}


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("hi", "hi"),
        ([{"type": "text", "text": "a"}, {"type": "input_text", "text": "b"}, "c"], "a\nb\nc"),
        ({"type": "input_image", "image_url": URL}, [SENT]),
        ([{"type": "input_image", "image_url": URL, "file_id": None}], [SENT]),
        ([{"type": "image_url", "image_url": {"url": URL, "detail": "low"}}], [LOW]),
        (["see", SENT], [{"type": "text", "text": "see"}, SENT]),
        ([SOUND], [SOUND]),
    ],
)
def test_all_spellings_are_sent_in_one(given: Any, sent: Any) -> None:
    content = CONTENT.validate_python(given)
    assert filled(content, str, str) == sent
    again = CONTENT.validate_python(CONTENT.dump_python(content, mode="json"))
    assert filled(again, str, str) == sent


@pytest.mark.parametrize("given", [[{"type": "video"}], [{"type": "image_url"}], [3], None])
def test_what_is_no_content_is_refused(given: Any) -> None:
    with pytest.raises(ValidationError):
        CONTENT.validate_python(given)


@pytest.mark.parametrize(
    ("answer", "is_asked"),
    [(URL, True), ("https://evil.example/?leak", False), ("//evil.example", False), ("a", False)],
)
def test_an_answer_names_no_place_that_the_judge_looks_at(answer: str, is_asked: bool) -> None:
    grader = shows("{{ sample.output_text }}")
    asks = grader.asks(Sample({}, answer))
    assert [isinstance(ask, Judge) for ask in asks] == [True] * is_asked
    if not is_asked:
        assert grader.grade(Sample({}, answer)).score == 0


@pytest.mark.parametrize(
    "address", ["a.png", "https://evil.example/a.png", "{{ item.deep.photo }}"]
)
def test_an_image_that_nobody_loaded_leaves_the_answer_ungraded(address: str) -> None:
    with pytest.raises(Ungraded, match=r"a\.png' cannot be shown: wanted a data URL"):
        shows(address).asks(Sample({"deep": {"photo": "a.png"}}, "x"))


def shows(address: str) -> Grader:
    """A grader that shows its judge the image at this address."""
    said = [{"role": "user", "content": [{"type": "input_image", "image_url": address}]}]
    return read_grader({"type": "score_model", "name": "g", "model": "j", "input": said})
