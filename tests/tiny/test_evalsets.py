"""The evalsets of the desk: apart from each other, and graded without a sandbox."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from flywheel.tiny.desk.documents import draw_document
from flywheel.tiny.desk.phrases import Split
from flywheel.tiny.exam import VAGUE, Exam
from graders.sample import Sample
from graders.template import template

ROOT = Path(__file__).parents[2] / "evalsets"
NAMES = ("ticket_triage", "ner_json", "tool_routing", "unit_math")
SPLITS: tuple[Split, ...] = get_args(Split)
TEXT = {"ticket_triage": "ticket", "ner_json": "note", "tool_routing": "request"}


def rows(name: str, split: str) -> list[dict[str, Any]]:
    lines = (ROOT / name / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def definition(name: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / name / "evalset.yaml").read_text(encoding="utf-8"))


def normalised(text: str) -> str:
    return re.sub(r"\W+", " ", text.casefold()).strip()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("one", "other"), [*combinations(SPLITS, 2)])
def test_no_item_and_no_wording_is_in_two_splits(name: str, one: str, other: str) -> None:
    mine, theirs = rows(name, one), rows(name, other)
    key = TEXT.get(name, "question")
    assert {normalised(r[key]) for r in mine}.isdisjoint(normalised(r[key]) for r in theirs)
    assert {r["group"] for r in mine}.isdisjoint(r["group"] for r in theirs)
    assert {r["id"] for r in mine}.isdisjoint(r["id"] for r in theirs)


@pytest.mark.parametrize("name", NAMES)
def test_dev_and_test_have_enough_wordings_to_cluster_by(name: str) -> None:
    for split in ("dev", "test"):
        assert len({row["group"] for row in rows(name, split)}) >= 4
    assert len({row["id"] for row in rows(name, "test")}) >= 200


@pytest.mark.parametrize("name", NAMES)
def test_graders_are_pure_and_gold_passes_them_all(name: str) -> None:
    gold = template(definition(name)["gold"]).render
    for grader in Exam(name).graders:
        assert grader.is_pure()
        for split in SPLITS:
            for item in rows(name, split):
                assert grader.grade(Sample(item, gold(Sample(item)))).passed


@pytest.mark.parametrize("name", NAMES)
def test_no_prompt_is_a_sentence_of_pretraining(name: str) -> None:
    rng = random.Random(0)
    seen = {m["content"] for _ in range(2000) for m in draw_document(rng) if m["role"] == "system"}
    system = definition(name)["prompt"][0]["content"]
    assert not any(system in text or text in system for text in seen)
    assert VAGUE not in seen


def graded(name: str, item: dict[str, Any], answer: Any) -> dict[str, float]:
    text = answer if isinstance(answer, str) else json.dumps(answer)
    return {g.name: g.grade(Sample(item, text)).score for g in Exam(name).graders}


def test_triage_gives_no_credit_for_prose_around_the_json() -> None:
    item = rows("ticket_triage", "dev")[0]
    assert set(graded("ticket_triage", item, item["answer"]).values()) == {1.0}
    wordy = graded("ticket_triage", item, f"Sure! {item['answer']}")
    assert 0.8 < wordy.pop("like_gold") < 1.0, "the audit grader sees what was added"
    assert set(wordy.values()) == {0.0}


def test_triage_scores_a_wrong_field_alone() -> None:
    item = rows("ticket_triage", "dev")[0]
    answer = {**json.loads(item["answer"]), "category": "gossip"}
    found = graded("ticket_triage", item, answer)
    assert 0.8 < found.pop("like_gold") < 1.0
    assert found == {
        "exact": 0.0,
        "category": 0.0,
        "priority": 1.0,
        "order_id": 1.0,
        "valid_json": 1.0,
    }


def test_entities_earn_partial_credit_and_pass_only_together() -> None:
    item = rows("ner_json", "dev")[0]
    answer = {**item["answer"], "person": "nobody"}
    assert graded("ner_json", item, answer) == {"fields": 0.75, "exact": 0.0}
    fields = Exam("ner_json").graders[0]
    assert not fields.grade(Sample(item, json.dumps(answer))).passed


@pytest.mark.parametrize(
    ("change", "call"),
    [({}, 1.0), ({"name": "track_parcel"}, 0.0), ({"arguments": {}}, 0.0)],
)
def test_a_call_needs_its_name_and_its_arguments(change: dict[str, Any], call: float) -> None:
    item = rows("tool_routing", "dev")[0]
    answer = {"name": item["name"], "arguments": item["arguments"], **change}
    assert graded("tool_routing", item, answer)["call"] == call


def test_a_sum_is_right_within_its_tolerance_however_it_is_worded() -> None:
    item = rows("unit_math", "dev")[0]
    answers: Sequence[str] = (item["answer"], f"So it is {item['answer']}.0005 {item['unit']}")
    for answer in answers:
        assert graded("unit_math", item, answer) == {"number": 1.0}
    assert graded("unit_math", item, f"{item['answer']}1") == {"number": 0.0}
