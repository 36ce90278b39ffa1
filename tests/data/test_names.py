# pyright: standard
"""Names of people, found by a real spaCy pipeline; one by rules, for models are not on PyPI."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flywheel.data.checks.check import check_training
from flywheel.data.checks.names import open_names
from flywheel.data.checks.pii import find_pii
from flywheel.data.repair.anonymise import Anonymiser
from flywheel.data.rows.training import read_training
from flywheel.errors import BadOption

spacy = pytest.importorskip("spacy")
TEXT = "Ask Ada Lovelace (ada@lovelace.org) or  ada  lovelace, not Mr Turing of Bletchley."


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("pipeline")
    model = spacy.blank("en")
    people = [[{"LOWER": "ada"}, {"IS_SPACE": True, "OP": "?"}, {"LOWER": "lovelace"}], "Turing"]
    rules = model.add_pipe("entity_ruler")
    rules.add_patterns([{"label": "PERSON", "pattern": pattern} for pattern in people])
    rules.add_patterns([{"label": "GPE", "pattern": "Bletchley"}])
    model.to_disk(folder)
    return str(folder)


def test_people_are_found_and_places_are_not(pipeline: str) -> None:
    found = find_pii(TEXT, open_names(pipeline))
    assert [(one.kind, TEXT[one.start : one.end]) for one in found] == [
        ("name", "Ada Lovelace"),
        ("email", "ada@lovelace.org"),
        ("name", "ada  lovelace"),
        ("name", "Turing"),
    ]
    assert [one.kind for one in find_pii(TEXT)] == ["email"]


def test_one_person_has_one_placeholder(pipeline: str) -> None:
    cleaned = Anonymiser(open_names(pipeline)).clean(TEXT)
    assert cleaned == "Ask <NAME_1> (<EMAIL_1>) or  <NAME_1>, not Mr <NAME_2> of Bletchley."


def test_a_report_tells_how_many_or_that_nobody_looked(pipeline: str, tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": TEXT}]
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"messages": turns}) + "\n")
    report = check_training(read_training(path), names=open_names(pipeline))
    assert report.figures["pii"]["name"] == 3
    assert any("a name (3 times)" in one.story for one in report.findings.sorted())
    assert check_training(read_training(path)).figures["pii"]["name"] is None


def test_a_text_beyond_the_limit_is_read_in_pieces(pipeline: str) -> None:
    model = spacy.load(pipeline)
    text = "no one " * (model.max_length // 7) + "but Ada Lovelace"
    assert [text[one.start : one.end] for one in open_names(pipeline)(text)] == ["Ada Lovelace"]


def test_what_finds_no_people_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadOption, match=r"no spaCy pipeline 'nowhere'; installed: .* download"):
        open_names("nowhere")
    spacy.blank("en").to_disk(tmp_path)
    with pytest.raises(BadOption, match="finds no people"):
        open_names(str(tmp_path))
