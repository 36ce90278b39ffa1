"""Checks of whole evalsets: those that ship, excuses, what a broken one says."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from flywheel.engines.engine import EngineSpec
from flywheel.engines.here import Here
from flywheel.engines.open import open_engine
from flywheel.errors import BadFile, BadItem, BadOption, NoEvalset
from flywheel.evals.evalset.evalset import load_evalset, shipped
from flywheel.evals.validity.check import check_graders, draw_items, judge_calls
from flywheel.evals.validity.probe import Material
from tests.evals.validity.worlds import bad, played, write_world

GOOD: dict[str, Any] = {
    "type": "string_check",
    "name": "g",
    "operation": "eq",
    "reference": "{{ item.gold }}",
}
HOLDS = {**GOOD, "operation": "like"}


@pytest.mark.parametrize("name", shipped())
def test_the_graders_of_a_shipped_evalset_pass_the_check(name: str) -> None:
    evalset = load_evalset(name)
    script = evalset.folder / "judge.jsonl"
    with open_engine(EngineSpec(judge=str(script) if script.exists() else None)) as engine:
        checks = played(evalset.folder, engine, most=30)
    assert [(one.grader, one.bad) for one in checks if one.bad] == []


def test_what_is_excused_is_shown_and_no_fault(tmp_path: Path) -> None:
    excuses = {"g": {"hedge": "the prompt allows one name", "empty": "never"}}
    folder = write_world(tmp_path, "capitals", HOLDS, primary="g", checks=excuses)
    with Here() as engine:
        (found,) = played(folder, engine)
    named = {probe.probe: probe for probe in found.probes}
    assert bad(found) == set()
    hedge = named["hedge"]
    assert (hedge.status, hedge.excuse) == ("excused", "the prompt allows one name")
    assert hedge.story.startswith("passes, or scores as high as gold")
    assert (named["empty"].status, named["empty"].excuse) == ("ok", "never")


def test_an_excuse_is_no_part_of_what_is_measured(tmp_path: Path) -> None:
    plain = load_evalset(str(write_world(tmp_path / "a", "capitals", GOOD, primary="g")))
    fields = {"primary": "g", "checks": {"g": {"hedge": "why"}}}
    excused = load_evalset(str(write_world(tmp_path / "b", "capitals", GOOD, **fields)))
    assert excused.digest == plain.digest
    assert "checks" not in excused.definition.measured()


def test_an_excuse_for_a_probe_that_there_is_not_lists_those_there_are(tmp_path: Path) -> None:
    checks = {"g": {"hegde": "why"}}
    folder = write_world(tmp_path, "capitals", GOOD, primary="g", checks=checks)
    with Here() as engine, pytest.raises(BadOption, match="g excuses 'hegde', which is none of g"):
        played(folder, engine)


def test_items_are_drawn_from_the_whole_split_and_always_the_same(tmp_path: Path) -> None:
    evalset = load_evalset(str(write_world(tmp_path, "labels", GOOD, primary="g")))
    drawn = [item["id"] for item in draw_items(evalset, "dev", 5)]
    assert drawn == [item["id"] for item in draw_items(evalset, "dev", 5)]
    assert drawn != ["i0", "i1", "i2", "i3", "i4"]
    assert len(draw_items(evalset, "dev", 50)) == 18


def test_the_calls_of_a_judge_are_counted_before_they_are_made(tmp_path: Path) -> None:
    judged = {"type": "score_model", "name": "j", "model": "j"}
    judged["input"] = [{"role": "user", "content": "{{ sample.output_text }}"}]  # type: ignore[assignment]
    folder = write_world(tmp_path, "capitals", GOOD, judged, primary="g")
    evalset = load_evalset(str(folder))
    material = Material(evalset, tuple(draw_items(evalset, "dev", 4)))
    with Here() as engine:
        checks = asyncio.run(check_graders(material, evalset.graders, engine))
    asked = sum(probe.summary.n for probe in checks[1].probes)
    assert judge_calls(material, evalset.graders) == asked > 60


def test_an_item_without_what_the_prompt_names_is_named(tmp_path: Path) -> None:
    folder = write_world(tmp_path, "capitals", GOOD, primary="g", gold="{{ item.river }}")
    with Here() as engine, pytest.raises(BadItem, match=r"item 'i0': line 1: no item\.river"):
        played(folder, engine)


@pytest.mark.parametrize(
    ("fields", "story"),
    [
        ({"primary": "x"}, "primary 'x' is none of the graders g"),
        ({"prompt": []}, "prompt: Tuple should have at least 1 item"),
        ({"gold": "{{ x }}"}, "gold: line 1: 'x' must start with"),
        ({"graders": [GOOD, GOOD]}, "every grader needs a name of its own, got g, g"),
        ({"wrong": 1}, "wrong: no such field"),
        ({"gold": "{{ sample.output_text }}"}, "it may name {{ item.… }} only"),
        ({"guards": {"nope": 0.1}}, "guard 'nope' is none of the graders g"),
        ({"checks": {"nope": {}}}, "checks: 'nope' is none of the graders g"),
        ({"audit": ["nope"]}, "audit 'nope' is none of the graders g"),
    ],
)
def test_a_broken_evalset_is_refused(tmp_path: Path, fields: dict[str, Any], story: str) -> None:
    with pytest.raises(BadFile) as refused:
        load_evalset(str(write_world(tmp_path, "capitals", GOOD, **{"primary": "g", **fields})))
    assert story in str(refused.value)


def test_an_evalset_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(NoEvalset, match=r"no evalset 'nope'.*unit_math"):
        load_evalset("nope")
