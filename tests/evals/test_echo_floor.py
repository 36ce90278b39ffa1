"""The floor of a prompt said back: no skill, and full marks where the prompt holds the gold."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from flywheel.engines.here import Here
from flywheel.evals.floors.floors import Answered, Effort, Floor, grade_floors
from graders.definition import read_grader
from graders.sample import Sample

WORDS = ("lemur", "otter", "badger", "heron", "lynx", "marten", "plover", "stoat")


def measured(operation: str, *, echoes: bool) -> Floor:
    """The highest floor of a run that says the prompt back, or else one of its options."""
    drawn = random.Random(1)
    answered: list[Answered] = []
    for n in range(60):
        options = drawn.sample(WORDS, 4)
        item: dict[str, Any] = {"gold": drawn.choice(options)}
        asked = f"Case {n}: which of {', '.join(options)}?"
        said = asked if echoes else options[0]
        score = float(item["gold"] in said if operation == "ilike" else item["gold"] == said)
        answered.append(Answered(n, Sample(item, said), score, item["gold"], asked))
    grader = read_grader(
        {"type": "string_check", "operation": operation, "reference": "{{ item.gold }}"}
    )
    with Here() as engine:
        floors, _ = asyncio.run(grade_floors(grader, answered, engine, 0, Effort()))
    return floors[0]


def test_a_prompt_that_is_said_back_is_no_skill() -> None:
    highest = measured("ilike", echoes=True)
    assert (highest.name, highest.mean, highest.label) == ("echo", 1.0, "prompt said back")


def test_short_answers_are_not_held_against_a_prompt_with_every_option() -> None:
    assert measured("ilike", echoes=False).name != "echo"


def test_a_grader_that_takes_no_prompt_has_no_such_floor() -> None:
    assert measured("eq", echoes=True).name != "echo"
