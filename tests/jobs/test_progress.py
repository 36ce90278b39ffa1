# pyright: standard
"""Long work: it reports, it stops within a second, and a hang does not look like work."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from flywheel.jobs.process import Command
from flywheel.jobs.progress import OutOfTime, Progress, Stopped
from flywheel.levers.training.train import run
from tests.levers.training.world import order


class Boss:
    """Gives a command from a moment on, and counts how often it was shown a sign of life."""

    def __init__(self, command: Command = "go") -> None:
        self.command: Command = command
        self.asked = self.peeked = 0

    def __call__(self) -> Command:
        self.asked += 1
        return self.command

    def peek(self) -> Command:
        self.peeked += 1
        return self.command


async def hang() -> None:
    await asyncio.sleep(3600)


async def answer(value: int) -> int:
    await asyncio.sleep(0)
    return value


async def fail() -> None:
    raise ValueError("no verdict")


def test_work_gives_its_result_or_raises_what_it_raised() -> None:
    assert Progress().wait(answer(3)) == 3
    with pytest.raises(ValueError, match="no verdict"):
        Progress().wait(fail())


@pytest.mark.parametrize("command", ["pause", "cancel"])
def test_work_that_waits_stops_at_a_command(command: Command) -> None:
    boss = Boss()
    threading.Timer(0.3, lambda: setattr(boss, "command", command)).start()
    with pytest.raises(Stopped) as stopped:
        Progress(control=boss).wait(hang())
    assert stopped.value.command == command


def test_work_that_hangs_shows_no_sign_of_life() -> None:
    boss = Boss()
    with pytest.raises(OutOfTime):
        Progress(control=boss).wait(hang(), until=time.monotonic() + 1)
    assert boss.peeked > 0 and boss.asked == 0


def test_a_pass_through_the_model_is_a_sign_of_life_and_can_be_stopped_at() -> None:
    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = torch.nn.Embedding(2, 2)

        def get_input_embeddings(self) -> torch.nn.Module:
            return self.words

    model, ids, boss = Model(), torch.tensor([0]), Boss()
    with Progress(control=boss).through(model):
        model.words(ids)
    assert boss.asked == 1
    with pytest.raises(Stopped), Progress(control=Boss("cancel")).through(model, stops=True):
        model.words(ids)
    model.words(ids)
    assert boss.asked == 1


# What a training does before its first step, in this order, as its progress tells it.
BEFORE = ("reading the rows", "preparing", "probe: 0 of 16", "probe: grading", "trying one step")


@pytest.mark.parametrize("at", [*BEFORE, "exam at step 0", "exam at step 2"])
def test_a_training_stops_wherever_it_is_and_goes_on_the_same(tmp_path: Path, at: str) -> None:
    given = {"lever": "rft", "steps": 2, "eval_interval": 2, "group_size": 2}
    made, boss = order(tmp_path, **given), Boss()
    told: list[tuple[str, Mapping[str, Any]]] = []

    def tell(kind: str, detail: Mapping[str, Any]) -> None:
        told.append((kind, detail))
        if kind == "progress" and detail["text"].startswith(at):
            boss.command = "pause"

    ended = run(made, tmp_path / "job", tell, boss, report_seconds=0.0)
    step = 2 if at == "exam at step 2" else 0
    assert (ended.ended, ended.best_step, told[-1]) == ("paused", step, ("paused", {"step": step}))
    said = [detail["text"] for kind, detail in told if kind == "progress"]
    assert said[-1].startswith(at), "nothing was begun after the word"
    boss.command = "go"
    assert run(made, tmp_path / "job", lambda kind, detail: told.append((kind, detail)), boss)
    assert [detail["step"] for kind, detail in told if kind == "exam"] == [0, 2]
    assert told[-1][0] == "finished"
